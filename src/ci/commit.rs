//! The names of one commit, and what they are taken from.

use super::run::{Event, Origin, PullRequest, Run};
use super::{
    CiContext, Given, InvalidCiVariable, PullRequestNumber, Source, Sourced, System, Target, remote,
};
use crate::model::{BranchName, CommitId};

/// The commit that a command looks at.
#[derive(Clone, Copy, Debug)]
pub struct CheckedOut<'c> {
    pub commit: CommitId,
    /// As they are written in the commit, also where a shallow clone lacks them.
    pub parents: &'c [CommitId],
    /// The branch that git has checked out. Counts outside of a CI only.
    pub branch: Option<&'c BranchName>,
}

/// What is known about one commit from the environment. Made by [`CiContext::about`] alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitContext {
    commit: CommitId,
    branch: Branch,
    tag: Option<Sourced<String>>,
    pull_request: Option<PullRequestNumber>,
    merge_queue_target: Option<BranchName>,
    merged_into: Option<CommitId>,
    targets: Vec<Sourced<Target>>,
    previous: Option<Sourced<String>>,
    git_refs: GitRefs,
}

/// The branch that a commit is on: what records and tags are named after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Branch {
    Known(Sourced<BranchName>),
    /// Nothing may be named after a branch.
    Unknown {
        why: String,
    },
}

/// Which of git's own references tell something about a commit.
///
/// A CI's clone may have been made from a fork, and its local branches by whoever configured the job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GitRefs {
    All,
    /// Tags and the branches of `origin`, if that is the repository with this address.
    OfOrigin {
        url: String,
    },
    None,
}

impl GitRefs {
    /// Whether the references of a clone of `origin` tell something.
    pub fn include_origin(&self, origin: Option<&str>) -> bool {
        match self {
            Self::All => true,
            Self::OfOrigin { url } => origin.is_some_and(|origin| remote::is_same(origin, url)),
            Self::None => false,
        }
    }

    /// Whether local branches tell something.
    pub fn include_local(&self) -> bool {
        matches!(self, Self::All)
    }
}

/// What a commit is to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    /// The run names it.
    Named,
    /// A merge of the pull request's head that the run doesn't name, such as one that the job made itself.
    MergeOfHead,
    Other,
}

impl CiContext {
    /// What is known about `commit`. If the CI runs for another commit, that is nothing.
    ///
    /// The variables `CHINAMPA_BRANCH`, `CHINAMPA_TAG` and `CHINAMPA_PULL_REQUEST` come first, then what the CI says, then,
    /// outside of a CI, the branch that is checked out.
    ///
    /// # Errors
    /// [`InvalidCiVariable`] where a variable of our own holds something else than it is for.
    pub fn about(&self, commit: CheckedOut<'_>) -> Result<CommitContext, InvalidCiVariable> {
        let Run { event, previous, .. } = &self.run;
        let relation = self.run.relation_to(commit);
        let is_named = relation == Relation::Named;
        let given = self.given.about(commit.commit)?;

        let tag = match event {
            _ if given.tag.is_some() => given.tag.cloned(),
            Event::Tag(tag) if is_named => Some(tag.clone()),
            _ => None,
        };
        let pull_request = match event {
            _ if given.pull_request.is_some() => given.pull_request,
            Event::PullRequest(pull_request) if is_named => pull_request.number,
            _ => None,
        };
        let (merge_queue_target, queue_base) = match event {
            Event::MergeQueue { target, base } if is_named => (Some(target.value.clone()), base.clone()),
            _ => (None, None),
        };
        let queue_base =
            queue_base.map(|Sourced { value, source }| Sourced { value: Target::Commit(value), source });
        let of_pull_request = match event {
            Event::PullRequest(pull_request) if relation != Relation::Other => pull_request.targets.clone(),
            _ => Vec::new(),
        };
        Ok(CommitContext {
            commit: commit.commit,
            branch: self.branch(commit, is_named, given),
            tag,
            pull_request,
            merge_queue_target,
            merged_into: self.run.merged_into(commit),
            targets: queue_base.into_iter().chain(of_pull_request).collect(),
            previous: self.given.previous.clone().or_else(|| previous.clone().filter(|_| is_named)),
            git_refs: self.git_refs(),
        })
    }

    fn branch(&self, commit: CheckedOut<'_>, is_named: bool, given: GivenAbout<'_>) -> Branch {
        let known = |value: BranchName, source| Branch::Known(Sourced { value, source });
        let unknown = |why: String| Branch::Unknown { why };
        if let Some(branch) = given.branch {
            return Branch::Known(branch.clone());
        }
        if let Some(number) = given.pull_request {
            return known(number.branch(), Source::Variable("CHINAMPA_PULL_REQUEST"));
        }
        if let Some(tag) = given.tag {
            return unknown(format!("this is a run of a tag, by {}", tag.source));
        }
        let ci = match self.system {
            System::None => {
                return match commit.branch {
                    Some(branch) => known(branch.clone(), Source::CheckedOut),
                    None => unknown("no branch is checked out".to_owned()),
                };
            }
            System::Unknown => {
                let variables = "`CHINAMPA_BRANCH`, `CHINAMPA_TAG` or `CHINAMPA_PULL_REQUEST`";
                return unknown(format!("which CI this is isn't known, and none of {variables} is set"));
            }
            System::Known(ci) => ci,
        };
        if !is_named {
            let named = match &self.run.commit {
                Some(Sourced { value, source }) => format!("{ci} runs for {}, by {source}", value.short()),
                None => format!("{ci} doesn't say for which commit it runs"),
            };
            return unknown(format!("{named}, and this is {}", commit.commit.short()));
        }
        match &self.run.event {
            Event::Branch(branch) => Branch::Known(branch.clone()),
            Event::Tag(tag) => unknown(format!("this is a run of a tag, by {}", tag.source)),
            Event::MergeQueue { target, .. } => {
                unknown(format!("this is what a merge queue may make of `{}`", target.value))
            }
            Event::PullRequest(pull_request) => match (&pull_request.origin, pull_request.number) {
                // What the head is merged with is not on its branch, and anybody may have written it.
                (Origin::SameRepository(branch), _) if self.run.is_head(commit) => {
                    Branch::Known(branch.clone())
                }
                (_, Some(number)) => known(number.branch(), Source::PullRequestNumber),
                (_, None) => unknown(format!("{ci} doesn't say which pull request it runs for")),
            },
            Event::Unknown => unknown(format!("{ci} doesn't say for which branch it runs")),
        }
    }

    fn git_refs(&self) -> GitRefs {
        match (self.system, &self.run.repository_url) {
            _ if !self.trust().is_trusted() => GitRefs::None,
            (System::None, _) => GitRefs::All,
            (_, Some(url)) => GitRefs::OfOrigin { url: url.clone() },
            (_, None) => GitRefs::None,
        }
    }
}

/// What variables of our own say about one commit.
#[derive(Clone, Copy, Default)]
struct GivenAbout<'g> {
    branch: Option<&'g Sourced<BranchName>>,
    tag: Option<&'g Sourced<String>>,
    pull_request: Option<PullRequestNumber>,
}

impl Given {
    /// Nothing where the variables are meant for another commit.
    fn about(&self, commit: CommitId) -> Result<GivenAbout<'_>, InvalidCiVariable> {
        let (meant, pull_request) = (self.commit.clone()?, self.pull_request.clone()?);
        Ok(match meant.is_none_or(|meant| meant == commit) {
            true => GivenAbout { branch: self.branch.as_ref(), tag: self.tag.as_ref(), pull_request },
            false => GivenAbout::default(),
        })
    }
}

impl Run {
    fn relation_to(&self, commit: CheckedOut<'_>) -> Relation {
        let head = self.head();
        if self.commit.as_ref().is_some_and(|named| named.value == commit.commit)
            || head == Some(commit.commit)
        {
            Relation::Named
        } else if self.merged_into(commit).is_some() {
            Relation::MergeOfHead
        } else {
            Relation::Other
        }
    }

    /// The newest commit of the pull request's branch. Where the CI doesn't name it besides, it is the one that the run is for.
    fn head(&self) -> Option<CommitId> {
        match &self.event {
            Event::PullRequest(pull_request) => {
                pull_request.head.or(self.commit.as_ref().map(|commit| commit.value))
            }
            _ => None,
        }
    }

    /// Whether a commit is the newest of the pull request's branch. Where the CI doesn't name that one, what has several parents
    /// may as well be what it was merged with.
    fn is_head(&self, commit: CheckedOut<'_>) -> bool {
        let is_named = self.head() == Some(commit.commit);
        match &self.event {
            Event::PullRequest(PullRequest { head: Some(_), .. }) => is_named,
            _ => is_named && commit.parents.len() < 2,
        }
    }

    /// The other parent of a commit that merges the pull request's head with something.
    ///
    /// Some CIs merge the head into the target, others the target into the head.
    fn merged_into(&self, commit: CheckedOut<'_>) -> Option<CommitId> {
        let head = self.head()?;
        match *commit.parents {
            [target, merged] if merged == head => Some(target),
            [merged, target] if merged == head => Some(target),
            _ => None,
        }
    }
}

impl CommitContext {
    pub fn commit(&self) -> CommitId {
        self.commit
    }

    /// What tags and records may be named after.
    pub fn branch(&self) -> &Branch {
        &self.branch
    }

    pub fn branch_name(&self) -> Option<&BranchName> {
        match &self.branch {
            Branch::Known(branch) => Some(&branch.value),
            Branch::Unknown { .. } => None,
        }
    }

    /// The branch whose images and records may be read: besides its own, the target of a merge queue.
    pub fn branch_to_read(&self) -> Option<&BranchName> {
        self.branch_name().or(self.merge_queue_target.as_ref())
    }

    pub fn tag(&self) -> Option<&str> {
        self.tag.as_ref().map(|tag| tag.value.as_str())
    }

    pub fn pull_request(&self) -> Option<PullRequestNumber> {
        self.pull_request
    }

    /// The commit that a pull request's head is merged with in this one.
    pub fn merged_into(&self) -> Option<CommitId> {
        self.merged_into
    }

    /// What a pull request is to be merged into, or a merge queue has merged into, the most exact first.
    pub fn targets(&self) -> &[Sourced<Target>] {
        &self.targets
    }

    /// The commit that was pushed onto, or built before: its id, or at least the first seven digits.
    pub fn previous(&self) -> Option<&Sourced<String>> {
        self.previous.as_ref()
    }

    pub fn git_refs(&self) -> &GitRefs {
        &self.git_refs
    }
}
