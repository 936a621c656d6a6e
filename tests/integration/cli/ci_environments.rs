//! What each CI sets for each event, after its documentation, and the history that it is about.

use crate::support::world::World;

pub(crate) const ZEROS: &str = "0000000000000000000000000000000000000000";
const MANIFEST: &str = "workspace.name = \"shop\"\n[projects.api]\npath = \"api\"\n\
    [deploy]\nkind = \"oci\"\nhost = \"127.0.0.1:1\"\n[environments.prod]\nbranch = \"**\"\n";

/// `main` has M0 to M3. T1 and T2 come after M1: the pull request, from the branch `topic` here or from the branch `main` of
/// a fork. `merge` is T2 merged into M3, `merge-back` M3 merged into T2, `rewritten` what `topic` was before. Nothing names
/// `other`.
pub(crate) struct History {
    pub(crate) origin: World,
    commits: Vec<(&'static str, String)>,
}

impl History {
    pub(crate) fn new() -> Self {
        let origin = World::of(&[("projects.toml", MANIFEST), ("api/Dockerfile", "FROM scratch\n")]);
        let mut commits = Vec::new();
        let mut commit = |name: &'static str, parent: &str| {
            if !parent.is_empty() {
                origin.git(["checkout", "-q", "--detach", parent]);
            }
            let id = origin.write("api/f", name).write(&format!("api/{name}"), name).commit();
            origin.git(["tag", "-f", &format!("at/{name}"), &id]);
            commits.push((name, id));
        };
        commit("M0", "");
        for (name, parent) in [
            ("M1", "at/M0"),
            ("M2", "at/M1"),
            ("M3", "at/M2"),
            ("T1", "at/M1"),
            ("T2", "at/T1"),
            ("rewritten", "at/M1"),
            ("other", "at/M0"),
        ] {
            commit(name, parent);
        }
        for (name, onto, merged) in [("merge", "at/M3", "at/T2"), ("merge-back", "at/T2", "at/M3")] {
            origin.git(["checkout", "-q", "--detach", onto]);
            origin.git(["merge", "-q", "--no-ff", "-X", "ours", "-m", "merge", merged]);
            commits.push((name, origin.git(["rev-parse", "HEAD"])));
            origin.git(["branch", name]);
        }
        for (branch, tip) in
            [("main", "at/M3"), ("topic", "at/T2"), ("rewritten", "at/rewritten"), ("other", "at/other")]
        {
            origin.git(["branch", "-f", branch, tip]);
        }
        for (name, _) in &commits {
            if !name.starts_with("merge") {
                origin.git(["tag", "-d", &format!("at/{name}")]);
            }
        }
        // Any commit can be asked for, as with the services that host repositories.
        origin.git(["config", "uploadpack.allowAnySHA1InWant", "true"]);
        Self { origin, commits }
    }

    pub(crate) fn id(&self, name: &str) -> &str {
        &self.commits.iter().find(|(known, _)| *known == name).unwrap().1
    }

    pub(crate) fn name(&self, id: &str) -> &'static str {
        self.commits.iter().find(|(_, known)| known == id).map_or("another commit", |(name, _)| name)
    }

    /// A clone with a detached head: of all branches with their history, or of so many commits of the head's.
    pub(crate) fn clone_at(&self, head: &str, depth: Option<u32>) -> World {
        let source = format!("file://{}", self.origin.path().display());
        let clone = World::new();
        clone.git(["remote", "add", "origin", &source]);
        match depth {
            Some(depth) => clone.git(["fetch", "-q", &format!("--depth={depth}"), "origin", self.id(head)]),
            None => clone.git(["fetch", "-q", "origin"]),
        };
        clone.git(["checkout", "-q", "--detach", self.id(head)]);
        clone
    }
}

/// What a CI runs for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// T2 was pushed onto T1, on `topic`.
    Push,
    /// `topic` is new.
    NewBranch,
    /// `topic` was `rewritten` before.
    ForcePush,
    /// The tag `main`, of T2.
    Tag,
    /// On `main`, at M3.
    Schedule,
    /// A person started it, on `main`, at M3.
    ByHand,
    /// The push of M2 onto M1, on `main`, though M3 is there by now.
    Rerun,
    /// T2 of `topic`, into `main`.
    PullRequest,
    /// T2 of the branch `main` of a fork, into `main`.
    ForkPullRequest,
    /// `merge`, on a branch of a merge queue.
    MergeQueue,
}

pub(crate) const EVENTS: [Event; 10] = [
    Event::Push,
    Event::NewBranch,
    Event::ForcePush,
    Event::Tag,
    Event::Schedule,
    Event::ByHand,
    Event::Rerun,
    Event::PullRequest,
    Event::ForkPullRequest,
    Event::MergeQueue,
];

pub(crate) const CIS: [&str; 17] = [
    "CircleCI",
    "GitHub",
    "Gitea",
    "GitLab",
    "GitLab mirror",
    "Buildkite",
    "CodeBuild",
    "CodeBuild by hand",
    "Jenkins",
    "Azure",
    "Bitbucket",
    "Drone",
    "Woodpecker",
    "Semaphore",
    "Travis",
    "Cloud Build",
    "TeamCity",
];

/// What a CI checks out and sets for an event.
pub(crate) struct Job {
    /// The commit that the job has checked out.
    pub(crate) head: &'static str,
    pub(crate) variables: Vec<(&'static str, String)>,
    /// Files by name; a variable whose value is `file:<name>` is set to where the file is.
    pub(crate) files: Vec<(&'static str, String)>,
}

/// The parts of an event that most CIs have a variable for.
struct Parts<'h> {
    event: Event,
    branch: &'static str,
    /// The commit of the event: of a pull request its newest.
    commit: &'h str,
    before: &'h str,
    /// T2 merged into M3.
    merge: &'h str,
    target: &'h str,
    is_pull_request: bool,
    is_fork: bool,
    queue: String,
}

impl Parts<'_> {
    fn when(&self, holds: bool, value: &str) -> String {
        if holds { value.to_owned() } else { String::new() }
    }

    fn is_tag(&self) -> bool {
        self.event == Event::Tag
    }

    /// The branch of a push.
    fn pushed(&self) -> String {
        let branch = if self.event == Event::MergeQueue { &self.queue } else { self.branch };
        self.when(!self.is_tag() && !self.is_pull_request, branch)
    }

    fn of_pull_request(&self, value: &str) -> String {
        self.when(self.is_pull_request, value)
    }

    fn number(&self) -> String {
        self.of_pull_request("7")
    }

    fn slug(&self) -> String {
        self.of_pull_request(if self.is_fork { "mallory/shop" } else { "acme/shop" })
    }

    /// The full name of the branch or tag that a push is for.
    fn reference(&self) -> String {
        if self.is_tag() { "refs/tags/main".to_owned() } else { format!("refs/heads/{}", self.pushed()) }
    }
}

/// `None` for what the CI doesn't have.
pub(crate) fn job(history: &History, ci: &str, event: Event) -> Option<Job> {
    let id = |name: &str| history.id(name);
    let (branch, head, before) = match event {
        Event::Push => ("topic", "T2", id("T1")),
        Event::NewBranch => ("topic", "T2", ""),
        Event::ForcePush => ("topic", "T2", id("rewritten")),
        Event::Tag => ("main", "T2", ""),
        Event::Schedule | Event::ByHand => ("main", "M3", ""),
        Event::Rerun => ("main", "M2", id("M1")),
        Event::PullRequest => ("topic", "T2", ""),
        Event::ForkPullRequest => ("main", "T2", ""),
        Event::MergeQueue => ("", "merge", ""),
    };
    let is_pull_request = matches!(event, Event::PullRequest | Event::ForkPullRequest);
    let parts = Parts {
        event,
        branch,
        commit: id(head),
        before,
        merge: id("merge"),
        target: id("M3"),
        is_pull_request,
        is_fork: event == Event::ForkPullRequest,
        queue: format!("gh-readonly-queue/main/pr-7-{}", id("M3")),
    };
    let merges = |name: &'static str| if is_pull_request { name } else { head };
    // GitHub has merge queues; it calls the webhooks of some of the others.
    let has_queue = ["CircleCI", "GitHub", "Buildkite", "CodeBuild", "Jenkins", "Semaphore", "TeamCity"];
    let has_event = match event {
        Event::MergeQueue => has_queue.contains(&ci),
        // Pull requests of forks run nothing there.
        Event::ForkPullRequest => ci != "Bitbucket",
        _ => true,
    };
    if !has_event || ci == "GitLab mirror" && !is_pull_request {
        return None;
    }
    let mut files = Vec::new();
    let (head, variables) = match ci {
        "CircleCI" => (head, circleci(&parts)),
        "GitHub" => {
            files.push(("event.json", github_event(history, &parts)));
            (merges("merge"), github(&parts, merges("merge") == "merge"))
        }
        "Gitea" => {
            files.push(("event.json", github_event(history, &parts)));
            (head, github(&parts, false))
        }
        "GitLab" => (merges("merge"), gitlab(history, &parts)),
        "GitLab mirror" => (head, gitlab_mirror(&parts)),
        "Buildkite" => (head, buildkite(&parts)),
        "CodeBuild" => (head, codebuild(&parts)),
        "CodeBuild by hand" => (head, codebuild_by_hand(&parts)),
        "Jenkins" => (head, jenkins(&parts)),
        "Azure" => (merges("merge"), azure(&parts)),
        "Bitbucket" => (merges("merge-back"), bitbucket(&parts)),
        "Drone" => (merges("merge"), drone(&parts)),
        "Woodpecker" => (head, woodpecker(&parts)),
        "Semaphore" => (merges("merge"), semaphore(&parts)),
        "Travis" => (merges("merge"), travis(&parts)),
        "Cloud Build" => (head, cloud_build(&parts)),
        "TeamCity" => {
            let parameters = "teamcity.configuration.properties.file=parameters.properties\n";
            files.push(("build.properties", parameters.to_owned()));
            files.push(("parameters.properties", teamcity_parameters(&parts)));
            let build = "file:build.properties".to_owned();
            let variables = vec![
                ("TEAMCITY_VERSION", "2026.1".to_owned()),
                ("BUILD_VCS_NUMBER", parts.commit.to_owned()),
                ("TEAMCITY_BUILD_PROPERTIES_FILE", build),
            ];
            (head, variables)
        }
        _ => panic!("{ci}"),
    };
    Some(Job { head, variables, files })
}

type Variables = Vec<(&'static str, String)>;

fn circleci(parts: &Parts<'_>) -> Variables {
    let compare = format!("https://github.com/acme/shop/compare/{}...{}", parts.before, parts.commit);
    let branch = if parts.is_pull_request { parts.branch.to_owned() } else { parts.pushed() };
    vec![
        ("CIRCLECI", "true".to_owned()),
        ("CIRCLE_SHA1", parts.commit.to_owned()),
        ("CIRCLE_BRANCH", branch),
        ("CIRCLE_TAG", parts.when(parts.is_tag(), "main")),
        ("CIRCLE_PULL_REQUEST", parts.of_pull_request("https://github.com/acme/shop/pull/7")),
        ("CIRCLE_PR_NUMBER", parts.when(parts.is_fork, "7")),
        ("CIRCLE_PR_USERNAME", parts.when(parts.is_fork, "mallory")),
        ("CIRCLE_PR_REPONAME", parts.when(parts.is_fork, "shop")),
        ("CIRCLE_REPOSITORY_URL", "git@github.com:acme/shop.git".to_owned()),
        ("CIRCLE_COMPARE_URL", parts.when(!parts.before.is_empty(), &compare)),
    ]
}

fn github_event(history: &History, parts: &Parts<'_>) -> String {
    if parts.is_pull_request {
        return pull_request_payload(history, &parts.slug(), parts.branch);
    }
    match parts.event {
        Event::MergeQueue => format!(r#"{{"merge_group": {{"base_sha": "{}"}}}}"#, parts.target),
        Event::Schedule | Event::ByHand => "{}".to_owned(),
        _ => {
            let before = if parts.before.is_empty() { ZEROS } else { parts.before };
            format!(r#"{{"before": "{before}", "ref": "{}"}}"#, parts.reference())
        }
    }
}

/// The pull request 7. `base.sha` is what the target was when it was opened.
pub(crate) fn pull_request_payload(history: &History, slug: &str, branch: &str) -> String {
    format!(
        r#"{{"number": 7, "pull_request": {{"number": 7, "base": {{"sha": "{}", "ref": "main"}},
            "head": {{"sha": "{}", "ref": "{branch}", "repo": {{"full_name": "{slug}"}}}}}}}}"#,
        history.id("M2"),
        history.id("T2"),
    )
}

fn github(parts: &Parts<'_>, is_merge: bool) -> Variables {
    let reference = match (parts.is_pull_request, is_merge) {
        (true, true) => "refs/pull/7/merge".to_owned(),
        (true, false) => "refs/pull/7/head".to_owned(),
        (false, _) => parts.reference(),
    };
    let name = match parts.event {
        Event::Schedule => "schedule",
        Event::ByHand => "workflow_dispatch",
        Event::MergeQueue => "merge_group",
        _ if parts.is_pull_request => "pull_request",
        _ => "push",
    };
    vec![
        ("GITHUB_ACTIONS", "true".to_owned()),
        ("GITHUB_EVENT_NAME", name.to_owned()),
        ("GITHUB_SHA", if is_merge { parts.merge } else { parts.commit }.to_owned()),
        ("GITHUB_SERVER_URL", "https://github.com".to_owned()),
        ("GITHUB_REPOSITORY", "acme/shop".to_owned()),
        ("GITHUB_EVENT_PATH", "file:event.json".to_owned()),
        ("GITHUB_REF_TYPE", if parts.is_tag() { "tag" } else { "branch" }.to_owned()),
        ("GITHUB_REF_NAME", reference.splitn(3, '/').last().unwrap().to_owned()),
        ("GITHUB_REF", reference),
        ("GITHUB_HEAD_REF", parts.of_pull_request(parts.branch)),
        ("GITHUB_BASE_REF", parts.of_pull_request("main")),
    ]
}

fn gitlab(history: &History, parts: &Parts<'_>) -> Variables {
    let commit = if parts.is_pull_request { parts.merge } else { parts.commit };
    let before = if parts.before.is_empty() { ZEROS } else { parts.before };
    vec![
        ("GITLAB_CI", "true".to_owned()),
        ("CI_COMMIT_SHA", commit.to_owned()),
        ("CI_COMMIT_BRANCH", parts.pushed()),
        ("CI_COMMIT_TAG", parts.when(parts.is_tag(), "main")),
        ("CI_COMMIT_BEFORE_SHA", before.to_owned()),
        ("CI_PROJECT_URL", "https://gitlab.example/acme/shop".to_owned()),
        ("CI_MERGE_REQUEST_IID", parts.number()),
        ("CI_MERGE_REQUEST_PROJECT_ID", parts.of_pull_request("1")),
        ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", parts.of_pull_request(if parts.is_fork { "2" } else { "1" })),
        ("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", parts.of_pull_request(parts.branch)),
        ("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", parts.of_pull_request(parts.commit)),
        ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", parts.of_pull_request("main")),
        ("CI_MERGE_REQUEST_TARGET_BRANCH_SHA", parts.of_pull_request(parts.target)),
        ("CI_MERGE_REQUEST_DIFF_BASE_SHA", parts.of_pull_request(history.id("M1"))),
    ]
}

fn gitlab_mirror(parts: &Parts<'_>) -> Variables {
    vec![
        ("GITLAB_CI", "true".to_owned()),
        ("CI_COMMIT_SHA", parts.commit.to_owned()),
        ("CI_COMMIT_BRANCH", parts.branch.to_owned()),
        ("CI_PROJECT_URL", "https://gitlab.example/acme/shop".to_owned()),
        ("CI_EXTERNAL_PULL_REQUEST_IID", parts.number()),
        ("CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY", parts.slug()),
        ("CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY", "acme/shop".to_owned()),
        ("CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME", parts.branch.to_owned()),
        ("CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_SHA", parts.commit.to_owned()),
        ("CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_NAME", "main".to_owned()),
        ("CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_SHA", parts.target.to_owned()),
    ]
}

fn buildkite(parts: &Parts<'_>) -> Variables {
    let branch =
        if parts.is_pull_request || parts.is_tag() { parts.branch.to_owned() } else { parts.pushed() };
    let origin = if parts.is_fork { "git://github.com/mallory/shop" } else { "git://github.com/acme/shop" };
    // A build that a person starts is often for whatever the branch is on.
    let commit = if parts.event == Event::ByHand { "HEAD" } else { parts.commit };
    let is_queue = parts.event == Event::MergeQueue;
    vec![
        ("BUILDKITE", "true".to_owned()),
        ("BUILDKITE_COMMIT", commit.to_owned()),
        ("BUILDKITE_BRANCH", branch),
        ("BUILDKITE_TAG", parts.when(parts.is_tag(), "main")),
        ("BUILDKITE_REPO", "git@github.com:acme/shop.git".to_owned()),
        ("BUILDKITE_PULL_REQUEST", if parts.is_pull_request { "7" } else { "false" }.to_owned()),
        ("BUILDKITE_PULL_REQUEST_REPO", parts.of_pull_request(origin)),
        ("BUILDKITE_PULL_REQUEST_BASE_BRANCH", parts.of_pull_request("main")),
        ("BUILDKITE_MERGE_QUEUE_BASE_BRANCH", parts.when(is_queue, "main")),
        ("BUILDKITE_MERGE_QUEUE_BASE_COMMIT", parts.when(is_queue, parts.target)),
    ]
}

fn codebuild(parts: &Parts<'_>) -> Variables {
    let event = if parts.is_pull_request { "PULL_REQUEST_UPDATED" } else { "PUSH" };
    let trigger = match parts.event {
        _ if parts.is_pull_request => "pr/7".to_owned(),
        Event::Tag => "tag/main".to_owned(),
        _ => format!("branch/{}", parts.pushed()),
    };
    let is_webhook = !matches!(parts.event, Event::Schedule | Event::ByHand);
    let head = if parts.is_pull_request { format!("refs/heads/{}", parts.branch) } else { parts.reference() };
    vec![
        ("CODEBUILD_BUILD_ID", "1".to_owned()),
        ("CODEBUILD_RESOLVED_SOURCE_VERSION", parts.commit.to_owned()),
        ("CODEBUILD_SOURCE_VERSION", if is_webhook { trigger.clone() } else { "refs/heads/main".to_owned() }),
        ("CODEBUILD_SOURCE_REPO_URL", "https://github.com/acme/shop.git".to_owned()),
        ("CODEBUILD_WEBHOOK_EVENT", parts.when(is_webhook, event)),
        ("CODEBUILD_WEBHOOK_TRIGGER", parts.when(is_webhook, &trigger)),
        ("CODEBUILD_WEBHOOK_HEAD_REF", parts.when(is_webhook, &head)),
        ("CODEBUILD_WEBHOOK_BASE_REF", parts.of_pull_request("refs/heads/main")),
        ("CODEBUILD_WEBHOOK_PREV_COMMIT", parts.before.to_owned()),
    ]
}

/// Without a webhook, as the forms of `CODEBUILD_SOURCE_VERSION` are.
fn codebuild_by_hand(parts: &Parts<'_>) -> Variables {
    let version = match parts.event {
        Event::Tag => format!("refs/tags/main^{{{}}}", parts.commit),
        Event::PullRequest => "pr/7".to_owned(),
        Event::ForkPullRequest => format!("refs/pull/7/head^{{{}}}", parts.commit),
        Event::Push => "topic".to_owned(),
        Event::ByHand => parts.commit.to_owned(),
        _ => format!("refs/heads/{}^{{{}}}", parts.branch, parts.commit),
    };
    vec![
        ("CODEBUILD_BUILD_ID", "1".to_owned()),
        ("CODEBUILD_RESOLVED_SOURCE_VERSION", parts.commit.to_owned()),
        ("CODEBUILD_SOURCE_VERSION", version),
        ("CODEBUILD_SOURCE_REPO_URL", "https://github.com/acme/shop.git".to_owned()),
    ]
}

fn jenkins(parts: &Parts<'_>) -> Variables {
    let is_multibranch = !matches!(parts.event, Event::Schedule | Event::ByHand);
    let name = match parts.event {
        _ if parts.is_pull_request => "PR-7".to_owned(),
        Event::Tag => "main".to_owned(),
        _ => parts.pushed(),
    };
    vec![
        ("JENKINS_HOME", "/var/lib/jenkins".to_owned()),
        ("GIT_COMMIT", parts.commit.to_owned()),
        ("GIT_URL", "https://github.com/acme/shop.git".to_owned()),
        ("BRANCH_NAME", parts.when(is_multibranch, &name)),
        ("GIT_BRANCH", parts.when(!is_multibranch, "upstream/main")),
        ("TAG_NAME", parts.when(parts.is_tag(), "main")),
        ("CHANGE_ID", parts.number()),
        ("CHANGE_BRANCH", parts.of_pull_request(parts.branch)),
        ("CHANGE_TARGET", parts.of_pull_request("main")),
        ("CHANGE_FORK", parts.when(parts.is_fork, "mallory")),
        ("GIT_PREVIOUS_COMMIT", "null".to_owned()),
        ("GIT_PREVIOUS_SUCCESSFUL_COMMIT", parts.before.to_owned()),
    ]
}

fn azure(parts: &Parts<'_>) -> Variables {
    let reference = if parts.is_pull_request { "refs/pull/7/merge".to_owned() } else { parts.reference() };
    let reason = match parts.event {
        _ if parts.is_pull_request => "PullRequest",
        Event::Schedule => "Schedule",
        Event::ByHand => "Manual",
        _ => "IndividualCI",
    };
    let commit = if parts.is_pull_request { parts.merge } else { parts.commit };
    vec![
        ("TF_BUILD", "True".to_owned()),
        ("BUILD_REASON", reason.to_owned()),
        ("BUILD_SOURCEVERSION", commit.to_owned()),
        ("BUILD_SOURCEBRANCH", reference),
        ("BUILD_REPOSITORY_URI", "https://github.com/acme/shop".to_owned()),
        ("SYSTEM_PULLREQUEST_PULLREQUESTID", parts.of_pull_request("990007")),
        ("SYSTEM_PULLREQUEST_PULLREQUESTNUMBER", parts.number()),
        ("SYSTEM_PULLREQUEST_ISFORK", parts.of_pull_request(if parts.is_fork { "True" } else { "False" })),
        ("SYSTEM_PULLREQUEST_SOURCEBRANCH", parts.of_pull_request(parts.branch)),
        ("SYSTEM_PULLREQUEST_SOURCECOMMITID", parts.of_pull_request(parts.commit)),
        ("SYSTEM_PULLREQUEST_TARGETBRANCH", parts.of_pull_request("main")),
    ]
}

fn bitbucket(parts: &Parts<'_>) -> Variables {
    let branch = if parts.is_pull_request { parts.branch.to_owned() } else { parts.pushed() };
    vec![
        ("BITBUCKET_BUILD_NUMBER", "1".to_owned()),
        ("BITBUCKET_COMMIT", parts.commit.to_owned()),
        ("BITBUCKET_BRANCH", branch),
        ("BITBUCKET_TAG", parts.when(parts.is_tag(), "main")),
        ("BITBUCKET_GIT_HTTP_ORIGIN", "http://bitbucket.org/acme/shop".to_owned()),
        ("BITBUCKET_PR_ID", parts.number()),
        ("BITBUCKET_PR_DESTINATION_BRANCH", parts.of_pull_request("main")),
        ("BITBUCKET_PR_DESTINATION_COMMIT", parts.of_pull_request(&parts.target[..12])),
    ]
}

fn drone(parts: &Parts<'_>) -> Variables {
    let event = match parts.event {
        _ if parts.is_pull_request => "pull_request",
        Event::Tag => "tag",
        Event::Schedule => "cron",
        Event::ByHand => "custom",
        _ => "push",
    };
    let branch = if parts.is_pull_request { "main".to_owned() } else { parts.pushed() };
    vec![
        ("DRONE", "true".to_owned()),
        ("DRONE_BUILD_EVENT", event.to_owned()),
        ("DRONE_COMMIT_SHA", parts.commit.to_owned()),
        ("DRONE_COMMIT_BEFORE", if parts.before.is_empty() { ZEROS } else { parts.before }.to_owned()),
        ("DRONE_BRANCH", branch),
        ("DRONE_TAG", parts.when(parts.is_tag(), "main")),
        ("DRONE_GIT_HTTP_URL", "https://github.com/acme/shop.git".to_owned()),
        ("DRONE_PULL_REQUEST", parts.number()),
        ("DRONE_SOURCE_BRANCH", parts.of_pull_request(parts.branch)),
        ("DRONE_TARGET_BRANCH", parts.of_pull_request("main")),
    ]
}

fn woodpecker(parts: &Parts<'_>) -> Variables {
    let event = match parts.event {
        _ if parts.is_pull_request => "pull_request",
        Event::Tag => "tag",
        Event::Schedule => "cron",
        Event::ByHand => "manual",
        _ => "push",
    };
    let branch = if parts.is_pull_request { "main".to_owned() } else { parts.pushed() };
    vec![
        ("CI", "woodpecker".to_owned()),
        ("CI_PIPELINE_EVENT", event.to_owned()),
        ("CI_COMMIT_SHA", parts.commit.to_owned()),
        ("CI_COMMIT_BRANCH", branch),
        ("CI_COMMIT_TAG", parts.when(parts.is_tag(), "main")),
        ("CI_PREV_COMMIT_SHA", parts.before.to_owned()),
        ("CI_REPO_CLONE_URL", "https://github.com/acme/shop.git".to_owned()),
        ("CI_COMMIT_PULL_REQUEST", parts.number()),
        ("CI_COMMIT_SOURCE_BRANCH", parts.of_pull_request(parts.branch)),
        ("CI_COMMIT_TARGET_BRANCH", parts.of_pull_request("main")),
    ]
}

fn semaphore(parts: &Parts<'_>) -> Variables {
    let kind = match parts.event {
        _ if parts.is_pull_request => "pull-request",
        Event::Tag => "tag",
        _ => "branch",
    };
    let branch = if parts.is_pull_request { "main".to_owned() } else { parts.pushed() };
    let commit = if parts.is_pull_request { parts.merge } else { parts.commit };
    let range = format!("{}...{}", parts.before, parts.commit);
    vec![
        ("SEMAPHORE", "true".to_owned()),
        ("SEMAPHORE_GIT_REF_TYPE", kind.to_owned()),
        ("SEMAPHORE_GIT_SHA", commit.to_owned()),
        ("SEMAPHORE_GIT_BRANCH", branch),
        ("SEMAPHORE_GIT_TAG_NAME", parts.when(parts.is_tag(), "main")),
        ("SEMAPHORE_GIT_URL", "git@github.com:acme/shop.git".to_owned()),
        ("SEMAPHORE_GIT_REPO_SLUG", "acme/shop".to_owned()),
        ("SEMAPHORE_GIT_COMMIT_RANGE", parts.when(!parts.before.is_empty(), &range)),
        ("SEMAPHORE_GIT_PR_NUMBER", parts.number()),
        ("SEMAPHORE_GIT_PR_SLUG", parts.slug()),
        ("SEMAPHORE_GIT_PR_SHA", parts.of_pull_request(parts.commit)),
        ("SEMAPHORE_GIT_PR_BRANCH", parts.of_pull_request(parts.branch)),
    ]
}

fn travis(parts: &Parts<'_>) -> Variables {
    let event = match parts.event {
        _ if parts.is_pull_request => "pull_request",
        Event::Schedule => "cron",
        Event::ByHand => "api",
        _ => "push",
    };
    let branch = if parts.is_pull_request || parts.is_tag() { "main".to_owned() } else { parts.pushed() };
    let commit = if parts.is_pull_request { parts.merge } else { parts.commit };
    let range = format!("{}...{}", parts.before, parts.commit);
    vec![
        ("TRAVIS", "true".to_owned()),
        ("TRAVIS_EVENT_TYPE", event.to_owned()),
        ("TRAVIS_COMMIT", commit.to_owned()),
        ("TRAVIS_COMMIT_RANGE", parts.when(!parts.before.is_empty(), &range)),
        ("TRAVIS_BRANCH", branch),
        ("TRAVIS_TAG", parts.when(parts.is_tag(), "main")),
        ("TRAVIS_REPO_SLUG", "acme/shop".to_owned()),
        ("TRAVIS_PULL_REQUEST", if parts.is_pull_request { "7" } else { "false" }.to_owned()),
        ("TRAVIS_PULL_REQUEST_BRANCH", parts.of_pull_request(parts.branch)),
        ("TRAVIS_PULL_REQUEST_SHA", parts.of_pull_request(parts.commit)),
        ("TRAVIS_PULL_REQUEST_SLUG", parts.slug()),
    ]
}

fn cloud_build(parts: &Parts<'_>) -> Variables {
    let origin = format!("https://github.com/{}", parts.slug());
    vec![
        ("PROJECT_ID", "acme".to_owned()),
        ("BUILD_ID", "1".to_owned()),
        ("COMMIT_SHA", parts.commit.to_owned()),
        ("BRANCH_NAME", if parts.is_pull_request { parts.branch.to_owned() } else { parts.pushed() }),
        ("TAG_NAME", parts.when(parts.is_tag(), "main")),
        ("REPO_FULL_NAME", "acme/shop".to_owned()),
        ("_PR_NUMBER", parts.number()),
        ("_HEAD_BRANCH", parts.of_pull_request(parts.branch)),
        ("_BASE_BRANCH", parts.of_pull_request("main")),
        ("_HEAD_REPO_URL", parts.of_pull_request(&origin)),
    ]
}

fn teamcity_parameters(parts: &Parts<'_>) -> String {
    let reference = if parts.is_pull_request { "refs/pull/7/head".to_owned() } else { parts.reference() };
    let mut text = format!(
        "#TeamCity parameters\nteamcity.build.vcs.branch.Shop_Root={reference}\n\
         vcsroot.url=https\\://github.com/acme/shop\n"
    );
    if parts.is_pull_request {
        text += "teamcity.pullRequest.number=7\nteamcity.pullRequest.target.branch=main\n";
    }
    text
}
