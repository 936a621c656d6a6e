//! <https://docs.gitlab.com/ci/variables/predefined_variables/>

use crate::ci::Sourced;
use crate::ci::environment::CiEnvironment;
use crate::ci::run::{Event, Origin, PullRequest, Run, Target};

/// The commit before is zeros in pipelines of merge requests, for the first of a branch, and where a person or a schedule
/// started one.
pub(super) fn read(environment: CiEnvironment<'_>) -> Run {
    let before = environment.get("CI_COMMIT_BEFORE_SHA");
    Run {
        commit: Sourced::of_commit(environment, "CI_COMMIT_SHA", "`CI_COMMIT_SHA`"),
        event: event(environment),
        previous: before.and_then(|before| Sourced::abbreviated_commit(&before, "`CI_COMMIT_BEFORE_SHA`")),
        job: environment.get("CI_JOB_NAME"),
        repository_url: environment.get("CI_PROJECT_URL"),
        is_of_codepipeline: false,
    }
}

fn event(environment: CiEnvironment<'_>) -> Event {
    let merge_request = environment.first(&["CI_MERGE_REQUEST_IID", "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME"]);
    if merge_request.is_some() {
        return of_merge_request(environment).into();
    }
    if environment.get("CI_EXTERNAL_PULL_REQUEST_IID").is_some() {
        return of_external_pull_request(environment).into();
    }
    match (environment.get("CI_COMMIT_TAG"), environment.branch("CI_COMMIT_BRANCH")) {
        (Some(tag), _) => Event::tag(tag, "`CI_COMMIT_TAG`"),
        (None, Some(branch)) => Event::branch(branch, "`CI_COMMIT_BRANCH`"),
        (None, None) => Event::Unknown,
    }
}

/// The commits of the two branches are there in pipelines of merged results and of merge trains only.
fn of_merge_request(environment: CiEnvironment<'_>) -> PullRequest {
    let id = |name: &str| environment.get(name);
    let branch = environment.branch("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME");
    let source = "`CI_MERGE_REQUEST_SOURCE_BRANCH_NAME`";
    let origin = match (id("CI_MERGE_REQUEST_SOURCE_PROJECT_ID"), id("CI_MERGE_REQUEST_PROJECT_ID"), branch) {
        (Some(of_head), Some(own), Some(value)) if of_head == own => {
            Origin::SameRepository(Sourced { value, source })
        }
        (Some(of_head), Some(own), _) if of_head != own => Origin::Fork,
        _ => Origin::Unknown,
    };
    let mut pull_request = PullRequest {
        origin,
        head: environment.commit("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA"),
        ..PullRequest::of_unknown_origin(environment.number("CI_MERGE_REQUEST_IID"))
    }
    .onto_commit(
        environment.commit("CI_MERGE_REQUEST_TARGET_BRANCH_SHA"),
        "`CI_MERGE_REQUEST_TARGET_BRANCH_SHA`",
    );
    let merge_base = environment.commit("CI_MERGE_REQUEST_DIFF_BASE_SHA");
    pull_request.targets.extend(merge_base.map(|commit| Sourced {
        value: Target::MergeBase(commit),
        source: "`CI_MERGE_REQUEST_DIFF_BASE_SHA`",
    }));
    pull_request.into_branch(
        environment.branch("CI_MERGE_REQUEST_TARGET_BRANCH_NAME"),
        "`CI_MERGE_REQUEST_TARGET_BRANCH_NAME`",
    )
}

/// A pull request on GitHub of a repository that GitLab mirrors.
fn of_external_pull_request(environment: CiEnvironment<'_>) -> PullRequest {
    let branch = environment.branch("CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME");
    let source = "`CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME`";
    PullRequest {
        origin: Origin::compare(
            environment.get("CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY").as_deref(),
            environment.get("CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY").as_deref(),
            branch.map(|value| Sourced { value, source }),
        ),
        head: environment.commit("CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_SHA"),
        ..PullRequest::of_unknown_origin(environment.number("CI_EXTERNAL_PULL_REQUEST_IID"))
    }
    .onto_commit(
        environment.commit("CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_SHA"),
        "`CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_SHA`",
    )
    .into_branch(
        environment.branch("CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_NAME"),
        "`CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_NAME`",
    )
}
