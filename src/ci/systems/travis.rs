//! <https://docs.travis-ci.com/user/environment-variables/#default-environment-variables>
//!
//! `TRAVIS_BRANCH` is the target of a pull request, and the name of a tag.

use crate::ci::Sourced;
use crate::ci::environment::CiEnvironment;
use crate::ci::run::{Event, Origin, PullRequest, Run};

pub(super) fn read(environment: CiEnvironment<'_>) -> Run {
    let event = event(environment);
    let range = environment.get("TRAVIS_COMMIT_RANGE");
    let previous = range.as_deref().and_then(|range| Some(range.split_once("..")?.0));
    Run {
        commit: Sourced::of_commit(environment, "TRAVIS_COMMIT", "`TRAVIS_COMMIT`"),
        previous: previous
            .filter(|_| matches!(event, Event::Branch(_)))
            .and_then(|commit| Sourced::abbreviated_commit(commit, "`TRAVIS_COMMIT_RANGE`")),
        event,
        job: environment.get("TRAVIS_JOB_NUMBER"),
        repository_url: environment.get("TRAVIS_REPO_SLUG").map(|slug| format!("https://github.com/{slug}")),
        is_of_codepipeline: false,
    }
}

fn event(environment: CiEnvironment<'_>) -> Event {
    let target = environment.branch("TRAVIS_BRANCH");
    let number = environment.get("TRAVIS_PULL_REQUEST").filter(|number| number != "false");
    if number.is_some() || environment.is("TRAVIS_EVENT_TYPE", "pull_request") {
        let branch = environment.branch("TRAVIS_PULL_REQUEST_BRANCH");
        let source = "`TRAVIS_PULL_REQUEST_BRANCH`";
        return PullRequest {
            origin: Origin::compare(
                environment.get("TRAVIS_REPO_SLUG").as_deref(),
                environment.get("TRAVIS_PULL_REQUEST_SLUG").as_deref(),
                branch.map(|value| Sourced { value, source }),
            ),
            head: environment.commit("TRAVIS_PULL_REQUEST_SHA"),
            ..PullRequest::of_unknown_origin(environment.number("TRAVIS_PULL_REQUEST"))
        }
        .into_branch(target, "`TRAVIS_BRANCH`")
        .into();
    }
    match (environment.get("TRAVIS_TAG"), target) {
        (Some(tag), _) => Event::tag(tag, "`TRAVIS_TAG`"),
        (None, Some(branch)) => Event::branch(branch, "`TRAVIS_BRANCH`"),
        (None, None) => Event::Unknown,
    }
}
