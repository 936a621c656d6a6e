//! `lint`: what it finds, what it fixes, and what it leaves alone.

use std::fs;

use insta::assert_snapshot;

use crate::support::world::{Answer, World};

const MANIFEST: &str = "\
[workspace]
name = \"shop\"

[projects.base]
path = \"base\"

[projects.api]
path = \"api\"
needs = [\"base\"]
";

const PATTERNS: &str = "# inputs\r\n./src/\r\n./gone/*.x\r\nshared/\r\n^api/conf/[a-z]+$\r\n!**/*.md\r\n";

/// What of each kind can be wrong, in `api`.
fn world() -> World {
    World::of(&[
        ("projects.toml", MANIFEST),
        ("base/Dockerfile", "FROM debian\n"),
        (
            "api/Dockerfile",
            "FROM node:22 AS build\nARG WHICH\nCOPY package.json yarn.lock* ./\nCOPY src conf /app/\n\
             COPY dist /\nCOPY lib-$WHICH /\nFROM scratch\nCOPY --from=build / /\nCOPY secret.txt /\nCOPY [z /\n",
        ),
        ("api/.dockerignore", "secret.txt\n**/*.tmp\n"),
        ("api/.rebuild_patterns", PATTERNS),
        ("api/package.json", "{}"),
        ("api/secret.txt", ""),
        ("api/src/a.ts", ""),
        ("api/src/b.md", ""),
        ("api/conf/y", ""),
        ("api/conf/Z", ""),
        ("api/conf/notes.md", ""),
        ("api/conf/x.tmp", ""),
        ("shared/s", ""),
    ])
}

#[test]
fn each_finding_says_where_it_is_and_what_would_fix_it() {
    let answer = world().shown(["lint"]);

    assert_snapshot!(answer, @"
    `api`
      api/.rebuild_patterns:3: `./gone/*.x`: this line matches no committed file (pattern-matches-nothing)
        remove the line
      api/.rebuild_patterns:4: `shared/`: nothing in the Dockerfile takes what this line matches, so each change of it builds `api` for nothing (pattern-not-used)
        remove the line
      api/.rebuild_patterns:5: `^api/conf/[a-z]+$`: read as an extended expression it matches 1 committed file; as a basic one, as `grep` without `-E` reads it, it would match no committed file (ambiguous-expression)
        write `^api/conf/[a-z][a-z]*$`
      api/Dockerfile:1: `node:22` can become another image: it has no digest (parent-not-pinned)
        write `node:22@sha256:…`
      api/Dockerfile:3: no pattern takes `package.json`, so the build can't find it (source-not-covered)
        add `./package.json` to api/.rebuild_patterns
      api/Dockerfile:4: no pattern takes 1 of the 3 files in `conf`, so they are not in the image: `api/conf/Z` (source-partly-covered)
        add `./conf/` to api/.rebuild_patterns
      api/Dockerfile:5: `dist` is not committed, nor named by `extra_inputs`, so the build can't find it (source-missing)
      api/Dockerfile:9: `.dockerignore` leaves `secret.txt` out of the context, so the build can't find it (source-ignored)
      api/Dockerfile:10: `[z` has wildcards that engines refuse (source-bad-wildcard)
      projects.toml:9: the Dockerfile takes nothing from `base`, so each change of it builds `api` for nothing (need-not-used)
        take `base` out of `needs`
    `base`
      base/Dockerfile:1: `debian` has neither tag nor digest, so it is whatever was pushed last: two builds of one commit can be made from different images (parent-floats)
        write `debian@sha256:…`
    11 findings in 2 of 2 projects; `--fix` fixes 5 of them
    stderr: api/Dockerfile:6: `lib-$WHICH` depends on a variable that only the build knows, so it is not checked
    stderr: nothing pins 2 external images, such as `debian:latest`: `chinampa lock` writes `projects.lock`, which does
    [exit: 1]
    ");
}

// issue 14: I11
#[test]
fn a_mount_that_nobody_declares_is_a_finding() {
    let digest = "0".repeat(64);
    let dockerfile = format!(
        "FROM base@sha256:{digest}\nRUN --mount=type=secret,id=npmrc --mount=type=ssh x\n\
         RUN --mount=type=secret,id=other \\\n  --mount=type=ssh,id=github --mount=type=secret,id=$ID x\n"
    );
    let manifest = "[workspace]\nname = \"shop\"\n[projects.api]\npath = \"api\"\nssh = [\"default\"]\n\
        secrets = { npmrc = { env = \"NPMRC\" } }\n";
    let world = World::of(&[("projects.toml", manifest), ("api/Dockerfile", &dockerfile)]);

    let answer = world.shown(["lint"]);

    assert_snapshot!(answer, @"
    `api`
      api/Dockerfile:3: the step mounts the secret `other`, which `secrets` of the project does not have, so the step runs without it or fails (mount-not-declared)
      api/Dockerfile:4: the step mounts the ssh agent `github`, which `ssh` of the project does not have, so the step runs without it or fails (mount-not-declared)
    2 findings in 1 of 1 project
    [exit: 1]
    ");
}

#[test]
fn nothing_found_is_a_yes() {
    let world = World::of(&[
        ("projects.toml", "workspace.name = 'shop'\n[projects.api]\npath = 'api'\n"),
        ("api/Dockerfile", "FROM scratch\nCOPY a /\n"),
        ("api/a", ""),
    ]);

    assert_snapshot!(world.shown(["lint"]), @"
    nothing found in 1 project
    [exit: 0]
    ");
    assert_snapshot!(world.shown(["lint", "apo"]), @"
    stderr: error: there is no project `apo`
    stderr:   hint: did you mean `api`?
    [exit: 2]
    ");
}

#[test]
fn findings_in_json_are_for_other_programs() {
    let world = world();

    let json = world.run(["lint", "base", "--json"]);

    assert_eq!(json.exit, 1);
    assert_snapshot!(world.mask(&json), @r#"
    {
      "schema": "chinampa.lint/1",
      "head": "<40 hex>",
      "dirty": false,
      "projects": 1,
      "findings": [
        {
          "project": "base",
          "file": "base/Dockerfile",
          "line": 1,
          "code": "parent-floats",
          "message": "`debian` has neither tag nor digest, so it is whatever was pushed last: two builds of one commit can be made from different images",
          "suggestion": {
            "file": "base/Dockerfile",
            "line": 1,
            "action": "pin",
            "reference": "debian@sha256:…",
            "fixable": false
          }
        }
      ],
      "unchecked": [],
      "fixed": [],
      "floating": [
        "debian:latest"
      ]
    }
    [exit: 1]
    "#);
}

#[test]
fn what_was_fixed_is_not_found_again_and_all_else_is_as_it_was() {
    let world = world();

    let fixed = world.shown(["lint", "api", "--fix"]);
    let patterns = fs::read_to_string(world.file("api/.rebuild_patterns")).unwrap();
    let manifest = fs::read_to_string(world.file("projects.toml")).unwrap();
    let again = world.run(["lint", "api", "--fix"]);

    assert_snapshot!(fixed, @"
    fixed api/.rebuild_patterns:3: removed `./gone/*.x`
    fixed api/.rebuild_patterns:4: removed `shared/`
    fixed api/.rebuild_patterns:5: now `^api/conf/[a-z][a-z]*$`
    fixed api/.rebuild_patterns: added `./package.json`
    fixed projects.toml:9: took `base` out of the needs of `api`
    `api`
      api/Dockerfile:1: `node:22` can become another image: it has no digest (parent-not-pinned)
        write `node:22@sha256:…`
      api/Dockerfile:4: no pattern takes 1 of the 3 files in `conf`, so they are not in the image: `api/conf/Z` (source-partly-covered)
        add `./conf/` to api/.rebuild_patterns
      api/Dockerfile:5: `dist` is not committed, nor named by `extra_inputs`, so the build can't find it (source-missing)
      api/Dockerfile:9: `.dockerignore` leaves `secret.txt` out of the context, so the build can't find it (source-ignored)
      api/Dockerfile:10: `[z` has wildcards that engines refuse (source-bad-wildcard)
    5 findings in 1 of 1 project
    stderr: api/Dockerfile:6: `lib-$WHICH` depends on a variable that only the build knows, so it is not checked
    stderr: nothing pins the external image `node:22`: `chinampa lock` writes `projects.lock`, which does
    [exit: 1]
    ");
    assert_eq!(patterns, "# inputs\r\n./src/\r\n^api/conf/[a-z][a-z]*$\r\n./package.json\r\n!**/*.md\r\n");
    assert_eq!(manifest, MANIFEST.replace("[\"base\"]", "[]"));
    assert!(!again.stdout.contains("fixed"), "{again}");
    assert_eq!(again.exit, 1);
    assert_eq!(world.git(["status", "--porcelain"]), "M api/.rebuild_patterns\n M projects.toml");
}

#[test]
fn what_the_named_manifest_says_is_fixed_in_that_file() {
    let world = world();
    let other = format!("# of a team\n{MANIFEST}");
    let outside = tempfile::tempdir().unwrap();
    let outside = outside.path().join("p.toml").display().to_string();
    world.write("ci/p.toml", &other).write(&outside, &other).commit();

    for manifest in ["ci/p.toml", &outside] {
        let answer = world.run(["lint", "--fix", "api", "--manifest", manifest]);

        let fixed = format!("fixed {manifest}:10: took `base` out of the needs of `api`\n");
        assert!(answer.stdout.contains(&fixed), "{answer}");
        let now = fs::read_to_string(world.file(manifest)).unwrap();
        assert_eq!(now, other.replace("[\"base\"]", "[]"));
        assert_eq!(fs::read_to_string(world.file("projects.toml")).unwrap(), MANIFEST);
    }
}

#[test]
fn nothing_is_written_but_the_work_tree_that_was_looked_at() {
    let world = world();
    let before = world.run(["--head", "HEAD", "lint", "--fix"]);
    assert_eq!((before.exit, world.git(["status", "--porcelain"])), (2, String::new()), "{before}");

    let head = world.run(["lint", "--fix", "--head", "HEAD"]);
    let bare = tempfile::tempdir().unwrap();
    world.git(["clone", "-q", "--bare", ".", &bare.path().display().to_string()]);
    let bare = world.run(["-C", &bare.path().display().to_string(), "lint", "--fix"]);

    let refused = "error: the argument '--fix' cannot be used with '--head <REV>'";
    assert_eq!((head.exit, head.stderr.lines().next()), (2, Some(refused)));
    assert_eq!(
        (bare.exit, bare.stderr.lines().last()),
        (2, Some("error: a bare repository has no work tree"))
    );
}

#[test]
fn a_file_that_is_not_the_one_that_was_looked_at_is_not_written() {
    let world = world();
    world.git(["update-index", "--assume-unchanged", "api/.rebuild_patterns"]);
    world.write("api/.rebuild_patterns", "./\n");

    let answer = world.run(["lint", "--fix"]);

    assert_eq!(answer.exit, 2, "{answer}");
    assert_eq!(fs::read_to_string(world.file("api/.rebuild_patterns")).unwrap(), "./\n");
}

/// The Dockerfile of `api`, and lines of the manifest for the workspace and for `api`.
fn shop_with_images(dockerfile: &str, workspace: &str, api: &str) -> World {
    let manifest = format!(
        "[workspace]\nname = \"shop\"\n{workspace}\n[projects.base]\npath = \"base\"\n[projects.node]\npath = \"node\"\n\
         repository = \"tools/nodejs\"\n[projects.api]\npath = \"api\"\n{api}\n"
    );
    World::of(&[
        ("projects.toml", &manifest),
        ("base/Dockerfile", "FROM scratch\nCOPY f /\n"),
        ("base/f", ""),
        ("node/Dockerfile", "FROM node:22\n"),
        ("api/Dockerfile", dockerfile),
    ])
}

const OWN: &str = "own_images = [\"278380418400.dkr.ecr.eu-west-2.amazonaws.com/\"]";

const ECR: &str = "FROM 278380418400.dkr.ecr.eu-west-2.amazonaws.com/base\n";

#[test]
fn an_image_that_looks_like_a_project_is_a_finding_that_says_what_to_write() {
    let dockerfile = "ARG REGISTRY=quay.io/acme\nFROM scratch AS node\nFROM $REGISTRY/base:1 AS one\n\
        COPY --from=quay.io/tools/nodejs / /\nCOPY --from=docker.io/library/node:22 / /\nCOPY --from=postgres:16 / /\n\
        COPY --from=quay.io/api / /\nONBUILD COPY --from=r.example/base / /\nONBUILD COPY --from=node / /\n";
    let world = shop_with_images(dockerfile, "", "");

    let answer = world.shown(["lint", "api"]);

    assert_snapshot!(answer, @r#"
    `api`
      api/Dockerfile:3: `quay.io/acme/base:1` is an external image, but looks like the project `base`: `own_images = ["quay.io/acme/"]` in `[workspace]` makes it the project `base`; `external = ["quay.io/acme/base:1"]` in `[projects.api]` says that it is another image (looks-like-project)
      api/Dockerfile:4: `quay.io/tools/nodejs` is an external image, but looks like the project `node`: `own_images = ["quay.io/"]` in `[workspace]` makes it the project `node`; `external = ["quay.io/tools/nodejs"]` in `[projects.api]` says that it is another image (looks-like-project)
      api/Dockerfile:5: `docker.io/library/node:22` is an external image, but looks like the project `node`: `images = ["docker.io/library/node"]` in `[projects.node]` makes it the project `node`; `external = ["docker.io/library/node:22"]` in `[projects.api]` says that it is another image (looks-like-project)
      api/Dockerfile:6: `postgres:16` can become another image: it has no digest (parent-not-pinned)
        write `postgres:16@sha256:…`
      api/Dockerfile:7: `quay.io/api` has neither tag nor digest, so it is whatever was pushed last: two builds of one commit can be made from different images (parent-floats)
        write `quay.io/api@sha256:…`
      api/Dockerfile:8: `r.example/base` is an external image, but looks like the project `base`: `own_images = ["r.example/"]` in `[workspace]` makes it the project `base`; `external = ["r.example/base"]` in `[projects.api]` says that it is another image (looks-like-project)
    6 findings in 1 of 1 project
    stderr: nothing pins 6 external images, such as `node:22`: `chinampa lock` writes `projects.lock`, which does
    [exit: 1]
    "#);
}

#[test]
fn an_image_that_the_workspace_claims_and_no_project_has_is_a_finding() {
    let digest = "0".repeat(64);
    let dockerfile = format!(
        "FROM acme/tools-node_js:1 AS one\nFROM acme/gone AS two\nFROM acme/old AS three\nFROM acme/api:0 AS four\n\
         FROM acme/gone@sha256:{digest}\nCOPY --from=one / /\nCOPY --from=two / /\nCOPY --from=three / /\nCOPY --from=four / /\n"
    );
    let world = shop_with_images(&dockerfile, "own_images = [\"acme/\"]", "external = [\"acme/old\"]");

    let answer = world.shown(["lint", "api"]);

    assert_snapshot!(answer, @r#"
    `api`
      api/Dockerfile:1: `acme/tools-node_js:1` begins with `acme/` of `own_images`, but no project has the repository `tools-node_js`: `images = ["acme/tools-node_js"]` in `[projects.node]` makes it the project `node`; `external = ["acme/tools-node_js:1"]` in `[projects.api]` says that it is another image (own-image-without-project)
      api/Dockerfile:2: `acme/gone` begins with `acme/` of `own_images`, but no project has the repository `gone`: `images` of a project makes it that project; `external = ["acme/gone"]` in `[projects.api]` says that it is another image (own-image-without-project)
      api/Dockerfile:3: `acme/old` has neither tag nor digest, so it is whatever was pushed last: two builds of one commit can be made from different images (parent-floats)
        write `acme/old@sha256:…`
      api/Dockerfile:4: `acme/api:0` can become another image: it has no digest (parent-not-pinned)
        write `acme/api:0@sha256:…`
    4 findings in 1 of 1 project
    stderr: nothing pins 4 external images, such as `acme/api:0`: `chinampa lock` writes `projects.lock`, which does
    [exit: 1]
    "#);
}

#[test]
fn an_earlier_image_of_the_project_itself_is_no_finding_under_any_of_its_names() {
    let dockerfile = "FROM quay.io/acme/api:old AS one\nFROM quay.io/acme/service:old\nCOPY --from=one / /\n";
    let own = "own_images = [\"quay.io/\", \"quay.io/acme/\"]";
    let world = shop_with_images(dockerfile, own, "images = [\"quay.io/acme/service\"]");

    let answer = world.run(["lint", "api"]);

    assert!(!answer.stdout.contains("own-image-without-project"), "{answer}");
    assert!(answer.stdout.contains("2 findings in 1 of 1 project"), "{answer}");
}

#[test]
fn what_is_external_by_the_manifest_looks_like_no_project() {
    let digest = "0".repeat(64);
    let dockerfile =
        format!("FROM quay.io/acme/base:1@sha256:{digest}\nCOPY --from=quay.io/acme/node:2 / /\n");
    let world = shop_with_images(&dockerfile, "", "external = [\"quay.io/acme/node\"]");

    let answer = world.shown(["lint", "api", "node"]);

    assert_snapshot!(answer, @"
    `api`
      api/Dockerfile:2: `quay.io/acme/node:2` can become another image: it has no digest (parent-not-pinned)
        write `quay.io/acme/node:2@sha256:…`
    `node`
      node/Dockerfile:1: `node:22` can become another image: it has no digest (parent-not-pinned)
        write `node:22@sha256:…`
    2 findings in 2 of 2 projects
    stderr: nothing pins 2 external images, such as `node:22`: `chinampa lock` writes `projects.lock`, which does
    [exit: 1]
    ");
}

#[test]
fn a_dependency_whose_image_comes_from_elsewhere_is_an_error_of_every_command() {
    let world = shop_with_images(ECR, "", "needs = [\"base\"]");
    let before = fs::read_to_string(world.file("projects.toml")).unwrap();

    let lint = world.shown(["lint", "--fix"]);

    assert_snapshot!(lint, @r#"
    stderr: error: the projects can't be used as they are described
    stderr:   api/Dockerfile:1: `<12 hex>.dkr.ecr.eu-west-2.amazonaws.com/base` is an image from elsewhere, but `needs` of `api` lists the project `base` (projects.toml:11); `own_images = ["<12 hex>.dkr.ecr.eu-west-2.amazonaws.com/"]` in `[workspace]` makes it the project `base`; `external = ["<12 hex>.dkr.ecr.eu-west-2.amazonaws.com/base"]` in `[projects.api]` says that it is another image
    [exit: 2]
    "#);
    for command in
        [&["build"][..], &["plan"], &["plan", "--offline"], &["why", "api"], &["check_rebuild", "api"]]
    {
        let answer: Answer = world.command_of(command).output().unwrap().into();
        assert_eq!(answer.exit, 2, "{command:?}: {answer}");
        assert!(answer.stderr.contains("api/Dockerfile:1: "), "{command:?}: {answer}");
    }
    assert_eq!(fs::read_to_string(world.file("projects.toml")).unwrap(), before);
}

#[test]
fn with_own_images_nothing_false_is_found_and_no_dependency_is_removed() {
    let world = shop_with_images(ECR, OWN, "needs = [\"base\"]");
    let before = fs::read_to_string(world.file("projects.toml")).unwrap();

    let answer = world.shown(["lint", "--fix", "api"]);

    assert_snapshot!(answer, @"
    nothing found in 1 project
    [exit: 0]
    ");
    assert_eq!(fs::read_to_string(world.file("projects.toml")).unwrap(), before);
}

#[test]
fn a_dependency_stays_where_the_dockerfile_may_take_its_image_under_another_name() {
    let digest = "0".repeat(64);
    for (dockerfile, api) in [
        ("FROM quay.io/acme/setup:base-1\n".to_owned(), ""),
        ("FROM acme/setup\n".to_owned(), ""),
        (format!("FROM base@sha256:{digest}\n"), ""),
        (format!("FROM quay.io/acme/base@sha256:{digest}\n"), ""),
        ("FROM quay.io/acme/base\n".to_owned(), "external = [\"quay.io/acme/base\"]\n"),
        ("FROM quay.io/acme/setup AS unused\nFROM scratch\n".to_owned(), ""),
    ] {
        let world = shop_with_images(&dockerfile, "", &format!("{api}needs = [\"base\"]"));
        let before = fs::read_to_string(world.file("projects.toml")).unwrap();

        let answer = world.run(["lint", "--fix", "api"]);

        assert!(answer.stdout.contains("(need-not-used)"), "{dockerfile}: {answer}");
        assert_eq!(
            fs::read_to_string(world.file("projects.toml")).unwrap(),
            before,
            "{dockerfile}: {answer}"
        );
    }
}

#[test]
fn a_base_in_which_a_dependency_comes_from_elsewhere_counts_as_changed() {
    let world = shop_with_images(ECR, "", "needs = [\"base\"]");
    let manifest = fs::read_to_string(world.file("projects.toml")).unwrap();
    world
        .write("projects.toml", manifest.replace("name = \"shop\"", &format!("name = \"shop\"\n{OWN}")))
        .commit();

    let answer = world.shown(["check_rebuild", "api", "--base", "HEAD^"]);

    assert_snapshot!(answer, @"
    rebuild api: the base's `api` can't be read: api/Dockerfile:1: `<12 hex>.dkr.ecr.eu-west-2.amazonaws.com/base` is an image from elsewhere, but `needs` of `api` lists the project `base` (projects.toml:11)
    stderr: changes of <10 hex> since <10 hex> (--base)
    [exit: 0]
    ");
}

#[test]
fn a_line_that_takes_what_is_never_sent_is_a_finding() {
    let manifest = |more: &str| format!("workspace.name = 'shop'\n[projects.api]\npath = 'api'\n{more}");
    let world = World::of(&[
        ("projects.toml", &manifest("")),
        ("api/Dockerfile", "FROM scratch\nCOPY . /\n"),
        ("api/.dockerignore", "docs\n"),
        ("api/.rebuild_patterns", "./src/\n./docs/\n./d*/**/*.md\n"),
        ("api/src/a", ""),
        ("api/docs/a.md", ""),
    ]);

    let answer = world.shown(["lint"]);

    assert_snapshot!(answer, @"
    `api`
      api/.rebuild_patterns:2: `./docs/`: `.dockerignore` leaves out what this line matches, so each change of it builds `api` for nothing (ignored-input)
        remove the line
      api/.rebuild_patterns:3: `./d*/**/*.md`: `.dockerignore` leaves out what this line matches, so each change of it builds `api` for nothing (ignored-input)
        remove the line
    2 findings in 1 of 1 project; `--fix` fixes 2 of them
    [exit: 1]
    ");
    // It may be what the extra inputs are made from.
    world.write("projects.toml", manifest("extra_inputs = ['api/dist/**']\n")).commit();
    assert!(!world.run(["lint", "--fix"]).stdout.contains("fixed"));
}

#[test]
fn a_line_that_another_project_needs_is_not_removed() {
    let world = World::of(&[
        (
            "projects.toml",
            "workspace.name = 'shop'\n[projects.one]\npath = '.'\ndockerfile = 'one.Dockerfile'\n\
             [projects.all]\npath = '.'\ndockerfile = 'all.Dockerfile'\n",
        ),
        ("one.Dockerfile", "FROM scratch\nCOPY a /\n"),
        ("all.Dockerfile", "FROM scratch\nCOPY a b /\n"),
        (".rebuild_patterns", "a\nb\n"),
        ("a", ""),
        ("b", ""),
    ]);

    let answer = world.shown(["lint", "--fix"]);

    assert_snapshot!(answer, @"
    `one`
      .rebuild_patterns:2: `b`: nothing in the Dockerfile takes what this line matches, so each change of it builds `one` for nothing; `all` needs it: give `one` a pattern file of its own, `one.Dockerfile.rebuild_patterns` (pattern-of-sibling)
    1 finding in 1 of 2 projects
    [exit: 1]
    ");
    assert_eq!(fs::read_to_string(world.file(".rebuild_patterns")).unwrap(), "a\nb\n");
}

#[test]
fn without_a_pattern_file_only_the_dockerfile_can_be_wrong() {
    let world = World::of(&[
        ("projects.toml", "workspace.name = 'shop'\n[projects.api]\npath = 'api'\n"),
        ("api/Dockerfile", "FROM scratch\nCOPY src gone docs /\n"),
        ("api/.dockerignore", "docs\n"),
        ("api/src/a", ""),
        ("api/docs/a", ""),
        ("api/README.md", ""),
    ]);

    assert_snapshot!(world.shown(["lint"]), @"
    `api`
      api/Dockerfile:2: `gone` is not committed, nor named by `extra_inputs`, so the build can't find it (source-missing)
      api/Dockerfile:2: `.dockerignore` leaves `docs` out of the context, so the build can't find it (source-ignored)
    2 findings in 1 of 1 project
    [exit: 1]
    ");
}
