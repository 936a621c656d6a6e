//! What is written under the name of a branch, to a real registry, and what builds take from there.

use crate::support::shop::{Cache, Project, Shop};
use crate::support::world::Answer;

const API: Project = ("api", "FROM chinampa/base:1\nCOPY f /\n", "");
const WEB: Project = ("web", "FROM chinampa/base:1\nCOPY f /\n", "");

struct Pipeline {
    shop: Shop,
}

impl Pipeline {
    fn new(projects: &[Project], workspace: &str) -> Self {
        let shop = Shop::new().cache(Cache::oci()).projects(projects);
        let manifest = std::fs::read_to_string(shop.world.file("projects.toml")).unwrap();
        shop.world.write("projects.toml", manifest.replace("[cache]", &format!("{workspace}\n[cache]")));
        Self { shop }
    }

    /// Commits files of the projects, each with its content.
    fn commit(&self, files: &[(&str, &str)]) -> String {
        for (path, content) in files {
            self.shop.world.write(path, content);
        }
        self.shop.world.commit()
    }

    /// Runs a command as a job that has a commit checked out.
    fn run<const N: usize>(&self, commit: &str, words: [&str; N], variables: &[(&str, &str)]) -> Answer {
        self.shop.world.git(["checkout", "-q", "--detach", commit]);
        let mut command = self.shop.world.command(words);
        command.envs(variables.iter().copied());
        command.output().unwrap().into()
    }

    fn build(&self, commit: &str, variables: &[(&str, &str)]) -> Answer {
        let answer = self.run(commit, ["build", "--progress", "none"], variables);
        assert_eq!(answer.exit, 0, "{answer}");
        answer
    }

    /// The commit of the build record of `main`, seen from a later commit.
    fn recorded(&self, later: &str) -> String {
        let answer = self.run(later, ["last_successful_commit"], &[("CHINAMPA_BRANCH", "main")]);
        answer.stdout.trim().to_owned()
    }

    fn branch_tags(&self) -> Vec<String> {
        let of = |repository: &str| self.shop.tags(repository);
        let tags = ["api", "shop-builds"].into_iter().flat_map(of);
        tags.filter(|tag| tag.starts_with("branch-")).collect()
    }
}

/// A push to `main`, as CircleCI says it.
fn push(commit: &str) -> [(&str, &str); 3] {
    [("CIRCLECI", "true"), ("CIRCLE_SHA1", commit), ("CIRCLE_BRANCH", "main")]
}

// issue 12: N8
#[test]
fn the_record_of_a_branch_moves_to_descendants_only() {
    let pipeline = Pipeline::new(&[API], "");
    let [first, second, third] = ["1", "2", "3"].map(|content| pipeline.commit(&[("api/f", content)]));

    pipeline.build(&second, &push(&second));
    let rerun = pipeline.build(&first, &push(&first));
    let after_rerun = pipeline.recorded(&third);
    pipeline.build(&third, &push(&third));

    assert_eq!(after_rerun, second, "{rerun}");
    let stays = format!("the build record of `main` stays at {}: ", &second[..10]);
    assert!(rerun.stderr.contains(&stays), "{rerun}");
    assert_eq!(pipeline.recorded(&third), third);
}

// issue 12: N1, N2, N3, N4
#[test]
fn a_commit_of_somebody_else_is_never_recorded_as_the_default_branchs() {
    let pipeline = Pipeline::new(&[API], "");
    let [main, fork] = ["1", "2"].map(|content| pipeline.commit(&[("api/f", content)]));
    let event = pipeline.shop.world.file(".git/event.json");
    std::fs::write(
        &event,
        format!(
            r#"{{"workflow_run": {{"head_sha": "{fork}", "event": "push", "head_branch": "main",
                "head_repository": {{"full_name": "acme/shop"}}}}}}"#
        ),
    )
    .unwrap();
    let github = |name| {
        vec![
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_EVENT_NAME", name),
            ("GITHUB_EVENT_PATH", event.to_str().unwrap()),
            ("GITHUB_REPOSITORY", "acme/shop"),
            ("GITHUB_REF_NAME", "main"),
            ("GITHUB_SHA", main.as_str()),
        ]
    };
    let buildkite = |commit, more: &[(&'static str, &'static str)]| {
        let common = [("BUILDKITE", "true"), ("BUILDKITE_BRANCH", "main"), ("BUILDKITE_COMMIT", commit)];
        common.into_iter().chain(more.iter().copied()).collect::<Vec<_>>()
    };
    let of_fork = [
        ("BUILDKITE_PULL_REQUEST", "9"),
        ("BUILDKITE_REPO", "git@github.com:acme/shop.git"),
        ("BUILDKITE_PULL_REQUEST_REPO", "git://github.com/mallory/shop.git"),
    ];
    let environments = [
        github("workflow_run"),
        github("workflow_dispatch"),
        github("issue_comment"),
        buildkite("HEAD", &[]),
        buildkite(&fork, &[("BUILDKITE_TAG", "main")]),
        buildkite(&fork, &of_fork),
        vec![
            ("DRONE", "true"),
            ("DRONE_BRANCH", "main"),
            ("DRONE_COMMIT_SHA", &main),
            ("DRONE_PULL_REQUEST", "9"),
        ],
        vec![("CI", "true")],
    ];

    for variables in environments {
        let built = pipeline.build(&fork, &variables);
        // As some CIs leave it: the commit of somebody else on a local branch of this name.
        pipeline.shop.world.git(["checkout", "-q", "-B", "main", &fork]);
        let mut attached = pipeline.shop.world.command(["build", "-q"]);
        let attached: Answer = attached.envs(variables.iter().copied()).output().unwrap().into();

        assert_eq!(attached.exit, 0, "{attached}");
        let of_main = pipeline.branch_tags().into_iter().filter(|tag| tag == "branch-main").count();
        assert_eq!(of_main, 0, "{variables:?}: {built}");
    }
}

// issue 12: N5
#[test]
fn with_the_strategy_diff_the_commit_before_counts_only_if_it_was_built() {
    let pipeline = Pipeline::new(&[API, WEB], "strategy = \"diff\"");
    let first = pipeline.commit(&[("api/f", "1"), ("web/f", "1")]);
    // Not all at once, so that there are images and no record.
    for project in ["api", "web"] {
        let built = pipeline.run(&first, ["build", "-q", project], &push(&first));
        assert_eq!(built.exit, 0, "{built}");
    }
    let never_built = pipeline.commit(&[("web/f", "2")]);
    let second = pipeline.commit(&[("api/f", "2")]);
    let previous = |commit| [("CHINAMPA_BRANCH", "main"), ("CI", "true"), ("CHINAMPA_PREVIOUS", commit)];

    let built = pipeline.build(&second, &previous(&never_built));

    assert!(built.stdout.contains("2 built, 0 reused"), "{built}");
}

#[test]
fn a_commit_before_with_a_record_of_its_own_counts_with_the_strategy_diff_too() {
    let pipeline = Pipeline::new(&[API, WEB], "strategy = \"diff\"");
    let first = pipeline.commit(&[("api/f", "1"), ("web/f", "1")]);
    // Which CI this is isn't known, so there is a record of the commit and none of a branch.
    pipeline.build(&first, &[("CI", "true")]);
    let second = pipeline.commit(&[("api/f", "2")]);

    let variables = [("CI", "true"), ("CHINAMPA_BRANCH", "main"), ("CHINAMPA_PREVIOUS", first.as_str())];
    let plan = pipeline.run(&second, ["plan", "--json"], &variables);

    assert_eq!(pipeline.branch_tags(), [""; 0]);
    assert_eq!(plan.json()["base"]["commit"], first, "{plan}");
}
