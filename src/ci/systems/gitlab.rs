//! <https://docs.gitlab.com/ci/variables/predefined_variables/>

use crate::ci::environment::CiEnvironment;
use crate::ci::run::{Event, Origin, PullRequest, Run};

/// The commit before is zeros in pipelines of merge requests, for the first of a branch, and where a person or a schedule
/// started one.
pub(super) fn read(environment: CiEnvironment<'_>) -> Run {
    Run {
        commit: environment.commit("CI_COMMIT_SHA"),
        event: event(environment),
        previous: environment.abbreviated_commit("CI_COMMIT_BEFORE_SHA"),
        id: environment.get("CI_PIPELINE_ID"),
        node: None,
        job: environment.get("CI_JOB_NAME"),
        repository_url: environment.get("CI_PROJECT_URL"),
        is_of_codepipeline: false,
    }
}

fn event(environment: CiEnvironment<'_>) -> Event {
    let merge_request = ["CI_MERGE_REQUEST_IID", "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME"];
    if environment.first(&merge_request).is_some() {
        return of_merge_request(environment).into();
    }
    if environment.get("CI_EXTERNAL_PULL_REQUEST_IID").is_some() {
        return of_external_pull_request(environment).into();
    }
    Event::tag_or_branch(environment.text("CI_COMMIT_TAG"), environment.branch("CI_COMMIT_BRANCH"))
}

/// The commits of the two branches are there in pipelines of merged results and of merge trains only. Others are for the head.
fn of_merge_request(environment: CiEnvironment<'_>) -> PullRequest {
    let is_detached = environment.is("CI_MERGE_REQUEST_EVENT_TYPE", "detached");
    PullRequest {
        origin: Origin::compare(
            environment.get("CI_MERGE_REQUEST_PROJECT_ID").as_deref(),
            environment.get("CI_MERGE_REQUEST_SOURCE_PROJECT_ID").as_deref(),
            environment.branch("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME"),
        ),
        head: environment
            .commit("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA")
            .or_else(|| environment.commit("CI_COMMIT_SHA").filter(|_| is_detached))
            .map(|head| head.value),
        ..PullRequest::of_unknown_origin(environment.number("CI_MERGE_REQUEST_IID"))
    }
    .onto_commit(environment.commit("CI_MERGE_REQUEST_TARGET_BRANCH_SHA"))
    .onto_merge_base(environment.commit("CI_MERGE_REQUEST_DIFF_BASE_SHA"))
    .into_branch(environment.branch("CI_MERGE_REQUEST_TARGET_BRANCH_NAME"))
}

/// A pull request on GitHub of a repository that GitLab mirrors.
fn of_external_pull_request(environment: CiEnvironment<'_>) -> PullRequest {
    PullRequest {
        origin: Origin::compare(
            environment.get("CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY").as_deref(),
            environment.get("CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY").as_deref(),
            environment.branch("CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME"),
        ),
        head: environment.commit("CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_SHA").map(|head| head.value),
        ..PullRequest::of_unknown_origin(environment.number("CI_EXTERNAL_PULL_REQUEST_IID"))
    }
    .onto_commit(environment.commit("CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_SHA"))
    .into_branch(environment.branch("CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_NAME"))
}
