//! <https://docs.semaphoreci.com/reference/env-vars>
//!
//! For pull requests, `SEMAPHORE_GIT_BRANCH` is the target and `SEMAPHORE_GIT_SHA` a merge into it.

use crate::ci::Sourced;
use crate::ci::environment::CiEnvironment;
use crate::ci::run::{Event, Origin, PullRequest, Run};

pub(super) fn read(environment: CiEnvironment<'_>) -> Run {
    let event = event(environment);
    let range = environment.get("SEMAPHORE_GIT_COMMIT_RANGE");
    let previous = range.as_deref().and_then(|range| Some(range.split_once("..")?.0));
    Run {
        commit: Sourced::of_commit(environment, "SEMAPHORE_GIT_SHA", "`SEMAPHORE_GIT_SHA`"),
        previous: previous
            .filter(|_| matches!(event, Event::Branch(_)))
            .and_then(|commit| Sourced::abbreviated_commit(commit, "`SEMAPHORE_GIT_COMMIT_RANGE`")),
        event,
        job: environment.get("SEMAPHORE_JOB_NAME"),
        repository_url: environment.get("SEMAPHORE_GIT_URL"),
        is_of_codepipeline: false,
    }
}

fn event(environment: CiEnvironment<'_>) -> Event {
    let target = environment.branch("SEMAPHORE_GIT_BRANCH");
    let is_pull_request = environment.is("SEMAPHORE_GIT_REF_TYPE", "pull-request")
        || environment.get("SEMAPHORE_GIT_PR_NUMBER").is_some();
    if is_pull_request {
        let branch = environment.branch("SEMAPHORE_GIT_PR_BRANCH");
        let source = "`SEMAPHORE_GIT_PR_BRANCH`";
        return PullRequest {
            origin: Origin::compare(
                environment.get("SEMAPHORE_GIT_REPO_SLUG").as_deref(),
                environment.get("SEMAPHORE_GIT_PR_SLUG").as_deref(),
                branch.map(|value| Sourced { value, source }),
            ),
            head: environment.commit("SEMAPHORE_GIT_PR_SHA"),
            ..PullRequest::of_unknown_origin(environment.number("SEMAPHORE_GIT_PR_NUMBER"))
        }
        .into_branch(target, "`SEMAPHORE_GIT_BRANCH`")
        .into();
    }
    match (environment.get("SEMAPHORE_GIT_TAG_NAME"), target) {
        (Some(tag), _) => Event::tag(tag, "`SEMAPHORE_GIT_TAG_NAME`"),
        (None, _) if environment.is("SEMAPHORE_GIT_REF_TYPE", "tag") => Event::Unknown,
        (None, Some(branch)) => Event::branch(branch, "`SEMAPHORE_GIT_BRANCH`"),
        (None, None) => Event::Unknown,
    }
}
