//! <https://learn.microsoft.com/azure/devops/pipelines/build/variables>

use crate::ci::Source;
use crate::ci::environment::CiEnvironment;
use crate::ci::run::{Event, Origin, PullRequest, Run};

pub(super) fn read(environment: CiEnvironment<'_>) -> Run {
    Run {
        commit: environment.commit("BUILD_SOURCEVERSION"),
        event: event(environment),
        previous: None,
        id: environment.joined(&["BUILD_BUILDID", "SYSTEM_JOBATTEMPT"]),
        node: environment.get("SYSTEM_JOBPOSITIONINPHASE"),
        job: environment.first(&["SYSTEM_JOBNAME", "AGENT_JOBNAME"]),
        repository_url: environment.get("BUILD_REPOSITORY_URI"),
        is_of_codepipeline: false,
    }
}

fn event(environment: CiEnvironment<'_>) -> Event {
    let reference = environment.get("BUILD_SOURCEBRANCH").unwrap_or_default();
    let is_pull_request = environment.is("BUILD_REASON", "PullRequest")
        || environment.get("SYSTEM_PULLREQUEST_PULLREQUESTID").is_some()
        || reference.starts_with("refs/pull/");
    if !is_pull_request {
        return Event::reference(&reference, Source::Variable("BUILD_SOURCEBRANCH"));
    }
    let is_fork = |word| environment.is("SYSTEM_PULLREQUEST_ISFORK", word);
    let origin = match environment.branch("SYSTEM_PULLREQUEST_SOURCEBRANCH") {
        _ if is_fork("true") => Origin::Fork,
        Some(branch) if is_fork("false") => Origin::SameRepository(branch),
        _ => Origin::Unknown,
    };
    // Of a pull request on GitHub, the id is another number than the one that people know.
    let number = environment
        .number("SYSTEM_PULLREQUEST_PULLREQUESTNUMBER")
        .or_else(|| environment.number("SYSTEM_PULLREQUEST_PULLREQUESTID"));
    PullRequest {
        origin,
        head: environment.commit("SYSTEM_PULLREQUEST_SOURCECOMMITID").map(|head| head.value),
        ..PullRequest::of_unknown_origin(number)
    }
    .into_branch(environment.branch("SYSTEM_PULLREQUEST_TARGETBRANCH"))
    .into()
}
