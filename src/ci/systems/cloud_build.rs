//! <https://docs.cloud.google.com/build/docs/configuring-builds/substitute-variable-values>
//!
//! A step has these variables with the option `automapSubstitutions`, or where its `env` passes them on.

use crate::ci::Sourced;
use crate::ci::environment::CiEnvironment;
use crate::ci::run::{Event, Origin, PullRequest, Run};

pub(super) fn is_here(environment: CiEnvironment<'_>) -> bool {
    ["PROJECT_ID", "BUILD_ID", "COMMIT_SHA"].iter().all(|name| environment.get(name).is_some())
}

pub(super) fn read(environment: CiEnvironment<'_>) -> Run {
    Run {
        commit: Sourced::of_commit(environment, "COMMIT_SHA", "`COMMIT_SHA`"),
        event: event(environment),
        previous: None,
        job: environment.get("TRIGGER_NAME"),
        repository_url: environment.get("REPO_FULL_NAME").map(|name| format!("https://github.com/{name}")),
        is_of_codepipeline: false,
    }
}

fn event(environment: CiEnvironment<'_>) -> Event {
    let of_pull_request = ["_PR_NUMBER", "_HEAD_BRANCH", "_HEAD_REPO_URL"];
    if environment.first(&of_pull_request).is_some() {
        let branch = environment.branch("_HEAD_BRANCH");
        let own = environment.get("REPO_FULL_NAME").map(|name| format!("https://github.com/{name}"));
        return PullRequest {
            origin: Origin::compare(
                own.as_deref(),
                environment.get("_HEAD_REPO_URL").as_deref(),
                branch.map(|value| Sourced { value, source: "`_HEAD_BRANCH`" }),
            ),
            ..PullRequest::of_unknown_origin(environment.number("_PR_NUMBER"))
        }
        .into_branch(environment.branch("_BASE_BRANCH"), "`_BASE_BRANCH`")
        .into();
    }
    match (environment.get("TAG_NAME"), environment.branch("BRANCH_NAME")) {
        (Some(tag), _) => Event::tag(tag, "`TAG_NAME`"),
        (None, Some(branch)) => Event::branch(branch, "`BRANCH_NAME`"),
        (None, None) => Event::Unknown,
    }
}
