//! `ci generate` and `ci plan` in a repository.

use insta::assert_snapshot;

use super::read;

use crate::support::ci::{Event, group_of_github};
use crate::support::world::World;

const MANIFEST: &str = "[workspace]\nname = \"shop\"\n[deploy]\nkind = \"oci\"\nhost = \"deploy.example\"\n\
    [environments.dev]\nbranch = \"main\"\n[environments.prod]\ntag = \"v*\"\napproval = true\n\
    [projects.base]\npath = \"base\"\n[projects.api]\npath = \"api\"\nneeds = [\"base\"]\n";

/// Two projects, and an environment for `main` and for tags each.
pub(super) fn shop() -> World {
    World::of(&[
        ("projects.toml", MANIFEST),
        ("base/Dockerfile", "FROM scratch\nCOPY . /\n"),
        ("api/Dockerfile", "FROM scratch\nCOPY . /\n"),
    ])
}

#[test]
fn the_deployments_are_those_that_the_branch_is_for() {
    let mut world = shop();

    let main = world.run(["ci", "generate", "circleci", "--all"]);
    world.git(["switch", "-q", "-c", "topic"]);
    let topic = world.run(["ci", "generate", "circleci", "--all"]);
    world.set("CHINAMPA_TAG", "v1");
    let tag = world.run(["ci", "generate", "circleci", "--all"]);

    assert_snapshot!(main, @r#"
    version: 2.1
    jobs:
      build:
        parameters:
          project: {type: string}
        machine: {image: "ubuntu-2404:current"}
        steps:
          - checkout
          - run:
              name: chinampa
              command: |
                set -eu
                chinampa build << parameters.project >> --directives named
      gate:
        machine: {image: "ubuntu-2404:current"}
        steps:
          - checkout
          - run:
              name: chinampa
              command: |
                set -eu
                chinampa build --directives named
      deploy:
        parameters:
          environment: {type: string}
        machine: {image: "ubuntu-2404:current"}
        steps:
          - checkout
          - run:
              name: chinampa
              command: |
                set -eu
                chinampa deploy --environment << parameters.environment >>
    workflows:
      images:
        jobs:
          - build: {name: build-base, project: base}
          - build:
              name: build-api
              project: api
              requires: [build-base]
          - gate:
              requires: [build-api]
          - deploy:
              name: deploy-dev
              environment: dev
              serial-group: "<< pipeline.project.slug >>/dev"
              requires: [gate]
    [exit: 0]
    "#);
    assert!(!topic.stdout.contains("deploy"), "{topic}");
    assert!(tag.stdout.contains("approve-prod") && !tag.stdout.contains("deploy-dev"), "{tag}");
}

#[test]
fn the_same_commit_gets_the_same_pipeline() {
    let world = shop();
    let copy = World::clone_of(world.path());

    for ci in ["circleci", "github", "gitlab", "buildkite", "codebuild"] {
        let one = world.run(["ci", "generate", ci, "--all"]);
        let other = copy.run(["ci", "generate", ci, "--all"]);

        assert_eq!((one.exit, &one.stdout), (0, &other.stdout), "{ci}: {one}");
    }
}

#[test]
fn the_check_fails_unless_the_committed_workflow_is_the_generated_one() {
    let world = shop();
    let check = || world.shown(["ci", "generate", "github", "--check"]);
    let missing = check();
    world.write(".github/workflows/chinampa.yml", world.run(["ci", "generate", "github"]).stdout).commit();
    let same = check();

    world.write("projects.toml", MANIFEST.replace("needs = [\"base\"]\n", "")).commit();

    assert_snapshot!(missing, @r"
    stderr: there is no `.github/workflows/chinampa.yml`; `chinampa ci generate github > .github/workflows/chinampa.yml` writes it
    [exit: 1]
    ");
    assert_snapshot!(same, @"[exit: 0]");
    assert_snapshot!(check(), @r"
    stderr: `.github/workflows/chinampa.yml` is not what `projects.toml` says, from line 24 on; `chinampa ci generate github > .github/workflows/chinampa.yml` writes it
    [exit: 1]
    ");
    assert_snapshot!(world.shown(["ci", "generate", "gitlab", "--check"]), @r"
    stderr: error: only the pipeline of GitHub Actions is a file that can be checked
    stderr:   hint: the other CIs get a pipeline for each commit, which `ci generate` prints
    [exit: 2]
    ");
}

#[test]
fn a_pipeline_whose_jobs_could_not_tell_what_others_have_built_is_refused() {
    let world = shop();
    world.write("projects.toml", MANIFEST.replace("[deploy]", "strategy = \"diff\"\n[deploy]")).commit();

    let commands = [["generate", "gitlab"], ["plan", "github"], ["init", "circleci"]];
    let [generate, plan, init] = commands.map(|[command, ci]| world.shown(["ci", command, ci]));

    assert_snapshot!(generate, @r#"
    stderr: error: there is no pipeline with `strategy = "diff"`: each of its jobs would build what the changes affect, whether another one has built it or not
    stderr:   hint: use `strategy = "digest"`, or one job that runs `chinampa build`
    [exit: 2]
    "#);
    assert_eq!([&plan, &init], [&generate; 2]);
}

#[test]
fn every_command_of_a_pipeline_reads_the_manifest_that_an_option_names() {
    let world = World::of(&[("ci/my projects.toml", MANIFEST)]);
    for project in ["base", "api"] {
        world.write(&format!("{project}/Dockerfile"), "FROM scratch\nCOPY . /\n");
    }
    world.commit();
    let manifest = world.file("ci/my projects.toml");
    let manifest = manifest.to_str().unwrap();

    for (ci, file, commands) in [
        ("circleci", ".circleci/config.yml", ["ci generate circleci", "build << parameters.project >>"]),
        ("github", ".github/workflows/chinampa.yml", ["ci plan github", "ci generate github --check"]),
        ("gitlab", ".gitlab-ci.yml", ["ci generate gitlab", "build api"]),
        ("buildkite", ".buildkite/generate.sh", ["ci generate buildkite", "build api"]),
        ("codebuild", "codebuild.yml", ["ci generate codebuild", "$CHINAMPA_ARGUMENTS"]),
    ] {
        let written = world.run(["--manifest", manifest, "ci", "init", ci]);
        let generated = world.run(["--manifest", manifest, "ci", "generate", ci, "--all"]);
        assert_eq!((written.exit, generated.exit), (0, 0), "{written}{generated}");

        let text = std::fs::read_to_string(world.file(file)).unwrap() + &generated.stdout;
        for command in commands {
            assert!(text.contains(&format!("chinampa --manifest 'ci/my projects.toml' {command}")), "{text}");
        }
        for command in ["build", "deploy", "ci generate", "ci plan", "$"] {
            assert!(!text.contains(&format!("chinampa {command}")), "{ci}: {command}: {text}");
        }
    }
}

#[test]
fn a_manifest_that_no_job_would_find_is_refused() {
    let (world, elsewhere) = (shop(), World::of(&[("projects.toml", MANIFEST)]));
    let outside = elsewhere.file("projects.toml");

    let refused = world.run(["--manifest", outside.to_str().unwrap(), "ci", "generate", "gitlab", "--all"]);

    assert_eq!(refused.exit, 2, "{refused}");
    let message = "projects.toml` is no file of the repository, where the jobs of a pipeline look for it";
    assert!(refused.stderr.contains(message), "{refused}");
}

/// A run that waits for an approval holds its group, for up to 30 days.
#[test]
fn a_push_of_github_does_not_wait_for_the_approval_of_another_one() {
    let workflow = shop().run(["ci", "generate", "github"]).stdout;
    let commit = || "1".repeat(40);
    let push = Event::Push { commit: commit() };
    let pull_request = Event::ForkPullRequest { head: commit(), merge: commit() };

    let [pushes, pull_requests] =
        [push, pull_request].map(|event| ["1", "2"].map(|run| group_of_github(&workflow, &event, run)));

    assert_ne!(pushes[0], pushes[1]);
    assert_eq!(pull_requests, ["images-refs/pull/7/merge"; 2]);
}

#[test]
fn an_untrusted_run_gets_one_job_and_asks_nobody() {
    let mut world = shop();
    world.write(
        "projects.toml",
        MANIFEST.replace("[deploy]", "[cache]\nkind = \"oci\"\nhost = \"localhost:1\"\n[deploy]"),
    );
    world.commit();
    world.set("CHINAMPA_TRUST", "untrusted");

    assert_snapshot!(world.shown(["ci", "generate", "codebuild"]), @r#"
    version: 0.2
    batch:
      fast-fail: false
      build-graph:
        - identifier: gate
          env:
            privileged-mode: true
            variables: {CHINAMPA_TRUST: untrusted, CHINAMPA_ARGUMENTS: build}
    phases:
      build:
        commands: ["chinampa $CHINAMPA_ARGUMENTS"]
    stderr: this run is not trusted: `CHINAMPA_TRUST` says so. One job builds everything and writes nothing
    [exit: 0]
    "#);
    assert_snapshot!(world.shown(["ci", "plan", "github"]), @r"
    build=[]
    deploy=[]
    stderr: this run is not trusted: `CHINAMPA_TRUST` says so. Only the gate's job builds
    stderr: 0 of 2 projects have to be built
    [exit: 0]
    ");
}

#[test]
fn the_plan_of_a_workflow_is_written_to_the_file_of_outputs() {
    let mut world = World::new();
    let host = crate::support::bed::setting("REGISTRY_1");
    let cache = format!(
        "[cache]\nkind = \"oci\"\nhost = \"{host}\"\nprefix = \"{}/\"\n[deploy]",
        world.path().file_name().unwrap().to_string_lossy().to_lowercase().replace('.', "")
    );
    world.write("projects.toml", MANIFEST.replace("[deploy]", &cache));
    for project in ["base", "api"] {
        world.write(&format!("{project}/Dockerfile"), "FROM scratch\nCOPY . /\n");
    }
    world.write(".gitignore", "/docker\n/outputs\n").commit();
    let login = ["REGISTRY_1_USER", "REGISTRY_1_PASSWORD"].map(crate::support::bed::setting).join(":");
    let login = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, login);
    world.write("docker/config.json", format!("{{\"auths\":{{\"{host}\":{{\"auth\":\"{login}\"}}}}}}"));
    let (docker, outputs) = (world.file("docker"), world.file("outputs"));
    world.set("DOCKER_CONFIG", &docker.display().to_string());
    world.set("GITHUB_OUTPUT", &outputs.display().to_string());

    let answer = world.run(["ci", "plan", "github"]);

    assert_snapshot!(answer, @r"
    stderr: 2 of 2 projects have to be built
    [exit: 0]
    ");
    assert_snapshot!(std::fs::read_to_string(outputs).unwrap(), @r#"
    build=["api","base"]
    deploy=["dev"]
    "#);
}

#[test]
fn the_files_that_a_ci_begins_with_are_valid_and_replace_nothing() {
    let world = shop();
    let schemas = [
        ("circleci", "vendor.circle-ci", ".circleci/config.yml"),
        ("github", "vendor.github-workflows", ".github/workflows/chinampa.yml"),
        ("gitlab", "vendor.gitlab-ci", ".gitlab-ci.yml"),
        ("buildkite", "vendor.buildkite", ".buildkite/pipeline.yml"),
    ];
    for (ci, schema, path) in schemas {
        let written = world.run(["ci", "init", ci]);
        assert_eq!(written.exit, 0, "{written}");
        read::check(schema, &[world.file(path)]);
    }
    // Then a pipeline of CodePipeline deploys to it.
    world.write("projects.toml", MANIFEST.replace("tag = \"v*\"", "branch = \"main\""));
    let template = world.run(["ci", "init", "codebuild"]);
    let documents = read::documents(&[world.file("codebuild.yml")]);
    world.write("projects.toml", MANIFEST).commit();
    assert_eq!(world.run(["ci", "generate", "github", "--check"]).exit, 0);

    assert_eq!(template.exit, 0, "{template}");
    read::check("cloudformation", &[world.file("codebuild.yml")]);
    let resources = documents[0].value["Resources"].as_object().unwrap();
    let projects: Vec<&serde_json::Value> =
        resources.values().filter(|resource| resource["Type"] == "AWS::CodeBuild::Project").collect();
    // Those of the batches, and those of the pipeline.
    assert_eq!(projects.len(), 5);
    for project in projects {
        world.write("buildspec.yml", project["Properties"]["Source"]["BuildSpec"].as_str().unwrap());
        read::check("buildspec", &[world.file("buildspec.yml")]);
    }
    assert_snapshot!(world.shown(["ci", "init", "gitlab"]), @r"
    stderr: error: `.gitlab-ci.yml` is there already
    stderr:   hint: `--force` replaces it
    [exit: 2]
    ");
    assert_eq!(world.run(["ci", "init", "gitlab", "--force"]).exit, 0);
}

#[test]
fn files_with_contexts_and_logins_are_valid() {
    let world = shop();
    let ci = "\n[ci]\ncontexts = [\"cache\"]\nlogin = { \"r.example\" = { user = \"USER\", password = \"TOKEN\" } }\n";
    world.write("projects.toml", format!("{MANIFEST}{ci}")).commit();

    assert_eq!(world.run(["ci", "init", "circleci"]).exit, 0);
    assert_eq!(world.run(["ci", "init", "codebuild"]).exit, 0);
    let generated = world.run(["ci", "generate", "circleci"]);
    assert_eq!(generated.exit, 0, "{generated}");
    world.write("generated.yml", &generated.stdout);

    let files = [".circleci/config.yml", "generated.yml"].map(|path| world.file(path));
    read::check("vendor.circle-ci", &files);
    read::check("cloudformation", &[world.file("codebuild.yml")]);
    for file in files {
        assert!(std::fs::read_to_string(&file).unwrap().contains("context: [cache]"), "{}", file.display());
    }
}

/// The recipes of the documentation are whole files.
#[test]
fn the_documented_files_are_valid() {
    let folder = tempfile::tempdir().unwrap();
    let page = include_str!("../../../docs/ci.md");
    for (heading, schema) in [("CircleCI", "vendor.circle-ci"), ("GitLab", "vendor.gitlab-ci")] {
        let (_, section) = page.split_once(&format!("\n## {heading}\n")).unwrap();
        let (_, file) = section.split_once("```yaml\n").unwrap();
        let file = file.split_once("```").unwrap().0.to_owned();

        read::check(schema, &read::write(folder.path(), heading, &[file]));
    }
}
