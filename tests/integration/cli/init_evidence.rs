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
    project `api` in `services/api`
      because ops/docker-bake.hcl:5: target `api` builds it
    project `web` in `services/web`
      because ops/docker-bake.hcl:5: target `web` builds it
    wrote `projects.toml`
    guessed projects.toml: the workspace is called `shop`, after the repository
    ignored ops/docker-bake.hcl:12: target `test` makes no image: its output is `type=cacheonly`
    ignored ops/docker-bake.hcl:16: `context` of target `tagged` is not known: the variable `TAG` has no default; write it out, or add the project by hand
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
    project `api` in `api`
      because skaffold.yaml:7: the artifact `registry.example/acme/api` is one of its images
    project `base` in `base`
      because skaffold.yaml:5: the artifact `registry.example/acme/base` is one of its images
    wrote `projects.toml`
    guessed projects.toml: the workspace is called `shop`, after the repository
    guessed api/Dockerfile:2: `own_images` of `projects.toml` has `registry.example/acme/`: `registry.example/acme/base` is a dependency
    ignored skaffold.yaml:10: the artifact `registry.example/acme/tool` is not built from a Dockerfile but by `ko`
    ignored api/Dockerfile:2: `registry.example/acme/base` is what `base` is built as: write `base`, so that it is needed
    stderr: read what was written, commit it, then `chinampa plan`
    [exit: 0]
    ");
    assert_snapshot!(std::fs::read_to_string(world.file("projects.toml")).unwrap(), @r#"
    [workspace]
    name = "shop"
    own_images = ["registry.example/acme/"]

    [projects.api]
    path = "api"
    needs = ["base"]
    build_args = { BASE = "registry.example/acme/base" }

    [projects.base]
    path = "base"
    "#);
}
