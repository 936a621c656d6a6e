//! One table: what is known in each CI for each event, in a full and in a shallow clone. And the law that none of it counts
//! for any other commit than the one that the CI names.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;

use insta::assert_snapshot;

use crate::cli::ci_environments::{CIS, EVENTS, Event, History, Job, job, pull_request_payload};
use crate::support::some_of;
use crate::support::world::{Answer, World};

/// Clones by the commit that they have checked out: a job only sets variables for them.
struct Clones<'h> {
    history: &'h History,
    made: BTreeMap<(&'static str, Option<u32>), World>,
    /// Where the files are that variables name.
    files: World,
}

/// Whole, two commits deep, and without any history.
const DEPTHS: [Option<u32>; 3] = [None, Some(2), Some(1)];

const HEADS: [&str; 6] = ["M2", "M3", "T2", "merge", "merge-back", "other"];

impl<'h> Clones<'h> {
    fn new(history: &'h History) -> Self {
        let made = HEADS.into_iter().flat_map(|head| DEPTHS.map(|depth| (head, depth)));
        let made = made.map(|(head, depth)| ((head, depth), history.clone_at(head, depth)));
        Self { history, made: made.collect(), files: World::new() }
    }

    fn at(&self, head: &'static str, depth: Option<u32>) -> &World {
        &self.made[&(head, depth)]
    }

    fn run<const N: usize>(&self, world: &World, job: &Job, name: &str, words: [&str; N]) -> Answer {
        let folder = name.replace(' ', "-");
        let file = |file: &str| self.files.file(&format!("{folder}/{file}")).display().to_string();
        for (name, content) in &job.files {
            // A file may name another.
            let content =
                content.replace("=parameters.properties", &format!("={}", file("parameters.properties")));
            self.files.write(&format!("{folder}/{name}"), content);
        }
        let mut command: Command = world.command(words);
        for (name, value) in &job.variables {
            let value = value.strip_prefix("file:").map_or_else(|| value.clone(), file);
            command.env(name, value);
        }
        command.output().unwrap().into()
    }

    /// The names of a commit, and whether the run is trusted.
    fn names(&self, world: &World, job: &Job, name: &str) -> String {
        let answer = self.run(world, job, name, ["setenv"]);
        assert_eq!(answer.exit, 0, "{name}: {answer}");
        let known = |variable: &str| {
            let prefix = format!("export CHINAMPA_{variable}='");
            let line = answer.stdout.lines().find_map(|line| line.strip_prefix(&prefix));
            line.map_or("-".to_owned(), |value| value.trim_end_matches('\'').to_owned())
        };
        let trust = if known("TRUST") == "untrusted" { "untrusted" } else { "trusted" };
        format!("{:<7} {:<4} {:<2} {trust:<9}", known("BRANCH"), known("TAG"), known("PULL_REQUEST"))
    }

    fn base(&self, world: &World, job: &Job, name: &str) -> &'static str {
        let answer = self.run(world, job, name, ["changed", "**", "--json", "-q"]);
        assert_eq!(answer.exit, 0, "{name}: {answer}");
        answer.json()["base"]["commit"].as_str().map_or("?", |commit| self.history.name(commit))
    }

    fn row(&self, job: &Job, name: &str) -> String {
        let worlds = DEPTHS.map(|depth| self.at(job.head, depth));
        let [full, _, shallow] = worlds;
        let names = self.names(full, job, name);
        assert_eq!(self.names(shallow, job, name), names, "{name}: a shallow clone says the same");
        let bases = worlds.map(|world| self.base(world, job, name));
        format!("{:<10} {names} {:<2} {:<2} {}", job.head, bases[0], bases[1], bases[2])
    }
}

/// Runs what the function makes of each, on both processors, and keeps the order.
fn on_threads<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let middle = items.len().div_ceil(2);
    std::thread::scope(|scope| {
        let parts =
            items.chunks(middle).map(|part| scope.spawn(|| part.iter().map(&work).collect::<Vec<R>>()));
        parts.collect::<Vec<_>>().into_iter().flat_map(|part| part.join().unwrap()).collect()
    })
}

/// Events that run the workflow of the default branch, with its secrets, for somebody else's commit.
fn privileged(history: &History) -> Vec<(&'static str, Job)> {
    let id = |name: &str| history.id(name).to_owned();
    let job = |head, event: &str, payload: String| Job {
        head,
        variables: vec![
            ("GITHUB_ACTIONS", "true".to_owned()),
            ("GITHUB_EVENT_NAME", event.to_owned()),
            ("GITHUB_SHA", id("M3")),
            ("GITHUB_REF", "refs/heads/main".to_owned()),
            ("GITHUB_REF_NAME", "main".to_owned()),
            ("GITHUB_REF_TYPE", "branch".to_owned()),
            ("GITHUB_SERVER_URL", "https://github.com".to_owned()),
            ("GITHUB_REPOSITORY", "acme/shop".to_owned()),
            (
                "GITHUB_BASE_REF",
                if event == "pull_request_target" { "main".to_owned() } else { String::new() },
            ),
            ("GITHUB_EVENT_PATH", "file:event.json".to_owned()),
        ],
        files: vec![("event.json", payload)],
    };
    let run = |event: &str, slug: &str, branch: &str, commit: &str| {
        format!(
            r#"{{"workflow_run": {{"event": "{event}", "head_sha": "{}", "head_branch": "{branch}",
                "head_repository": {{"full_name": "{slug}"}}, "pull_requests": []}}}}"#,
            id(commit)
        )
    };
    let comment = r#"{"issue": {"number": 7, "pull_request": {}}, "comment": {"body": "/build"}}"#;
    let of_fork = pull_request_payload(history, "mallory/shop", "main");
    let of_branch = pull_request_payload(history, "acme/shop", "topic");
    vec![
        ("pull_request_target fork", job("T2", "pull_request_target", of_fork.clone())),
        ("pull_request_target fork, at main", job("M3", "pull_request_target", of_fork)),
        ("pull_request_target branch", job("T2", "pull_request_target", of_branch)),
        ("workflow_run fork", job("T2", "workflow_run", run("pull_request", "mallory/shop", "main", "T2"))),
        ("workflow_run branch", job("T2", "workflow_run", run("pull_request", "acme/shop", "topic", "T2"))),
        ("workflow_run push or tag", job("T2", "workflow_run", run("push", "acme/shop", "main", "T2"))),
        ("issue_comment", job("T2", "issue_comment", comment.to_owned())),
        ("issue_comment, at main", job("M3", "issue_comment", comment.to_owned())),
        ("workflow_dispatch of another ref", job("T2", "workflow_dispatch", "{}".to_owned())),
    ]
}

fn all_jobs(history: &History) -> Vec<(String, Job)> {
    let of_events = EVENTS.into_iter().flat_map(|event| {
        CIS.into_iter().filter_map(move |ci| Some((format!("{event:?} {ci}"), job(history, ci, event)?)))
    });
    of_events.chain(privileged(history).into_iter().map(|(name, job)| (name.to_owned(), job))).collect()
}

/// The columns: what is checked out; branch, tag and pull request; trust; the base in a full clone, in one of two commits, and
/// in one of a single commit. A question mark stands for an unknown base.
#[test]
fn every_ci_and_event() {
    let history = History::new();
    let clones = Clones::new(&history);
    let jobs: Vec<(Event, &str, Job)> = EVENTS
        .into_iter()
        .flat_map(|event| CIS.map(|ci| (event, ci)))
        .filter_map(|(event, ci)| Some((event, ci, job(&history, ci, event)?)))
        .collect();

    let rows = on_threads(&jobs, |(event, ci, job)| clones.row(job, &format!("{event:?} {ci}")));

    let mut table = String::new();
    let mut of_event = None;
    for ((event, ci, _), row) in jobs.iter().zip(rows) {
        if of_event.replace(*event) != Some(*event) {
            writeln!(table, "{event:?}").unwrap();
        }
        writeln!(table, "  {ci:<17} {row}").unwrap();
    }
    assert_snapshot!(table, @"
    Push
      CircleCI          T2         topic   -    -  trusted   M1 T1 ?
      GitHub            T2         topic   -    -  trusted   M1 T1 ?
      Gitea             T2         topic   -    -  trusted   M1 T1 ?
      GitLab            T2         topic   -    -  trusted   M1 T1 ?
      Buildkite         T2         topic   -    -  trusted   M1 ?  ?
      CodeBuild         T2         topic   -    -  trusted   M1 T1 ?
      CodeBuild by hand T2         topic   -    -  trusted   M1 ?  ?
      Jenkins           T2         topic   -    -  trusted   M1 T1 ?
      Azure             T2         topic   -    -  trusted   M1 ?  ?
      Bitbucket         T2         topic   -    -  trusted   M1 ?  ?
      Drone             T2         topic   -    -  trusted   M1 T1 ?
      Woodpecker        T2         topic   -    -  trusted   M1 T1 ?
      Semaphore         T2         topic   -    -  trusted   M1 T1 ?
      Travis            T2         topic   -    -  trusted   M1 T1 ?
      Cloud Build       T2         topic   -    -  trusted   M1 ?  ?
      TeamCity          T2         topic   -    -  trusted   M1 ?  ?
    NewBranch
      CircleCI          T2         topic   -    -  trusted   M1 ?  ?
      GitHub            T2         topic   -    -  trusted   M1 ?  ?
      Gitea             T2         topic   -    -  trusted   M1 ?  ?
      GitLab            T2         topic   -    -  trusted   M1 ?  ?
      Buildkite         T2         topic   -    -  trusted   M1 ?  ?
      CodeBuild         T2         topic   -    -  trusted   M1 ?  ?
      CodeBuild by hand T2         topic   -    -  trusted   M1 ?  ?
      Jenkins           T2         topic   -    -  trusted   M1 ?  ?
      Azure             T2         topic   -    -  trusted   M1 ?  ?
      Bitbucket         T2         topic   -    -  trusted   M1 ?  ?
      Drone             T2         topic   -    -  trusted   M1 ?  ?
      Woodpecker        T2         topic   -    -  trusted   M1 ?  ?
      Semaphore         T2         topic   -    -  trusted   M1 ?  ?
      Travis            T2         topic   -    -  trusted   M1 ?  ?
      Cloud Build       T2         topic   -    -  trusted   M1 ?  ?
      TeamCity          T2         topic   -    -  trusted   M1 ?  ?
    ForcePush
      CircleCI          T2         topic   -    -  trusted   M1 ?  ?
      GitHub            T2         topic   -    -  trusted   M1 ?  ?
      Gitea             T2         topic   -    -  trusted   M1 ?  ?
      GitLab            T2         topic   -    -  trusted   M1 ?  ?
      Buildkite         T2         topic   -    -  trusted   M1 ?  ?
      CodeBuild         T2         topic   -    -  trusted   M1 ?  ?
      CodeBuild by hand T2         topic   -    -  trusted   M1 ?  ?
      Jenkins           T2         topic   -    -  trusted   M1 ?  ?
      Azure             T2         topic   -    -  trusted   M1 ?  ?
      Bitbucket         T2         topic   -    -  trusted   M1 ?  ?
      Drone             T2         topic   -    -  trusted   M1 ?  ?
      Woodpecker        T2         topic   -    -  trusted   M1 ?  ?
      Semaphore         T2         topic   -    -  trusted   M1 ?  ?
      Travis            T2         topic   -    -  trusted   M1 ?  ?
      Cloud Build       T2         topic   -    -  trusted   M1 ?  ?
      TeamCity          T2         topic   -    -  trusted   M1 ?  ?
    Tag
      CircleCI          T2         -       main -  trusted   M1 ?  ?
      GitHub            T2         -       main -  trusted   M1 ?  ?
      Gitea             T2         -       main -  trusted   M1 ?  ?
      GitLab            T2         -       main -  trusted   M1 ?  ?
      Buildkite         T2         -       main -  trusted   M1 ?  ?
      CodeBuild         T2         -       main -  trusted   M1 ?  ?
      CodeBuild by hand T2         -       main -  trusted   M1 ?  ?
      Jenkins           T2         -       main -  trusted   M1 ?  ?
      Azure             T2         -       main -  trusted   M1 ?  ?
      Bitbucket         T2         -       main -  trusted   M1 ?  ?
      Drone             T2         -       main -  trusted   M1 ?  ?
      Woodpecker        T2         -       main -  trusted   M1 ?  ?
      Semaphore         T2         -       main -  trusted   M1 ?  ?
      Travis            T2         -       main -  trusted   M1 ?  ?
      Cloud Build       T2         -       main -  trusted   M1 ?  ?
      TeamCity          T2         -       main -  trusted   M1 ?  ?
    Schedule
      CircleCI          M3         main    -    -  trusted   M2 M2 ?
      GitHub            M3         main    -    -  trusted   M2 M2 ?
      Gitea             M3         main    -    -  trusted   M2 M2 ?
      GitLab            M3         main    -    -  trusted   M2 M2 ?
      Buildkite         M3         main    -    -  trusted   M2 M2 ?
      CodeBuild         M3         main    -    -  trusted   M2 M2 ?
      CodeBuild by hand M3         main    -    -  trusted   M2 M2 ?
      Jenkins           M3         main    -    -  trusted   M2 M2 ?
      Azure             M3         main    -    -  trusted   M2 M2 ?
      Bitbucket         M3         main    -    -  trusted   M2 M2 ?
      Drone             M3         main    -    -  trusted   M2 M2 ?
      Woodpecker        M3         main    -    -  trusted   M2 M2 ?
      Semaphore         M3         main    -    -  trusted   M2 M2 ?
      Travis            M3         main    -    -  trusted   M2 M2 ?
      Cloud Build       M3         main    -    -  trusted   M2 M2 ?
      TeamCity          M3         main    -    -  trusted   M2 M2 ?
    ByHand
      CircleCI          M3         main    -    -  trusted   M2 M2 ?
      GitHub            M3         main    -    -  trusted   M2 M2 ?
      Gitea             M3         main    -    -  trusted   M2 M2 ?
      GitLab            M3         main    -    -  trusted   M2 M2 ?
      Buildkite         M3         -       -    -  trusted   M2 ?  ?
      CodeBuild         M3         main    -    -  trusted   M2 M2 ?
      CodeBuild by hand M3         -       -    -  trusted   M2 ?  ?
      Jenkins           M3         main    -    -  trusted   M2 M2 ?
      Azure             M3         main    -    -  trusted   M2 M2 ?
      Bitbucket         M3         main    -    -  trusted   M2 M2 ?
      Drone             M3         main    -    -  trusted   M2 M2 ?
      Woodpecker        M3         main    -    -  trusted   M2 M2 ?
      Semaphore         M3         main    -    -  trusted   M2 M2 ?
      Travis            M3         main    -    -  trusted   M2 M2 ?
      Cloud Build       M3         main    -    -  trusted   M2 M2 ?
      TeamCity          M3         main    -    -  trusted   M2 M2 ?
    Rerun
      CircleCI          M2         main    -    -  trusted   M1 M1 ?
      GitHub            M2         main    -    -  trusted   M1 M1 ?
      Gitea             M2         main    -    -  trusted   M1 M1 ?
      GitLab            M2         main    -    -  trusted   M1 M1 ?
      Buildkite         M2         main    -    -  trusted   M1 M1 ?
      CodeBuild         M2         main    -    -  trusted   M1 M1 ?
      CodeBuild by hand M2         main    -    -  trusted   M1 M1 ?
      Jenkins           M2         main    -    -  trusted   M1 M1 ?
      Azure             M2         main    -    -  trusted   M1 M1 ?
      Bitbucket         M2         main    -    -  trusted   M1 M1 ?
      Drone             M2         main    -    -  trusted   M1 M1 ?
      Woodpecker        M2         main    -    -  trusted   M1 M1 ?
      Semaphore         M2         main    -    -  trusted   M1 M1 ?
      Travis            M2         main    -    -  trusted   M1 M1 ?
      Cloud Build       M2         main    -    -  trusted   M1 M1 ?
      TeamCity          M2         main    -    -  trusted   M1 M1 ?
    PullRequest
      CircleCI          T2         topic   -    -  trusted   M1 ?  ?
      GitHub            merge      pull/7  -    7  trusted   M3 M3 ?
      Gitea             T2         topic   -    7  trusted   M1 ?  ?
      GitLab            merge      pull/7  -    7  trusted   M3 M3 ?
      GitLab mirror     T2         topic   -    7  trusted   M1 ?  ?
      Buildkite         T2         topic   -    7  trusted   M1 ?  ?
      CodeBuild         T2         pull/7  -    7  untrusted M1 ?  ?
      CodeBuild by hand T2         pull/7  -    7  untrusted M1 ?  ?
      Jenkins           T2         topic   -    7  trusted   M1 ?  ?
      Azure             merge      pull/7  -    7  trusted   M3 M3 ?
      Bitbucket         merge-back -       -    -  trusted   M3 M3 ?
      Drone             merge      -       -    -  untrusted M3 M3 ?
      Woodpecker        T2         pull/7  -    7  untrusted M1 ?  ?
      Semaphore         merge      pull/7  -    7  trusted   M3 M3 ?
      Travis            merge      pull/7  -    7  trusted   M3 M3 ?
      Cloud Build       T2         topic   -    7  trusted   M1 ?  ?
      TeamCity          T2         pull/7  -    7  untrusted M1 ?  ?
    ForkPullRequest
      CircleCI          T2         pull/7  -    7  untrusted M1 ?  ?
      GitHub            merge      pull/7  -    7  untrusted M3 M3 ?
      Gitea             T2         pull/7  -    7  untrusted M1 ?  ?
      GitLab            merge      pull/7  -    7  untrusted M3 M3 ?
      GitLab mirror     T2         pull/7  -    7  untrusted M1 ?  ?
      Buildkite         T2         pull/7  -    7  untrusted M1 ?  ?
      CodeBuild         T2         pull/7  -    7  untrusted M1 ?  ?
      CodeBuild by hand T2         pull/7  -    7  untrusted M1 ?  ?
      Jenkins           T2         pull/7  -    7  untrusted M1 ?  ?
      Azure             merge      pull/7  -    7  untrusted M3 M3 ?
      Drone             merge      -       -    -  untrusted M3 M3 ?
      Woodpecker        T2         pull/7  -    7  untrusted M1 ?  ?
      Semaphore         merge      pull/7  -    7  untrusted M3 M3 ?
      Travis            merge      pull/7  -    7  untrusted M3 M3 ?
      Cloud Build       T2         pull/7  -    7  untrusted M1 ?  ?
      TeamCity          T2         pull/7  -    7  untrusted M1 ?  ?
    MergeQueue
      CircleCI          merge      -       -    -  trusted   M3 M3 ?
      GitHub            merge      -       -    -  trusted   M3 M3 ?
      Buildkite         merge      -       -    -  trusted   M3 M3 ?
      CodeBuild         merge      -       -    -  trusted   M3 M3 ?
      Jenkins           merge      -       -    -  trusted   M3 M3 ?
      Semaphore         merge      -       -    -  trusted   M3 M3 ?
      TeamCity          merge      -       -    -  trusted   M3 M3 ?
    ");
}

/// They have the rights of the default branch, and somebody else's commit.
#[test]
fn privileged_events_are_pull_requests_of_the_commit_that_the_payload_names() {
    let history = History::new();
    let clones = Clones::new(&history);
    let jobs = privileged(&history);

    let rows = on_threads(&jobs, |(name, job)| clones.row(job, name));

    let mut table = String::new();
    for ((name, _), row) in jobs.iter().zip(rows) {
        writeln!(table, "{name:<34} {row}").unwrap();
    }
    assert_snapshot!(table, @"
    pull_request_target fork           T2         pull/7  -    7  untrusted M1 ?  ?
    pull_request_target fork, at main  M3         -       -    -  untrusted M2 ?  ?
    pull_request_target branch         T2         topic   -    7  trusted   M1 ?  ?
    workflow_run fork                  T2         -       -    -  untrusted M1 ?  ?
    workflow_run branch                T2         topic   -    -  trusted   M1 ?  ?
    workflow_run push or tag           T2         -       -    -  trusted   M1 ?  ?
    issue_comment                      T2         -       -    -  untrusted M1 ?  ?
    issue_comment, at main             M3         -       -    -  untrusted M2 ?  ?
    workflow_dispatch of another ref   T2         -       -    -  trusted   M1 ?  ?
    ");
}

/// Law N. A job may check out anything: another branch, a fork, an older commit.
#[test]
fn what_a_ci_says_counts_for_no_other_commit() {
    let history = History::new();
    let clones = Clones::new(&history);

    let jobs: Vec<_> = some_of(3, 0, all_jobs(&history)).collect();
    on_threads(&jobs, |(name, job)| {
        for depth in [None, Some(1)] {
            let world = clones.at("other", depth);
            let names = clones.names(world, job, name);
            assert!(names.starts_with("-       -    -  "), "{name}: {names}");
        }
        // The rule takes every branch.
        let world = clones.at("other", None);
        let deployed = clones.run(world, job, name, ["deploy", "--environment", "prod", "--dry-run"]);
        assert_eq!(deployed.exit, 4, "{name}: {deployed}");
        let refusals = ["may not be deployed to `prod`", "this run is not trusted, so it may not deploy"];
        assert!(refusals.iter().any(|why| deployed.stderr.contains(why)), "{name}: {deployed}");
    });
}
