//! <https://buildkite.com/docs/pipelines/configure/environment-variables>

use crate::ci::environment::CiEnvironment;
use crate::ci::run::{Event, Origin, PullRequest, Run};

/// A push doesn't say what it was pushed onto. `BUILDKITE_COMMIT` is the word `HEAD` in a build that a person started, until an
/// agent knows better.
pub(super) fn read(environment: CiEnvironment<'_>) -> Run {
    Run {
        commit: environment.commit("BUILDKITE_COMMIT"),
        event: event(environment),
        previous: None,
        id: environment.joined(&["BUILDKITE_BUILD_ID", "BUILDKITE_RETRY_COUNT"]),
        node: environment.text_of("BUILDKITE_PARALLEL_JOB"),
        job: environment.first(&["BUILDKITE_STEP_KEY", "BUILDKITE_LABEL"]),
        repository_url: environment.get("BUILDKITE_REPO"),
        is_of_codepipeline: false,
    }
}

fn event(environment: CiEnvironment<'_>) -> Event {
    let branch = environment.branch("BUILDKITE_BRANCH");
    if environment.get("BUILDKITE_PULL_REQUEST").is_some_and(|number| number != "false") {
        return PullRequest {
            origin: Origin::compare(
                environment.get("BUILDKITE_REPO").as_deref(),
                environment.get("BUILDKITE_PULL_REQUEST_REPO").as_deref(),
                branch,
            ),
            // With this setting of a pipeline, the commit is what GitHub has merged the head with.
            head: (!environment.is("BUILDKITE_PULL_REQUEST_USING_MERGE_REFSPEC", "true"))
                .then(|| environment.commit("BUILDKITE_COMMIT"))
                .flatten()
                .map(|head| head.value),
            ..PullRequest::of_unknown_origin(environment.number("BUILDKITE_PULL_REQUEST"))
        }
        .into_branch(environment.branch("BUILDKITE_PULL_REQUEST_BASE_BRANCH"))
        .into();
    }
    match (environment.text("BUILDKITE_TAG"), branch) {
        // No branch has a colon in its name; one of a fork can be written so.
        (None, Some(branch)) if branch.value.as_str().contains(':') => PullRequest::of_fork(None).into(),
        // The branch of a tag's build is the tag's name.
        (tag, branch) => Event::tag_or_branch(tag, branch)
            .with_queue_base(environment.commit("BUILDKITE_MERGE_QUEUE_BASE_COMMIT")),
    }
}
