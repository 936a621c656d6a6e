//! Builders that die or hang while others go on.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::end_to_end::builders::{bridge, use_builders};
use crate::end_to_end::support::{project, with_outcome};
use crate::support::buildkit::BuildKitBridge;
use crate::support::engines::{BedEngine, OwnEngine};
use crate::support::is_soak;
use crate::support::shop::{Cache, Shop};
use crate::support::world::Answer;

/// A step that takes a while.
const SLOW: &str = "FROM chinampa/base:1\nCOPY f /f\nRUN sleep 0.3; cat /f\n";

/// Nothing that builds of other projects have in common with it: a daemon does that once, in whichever session it began.
const APART: &str = "FROM scratch\nCOPY f /f\n";

/// Twenty projects that differ in one file each.
fn twenty(dockerfile: &str) -> Shop {
    let names: Vec<String> = (0..20).map(|number| format!("p{number:02}")).collect();
    let shop = Shop::new().cache(Cache::oci());
    let mut manifest = format!("[workspace]\nname = \"shop\"\n\n{}", shop.cache_table());
    for name in &names {
        manifest += &format!("\n[projects.{name}]\npath = \"{name}\"\n");
        shop.world.write(&format!("{name}/Dockerfile"), dockerfile);
        shop.world.write(&format!("{name}/f"), format!("{}{name}", shop.prefix));
    }
    shop.world.write("projects.toml", manifest).commit();
    shop
}

/// How many builds each builder was given, as `-v` tells.
fn given(answer: &Answer, bridge: &BuildKitBridge) -> usize {
    let told = |line: &&str| line.contains("builds") && line.contains(&bridge.endpoint());
    answer.stderr.lines().filter(told).count()
}

#[test]
fn twenty_projects_are_shared_in_proportion_to_slots() {
    let (small, large) = (bridge(), bridge());
    let mut shop = twenty(SLOW);
    use_builders(
        &mut shop,
        &[format!("{};slots=1", small.endpoint()), format!("{};slots=3", large.endpoint())],
    );

    let answer = shop.world.run(["build", "-v"]);

    assert_eq!(answer.exit, 0, "{answer}");
    let (of_small, of_large) = (given(&answer, &small), given(&answer, &large));
    assert_eq!(of_small + of_large, 20, "{answer}");
    assert!((2..=8).contains(&of_small), "{of_small}, {of_large}: {answer}");
}

/// Starts a build, does something to a builder once it has work, and waits for the end.
fn build_while(shop: &Shop, arguments: &[&str], bridge: &BuildKitBridge, act: impl FnOnce()) -> Answer {
    // A question about itself takes some hundred bytes, and a build some thousand.
    build_until(shop, arguments, bridge, 8_000, act)
}

/// The same once the builder has received so many bytes.
fn build_until(
    shop: &Shop,
    arguments: &[&str],
    bridge: &BuildKitBridge,
    bytes: u64,
    act: impl FnOnce(),
) -> Answer {
    let mut command = shop.world.command_of(arguments);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let before = bridge.received_bytes();
    let child = command.spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while bridge.received_bytes() < before + bytes {
        assert!(Instant::now() < deadline, "the builder got no build");
        std::thread::sleep(Duration::from_millis(10));
    }
    act();
    child.wait_with_output().unwrap().into()
}

fn check_lost(answer: &Answer, lost: &BuildKitBridge) {
    assert_eq!(answer.exit, 0, "{answer}");
    let report = answer.json();
    assert_eq!(with_outcome(&report, "built").len(), 20, "{report:#}");
    let builders = report["lost_builders"].as_array().unwrap();
    assert_eq!(builders.len(), 1, "{report:#}");
    assert_eq!(builders[0]["name"], lost.endpoint());
}

fn digests(report: &Value) -> Vec<Value> {
    report["projects"].as_array().unwrap().iter().map(|project| project["digest"].clone()).collect()
}

#[test]
fn the_work_of_a_builder_that_dies_is_done_by_another() {
    let (dying, other) = (bridge(), bridge());
    let mut shop = twenty(SLOW);
    use_builders(&mut shop, &[dying.endpoint(), other.endpoint()]);

    let answer = build_while(&shop, &["build", "--json"], &dying, || dying.close());

    check_lost(&answer, &dying);
    let again = shop.build([]);
    assert_eq!(with_outcome(&again, "reused").len(), 20, "{again:#}");
    assert_eq!(digests(&again), digests(&answer.json()));
}

#[test]
fn a_connection_that_breaks_ends_no_build_if_the_builder_answers_again() {
    let only = bridge();
    let mut shop = twenty(SLOW);
    use_builders(&mut shop, &[only.endpoint()]);

    let answer = build_while(&shop, &["build", "--json"], &only, || only.cut());

    assert_eq!(answer.exit, 0, "{answer}");
    let said = format!("the build begins again: the connection to the builder at {} broke", only.endpoint());
    assert!(answer.stderr.contains(&said), "{answer}");
    let report = answer.json();
    assert_eq!(with_outcome(&report, "built").len(), 20, "{report:#}");
    assert!(report.get("lost_builders").is_none_or(|lost| lost.as_array().unwrap().is_empty()), "{report:#}");
}

#[test]
fn the_work_of_a_builder_that_hangs_is_done_by_another() {
    let (hanging, other) = (bridge(), bridge());
    let mut shop = twenty(APART);
    use_builders(&mut shop, &[hanging.endpoint(), other.endpoint()]);

    let arguments = ["build", "--json", "--stall-timeout", "15s"];
    let answer = build_while(&shop, &arguments, &hanging, || hanging.hang());

    check_lost(&answer, &hanging);
}

#[test]
fn without_a_builder_the_environment_has_failed() {
    let only = bridge();
    let mut shop = twenty(SLOW);
    use_builders(&mut shop, &[only.endpoint()]);

    let answer = build_while(&shop, &["build", "--json"], &only, || only.close());

    assert_eq!(answer.exit, 3, "{answer}");
    let report = answer.json();
    assert_eq!(report["lost_builders"].as_array().unwrap().len(), 1, "{report:#}");
    assert!(!with_outcome(&report, "cancelled").is_empty(), "{report:#}");
}

/// The layers of each project's image, as they are without compression.
fn file_systems(shop: &Shop, report: &Value) -> Vec<Value> {
    let names = (0..20).map(|number| format!("p{number:02}"));
    let layers = |name: String| {
        let image = project(report, &name)["image"].as_str().unwrap().to_owned();
        shop.configuration(&image)["rootfs"]["diff_ids"].clone()
    };
    names.map(layers).collect()
}

#[test]
fn with_one_builder_that_dies_and_one_that_hangs_images_are_those_of_another_machine() {
    let runs = if is_soak() { 20 } else { 1 };
    // A daemon asks for the credentials of a registry once for all builds: a client that hangs holds up others of the same daemon.
    let engine = OwnEngine::start("7");
    for run in 0..runs {
        let [dying, hanging] = [(); 2].map(|()| BuildKitBridge::to(engine.host()));
        let other = bridge();
        let mut shop = twenty(APART);
        use_builders(&mut shop, &[dying.endpoint(), hanging.endpoint(), other.endpoint()]);

        let arguments = ["build", "--json", "--stall-timeout", "15s"];
        let answer = build_until(&shop, &arguments, &dying, 8_000 + 500 * (run % 8), || {
            dying.close();
            hanging.hang();
        });

        assert_eq!(answer.exit, 0, "run {run}: {answer}");
        let report = answer.json();
        assert_eq!(with_outcome(&report, "built").len(), 20, "run {run}: {answer}");
        let lost = report["lost_builders"].as_array().unwrap();
        let mut lost: Vec<&str> = lost.iter().map(|builder| builder["name"].as_str().unwrap()).collect();
        lost.sort_unstable();
        let mut expected = [dying.endpoint(), hanging.endpoint()];
        expected.sort_unstable();
        assert_eq!(lost, expected, "run {run}: {answer}");
        shop.world.set("CHINAMPA_BUILDERS", "");
        shop.use_engine(BedEngine::Current);
        let elsewhere = shop.build(["--force"]);
        assert_eq!(digests(&elsewhere), digests(&report), "run {run}");
        assert_eq!(file_systems(&shop, &elsewhere), file_systems(&shop, &report), "run {run}");
        println!("run {run}: green");
    }
}
