//! Engines that can die of inline cache metadata are never asked for it; all others are.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::end_to_end::support::project;
use crate::support::engines::{BedEngine, OwnEngine, on_each_engine};
use crate::support::shop::{Cache, Project, Shop};
use crate::support::world::Answer;

on_each_engine!(images_carry_inline_cache_unless_the_engine_can_die_of_it_or_the_manifest_says_no);

/// Of each of these, Docker 20.10 dies in the second build, if it is asked for inline cache: a layer of one stage equals one
/// of the other. In `one-stage`, the request for stage `a` alone is what kills it.
const EQUAL_LAYERS: [Project; 2] = [
    ("two-stages", "FROM scratch AS a\nCOPY f /\nFROM scratch\nCOPY --from=a f /\n", ""),
    (
        "one-stage",
        "FROM chinampa/base:1 AS a\nCOPY f /f\nRUN true\nFROM chinampa/base:1\nCOPY --from=a /f /f\n",
        "",
    ),
];

// issue 14: E4
#[test]
fn docker_20_10_lives_through_stages_with_equal_layers() {
    let engine = OwnEngine::start("5");
    let mut shop = Shop::new().cache(Cache::oci());
    for (name, ..) in EQUAL_LAYERS {
        shop.world.write(&format!("{name}/f"), "the same everywhere");
    }
    shop = shop.projects(&EQUAL_LAYERS);
    shop.world.set("DOCKER_HOST", engine.host());
    let process = engine.process();

    for _ in 0..3 {
        let answer = shop.world.run(["build", "--force"]);

        assert_eq!(answer.exit, 0, "{answer}");
        let warned = answer.stdout.contains("warning: the images have no inline cache");
        assert_eq!(warned, BedEngine::Machine.is_docker_20_10(), "{answer}");
        assert!(engine.answers());
    }
    assert_eq!(engine.process(), process);
}

// issue 14: E4, E11
#[test]
fn an_engine_that_is_killed_during_a_build_is_named_with_the_project() {
    let engine = OwnEngine::start("6");
    let api: Project = ("api", "FROM chinampa/base:1\nRUN echo begun; exec sleep 5\n", "");
    let mut shop = Shop::new().cache(Cache::oci()).projects(&[api]);
    shop.world.set("DOCKER_HOST", engine.host());
    let mut command = shop.world.command(["build", "--progress", "json"]);
    let mut build = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();

    let mut events = BufReader::new(build.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(events.any(|line| line.contains("begun\\n")), "the step did not start");
    let killed = Command::new("kill").args(["-KILL", &engine.process()]).status().unwrap();
    events.for_each(drop);
    let answer = Answer::from(build.wait_with_output().unwrap());

    assert!(killed.success());
    assert_eq!(answer.exit, 3, "{answer}");
    assert!(answer.stdout.contains("failed    api after"), "{answer}");
    let named = format!("the Docker engine at `{}` (from `DOCKER_HOST`) broke", engine.host());
    assert!(answer.stdout.contains(&named), "{answer}");
}

fn images_carry_inline_cache_unless_the_engine_can_die_of_it_or_the_manifest_says_no(engine: BedEngine) {
    let staged: Project =
        ("api", "FROM chinampa/base:1 AS build\nRUN echo 1 > /a\nFROM build\nRUN echo 2 > /b\n", "");
    let shop = Shop::new().on(engine).cache(Cache::oci()).projects(&[staged]);

    let with = shop.build([]);
    let manifest = std::fs::read_to_string(shop.world.file("projects.toml")).unwrap();
    shop.world.write("projects.toml", manifest.replace("[cache]", "[cache]\ninline = false"));
    shop.world.commit();
    let without = shop.build(["--force"]);

    let is_safe = engine.has_inline_cache();
    assert_eq!(has_inline_cache(&shop, &with), is_safe);
    assert_eq!(with["inline_cache_fault"].is_null(), is_safe, "{with:#}");
    let stages = shop.tags("api").into_iter().filter(|tag| tag == "branch-main.build").count();
    assert_eq!(stages, usize::from(is_safe));
    assert!(!has_inline_cache(&shop, &without));
    assert!(without["inline_cache_fault"].is_null(), "{without:#}");
}

/// Whether the configuration of the image of `api` has what BuildKit stores there.
fn has_inline_cache(shop: &Shop, report: &Value) -> bool {
    let configuration = shop.configuration(project(report, "api")["image"].as_str().unwrap());
    configuration.get("moby.buildkit.cache.v0").is_some()
}
