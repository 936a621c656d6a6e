//! Commands that ask the cache, or write a mark into it.

use crate::support::bed::setting;
use crate::support::proxy::{Fault, Proxy, Rule};
use crate::support::shop::{Cache, Shop};
use crate::support::world::World;

/// One project, committed.
fn shop() -> Shop {
    let shop = Shop::new().cache(Cache::oci());
    let manifest =
        format!("[workspace]\nname = \"shop\"\n{}[projects.api]\npath = \"api\"\n", shop.cache_table());
    shop.world.write("projects.toml", manifest).write("api/a", "a");
    shop.world.write("api/Dockerfile", format!("FROM {}\nCOPY a /a\n", setting("BASE_IMAGE")));
    shop.world.commit();
    shop
}

fn action(world: &World) -> String {
    world.run(["plan", "--json"]).json()["projects"][0]["action"].as_str().unwrap().to_owned()
}

#[test]
fn a_taint_forces_the_next_build_unless_it_is_excluded() {
    let shop = shop();
    let world = &shop.world;
    assert_eq!(world.run(["build"]).exit, 0);
    assert_eq!(action(world), "reuse");

    let answer = world.run(["taint", "api"]);
    assert_eq!(answer.to_string(), "stderr: `api` is tainted: the next build builds it\n[exit: 0]");
    assert_eq!(world.run(["taint", "api"]).exit, 0);
    assert_eq!(action(world), "build");

    for state in ["is no longer", "was not"] {
        let answer = world.run(["untaint", "api"]);
        assert_eq!(answer.to_string(), format!("stderr: `api` {state} tainted\n[exit: 0]"));
        assert_eq!(action(world), "reuse");
    }
    assert_eq!(world.run(["taint", "apj"]).exit, 2);
}

#[test]
fn the_last_successful_commit_is_the_newest_in_this_history_that_was_built_completely() {
    let shop = shop();
    let world = &shop.world;
    let none = world.run(["last_successful_commit"]);
    assert_eq!((none.exit, none.stdout.as_str()), (1, ""), "{none}");
    let built = world.git(["rev-parse", "HEAD"]);
    assert_eq!(world.run(["build"]).exit, 0);
    world.write("api/a", "b").commit();

    let found = world.run(["last_successful_commit"]);
    assert_eq!(found.to_string(), format!("{built}\n[exit: 0]"));

    world.git(["checkout", "-q", "--orphan", "other"]);
    world.write("api/a", "c").commit();
    assert_eq!(world.run(["last_successful_commit"]).exit, 1);
}

#[test]
fn nothing_in_the_registry_is_deleted_but_the_taint_when_its_build_is_done() {
    let mut shop = shop();
    let deleted = |shop: &mut Shop| {
        let asked = shop.asked();
        assert!(asked.iter().any(|request| request.starts_with("PUT ")), "{asked:?}");
        asked.into_iter().filter(|request| request.starts_with("DELETE ")).collect::<Vec<_>>()
    };

    shop.build([]);
    shop.world.write("api/a", "b").commit();
    shop.build([]);
    let by_builds = deleted(&mut shop);
    assert_eq!(shop.world.run(["taint", "api"]).exit, 0);
    shop.build([]);
    let after_a_taint = deleted(&mut shop);

    assert_eq!(by_builds, [""; 0]);
    assert_eq!(after_a_taint.len(), 1, "{after_a_taint:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn status_has_a_line_for_an_environment_that_cannot_be_read() {
    let denied = Rule { method: "", path: "/other-account/", times: usize::MAX, fault: Fault::status(403) };
    let proxy = Proxy::start(&setting("REGISTRY_1"), [denied]).await;
    let shop = Shop::new().cache(Cache::Oci(proxy.host().to_owned())).plain(["api"]);
    let manifest = |environments: &str| {
        let deploy = shop.cache_table().replace("[cache]", "[deploy]");
        let project = "[projects.api]\npath = \"api\"\n";
        format!("[workspace]\nname = \"shop\"\n{}{deploy}{environments}{project}", shop.cache_table())
    };
    let other = format!("[environments.prod]\nbranch = \"*\"\nprefix = \"{}other-account/\"\n", shop.prefix);
    let both = format!("[environments.dev]\nbranch = \"*\"\n{other}");
    shop.world.write("projects.toml", manifest(&both)).commit();

    let all = shop.world.run(["status"]);
    let json = shop.world.run(["status", "--json"]).json();
    shop.world.write("projects.toml", manifest(&other)).commit();
    let none = shop.world.run(["status"]);

    assert_eq!(all.exit, 0, "{all}");
    let lines: Vec<&str> = all.stdout.lines().collect();
    assert!(lines[0].starts_with("`dev` is empty: "), "{all}");
    assert!(lines[1].starts_with("`prod` is unknown: ") && all.stdout.contains("403"), "{all}");
    let states = json["environments"].as_array().unwrap().iter().map(|it| it["state"].as_str().unwrap());
    assert_eq!(states.collect::<Vec<_>>(), ["empty", "unknown"]);
    assert_eq!(none.exit, 3, "{none}");
}
