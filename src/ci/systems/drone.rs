//! <https://docs.drone.io/pipeline/environment/reference/>
//!
//! A pull request is merged into its target by the job itself. Nothing says whether it comes from a fork.

use crate::ci::Sourced;
use crate::ci::environment::CiEnvironment;
use crate::ci::run::{Event, PullRequest, Run};

pub(super) fn read(environment: CiEnvironment<'_>) -> Run {
    let before = environment.get("DRONE_COMMIT_BEFORE");
    Run {
        commit: Sourced::of_commit(environment, "DRONE_COMMIT_SHA", "`DRONE_COMMIT_SHA`"),
        event: event(environment),
        previous: before.and_then(|before| Sourced::abbreviated_commit(&before, "`DRONE_COMMIT_BEFORE`")),
        job: environment.get("DRONE_STEP_NAME"),
        repository_url: environment.get("DRONE_GIT_HTTP_URL"),
        is_of_codepipeline: false,
    }
}

fn event(environment: CiEnvironment<'_>) -> Event {
    let is_pull_request = environment.get("DRONE_PULL_REQUEST").is_some()
        || environment.is("DRONE_BUILD_EVENT", "pull_request");
    if is_pull_request {
        return PullRequest::of_unknown_origin(environment.number("DRONE_PULL_REQUEST"))
            .into_branch(environment.branch("DRONE_TARGET_BRANCH"), "`DRONE_TARGET_BRANCH`")
            .into();
    }
    match (environment.get("DRONE_TAG"), environment.branch("DRONE_BRANCH")) {
        (Some(tag), _) => Event::tag(tag, "`DRONE_TAG`"),
        (None, Some(branch)) => Event::branch(branch, "`DRONE_BRANCH`"),
        (None, None) => Event::Unknown,
    }
}
