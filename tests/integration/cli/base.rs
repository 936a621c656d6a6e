//! Which base is chosen in each CI in each situation, and why: one table.

use std::fmt::Write as _;

use insta::assert_snapshot;

use crate::support::world::World;

const MANIFEST: &str = "workspace.name = \"shop\"\n[projects.api]\npath = \"api\"\n";
const ZEROS: &str = "0000000000000000000000000000000000000000";
const CIS: [&str; 7] = ["CircleCI", "GitHub", "GitLab", "Buildkite", "CodeBuild", "Jenkins", "none"];

/// The history that all CIs are tried on: `main` and `topic` each have two commits after `fork`, and what `topic`
/// was before it was rewritten is `rewritten`.
struct History {
    origin: World,
    fork: String,
    older: String,
    main: String,
    first: String,
    topic: String,
    rewritten: String,
}

impl History {
    fn new() -> Self {
        let origin = World::of(&[("projects.toml", MANIFEST), ("api/Dockerfile", "FROM scratch\n")]);
        let commit = |branch: &str, content: &str| {
            origin.git(["checkout", "-q", branch]);
            origin.write("api/f", content).commit()
        };
        let fork = commit("main", "fork");
        for branch in ["topic", "rewritten"] {
            origin.git(["branch", branch]);
        }
        let rewritten = commit("rewritten", "rewritten");
        let first = commit("topic", "first");
        let topic = commit("topic", "second");
        let older = commit("main", "main");
        let main = commit("main", "main again");
        // Any commit can be asked for, as with the services that host repositories.
        origin.git(["config", "uploadpack.allowAnySHA1InWant", "true"]);
        Self { origin, fork, older, main, first, topic, rewritten }
    }

    fn name(&self, commit: &str) -> &'static str {
        let names = [
            (&self.fork, "fork"),
            (&self.older, "older"),
            (&self.main, "main"),
            (&self.first, "first"),
            (&self.topic, "topic"),
            (&self.rewritten, "rewritten"),
        ];
        names.iter().find(|(known, _)| *known == commit).map_or("another commit", |(_, name)| name)
    }
}

/// What happened that the CI runs for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Situation {
    /// `second` was pushed onto `first`.
    Push,
    /// The newest commit of `main` was pushed onto `older`.
    PushToMain,
    PullRequest,
    /// The branch is new.
    FirstPush,
    /// The branch was `rewritten` before.
    ForcePush,
    /// A tag of what `main` is on.
    Tag,
    /// As a push, with nothing but the newest commit in the clone.
    Shallow,
    /// The same, and git may fetch.
    ShallowFetched,
    /// A pull request, with nothing but the newest commit in the clone, and git may fetch.
    PullRequestFetched,
    /// Somebody started it by hand, on `main`.
    Unknown,
}

use Situation::*;

const SITUATIONS: [Situation; 10] = [
    Push,
    PushToMain,
    PullRequest,
    FirstPush,
    ForcePush,
    Tag,
    Shallow,
    ShallowFetched,
    PullRequestFetched,
    Unknown,
];

/// A clone as the CI makes it, and its variables.
fn prepared(history: &History, ci: &str, situation: Situation) -> World {
    let is_shallow = matches!(situation, Shallow | ShallowFetched | PullRequestFetched);
    let (branch, head) = match situation {
        PushToMain | Tag | Unknown => ("main", &history.main),
        _ => ("topic", &history.topic),
    };
    let source = format!("file://{}", history.origin.path().display());
    let mut clone = World::new();
    clone.git(["remote", "add", "origin", &source]);
    if is_shallow {
        clone.git(["fetch", "-q", "--depth=1", "origin", head]);
    } else {
        clone.git(["fetch", "-q", "origin"]);
    }
    clone.git(["checkout", "-q", "--detach", head]);
    for (name, value) in variables(history, &clone, ci, situation, branch, head) {
        clone.set(name, &value);
    }
    if situation == PullRequestFetched {
        // Nothing is fetched for a pull request that may come from a fork.
        clone.set("CHINAMPA_TRUST", "trusted");
    }
    clone
}

fn variables(
    history: &History,
    clone: &World,
    ci: &str,
    situation: Situation,
    branch: &str,
    head: &str,
) -> Vec<(&'static str, String)> {
    let is_pull_request = matches!(situation, PullRequest | PullRequestFetched);
    let before = match situation {
        Push | Shallow | ShallowFetched => history.first.as_str(),
        PushToMain => &history.older,
        ForcePush => &history.rewritten,
        _ => "",
    };
    let before_or_zeros = if before.is_empty() { ZEROS } else { before };
    let when = |holds: bool, value: &str| if holds { value.to_owned() } else { String::new() };
    let is_tag = situation == Tag;
    match ci {
        "CircleCI" => vec![
            ("CIRCLECI", "true".to_owned()),
            ("CIRCLE_SHA1", head.to_owned()),
            ("CIRCLE_BRANCH", when(!is_tag, branch)),
            ("CIRCLE_TAG", when(is_tag, "v1")),
            // What the documentation says to write into the configuration.
            ("CHINAMPA_PREVIOUS", before.to_owned()),
        ],
        "GitHub" => {
            let event = match situation {
                PullRequest | PullRequestFetched => format!(
                    r#"{{"pull_request": {{"base": {{"sha": "{}"}}, "head": {{"repo": {{"full_name": "a/b"}}}}}}}}"#,
                    history.main
                ),
                Unknown => "{}".to_owned(),
                _ => format!(r#"{{"before": "{before_or_zeros}"}}"#),
            };
            clone.write(".git/event.json", event);
            vec![
                ("GITHUB_ACTIONS", "true".to_owned()),
                ("GITHUB_SHA", head.to_owned()),
                ("GITHUB_REPOSITORY", "a/b".to_owned()),
                ("GITHUB_EVENT_PATH", clone.file(".git/event.json").display().to_string()),
                ("GITHUB_REF_TYPE", if is_tag { "tag" } else { "branch" }.to_owned()),
                ("GITHUB_REF_NAME", if is_pull_request { "7/merge" } else { branch }.to_owned()),
                ("GITHUB_HEAD_REF", when(is_pull_request, branch)),
                ("GITHUB_BASE_REF", when(is_pull_request, "main")),
            ]
        }
        "GitLab" => vec![
            ("GITLAB_CI", "true".to_owned()),
            ("CI_COMMIT_SHA", head.to_owned()),
            ("CI_COMMIT_BRANCH", when(!is_tag && !is_pull_request, branch)),
            ("CI_COMMIT_TAG", when(is_tag, "v1")),
            ("CI_COMMIT_BEFORE_SHA", before_or_zeros.to_owned()),
            ("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", when(is_pull_request, branch)),
            ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", when(is_pull_request, "main")),
            ("CI_MERGE_REQUEST_DIFF_BASE_SHA", when(is_pull_request, &history.fork)),
        ],
        "Buildkite" => vec![
            ("BUILDKITE", "true".to_owned()),
            ("BUILDKITE_COMMIT", head.to_owned()),
            ("BUILDKITE_BRANCH", branch.to_owned()),
            ("BUILDKITE_TAG", when(is_tag, "v1")),
            ("BUILDKITE_PULL_REQUEST", if is_pull_request { "7" } else { "false" }.to_owned()),
            ("BUILDKITE_PULL_REQUEST_BASE_BRANCH", when(is_pull_request, "main")),
        ],
        "CodeBuild" if situation == Unknown => vec![
            ("CODEBUILD_BUILD_ID", "1".to_owned()),
            ("CODEBUILD_INITIATOR", "codepipeline/shop".to_owned()),
            ("CODEBUILD_RESOLVED_SOURCE_VERSION", head.to_owned()),
        ],
        "CodeBuild" => vec![
            ("CODEBUILD_BUILD_ID", "1".to_owned()),
            ("CODEBUILD_RESOLVED_SOURCE_VERSION", head.to_owned()),
            (
                "CODEBUILD_WEBHOOK_EVENT",
                if is_pull_request { "PULL_REQUEST_UPDATED" } else { "PUSH" }.to_owned(),
            ),
            ("CODEBUILD_WEBHOOK_TRIGGER", if is_pull_request { "pr/7" } else { "branch/topic" }.to_owned()),
            (
                "CODEBUILD_WEBHOOK_HEAD_REF",
                if is_tag { "refs/tags/v1".to_owned() } else { format!("refs/heads/{branch}") },
            ),
            ("CODEBUILD_WEBHOOK_BASE_REF", when(is_pull_request, "refs/heads/main")),
            ("CODEBUILD_WEBHOOK_PREV_COMMIT", before_or_zeros.to_owned()),
        ],
        "Jenkins" => vec![
            ("JENKINS_URL", "https://jenkins.example/".to_owned()),
            ("GIT_COMMIT", head.to_owned()),
            ("BRANCH_NAME", if is_pull_request { "PR-7" } else { branch }.to_owned()),
            ("TAG_NAME", when(is_tag, "v1")),
            ("CHANGE_BRANCH", when(is_pull_request, branch)),
            ("CHANGE_TARGET", when(is_pull_request, "main")),
            ("GIT_PREVIOUS_COMMIT", "null".to_owned()),
            ("GIT_PREVIOUS_SUCCESSFUL_COMMIT", before.to_owned()),
        ],
        _ => vec![],
    }
}

#[test]
fn every_ci_in_every_situation() {
    let history = History::new();

    let mut table = String::new();
    for situation in SITUATIONS {
        writeln!(table, "{situation:?}").unwrap();
        for ci in CIS {
            let clone = prepared(&history, ci, situation);
            let fetches = matches!(situation, ShallowFetched | PullRequestFetched);
            let answer = if fetches {
                clone.run(["changed", "**", "--json", "-q", "--fetch-base"])
            } else {
                clone.run(["changed", "**", "--json", "-q"])
            };
            assert_eq!(answer.exit, 0, "{ci} {situation:?}: {answer}");
            let answer = answer.json();
            let (base, why) = match answer["base"]["commit"].as_str() {
                Some(commit) => (history.name(commit), answer["base"]["from"].as_str().unwrap()),
                None => ("unknown", answer["base_unknown"].as_str().unwrap()),
            };
            let mut why = why.to_owned();
            for commit in [&history.first, &history.older, &history.main, &history.rewritten, &history.fork] {
                why = why.replace(commit.as_str(), history.name(commit));
                why = why.replace(&commit[..10], history.name(commit));
            }
            writeln!(table, "  {ci:<9} {base:<8} {why}").unwrap();
        }
    }

    assert_snapshot!(table, @"
    Push
      CircleCI  fork     the merge-base with `main`
      GitHub    fork     the merge-base with `main`
      GitLab    fork     the merge-base with `main`
      Buildkite fork     the merge-base with `main`
      CodeBuild fork     the merge-base with `main`
      Jenkins   fork     the merge-base with `main`
      none      fork     the merge-base with `main`
    PushToMain
      CircleCI  older    `CHINAMPA_PREVIOUS`, an ancestor
      GitHub    older    `before` in the file that `GITHUB_EVENT_PATH` names, an ancestor
      GitLab    older    `CI_COMMIT_BEFORE_SHA`, an ancestor
      Buildkite older    its first parent; nothing says what was built before on `main`
      CodeBuild older    `CODEBUILD_WEBHOOK_PREV_COMMIT`, an ancestor
      Jenkins   older    `GIT_PREVIOUS_SUCCESSFUL_COMMIT`, an ancestor
      none      older    its first parent; nothing says what was built before on `main`
    PullRequest
      CircleCI  fork     the merge-base with `main`
      GitHub    fork     the merge-base with `pull_request.base.sha` in the file that `GITHUB_EVENT_PATH` names
      GitLab    fork     the merge-base with `CI_MERGE_REQUEST_DIFF_BASE_SHA`
      Buildkite fork     the merge-base with `main`, which `BUILDKITE_PULL_REQUEST_BASE_BRANCH` names
      CodeBuild fork     the merge-base with `main`, which `CODEBUILD_WEBHOOK_BASE_REF` names
      Jenkins   fork     the merge-base with `main`, which `CHANGE_TARGET` names
      none      fork     the merge-base with `main`
    FirstPush
      CircleCI  fork     the merge-base with `main`
      GitHub    fork     the merge-base with `main`
      GitLab    fork     the merge-base with `main`
      Buildkite fork     the merge-base with `main`
      CodeBuild fork     the merge-base with `main`
      Jenkins   fork     the merge-base with `main`
      none      fork     the merge-base with `main`
    ForcePush
      CircleCI  fork     the merge-base with `main`
      GitHub    fork     the merge-base with `main`
      GitLab    fork     the merge-base with `main`
      Buildkite fork     the merge-base with `main`
      CodeBuild fork     the merge-base with `main`
      Jenkins   fork     the merge-base with `main`
      none      fork     the merge-base with `main`
    Tag
      CircleCI  older    its first parent; nothing says what was built before on `main`
      GitHub    older    its first parent; nothing says what was built before on `main`
      GitLab    older    its first parent; nothing says what was built before on `main`
      Buildkite older    its first parent; nothing says what was built before on `main`
      CodeBuild older    its first parent; nothing says what was built before on `main`
      Jenkins   older    its first parent; nothing says what was built before on `main`
      none      older    its first parent; nothing says what was built before on `main`
    Shallow
      CircleCI  unknown  there is no branch `main` here to compare with: this clone is shallow (`--fetch-base` fetches what it lacks)
      GitHub    unknown  there is no branch `main` here to compare with: this clone is shallow (`--fetch-base` fetches what it lacks)
      GitLab    unknown  there is no branch `main` here to compare with: this clone is shallow (`--fetch-base` fetches what it lacks)
      Buildkite unknown  there is no branch `main` here to compare with: this clone is shallow (`--fetch-base` fetches what it lacks)
      CodeBuild unknown  there is no branch `main` here to compare with: this clone is shallow (`--fetch-base` fetches what it lacks)
      Jenkins   unknown  there is no branch `main` here to compare with: this clone is shallow (`--fetch-base` fetches what it lacks)
      none      unknown  there is no branch `main` here to compare with: this clone is shallow (`--fetch-base` fetches what it lacks)
    ShallowFetched
      CircleCI  fork     the merge-base with `main`
      GitHub    fork     the merge-base with `main`
      GitLab    fork     the merge-base with `main`
      Buildkite fork     the merge-base with `main`
      CodeBuild fork     the merge-base with `main`
      Jenkins   fork     the merge-base with `main`
      none      fork     the merge-base with `main`
    PullRequestFetched
      CircleCI  fork     the merge-base with `main`
      GitHub    fork     the merge-base with `pull_request.base.sha` in the file that `GITHUB_EVENT_PATH` names
      GitLab    fork     the merge-base with `CI_MERGE_REQUEST_DIFF_BASE_SHA`
      Buildkite fork     the merge-base with `main`, which `BUILDKITE_PULL_REQUEST_BASE_BRANCH` names
      CodeBuild fork     the merge-base with `main`, which `CODEBUILD_WEBHOOK_BASE_REF` names
      Jenkins   fork     the merge-base with `main`, which `CHANGE_TARGET` names
      none      fork     the merge-base with `main`
    Unknown
      CircleCI  older    its first parent; nothing says what was built before on `main`
      GitHub    older    its first parent; nothing says what was built before on `main`
      GitLab    older    its first parent; nothing says what was built before on `main`
      Buildkite older    its first parent; nothing says what was built before on `main`
      CodeBuild older    its first parent; nothing says what was built before on `main`
      Jenkins   older    its first parent; nothing says what was built before on `main`
      none      older    its first parent; nothing says what was built before on `main`
    ");
}

/// What names a base comes from whoever opened the pull request.
#[test]
fn what_a_ci_says_is_no_option_and_no_path_for_git() {
    let history = History::new();
    for branch in
        ["--upload-pack=touch touched;", "main:refs/heads/taken", "../../x", "+main", "a b", "HEAD~1"]
    {
        let mut clone = prepared(&history, "none", Shallow);
        clone.set("BUILDKITE", "true").set("BUILDKITE_PULL_REQUEST", "7");
        clone.set("BUILDKITE_COMMIT", &history.topic).set("CHINAMPA_TRUST", "trusted");
        clone.set("BUILDKITE_PULL_REQUEST_BASE_BRANCH", branch);

        let answer = clone.run(["changed", "**", "--json", "--fetch-base", "-v"]);

        assert_eq!(answer.json()["base"]["from"], "the merge-base with `main`", "{branch}: {answer}");
        assert!(!clone.file("touched").exists());
        assert_eq!(clone.git(["for-each-ref", "refs/heads/taken"]), "");
    }
}

#[test]
fn a_base_that_a_person_names_must_be_there_and_can_be_fetched() {
    let history = History::new();
    let clone = prepared(&history, "none", Shallow);
    let base = history.rewritten.as_str();

    let missing = clone.run(["changed", "**", "-q", "--base", base]);
    let option = clone.shown(["changed", "**", "-q", "--base=--help"]);
    let fetched = clone.shown(["changed", "**", "-q", "--base", base, "--fetch-base"]);
    let clone = prepared(&history, "none", Shallow);
    let against = ["why", "api", "-q", "--against", base];
    let not_fetched = clone.run(against);
    let [command, project, quiet, option_name, base] = against;
    let fetched_against = clone.run([command, project, quiet, option_name, base, "--fetch-base"]);

    assert_eq!(missing.exit, 2, "{missing}");
    assert_eq!((not_fetched.exit, fetched_against.exit), (2, 0), "{not_fetched}{fetched_against}");
    assert_snapshot!(option, @"
    stderr: error: `--help` does not name a commit of this repository
    stderr:   hint: a revision doesn't begin with `-`
    [exit: 2]
    ");
    assert_snapshot!(fetched, @"
    api/f
    [exit: 0]
    ");
}

#[test]
fn files_without_a_repository_in_a_pipeline_say_what_to_set() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new();
    world.set("CODEBUILD_BUILD_ID", "1").set("CODEBUILD_INITIATOR", "codepipeline/shop");

    let answer = world.run(["-C", folder.path().to_str().unwrap(), "plan", "--offline"]);

    assert_snapshot!(answer.to_string().replace(folder.path().to_str().unwrap(), "<folder>"), @r#"
    stderr: error: `<folder>` is not in a git repository: CodePipeline provided the files without a clone
    stderr:   hint: let the pipeline's source action have the output artifact format "Full clone"
    [exit: 2]
    "#);
}
