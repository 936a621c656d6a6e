//! <https://woodpecker-ci.org/docs/usage/environment>
//!
//! For pull requests, `CI_COMMIT_BRANCH` is the target. Nothing says whether one comes from a fork.

use crate::ci::environment::CiEnvironment;
use crate::ci::run::{Event, PullRequest, Run};

pub(super) fn read(environment: CiEnvironment<'_>) -> Run {
    Run {
        commit: environment.commit("CI_COMMIT_SHA"),
        event: event(environment),
        previous: environment.abbreviated_commit("CI_PREV_COMMIT_SHA"),
        id: environment.get("CI_PIPELINE_NUMBER"),
        node: None,
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
            .into_branch(environment.branch("CI_COMMIT_TARGET_BRANCH"))
            .into();
    }
    Event::tag_or_branch(environment.text("CI_COMMIT_TAG"), environment.branch("CI_COMMIT_BRANCH"))
}
