//! Which commit the changes are counted from: the first that resolves, with its reason.
//!
//! `--base`, then `CHINAMPA_BASE`, the merge-base with what the CI's pull request goes into, the build record of the
//! branch and of the default branch, the commit that the CI says was before, the merge-base with the default branch.
//! Whatever isn't here, or isn't known to come before the head, is passed over, except what a person asked for; when
//! nothing is left, the base is unknown and everything counts as changed.

use super::{Base, ObserveError};
use crate::ci::{Facts, Target, is_nothing};
use crate::git::{Depth, GitError, Head, Repository, Wanted};
use crate::model::{BranchName, CommitId, Tag};
use crate::record::BuildRecord;
use crate::registry::Registry;
use crate::workspace::Workspace;

/// How far history is deepened at a time, in commits, before all of it is fetched.
const DEEPER: [u32; 2] = [100, 1000];

/// The commits of the last whole builds, of the branch first.
pub type Records = Vec<(BranchName, CommitId)>;

/// What was said about the base.
#[derive(Clone, Copy, Debug)]
pub struct BaseRequest<'r> {
    /// A revision from the environment; empty, zeros, `null` and the like count as absent.
    pub from_environment: Option<&'r str>,
    pub ci: &'r Facts,
    pub default_branch: &'r BranchName,
    /// Empty when nobody was asked.
    pub records: &'r Records,
    pub missing: Missing,
}

/// What is done about commits that a shallow or partial clone lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// They count as absent.
    LeftOut,
    /// Git fetches them.
    Fetched,
}

/// The commit that a person named as the base: it must be there, or be fetched.
///
/// # Errors
/// [`GitError::BadRevision`] when the revision doesn't resolve, [`GitError::Fetch`] when it could not be fetched.
pub fn named(repository: &Repository, revision: &str, missing: Missing) -> Result<Base, GitError> {
    if let Some(commit) = revision.parse().ok().filter(|commit| !repository.has(*commit))
        && missing == Missing::Fetched
    {
        repository.fetch(&[Wanted::Commit(commit)], Depth::One)?;
    }
    Ok(Base::Known { commit: repository.commit(revision)?, from: "--base".to_owned() })
}

/// Finds the base where nobody named it.
///
/// # Errors
/// [`GitError::Read`] when the object database fails.
pub fn resolve(repository: &Repository, head: &Head, request: BaseRequest<'_>) -> Result<Base, GitError> {
    let mut search = Search { repository, fetched: None, head: head.commit, missing: request.missing };
    let mut passed_over = Vec::new();
    for candidate in candidates(request) {
        match search.resolve(&candidate)? {
            Ok(commit) => return Ok(Base::Known { commit, from: candidate.from }),
            Err(why) => {
                tracing::info!(candidate = candidate.from, why, "no base");
                if !passed_over.contains(&why) {
                    passed_over.push(why);
                }
            }
        }
    }
    if search.missing == Missing::LeftOut && repository.is_shallow() {
        passed_over.push("this clone is shallow, and `--fetch-base` fetches what it lacks".to_owned());
    }
    Ok(Base::Unknown { why: passed_over.join("; ") })
}

/// Asks the cache for the last whole builds of a branch and of the default branch.
///
/// # Errors
/// [`ObserveError::Record`] when it can't be asked.
pub async fn records(
    registry: &dyn Registry,
    workspace: &Workspace,
    branch: Option<&BranchName>,
) -> Result<Records, ObserveError> {
    let default_branch = &workspace.settings.default_branch;
    let other_branch = branch.filter(|branch| *branch != default_branch);
    let mut records = Vec::new();
    for branch in other_branch.into_iter().chain([default_branch]) {
        let asked = registry.artifact(&workspace.records, &Tag::branch(branch)).await;
        let Some(document) = asked.map_err(ObserveError::Record)? else { continue };
        match BuildRecord::from_bytes(&document) {
            Ok(record) => records.push((branch.clone(), record.commit)),
            // The base only explains, so a record of another version is as good as none.
            Err(error) => tracing::info!(%branch, %error, "a build record can't be read"),
        }
    }
    Ok(records)
}

/// Something that may lead to the base.
struct Candidate<'r> {
    place: Place<'r>,
    relation: Relation,
    /// How the report calls it.
    from: String,
}

enum Place<'r> {
    Commit(CommitId),
    Revision(&'r str),
    Branch(&'r BranchName),
}

/// What a candidate has to be to the head.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Relation {
    /// In the head's history, or the head itself.
    Ancestor,
    /// Something that has history in common with the head, which the base is then the newest of. Where that is the
    /// head itself, all of it is in there already, and nothing says what was built before.
    MergedInto,
}

fn candidates(request: BaseRequest<'_>) -> impl Iterator<Item = Candidate<'_>> {
    let BaseRequest { from_environment, ci, default_branch, records, .. } = request;
    let ancestor = |place, from| Candidate { place, relation: Relation::Ancestor, from };
    let merged_into = |place, from| Candidate { place, relation: Relation::MergedInto, from };

    let environment = from_environment.filter(|revision| !is_nothing(revision));
    let environment = environment.map(|it| ancestor(Place::Revision(it), "CHINAMPA_BASE".to_owned()));
    let targets = ci.targets.iter().map(move |target| match &target.value {
        Target::Commit(commit) => {
            merged_into(Place::Commit(*commit), format!("the merge-base with {}", target.by))
        }
        Target::Branch(branch) => merged_into(
            Place::Branch(branch),
            format!("the merge-base with `{branch}`, which {} names", target.by),
        ),
    });
    let records = records.iter().map(move |(branch, commit)| {
        ancestor(Place::Commit(*commit), format!("the last whole build of `{branch}`"))
    });
    let previous = ci.previous.iter();
    let previous =
        previous.map(move |it| ancestor(Place::Revision(&it.value), format!("{}, an ancestor", it.by)));
    let default =
        merged_into(Place::Branch(default_branch), format!("the merge-base with `{default_branch}`"));
    environment.into_iter().chain(targets).chain(records).chain(previous).chain([default])
}

struct Search<'r> {
    repository: &'r Repository,
    /// The same repository, opened again after git fetched into it.
    fetched: Option<Repository>,
    head: CommitId,
    missing: Missing,
}

impl Search<'_> {
    fn repository(&self) -> &Repository {
        self.fetched.as_ref().unwrap_or(self.repository)
    }

    fn fetch(&mut self, wanted: &[Wanted<'_>], depth: Depth) -> Result<(), GitError> {
        self.repository.fetch(wanted, depth)?;
        // Where history ends is read when a repository is opened.
        self.fetched = Some(Repository::open(self.repository.git_dir())?);
        Ok(())
    }

    /// The commit that a candidate leads to, or why it leads to none.
    fn resolve(&mut self, candidate: &Candidate<'_>) -> Result<Result<CommitId, String>, GitError> {
        let commit = match self.find(&candidate.place) {
            Ok(commit) => commit,
            Err(why) => return Ok(Err(why)),
        };
        let mut found = self.relate(commit, candidate.relation)?;
        if self.missing == Missing::Fetched {
            let steps = DEEPER.map(Depth::More).into_iter().chain([Depth::All]);
            for depth in steps {
                if found.is_some() || !self.repository().is_shallow() {
                    break;
                }
                // What is deepened is the history of what is asked for.
                if let Err(error) = self.fetch(&[Wanted::Commit(commit), Wanted::Commit(self.head)], depth) {
                    return Ok(Err(told(&error)));
                }
                found = self.relate(commit, candidate.relation)?;
            }
        }
        Ok(match found {
            Some(base) if base == self.head && candidate.relation == Relation::MergedInto => Err(format!(
                "this commit is on {} itself, and nothing says what was built before",
                candidate.place
            )),
            Some(base) => Ok(base),
            None => Err(self.why_unrelated(candidate)),
        })
    }

    /// The base, if the history that is here shows that there is one.
    fn relate(&self, commit: CommitId, relation: Relation) -> Result<Option<CommitId>, GitError> {
        match relation {
            Relation::Ancestor => Ok(self.repository().is_ancestor(commit, self.head)?.then_some(commit)),
            Relation::MergedInto => self.repository().merge_base(self.head, commit),
        }
    }

    /// The commit at a place, which is fetched where that is wanted, or why there is none.
    fn find(&mut self, place: &Place<'_>) -> Result<CommitId, String> {
        let here = |repository: &Repository| match place {
            Place::Commit(commit) => Some(*commit).filter(|commit| repository.has(*commit)),
            Place::Revision(revision) => repository.commit(revision).ok(),
            Place::Branch(branch) => repository.branch(branch),
        };
        let wanted = match place {
            Place::Commit(commit) => Some(Wanted::Commit(*commit)),
            Place::Revision(revision) => revision.parse().ok().map(Wanted::Commit),
            Place::Branch(branch) => Some(Wanted::Branch(branch)),
        };
        if let Some(commit) = here(self.repository()) {
            return Ok(commit);
        }
        if let Some(wanted) = wanted.filter(|_| self.missing == Missing::Fetched) {
            self.fetch(&[wanted], Depth::One).map_err(|error| told(&error))?;
        }
        here(self.repository()).ok_or_else(|| match place {
            Place::Branch(branch) => format!("there is no branch `{branch}` here to compare with"),
            _ => format!("{place} is not here"),
        })
    }

    fn why_unrelated(&self, Candidate { place, relation, .. }: &Candidate<'_>) -> String {
        match relation {
            Relation::Ancestor if self.repository().is_shallow() => {
                format!("the history here does not show whether {place} comes before this commit")
            }
            Relation::Ancestor => format!("{place} is no ancestor of this commit"),
            Relation::MergedInto => {
                format!("the history here has no merge-base with {place}")
            }
        }
    }
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Commit(commit) => write!(formatter, "`{}`", commit.short()),
            Self::Revision(revision) => write!(formatter, "`{revision}`"),
            Self::Branch(branch) => write!(formatter, "`{branch}`"),
        }
    }
}

/// An error and its causes in one line.
fn told(error: &GitError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
