//! Dockerfiles that name images of this repository as they are called in a registry.

use crate::end_to_end::support::{docker, names, project, with_outcome};
use crate::support::bed::setting;
use crate::support::shop::{Cache, Shop};

/// Nothing of this host can be pulled, so that what is built is not made from it.
const REGISTRY: &str = "278380418400.dkr.ecr.eu-west-2.amazonaws.com/";

const OWN_IMAGES: &str = "own_images = [\"278380418400.dkr.ecr.eu-west-2.amazonaws.com/\"]";

/// What an older script left: dependencies in the manifest, and Dockerfiles with the names of the registry.
fn shop() -> Shop {
    let shop = Shop::new().cache(Cache::oci());
    shop.world.write("setup/f", &shop.prefix).write("lib/g", &shop.prefix);
    let api = "FROM 278380418400.dkr.ecr.eu-west-2.amazonaws.com/setup AS build\n\
        RUN cat /f > /built\n\
        FROM 278380418400.dkr.ecr.eu-west-2.amazonaws.com/lib:v1\n\
        COPY --from=build /built /built\n";
    let shop = shop.projects(&[
        ("setup", "FROM chinampa/base:1\nCOPY f /f\n", ""),
        ("lib", "FROM scratch\n", "needs = [\"setup\"]"),
        ("api", api, "needs = [\"lib\", \"setup\"]"),
    ]);
    let lib = "ARG REPO=278380418400.dkr.ecr.eu-west-2.amazonaws.com\nFROM $REPO/setup:abc\nCOPY g /g\n";
    shop.world.write("lib/Dockerfile", format!("{lib}ENV SHOP={}\n", shop.prefix)).commit();
    shop
}

fn add_own_images(shop: &Shop) {
    let manifest = std::fs::read_to_string(shop.world.file("projects.toml")).unwrap();
    shop.world.write(
        "projects.toml",
        manifest.replace("name = \"shop\"", &format!("name = \"shop\"\n{OWN_IMAGES}")),
    );
    shop.world.commit();
}

/// What the image of `api` holds of the three projects.
fn files(shop: &Shop, image: &str) -> String {
    let config = shop.config_file();
    let config = config.parent().unwrap().to_str().unwrap();
    docker(&setting("DOCKER_HOST_1"), &["--config", config, "pull", "-q", image]);
    docker(&setting("DOCKER_HOST_1"), &["run", "--rm", "--network=none", image, "cat", "/f", "/g", "/built"])
}

#[test]
fn a_dependency_that_the_dockerfile_takes_from_elsewhere_is_never_built_from_there() {
    let shop = shop();

    let build = shop.shown(["build"]);

    insta::assert_snapshot!(build, @r#"
    stderr: error: the projects can't be used as they are described
    stderr:   api/Dockerfile:1: `<12 hex>.dkr.ecr.eu-west-2.amazonaws.com/setup` is an image from elsewhere, but `needs` of `api` lists the project `setup` (projects.toml:19); `own_images = ["<12 hex>.dkr.ecr.eu-west-2.amazonaws.com/"]` in `[workspace]` makes it the project `setup`; `external = ["<12 hex>.dkr.ecr.eu-west-2.amazonaws.com/setup"]` in `[projects.api]` says that it is another image
    stderr:   api/Dockerfile:4: `<12 hex>.dkr.ecr.eu-west-2.amazonaws.com/lib:v1` is an image from elsewhere, but `needs` of `api` lists the project `lib` (projects.toml:19); `own_images = ["<12 hex>.dkr.ecr.eu-west-2.amazonaws.com/"]` in `[workspace]` makes it the project `lib`; `external = ["<12 hex>.dkr.ecr.eu-west-2.amazonaws.com/lib:v1"]` in `[projects.api]` says that it is another image
    stderr:   lib/Dockerfile:2: `<12 hex>.dkr.ecr.eu-west-2.amazonaws.com/setup:abc` is an image from elsewhere, but `needs` of `lib` lists the project `setup` (projects.toml:15); `own_images = ["<12 hex>.dkr.ecr.eu-west-2.amazonaws.com/"]` in `[workspace]` makes it the project `setup`; `external = ["<12 hex>.dkr.ecr.eu-west-2.amazonaws.com/setup:abc"]` in `[projects.lib]` says that it is another image
    [exit: 2]
    "#);
    assert!(shop.tags("api").is_empty() && shop.tags("setup").is_empty(), "something was built");
}

#[test]
fn with_own_images_each_project_is_built_from_the_images_of_its_own_commit() {
    let shop = shop();
    add_own_images(&shop);

    let lint = shop.world.run(["lint", "--fix"]);
    let first = shop.build([]);
    shop.world.write("setup/f", format!("{}changed", shop.prefix)).commit();
    let why = shop.shown(["why", "api", "--base", "HEAD^"]);
    let second = shop.build([]);

    assert!(!lint.stdout.contains("needs") && !lint.stdout.contains(REGISTRY), "{lint}");
    assert_eq!(shop.world.git(["status", "--porcelain"]), "");
    let prefix = &shop.prefix;
    let image = |report| project(report, "api")["image"].as_str().unwrap().to_owned();
    assert_eq!(files(&shop, &image(&first)), prefix.repeat(3));
    assert_eq!(files(&shop, &image(&second)), format!("{prefix}changed{prefix}{prefix}changed"));
    assert_eq!(with_outcome(&second, "built"), names(["api", "lib", "setup"]));
    insta::assert_snapshot!(why, @"
    `api` is affected:
      `api` needs `setup`, and
        `setup/f` was modified and matches `COPY f` (setup/Dockerfile:3) of `setup`
    stderr: changes of <10 hex> since <10 hex> (--base)
    [exit: 0]
    ");
    let expected = serde_json::json!([
        { "reference": format!("{REGISTRY}lib:v1"), "source": "api/Dockerfile:4", "project": "lib" },
    ]);
    assert_eq!(project(&second, "api")["replaced"], expected);
    assert_eq!(project(&second, "setup").get("replaced"), None);
}

#[test]
fn adding_own_images_is_a_reason_that_names_each_reference() {
    let shop = Shop::new().cache(Cache::oci());
    shop.world.write("lib/f", "f").write("api/f", "f");
    let shop = shop.projects(&[
        ("lib", "FROM scratch\nCOPY f /f\n", ""),
        ("api", "FROM 278380418400.dkr.ecr.eu-west-2.amazonaws.com/lib:v1\nCOPY f /f\n", ""),
    ]);
    add_own_images(&shop);

    let why = shop.shown(["why", "api", "--base", "HEAD^"]);
    let plan = shop.shown(["plan", "--base", "HEAD^"]);

    insta::assert_snapshot!(why, @"
    `api` is affected:
      `api` is built from other images: `<12 hex>.dkr.ecr.eu-west-2.amazonaws.com/lib:v1` (api/Dockerfile:1) was an external image, now is the project `lib`
    stderr: changes of <10 hex> since <10 hex> (--base)
    [exit: 0]
    ");
    insta::assert_snapshot!(plan, @"
    changes of <10 hex> since <10 hex> (--base)
    build `lib` <12 hex>
      because the cache has no image of these inputs
    build `api` <12 hex>
      because the cache has no image of these inputs
      because `api` is built from other images: `<12 hex>.dkr.ecr.eu-west-2.amazonaws.com/lib:v1` (api/Dockerfile:1) was an external image, now is the project `lib`
      replaces `<12 hex>.dkr.ecr.eu-west-2.amazonaws.com/lib:v1` (api/Dockerfile:1) with the image of `lib`
    2 to build, 0 to reuse
    [exit: 0]
    ");
}
