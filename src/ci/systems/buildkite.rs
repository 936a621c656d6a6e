//! <https://buildkite.com/docs/pipelines/configure/environment-variables>

use crate::ci::Sourced;
use crate::ci::environment::CiEnvironment;
use crate::ci::run::{Event, Origin, PullRequest, Run};

/// A push doesn't say what it was pushed onto. `BUILDKITE_COMMIT` is the word `HEAD` in a build that a person started, until an
/// agent knows better.
pub(super) fn read(environment: CiEnvironment<'_>) -> Run {
    Run {
        commit: Sourced::of_commit(environment, "BUILDKITE_COMMIT", "`BUILDKITE_COMMIT`"),
        event: event(environment),
        previous: None,
        job: environment.first(&["BUILDKITE_STEP_KEY", "BUILDKITE_LABEL"]),
        repository_url: environment.get("BUILDKITE_REPO"),
        is_of_codepipeline: false,
    }
}

fn event(environment: CiEnvironment<'_>) -> Event {
    let branch = environment.branch("BUILDKITE_BRANCH");
    let number = environment.get("BUILDKITE_PULL_REQUEST").filter(|number| number != "false");
    if number.is_some() {
        let source = "`BUILDKITE_BRANCH`";
        return PullRequest {
            origin: Origin::compare(
                environment.get("BUILDKITE_REPO").as_deref(),
                environment.get("BUILDKITE_PULL_REQUEST_REPO").as_deref(),
                branch.map(|value| Sourced { value, source }),
            ),
            ..PullRequest::of_unknown_origin(environment.number("BUILDKITE_PULL_REQUEST"))
        }
        .into_branch(
            environment.branch("BUILDKITE_PULL_REQUEST_BASE_BRANCH"),
            "`BUILDKITE_PULL_REQUEST_BASE_BRANCH`",
        )
        .into();
    }
    if let Some(tag) = environment.get("BUILDKITE_TAG") {
        // The branch is the tag's name then.
        return Event::tag(tag, "`BUILDKITE_TAG`");
    }
    match branch {
        // No branch has a colon in its name; one of a fork can be written so.
        Some(branch) if branch.as_str().contains(':') => {
            PullRequest { origin: Origin::Fork, ..PullRequest::of_unknown_origin(None) }.into()
        }
        Some(branch) => {
            let source = "`BUILDKITE_MERGE_QUEUE_BASE_COMMIT`";
            let base = Sourced::of_commit(environment, "BUILDKITE_MERGE_QUEUE_BASE_COMMIT", source);
            Event::branch(branch, "`BUILDKITE_BRANCH`").with_queue_base(base)
        }
        None => Event::Unknown,
    }
}
