//! <https://docs.travis-ci.com/user/environment-variables/#default-environment-variables>
//!
//! `TRAVIS_BRANCH` is the target of a pull request, and the name of a tag.

use crate::ci::environment::CiEnvironment;
use crate::ci::run::{Event, Origin, PullRequest, Run};

pub(super) fn read(environment: CiEnvironment<'_>) -> Run {
    let event = event(environment);
    let is_push = matches!(event, Event::Branch(_));
    Run {
        commit: environment.commit("TRAVIS_COMMIT"),
        event,
        previous: environment.start_of_range("TRAVIS_COMMIT_RANGE").filter(|_| is_push),
        id: None,
        node: None,
        job: environment.get("TRAVIS_JOB_NUMBER"),
        repository_url: environment.get("TRAVIS_REPO_SLUG").map(|slug| format!("https://github.com/{slug}")),
        is_of_codepipeline: false,
    }
}

fn event(environment: CiEnvironment<'_>) -> Event {
    let branch = environment.branch("TRAVIS_BRANCH");
    let has_number = environment.get("TRAVIS_PULL_REQUEST").is_some_and(|number| number != "false");
    if has_number || environment.is("TRAVIS_EVENT_TYPE", "pull_request") {
        return PullRequest {
            origin: Origin::compare(
                environment.get("TRAVIS_REPO_SLUG").as_deref(),
                environment.get("TRAVIS_PULL_REQUEST_SLUG").as_deref(),
                environment.branch("TRAVIS_PULL_REQUEST_BRANCH"),
            ),
            head: environment.commit("TRAVIS_PULL_REQUEST_SHA").map(|head| head.value),
            ..PullRequest::of_unknown_origin(environment.number("TRAVIS_PULL_REQUEST"))
        }
        .into_branch(branch)
        .into();
    }
    Event::tag_or_branch(environment.text("TRAVIS_TAG"), branch)
}
