//! The life of a monorepo: built, left alone, changed, reverted, and built on another machine.

use std::collections::BTreeSet;

use crate::end_to_end::support::{docker, examples, names, project, with_outcome};
use crate::support::bed::setting;

#[test]
fn only_what_changed_is_built_and_all_else_is_found_by_its_digest() {
    let mut shop = examples();
    shop.world.commit();

    let first = shop.build([]);
    assert_eq!(with_outcome(&first, "built"), names(["api", "base", "lib", "site", "worker"]));

    shop.asked();
    let second = shop.build([]);
    assert_eq!(with_outcome(&second, "reused"), names(["api", "base", "lib", "site", "worker"]));
    let records = format!("/v2/{}chinampa-examples-builds/", shop.prefix);
    let taints = format!("GET /v2/{}chinampa-examples-taints/tags/list", shop.prefix);
    let (of_records, of_images): (BTreeSet<String>, BTreeSet<String>) =
        shop.asked().into_iter().partition(|request| request.contains(&records));
    assert!(of_records.iter().all(|request| request.starts_with("GET ")), "{of_records:#?}");
    let (of_images, of_taints): (Vec<&String>, Vec<&String>) =
        of_images.iter().partition(|request| request.starts_with("HEAD "));
    assert_eq!(of_images.len(), 5, "one question an image: {of_images:#?}");
    assert!(matches!(&of_taints[..], [asked] if asked.starts_with(&taints)), "{of_taints:#?}");

    shop.world.write("examples/lib/src/log.sh", "log() { echo \"changed: $*\"; }\n").commit();
    let changed = shop.build([]);
    assert_eq!(with_outcome(&changed, "built"), names(["api", "lib", "worker"]));
    assert_eq!(with_outcome(&changed, "reused"), names(["base", "site"]));
    assert_eq!(changed["base"]["from"], "the last complete build of `main`");

    shop.world.git(["revert", "--no-edit", "HEAD"]);
    let reverted = shop.build([]);
    assert_eq!(with_outcome(&reverted, "built"), names([]));
    for name in ["api", "base", "lib", "site", "worker"] {
        assert_eq!(project(&reverted, name)["image"], project(&first, name)["image"]);
    }
}

#[test]
fn another_machine_takes_the_steps_before_a_late_change_from_the_registry() {
    let mut shop = examples();
    shop.world.commit();
    shop.build([]);
    let other_machine = setting("DOCKER_HOST_2");
    docker(&other_machine, &["builder", "prune", "-af"]);
    shop.world.set("DOCKER_HOST", &other_machine);

    shop.world.write("examples/api/src/cgi-bin/late", "#!/bin/sh\necho late\n").commit();
    let report = shop.build([]);

    assert_eq!(with_outcome(&report, "built"), names(["api"]));
    let api = project(&report, "api");
    let (steps, cached) = (api["steps"].as_u64().unwrap(), api["cached_steps"].as_u64().unwrap());
    assert_eq!(cached, steps - 1, "only the step that copies the changed folder runs: {api:#}");
}

#[test]
fn dependents_are_pinned_to_the_images_of_their_own_commit() {
    let shop = examples();
    shop.world.commit();

    let report = shop.build([]);

    let lib = project(&report, "lib")["image"].as_str().unwrap();
    let worker = project(&report, "worker")["image"].as_str().unwrap();
    let layers = |image: &str| shop.configuration(image)["rootfs"]["diff_ids"].as_array().unwrap().clone();
    assert!(layers(worker).starts_with(&layers(lib)));
}

#[test]
fn what_is_forced_or_named_is_built_and_nothing_else() {
    let shop = examples();
    shop.world.commit();

    let site = shop.build(["site"]);
    assert_eq!(with_outcome(&site, "built"), names(["base", "site"]));
    assert_eq!(site["record"], serde_json::Value::Null, "a part of the graph is no whole build");

    let forced = shop.build(["--force", "site"]);
    assert_eq!(with_outcome(&forced, "built"), names(["site"]));
    assert_eq!(with_outcome(&forced, "reused"), names(["base"]));
}

#[test]
fn a_dry_run_shows_the_plan_and_writes_nothing() {
    let mut shop = examples();
    shop.world.commit();

    let answer = shop.world.run(["build", "--dry-run", "--json"]);

    assert_eq!(answer.json()["schema"], "chinampa.plan/2");
    let asked = shop.asked();
    assert!(
        asked.iter().all(|request| request.starts_with("HEAD ") || request.starts_with("GET ")),
        "{asked:#?}"
    );
}
