//! <https://docs.cloud.google.com/build/docs/configuring-builds/substitute-variable-values>
//!
//! A step has these variables with the option `automapSubstitutions`, or where its `env` passes them on.

use crate::ci::environment::CiEnvironment;
use crate::ci::run::{Event, Origin, PullRequest, Run};

pub(super) fn is_here(environment: CiEnvironment<'_>) -> bool {
    ["PROJECT_ID", "BUILD_ID", "COMMIT_SHA"].iter().all(|name| environment.get(name).is_some())
}

pub(super) fn read(environment: CiEnvironment<'_>) -> Run {
    Run {
        commit: environment.commit("COMMIT_SHA"),
        event: event(environment),
        previous: None,
        id: None,
        node: None,
        job: environment.get("TRIGGER_NAME"),
        repository_url: repository_url(environment),
        is_of_codepipeline: false,
    }
}

/// Pull requests are built of repositories on GitHub.
fn repository_url(environment: CiEnvironment<'_>) -> Option<String> {
    environment.get("REPO_FULL_NAME").map(|name| format!("https://github.com/{name}"))
}

fn event(environment: CiEnvironment<'_>) -> Event {
    let of_pull_request = ["_PR_NUMBER", "_HEAD_BRANCH", "_HEAD_REPO_URL"];
    if environment.first(&of_pull_request).is_some() {
        return PullRequest {
            origin: Origin::compare(
                repository_url(environment).as_deref(),
                environment.get("_HEAD_REPO_URL").as_deref(),
                environment.branch("_HEAD_BRANCH"),
            ),
            head: environment.commit("COMMIT_SHA").map(|head| head.value),
            ..PullRequest::of_unknown_origin(environment.number("_PR_NUMBER"))
        }
        .into_branch(environment.branch("_BASE_BRANCH"))
        .into();
    }
    Event::tag_or_branch(environment.text("TAG_NAME"), environment.branch("BRANCH_NAME"))
}
