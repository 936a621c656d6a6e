//! `build --local`: uncommitted work, in the engine alone, with what the registry has.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::end_to_end::support::{docker, names, project, with_outcome};
use crate::support::bed::setting;
use crate::support::engines::{BedEngine, on_each_engine};
use crate::support::shop::{Cache, Project, Shop};
use crate::support::world::{Answer, World};

const CHAIN: &[Project] = &[
    ("base", "FROM chinampa/base:1\nCOPY f /base\n", ""),
    ("lib", "FROM base\nCOPY f /lib\n", ""),
    ("api", "FROM lib\nCOPY f /api\n", ""),
];

on_each_engine!(
    uncommitted_work_is_built_into_the_engine_and_nothing_is_written_anywhere_else,
    what_another_machine_has_built_is_pulled_and_built_upon,
    of_several_platforms_the_engines_own_is_built_and_pulled,
    layers_of_the_branch_in_the_registry_are_used,
);

/// A chain of projects, each with a file of its own, in the first registry.
fn shop(engine: BedEngine) -> Shop {
    let shop = Shop::new().on(engine).cache(Cache::oci());
    for name in ["base", "lib", "api"] {
        shop.world.write(&format!("{name}/f"), format!("{name} of {}", shop.prefix));
    }
    shop.projects(CHAIN)
}

/// What the registry was asked since the last time that changes something.
fn writes(shop: &mut Shop) -> Vec<String> {
    let is_write = |request: &String| !request.starts_with("GET ") && !request.starts_with("HEAD ");
    shop.asked().into_iter().filter(is_write).collect()
}

/// Every name of an image of this shop in the engine, by tag or digest, that begins with the registry's host.
fn names_of_the_registry(shop: &Shop, engine: BedEngine) -> BTreeSet<String> {
    let names = engine.images().into_iter().flat_map(|image| [image.repo_tags, image.repo_digests].concat());
    let of_shop = format!("{}/{}", setting("REGISTRY_1"), shop.prefix);
    names.filter(|name| name.starts_with(&of_shop)).collect()
}

/// Builds what is committed from another clone and with another engine.
fn build_elsewhere(shop: &mut Shop, engine: BedEngine) {
    let mut ci = World::clone_of(shop.world.path());
    shop.use_engine(engine.of_another_machine());
    ci.set_all_of(&shop.world);
    shop.use_engine(engine);
    let built = ci.run(["build", "-q"]);
    assert_eq!(built.exit, 0, "{built}");
}

fn content(shop: &Shop, engine: BedEngine, file: &str) -> String {
    let image = format!("{}api:local", shop.prefix);
    docker(&engine.socket(), &["run", "--rm", "--network", "none", &image, "cat", file])
}

fn image<'r>(report: &'r Value, name: &str) -> &'r str {
    project(report, name)["image"].as_str().unwrap()
}

fn uncommitted_work_is_built_into_the_engine_and_nothing_is_written_anywhere_else(engine: BedEngine) {
    let mut shop = shop(engine);
    shop.world.write("lib/f", "uncommitted");
    shop.asked();

    let first = shop.build(["--local"]);
    let second = shop.build(["--local"]);
    shop.world.write("api/f", "uncommitted, too");
    let third = shop.build(["--local", "api"]);

    assert_eq!(with_outcome(&first, "built"), names(["api", "base", "lib"]), "{first}");
    assert_eq!((&first["dirty"], &first["record"]), (&true.into(), &Value::Null));
    for name in ["api", "base", "lib"] {
        assert_eq!(image(&first, name), format!("{}{name}:local", shop.prefix));
    }
    assert_eq!(with_outcome(&second, "reused"), names(["api", "base", "lib"]), "{second}");
    assert_eq!(image(&second, "api"), image(&first, "api"));
    assert_eq!(with_outcome(&third, "built"), names(["api"]), "{third}");
    assert_eq!(content(&shop, engine, "/lib"), "uncommitted");
    assert_eq!(content(&shop, engine, "/api"), "uncommitted, too");
    assert_eq!(shop.engine_images(), names(["api:local", "base:local", "lib:local"]));
    assert_eq!(writes(&mut shop), [""; 0]);
    for repository in ["api", "base", "lib", "shop-builds", "shop-taints"] {
        assert_eq!(shop.tags(repository), names([]), "{repository}");
    }
}

fn what_another_machine_has_built_is_pulled_and_built_upon(engine: BedEngine) {
    let mut shop = shop(engine);
    build_elsewhere(&mut shop, engine);
    shop.asked();
    shop.world.write("api/f", "uncommitted");

    let planned = shop.shown(["build", "--local", "--dry-run"]);
    let first = shop.build(["--local"]);
    let second = shop.build(["--local"]);

    assert!(planned.contains("1 to build, 2 to reuse"), "{planned}");
    assert_eq!(with_outcome(&first, "pulled"), names(["base", "lib"]), "{first}");
    assert_eq!(with_outcome(&first, "built"), names(["api"]), "{first}");
    let from = project(&first, "lib")["pulled_from"].as_str().unwrap();
    assert!(from.starts_with(&format!("{}/{}lib@sha256:", setting("REGISTRY_1"), shop.prefix)), "{from}");
    assert_eq!(first["base"]["from"], "the last complete build of `main`");
    assert_eq!(with_outcome(&second, "reused"), names(["api", "base", "lib"]), "{second}");
    assert_eq!(content(&shop, engine, "/base"), format!("base of {}", shop.prefix));
    assert_eq!(content(&shop, engine, "/api"), "uncommitted");
    assert_eq!(shop.engine_images(), names(["api:local", "base:local", "lib:local"]));
    assert_eq!(names_of_the_registry(&shop, engine), names([]));
    assert_eq!(writes(&mut shop), [""; 0]);
}

/// Whatever the name is of what it is built from.
fn layers_of_the_branch_in_the_registry_are_used(engine: BedEngine) {
    let shop = Shop::new().on(engine).cache(Cache::oci());
    shop.world.write("lib/f", &shop.prefix).write("app/f", "committed");
    let mut shop = shop.projects(&[
        ("lib", "FROM chinampa/base:1\nCOPY f /lib\n", ""),
        ("app", "FROM lib\nRUN echo slow > /slow\nCOPY f /f\n", ""),
    ]);
    build_elsewhere(&mut shop, engine);
    shop.world.write("app/f", "uncommitted");

    let report = shop.build(["--local"]);

    assert_eq!(with_outcome(&report, "pulled"), names(["lib"]), "{report}");
    let app = project(&report, "app");
    let cached = u64::from(engine.has_inline_cache());
    assert_eq!((&app["outcome"], &app["steps"]), (&"built".into(), &2.into()));
    assert_eq!(app["cached_steps"], cached, "{app}");
}

fn of_several_platforms_the_engines_own_is_built_and_pulled(engine: BedEngine) {
    let dockerfile = "FROM scratch\nARG TARGETARCH\nLABEL arch=${TARGETARCH}\nCOPY f /f\n";
    let platforms = "platforms = [\"linux/arm64\", \"linux/amd64\"]";
    let shop = Shop::new().on(engine).cache(Cache::oci());
    shop.world.write("lib/f", &shop.prefix).write("api/f", &shop.prefix);
    let shop = shop.projects(&[
        ("lib", dockerfile, platforms),
        ("api", "FROM lib\nCOPY f /api\n", platforms),
        ("arm", "FROM scratch\nLABEL a=b\n", "platforms = [\"linux/arm64\"]"),
    ]);
    let arch = |name: &str| {
        let image = format!("{}{name}:local", shop.prefix);
        let answer = docker(
            &engine.socket(),
            &["image", "inspect", "--format", "{{.Architecture}} {{.Config.Labels.arch}}", &image],
        );
        answer.trim().to_owned()
    };

    let built = shop.world.run(["build", "--local", "lib", "api", "arm"]);
    let built_archs = ["lib", "api", "arm"].map(arch);
    shop.build(["lib"]);
    let forced = shop.build(["--local", "--force", "api"]);
    docker(&engine.socket(), &["image", "rm", "--force", &format!("{}lib:local", shop.prefix)]);
    let pulled = shop.build(["--local", "lib"]);

    assert_eq!(built.exit, 0, "{built}");
    assert!(built.stderr.contains("for linux/amd64 only, of several platforms: `lib`, `api`\n"), "{built}");
    assert_eq!(built_archs, ["amd64 amd64", "amd64 amd64", "arm64 <no value>"]);
    assert_eq!(with_outcome(&forced, "built"), names(["api"]), "{forced}");
    assert_eq!(with_outcome(&pulled, "pulled"), names(["lib"]), "{pulled}");
    assert_eq!(arch("lib"), "amd64 amd64");
}

#[test]
fn an_image_of_ecr_is_pulled_with_the_login_of_the_cache() {
    let shop = Shop::new().cache(Cache::ecr());
    shop.world.write("lib/f", &shop.prefix);
    let mut shop = shop.projects(&[("lib", "FROM scratch\nCOPY f /f\n", "")]);
    build_elsewhere(&mut shop, BedEngine::Machine);

    let report = shop.build(["--local"]);

    assert_eq!(with_outcome(&report, "pulled"), names(["lib"]), "{report}");
    assert_eq!(shop.engine_images(), names(["lib:local"]));
}

#[test]
fn named_contexts_are_folders_and_images_of_the_same_run() {
    let shop = Shop::new().cache(Cache::oci());
    shop.world.write("lib/f", "lib").write("proto/a.proto", &shop.prefix);
    let dockerfile = "FROM chinampa/base:1\nCOPY --from=proto a.proto /\nCOPY --from=base f /api\n";
    let shop = shop.projects(&[
        ("lib", "FROM scratch\nCOPY f /f\n", ""),
        ("api", dockerfile, "contexts = { proto = \"proto\", base = \"project:lib\" }"),
    ]);
    shop.world.write("lib/f", "uncommitted");

    let report = shop.build(["--local", "api"]);

    assert_eq!(with_outcome(&report, "built"), names(["api", "lib"]), "{report}");
    assert_eq!(content(&shop, BedEngine::Machine, "/a.proto"), shop.prefix);
    assert_eq!(content(&shop, BedEngine::Machine, "/api"), "uncommitted");
    assert_eq!(shop.engine_images(), names(["api:local", "lib:local"]));
}

fn run(shop: &Shop, variables: &[(&str, &str)]) -> Answer {
    let mut command = shop.world.command(["build", "--local", "--progress", "plain"]);
    command.envs(variables.iter().copied()).output().unwrap().into()
}

#[test]
fn a_registry_that_cannot_be_read_is_said_once_and_everything_is_built() {
    let unreachable = Shop::new()
        .cache(Cache::Oci("127.0.0.1:1".to_owned()))
        .projects(&[("lib", "FROM chinampa/base:1\n", ""), ("api", "FROM lib\nRUN true\n", "")]);
    let mut refused = shop(BedEngine::Machine);
    refused.world.set("DOCKER_CONFIG", "/nonexistent");

    for shop in [unreachable, refused] {
        let first = run(&shop, &[]);
        let second = run(&shop, &[]);

        assert_eq!((first.exit, second.exit), (0, 0), "{first}\n{second}");
        let lines = first.stderr.lines().filter(|line| line.starts_with("the cache cannot be read")).count();
        assert_eq!(lines, 1, "{first}");
        assert!(first.stdout.contains(" built, 0 reused"), "{first}");
        let reason = "the engine has no image of these inputs, and the cache cannot be read";
        assert!(first.stdout.contains(reason), "{first}");
        assert!(!first.stdout.contains("the cache has no image"), "{first}");
        assert!(second.stdout.starts_with("0 built, "), "{second}");
        assert!(shop.engine_images().iter().all(|name| name.ends_with(":local")));
    }
}

// The name is for people of this machine, and what a pull request has made is not.
#[test]
fn an_untrusted_run_neither_gives_nor_reads_the_local_name() {
    let untrusted = [("CHINAMPA_TRUST", "untrusted")];
    let shop = shop(BedEngine::Machine);

    let without = run(&shop, &untrusted);
    let images = shop.engine_images();
    let trusted = run(&shop, &[]);
    let with = run(&shop, &untrusted);

    assert_eq!((without.exit, trusted.exit, with.exit), (0, 0, 0), "{without}\n{trusted}\n{with}");
    assert!(images.iter().all(|image| image.contains(":untrusted-")), "{images:?}");
    assert!(trusted.stdout.contains("3 built, 0 reused"), "{trusted}");
    assert!(with.stdout.contains("3 built, 0 reused"), "{with}");
    assert!(with.stderr.contains("this run is not trusted"), "{with}");
}

#[test]
fn uncommitted_work_is_refused_in_a_ci_and_a_dry_run_builds_nothing() {
    let shop = shop(BedEngine::Machine);
    shop.world.write("lib/f", "uncommitted");

    let refused = run(&shop, &[("CI", "true")]);
    let dry = shop.world.run(["build", "--local", "--dry-run"]);

    assert_eq!(refused.exit, 2, "{refused}");
    assert!(refused.stderr.contains("there are uncommitted changes, and this is CI"), "{refused}");
    assert_eq!(dry.exit, 0, "{dry}");
    assert!(dry.stdout.contains("3 to build, 0 to reuse"), "{dry}");
    assert_eq!(shop.engine_images(), names([]));
}

#[test]
fn a_dependency_whose_local_image_is_for_another_platform_is_an_error() {
    let shop = Shop::new().cache(Cache::oci()).projects(&[
        ("lib", "FROM scratch\nLABEL a=b\n", "platforms = [\"linux/arm64\", \"linux/amd64\"]"),
        ("api", "FROM lib\nLABEL c=d\n", "platforms = [\"linux/arm64\"]"),
    ]);

    let answer = run(&shop, &[]);

    assert_eq!(answer.exit, 2, "{answer}");
    let error = "a local build makes the image of `api` for linux/arm64, and that of `lib`, which it is built from, for linux/amd64";
    assert!(answer.stderr.contains(error), "{answer}");
    assert_eq!(shop.engine_images(), names([]));
}

#[test]
fn a_taint_makes_a_local_build_and_stays() {
    let mut shop = shop(BedEngine::Machine);
    shop.build([]);
    let tainted = shop.world.run(["taint", "lib"]);
    assert_eq!(tainted.exit, 0, "{tainted}");
    shop.asked();

    let first = shop.build(["--local"]);
    let second = shop.build(["--local"]);

    assert_eq!(with_outcome(&first, "built"), names(["lib"]), "{first}");
    assert_eq!(with_outcome(&second, "built"), names(["lib"]), "{second}");
    assert_eq!(writes(&mut shop), [""; 0]);
    assert_eq!(shop.tags("shop-taints").len(), 1);
}

#[test]
fn in_the_engines_own_store_the_cached_image_gets_the_local_name_and_a_built_one_gets_no_other() {
    let shop =
        Shop::new().projects(&[("lib", "FROM chinampa/base:1\n", ""), ("api", "FROM lib\nRUN true\n", "")]);
    shop.build(["lib"]);
    let before = shop.engine_images();

    let report = shop.build(["--local"]);

    assert_eq!(with_outcome(&report, "reused"), names(["lib"]), "{report}");
    assert_eq!(with_outcome(&report, "built"), names(["api"]), "{report}");
    let added: BTreeSet<String> = shop.engine_images().difference(&before).cloned().collect();
    assert_eq!(added, names(["api:local", "lib:local"]));
}

/// Without a `[cache]`, the workspace tells the images of two repositories apart.
#[test]
fn two_workspaces_with_equal_repositories_share_an_engine() {
    let shops = [(); 2].map(|()| {
        let shop = Shop::new();
        let workspace = shop.prefix.trim_end_matches('/');
        let manifest = format!("[workspace]\nname = \"{workspace}\"\n[projects.api]\npath = \"api\"\n");
        shop.world.write("projects.toml", manifest);
        shop.world.write("api/Dockerfile", "FROM chinampa/base:1\nCOPY f /api\n").write("api/f", workspace);
        shop.world.commit();
        shop
    });

    for shop in &shops {
        shop.build([]);
        shop.build(["--local"]);
    }

    for shop in &shops {
        assert_eq!(content(shop, BedEngine::Machine, "/api"), shop.prefix.trim_end_matches('/'));
        let again = shop.build(["--local"]);
        assert_eq!(with_outcome(&again, "reused"), names(["api"]), "{again}");
        let images = shop.engine_images();
        assert!(["api:branch-main", "api:local"].iter().all(|name| images.contains(*name)), "{images:?}");
    }
}
