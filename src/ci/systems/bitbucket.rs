//! <https://support.atlassian.com/bitbucket-cloud/docs/variables-and-secrets/>
//!
//! The pipeline of a pull request merges the target into the head, in a commit of its own. There is none for pull requests of
//! forks: <https://support.atlassian.com/bitbucket-cloud/docs/pipeline-start-conditions/>

use crate::ci::environment::CiEnvironment;
use crate::ci::run::{Event, Origin, PullRequest, Run};

pub(super) fn read(environment: CiEnvironment<'_>) -> Run {
    Run {
        commit: environment.commit("BITBUCKET_COMMIT"),
        event: event(environment),
        previous: None,
        id: environment.joined(&["BITBUCKET_PIPELINE_UUID", "BITBUCKET_STEP_RUN_NUMBER"]),
        node: None,
        job: environment.get("BITBUCKET_STEP_UUID"),
        repository_url: environment.get("BITBUCKET_GIT_HTTP_ORIGIN"),
        is_of_codepipeline: false,
    }
}

fn event(environment: CiEnvironment<'_>) -> Event {
    let branch = environment.branch("BITBUCKET_BRANCH");
    if environment.get("BITBUCKET_PR_ID").is_some() {
        let origin = branch.map_or(Origin::Unknown, Origin::SameRepository);
        let number = environment.number("BITBUCKET_PR_ID");
        let head = environment.commit("BITBUCKET_COMMIT").map(|head| head.value);
        return PullRequest { origin, head, ..PullRequest::of_unknown_origin(number) }
            .into_branch(environment.branch("BITBUCKET_PR_DESTINATION_BRANCH"))
            .into();
    }
    Event::tag_or_branch(environment.text("BITBUCKET_TAG"), branch)
}
