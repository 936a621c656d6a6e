//! What is in an image: committed files that the patterns take, and nothing else.

use crate::end_to_end::support::{docker, project};
use crate::support::bed::setting;
use crate::support::engines::BedEngine;
use crate::support::shop::{Cache, Shop};

/// One project `app` that copies its whole context to `/app`.
fn shop(patterns: &str) -> Shop {
    let shop = Shop::new().cache(Cache::oci());
    let manifest =
        format!("[workspace]\nname = \"shop\"\n{}[projects.app]\npath = \"app\"\n", shop.cache_table());
    shop.world
        .write("projects.toml", manifest)
        .write("app/Dockerfile", "FROM chinampa/base:1\nCOPY . /app\n")
        .write("app/.rebuild_patterns", patterns)
        .write("app/src/declared.txt", "declared")
        .write("app/notes.txt", "not declared");
    shop
}

fn files(shop: &Shop, report: &serde_json::Value) -> Vec<String> {
    let image = pull(shop, report);
    let listed = docker(
        &setting("DOCKER_HOST_1"),
        &["run", "--rm", "--network=none", &image, "busybox", "find", "/app", "-type", "f"],
    );
    let mut files: Vec<String> = listed.lines().map(str::to_owned).collect();
    files.sort();
    files
}

/// Pulls the image of `app`: the engine does not keep what it has pushed.
fn pull(shop: &Shop, report: &serde_json::Value) -> String {
    let image = project(report, "app")["image"].as_str().unwrap();
    let config = shop.config_file();
    let config = config.parent().unwrap().to_str().unwrap();
    docker(&setting("DOCKER_HOST_1"), &["--config", config, "pull", "-q", image]);
    image.to_owned()
}

#[test]
fn a_file_that_is_not_declared_is_not_in_the_image() {
    let shop = shop("./src/**\n");
    shop.world.commit();

    let report = shop.build([]);

    assert_eq!(files(&shop, &report), ["/app/Dockerfile", "/app/src/declared.txt"]);
}

#[test]
fn a_file_that_is_not_committed_is_not_in_the_image() {
    let shop = shop("app/\n!**/.rebuild_patterns\n");
    shop.world.commit();
    shop.world.write("app/src/untracked.txt", "not committed");

    let report = shop.build([]);

    assert_eq!(files(&shop, &report), ["/app/Dockerfile", "/app/notes.txt", "/app/src/declared.txt"]);
}

#[test]
fn what_dockerignore_names_is_not_in_the_image() {
    let shop = shop("app/\n");
    shop.world.write("app/.dockerignore", "**/*.txt\n!src/*.txt\nDockerfile\n.*\n").commit();

    let report = shop.build([]);

    assert_eq!(files(&shop, &report), ["/app/src/declared.txt"]);
}

#[test]
fn uncommitted_work_is_built_only_where_it_was_allowed_and_gets_no_branch() {
    let mut shop = shop("app/\n");
    shop.world.commit();
    shop.world.write("app/src/declared.txt", "changed");

    let refused = shop.world.run(["build"]);
    assert_eq!(refused.exit, 2, "{refused}");
    shop.asked();
    let report = shop.build(["--allow-dirty"]);

    assert_eq!(report["dirty"], true);
    let tags: Vec<String> = shop
        .asked()
        .into_iter()
        .filter(|request| request.starts_with("PUT ") && request.contains("/manifests/"))
        .collect();
    let cache = format!(
        "PUT /v2/{}app/manifests/cache-{}",
        shop.prefix,
        project(&report, "app")["digest"].as_str().unwrap()
    );
    let pushed = format!("PUT /v2/{}app/manifests/pushed-", shop.prefix);
    assert!(tags.iter().all(|tag| *tag == cache || tag.starts_with(&pushed)), "{tags:#?}");
}

#[test]
fn an_extra_input_is_in_the_digest_and_in_the_image() {
    let shop = shop("./src/**\n");
    let manifest = format!(
        "[workspace]\nname = \"shop\"\n{}[projects.app]\npath = \"app\"\nextra_inputs = [\"app/dist/**\"]\n",
        shop.cache_table()
    );
    shop.world.write("projects.toml", manifest).write(".gitignore", "dist/\n").commit();

    shop.world.write("app/dist/bundle.js", "one");
    let one = shop.build([]);
    shop.world.write("app/dist/bundle.js", "two");
    let two = shop.build([]);

    assert_ne!(project(&one, "app")["digest"], project(&two, "app")["digest"]);
    assert_eq!(files(&shop, &two), ["/app/Dockerfile", "/app/dist/bundle.js", "/app/src/declared.txt"]);
}

#[test]
fn a_secret_reaches_its_step_and_nothing_else() {
    let mut shop = shop("app/\n");
    let manifest = format!(
        "[workspace]\nname = \"shop\"\n{}[projects.app]\npath = \"app\"\nsecrets = {{ token = {{ env = \"TOKEN\" }} }}\n",
        shop.cache_table()
    );
    let dockerfile =
        "FROM chinampa/base:1\nRUN --mount=type=secret,id=token busybox wc -c </run/secrets/token >/size\n";
    shop.world.write("projects.toml", manifest).write("app/Dockerfile", dockerfile).commit();
    shop.world.set("TOKEN", "s3cret-value");

    let report = shop.build([]);

    let host = setting("DOCKER_HOST_1");
    let image = pull(&shop, &report);
    assert_eq!(
        docker(&host, &["run", "--rm", "--network=none", &image, "busybox", "cat", "/size"]).trim(),
        "12"
    );
    assert!(!docker(&host, &["history", "--no-trunc", &image]).contains("s3cret"));
    assert!(!report.to_string().contains("s3cret"));
}

#[test]
fn a_folder_that_is_named_is_there_even_if_nothing_of_it_is_an_input() {
    let shop = Shop::new().on(BedEngine::Current).cache(Cache::oci());
    let manifest =
        format!("[workspace]\nname = \"shop\"\n{}[projects.app]\npath = \"app\"\n", shop.cache_table());
    shop.world
        .write("projects.toml", manifest)
        .write("app/Dockerfile", "FROM scratch\nCOPY a patches/*.patch tests /\n")
        .write("app/.dockerignore", "tests/*\n")
        .write("app/a", &shop.prefix)
        .write("app/patches/README.md", "no patch")
        .write("app/tests/a", "ignored")
        .commit();

    let inputs = shop.world.run(["inputs", "app"]).stdout;
    let report = shop.build([]);

    assert_eq!(inputs.lines().count(), 3, "{inputs}");
    assert_eq!(project(&report, "app")["outcome"], "built");
}
