//! What patterns would have cost: which projects each commit of a history would have built, and by which line.
//!
//! The patterns are those of one tree, looked up for what each commit changed: people tune the lines that
//! they have now. Next to it stands what the lines that are inferred from Dockerfiles would have built.
//! A line's own cost is what would not have been built without it.

mod causes;
mod lookup;

use std::fmt;

use serde::Serialize;
use thiserror::Error;

use crate::git::{FirstParents, GitError, Repository, Snapshot};
use crate::infer::InferError;
use crate::model::{Change, ChangeKind, ChangedEntry, CommitId, ErrorKind, FileMode, ProjectName};
use crate::workspace::{ManifestSource, Project, Workspace};
use causes::{Graph, Tally};
use lookup::{Inferred, Lookup};

/// What a history would have cost.
#[derive(Clone, Debug)]
pub struct Simulation {
    /// How many commits were looked at.
    pub commits: usize,
    pub oldest: Option<CommitId>,
    pub newest: Option<CommitId>,
    pub left_out: Option<LeftOut>,
    /// Those that were built most come first.
    pub projects: Vec<ProjectCost>,
    /// Those that cost most come first.
    pub lines: Vec<LineCost>,
}

/// What of a history was not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// All but the newest commits: so many were asked for.
    Older { limit: usize },
    /// This commit and all before it, because the parents of this one are missing.
    Cut { at: CommitId },
}

impl fmt::Display for LeftOut {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Older { limit } => {
                write!(formatter, "there are older commits, which `--limit {limit}` leaves out")
            }
            Self::Cut { at } => write!(
                formatter,
                "history is cut off at {}, as in a shallow clone: what it changed, and what was before it, could not be seen",
                at.short()
            ),
        }
    }
}

/// In how many commits a project would have been built, because of itself or of what it needs.
#[derive(Clone, Debug, Serialize)]
pub struct ProjectCost {
    pub name: ProjectName,
    pub declared: usize,
    pub inferred: usize,
    /// Whether a source depends on a variable, so that what is inferred takes more than is needed.
    pub guessed: bool,
}

/// What one pattern costs.
#[derive(Clone, Debug, Serialize)]
pub struct LineCost {
    /// `None` for one of `rebuild_all`.
    pub project: Option<ProjectName>,
    pub pattern: String,
    /// The file and the line where it stands.
    pub source: String,
    /// Commits in which it took something that changed.
    pub commits: usize,
    /// Those of them in which a project's own inputs changed by it alone.
    pub only: usize,
    /// Builds, of dependents too, that would not have been without it.
    pub builds: usize,
}

/// Why a history can't be simulated.
#[derive(Debug, Error)]
pub enum SimulateError {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("cannot tell what the Dockerfile of `{project}` takes")]
    Infer {
        project: ProjectName,
        #[source]
        source: InferError,
    },
}

impl SimulateError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Git(error) => error.kind(),
            Self::Infer { source, .. } => source.kind(),
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Git(error) => error.hint(),
            Self::Infer { source, .. } => source.hint(),
        }
    }
}

impl Simulation {
    /// How often a project would have been built: as declared, and as inferred.
    pub fn builds(&self) -> (usize, usize) {
        let declared = self.projects.iter().map(|project| project.declared).sum();
        (declared, self.projects.iter().map(|project| project.inferred).sum())
    }

    /// If every commit built every project.
    pub fn all_builds(&self) -> usize {
        self.commits * self.projects.len()
    }
}

/// Looks up what each commit of `history` changed in the patterns of `workspace`, which was read from `snapshot`.
///
/// A merge is what it changed of its first parent; a first commit adds all that it has. A commit whose parent
/// is missing is left out, as what it changed is not known.
///
/// # Errors
/// [`SimulateError`] when a tree or a `.dockerignore` can't be used.
pub fn run(
    workspace: &Workspace,
    source: &ManifestSource,
    snapshot: &Snapshot<'_>,
    repository: &Repository,
    history: &FirstParents,
) -> Result<Simulation, SimulateError> {
    let inferred = Inferred::read(workspace, snapshot)?;
    let numbered: Vec<(&ProjectName, &Project)> = workspace.projects.iter().collect();
    let lookup = Lookup::new(workspace, &numbered, source, &inferred);
    let graph = Graph::new(workspace);
    let mut tally = Tally::new(workspace.projects.len(), lookup.lines());
    let seen: Vec<_> =
        history.commits.iter().filter(|(commit, _)| Some(*commit) != history.cut).copied().collect();
    let mut last: Option<(CommitId, Snapshot<'_>)> = None;
    for (commit, parent) in &seen {
        let newer = repository.snapshot(*commit)?;
        let older = match (last, parent) {
            (Some((last, snapshot)), Some(parent)) if last == *parent => Some(snapshot),
            (_, Some(parent)) => Some(repository.snapshot(*parent)?),
            (_, None) => None,
        };
        let changes = match &older {
            Some(older) => older.changes_to(&newer)?,
            None => all_added(&newer)?,
        };
        let causes = lookup.causes(&changes, older.as_ref(), &newer)?;
        tally.add(&graph, &causes);
        last = Some((*commit, newer));
    }
    Ok(Simulation {
        commits: seen.len(),
        oldest: seen.first().map(|(commit, _)| *commit),
        newest: seen.last().map(|(commit, _)| *commit),
        left_out: match history {
            FirstParents { has_more: true, commits, .. } => Some(LeftOut::Older { limit: commits.len() }),
            FirstParents { cut, .. } => cut.map(|at| LeftOut::Cut { at }),
        },
        projects: projects(&lookup, &tally),
        lines: lines(&lookup, &tally),
    })
}

fn all_added(snapshot: &Snapshot<'_>) -> Result<Vec<Change>, GitError> {
    let mut changes = Vec::new();
    snapshot.walk(&mut |_| true, &mut |file| {
        let entry =
            if file.mode == FileMode::Submodule { ChangedEntry::Submodule } else { ChangedEntry::File };
        changes.push(Change { path: file.path.clone(), kind: ChangeKind::Added, entry });
    })?;
    Ok(changes)
}

fn projects(lookup: &Lookup<'_>, tally: &Tally) -> Vec<ProjectCost> {
    let mut projects: Vec<ProjectCost> = lookup
        .projects()
        .enumerate()
        .map(|(number, (name, guessed))| ProjectCost {
            name: name.clone(),
            declared: tally.declared[number],
            inferred: tally.inferred[number],
            guessed,
        })
        .collect();
    projects.sort_by(|one, other| (other.declared, &one.name).cmp(&(one.declared, &other.name)));
    projects
}

fn lines(lookup: &Lookup<'_>, tally: &Tally) -> Vec<LineCost> {
    let mut lines: Vec<LineCost> = tally
        .lines
        .iter()
        .enumerate()
        .filter_map(|(line, cost)| {
            let (project, pattern, source) = lookup.line(line)?;
            let (commits, only, builds) = (cost.commits, cost.only, cost.builds);
            Some(LineCost { project, pattern, source, commits, only, builds })
        })
        .collect();
    let cost = |line: &LineCost| (line.builds, line.only, line.commits);
    // Lines that cost the same stay in the order of projects and files.
    lines.sort_by_key(|line| std::cmp::Reverse(cost(line)));
    lines
}
