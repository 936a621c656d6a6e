//! <https://circleci.com/docs/reference/variables/>

use crate::ci::environment::{CiEnvironment, abbreviated_commit};
use crate::ci::run::{Event, PullRequest, Run};

/// Variables that are there for pull requests of forks only.
const OF_FORK: [&str; 3] = ["CIRCLE_PR_NUMBER", "CIRCLE_PR_USERNAME", "CIRCLE_PR_REPONAME"];

/// Nothing says what a pull request is to be merged into. The address of the comparison is there with configurations of version
/// 2 only; later ones have the pipeline value `pipeline.git.base_revision`, to be passed as `CHINAMPA_PREVIOUS`.
pub(super) fn read(environment: CiEnvironment<'_>) -> Run {
    let compared = environment.text("CIRCLE_COMPARE_URL");
    Run {
        commit: environment.commit("CIRCLE_SHA1"),
        event: event(environment),
        previous: compared.and_then(|compared| compared.try_map(|address| previous(&address))),
        id: environment.get("CIRCLE_WORKFLOW_ID"),
        node: environment.text_of("CIRCLE_NODE_INDEX"),
        job: environment.get("CIRCLE_JOB"),
        repository_url: environment.get("CIRCLE_REPOSITORY_URL"),
        is_of_codepipeline: false,
    }
}

fn event(environment: CiEnvironment<'_>) -> Event {
    if environment.first(&OF_FORK).is_some() {
        let address = environment.get("CIRCLE_PULL_REQUEST");
        let of_address = || address.as_deref()?.rsplit_once('/')?.1.parse().ok();
        let number = environment.number("CIRCLE_PR_NUMBER").or_else(of_address);
        return PullRequest::of_fork(number).into();
    }
    let (tag, branch) = (environment.text("CIRCLE_TAG"), environment.branch("CIRCLE_BRANCH"));
    match &branch {
        // A pull request of a fork is built under this name, also where the variables above are not set.
        Some(branch) if tag.is_none() && branch.value.as_str().starts_with("pull/") => {
            let number = branch.value.as_str().split('/').nth(1).and_then(|number| number.parse().ok());
            PullRequest::of_unknown_origin(number).into()
        }
        _ => Event::tag_or_branch(tag, branch),
    }
}

fn previous(address: &str) -> Option<String> {
    let (_, range) = address.rsplit_once("/compare/")?;
    let (older, _) = range.split_once("..")?;
    // Of a new branch it is the parent of the first commit, written with a `^`: nothing was built there.
    abbreviated_commit(older)
}
