//! <https://docs.drone.io/pipeline/environment/reference/>
//!
//! A pull request is merged into its target by the job itself. Nothing says whether it comes from a fork.

use crate::ci::environment::CiEnvironment;
use crate::ci::run::{Event, PullRequest, Run};

pub(super) fn read(environment: CiEnvironment<'_>) -> Run {
    Run {
        commit: environment.commit("DRONE_COMMIT_SHA"),
        event: event(environment),
        previous: environment.abbreviated_commit("DRONE_COMMIT_BEFORE"),
        id: environment.get("DRONE_BUILD_NUMBER"),
        node: None,
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
            .into_branch(environment.branch("DRONE_TARGET_BRANCH"))
            .into();
    }
    Event::tag_or_branch(environment.text("DRONE_TAG"), environment.branch("DRONE_BRANCH"))
}
