//! A first `projects.toml`, from files that say what is built.

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

    assert_snapshot!(answer, @"
    projects: 2
      api  services/api  ops/docker-bake.hcl:5: target `api` builds it
      web  services/web  ops/docker-bake.hcl:5: target `web` builds it
    concluded: 1
      projects.toml: the workspace is called `shop`, after the repository
    not used: 2
      ops/docker-bake.hcl:12: target `test` makes no image: its output is `type=cacheonly`
      ops/docker-bake.hcl:16: `context` of target `tagged` is not known: the variable `TAG` has no default; write it out, or add the project by hand
    written: 1
      projects.toml
    stderr: read what was written, commit it, then `chinampa plan`
    [exit: 0]
    ");
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
