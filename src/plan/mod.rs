//! Decides what to do about each project. Pure: the same observations give the same plan.
//!
//! With the strategy `digest`, a project is built when the cache has no image of its inputs; the
//! diff from the base only explains. With `diff`, the diff decides. Doubt means build: whatever is
//! not known to be there, or not known to be unchanged, is built, and the reason says so.

mod reason;

use std::collections::{BTreeMap, BTreeSet};

pub use reason::Reason;

use crate::config::Strategy;
use crate::graph::{NeedsAmong, Node, NodeSet, ProjectGraph};
use crate::model::{CommitId, InputDigest, ManifestDigest, ProjectName, Tag};

/// What was seen before planning.
#[derive(Clone, Debug)]
pub struct Observations {
    pub head: CommitId,
    /// Whether uncommitted work is included.
    pub is_dirty: bool,
    pub base: Base,
    /// For each project why its own inputs differ from the base's; empty or absent where none does.
    pub own_changes: BTreeMap<ProjectName, Vec<Reason>>,
    /// Empty when nobody asked for them.
    pub inputs: BTreeMap<ProjectName, Inputs>,
    /// `None` when no registry was asked.
    pub images: Option<Images>,
}

/// What the changes are counted from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    Known {
        commit: CommitId,
        /// Who named it, such as `--base`.
        from: String,
    },
    /// Everything counts as changed.
    Unknown { why: String },
}

/// What a project is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inputs {
    pub digest: InputDigest,
    /// How many files are among them.
    pub files: usize,
}

/// What the cache has.
#[derive(Clone, Debug, Default)]
pub struct Images {
    /// The image of exactly a project's inputs.
    pub by_digest: BTreeMap<ProjectName, Image>,
    /// The newest image of the default branch; asked for only where the strategy is `diff`.
    pub of_default_branch: BTreeMap<ProjectName, Image>,
    pub tainted: BTreeSet<ProjectName>,
}

/// An image that is there, and the tag that it was found by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    pub digest: ManifestDigest,
    pub tag: Tag,
}

/// Which projects are built whatever was observed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Force {
    #[default]
    None,
    Only(BTreeSet<ProjectName>),
}

/// What to do about each project, needs first.
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
    pub project: ProjectName,
    pub action: Action,
    pub inputs: Option<Inputs>,
    /// Whether its own inputs differ from the base's.
    pub is_changed: bool,
    /// Whether its own inputs or those of something it needs do.
    pub is_affected: bool,
    /// What it needs itself, in name order.
    pub needs: Vec<ProjectName>,
    pub because: Vec<Reason>,
}

/// What is done about a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Build,
    /// The cache has it: nothing is written.
    Reuse(Image),
    /// No registry was asked: the diff affects it.
    Affected,
    /// No registry was asked: the diff does not affect it.
    Unaffected,
}

impl Plan {
    pub fn step(&self, project: &ProjectName) -> Option<&Step> {
        self.steps.iter().find(|step| step.project == *project)
    }
}

/// Plans the `selected` projects, which must hold everything that they need.
pub fn make(
    graph: &ProjectGraph,
    observed: &Observations,
    selected: &BTreeSet<ProjectName>,
    strategy: Strategy,
    force: &Force,
) -> Plan {
    let changed = match observed.base {
        Base::Known { .. } => {
            let changed = observed.own_changes.iter().filter(|(_, reasons)| !reasons.is_empty());
            graph.set(changed.map(|(name, _)| name))
        }
        Base::Unknown { .. } => graph.set_of_all(),
    };
    let changed_needs = match observed.base {
        Base::Known { .. } => graph.needs_among(&changed),
        // The story of each is that nothing is known.
        Base::Unknown { .. } => graph.needs_among(&graph.set([])),
    };
    let affected = graph.set_with_dependents(&changed);
    let context = Context { observed, strategy, force, changed, changed_needs, affected };
    let are_all_selected = selected.len() == graph.len();
    let mut steps = Vec::with_capacity(selected.len());
    let is_selected = |node: &Node<'_>| are_all_selected || selected.contains(node.name());
    steps.extend(graph.nodes().filter(is_selected).map(|node| context.step(node)));
    Plan { head: observed.head, is_dirty: observed.is_dirty, base: observed.base.clone(), steps }
}

struct Context<'a> {
    observed: &'a Observations,
    strategy: Strategy,
    force: &'a Force,
    changed: NodeSet,
    changed_needs: NeedsAmong,
    affected: NodeSet,
}

impl Context<'_> {
    fn step(&self, node: Node<'_>) -> Step {
        let name = node.name();
        let is_affected = self.affected.contains(node);
        let (action, mut because) = self.decide(name, is_affected);
        if matches!(action, Action::Build | Action::Affected) {
            because.extend(self.story(node));
        }
        Step {
            project: name.clone(),
            action,
            inputs: self.observed.inputs.get(name).copied(),
            is_changed: self.changed.contains(node),
            is_affected,
            needs: node.needs().map(|need| need.name().clone()).collect(),
            because,
        }
    }

    /// What is done, and the reason for that itself.
    fn decide(&self, name: &ProjectName, is_affected: bool) -> (Action, Vec<Reason>) {
        let Some(images) = &self.observed.images else {
            return (if is_affected { Action::Affected } else { Action::Unaffected }, Vec::new());
        };
        if matches!(self.force, Force::Only(projects) if projects.contains(name)) {
            return (Action::Build, vec![Reason::Forced]);
        }
        if images.tainted.contains(name) {
            return (Action::Build, vec![Reason::Tainted]);
        }
        let same_inputs = images.by_digest.get(name);
        match self.strategy {
            Strategy::Digest => match same_inputs {
                Some(image) => (Action::Reuse(image.clone()), Vec::new()),
                None => (Action::Build, vec![Reason::NoImage]),
            },
            Strategy::Diff if is_affected => (Action::Build, Vec::new()),
            Strategy::Diff => match same_inputs.or_else(|| images.of_default_branch.get(name)) {
                Some(image) => (Action::Reuse(image.clone()), Vec::new()),
                None => (Action::Build, vec![Reason::NoImageOfDefaultBranch]),
            },
        }
    }

    /// What the diff says of a project: its own changes, and the first of each changed need.
    fn story(&self, node: Node<'_>) -> Vec<Reason> {
        let Observations { base, own_changes, .. } = self.observed;
        if let Base::Unknown { why } = base {
            return vec![Reason::BaseUnknown { why: why.clone() }];
        }
        let mut story = Vec::new();
        if self.changed.contains(node) {
            story.extend(own_changes[node.name()].iter().cloned());
        }
        story.extend(self.changed_needs.of(node).filter_map(|need| own_changes[need].first().cloned()));
        let affected_needs = node.needs().filter(|need| self.affected.contains(*need));
        story.extend(affected_needs.map(|need| Reason::Need { project: need.name().clone() }));
        story
    }
}

#[cfg(test)]
mod tests;
