//! One image for several platforms.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::end_to_end::support::{names, project, with_outcome};
use crate::support::engines::{BedEngine, on_each_engine};
use crate::support::shop::{Cache, Shop};
use crate::support::world::{Answer, World};

on_each_engine!(
    several_platforms_become_one_index_of_one_image_each,
    each_platform_is_built_from_its_own_parent,
    a_change_of_the_parent_of_either_platform_rebuilds_the_image,
);

fn several_platforms_become_one_index_of_one_image_each(engine: BedEngine) {
    let shop = Shop::new().on(engine).cache(Cache::oci());
    let manifest = format!(
        "[workspace]\nname = \"shop\"\n{}[projects.app]\npath = \"app\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n",
        shop.cache_table()
    );
    shop.world
        .write("projects.toml", manifest)
        .write("app/Dockerfile", "FROM scratch\nARG TARGETARCH\nLABEL arch=${TARGETARCH}\nCOPY a /a\n")
        .write("app/a", "a")
        .commit();

    let report = shop.build([]);

    let index = shop.manifest(project(&report, "app")["image"].as_str().unwrap());
    let platforms: Vec<&str> = index["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|child| child["platform"]["architecture"].as_str().unwrap())
        .collect();
    assert_eq!(platforms, ["amd64", "arm64"]);
    assert_ne!(index["manifests"][0]["digest"], index["manifests"][1]["digest"]);
}

/// `amd` and `arm` are for one platform each, and `svc` starts from the one of its own.
fn shop_of_two_parents(engine: BedEngine) -> Shop {
    let shop = Shop::new().on(engine).cache(Cache::oci());
    let of_one = |name: &str, platform: &str| {
        shop.world.write(&format!("{name}/Dockerfile"), "FROM scratch\nCOPY which /which\n");
        shop.world.write(&format!("{name}/which"), name);
        format!("[projects.{name}]\npath = \"{name}\"\nplatforms = [\"linux/{platform}\"]\n")
    };
    let manifest = format!(
        "[workspace]\nname = \"shop\"\n{}{}{}[projects.svc]\npath = \"svc\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n",
        shop.cache_table(),
        of_one("amd", "amd64"),
        of_one("arm", "arm64"),
    );
    let dockerfile =
        "FROM amd AS base-amd64\nFROM arm AS base-arm64\nFROM base-${TARGETARCH}\nCOPY own /own\n";
    shop.world
        .write("projects.toml", manifest)
        .write("svc/Dockerfile", dockerfile)
        .write("svc/own", "own")
        .commit();
    shop
}

/// The first layer of each image of an index, by its architecture.
fn first_layers(shop: &Shop, image: &str) -> BTreeMap<String, String> {
    let (repository, _) = image.split_once('@').unwrap();
    let index = shop.manifest(image);
    let children = index["manifests"].as_array().unwrap().iter();
    let layer = |child: &Value| {
        let manifest = shop.manifest(&format!("{repository}@{}", child["digest"].as_str().unwrap()));
        let layer = manifest["layers"][0]["digest"].as_str().unwrap().to_owned();
        (child["platform"]["architecture"].as_str().unwrap().to_owned(), layer)
    };
    children.map(layer).collect()
}

// issue 12: D2
fn each_platform_is_built_from_its_own_parent(engine: BedEngine) {
    let shop = shop_of_two_parents(engine);

    let output = shop.world.run(["build", "--json", "--progress", "plain"]);

    assert_eq!(output.exit, 0, "{output}");
    assert!(!output.stderr.contains("docker.io"), "{output}");
    let report = output.json();
    let image = |name: &str| project(&report, name)["image"].as_str().unwrap().to_owned();
    let only_layer =
        |name: &str| shop.manifest(&image(name))["layers"][0]["digest"].as_str().unwrap().to_owned();
    let expected =
        BTreeMap::from([("amd64".to_owned(), only_layer("amd")), ("arm64".to_owned(), only_layer("arm"))]);
    assert_eq!(first_layers(&shop, &image("svc")), expected);
}

// issue 12: D2
fn a_change_of_the_parent_of_either_platform_rebuilds_the_image(engine: BedEngine) {
    let shop = shop_of_two_parents(engine);
    shop.build([]);

    for parent in ["amd", "arm"] {
        shop.world.write(&format!("{parent}/which"), "changed").commit();

        let report = shop.build([]);

        assert_eq!(with_outcome(&report, "built"), names([parent, "svc"]));
    }
}

/// `api` for two platforms, with this Dockerfile, and `base` with these lines in its table.
fn plan_of_two_platforms(dockerfile: &str, base: &str, command: &[&str]) -> Answer {
    let world = World::new();
    let manifest = format!(
        "[workspace]\nname = \"shop\"\n[cache]\nkind = \"oci\"\nhost = \"localhost:1\"\n[projects.api]\npath = \"api\"\n\
         platforms = [\"linux/amd64\", \"linux/arm64\"]\n[projects.base]\npath = \"base\"\n{base}\n"
    );
    world.write("projects.toml", manifest).write("base/Dockerfile", "FROM scratch\nCOPY f /f\n");
    world.write("base/f", "f").write("api/Dockerfile", dockerfile).commit();
    Answer::from(world.command_of(command).output().unwrap())
}

#[test]
fn a_dependency_that_lacks_a_platform_of_its_dependent_is_refused() {
    let of_one = "platforms = [\"linux/amd64\"]";
    for (dockerfile, base) in [
        ("FROM base\n", of_one),
        ("FROM base\n", ""),
        ("FROM scratch\nCOPY --from=base /f /f\n", of_one),
        ("FROM base AS one\nFROM one AS two\n", of_one),
    ] {
        for command in [&["plan", "--offline"][..], &["plan"], &["build"]] {
            let answer = plan_of_two_platforms(dockerfile, base, command);

            assert_eq!(answer.exit, 2, "{command:?} {dockerfile}: {answer}");
            let expected = "error: projects.toml:6: `api` is built for linux/arm64, but its dependency `base` is not \
                            (projects.toml:9)\n";
            assert!(answer.stderr.contains(expected), "{command:?} {dockerfile}: {answer}");
            assert!(answer.stderr.contains("add `linux/arm64` to `platforms` of `base`"), "{answer}");
        }
    }
}

#[test]
fn stages_of_another_platform_and_stages_that_are_not_built_need_no_image_for_each() {
    let of_one = "platforms = [\"linux/amd64\"]";
    let of_both = "platforms = [\"linux/amd64\", \"linux/arm64/v8\"]";
    for (dockerfile, base) in [
        ("FROM --platform=$BUILDPLATFORM base AS tools\nFROM scratch\nCOPY --from=tools /f /f\n", of_one),
        ("FROM --platform=linux/amd64 base AS tools\nFROM scratch\nCOPY --from=tools /f /f\n", of_one),
        ("FROM base AS unused\nFROM scratch\nCOPY --from=alpine /f /f\n", of_one),
        ("FROM base\n", of_both),
    ] {
        let answer = plan_of_two_platforms(dockerfile, base, &["plan", "--offline"]);

        assert_eq!(answer.exit, 0, "{dockerfile}: {answer}");
    }
}
