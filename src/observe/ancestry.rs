//! Whether a commit is what a candidate for the base has to be to the head, with fetching where that is wanted.

use crate::git::{Depth, GitError, Repository, Wanted};
use crate::model::{BranchName, CommitId};

/// How far history is deepened at a time, in commits, before all of it is fetched.
const DEEPER: [u32; 2] = [100, 1000];

/// What is done about commits that a shallow or partial clone lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// They count as absent.
    LeftOut,
    /// Git fetches them.
    Fetched,
}

/// Something that leads to a commit.
pub(super) enum Revision<'r> {
    Commit(CommitId),
    Named(&'r str),
    Branch(&'r BranchName),
}

/// What a commit has to be to the head.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Relation {
    /// In the head's history, or the head itself.
    Ancestor,
    /// One of the head's parents, which the head itself says.
    Parent,
    /// The head's first parent, if the head is on this branch.
    FirstParentOn {
        branch: BranchName,
        /// Whether the environment says that it is; else git's history has to.
        is_known: bool,
    },
    /// Something that has history in common with the head, which the base is then the newest of. Where that is the
    /// head itself, all of it is in there already, and nothing says what was built before.
    MergedInto,
}

pub(super) struct Search<'r> {
    repository: &'r Repository,
    /// The same repository, opened again after git fetched into it.
    fetched: Option<Repository>,
    head: CommitId,
    missing: Missing,
}

/// Whether `older` is in the history of `head`, or why that isn't known.
///
/// # Errors
/// [`GitError::Read`] when the object database fails.
pub fn descends(
    repository: &Repository,
    head: CommitId,
    older: CommitId,
    missing: Missing,
) -> Result<Result<(), String>, GitError> {
    let mut search = Search::new(repository, head, missing);
    Ok(search.resolve(&Revision::Commit(older), Relation::Ancestor)?.map(|_| ()))
}

impl<'r> Search<'r> {
    pub(super) fn new(repository: &'r Repository, head: CommitId, missing: Missing) -> Self {
        Self { repository, fetched: None, head, missing }
    }

    fn repository(&self) -> &Repository {
        self.fetched.as_ref().unwrap_or(self.repository)
    }

    fn fetch(&mut self, wanted: &[Wanted<'_>], depth: Depth) -> Result<(), GitError> {
        self.repository.fetch(wanted, depth)?;
        // Where history ends is read when a repository is opened.
        self.fetched = Some(self.repository.open_again()?);
        Ok(())
    }

    /// The commit that a candidate leads to, or why it leads to none.
    pub(super) fn resolve(
        &mut self,
        revision: &Revision<'_>,
        relation: Relation,
    ) -> Result<Result<CommitId, String>, GitError> {
        let commit = match self.find(revision)? {
            Ok(commit) => commit,
            Err(why) => return Ok(Err(why)),
        };
        let mut found = self.relate(commit, &relation)?;
        if self.missing == Missing::Fetched {
            let steps = DEEPER.map(Depth::More).into_iter().chain([Depth::All]);
            for depth in steps {
                if found.is_some() || !self.repository().is_shallow() {
                    break;
                }
                // What is deepened is the history of what is asked for.
                if let Err(error) = self.fetch(&[Wanted::Commit(commit), Wanted::Commit(self.head)], depth) {
                    return Ok(Err(in_one_line(&error)));
                }
                found = self.relate(commit, &relation)?;
            }
        }
        Ok(match found {
            Some(base) if base == self.head && relation == Relation::MergedInto => {
                Err(format!("this commit is on {revision} itself, and nothing says what was built before"))
            }
            Some(base) => Ok(base),
            None => Err(self.why_unrelated(revision, &relation)),
        })
    }

    /// Whether a relation can hold at all: the head may be on another branch, as far as the history that is here shows.
    pub(super) fn is_applicable(&self, relation: &Relation) -> Result<bool, GitError> {
        let Relation::FirstParentOn { branch, is_known } = relation else { return Ok(true) };
        match self.repository().branch(branch)? {
            _ if *is_known => Ok(true),
            Some(tip) => self.repository().is_ancestor(self.head, tip),
            None => Ok(false),
        }
    }

    /// The base, if the history that is here shows that there is one.
    fn relate(&self, commit: CommitId, relation: &Relation) -> Result<Option<CommitId>, GitError> {
        match relation {
            Relation::Ancestor => Ok(self.repository().is_ancestor(commit, self.head)?.then_some(commit)),
            Relation::Parent | Relation::FirstParentOn { .. } => Ok(Some(commit)),
            Relation::MergedInto => self.repository().merge_base(self.head, commit),
        }
    }

    /// The commit that a revision names, which is fetched where that is wanted, or why there is none.
    fn find(&mut self, revision: &Revision<'_>) -> Result<Result<CommitId, String>, GitError> {
        let here = |repository: &Repository| match revision {
            Revision::Commit(commit) => Ok(Some(*commit).filter(|commit| repository.has(*commit))),
            Revision::Named(name) => match repository.commit(name) {
                Err(GitError::BadRevision { .. }) => Ok(None),
                found => found.map(Some),
            },
            Revision::Branch(branch) => repository.branch(branch),
        };
        let wanted = match revision {
            Revision::Commit(commit) => Some(Wanted::Commit(*commit)),
            Revision::Named(name) => name.parse().ok().map(Wanted::Commit),
            Revision::Branch(branch) => Some(Wanted::Branch(branch)),
        };
        if let Some(commit) = here(self.repository())? {
            return Ok(Ok(commit));
        }
        if let Some(wanted) = wanted.filter(|_| self.missing == Missing::Fetched)
            && let Err(error) = self.fetch(&[wanted], Depth::One)
        {
            return Ok(Err(in_one_line(&error)));
        }
        Ok(here(self.repository())?.ok_or_else(|| match revision {
            Revision::Branch(branch) => format!("there is no branch `{branch}` here to compare with"),
            _ => format!("{revision} is not here"),
        }))
    }

    fn why_unrelated(&self, revision: &Revision<'_>, relation: &Relation) -> String {
        match relation {
            Relation::MergedInto => format!("the history here has no merge-base with {revision}"),
            _ if self.repository().is_shallow() => {
                format!("the history here does not show whether {revision} comes before this commit")
            }
            _ => format!("{revision} is no ancestor of this commit"),
        }
    }
}

impl std::fmt::Display for Revision<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Commit(commit) => write!(formatter, "`{}`", commit.short()),
            Self::Named(name) => write!(formatter, "`{name}`"),
            Self::Branch(branch) => write!(formatter, "`{branch}`"),
        }
    }
}

/// An error and its causes in one line.
fn in_one_line(error: &GitError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
