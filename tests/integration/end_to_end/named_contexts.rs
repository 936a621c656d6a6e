//! Named contexts: folders and images of other projects, by names in the Dockerfile.

use std::collections::BTreeSet;

use crate::end_to_end::support::{docker, project};
use crate::support::bed::setting;
use crate::support::shop::{Cache, Shop};

/// The stage `proto` must not be built: the context of that name comes before it.
const DOCKERFILE: &str = "FROM chinampa/base:1 AS proto\n\
    RUN false\n\
    FROM chinampa/base:1 AS copied\n\
    COPY --from=proto / /proto/\n\
    COPY --from=0 a.proto /by-index\n\
    COPY --from=node:22 f /image\n\
    RUN --mount=from=proto,target=/mounted cp /mounted/sub/b.proto /b\n\
    FROM copied\n";

const CONTEXTS: &str = "contexts = { proto = \"shared/proto\", \"node:22\" = \"project:lib\" }";

fn shop(cache: Cache) -> Shop {
    let shop = Shop::new().cache(cache);
    shop.world
        .write("lib/f", &shop.prefix)
        .write("shared/proto/a.proto", &shop.prefix)
        .write("shared/proto/sub/b.proto", "b")
        .write("shared/proto/notes.md", "not of the image")
        .write("shared/proto/.dockerignore", "**/*.md\n");
    shop.projects(&[("lib", "FROM scratch\nCOPY f /f\n", ""), ("api", DOCKERFILE, CONTEXTS)])
}

/// The files that came from contexts, with what is in them.
fn files(image: &str) -> String {
    let script =
        "cd /; find proto by-index image b -type f | sort | while read f; do echo \"$f: $(cat $f)\"; done";
    docker(&setting("DOCKER_HOST_1"), &["run", "--rm", "--network=none", image, "sh", "-c", script])
}

// issue 14: E10
#[test]
fn a_context_comes_before_a_stage_and_an_image_and_a_folder_has_its_own_ignore_file() {
    let shop = shop(Cache::oci());

    let report = shop.build([]);

    let image = project(&report, "api")["image"].as_str().unwrap();
    let config = shop.config_file();
    let config = config.parent().unwrap().to_str().unwrap();
    docker(&setting("DOCKER_HOST_1"), &["--config", config, "pull", "-q", image]);
    let prefix = &shop.prefix;
    let expected = format!(
        "b: b\nby-index: {prefix}\nimage: {prefix}\nproto/.dockerignore: **/*.md\nproto/a.proto: {prefix}\nproto/sub/b.proto: b\n"
    );
    assert_eq!(files(image), expected);
    let left = shop.engine_images();
    assert!(!left.iter().any(|name| name.contains("context")), "{left:?}");
}

#[test]
fn what_the_ignore_file_leaves_out_is_no_input_and_all_else_is() {
    let shop = shop(Cache::Engine);
    let built = shop.build([]);

    shop.world.write("shared/proto/notes.md", "other").commit();
    let ignored = shop.build([]);
    shop.world.write("shared/proto/sub/b.proto", "other").commit();
    let why = shop.shown(["why", "api", "--base", "HEAD^"]);
    let changed = shop.build(["--pull"]);
    shop.world.write("shared/proto/.dockerignore", "").commit();
    let no_more = shop.shown(["why", "api", "--base", "HEAD^"]);

    let digest = |report| project(report, "api")["digest"].clone();
    assert_eq!(digest(&built), digest(&ignored));
    assert_ne!(digest(&built), digest(&changed));
    let image = project(&changed, "api")["image"].as_str().unwrap();
    assert!(files(image).contains("b: other\n"), "{}", files(image));
    insta::assert_snapshot!(why, @"
    `api` is affected:
      `shared/proto/sub/b.proto` was modified and matches `shared/proto/` (projects.toml:14) of `api`
    stderr: changes of <10 hex> since <10 hex> (--base)
    [exit: 0]
    ");
    insta::assert_snapshot!(no_more, @"
    `api` is affected:
      `shared/proto/.dockerignore` was modified and matches `shared/proto/.dockerignore` (projects.toml:12) of `api`
    stderr: changes of <10 hex> since <10 hex> (--base)
    [exit: 0]
    ");
}

#[test]
fn an_untrusted_run_builds_folders_too_and_leaves_only_its_own_images() {
    let mut shop = shop(Cache::Engine);
    shop.world.set("CHINAMPA_TRUST", "untrusted");

    let report = shop.build([]);

    let image = project(&report, "api")["image"].as_str().unwrap();
    assert!(files(image).contains("proto/sub/b.proto: b\n"), "{}", files(image));
    let left: BTreeSet<String> =
        shop.engine_images().iter().map(|name| name.split('-').next().unwrap().to_owned()).collect();
    assert_eq!(left, ["api:untrusted", "lib:untrusted"].map(str::to_owned).into());
}

#[test]
fn what_is_no_context_is_an_error_with_its_line() {
    let shop = shop(Cache::Engine);
    let manifest = std::fs::read_to_string(shop.world.file("projects.toml")).unwrap();
    let contexts = "contexts = { proto = \"shared/protos\", copied = \"lib\", a = \"project:libb\", b = \"project:api\", \
        c = \"docker-image://node\", scratch = \"lib\", Upper = \"lib\", d = \"../lib\", lib = \"lib\", \"lib:latest\" = \"lib\" }";
    shop.world.write("projects.toml", manifest.replace(CONTEXTS, contexts)).commit();
    let bad = shop.shown(["plan", "--offline"]);
    let contexts = "contexts = { proto = \"shared/protos\", copied = \"lib\" }\ntarget = \"copied\"";
    shop.world.write("projects.toml", manifest.replace(CONTEXTS, contexts)).commit();
    let missing = shop.shown(["plan", "--offline"]);
    let contexts = "contexts = { proto = \"lib\", copied = \"lib\" }\ntarget = \"copied\"";
    shop.world.write("projects.toml", manifest.replace(CONTEXTS, contexts)).commit();
    let target = shop.shown(["plan", "--offline"]);

    insta::assert_snapshot!(bad, @"
    stderr: error: the projects can't be used as they are described
    stderr:   projects.toml:14: `Upper` in `[projects.api.contexts]`: `Upper` is not a context's name: that of a stage in lower case, or of an image without a digest
    stderr:   projects.toml:14: `a` in `[projects.api.contexts]`: there is no project `libb`; did you mean `lib`?
    stderr:   projects.toml:14: `b` in `[projects.api.contexts]`: a project can't need itself
    stderr:   projects.toml:14: `c` in `[projects.api.contexts]`: a folder of the repository is expected, or `project:` and the name of a project
    stderr:   projects.toml:14: `d` in `[projects.api.contexts]`: `../lib` is not a path inside the repository: it has a `..` component
    stderr:   projects.toml:14: `lib:latest` in `[projects.api.contexts]`: the context `lib` stands there twice
    stderr:   projects.toml:14: `scratch` in `[projects.api.contexts]`: `scratch` is not a context's name: that of a stage in lower case, or of an image without a digest
    [exit: 2]
    ");
    insta::assert_snapshot!(missing, @"
    stderr: error: the projects can't be used as they are described
    stderr:   projects.toml:14: `contexts.proto` of `api`: there is no folder `shared/protos` in this commit
    [exit: 2]
    ");
    insta::assert_snapshot!(target, @"
    stderr: error: the projects can't be used as they are described
    stderr:   projects.toml:12: `target` of `api`: a named context stands for the stage `copied`, so there is nothing to build
    [exit: 2]
    ");
}

#[test]
fn lint_names_a_context_that_is_not_used_and_takes_patterns_of_used_ones_for_used() {
    let shop = shop(Cache::Engine);
    let manifest = std::fs::read_to_string(shop.world.file("projects.toml")).unwrap();
    shop.world.write("api/.rebuild_patterns", "shared/proto/\n");
    shop.world
        .write("projects.toml", manifest.replace("contexts = {", "contexts = { unused = \"lib\","))
        .commit();

    let answer = shop.shown(["lint", "api"]);

    insta::assert_snapshot!(answer, @"
    `api`
      api/Dockerfile:1: `chinampa/base:1` can become another image: it has no digest (parent-not-pinned)
        write `chinampa/base:1@sha256:…`
      projects.toml:14: the Dockerfile takes nothing from the context `unused` (context-not-used)
    2 findings in 1 of 1 project
    stderr: nothing pins the external image `chinampa/base:1`: `chinampa lock` writes `projects.lock`, which does
    [exit: 1]
    ");
}
