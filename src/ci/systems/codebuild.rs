//! <https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html>, and for the forms of a source version
//! <https://docs.aws.amazon.com/codebuild/latest/userguide/sample-source-version.html>

use crate::ci::environment::CiEnvironment;
use crate::ci::run::{Event, PullRequest, Run};
use crate::ci::{Source, Sourced};
use crate::model::{BranchName, CommitId};

/// Nothing says whether a pull request comes from a fork. In a pipeline of CodePipeline there are no variables of a webhook.
pub(super) fn read(environment: CiEnvironment<'_>) -> Run {
    let initiator = environment.get("CODEBUILD_INITIATOR");
    Run {
        commit: environment.commit("CODEBUILD_RESOLVED_SOURCE_VERSION"),
        event: event(environment),
        previous: environment.abbreviated_commit("CODEBUILD_WEBHOOK_PREV_COMMIT"),
        id: None,
        node: None,
        job: environment.get("CODEBUILD_BUILD_ID"),
        repository_url: environment.get("CODEBUILD_SOURCE_REPO_URL"),
        is_of_codepipeline: initiator.is_some_and(|initiator| initiator.starts_with("codepipeline/")),
    }
}

fn event(environment: CiEnvironment<'_>) -> Event {
    let is_pull_request =
        environment.get("CODEBUILD_WEBHOOK_EVENT").is_some_and(|event| event.starts_with("PULL_REQUEST"));
    let trigger = environment.get("CODEBUILD_WEBHOOK_TRIGGER");
    let number = trigger.as_deref().and_then(|trigger| trigger.strip_prefix("pr/"));
    if is_pull_request || number.is_some() {
        return PullRequest::of_unknown_origin(number.and_then(|number| number.parse().ok()))
            .into_branch(environment.branch("CODEBUILD_WEBHOOK_BASE_REF"))
            .into();
    }
    if let Some(head) = environment.get("CODEBUILD_WEBHOOK_HEAD_REF") {
        return Event::reference(&head, Source::Variable("CODEBUILD_WEBHOOK_HEAD_REF"));
    }
    environment.get("CODEBUILD_SOURCE_VERSION").map_or(Event::Unknown, |version| source_version(&version))
}

/// What a build that no webhook started is for: `main`, `refs/heads/main`, `refs/heads/main^{<commit>}`, `refs/tags/v1`,
/// `pr/7`, a commit, or the address of an object of S3.
fn source_version(version: &str) -> Event {
    let source = Source::Variable("CODEBUILD_SOURCE_VERSION");
    let name = version.split_once("^{").map_or(version, |(name, _)| name);
    let pull_request = ["pr/", "refs/pull/"].iter().find_map(|prefix| name.strip_prefix(prefix));
    if let Some(rest) = pull_request {
        let number = rest.split('/').next().and_then(|number| number.parse().ok());
        return PullRequest::of_unknown_origin(number).into();
    }
    if name.starts_with("refs/") {
        return Event::reference(name, source);
    }
    if name.starts_with("arn:") || name.contains("s3.amazonaws.com") || name.parse::<CommitId>().is_ok() {
        return Event::Unknown;
    }
    Event::branch(Sourced { value: BranchName::new(name), source })
}
