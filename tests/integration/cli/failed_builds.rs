//! Builds that fail, as users see them: each names the step that failed, its exit code and its log.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::engine::bridge::Bridge;
use crate::support::engines::{BedEngine, on_each_engine};
use crate::support::scripted::{Scripted, Server};
use crate::support::shop::{Cache, Project, Shop};
use crate::support::world::Answer;

on_each_engine!(on_a_new_branch_the_failed_step_is_the_one_that_failed);

/// A way to fail: a project, its Dockerfile, its failed step, the exit code, what the error or the log says, and the line.
/// An error of syntax is in no step: the engine's message names the line.
type Way = (&'static str, &'static str, &'static str, Option<u64>, &'static str, u64);

const WAYS: [Way; 5] = [
    (
        "exit-code",
        "FROM chinampa/base:1\nRUN echo one\nRUN echo no such header; exit 7\n",
        "[3/3] RUN echo no such header; exit 7",
        Some(7),
        "no such header",
        4,
    ),
    (
        "missing-program",
        "FROM chinampa/base:1\nRUN no-such-program --now\n",
        "[2/2] RUN no-such-program --now",
        Some(127),
        "no-such-program: not found",
        3,
    ),
    ("missing-file", "FROM chinampa/base:1\nCOPY missing /\n", "[2/2] COPY missing /", None, "missing", 3),
    (
        "missing-base",
        "FROM localhost:1/no-such-base:1\n",
        "[internal] load metadata for localhost:1/no-such-base:1",
        None,
        "localhost:1/no-such-base:1",
        1,
    ),
    ("syntax", "FROM chinampa/base:1\nSTOPSIGNAL\n", "", None, "line 3: STOPSIGNAL", 3),
];

// issue 14: E5
fn on_a_new_branch_the_failed_step_is_the_one_that_failed(engine: BedEngine) {
    let projects = WAYS.map(|(name, dockerfile, ..)| -> Project { (name, dockerfile, "") });
    let shop = Shop::new().on(engine).cache(Cache::oci()).projects(&projects);
    shop.world.git(["checkout", "-q", "-b", "topic"]);

    let json = shop.world.run(["build", "-q", "--json"]);
    let text = shop.world.run(["build", "-q"]);

    assert_eq!((json.exit, text.exit), (4, 4), "{json}\n{text}");
    for (name, _, step, exit_code, said, line) in WAYS {
        let document = json.json();
        let project = failed(&document, name);
        assert_eq!(project["failed_step"].as_str().unwrap_or_default(), step, "{project:#}");
        assert_eq!(project["exit_code"], json!(exit_code), "{project:#}");
        assert_eq!(project["failed_line"], format!("{name}/Dockerfile:{line}"), "{project:#}");
        let texts = [&project["error"], &project["log_tail"]].map(Value::to_string).concat();
        assert!(texts.contains(said), "{project:#}");
        assert!(!project.to_string().contains("importing cache manifest"), "{project:#}");
        let stdout = format!("\n{}", text.stdout);
        let mut parts = stdout.split("\nfailed ");
        let shown = parts.find(|part| part.trim_start().starts_with(name)).unwrap();
        assert!(shown.contains(step) && shown.contains(said), "{shown}");
        let has_code =
            exit_code.is_none_or(|code| shown.contains(&format!("          exit code {code}: {step}\n")));
        assert!(has_code, "{shown}");
        assert!(shown.lines().next().unwrap().ends_with(&format!(" at {name}/Dockerfile:{line}")), "{shown}");
        assert!(step.is_empty() || shown.matches(step).count() == 1, "{shown}");
    }
}

// issue 16: X8
#[test]
fn a_build_that_lacks_a_file_or_names_an_image_like_a_project_says_what_lint_knows() {
    let shop = Shop::new().cache(Cache::oci()).projects(&[
        ("pattern", "FROM scratch\nCOPY conf /\n", ""),
        ("ignored", "FROM scratch\nCOPY conf /\n", ""),
        ("missing", "FROM scratch\nCOPY Dockerfile /\nCOPY conf /\n", ""),
        ("untracked", "FROM scratch\nCOPY Dockerfile /\nCOPY conf /\n", ""),
        ("lookalike", "FROM localhost:1/acme/missing:1\n", ""),
        ("program", "FROM chinampa/base:1\nRUN echo conf not found; exit 1\n", ""),
    ]);
    shop.world
        .write("pattern/conf", "")
        .write("pattern/other", "")
        .write("pattern/.rebuild_patterns", "./other\n");
    shop.world.write("ignored/conf", "").write("ignored/.dockerignore", "conf\n").commit();

    shop.world.write("untracked/conf", "");

    let json = shop.world.run(["build", "-q", "--json"]).json();

    let hint = |name| failed(&json, name)["hint"].as_str().unwrap_or_default();
    assert_eq!(
        hint("pattern"),
        "pattern/Dockerfile:3: no pattern takes `conf`, so the build can't find it: add `./conf` to pattern/.rebuild_patterns"
    );
    assert_eq!(
        hint("ignored"),
        "ignored/Dockerfile:3: `.dockerignore` leaves `conf` out of the context, so the build can't find it"
    );
    assert_eq!(
        hint("missing"),
        "missing/Dockerfile:4: `conf` is not committed, nor named by `extra_inputs`, so the build can't find it"
    );
    assert_eq!(
        hint("untracked"),
        "untracked/Dockerfile:4: `conf` is not committed, nor named by `extra_inputs`, so the build can't find it: `git add untracked/conf`"
    );
    let looks =
        "lookalike/Dockerfile:1: `localhost:1/acme/missing:1` looks like the project `missing`: `own_images";
    assert!(hint("lookalike").starts_with(looks), "{json:#}");
    assert_eq!(hint("program"), "", "{json:#}");
}

fn failed<'d>(document: &'d Value, name: &str) -> &'d Value {
    let mut projects = document["projects"].as_array().unwrap().iter();
    projects.find(|project| project["name"] == name && project["outcome"] == "failed").unwrap()
}

// issue 14: E11
#[tokio::test(flavor = "multi_thread")]
async fn an_engine_without_buildkit_such_as_podmans_is_an_error_of_the_environment() {
    let version = Scripted::new("/version", [(200, r#"{"Version": "4.3.1", "ApiVersion": "1.41"}"#)]);
    // Podman answers 404 to `/session`.
    let server = Server::start([version]).await;
    let mut shop = Shop::new().cache(Cache::oci()).plain(["api"]);
    shop.world.set("DOCKER_HOST", &server.url.replace("http://", "tcp://"));

    let answer = shop.world.run(["build"]);

    assert_eq!(answer.exit, 3, "{answer}");
    assert!(answer.stdout.contains("because: the engine has no BuildKit\n"), "{answer}");
    assert!(answer.stdout.contains("hint: Docker 20.10 or newer is needed"), "{answer}");
}

// issue 14: E11
#[test]
fn an_engine_that_dies_during_a_build_is_an_error_of_the_environment_and_named() {
    let api: Project = ("api", "FROM chinampa/base:1\nRUN echo begun; exec sleep 1000\n", "");
    let mut shop = Shop::new().projects(&[api]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let bridge = runtime.block_on(Bridge::new(BedEngine::Machine));
    let host = bridge.host().to_string();
    shop.world.set("DOCKER_HOST", &host);
    let mut command = shop.world.command(["build", "--progress", "json"]);
    let mut build = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();

    let mut story = BufReader::new(build.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(story.any(|line| line.contains("begun\\n")), "the step did not start");
    drop(bridge);
    story.for_each(drop);
    let answer = Answer::from(build.wait_with_output().unwrap());

    assert_eq!(answer.exit, 3, "{answer}");
    assert!(answer.stdout.contains("failed    api after"), "{answer}");
    assert!(
        answer.stdout.contains("while step `[2/2] RUN echo begun; exec sleep 1000` was running"),
        "{answer}"
    );
    assert!(
        answer.stdout.contains(&format!("the Docker engine at `{host}` (from `DOCKER_HOST`) broke")),
        "{answer}"
    );
    assert!(answer.stdout.contains("hint: see whether the engine is running"), "{answer}");
}
