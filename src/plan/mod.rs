//! Decides what to do about each project. Pure: the same observations give the same plan.
//!
//! With the strategy `digest`, a project is built when the cache has no image of its inputs; the
//! diff from the base only explains. With `diff`, the diff decides. Doubt means build: whatever is
//! not known to be there, or not known to be unchanged, is built, and the reason says so.

mod impact;

use std::collections::BTreeMap;

pub use impact::{Impact, ProjectImpact, impact};

use crate::config::Strategy;
use crate::graph::ProjectGraph;
use crate::model::{CommitId, InputDigest, ManifestDigest, ProjectName, Tag};
use crate::observe::{Base, ForcedBy, Image, Observations, Observed, Reason};

/// The projects that are built whatever was observed, and who asked for each.
pub type Forced = BTreeMap<ProjectName, ForcedBy>;

/// What to do about each project, dependencies first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub head: CommitId,
    pub is_dirty: bool,
    pub base: Base,
    pub steps: Vec<Step>,
}

/// What to do about one project, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub impact: ProjectImpact,
    pub digest: InputDigest,
    /// How many files are among its inputs.
    pub files: usize,
    pub action: Action,
}

/// What is done about a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Build(Build),
    /// The engine of a local build has this image, by its id, under the project's local name.
    Keep(ManifestDigest),
    /// The cache has it: nothing is written.
    Reuse(Image),
}

/// A build that the cache has no image for, or that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// Why the cache is not enough; what the diff says stands in the impact.
    pub reasons: Vec<Reason>,
    /// The taints of the project, which its build ends.
    pub taints: Vec<Tag>,
}

impl Plan {
    pub fn step(&self, project: &ProjectName) -> Option<&Step> {
        self.steps.iter().find(|step| step.impact.project == *project)
    }

    /// The steps that build something.
    pub fn builds(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| matches!(step.action, Action::Build(_)))
    }
}

impl Step {
    /// Why it is built, what the diff says last; nothing for what is reused.
    pub fn reasons(&self) -> impl Iterator<Item = &Reason> {
        let build = match &self.action {
            Action::Build(build) => Some(build),
            Action::Keep(_) | Action::Reuse(_) => None,
        };
        build.into_iter().flat_map(|build| build.reasons.iter().chain(&self.impact.reasons))
    }
}

/// Plans all projects that were observed.
pub fn make(graph: &ProjectGraph, all: &Observations, strategy: Strategy, forced: &Forced) -> Plan {
    let Observations { changes, projects, records: _, is_cache_unread: _ } = all;
    let selected = projects.keys().cloned().collect();
    let Impact { head, is_dirty, base, projects: impacts } = impact(graph, changes, &selected);
    let steps = impacts.into_iter().map(|impact| {
        let observed = &projects[&impact.project];
        let forced = forced.get(&impact.project).copied();
        let action = decide(all, observed, strategy, forced, impact.is_affected);
        Step { digest: observed.digest, files: observed.files.len(), action, impact }
    });
    Plan { head, is_dirty, base, steps: steps.collect() }
}

fn decide(
    all: &Observations,
    observed: &Observed,
    strategy: Strategy,
    forced: Option<ForcedBy>,
    is_affected: bool,
) -> Action {
    let build = |reasons| Action::Build(Build { reasons, taints: observed.taints.clone() });
    // What could not be read may be there.
    let not_found = |reason| build(vec![if all.is_cache_unread { Reason::CacheUnread } else { reason }]);
    if let Some(by) = forced {
        return build(vec![Reason::Forced { by }]);
    }
    if !observed.taints.is_empty() {
        return build(vec![Reason::Tainted]);
    }
    if let Some(id) = observed.local_image {
        return Action::Keep(id);
    }
    let same_inputs = observed.image.as_ref();
    match strategy {
        Strategy::Digest => match same_inputs {
            Some(image) => Action::Reuse(image.clone()),
            None => not_found(Reason::NoImage),
        },
        Strategy::Diff if is_affected => build(Vec::new()),
        // Git can't tell whether inputs changed that are not committed, but the digest can.
        Strategy::Diff if observed.has_extra_inputs => match same_inputs {
            Some(image) => Action::Reuse(image.clone()),
            None => not_found(Reason::NoImageOfExtraInputs),
        },
        Strategy::Diff => match same_inputs.or(observed.default_branch_image.as_ref()) {
            Some(image) => Action::Reuse(image.clone()),
            None => not_found(Reason::NoImageOfDefaultBranch),
        },
    }
}

#[cfg(test)]
mod tests;
