//! <https://woodpecker-ci.org/docs/usage/environment>
//!
//! For pull requests, `CI_COMMIT_BRANCH` is the target. Nothing says whether one comes from a fork.

use crate::ci::Sourced;
use crate::ci::environment::CiEnvironment;
use crate::ci::run::{Event, PullRequest, Run};

pub(super) fn read(environment: CiEnvironment<'_>) -> Run {
    let previous = environment.get("CI_PREV_COMMIT_SHA");
    Run {
        commit: Sourced::of_commit(environment, "CI_COMMIT_SHA", "`CI_COMMIT_SHA`"),
        event: event(environment),
        previous: previous.and_then(|commit| Sourced::abbreviated_commit(&commit, "`CI_PREV_COMMIT_SHA`")),
        job: environment.get("CI_STEP_NAME"),
        repository_url: environment.get("CI_REPO_CLONE_URL"),
        is_of_codepipeline: false,
    }
}

fn event(environment: CiEnvironment<'_>) -> Event {
    let is_pull_request = environment.get("CI_COMMIT_PULL_REQUEST").is_some()
        || environment.get("CI_PIPELINE_EVENT").is_some_and(|event| event.starts_with("pull_request"));
    if is_pull_request {
        return PullRequest::of_unknown_origin(environment.number("CI_COMMIT_PULL_REQUEST"))
            .into_branch(environment.branch("CI_COMMIT_TARGET_BRANCH"), "`CI_COMMIT_TARGET_BRANCH`")
            .into();
    }
    match (environment.get("CI_COMMIT_TAG"), environment.branch("CI_COMMIT_BRANCH")) {
        (Some(tag), _) => Event::tag(tag, "`CI_COMMIT_TAG`"),
        (None, Some(branch)) => Event::branch(branch, "`CI_COMMIT_BRANCH`"),
        (None, None) => Event::Unknown,
    }
}
