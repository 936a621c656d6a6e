//! What each CI sets in its jobs, after the documentation that the modules of `src/ci/systems` name.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::{Event, System};

const REPOSITORY: &str = "https://github.com/acme/shop.git";

impl Event {
    /// The commit that a CI checks out.
    pub(super) fn commit(&self, system: System) -> &str {
        match self {
            Self::Push { commit } | Self::Tag { commit, .. } => commit,
            // Merged results are what GitLab's pipelines of merge requests are for.
            Self::ForkPullRequest { merge, .. } if matches!(system, System::GitHub | System::GitLab) => merge,
            Self::ForkPullRequest { head, .. } => head,
        }
    }

    /// The tag that was pushed.
    fn tag(&self) -> Option<&str> {
        match self {
            Self::Tag { tag, .. } => Some(tag),
            Self::Push { .. } | Self::ForkPullRequest { .. } => None,
        }
    }

    /// The full name of what was pushed, or of the branch of a pull request.
    pub(super) fn head(&self) -> String {
        self.tag().map_or_else(|| "refs/heads/main".to_owned(), |tag| format!("refs/tags/{tag}"))
    }

    /// The context `github`.
    pub(super) fn github(&self) -> Value {
        let commit = self.commit(System::GitHub);
        let (name, reference, payload) = match self {
            Self::Push { commit } | Self::Tag { commit, .. } => {
                ("push", self.head(), json!({ "after": commit }))
            }
            Self::ForkPullRequest { head, .. } => {
                let head = json!({ "sha": head, "ref": "main", "repo": { "full_name": "mallory/shop" } });
                let pull_request = json!({ "number": 7, "head": head, "base": { "ref": "main" } });
                let payload = json!({ "number": 7, "pull_request": pull_request });
                ("pull_request", "refs/pull/7/merge".to_owned(), payload)
            }
        };
        json!({
            "event_name": name, "event": payload, "repository": "acme/shop", "ref": reference, "sha": commit,
            "workflow": "images",
        })
    }

    /// The variables of a job; files that they name are put into the folder.
    pub(super) fn variables(&self, system: System, job: &str, folder: &Path) -> Vec<(String, String)> {
        let commit = self.commit(system);
        let is_pull_request = matches!(self, Self::ForkPullRequest { .. });
        let if_pull_request = |value: &'static str| if is_pull_request { value } else { "" };
        let tag = self.tag().unwrap_or_default().to_owned();
        // A run of a tag is on no branch.
        let branch = |of_pull_request: &'static str| match self {
            Self::Push { .. } => "main".to_owned(),
            Self::Tag { .. } => String::new(),
            Self::ForkPullRequest { .. } => of_pull_request.to_owned(),
        };
        let file = |name: &str| folder.join(name).display().to_string();
        let variables: Vec<(&str, String)> = match system {
            System::CircleCi => vec![
                ("CI", "true".to_owned()),
                ("CIRCLECI", "true".to_owned()),
                ("CIRCLE_SHA1", commit.to_owned()),
                ("CIRCLE_BRANCH", branch("pull/7")),
                ("CIRCLE_TAG", tag),
                ("CIRCLE_REPOSITORY_URL", "git@github.com:acme/shop.git".to_owned()),
                ("CIRCLE_JOB", job.to_owned()),
                ("CIRCLE_PR_NUMBER", if_pull_request("7").to_owned()),
                ("CIRCLE_PR_USERNAME", if_pull_request("mallory").to_owned()),
                ("CIRCLE_PR_REPONAME", if_pull_request("shop").to_owned()),
                ("BASH_ENV", file("bash.env")),
            ],
            System::GitHub => {
                let github = self.github();
                fs::write(folder.join("event.json"), github["event"].to_string()).unwrap();
                let text = |key: &str| github[key].as_str().unwrap().to_owned();
                let name = text("ref").splitn(3, '/').last().unwrap().to_owned();
                vec![
                    ("CI", "true".to_owned()),
                    ("GITHUB_ACTIONS", "true".to_owned()),
                    ("GITHUB_EVENT_NAME", text("event_name")),
                    ("GITHUB_EVENT_PATH", file("event.json")),
                    ("GITHUB_SHA", commit.to_owned()),
                    ("GITHUB_REF", text("ref")),
                    ("GITHUB_REF_NAME", name),
                    ("GITHUB_REF_TYPE", if tag.is_empty() { "branch" } else { "tag" }.to_owned()),
                    ("GITHUB_HEAD_REF", if_pull_request("main").to_owned()),
                    ("GITHUB_BASE_REF", if_pull_request("main").to_owned()),
                    ("GITHUB_SERVER_URL", "https://github.com".to_owned()),
                    ("GITHUB_REPOSITORY", text("repository")),
                    ("GITHUB_JOB", job.to_owned()),
                    ("GITHUB_OUTPUT", file("output")),
                    ("GITHUB_ENV", file("environment")),
                    ("GITHUB_PATH", file("path")),
                    ("GITHUB_STEP_SUMMARY", file("summary")),
                    ("RUNNER_TEMP", file("tmp")),
                ]
            }
            System::GitLab => {
                let head = match self {
                    Self::ForkPullRequest { head, .. } => head,
                    Self::Push { .. } | Self::Tag { .. } => "",
                };
                vec![
                    ("CI", "true".to_owned()),
                    ("GITLAB_CI", "true".to_owned()),
                    ("CI_COMMIT_SHA", commit.to_owned()),
                    ("CI_COMMIT_BRANCH", branch("")),
                    ("CI_COMMIT_TAG", tag),
                    ("CI_DEFAULT_BRANCH", "main".to_owned()),
                    ("CI_PROJECT_URL", "https://gitlab.example/acme/shop".to_owned()),
                    ("CI_JOB_NAME", job.to_owned()),
                    ("CI_MERGE_REQUEST_IID", if_pull_request("7").to_owned()),
                    ("CI_MERGE_REQUEST_PROJECT_ID", if_pull_request("1").to_owned()),
                    ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", if_pull_request("2").to_owned()),
                    ("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", if_pull_request("main").to_owned()),
                    ("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", head.to_owned()),
                    ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", if_pull_request("main").to_owned()),
                ]
            }
            System::Buildkite => vec![
                ("CI", "true".to_owned()),
                ("BUILDKITE", "true".to_owned()),
                ("BUILDKITE_COMMIT", commit.to_owned()),
                ("BUILDKITE_BRANCH", if tag.is_empty() { branch("mallory:main") } else { tag.clone() }),
                ("BUILDKITE_TAG", tag),
                ("BUILDKITE_REPO", "git@github.com:acme/shop.git".to_owned()),
                ("BUILDKITE_STEP_KEY", job.to_owned()),
                ("BUILDKITE_JOB_ID", "0190046e-e199-453b-a302-a21a4d649d31".to_owned()),
                ("BUILDKITE_PULL_REQUEST", if is_pull_request { "7" } else { "false" }.to_owned()),
                (
                    "BUILDKITE_PULL_REQUEST_REPO",
                    if_pull_request("git://github.com/mallory/shop.git").to_owned(),
                ),
                ("BUILDKITE_PULL_REQUEST_BASE_BRANCH", if_pull_request("main").to_owned()),
            ],
            System::CodeBuild => vec![
                ("CODEBUILD_BUILD_ID", format!("shop:{job}")),
                ("CODEBUILD_RESOLVED_SOURCE_VERSION", commit.to_owned()),
                ("CODEBUILD_SOURCE_VERSION", commit.to_owned()),
                ("CODEBUILD_SOURCE_REPO_URL", REPOSITORY.to_owned()),
            ],
        };
        let set = variables.into_iter().filter(|(_, value)| !value.is_empty());
        set.map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// What a build of CodeBuild has besides if a webhook has started it.
    pub(super) fn webhook(&self) -> Vec<(String, String)> {
        let (event, trigger) = match self {
            Self::Push { .. } => ("PUSH", "branch/main".to_owned()),
            Self::Tag { tag, .. } => ("PUSH", format!("tag/{tag}")),
            Self::ForkPullRequest { .. } => ("PULL_REQUEST_CREATED", "pr/7".to_owned()),
        };
        let mut variables = vec![
            ("CODEBUILD_WEBHOOK_EVENT", event.to_owned()),
            ("CODEBUILD_WEBHOOK_TRIGGER", trigger),
            ("CODEBUILD_WEBHOOK_HEAD_REF", self.head()),
        ];
        if matches!(self, Self::ForkPullRequest { .. }) {
            variables.push(("CODEBUILD_SOURCE_VERSION", "pr/7".to_owned()));
            variables.push(("CODEBUILD_WEBHOOK_BASE_REF", "refs/heads/main".to_owned()));
        }
        variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}
