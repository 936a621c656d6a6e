//! A first `projects.toml`, from files that say what is built.

use std::os::unix::fs::symlink;

use insta::assert_snapshot;

use crate::support::world::World;

/// Files that are there and not committed.
fn world(files: &[(&str, &str)]) -> World {
    let world = World::new();
    for (path, content) in files {
        world.write(path, content);
    }
    world.git(["remote", "add", "origin", "https://git.example/team/shop.git"]);
    world
}

#[test]
fn targets_of_bake_files_are_projects() {
    let world = world(&[
        (
            "ops/docker-bake.hcl",
            "variable \"TAG\" {}\n\
             target \"shared\" {\n  args = { PROFILE = \"release\" }\n}\n\
             target \"service\" {\n  name = \"${name}\"\n  matrix = { name = [\"api\", \"web\"] }\n  inherits = [\"shared\"]\n  \
               context = \"services/${name}\"\n  tags = [\"acme/${name}:${TAG}\"]\n}\n\
             target \"test\" {\n  context = \"services/api\"\n  output = [\"type=cacheonly\"]\n}\n\
             target \"tagged\" {\n  context = TAG\n}\n",
        ),
        ("services/api/Dockerfile", "FROM scratch\nARG PROFILE\nCOPY main.go /\n"),
        ("services/api/main.go", ""),
        ("services/web/Dockerfile", "FROM scratch\nCOPY index.html /\n"),
        ("services/web/index.html", ""),
    ]);

    let answer = world.shown(["init"]);

    assert_snapshot!(answer, @r#"
    projects: 2
      api  services/api  ops/docker-bake.hcl:5: target `api` builds it
      web  services/web  ops/docker-bake.hcl:5: target `web` builds it
    concluded: 2
      projects.toml: the workspace is called `shop`, after the repository
      ops/docker-bake.hcl:5: images are called `acme/…`, and local builds `shop/…:local`: to call them alike, write `[cache]` with `kind = "engine"` and `prefix = "acme/"`
    not used: 2
      ops/docker-bake.hcl:12: target `test` makes no image: its output is `type=cacheonly`
      ops/docker-bake.hcl:16: `context` of target `tagged` is not known: the variable `TAG` has no default; write it out, or add the project by hand
    written: 1
      projects.toml
    stderr: read what was written, commit it, then `chinampa plan`
    [exit: 0]
    "#);
    assert_snapshot!(std::fs::read_to_string(world.file("projects.toml")).unwrap(), @r#"
    [workspace]
    name = "shop"

    [projects.api]
    path = "services/api"
    build_args = { PROFILE = "release" }

    [projects.web]
    path = "services/web"
    build_args = { PROFILE = "release" }
    "#);
}

#[test]
fn a_tag_that_usually_moves_is_moved_by_deployments_and_a_version_is_not() {
    let service = |name: &str, image: &str, more: &str| {
        format!("  {name}:\n    image: {image}\n    build: {{context: {name}{more}}}\n")
    };
    let compose = "services:\n".to_owned()
        + &service("api", "acme/api:1.4.0", ", tags: ['acme/api:latest', 'acme/api:stable']")
        + &service("web", "acme/web:${TAG:-dev}", "")
        + &service("api-tests", "acme/api-tests:latest", "")
        + &service("red", "acme/colours:latest", "")
        + &service("blue", "acme/colours:edge", "");
    let dockerfiles = ["api", "web", "api-tests", "red", "blue"].map(|name| format!("{name}/Dockerfile"));
    let mut files = vec![("compose.yaml", compose.as_str())];
    files.extend(dockerfiles.iter().map(|path| (path.as_str(), "FROM scratch\nCMD [\"a\"]\n")));
    let world = world(&files);

    world.shown(["init"]);

    let manifest = std::fs::read_to_string(world.file("projects.toml")).unwrap();
    let tags: Vec<&str> = manifest.lines().filter(|line| line.starts_with(['[', 't'])).collect();
    let expected = [
        "[workspace]",
        "[projects.api]",
        r#"tags = ["latest", "stable"]"#,
        "[projects.api-tests]",
        "[projects.blue]",
        "[projects.red]",
        "[projects.web]",
    ];
    assert_eq!(tags, expected, "{manifest}");
}

#[test]
fn artifacts_of_skaffold_are_projects() {
    let world = world(&[
        (
            "skaffold.yaml",
            "apiVersion: skaffold/v4beta6\nkind: Config\nbuild:\n  artifacts:\n  \
             - image: registry.example/acme/base\n    context: base\n  \
             - image: registry.example/acme/api\n    context: api\n    requires: [{image: registry.example/acme/base, alias: BASE}]\n  \
             - image: registry.example/acme/tool\n    ko: {}\n",
        ),
        ("base/Dockerfile", "FROM scratch\nCOPY a /\n"),
        ("base/a", ""),
        ("api/Dockerfile", "ARG BASE\nFROM $BASE\nCOPY b /\n"),
        ("api/b", ""),
    ]);

    let answer = world.shown(["init"]);

    assert_snapshot!(answer, @"
    projects: 2
      api  api  skaffold.yaml:7: the artifact `registry.example/acme/api` is one of its images
      base  base  skaffold.yaml:5: the artifact `registry.example/acme/base` is one of its images
    concluded: 3
      projects.toml: the workspace is called `shop`, after the repository
      api/Dockerfile:2: `own_images` has `registry.example/acme/`: `registry.example/acme/base` is a project
      skaffold.yaml:5: `deploy` of `base` is `false`: only others are built from it
    not used: 1
      skaffold.yaml:10: the artifact `registry.example/acme/tool` is not built from a Dockerfile but by `ko`
    written: 1
      projects.toml
    stderr: read what was written, commit it, then `chinampa plan`
    [exit: 0]
    ");
    assert_snapshot!(std::fs::read_to_string(world.file("projects.toml")).unwrap(), @r#"
    [workspace]
    name = "shop"
    own_images = ["registry.example/acme/"]

    [projects.api]
    path = "api"
    build_args = { BASE = "registry.example/acme/base" }

    [projects.base]
    path = "base"
    deploy = false
    "#);
}

// issue 16
#[test]
fn a_dockerfile_that_several_folders_link_to_is_an_image_of_each() {
    let world = world(&[
        ("compose.yaml", "services:\n  api:\n    build: {context: services/api, target: app}\n"),
        (
            "docker/node.Dockerfile",
            "FROM node:22 AS app\nWORKDIR /app\nCOPY . .\nCMD [\"node\", \"server.js\"]\nFROM app\n",
        ),
        ("scripts/build.sh", "docker build -f services/cart/Dockerfile services/cart\n"),
        ("services/api/server.js", ""),
        ("services/cart/server.js", ""),
        ("services/mail/server.js", ""),
    ]);
    for name in ["api", "cart", "mail"] {
        let link = world.file(&format!("services/{name}/Dockerfile"));
        symlink("../../docker/node.Dockerfile", link).unwrap();
    }

    let answer = world.shown(["init"]);

    let manifest = std::fs::read_to_string(world.file("projects.toml")).unwrap();
    let contexts: Vec<&str> = manifest.lines().filter(|line| line.starts_with("context")).collect();
    let folders = ["api", "cart", "mail"].map(|name| format!("context = \"services/{name}\""));
    assert_eq!(contexts, folders, "{manifest}");
    assert_snapshot!(answer, @"
    projects: 3
      api  docker  compose.yaml:3: service `api` builds its target `app`
      cart  docker  scripts/build.sh:1: `docker build` builds it
      mail  docker  services/mail/Dockerfile: a Dockerfile
    concluded: 2
      projects.toml: the workspace is called `shop`, after the repository
      compose.yaml:3: `api` is built up to the stage `app`, which is not the last
    written: 1
      projects.toml
    stderr: read what was written, commit it, then `chinampa plan`
    [exit: 0]
    ");
}

// issue 16
#[test]
fn an_image_that_may_be_one_of_several_projects_is_undecided() {
    let dockerfile = "FROM alpine\n";
    let world = world(&[
        ("apps/api/Dockerfile", dockerfile),
        ("services/api/Dockerfile", dockerfile),
        ("services/cache/Dockerfile", "FROM redis:7\n"),
        ("tools/cache/Dockerfile", "FROM redis:7\n"),
        ("web/Dockerfile", "FROM quay.io/acme/api:1\nCOPY --from=redis:7 / /\n"),
        ("docker/mail.Dockerfile", dockerfile),
        ("services/mail/Dockerfile", dockerfile),
        ("shop/Dockerfile", "FROM mail\n"),
    ]);

    let answer = world.shown(["init"]);

    assert_snapshot!(answer, @"
    undecided, check these: 2
      web/Dockerfile:1: `quay.io/acme/api:1` is taken for an image from elsewhere; if it is the project `apps-api` or `services-api`, list it in `images` of that project
      shop/Dockerfile:1: `mail` is taken to be the project `mail`, and could be `services-mail`; if it is another image, list it in `external` of `shop`
    projects: 8
      apps-api  apps/api  apps/api/Dockerfile: a Dockerfile
      mail  docker  docker/mail.Dockerfile: a Dockerfile
      services-api  services/api  services/api/Dockerfile: a Dockerfile
      services-cache  services/cache  services/cache/Dockerfile: a Dockerfile
      services-mail  services/mail  services/mail/Dockerfile: a Dockerfile
      shop  shop  shop/Dockerfile: a Dockerfile
      tools-cache  tools/cache  tools/cache/Dockerfile: a Dockerfile
      web  web  web/Dockerfile: a Dockerfile
    concluded: 2
      projects.toml: the workspace is called `shop`, after the repository
      docker/mail.Dockerfile: `deploy` of `mail` is `false`: only others are built from it
    written: 1
      projects.toml
    stderr: read what was written, commit it, then `chinampa plan`
    [exit: 0]
    ");
}

// issue 16
#[test]
fn patterns_of_one_project_are_not_those_of_others_with_the_same_dockerfile() {
    let manifest = "{\"api\": {\"buildDir\": \"api\", \"dockerfile\": \"../node.Dockerfile\", \"rebuildPatterns\": [\"api/src/\"]},\n\
         \"web\": {\"buildDir\": \"web\", \"dockerfile\": \"../node.Dockerfile\"}}\n";
    let world = world(&[
        ("build_manifest.json", manifest),
        ("node.Dockerfile", "FROM node:22\nCOPY src /app\n"),
        ("api/src/server.js", ""),
        ("web/src/server.js", ""),
    ]);

    let answer = world.shown(["init"]);

    assert_snapshot!(answer, @"
    projects: 2
      api  .  build_manifest.json:1: `api` is one of its projects
      web  .  build_manifest.json:2: `web` is one of its projects
    concluded: 1
      projects.toml: the workspace is called `shop`, after the repository
    not used: 1
      build_manifest.json:1: its patterns are not written: other projects have its Dockerfile, and would have the same pattern file; name one of its own by `patterns`
    written: 1
      projects.toml
    stderr: read what was written, commit it, then `chinampa plan`
    [exit: 0]
    ");
    world.commit();
    assert!(!world.run(["lint"]).stdout.contains("pattern"), "no project has a line of another one");
}
