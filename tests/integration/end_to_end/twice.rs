//! Images that are built twice: which are equal, and what is said of those that are not (`docs/reproducibility.md`).

use serde_json::Value;

use crate::end_to_end::support::{examples, project, with_outcome};
use crate::support::bed::setting;
use crate::support::buildkit::BuildKitBridge;
use crate::support::engines::{BedEngine, OwnEngine};
use crate::support::shop::{Cache, Shop};
use crate::support::world::Answer;

const EXAMPLES: [&str; 5] = ["api", "base", "lib", "site", "worker"];

/// No engine listens there: what is built is built by builders.
const NO_ENGINE: &str = "unix:///nonexistent/docker.sock";

fn use_builder(shop: &mut Shop, bridge: &BuildKitBridge) {
    shop.world.set("DOCKER_HOST", NO_ENGINE).set("CHINAMPA_BUILDERS", &bridge.endpoint());
}

/// Says the time of all files, and keeps no layers for other builds.
fn say_the_time(shop: &Shop) {
    let manifest = std::fs::read_to_string(shop.world.file("projects.toml")).unwrap();
    let manifest =
        manifest.replace("GREETING = \"welcome\"", "GREETING = \"welcome\", SOURCE_DATE_EPOCH = \"0\"");
    let projects = ["base", "lib", "worker", "site"].map(|name| format!("path = \"examples/{name}\"\n"));
    let manifest = projects.iter().fold(manifest, |manifest, path| {
        manifest.replace(path, &format!("{path}build_args = {{ SOURCE_DATE_EPOCH = \"0\" }}\n"))
    });
    assert_eq!(manifest.matches("SOURCE_DATE_EPOCH").count(), EXAMPLES.len(), "{manifest}");
    shop.world.write("projects.toml", manifest);
}

/// Images without what primes other builds, which tells when it was made.
fn keep_no_layers(shop: &Shop) {
    let manifest = std::fs::read_to_string(shop.world.file("projects.toml")).unwrap();
    let (before, after) = manifest.split_once("[cache]\n").unwrap();
    shop.world.write("projects.toml", format!("{before}[cache]\ninline = false\n{after}"));
}

/// What was found of one project.
fn comparison<'r>(report: &'r Value, project: &str) -> &'r Value {
    let all = report["twice"].as_array().unwrap_or_else(|| panic!("{report:#}"));
    all.iter().find(|comparison| comparison["project"] == project).unwrap_or_else(|| panic!("{report:#}"))
}

fn equal(report: &Value) -> Vec<(&str, bool)> {
    let all = report["twice"].as_array().unwrap_or_else(|| panic!("{report:#}"));
    let equal = all.iter().map(|one| (one["project"].as_str().unwrap(), one["equal"].as_bool().unwrap()));
    equal.collect()
}

fn twice(shop: &Shop, exit: i32) -> (Answer, Value) {
    let answer = shop.world.run(["build", "--twice", "--json"]);
    assert_eq!(answer.exit, exit, "{answer}");
    let report = answer.json();
    (answer, report)
}

/// One project with this Dockerfile, and a file `f` beside it.
fn one_project(dockerfile: &str, settings: &str) -> Shop {
    let shop = Shop::new().cache(Cache::oci());
    let manifest = format!(
        "[workspace]\nname = \"shop\"\n\n{}\n[projects.api]\npath = \"api\"\n{settings}",
        shop.cache_table()
    );
    shop.world
        .write("projects.toml", manifest)
        .write("api/Dockerfile", dockerfile)
        .write("api/f", shop.prefix.clone());
    shop
}

#[test]
fn the_examples_are_equal_by_a_builder_that_is_told_the_time() {
    let bridge = BuildKitBridge::new(BedEngine::Containerd);
    let mut shop = examples();
    say_the_time(&shop);
    use_builder(&mut shop, &bridge);
    shop.world.commit();

    let (_, report) = twice(&shop, 0);

    assert_eq!(with_outcome(&report, "built").len(), EXAMPLES.len());
    assert_eq!(equal(&report), EXAMPLES.map(|name| (name, true)));
}

#[test]
fn a_random_number_in_a_file_is_found_with_its_line_and_its_layer() {
    let bridge = BuildKitBridge::new(BedEngine::Containerd);
    let dockerfile =
        "FROM chinampa/base:1\nCOPY f /f\nRUN cat /proc/sys/kernel/random/uuid >/when; echo same >/same\n";
    let mut shop = one_project(dockerfile, "build_args = { SOURCE_DATE_EPOCH = \"0\" }\n");
    use_builder(&mut shop, &bridge);
    shop.world.commit();

    let (answer, report) = twice(&shop, 1);

    let api = comparison(&report, "api");
    assert_eq!(api["equal"], false, "{answer}");
    let layers = api["differences"][0]["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 1, "{answer}");
    assert_eq!(layers[0]["line"], "api/Dockerfile:3", "{answer}");
    assert_eq!(
        layers[0]["files"],
        serde_json::json!([{ "path": "when", "differs": ["content"] }]),
        "{answer}"
    );
    // The second image has no name: the registry has the tags of the first.
    let image = project(&report, "api")["image"].as_str().unwrap();
    assert!(image.ends_with(api["first"].as_str().unwrap()), "{answer}");
    let text = shop.world.run(["build", "--twice", "--force"]);
    assert!(text.stdout.contains("differs   api\n"), "{text}");
    assert!(text.stdout.contains("api/Dockerfile:3") && text.stdout.contains("when (content)"), "{text}");
}

#[test]
fn without_a_time_the_files_that_steps_write_have_another_one() {
    let bridge = BuildKitBridge::new(BedEngine::Containerd);
    let dockerfile = "FROM chinampa/base:1\nCOPY f /f\nRUN echo same >/same; sleep 1.1\n";
    let mut shop = one_project(dockerfile, "");
    use_builder(&mut shop, &bridge);
    shop.world.commit();

    let (answer, report) = twice(&shop, 1);

    let layers = &comparison(&report, "api")["differences"][0]["layers"];
    assert_eq!(layers[0]["line"], "api/Dockerfile:3", "{answer}");
    let files = layers[0]["files"].as_array().unwrap();
    assert!(files.iter().all(|file| file["differs"] == serde_json::json!(["time"])), "{answer}");
    assert!(files.iter().any(|file| file["path"] == "same"), "{answer}");
}

#[test]
fn images_of_an_engine_tell_when_they_were_made() {
    let shop = one_project("FROM scratch\nCOPY f /f\n", "").on(BedEngine::Current);
    keep_no_layers(&shop);
    shop.world.commit();

    let (answer, report) = twice(&shop, 1);

    let difference = &comparison(&report, "api")["differences"][0];
    let fields = difference["fields"].as_array().unwrap();
    assert!(fields.contains(&Value::from("created")), "{answer}");
    assert_eq!(difference["layers"], Value::Array(Vec::new()), "{answer}");
}

#[test]
fn there_is_nothing_to_compare_where_images_stay_in_the_engine() {
    let shop = Shop::new().on(BedEngine::Current).plain(["api"]);

    let answer = shop.world.run(["build", "--twice"]);

    assert_eq!(answer.exit, 2, "{answer}");
    assert!(answer.stderr.contains("there is nothing to compare"), "{answer}");
}

#[test]
fn what_is_found_is_in_the_test_results_and_the_log_and_with_fail_fast_no_second_build_starts_after_a_failure()
 {
    let shop = Shop::new().on(BedEngine::Current).cache(Cache::oci()).projects(&[
        ("bad", "FROM chinampa/base:1\nRUN sleep 2; exit 3\n", ""),
        ("good", "FROM chinampa/base:1\nRUN echo run of good\n", ""),
    ]);
    let [junit, logs] = ["junit.xml", "logs"].map(|name| shop.world.file(&format!(".git/{name}")));
    let mut command = shop.world.command(["build", "--twice", "--jobs", "2"]);
    let answer: Answer = command.arg("--junit").arg(&junit).arg("--logs").arg(&logs).output().unwrap().into();

    let fail_fast = shop.world.run(["build", "--twice", "--force", "--fail-fast", "--jobs", "2", "--json"]);
    let nothing = shop.world.run(["build", "good", "--twice", "--json"]);

    assert_eq!((answer.exit, fail_fast.exit, nothing.exit), (4, 4, 0), "{answer}{fail_fast}{nothing}");
    let junit = std::fs::read_to_string(junit).unwrap();
    assert!(junit.contains("tests=\"3\" failures=\"2\" errors=\"0\" skipped=\"0\""), "{junit}");
    let case = "<testcase classname=\"chinampa.twice\" name=\"good\" time=\"0.000\">\n      <failure message=\"the image of the second build differs\">";
    assert!(junit.contains(case), "{junit}");
    let log = std::fs::read_to_string(logs.join("good.log")).unwrap();
    assert_eq!(log.matches("| run of good\n").count(), 2, "{log}");
    let report = fail_fast.json();
    assert!(comparison(&report, "good")["equal"].is_null(), "{report:#}");
    assert_eq!(comparison(&report, "good").get("error"), None, "{report:#}");
    assert!(fail_fast.stderr.contains("nothing is built again: "), "{fail_fast}");
    assert_eq!(nothing.json()["twice"], serde_json::json!([]), "{nothing}");
    assert!(nothing.stderr.contains("nothing was built, so there is nothing to compare"), "{nothing}");
    for answer in [fail_fast, nothing] {
        assert!(!answer.stderr.contains("building again"), "{answer}");
    }
}

/// An image that all builders can pull, in the bed's first registry: how it is named by its digest.
pub(super) fn base_image() -> String {
    let mut bases = one_project("FROM chinampa/base:1\nCOPY f /f\n", "");
    bases.use_engine(BedEngine::Containerd);
    bases.world.commit();
    project(&bases.build([]), "api")["image"].as_str().unwrap().to_owned()
}

/// The images of the examples, built by an engine that has built nothing before.
fn built_afresh(shop: &mut Shop, number: &'static str) -> Vec<String> {
    let engine = OwnEngine::start(number);
    let bridge = BuildKitBridge::to(engine.host());
    use_builder(shop, &bridge);
    let report = shop.build(["--force"]);
    assert_eq!(with_outcome(&report, "built").len(), EXAMPLES.len(), "{report:#}");
    EXAMPLES.iter().map(|name| project(&report, name)["image"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn two_builders_that_never_built_anything_make_equal_images_of_the_examples() {
    let base = base_image();
    assert!(base.starts_with(&setting("REGISTRY_1")), "{base}");
    let mut shop = examples();
    say_the_time(&shop);
    // Or the second would take the layers of the first from the registry.
    keep_no_layers(&shop);
    let dockerfile = std::fs::read_to_string(shop.world.file("examples/base/Dockerfile")).unwrap();
    shop.world.write(
        "examples/base/Dockerfile",
        dockerfile.replace("FROM chinampa/base:1", &format!("FROM {base}")),
    );
    shop.world.commit();

    let (first, second) = (built_afresh(&mut shop, "8"), built_afresh(&mut shop, "9"));

    assert_eq!(first, second);
}
