//! What `lint` finds where projects, Dockerfiles and pattern files don't fit each other.

use std::fs;

use insta::assert_snapshot;

use crate::support::world::World;

// issue 16: I11
#[test]
fn a_build_argument_that_no_arg_declares_is_a_finding() {
    let manifest = "workspace.name = 'shop'\n[projects.base]\npath = 'base'\n[projects.api]\npath = 'api'\n\
        [projects.api.build_args]\nVERSION = '1'\nVERISON = '1'\nUNUSED_STAGE = '1'\nTRIGGER = '1'\nhttp_proxy = 'x'\n\
        SOURCE_DATE_EPOCH = 0\nBUILDKIT_MULTI_PLATFORM = 1\nTARGETARCH = 'arm64'\nOTHER = '1'\n";
    let world = World::of(&[
        ("projects.toml", manifest),
        ("base/Dockerfile", "FROM scratch\nONBUILD ARG TRIGGER\n"),
        (
            "api/Dockerfile",
            "ARG VERSION=0\nFROM scratch AS unused\nARG UNUSED_STAGE\nFROM base\nENV OTHER=2\n",
        ),
    ]);

    let answer = world.shown(["lint"]);

    assert_snapshot!(answer, @"
    `api`
      projects.toml:8: no `ARG` of api/Dockerfile declares `VERISON`, which `build_args` of `api` sets, so its value has no effect: declare it there or remove it here (build-arg-not-declared)
      projects.toml:15: no `ARG` of api/Dockerfile declares `OTHER`, which `build_args` of `api` sets, so its value has no effect: declare it there or remove it here (build-arg-not-declared)
    2 findings in 1 of 2 projects
    [exit: 1]
    ");
    world.write("api/Dockerfile", "# syntax=example.com/frontend\nFROM base\n").commit();
    assert!(!world.run(["lint"]).stdout.contains("build-arg-not-declared"));
}

/// A project whose Dockerfile a Compose file builds as well.
fn with_compose(build: &str, entry: &str) -> World {
    let compose = format!("services:\n  db:\n    image: postgres\n  api:\n    build:\n{build}");
    let manifest = format!(
        "workspace.name = 'shop'\ncache = {{ kind = 'oci', host = 'r.example' }}\n[projects.api]\npath = 'api'\n{entry}"
    );
    World::of(&[
        ("projects.toml", &manifest),
        ("compose.yaml", &compose),
        (
            "api/Dockerfile",
            "FROM scratch AS dev\nARG VERSION\nFROM scratch AS run\nARG VERSION\nARG COMMIT\n",
        ),
    ])
}

#[test]
fn a_service_that_builds_the_dockerfile_of_a_project_otherwise_is_one_finding_that_names_both_places() {
    let build = "      context: .\n      dockerfile: api/Dockerfile\n      target: dev\n      platforms: [linux/arm64]\n      \
        args: {VERSION: '2', COMMIT: '${COMMIT:-none}'}\n";
    let world = with_compose(build, "build_args = { VERSION = '1' }\n");

    let answer = world.run(["lint", "--json"]);

    let findings = answer.json()["findings"].clone();
    let differs: Vec<_> =
        findings.as_array().unwrap().iter().filter(|it| it["code"] == "differs-from-compose").collect();
    assert_eq!(differs.len(), 1, "{answer}");
    assert_eq!((&differs[0]["file"], &differs[0]["line"]), (&"projects.toml".into(), &4.into()), "{answer}");
    assert_snapshot!(differs[0]["message"].as_str().unwrap(), @"service `api` (compose.yaml:6) builds api/Dockerfile otherwise: context is `.` there and `api` here; target is `dev` there and none here; build argument `VERSION` is `2` there and `1` here; platform is `linux/arm64` there and `linux/amd64` here");
}

#[test]
fn a_service_that_says_the_same_spares_others_of_the_same_dockerfile() {
    let same =
        "      context: api\n      target: run\n      args: {VERSION: '1', COMMIT: '${COMMIT:-none}'}\n";
    let also = "  debug:\n    build: {context: api, target: dev}\n";
    let world = with_compose(&format!("{same}{also}"), "build_args = { VERSION = '1' }\n");

    let same = world.run(["lint"]);
    world.write("compose.yaml", format!("services:\n{also}")).commit();
    let other = world.run(["lint"]);

    assert!(!same.stdout.contains("differs-from-compose"), "{same}");
    assert!(other.stdout.contains("service `debug` (compose.yaml:3)"), "{other}");
}

/// A project, and Dockerfiles that no project names.
fn with_unnamed(more: &[(&str, &str)]) -> World {
    let named = [
        ("projects.toml", "workspace.name = 'shop'\n[projects.api]\npath = 'api'\n"),
        ("api/Dockerfile", "FROM scratch\n"),
    ];
    World::of(&[&named, more].concat())
}

// issue 16: I11
#[test]
fn a_dockerfile_that_no_project_names_is_a_finding_if_all_projects_are_looked_at() {
    let world = with_unnamed(&[
        ("web/Dockerfile", "ARG BASE\nFROM $BASE\n"),
        ("api/debug.Dockerfile", "FROM scratch\n"),
    ]);

    let all = world.shown(["lint"]);
    world.write("more/Dockerfile", "FROM scratch\n");
    let manifest = fs::read_to_string(world.file("projects.toml")).unwrap();
    world.write("projects.toml", manifest + "[projects.more]\npath = 'more'\n").commit();
    let one = world.run(["lint", "api"]);

    assert_snapshot!(all, @"
    no project
      api/debug.Dockerfile:1: no project names this Dockerfile, so its image is not built: `chinampa init --update` adds a project for it (dockerfile-without-project)
      web/Dockerfile:1: no project names this Dockerfile, so its image is not built: `chinampa init --update` adds a project for it (dockerfile-without-project)
    2 findings in 2 files of no project
    [exit: 1]
    ");
    assert_eq!((one.exit, one.stdout.as_str()), (0, "nothing found in 1 project\n"), "{one}");
}

// issue 16: I11
#[test]
fn a_dockerfile_that_init_leaves_out_is_no_finding() {
    let world = with_unnamed(&[
        ("vendor/x/Dockerfile", "FROM scratch\n"),
        ("api/testdata/Dockerfile", "FROM scratch\n"),
        ("api/Dockerfile.tmpl", "FROM {{ base }}\n"),
        ("api/Dockerfile.md", "# Dockerfile\n"),
        ("win/Dockerfile", "FROM mcr.microsoft.com/windows/nanoserver:ltsc2022\n"),
        ("part/Dockerfile.common", "RUN make\n"),
        ("empty/Dockerfile", ""),
    ]);
    std::os::unix::fs::symlink("../api/Dockerfile", world.file("api/link.Dockerfile")).unwrap();
    world.commit();

    assert_snapshot!(world.shown(["lint"]), @"
    nothing found in 1 project
    [exit: 0]
    ");
}

/// Projects of one folder, each with its Dockerfile and further keys, and their pattern file.
fn siblings(projects: &[(&str, &str, &str)], patterns: &str, files: &[&str]) -> World {
    let mut manifest = "workspace.name = 'shop'\n".to_owned();
    let mut all = Vec::new();
    for (name, dockerfile, keys) in projects {
        let file = format!("{name}.Dockerfile");
        manifest += &format!("[projects.{name}]\npath = '.'\n{keys}\n");
        if !keys.contains("dockerfile") {
            manifest += &format!("dockerfile = '{file}'\n");
        }
        all.push((file, (*dockerfile).to_owned()));
    }
    all.push(("projects.toml".to_owned(), manifest));
    all.push((".rebuild_patterns".to_owned(), patterns.to_owned()));
    all.extend(files.iter().map(|file| ((*file).to_owned(), String::new())));
    let all: Vec<(&str, &str)> = all.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    World::of(&all)
}

// issue 16: I11
#[test]
fn advice_on_a_line_is_right_for_each_project_that_has_the_file() {
    let projects = [
        ("one", "FROM scratch\nCOPY a /\n", ""),
        ("two", "FROM scratch\nCOPY a b /\n", ""),
        ("three", "FROM scratch\nCOPY a b d* /\n", ""),
    ];
    let world = siblings(&projects, "a\nb\nc\ngone\ndata/\n!d.md\n", &["a", "b", "c", "d.md"]);

    let all = world.shown(["lint", "--fix"]);
    let one = world.run(["lint", "--fix", "one"]);

    assert_snapshot!(all, @"
    `one`
      .rebuild_patterns:2: `b`: nothing in the Dockerfile takes what this line matches, so each change of it builds `one` for nothing; `three` and another project need it: give `one` a pattern file of its own, `one.Dockerfile.rebuild_patterns` (pattern-of-sibling)
      .rebuild_patterns:3: `c`: nothing in the Dockerfile takes what this line matches, so each change of it builds `one` for nothing (pattern-not-used)
        remove the line
      .rebuild_patterns:4: `gone`: this line matches no committed file (pattern-matches-nothing)
        remove the line
      .rebuild_patterns:5: `data/`: this line matches no committed file (pattern-matches-nothing)
        remove the line
    `three`
      .rebuild_patterns:3: `c`: nothing in the Dockerfile takes what this line matches, so each change of it builds `three` for nothing (pattern-not-used)
        remove the line
      .rebuild_patterns:4: `gone`: this line matches no committed file (pattern-matches-nothing)
        remove the line
      .rebuild_patterns:5: `data/`: this line matches no committed file (pattern-matches-nothing)
        remove the line
    `two`
      .rebuild_patterns:3: `c`: nothing in the Dockerfile takes what this line matches, so each change of it builds `two` for nothing (pattern-not-used)
        remove the line
      .rebuild_patterns:4: `gone`: this line matches no committed file (pattern-matches-nothing)
        remove the line
      .rebuild_patterns:5: `data/`: this line matches no committed file (pattern-matches-nothing)
        remove the line
    10 findings in 3 of 3 projects
    [exit: 1]
    ");
    assert!(one.stdout.contains("`three` and another project need it"), "{one}");
    assert_eq!(fs::read_to_string(world.file(".rebuild_patterns")).unwrap(), "a\nb\nc\ngone\ndata/\n!d.md\n");
}

// issue 16: I11
#[test]
fn a_project_that_shares_its_dockerfile_too_needs_patterns_in_the_manifest() {
    let projects = [
        ("one", "FROM scratch AS small\nCOPY a /\nFROM small\nCOPY b /\n", "target = 'small'"),
        ("two", "", "dockerfile = 'one.Dockerfile'"),
    ];
    let world = siblings(&projects, "a\nb\n", &["a", "b"]);
    world.remove("two.Dockerfile").commit();

    assert_snapshot!(world.shown(["lint"]), @"
    `one`
      .rebuild_patterns:2: `b`: nothing in the Dockerfile takes what this line matches, so each change of it builds `one` for nothing; `two` needs it: name a pattern file of its own by `patterns` in `[projects.one]` (pattern-of-sibling)
    1 finding in 1 of 2 projects
    [exit: 1]
    ");
}

// issue 16: I11
#[test]
fn a_copied_submodule_that_git_can_not_fetch_is_a_finding() {
    let library = World::of(&[("src/a", "1"), ("docs/b", "1")]);
    let world = World::of(&[
        ("projects.toml", "workspace.name = 'shop'\n[projects.api]\npath = 'api'\n"),
        ("api/Dockerfile", "FROM scratch\nCOPY named/src /\nCOPY unnamed/src /\n"),
    ]);
    let url = library.path().display().to_string();
    world.git(["submodule", "--quiet", "add", &url, "api/named"]);
    world.git(["clone", "-q", &url, "api/unnamed"]);
    world.git(["clone", "-q", &url, "api/unused"]);
    world.commit();

    let answer = world.shown(["lint"]);

    assert_snapshot!(answer, @"
    `api`
      api/Dockerfile:3: `api/unnamed` is a submodule that `.gitmodules` does not name, so no clone has its files: `git submodule add` names it (copies-submodule)
    1 finding in 1 of 1 project
    [exit: 1]
    ");
}

#[test]
fn an_image_that_terraform_sets_too_is_a_finding_unless_it_is_ignored() {
    let service = "service = [{ kind = 'ecs', cluster = 'c', name = 'api' }, { kind = 'lambda', name = 'f', alias = 'live' }]";
    let world = World::of(&[
        ("projects.toml", &format!("workspace.name = 'shop'\n[projects.api]\npath = 'api'\n{service}\n")),
        ("api/Dockerfile", "FROM scratch\nCOPY f /\n"),
        ("api/f", ""),
        (
            "api/terraform/main.tf",
            "terraform {\n  backend \"s3\" {}\n}\nmodule \"m\" { source = \"../../modules/m\" }\n",
        ),
        (
            "modules/m/main.tf",
            "resource \"aws_ecs_service\" \"api\" {\n  task_definition = \"x\"\n}\n\
             resource \"aws_lambda_function\" \"f\" {\n  image_uri = \"x\"\n  lifecycle { ignore_changes = [image_uri] }\n}\n",
        ),
    ]);

    let answer = world.shown(["lint"]);

    assert_snapshot!(answer, @"
    `api`
      modules/m/main.tf:1: each apply sets `task_definition` of `aws_ecs_service.api` back to what Terraform knows, before the deployment sets it: `lifecycle { ignore_changes = [task_definition] }` leaves it to the deployment (terraform-owns-image)
    1 finding in 1 of 1 project
    [exit: 1]
    ");
}
