//! A first `projects.toml`, for repositories of several kinds.

use insta::assert_snapshot;

use crate::support::world::World;

/// Files that are there and not committed.
fn with(files: &[(&str, &str)]) -> World {
    let world = World::new();
    files.iter().for_each(|(path, content)| {
        world.write(path, content);
    });
    // Where the workspace's name comes from.
    world.git(["remote", "add", "origin", "https://git.example/team/shop.git"]);
    world
}

impl World {
    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.file(path)).unwrap()
    }

    /// Commits all and says how a plan begins: with the projects, needs first.
    fn planned(&self) -> String {
        self.commit();
        let answer = self.run(["plan", "--offline", "--json"]);
        assert_eq!(answer.exit, 0, "{answer}");
        let plan: serde_json::Value = serde_json::from_str(&answer.stdout).unwrap();
        let names =
            plan["projects"].as_array().unwrap().iter().map(|project| project["name"].as_str().unwrap());
        names.collect::<Vec<_>>().join(" ")
    }
}

#[test]
fn services_of_a_compose_file_are_projects() {
    let world = with(&[
        (
            "docker-compose.yml",
            "x-build: &build\n  context: .\n  args: {PROFILE: release, TOKEN: $TOKEN}\n\
             services:\n  \
               api:\n    build: {<<: *build, dockerfile: services/api/Dockerfile, target: runtime}\n    image: shop/api:1\n    depends_on: [db]\n  \
               worker:\n    build: {<<: *build, dockerfile: services/api/Dockerfile, target: runtime}\n  \
               web:\n    build: ./web\n  \
               db:\n    image: postgres:17\n  \
               remote:\n    build: https://git.example/x.git\n  \
               gone:\n    build: ./gone\n    # nothing\n",
        ),
        (
            "services/api/Dockerfile",
            "FROM rust:1 AS compile\nCOPY Cargo.* ./\nCOPY services/api/src src\nFROM scratch AS runtime\nCOPY --from=compile / /\nCOPY shared/proto /proto\n",
        ),
        ("services/api/src/main.rs", ""),
        ("Cargo.toml", ""),
        ("shared/proto/a.proto", ""),
        ("web/Dockerfile", "FROM shop/api:1\nCOPY package.json .\nCOPY . .\nCOPY dist /dist\n"),
        ("web/package.json", "{}"),
    ]);

    let answer = world.shown(["init"]);

    assert_snapshot!(answer, @"
    projects: 2
      api  services/api  docker-compose.yml:6: service `api` builds its target `runtime`
      web  web  docker-compose.yml:12: service `web` builds it
    concluded: 3
      projects.toml: the workspace is called `shop`, after the repository
      web/Dockerfile:1: `own_images` has `shop/`: `shop/api:1` is a project
      docker-compose.yml:6: `deploy` of `api` is `false`: only others are built from it
    not used: 5
      docker-compose.yml:3: fill in the argument `TOKEN` of service `api`: no file of the repository sets `TOKEN`
      docker-compose.yml:3: fill in the argument `TOKEN` of service `worker`: no file of the repository sets `TOKEN`
      docker-compose.yml:16: service `remote` is left out: its context `https://git.example/x.git` is not in the repository
      docker-compose.yml:18: there is no file `gone/Dockerfile`
      web/Dockerfile:4: COPY `dist`: git has no such file in `web`; if it is made before the build, name it in `extra_inputs`
    written: 1
      projects.toml
    stderr: read what was written, commit it, then `chinampa plan`
    [exit: 0]
    ");
    assert_snapshot!(world.read("projects.toml"), @r#"
    [workspace]
    name = "shop"
    own_images = ["shop/"]

    [projects.api]
    path = "services/api"
    context = "."
    target = "runtime"
    build_args = { PROFILE = "release" }
    deploy = false

    [projects.web]
    path = "web"
    "#);
    assert!(!world.file("services/api/.rebuild_patterns").exists());
    assert_eq!(world.planned(), "api web");
    assert_snapshot!(world.shown(["inputs", "api"]), @"
    Cargo.toml  services/api/Dockerfile:2
    services/api/Dockerfile  projects.toml:5
    services/api/src/main.rs  services/api/Dockerfile:3
    shared/proto/a.proto  services/api/Dockerfile:6
    [exit: 0]
    ");
}

#[test]
fn dockerfiles_that_nobody_names_are_projects_named_after_their_places() {
    let world = with(&[
        ("Dockerfile", "FROM lib\nCOPY main.go .\n"),
        ("main.go", ""),
        ("lib/Dockerfile", "FROM scratch\n"),
        ("tools/lib/Dockerfile.dev", "FROM scratch\nADD https://example.com/x /x\nCOPY a* /\n"),
        ("docker/proxy.Dockerfile", "FROM nginx\nCOPY docker/nginx.conf /etc/\nCOPY $CONF /etc/\n"),
        ("docker/nginx.conf", ""),
        ("broken/Dockerfile", "COPY a b\n"),
        ("vendor/x/Dockerfile", "FROM scratch\n"),
        ("ignored/Dockerfile", "FROM scratch\n"),
        (".gitignore", "/ignored\n"),
    ]);

    let answer = world.shown(["init"]);

    assert_snapshot!(answer, @"
    undecided, check these: 1
      tools/lib/Dockerfile.dev: `context` is taken to be `tools/lib`; nothing tells it from `tools` and `.`
    projects: 4
      lib  lib  lib/Dockerfile: a Dockerfile
      lib-dev  tools/lib  tools/lib/Dockerfile.dev: a Dockerfile
      proxy  docker  docker/proxy.Dockerfile: a Dockerfile
      shop  .  Dockerfile: a Dockerfile
    concluded: 5
      projects.toml: the workspace is called `shop`, after the repository
      docker/proxy.Dockerfile: the context is `.`: what it names is there
      lib/Dockerfile: `deploy` of `lib` is `false`: only others are built from it
      docker/proxy.Dockerfile:3: COPY `$CONF` depends on a variable: it may take all of `./`
      tools/lib/Dockerfile.dev:3: COPY `a*` matches nothing yet
    not used: 1
      broken/Dockerfile: it can't be used: line 1: COPY stands before the first `FROM`
    kinds of Dockerfiles left out: 1
      1 in folders with code from elsewhere: vendor/x/Dockerfile
    written: 1
      projects.toml
    stderr: read what was written, commit it, then `chinampa plan`
    [exit: 0]
    ");
    assert_snapshot!(world.read("projects.toml"), @r#"
    [workspace]
    name = "shop"

    [projects.lib]
    path = "lib"
    deploy = false

    [projects.lib-dev]
    path = "tools/lib"
    dockerfile = "Dockerfile.dev"

    [projects.proxy]
    path = "docker"
    context = "."
    dockerfile = "proxy.Dockerfile"

    [projects.shop]
    path = "."
    "#);
    assert_eq!(world.planned(), "lib lib-dev proxy shop");
}

#[test]
fn a_layout_of_the_older_scripts_keeps_its_pattern_files() {
    let world = with(&[
        (
            "build_manifest.json",
            "{\n\t\"Circuits\": {\n\t\t\"buildDir\": \"circuits/cpp\",\n\t\t\"dockerfile\": \"dockerfiles/Dockerfile.linux\",\n\t\t\"rebuildPatterns\": [\"^circuits/\"],\n\t\t\"multiarch\": \"buildx\"\n\t},\n\
             \t\"api\": { \"buildDir\": \".\", \"projectDir\": \"yarn-project/api\", \"dockerfile\": \"yarn-project/api/Dockerfile\", \"rebuildPatterns\": \".rebuild_patterns\", \"dependencies\": [\"Circuits\", \"gone\"] },\n\
             \t\"docs\": { \"runDir\": \"x\" }\n}\n",
        ),
        ("circuits/cpp/dockerfiles/Dockerfile.linux", "FROM ubuntu\nCOPY . .\n"),
        ("circuits/cpp/src/a.cpp", ""),
        ("yarn-project/api/Dockerfile", "FROM node\nCOPY yarn-project/api/src src\n"),
        ("yarn-project/api/src/a.ts", ""),
        ("yarn-project/api/.rebuild_patterns", "^yarn-project/api/.*\\.(ts|json)$\n^circuits/ts/\n"),
        ("lib/Dockerfile", "FROM scratch\nCOPY a /\n"),
        ("lib/a", ""),
        ("lib/.rebuild_patterns", "^lib/\n"),
    ]);
    world.commit();
    world.git(["branch", "-qM", "master"]);

    let answer = world.shown(["init"]);

    assert_snapshot!(answer, @"
    projects: 3
      api  yarn-project/api  build_manifest.json:8: `api` is one of its projects
      circuits  circuits/cpp  build_manifest.json:2: `Circuits` is one of its projects
      lib  lib  lib/Dockerfile: a Dockerfile
    concluded: 4
      projects.toml: the workspace is called `shop`, after the repository
      projects.toml: `default_branch` is `master`: there is no `main`
      build_manifest.json:2: `Circuits` is called `circuits`: a name is lower-case, and one project's alone
      build_manifest.json:2: `deploy` of `circuits` is `false`: only others are built from it
    not used: 4
      build_manifest.json:6: `multiarch` of `Circuits`: with a registry as `[cache]`, name its `platforms`
      build_manifest.json:9: `runDir` of `docs` has no counterpart
      build_manifest.json:9: `docs` has neither `buildDir` nor `dockerfile`
      build_manifest.json:8: `api` can't need `gone`: no other project is called so
    kept as they are: 2
      lib/.rebuild_patterns
      yarn-project/api/.rebuild_patterns
    written: 2
      circuits/cpp/.rebuild_patterns
      projects.toml
    stderr: read what was written, commit it, then `chinampa plan`
    [exit: 0]
    ");
    assert_snapshot!(world.read("projects.toml"), @r#"
    [workspace]
    name = "shop"
    default_branch = "master"

    [projects.api]
    path = "yarn-project/api"
    context = "."
    needs = ["circuits"]

    [projects.circuits]
    path = "circuits/cpp"
    dockerfile = "dockerfiles/Dockerfile.linux"
    deploy = false

    [projects.lib]
    path = "lib"
    "#);
    assert_eq!(world.read("lib/.rebuild_patterns"), "^lib/\n");
    assert_eq!(world.planned(), "circuits api lib");
}

#[test]
fn a_dependency_that_dockerfiles_name_as_a_registry_has_it_is_found() {
    let registry = "278380418400.dkr.ecr.eu-west-2.amazonaws.com";
    let api = format!(
        "ARG R={registry}\nFROM $R/setup AS one\nFROM quay.io/acme/other\nCOPY --from=one / /\nCOPY --from=acme/lib:v1 / /\n"
    );
    let world = with(&[
        (
            "build_manifest.json",
            "{ \"setup\": { \"buildDir\": \"setup\" }, \"lib\": { \"buildDir\": \"lib\" },\n\
             \"api\": { \"buildDir\": \"api\", \"dependencies\": [\"setup\", \"lib\"] } }\n",
        ),
        ("setup/Dockerfile", "FROM scratch\n"),
        ("lib/Dockerfile", "FROM scratch\n"),
        ("api/Dockerfile", &api),
    ]);

    let answer = world.shown(["init"]);

    assert_snapshot!(answer, @"
    projects: 3
      api  api  build_manifest.json:2: `api` is one of its projects
      lib  lib  build_manifest.json:1: `lib` is one of its projects
      setup  setup  build_manifest.json:1: `setup` is one of its projects
    concluded: 5
      projects.toml: the workspace is called `shop`, after the repository
      api/Dockerfile:2: `own_images` has `<12 hex>.dkr.ecr.eu-west-2.amazonaws.com/`: `<12 hex>.dkr.ecr.eu-west-2.amazonaws.com/setup` is a project
      api/Dockerfile:5: `own_images` has `acme/`: `acme/lib:v1` is a project
      build_manifest.json:1: `deploy` of `setup` is `false`: only others are built from it
      build_manifest.json:1: `deploy` of `lib` is `false`: only others are built from it
    written: 1
      projects.toml
    stderr: read what was written, commit it, then `chinampa plan`
    [exit: 0]
    ");
    assert!(world.read("projects.toml").contains(&format!("own_images = [\"{registry}/\", \"acme/\"]\n")));
    assert_eq!(world.planned(), "lib setup api");
}

#[test]
fn what_is_there_is_replaced_only_by_force() {
    let world = World::with_api();
    let manifest = world.read("projects.toml");
    world
        .write("build_manifest.json", r#"{"api": {"buildDir": "api", "rebuildPatterns": ["^api/a"]}}"#)
        .write("api/.rebuild_patterns", "./\n")
        .write("api/a", "")
        .write("api/Dockerfile", "FROM scratch\nCOPY a /\n");

    let refused = world.shown(["init"]);

    assert_snapshot!(refused, @"
    stderr: error: `projects.toml` is there already, so nothing was written
    stderr:   hint: `--update` adds what it does not build yet; `--force` replaces it, and the pattern files of projects
    [exit: 2]
    ");
    assert_eq!(world.read("projects.toml"), manifest);
    assert_eq!(world.run(["init", "--force"]).exit, 0);
    assert_ne!(world.read("projects.toml"), manifest);
    assert_eq!(world.read("api/.rebuild_patterns"), "# What `api/Dockerfile` is built from.\n^api/a\n");
    assert_eq!(world.planned(), "api");
}

#[test]
fn a_pattern_file_that_says_what_nothing_else_does_stays_even_with_force() {
    let world = with(&[
        ("api/Dockerfile", "FROM scratch\nCOPY a /\n"),
        ("api/a", ""),
        ("api/.rebuild_patterns", "./a\n!**/*.md\n"),
    ]);

    let answer = world.shown(["init", "--force"]);

    assert_snapshot!(answer, @"
    projects: 1
      api  api  api/Dockerfile: a Dockerfile
    concluded: 1
      projects.toml: the workspace is called `shop`, after the repository
    kept as they are: 1
      api/.rebuild_patterns
    written: 1
      projects.toml
    stderr: read what was written, commit it, then `chinampa plan`
    [exit: 0]
    ");
    assert_eq!(world.read("api/.rebuild_patterns"), "./a\n!**/*.md\n");
}

#[test]
fn a_pattern_file_that_git_does_not_see_is_not_overwritten() {
    let world = with(&[
        ("Dockerfile", "FROM scratch\n"),
        ("build_manifest.json", r#"{"app": {"buildDir": ".", "rebuildPatterns": ["^src/"]}}"#),
        (".rebuild_patterns", "mine\n"),
        (".gitignore", ".rebuild_patterns\n"),
    ]);

    let answer = world.shown(["init"]);

    assert_snapshot!(answer, @"
    stderr: error: `.rebuild_patterns` is there already, so nothing was written
    stderr:   hint: git does not see the file: rename it, or remove it from `.gitignore`
    [exit: 2]
    ");
    assert_eq!(world.read(".rebuild_patterns"), "mine\n");
    assert!(!world.file("projects.toml").exists());
}

#[test]
fn nothing_is_written_where_it_could_not_be_used() {
    let circle = with(&[("a/Dockerfile", "FROM b\n"), ("b/Dockerfile", "FROM a\n")]);
    let nothing = with(&[("README.md", "\n"), ("Dockerfile", "FORM scratch\n")]);
    let templates = with(&[
        ("a/Dockerfile.j2", "FROM x\n"),
        ("b/Dockerfile.j2", "FROM x\n"),
        ("c/Dockerfile", "FROM x\n"),
    ]);

    let (circle_shown, nothing_shown) = (circle.shown(["init"]), nothing.shown(["init"]));
    let templates_shown = templates.shown(["init", "--exclude", "c/"]);

    assert_snapshot!(circle_shown, @"
    stderr: not used: a/Dockerfile: it can't be used: projects need each other in a circle: `a` needs `b` needs `a`
    stderr: not used: b/Dockerfile: it can't be used: it is built from `a`, which can't be used
    stderr: error: there is nothing to build: no Dockerfile that can be used
    [exit: 2]
    ");
    assert_snapshot!(nothing_shown, @"
    stderr: not used: Dockerfile: it can't be used: line 1: unknown instruction `FORM`
    stderr: error: there is nothing to build: no Dockerfile that can be used
    [exit: 2]
    ");
    assert_snapshot!(templates_shown, @"
    stderr: left out: 2 templates: a/Dockerfile.j2, b/Dockerfile.j2
    stderr: excluded: 1
    stderr: error: there is nothing to build: no Dockerfile that can be used
    [exit: 2]
    ");
    for world in [circle, nothing, templates] {
        assert_eq!(world.git(["status", "--porcelain", "--", "projects.toml", "*/.rebuild_patterns"]), "");
    }
}

#[test]
fn names_that_a_program_may_trip_over_are_written_so_that_they_can_be_read() {
    let world = with(&[
        ("a \"b\"\\c/Dockerfile", "FROM scratch\nCOPY [\"x y\", \"[z]\", \"/\"]\n"),
        ("a \"b\"\\c/x y", ""),
        ("a \"b\"\\c/[z]", ""),
        ("#c/Dockerfile", "FROM scratch\nCOPY . /\n"),
        ("v1.2/Dockerfile", "FROM scratch\nCOPY . /\n"),
    ]);

    let answer = world.run(["init"]);

    assert_eq!(answer.exit, 0, "{answer}");
    assert_eq!(world.planned(), "a-b-c c v1.2");
    assert_eq!(world.run(["changed", "**", "--base", "HEAD"]).exit, 1);
}

#[test]
fn the_answer_can_be_read_by_programs() {
    let world = with(&[("api/Dockerfile", "FROM node\nARG X\nCOPY ${X}/a /\n"), ("api/x/a", "")]);

    let answer = world.shown(["init", "--json", "-q"]);

    assert_snapshot!(answer, @r#"
    {
      "schema": "chinampa.init/1",
      "workspace": "shop",
      "default_branch": "main",
      "is_dry_run": false,
      "written": [
        "projects.toml"
      ],
      "projects": {
        "api": {
          "path": "api",
          "context": "api",
          "dockerfile": "api/Dockerfile",
          "target": null,
          "images": [],
          "external": [],
          "needs": [],
          "platforms": [],
          "build_args": {},
          "tags": [],
          "deploy": true,
          "found": {
            "at": "api/Dockerfile",
            "says": "a Dockerfile"
          }
        }
      },
      "kept": [],
      "undecided": [
        {
          "at": "api/Dockerfile",
          "says": "`context` is taken to be `api`; nothing tells it from `.`"
        }
      ],
      "to_fill_in": [],
      "guesses": [
        {
          "at": "projects.toml",
          "says": "the workspace is called `shop`, after the repository"
        },
        {
          "at": "api/Dockerfile:3",
          "says": "COPY `${X}/a` depends on a variable: it may take all of `./api/`"
        }
      ],
      "ignored": [],
      "left_out": [],
      "excluded": 0
    }
    [exit: 0]
    "#);
}

#[test]
fn a_bare_repository_has_nothing_to_look_at() {
    let world = World::new();
    world.git(["init", "-q", "--bare", "bare.git"]);

    assert_snapshot!(world.shown(["-C", "bare.git", "init"]), @"
    stderr: error: a bare repository has no work tree
    [exit: 2]
    ");
}

#[test]
fn projects_in_one_folder_have_pattern_files_of_their_own() {
    let world = with(&[
        (
            "compose.yaml",
            "services:\n  api: {build: {context: ., target: api}}\n  job: {build: {context: ., target: job}}\n",
        ),
        (
            "build_manifest.json",
            r#"{"cli": {"buildDir": ".", "dockerfile": "cli.Dockerfile", "rebuildPatterns": ["^cli/"]}}"#,
        ),
        ("Dockerfile", "FROM scratch AS api\nCOPY api /\nFROM scratch AS job\nCOPY job /\n"),
        ("cli.Dockerfile", "FROM scratch\nCOPY cli /\n"),
        ("api/a", ""),
        ("job/a", ""),
        ("cli/a", ""),
    ]);

    let answer = world.shown(["init"]);

    assert_snapshot!(answer, @"
    projects: 3
      api  .  compose.yaml:2: service `api` builds its target `api`
      cli  .  build_manifest.json:1: `cli` is one of its projects
      job  .  compose.yaml:3: service `job` builds its target `job`
    concluded: 2
      projects.toml: the workspace is called `shop`, after the repository
      compose.yaml:2: `api` is built up to the stage `api`, which is not the last
    written: 2
      cli.Dockerfile.rebuild_patterns
      projects.toml
    stderr: read what was written, commit it, then `chinampa plan`
    [exit: 0]
    ");
    assert_snapshot!(world.read("cli.Dockerfile.rebuild_patterns"), @"
    # What `cli.Dockerfile` is built from.
    ^cli/
    ");
    assert_eq!(world.planned(), "api cli job");
}

#[test]
fn an_update_adds_what_no_project_builds_and_leaves_the_rest_as_it_is() {
    let world = with(&[("api/Dockerfile", "FROM scratch\nCOPY a /\n"), ("api/a", "")]);
    assert_eq!(world.run(["init"]).exit, 0);
    let before = world.read("projects.toml") + "# ours\n";
    world.write("projects.toml", &before).write("old/Dockerfile", "FROM scratch\n");
    world.write("tools/api/Dockerfile", "FROM api\nCOPY b /\n").write("tools/api/b", "");

    let shown = world.shown(["init", "--update", "--dry-run", "--exclude", "old/"]);
    let unchanged = world.read("projects.toml");
    let updated = world.run(["init", "--update", "--exclude", "old/"]);
    let again = world.run(["init", "--update", "--exclude", "old/", "--json"]);

    assert_snapshot!(shown, @"
    projects: 1
      tools-api  tools/api  tools/api/Dockerfile: a Dockerfile
    excluded: 1
    would be written: 1
      projects.toml
    [exit: 0]
    ");
    assert_eq!((unchanged, updated.exit), (before.clone(), 0), "{updated}");
    assert_eq!(world.read("projects.toml"), before + "\n[projects.tools-api]\npath = \"tools/api\"\n");
    assert_eq!((again.exit, &again.json()["projects"]), (0, &serde_json::json!({})), "{again}");
    assert_eq!(world.planned(), "api tools-api");
}

#[test]
fn a_pattern_that_excludes_nothing_well_formed_is_an_error() {
    let world = with(&[("api/Dockerfile", "FROM scratch\n")]);

    let answer = world.shown(["init", "--exclude", "[b"]);

    assert_snapshot!(answer, @"
    stderr: error: cannot use the pattern `[b`
    stderr:   because: `[` without `]`
    [exit: 2]
    ");
    assert!(!world.file("projects.toml").exists());
}

#[test]
fn what_can_not_be_used_is_left_out_and_the_rest_is_proposed() {
    let world = with(&[
        (
            "compose.yaml",
            "services:\n  api:\n    build: api\n  web:\n    build:\n      context: web\n      ssh: [\"a b\"]\n  tool:\n    build: tool\n",
        ),
        ("api/Dockerfile", "FROM scratch\nCOPY a /\n"),
        ("api/a", ""),
        ("web/Dockerfile", "FROM scratch\n"),
        ("tool/Dockerfile", "FROM scratch\nCOPY b /\n"),
        ("tool/b", ""),
        ("tool/.dockerignore", "[\n"),
        ("job/Dockerfile", "FROM tool\n"),
    ]);

    let answer = world.shown(["init"]);

    assert_snapshot!(answer, @"
    projects: 1
      api  api  compose.yaml:3: service `api` builds it
    concluded: 1
      projects.toml: the workspace is called `shop`, after the repository
    not used: 3
      compose.yaml:6: it can't be used: `ssh` in `[projects.web]`: `a b` is not an id: up to 128 letters, digits, `.`, `_` and `-`, the first a letter, a digit or `_`
      compose.yaml:9: it can't be used: tool/.dockerignore:1: bad pattern: `[` without `]`
      job/Dockerfile: it can't be used: it is built from `tool`, which can't be used
    written: 1
      projects.toml
    stderr: read what was written, commit it, then `chinampa plan`
    [exit: 0]
    ");
    assert_eq!(world.planned(), "api");
}

#[test]
fn no_file_of_somebody_is_written_over() {
    let inline = "services:\n  api:\n    build:\n      context: api\n      dockerfile_inline: |\n        FROM scratch\n        COPY a /\n  web: {build: web}\n";
    let world = with(&[("compose.yaml", inline), ("api/a", ""), ("web/Dockerfile", "FROM scratch\n")]);
    world.write("api/api.Dockerfile", "FROM other\n");

    let refused = world.shown(["init", "--force"]);
    let kept = world.read("api/api.Dockerfile");
    world.remove("api/api.Dockerfile");
    let written = world.run(["init", "--force"]);
    let again = world.run(["init", "--force"]);

    assert_snapshot!(refused, @"
    projects: 1
      web  web  compose.yaml:8: service `web` builds it
    concluded: 1
      projects.toml: the workspace is called `shop`, after the repository
    not used: 1
      compose.yaml:4: its Dockerfile would be written to `api/api.Dockerfile`, which is another file
    written: 1
      projects.toml
    stderr: read what was written, commit it, then `chinampa plan`
    [exit: 0]
    ");
    assert_eq!((kept.as_str(), written.exit, again.exit), ("FROM other\n", 0, 0), "{written}{again}");
    assert_eq!(world.read("api/api.Dockerfile"), "FROM scratch\nCOPY a /\n");
    assert_eq!(world.planned(), "api web");
}

#[test]
fn an_update_replaces_no_file_but_the_manifest() {
    let world =
        with(&[("api/Dockerfile", "FROM scratch\n"), (".gitignore", "lib/Dockerfile.rebuild_patterns\n")]);
    assert_eq!(world.run(["init"]).exit, 0);
    let manifest = world.read("projects.toml");
    world.write("build_manifest.json", r#"{"lib": {"buildDir": "lib", "rebuildPatterns": ["^lib/a"]}}"#);
    world.write("lib/Dockerfile", "FROM scratch\n").write("lib/Dockerfile.rebuild_patterns", "mine\n");

    let answer = world.shown(["init", "--update"]);

    assert_snapshot!(answer, @"
    stderr: error: `lib/Dockerfile.rebuild_patterns` is there already, so nothing was written
    stderr:   hint: git does not see the file: rename it, or remove it from `.gitignore`
    [exit: 2]
    ");
    assert_eq!(world.read("lib/Dockerfile.rebuild_patterns"), "mine\n");
    assert_eq!(world.read("projects.toml"), manifest);
}

#[test]
fn an_update_without_anything_to_add_says_so_and_writes_nothing() {
    let world = with(&[("api/Dockerfile", "FROM scratch\n"), ("web/Dockerfile", "FROM scratch\n")]);
    assert_eq!(world.run(["init"]).exit, 0);
    let manifest = world.read("projects.toml");

    let answer = world.shown(["init", "--update"]);

    assert_snapshot!(answer, @"
    nothing to add: all 2 images have a project
    [exit: 0]
    ");
    assert_eq!(world.read("projects.toml"), manifest);
}

#[test]
fn a_build_argument_that_is_the_default_of_a_variable_is_to_be_looked_at() {
    let services = "services:
  api: {build: {context: api, args: {GIT_SHA: '${GIT_SHA:-}', MODE: '${MODE:-fast}', FIXED: '1'}}}
  web: {build: {context: web, args: ['PORT=${PORT:-80}']}}
";
    let world = with(&[
        ("compose.yaml", services),
        (".env", "MODE=slow\n"),
        ("api/Dockerfile", "FROM scratch\nARG GIT_SHA MODE FIXED\n"),
        ("web/Dockerfile", "FROM scratch\nARG PORT\n"),
    ]);

    let answer = world.run(["init"]).stdout;

    let filled: Vec<&str> = answer.lines().take(3).collect();
    assert_snapshot!(filled.join("\n"), @"
    to fill in: 2
      compose.yaml:2: `build_args` of `api`: `GIT_SHA` is empty, the default of the variable `GIT_SHA`, which no file sets
      compose.yaml:3: `build_args` of `web`: `PORT` is `80`, the default of the variable `PORT`, which no file sets
    ");
}

#[test]
fn an_image_of_each_platform_is_a_project() {
    let bases = ["amd64", "arm64"]
        .map(|name| format!("  base-{name}: {{build: base-{name}, image: 'acme/base:{name}'}}\n"));
    let app = "  app: {build: {context: app, platforms: [linux/amd64, linux/arm64, dos]}}\n";
    let world = with(&[
        ("compose.yaml", &format!("services:\n{}{app}", bases.concat())),
        ("base-amd64/Dockerfile", "FROM scratch\n"),
        ("base-arm64/Dockerfile", "FROM scratch\n"),
        ("app/Dockerfile", "FROM acme/base:$TARGETARCH\nCOPY a /\n"),
        ("app/a", ""),
    ]);

    let answer = world.shown(["init"]);

    assert_snapshot!(answer, @r#"
    to fill in: 1
      compose.yaml:4: `platforms` of `app`: several need a registry as `[cache]`, so they are a comment
    projects: 3
      app  app  compose.yaml:4: service `app` builds it
      base-amd64  base-amd64  compose.yaml:2: service `base-amd64` builds it
      base-arm64  base-arm64  compose.yaml:3: service `base-arm64` builds it
    concluded: 4
      projects.toml: the workspace is called `shop`, after the repository
      compose.yaml:2: `deploy` of `base-amd64` is `false`: only others are built from it
      compose.yaml:3: `deploy` of `base-arm64` is `false`: only others are built from it
      compose.yaml:2: images are called `acme/…`, and local builds `shop/…:local`: to call them alike, write `[cache]` with `kind = "engine"` and `prefix = "acme/"`
    not used: 1
      compose.yaml:4: `dos` is no platform
    written: 1
      projects.toml
    stderr: read what was written, commit it, then `chinampa plan`
    [exit: 0]
    "#);
    assert_snapshot!(world.read("projects.toml"), @r#"
    [workspace]
    name = "shop"

    [projects.app]
    path = "app"
    platforms = ["linux/amd64"]
    # once `[cache]` is a registry:
    # platforms = ["linux/amd64", "linux/arm64"]

    [projects.base-amd64]
    path = "base-amd64"
    images = ["acme/base:amd64"]
    deploy = false

    [projects.base-arm64]
    path = "base-arm64"
    images = ["acme/base:arm64"]
    deploy = false
    "#);
}

#[test]
fn an_option_that_says_what_is_read_is_refused() {
    let world = World::new();
    world.write("api/Dockerfile", "FROM scratch\n").write("p.toml", "").commit();

    for option in [["--head", "HEAD"], ["--manifest", "p.toml"]] {
        let answer = world.run(["init", option[0], option[1]]);

        assert_eq!(answer.exit, 2, "{answer}");
        assert!(answer.stderr.contains(&format!("`{}`", option[0])), "{answer}");
        assert!(!world.file("projects.toml").exists(), "{answer}");
    }
}
