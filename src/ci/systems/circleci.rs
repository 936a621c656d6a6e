//! <https://circleci.com/docs/reference/variables/>

use crate::ci::Sourced;
use crate::ci::environment::CiEnvironment;
use crate::ci::run::{Event, Origin, PullRequest, Run};

/// Variables that are there for pull requests of forks only.
const OF_FORK: [&str; 3] = ["CIRCLE_PR_NUMBER", "CIRCLE_PR_USERNAME", "CIRCLE_PR_REPONAME"];

/// Nothing says what a pull request is to be merged into. The address of the comparison is there with configurations of version
/// 2 only; later ones have the pipeline value `pipeline.git.base_revision`, to be passed as `CHINAMPA_PREVIOUS`.
pub(super) fn read(environment: CiEnvironment<'_>) -> Run {
    Run {
        commit: Sourced::of_commit(environment, "CIRCLE_SHA1", "`CIRCLE_SHA1`"),
        event: event(environment),
        previous: environment.get("CIRCLE_COMPARE_URL").as_deref().and_then(previous),
        job: environment.get("CIRCLE_JOB"),
        repository_url: environment.get("CIRCLE_REPOSITORY_URL"),
        is_of_codepipeline: false,
    }
}

fn event(environment: CiEnvironment<'_>) -> Event {
    let branch = environment.branch("CIRCLE_BRANCH");
    if environment.first(&OF_FORK).is_some() {
        let address = environment.get("CIRCLE_PULL_REQUEST");
        let of_address = || address.as_deref()?.rsplit_once('/')?.1.parse().ok();
        let number = environment.number("CIRCLE_PR_NUMBER").or_else(of_address);
        return PullRequest { origin: Origin::Fork, ..PullRequest::of_unknown_origin(number) }.into();
    }
    if let Some(tag) = environment.get("CIRCLE_TAG") {
        return Event::tag(tag, "`CIRCLE_TAG`");
    }
    match branch {
        // A pull request of a fork is built under this name, also where the variables above are not set.
        Some(branch) if branch.as_str().starts_with("pull/") => {
            let number = branch.as_str().trim_start_matches("pull/").split('/').next();
            let number = number.and_then(|number| number.parse().ok());
            PullRequest::of_unknown_origin(number).into()
        }
        Some(branch) => Event::branch(branch, "`CIRCLE_BRANCH`"),
        None => Event::Unknown,
    }
}

fn previous(address: &str) -> Option<Sourced<String>> {
    let (_, range) = address.rsplit_once("/compare/")?;
    let (older, _) = range.split_once("..")?;
    // Of a new branch it is the parent of the first commit, written with a `^`: nothing was built there.
    Sourced::abbreviated_commit(older, "`CIRCLE_COMPARE_URL`")
}
