//! <https://docs.semaphoreci.com/reference/env-vars>
//!
//! For pull requests, `SEMAPHORE_GIT_BRANCH` is the target and `SEMAPHORE_GIT_SHA` a merge into it.

use crate::ci::environment::CiEnvironment;
use crate::ci::run::{Event, Origin, PullRequest, Run};

pub(super) fn read(environment: CiEnvironment<'_>) -> Run {
    let event = event(environment);
    let is_push = matches!(event, Event::Branch(_));
    Run {
        commit: environment.commit("SEMAPHORE_GIT_SHA"),
        event,
        previous: environment.start_of_range("SEMAPHORE_GIT_COMMIT_RANGE").filter(|_| is_push),
        id: environment.get("SEMAPHORE_PIPELINE_ID"),
        node: None,
        job: environment.get("SEMAPHORE_JOB_NAME"),
        repository_url: environment.get("SEMAPHORE_GIT_URL"),
        is_of_codepipeline: false,
    }
}

fn event(environment: CiEnvironment<'_>) -> Event {
    let branch = environment.branch("SEMAPHORE_GIT_BRANCH");
    let is_pull_request = environment.is("SEMAPHORE_GIT_REF_TYPE", "pull-request")
        || environment.get("SEMAPHORE_GIT_PR_NUMBER").is_some();
    if is_pull_request {
        return PullRequest {
            origin: Origin::compare(
                environment.get("SEMAPHORE_GIT_REPO_SLUG").as_deref(),
                environment.get("SEMAPHORE_GIT_PR_SLUG").as_deref(),
                environment.branch("SEMAPHORE_GIT_PR_BRANCH"),
            ),
            head: environment.commit("SEMAPHORE_GIT_PR_SHA").map(|head| head.value),
            ..PullRequest::of_unknown_origin(environment.number("SEMAPHORE_GIT_PR_NUMBER"))
        }
        .into_branch(branch)
        .into();
    }
    let is_tag = environment.is("SEMAPHORE_GIT_REF_TYPE", "tag");
    Event::tag_or_branch(environment.text("SEMAPHORE_GIT_TAG_NAME"), branch.filter(|_| !is_tag))
}
