//! Durations of builds go with the build record: machines that never built anything know them.

use serde_json::Value;

use crate::end_to_end::support::project;
use crate::support::shop::{Cache, Shop};
use crate::support::world::{Answer, World};

/// `chinampa build` in a clone that has built nothing yet.
fn build_in_new_clone(shop: &Shop, arguments: &[&str]) -> Value {
    let mut clone = World::clone_of(shop.world.path());
    clone.set_all_of(&shop.world);
    let answer = Answer::from(clone.command(["build", "--json"]).args(arguments).output().unwrap());
    assert_eq!(answer.exit, 0, "{answer}");
    answer.json()
}

#[test]
fn the_durations_of_jobs_that_build_one_project_each_are_known_to_new_clones_once_the_gate_has_recorded_them()
{
    let names = ["lib", "api", "site"];
    let shop = Shop::new().cache(Cache::oci());
    for name in names {
        shop.world.write(&format!("{name}/f"), format!("{} {name}", shop.prefix));
    }
    let alone = "FROM scratch\nCOPY f /f\n";
    let shop =
        shop.projects(&[("lib", alone, ""), ("api", "FROM lib\nCOPY f /g\n", ""), ("site", alone, "")]);

    let jobs = names.map(|job| build_in_new_clone(&shop, &[job]));
    let before = build_in_new_clone(&shop, &["lib", "--force"]);
    let gate = build_in_new_clone(&shop, &[]);
    let after = build_in_new_clone(&shop, &["--force"]);

    assert_eq!(project(&jobs[1], "api")["outcome"], "built");
    assert!(shop.tags("lib").iter().any(|tag| tag.starts_with("timing-")));
    assert_eq!(before["seconds_estimated"], Value::Null);
    assert_eq!(project(&gate, "api")["outcome"], "reused");
    assert!(after["seconds_estimated"].as_f64().is_some_and(|seconds| seconds > 0.0), "{after:#}");
    // The run that writes the record has nothing to leave beside it.
    let timings = |name| shop.tags(name).iter().filter(|tag| tag.starts_with("timing-")).count();
    assert_eq!(names.map(timings), [1, 1, 1]);
}
