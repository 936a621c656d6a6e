//! <https://docs.github.com/actions/reference/workflows-and-actions/variables>,
//! <https://docs.github.com/actions/reference/workflows-and-actions/events-that-trigger-workflows> and, for the payload of an
//! event, <https://docs.github.com/webhooks/webhook-events-and-payloads>.
//!
//! Gitea (<https://docs.gitea.com/usage/actions/overview>) and Forgejo (<https://forgejo.org/docs/latest/user/actions/reference/>)
//! set the same variables. A pull request's `GITHUB_REF` is `refs/pull/<number>/head` there.

use serde_json::Value;

use crate::ci::Sourced;
use crate::ci::environment::CiEnvironment;
use crate::ci::is_placeholder;
use crate::ci::run::{Event, Origin, PullRequest, Run, Target};
use crate::model::{BranchName, CommitId};

pub(super) fn read(environment: CiEnvironment<'_>) -> Run {
    let payload = environment.file_at("GITHUB_EVENT_PATH");
    let payload: Value = payload.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let payload = Payload(&payload);
    let own = environment.get("GITHUB_REPOSITORY");
    let event_name = environment.get("GITHUB_EVENT_NAME").unwrap_or_default();
    let commit = Sourced::of_commit(environment, "GITHUB_SHA", "`GITHUB_SHA`");
    // These run the workflow of the default branch, and `GITHUB_SHA` and `GITHUB_REF` are of that, for a head of somebody else.
    let (commit, event) = match event_name.as_str() {
        "pull_request_target" => (None, payload.pull_request(environment, own.as_deref()).into()),
        "workflow_run" => (None, payload.workflow_run(own.as_deref())),
        "issue_comment" => (None, PullRequest::of_unknown_origin(payload.number("/issue/number")).into()),
        _ if payload.0.pointer("/pull_request").is_some() || is_pull_request(environment, &event_name) => {
            (commit, payload.pull_request(environment, own.as_deref()).into())
        }
        _ => (
            commit,
            of_reference(environment).with_queue_base(payload.commit(
                "/merge_group/base_sha",
                "`merge_group.base_sha` in the file that `GITHUB_EVENT_PATH` names",
            )),
        ),
    };
    let before = payload.text("/before").filter(|before| !is_placeholder(before));
    let server = environment.get("GITHUB_SERVER_URL");
    Run {
        commit,
        event,
        previous: before.and_then(|before| {
            Sourced::abbreviated_commit(before, "`before` in the file that `GITHUB_EVENT_PATH` names")
        }),
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
        return Event::reference(&name, "`GITHUB_REF`");
    }
    match environment.get("GITHUB_REF_NAME") {
        Some(name) if environment.is("GITHUB_REF_TYPE", "tag") => Event::tag(name, "`GITHUB_REF_NAME`"),
        Some(name) => Event::branch(BranchName::new(name), "`GITHUB_REF_NAME`"),
        None => Event::Unknown,
    }
}

/// The event, as the webhook sends it.
struct Payload<'p>(&'p Value);

impl Payload<'_> {
    fn text(&self, pointer: &str) -> Option<&str> {
        self.0.pointer(pointer)?.as_str()
    }

    fn number(&self, pointer: &str) -> Option<crate::ci::PullRequestNumber> {
        self.0.pointer(pointer)?.as_u64().map(Into::into)
    }

    fn commit(&self, pointer: &str, source: &'static str) -> Option<Sourced<CommitId>> {
        let text = self.text(pointer).filter(|text| !is_placeholder(text))?;
        Some(Sourced { value: text.parse().ok()?, source })
    }

    fn branch(&self, pointer: &str, source: &'static str) -> Option<Sourced<BranchName>> {
        self.text(pointer).map(|name| Sourced { value: BranchName::new(name), source })
    }

    fn pull_request(&self, environment: CiEnvironment<'_>, own: Option<&str>) -> PullRequest {
        let of_payload = self.branch(
            "/pull_request/head/ref",
            "`pull_request.head.ref` in the file that `GITHUB_EVENT_PATH` names",
        );
        let of_variable = || {
            environment.branch("GITHUB_HEAD_REF").map(|value| Sourced { value, source: "`GITHUB_HEAD_REF`" })
        };
        let base = self.commit(
            "/pull_request/base/sha",
            "`pull_request.base.sha` in the file that `GITHUB_EVENT_PATH` names",
        );
        let base = base.map(|base| Sourced { value: Target::Commit(base.value), source: base.source });
        let of_base = self.branch(
            "/pull_request/base/ref",
            "`pull_request.base.ref` in the file that `GITHUB_EVENT_PATH` names",
        );
        let pull_request = PullRequest {
            number: self.number("/pull_request/number").or_else(|| self.number("/number")),
            origin: Origin::compare(
                own,
                self.text("/pull_request/head/repo/full_name"),
                of_payload.or_else(of_variable),
            ),
            head: self.commit("/pull_request/head/sha", "").map(|head| head.value),
            targets: base.into_iter().collect(),
        };
        match environment.branch("GITHUB_BASE_REF") {
            Some(branch) => pull_request.into_branch(Some(branch), "`GITHUB_BASE_REF`"),
            None => {
                let source = "`pull_request.base.ref` in the file that `GITHUB_EVENT_PATH` names";
                pull_request.into_branch(of_base.map(|base| base.value), source)
            }
        }
    }

    /// A run that another run started when it ended.
    ///
    /// Its `head_branch` is a tag's name where the other was of a tag, so it counts only for pull requests.
    fn workflow_run(&self, own: Option<&str>) -> Event {
        let of_head = self.text("/workflow_run/head_repository/full_name");
        let branch = self.branch(
            "/workflow_run/head_branch",
            "`workflow_run.head_branch` in the file that `GITHUB_EVENT_PATH` names",
        );
        let of_pull_request =
            self.text("/workflow_run/event").is_some_and(|event| event.starts_with("pull_request"));
        let origin = Origin::compare(own, of_head, branch);
        if matches!(origin, Origin::SameRepository(_)) && !of_pull_request {
            return Event::Unknown;
        }
        PullRequest {
            number: self.number("/workflow_run/pull_requests/0/number"),
            origin,
            head: self.commit("/workflow_run/head_sha", "").map(|head| head.value),
            targets: Vec::new(),
        }
        .into()
    }
}
