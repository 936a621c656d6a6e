//! Which commit the changes are counted from: the first candidate that resolves, with its reason.
//!
//! `--base`, then `CHINAMPA_BASE`, what a pull request is to be merged into, the build records, the commit before and the
//! merge-base with the default branch, and last the first parent. Whatever isn't here, or isn't known to come before the head, is
//! passed over, except what a person asked for. When nothing is left, the base is unknown and everything counts as changed.

use super::ancestry::{Missing, Relation, Revision, Search};
use super::records::{BuildRecords, branches};
use super::{Base, Zone};
use crate::ci::{CommitContext, Target, is_placeholder};
use crate::config::Strategy;
use crate::git::{Depth, GitError, Repository, Wanted};
use crate::model::{BranchName, CommitId, Tag};
use crate::workspace::Workspace;

/// What the registry says about earlier builds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Records {
    /// This command asks no registry.
    NotAsked,
    Asked {
        /// The commits of the newest records, of the head's branch first.
        of_branches: Vec<(BranchName, CommitId)>,
        /// Which of the commits that were asked for have a record of their own.
        of_commits: Vec<CommitId>,
    },
}

impl Records {
    /// What the records that were read say about the base of a commit; `commits` are those that were asked for.
    pub fn of(
        records: &BuildRecords,
        workspace: &Workspace,
        zone: Zone,
        context: &CommitContext,
        commits: &[CommitId],
    ) -> Self {
        let commit_of = |zone: Zone, tag: &Tag| Some(records.get(&zone.records(workspace), tag)?.commit);
        let of_branches = branches(workspace, zone, context)
            .filter_map(|(zone, branch)| Some((branch.clone(), commit_of(zone, &Tag::branch(branch))?)));
        let is_recorded = |commit: &CommitId| {
            zone.readable().iter().any(|zone| commit_of(*zone, &Tag::commit(commit)) == Some(*commit))
        };
        Self::Asked {
            of_branches: of_branches.collect(),
            of_commits: commits.iter().copied().filter(is_recorded).collect(),
        }
    }

    pub fn of_branches(&self) -> &[(BranchName, CommitId)] {
        match self {
            Self::NotAsked => &[],
            Self::Asked { of_branches, .. } => of_branches,
        }
    }
}

/// What was said about the base.
#[derive(Clone, Copy, Debug)]
pub struct BaseRequest<'r> {
    /// A revision from the environment; empty, zeros, `null` and the like count as absent.
    pub from_environment: Option<&'r str>,
    pub context: &'r CommitContext,
    pub default_branch: &'r BranchName,
    pub strategy: Strategy,
    pub records: &'r Records,
    pub missing: Missing,
}

/// The base that was found without a name for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundBase {
    pub base: Base,
    /// Whether a build record would have come before it, and none was asked for.
    pub records_might_say_more: bool,
}

/// The commit that a person named as the base: it must be there, or be fetched.
///
/// # Errors
/// [`GitError::BadRevision`] when the revision doesn't resolve, [`GitError::Fetch`] when it could not be fetched.
pub fn named_commit(repository: &Repository, revision: &str, missing: Missing) -> Result<CommitId, GitError> {
    if let Some(commit) = revision.parse().ok().filter(|commit| !repository.has(*commit))
        && missing == Missing::Fetched
    {
        repository.fetch(&[Wanted::Commit(commit)], Depth::One)?;
    }
    repository.commit(revision)
}

/// Finds the base where nobody named it.
///
/// # Errors
/// [`GitError::Read`] when the object database fails.
pub fn resolve(repository: &Repository, request: BaseRequest<'_>) -> Result<FoundBase, GitError> {
    let mut search = Search::new(repository, request.context.commit(), request.missing);
    let first_parent = repository.parents(request.context.commit())?.first().copied();
    let mut passed_over: Vec<String> = Vec::new();
    let mut missing_record = None;
    let not_asked = *request.records == Records::NotAsked;
    for candidate in candidates(request, first_parent) {
        if !search.is_applicable(&candidate.relation)? {
            continue;
        }
        let found = match request.refuses(&candidate, repository) {
            Some(why) => Err(why),
            None => search.resolve(&candidate.revision, candidate.relation.clone())?,
        };
        match found {
            Ok(commit) => {
                let base = Base::Known { commit, from: candidate.from };
                let records_might_say_more = not_asked && candidate.rank == Rank::AfterRecords;
                return Ok(FoundBase { base, records_might_say_more });
            }
            Err(why) => {
                tracing::info!(candidate = candidate.from, why, "no base");
                if let (Rank::Record, Revision::Commit(commit)) = (candidate.rank, &candidate.revision) {
                    missing_record
                        .get_or_insert_with(|| format!("{}, `{}`,", candidate.from, commit.short()));
                }
                if !passed_over.contains(&why) {
                    passed_over.push(why);
                }
            }
        }
    }
    let why = match request.missing == Missing::LeftOut && repository.is_shallow() {
        // What else was tried failed for the same reason.
        true => match (missing_record, passed_over.first()) {
            (Some(record), _) => format!("{record} is not in this shallow clone (`--fetch-base` fetches it)"),
            (None, Some(first)) => {
                format!("{first}: this clone is shallow (`--fetch-base` fetches what it lacks)")
            }
            (None, None) => "this clone is shallow (`--fetch-base` fetches what it lacks)".to_owned(),
        },
        false => passed_over.join("; "),
    };
    let base = Base::Unknown { why };
    Ok(FoundBase { base, records_might_say_more: not_asked })
}

/// The commits whose own build records decide whether they count as "the commit before".
///
/// # Errors
/// [`GitError::Read`] when the object database fails.
pub fn commits_before(
    repository: &Repository,
    context: &CommitContext,
    strategy: Strategy,
) -> Result<Vec<CommitId>, GitError> {
    if strategy == Strategy::Digest {
        return Ok(Vec::new());
    }
    let previous = context.previous().and_then(|previous| resolved(repository, &previous.value));
    let first_parent = repository.parents(context.commit())?.first().copied();
    Ok(previous.into_iter().chain(first_parent).collect())
}

/// Something that may lead to the base.
struct Candidate<'r> {
    revision: Revision<'r>,
    relation: Relation,
    rank: Rank,
    /// How the report calls it.
    from: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Rank {
    BeforeRecords,
    Record,
    /// The commit before, or a branch: a record would have been taken instead.
    AfterRecords,
}

impl BaseRequest<'_> {
    /// Why a commit doesn't count as the one before, though it is here.
    ///
    /// With `strategy = "diff"`, what was never built there would never be built.
    fn refuses(&self, candidate: &Candidate<'_>, repository: &Repository) -> Option<String> {
        let is_commit_before =
            candidate.rank == Rank::AfterRecords && candidate.relation != Relation::MergedInto;
        if self.strategy == Strategy::Digest || !is_commit_before {
            return None;
        }
        let commit = match candidate.revision {
            Revision::Commit(commit) => Some(commit),
            Revision::Named(name) => resolved(repository, name),
            Revision::Branch(_) => None,
        };
        match self.records {
            Records::Asked { of_commits, .. } if commit.is_some_and(|it| of_commits.contains(&it)) => None,
            Records::Asked { .. } => {
                Some(format!("no build record says that {} was built", candidate.revision))
            }
            Records::NotAsked => Some(format!(
                "with `strategy = \"diff\"`, {} counts only if it has a build record, and this command asks no registry",
                candidate.revision
            )),
        }
    }
}

fn candidates(
    request: BaseRequest<'_>,
    first_parent: Option<CommitId>,
) -> impl Iterator<Item = Candidate<'_>> {
    let BaseRequest { from_environment, context, default_branch, records, .. } = request;
    let environment =
        from_environment.filter(|revision| !is_placeholder(revision)).map(|revision| Candidate {
            revision: Revision::Named(revision),
            relation: Relation::Ancestor,
            rank: Rank::BeforeRecords,
            from: "CHINAMPA_BASE".to_owned(),
        });
    let records = records.of_branches().iter().map(|(branch, commit)| Candidate {
        revision: Revision::Commit(*commit),
        relation: Relation::Ancestor,
        rank: Rank::Record,
        from: format!("the last complete build of `{branch}`"),
    });
    let previous = context.previous().map(|previous| Candidate {
        revision: Revision::Named(&previous.value),
        relation: Relation::Ancestor,
        rank: Rank::AfterRecords,
        from: format!("{}, an ancestor", previous.source),
    });
    let merge_base = Candidate {
        revision: Revision::Branch(default_branch),
        relation: Relation::MergedInto,
        rank: Rank::AfterRecords,
        from: format!("the merge-base with `{default_branch}`"),
    };
    // On another branch, what was pushed onto may be anything; what it has in common with the default branch was built there.
    let is_on_default = context.branch_name() == Some(default_branch);
    let (first, second) =
        if is_on_default { (previous, Some(merge_base)) } else { (Some(merge_base), previous) };
    let first_parent = first_parent.map(|parent| Candidate {
        revision: Revision::Commit(parent),
        relation: Relation::FirstParentOn { branch: default_branch.clone(), is_known: is_on_default },
        rank: Rank::AfterRecords,
        from: format!("its first parent; nothing says what was built before on `{default_branch}`"),
    });
    environment
        .into_iter()
        .chain(of_merges(context))
        .chain(records)
        .chain(first)
        .chain(second)
        .chain(first_parent)
}

/// What a pull request is merged with in this very commit, then what the CI says that it is to be merged into.
fn of_merges(context: &CommitContext) -> impl Iterator<Item = Candidate<'_>> {
    let other_parent = context.merged_into().map(|commit| Candidate {
        revision: Revision::Commit(commit),
        relation: Relation::Parent,
        rank: Rank::BeforeRecords,
        from: "what the pull request is merged with in this commit".to_owned(),
    });
    let targets = context.targets().iter().map(|target| {
        let (revision, from) = match &target.value {
            Target::Commit(commit) | Target::MergeBase(commit) => {
                (Revision::Commit(*commit), format!("the merge-base with {}", target.source))
            }
            Target::Branch(branch) => (
                Revision::Branch(branch),
                format!("the merge-base with `{branch}`, which {} names", target.source),
            ),
        };
        Candidate { revision, relation: Relation::MergedInto, rank: Rank::BeforeRecords, from }
    });
    other_parent.into_iter().chain(targets)
}

fn resolved(repository: &Repository, name: &str) -> Option<CommitId> {
    name.parse().ok().or_else(|| repository.commit(name).ok())
}
