//! What a run is for: the common form of what every CI says under names of its own.

use super::environment::PullRequestNumber;
use super::{Source, Sourced, remote};
use crate::model::{BranchName, CommitId};

/// What a CI says about one of its runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Run {
    /// The commit that the run is for. All else counts for this commit, and for the head of the pull request, only.
    pub(super) commit: Option<Sourced<CommitId>>,
    pub(super) event: Event,
    /// The commit that was pushed onto, or built before.
    pub(super) previous: Option<Sourced<String>>,
    /// What all jobs of the run share, and no other run and no other attempt at it has.
    pub(super) id: Option<String>,
    /// Which of several equal jobs this is.
    pub(super) node: Option<String>,
    pub(super) job: Option<String>,
    /// Without credentials.
    pub(super) repository_url: Option<String>,
    /// Whether the sources come from AWS CodePipeline, which passes files without a repository unless configured otherwise.
    pub(super) is_of_codepipeline: bool,
}

/// What started a run, as far as it decides on the names of the commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Event {
    Branch(Sourced<BranchName>),
    Tag(Sourced<String>),
    PullRequest(PullRequest),
    /// A merge queue tests what its target would become. Nothing is merged yet.
    MergeQueue {
        target: Sourced<BranchName>,
        base: Option<Sourced<CommitId>>,
    },
    /// The CI doesn't say.
    #[default]
    Unknown,
}

/// A pull request, or merge request, that a run is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PullRequest {
    pub(super) number: Option<PullRequestNumber>,
    pub(super) origin: Origin,
    /// The newest commit of the branch that is to be merged.
    pub(super) head: Option<CommitId>,
    /// What it is to be merged into, the most exact first.
    pub(super) targets: Vec<Sourced<Target>>,
}

/// Whose branch a pull request wants to merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A branch of the repository itself, which takes write access.
    SameRepository(Sourced<BranchName>),
    Fork,
    /// The CI doesn't say.
    Unknown,
}

/// What a pull request is to be merged into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The merge-base that the CI found itself.
    MergeBase(CommitId),
    Commit(CommitId),
    Branch(BranchName),
}

/// What GitHub's merge queue names its branches after: `gh-readonly-queue/<target>/pr-<number>-<commit that it is merged into>`.
const MERGE_QUEUE: &str = "gh-readonly-queue/";

impl Event {
    /// A push to a branch, or to one of a merge queue.
    pub(super) fn branch(branch: Sourced<BranchName>) -> Self {
        let source = branch.source;
        let queued = branch.value.as_str().strip_prefix(MERGE_QUEUE).and_then(|rest| rest.rsplit_once('/'));
        match queued {
            Some((target, last)) => {
                let base = last.rsplit_once('-').and_then(|(_, commit)| commit.parse().ok());
                Self::MergeQueue {
                    target: Sourced { value: BranchName::new(target), source },
                    base: base.map(|value| Sourced { value, source }),
                }
            }
            None => Self::Branch(branch),
        }
    }

    /// A push to what is there: a run of a tag is on no branch.
    pub(super) fn tag_or_branch(tag: Option<Sourced<String>>, branch: Option<Sourced<BranchName>>) -> Self {
        match (tag, branch) {
            (Some(tag), _) => Self::Tag(tag),
            (None, Some(branch)) => Self::branch(branch),
            (None, None) => Self::Unknown,
        }
    }

    /// What a full reference, such as `refs/heads/main` or `refs/tags/v1`, names. Of a pull request's, nothing is taken.
    pub(super) fn reference(name: &str, source: Source) -> Self {
        if let Some(branch) = name.strip_prefix("refs/heads/") {
            Self::branch(Sourced { value: BranchName::new(branch), source })
        } else if let Some(tag) = name.strip_prefix("refs/tags/") {
            Self::Tag(Sourced { value: tag.to_owned(), source })
        } else {
            Self::Unknown
        }
    }

    /// The commit that a merge queue started from, where the CI says it besides.
    pub(super) fn with_queue_base(self, said: Option<Sourced<CommitId>>) -> Self {
        match self {
            Self::MergeQueue { target, base } => Self::MergeQueue { target, base: said.or(base) },
            other => other,
        }
    }
}

impl Origin {
    /// Decides by the addresses of the two repositories, or their full names; unknown where one of them is missing.
    pub(super) fn compare(
        own: Option<&str>,
        of_head: Option<&str>,
        branch: Option<Sourced<BranchName>>,
    ) -> Self {
        match (own, of_head) {
            (Some(own), Some(of_head)) if remote::is_same(own, of_head) => {
                branch.map_or(Self::Unknown, Self::SameRepository)
            }
            (Some(_), Some(_)) => Self::Fork,
            _ => Self::Unknown,
        }
    }
}

impl PullRequest {
    /// One that only its number is known of.
    pub(super) fn of_unknown_origin(number: Option<PullRequestNumber>) -> Self {
        Self { number, origin: Origin::Unknown, head: None, targets: Vec::new() }
    }

    pub(super) fn of_fork(number: Option<PullRequestNumber>) -> Self {
        Self { origin: Origin::Fork, ..Self::of_unknown_origin(number) }
    }

    pub(super) fn into_branch(self, target: Option<Sourced<BranchName>>) -> Self {
        self.into_target(target, Target::Branch)
    }

    pub(super) fn onto_commit(self, target: Option<Sourced<CommitId>>) -> Self {
        self.into_target(target, Target::Commit)
    }

    pub(super) fn onto_merge_base(self, target: Option<Sourced<CommitId>>) -> Self {
        self.into_target(target, Target::MergeBase)
    }

    fn into_target<T>(mut self, target: Option<Sourced<T>>, kind: fn(T) -> Target) -> Self {
        self.targets.extend(target.map(|it| Sourced { value: kind(it.value), source: it.source }));
        self
    }
}

impl From<PullRequest> for Event {
    fn from(pull_request: PullRequest) -> Self {
        Self::PullRequest(pull_request)
    }
}
