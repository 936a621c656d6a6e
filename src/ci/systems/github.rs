//! <https://docs.github.com/actions/reference/workflows-and-actions/variables>,
//! <https://docs.github.com/actions/reference/workflows-and-actions/events-that-trigger-workflows> and, for the payload of an
//! event, <https://docs.github.com/webhooks/webhook-events-and-payloads>.
//!
//! Gitea (<https://docs.gitea.com/usage/actions/overview>) and Forgejo (<https://forgejo.org/docs/latest/user/actions/reference/>)
//! set the same variables. A pull request's `GITHUB_REF` is `refs/pull/<number>/head` there.

use serde_json::Value;

use crate::ci::environment::{CiEnvironment, abbreviated_commit};
use crate::ci::run::{Event, Origin, PullRequest, Run};
use crate::ci::{PullRequestNumber, Source, Sourced, is_placeholder};
use crate::model::{BranchName, CommitId};

pub(super) fn read(environment: CiEnvironment<'_>) -> Run {
    let payload = environment.file_at("GITHUB_EVENT_PATH");
    let payload = Payload(payload.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default());
    let own = environment.get("GITHUB_REPOSITORY");
    let event_name = environment.get("GITHUB_EVENT_NAME").unwrap_or_default();
    let commit = environment.commit("GITHUB_SHA");
    // These run the workflow of the default branch, and `GITHUB_SHA` and `GITHUB_REF` are of that, for a head of somebody else.
    let (commit, event) = match event_name.as_str() {
        "pull_request_target" => (None, payload.pull_request(environment, own.as_deref()).into()),
        "workflow_run" => (None, payload.workflow_run(own.as_deref())),
        "issue_comment" => (None, PullRequest::of_unknown_origin(payload.number("issue.number")).into()),
        _ if payload.has("pull_request") || is_pull_request(environment, &event_name) => {
            (commit, payload.pull_request(environment, own.as_deref()).into())
        }
        _ => {
            let queue_base = payload.commit("merge_group.base_sha");
            (commit, of_reference(environment).with_queue_base(queue_base))
        }
    };
    let server = environment.get("GITHUB_SERVER_URL");
    Run {
        commit,
        event,
        previous: payload.text("before").and_then(|before| before.try_map(|it| abbreviated_commit(&it))),
        id: environment.joined(&["GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT"]),
        node: None,
        job: environment.get("GITHUB_JOB"),
        repository_url: server.zip(own).map(|(server, repository)| format!("{server}/{repository}")),
        is_of_codepipeline: false,
    }
}

/// Whether the variables alone say so: the payload may be unreadable.
fn is_pull_request(environment: CiEnvironment<'_>, event_name: &str) -> bool {
    event_name.starts_with("pull_request")
        || environment.get("GITHUB_HEAD_REF").is_some()
        || environment.get("GITHUB_REF").is_some_and(|name| name.starts_with("refs/pull/"))
}

fn of_reference(environment: CiEnvironment<'_>) -> Event {
    if let Some(name) = environment.get("GITHUB_REF") {
        return Event::reference(&name, Source::Variable("GITHUB_REF"));
    }
    let is_tag = environment.is("GITHUB_REF_TYPE", "tag");
    let tag = environment.text("GITHUB_REF_NAME").filter(|_| is_tag);
    Event::tag_or_branch(tag, environment.branch("GITHUB_REF_NAME"))
}

/// The event, as the webhook sends it. Fields are named with a dot between them.
struct Payload(Value);

impl Payload {
    fn field(&self, name: &str) -> Option<&Value> {
        self.0.pointer(&format!("/{}", name.replace('.', "/")))
    }

    fn has(&self, name: &str) -> bool {
        self.field(name).is_some()
    }

    fn text(&self, name: &'static str) -> Option<Sourced<String>> {
        let value = self.field(name)?.as_str().filter(|text| !is_placeholder(text))?;
        Some(Sourced { value: value.to_owned(), source: Source::Payload(name) })
    }

    fn number(&self, name: &str) -> Option<PullRequestNumber> {
        self.field(name)?.as_u64().map(Into::into)
    }

    fn commit(&self, name: &'static str) -> Option<Sourced<CommitId>> {
        self.text(name)?.try_map(|text| text.parse().ok())
    }

    fn branch(&self, name: &'static str) -> Option<Sourced<BranchName>> {
        self.text(name)?.try_map(|text| Some(BranchName::new(text)))
    }

    fn pull_request(&self, environment: CiEnvironment<'_>, own: Option<&str>) -> PullRequest {
        let of_head = self.text("pull_request.head.repo.full_name");
        let branch = self.branch("pull_request.head.ref").or_else(|| environment.branch("GITHUB_HEAD_REF"));
        let target = environment.branch("GITHUB_BASE_REF").or_else(|| self.branch("pull_request.base.ref"));
        PullRequest {
            origin: Origin::compare(own, of_head.as_ref().map(|it| it.value.as_str()), branch),
            head: self.commit("pull_request.head.sha").map(|head| head.value),
            ..PullRequest::of_unknown_origin(
                self.number("pull_request.number").or_else(|| self.number("number")),
            )
        }
        .onto_commit(self.commit("pull_request.base.sha"))
        .into_branch(target)
    }

    /// A run that another run started when it ended.
    ///
    /// Its `head_branch` is a tag's name where the other was of a tag, so it counts only for pull requests.
    fn workflow_run(&self, own: Option<&str>) -> Event {
        let of_head = self.text("workflow_run.head_repository.full_name");
        let branch = self.branch("workflow_run.head_branch");
        let origin = Origin::compare(own, of_head.as_ref().map(|it| it.value.as_str()), branch);
        let event = self.text("workflow_run.event");
        let is_of_pull_request = event.is_some_and(|event| event.value.starts_with("pull_request"));
        if matches!(origin, Origin::SameRepository(_)) && !is_of_pull_request {
            return Event::Unknown;
        }
        PullRequest {
            origin,
            head: self.commit("workflow_run.head_sha").map(|head| head.value),
            ..PullRequest::of_unknown_origin(self.number("workflow_run.pull_requests.0.number"))
        }
        .into()
    }
}
