//! `prune`: what no branch, record and environment needs goes, and all that is left can still be used.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::end_to_end::support::{names, with_outcome};
use crate::support::bed::setting;
use crate::support::shop::{Cache, Shop};

/// Builds a new commit, and returns it.
fn build(shop: &Shop, content: &str) -> String {
    shop.world.write("api/f", format!("{}{content}", shop.prefix));
    let commit = shop.world.commit();
    shop.build([]);
    commit
}

#[test]
fn what_is_old_and_unused_is_listed_then_deleted_and_the_rest_is_reused() {
    let shop = Shop::new().cache(Cache::oci()).plain(["api", "web"]);
    shop.build([]);
    build(&shop, "2");
    shop.world.git(["checkout", "-q", "-b", "gone"]);
    build(&shop, "gone");
    shop.world.git(["checkout", "-q", "main"]);
    shop.world.git(["branch", "-q", "-D", "gone"]);
    let newest = build(&shop, "3");
    let before = shop.tags("api");

    let listed = shop.world.run(["prune", "--older-than", "0s", "--json"]);
    let young = shop.world.run(["prune", "--delete", "--json"]);
    assert_eq!((listed.exit, young.exit), (0, 0), "{listed}{young}");
    assert_eq!(shop.tags("api"), before, "{listed}{young}");
    let deleted = shop.world.run(["prune", "--older-than", "0s", "--delete", "--json"]);

    assert_eq!(deleted.exit, 0, "{deleted}");
    let (listed, deleted) = (listed.json(), deleted.json());
    assert_eq!((&listed["images"], &listed["records"]), (&deleted["images"], &deleted["records"]));
    assert_eq!(deleted["images"].as_array().unwrap().len(), 3, "{deleted}");
    assert_eq!(young.json()["images"].as_array().unwrap().len(), 0);
    let reasons: BTreeSet<&str> =
        deleted["images"].as_array().unwrap().iter().map(|image| image["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, BTreeSet::from(["branch_gone", "unneeded"]), "{deleted}");
    assert!(deleted["images"].as_array().unwrap().iter().all(|image| image["bytes"].as_u64() > Some(0)));
    assert!(deleted["freed_bytes"].as_u64() > Some(0), "{deleted}");
    let records = names([&format!("commit-{newest}"), "branch-main"]);
    assert_eq!(shop.tags("shop-builds"), records);
    assert!(shop.tags("api").contains("branch-main"), "{:?}", shop.tags("api"));
    assert!(!shop.tags("api").contains("branch-gone"), "{:?}", shop.tags("api"));
    assert_eq!(with_outcome(&shop.build([]), "reused"), names(["api", "web"]));
}

#[test]
fn branches_that_cannot_be_listed_are_no_reason_to_delete_what_they_have() {
    let shop = Shop::new().cache(Cache::oci()).plain(["api"]);
    shop.build([]);
    shop.world.git(["remote", "add", "origin", "file:///nowhere"]);

    let answer = shop.world.run(["prune", "--older-than", "0s", "--delete"]);

    assert_eq!(answer.exit, 3, "{answer}");
    assert!(answer.stderr.contains("the names of all branches"), "{answer}");
    assert!(shop.tags("api").contains("branch-main"));
}

/// A shop that is deployed to the registry that is its cache, under another prefix.
fn deployed_shop() -> Shop {
    let shop = Shop::new().cache(Cache::oci()).plain(["api"]);
    let manifest = std::fs::read_to_string(shop.world.file("projects.toml")).unwrap();
    let deploy = shop.cache_table().replace("[cache]", "[deploy]");
    let deploy = deploy.replace(&shop.prefix, &format!("{}deploy/", shop.prefix));
    let environments = "[environments.dev]\nbranch = \"*\"\n";
    let manifest = manifest.replace("[projects.api]", &format!("{deploy}{environments}[projects.api]"));
    shop.world.write("projects.toml", manifest).commit();
    shop.build([]);
    shop
}

#[test]
fn a_deploy_registry_loses_what_no_environment_runs_or_ran() {
    let shop = deployed_shop();
    let deploy = |shop: &Shop| {
        let deployed = shop.world.run(["deploy", "-e", "dev"]);
        assert_eq!(deployed.exit, 0, "{deployed}");
    };
    deploy(&shop);
    let first = shop.world.git(["rev-parse", "HEAD"]);
    // Promoted by hand, and never deployed.
    let unused = build(&shop, "unused");
    let host = setting("REGISTRY_1");
    let from = format!("{host}/{}api:commit-{unused}", shop.prefix);
    let to = format!("{host}/{}deploy/api:{unused}", shop.prefix);
    let promoted = shop.world.run(["promote", &from, &to]);
    assert_eq!(promoted.exit, 0, "{promoted}");
    let newest = build(&shop, "2");
    deploy(&shop);
    let all = names([&*first, &unused, &newest, "shop-dev"]);
    assert_eq!(shop.tags("deploy/api"), all);

    let young = shop.world.run(["prune", "--deploy", "--delete", "--json"]);
    let listed = shop.world.run(["prune", "--deploy", "--older-than", "0s"]);
    assert_eq!((young.exit, listed.exit), (0, 0), "{young}{listed}");
    assert_eq!(shop.tags("deploy/api"), all, "{young}{listed}");
    let deleted = shop.world.run(["prune", "--deploy", "--older-than", "0s", "--delete", "--json"]);

    assert_eq!(deleted.exit, 0, "{deleted}");
    let commit = format!("no environment runs or ran it ({})", &unused[..10]);
    assert!(listed.stdout.contains(&commit), "{listed}");
    let total = format!("\n1 image of {host} (dev) to delete, ");
    assert!(listed.stdout.contains(&total) && listed.stdout.contains("; 2 images kept\n"), "{listed}");
    assert!(deleted.stderr.contains("deleted ") && !listed.stderr.contains("deleted "), "{deleted}{listed}");
    let deleted = deleted.json();
    assert_eq!((&deleted["images"], &deleted["records"]), (&json!([]), &json!([])));
    assert_eq!(deleted["deploy"][0]["images"][0]["tags"], json!([unused]));
    assert_eq!(shop.tags("deploy/api"), names([&*first, &newest, "shop-dev"]));
    let runs = shop.world.run(["images", "-e", "dev"]);
    let json = shop.world.run(["images", "-e", "dev", "--json"]).json();
    let digest = json["images"][0]["digest"].as_str().unwrap();
    assert_eq!(runs.stdout, format!("api {host}/{}deploy/api@{digest}\n", shop.prefix), "{runs}");
    assert_eq!((&json["environment"], &json["commit"]), (&json!("dev"), &json!(newest)));
    shop.world.git(["checkout", "-q", &first]);
    let back = shop.world.run(["deploy", "-e", "dev", "--rollback"]);
    assert_eq!(back.exit, 0, "{back}");
}

#[test]
fn nothing_is_deleted_from_a_registry_that_is_being_deployed_to() {
    let shop = deployed_shop();
    let manifest = std::fs::read_to_string(shop.world.file("projects.toml")).unwrap();
    let wait = "service = { kind = \"command\", run = [\"sh\", \"-c\", \"touch running; until [ -e go ]; do sleep 0.01; done\"] }\n";
    shop.world.write("projects.toml", manifest + wait).commit();
    shop.build([]);
    let deployment = shop.world.command(["deploy", "-e", "dev"]).spawn().unwrap();
    let started = Instant::now();
    while !shop.world.file("running").exists() {
        assert!(started.elapsed() < Duration::from_secs(60), "the deployment did not come to its service");
        std::thread::sleep(Duration::from_millis(10));
    }

    let answer = shop.world.run(["prune", "--deploy", "--older-than", "0s", "--delete"]);
    shop.world.write("go", "");

    assert_eq!(answer.exit, 3, "{answer}");
    assert!(answer.stderr.contains("`dev` is being deployed"), "{answer}");
    assert!(answer.stderr.contains("chinampa unlock -e dev --force"), "{answer}");
    assert!(deployment.wait_with_output().unwrap().status.success());
}

#[test]
fn what_builds_left_in_the_engine_goes_by_its_name_and_its_age() {
    let mut shop = Shop::new().cache(Cache::oci()).plain(["api"]);
    let other = Shop::new().cache(Cache::oci()).plain(["api"]);
    for shop in [&shop, &other] {
        let built = shop.world.run(["build", "--local"]);
        assert_eq!(built.exit, 0, "{built}");
    }
    shop.world.set("CHINAMPA_TRUST", "untrusted");
    shop.world.write("api/f", format!("{}untrusted", shop.prefix)).commit();
    let untrusted = shop.world.run(["build"]);
    assert_eq!(untrusted.exit, 0, "{untrusted}");
    shop.world.set("CHINAMPA_TRUST", "");
    let before = shop.engine_images();
    let is_left = |name: &&String| name.starts_with("api:untrusted-") || *name == "api:local";
    assert_eq!(before.iter().filter(is_left).count(), 2, "{before:?}");

    let young = shop.world.run(["prune", "--local", "--delete", "--json"]);
    let listed = shop.world.run(["prune", "--local", "--older-than", "0s"]);
    assert_eq!((young.exit, listed.exit), (0, 0), "{young}{listed}");
    assert_eq!(shop.engine_images(), before);
    let deleted = shop.world.run(["prune", "--local", "--older-than", "0s", "--delete", "--json"]);

    assert_eq!(deleted.exit, 0, "{deleted}");
    assert_eq!((&young.json()["local"], &young.json()["kept_local"]), (&json!([]), &json!(2)));
    assert!(listed.stdout.contains("\n2 names in the engine to delete; 0 names kept\n"), "{listed}");
    let kinds: Vec<Value> =
        deleted.json()["local"].as_array().unwrap().iter().map(|it| it["kind"].clone()).collect();
    assert_eq!(kinds, ["local", "untrusted"]);
    let after = shop.engine_images();
    assert_eq!(after.iter().filter(is_left).count(), 0, "{after:?}");
    assert!(other.engine_images().contains("api:local"), "the other repository lost its image");
}

#[test]
fn neither_the_engines_own_store_nor_an_untrusted_run_is_pruned() {
    let of_engine = Shop::new().plain(["api"]);
    let mut untrusted = Shop::new().cache(Cache::oci()).plain(["api"]);
    untrusted.world.set("CHINAMPA_TRUST", "untrusted");

    let of_engine = of_engine.world.run(["prune"]);
    let untrusted = untrusted.world.run(["prune", "--delete"]);

    assert_eq!(of_engine.exit, 2, "{of_engine}");
    assert!(of_engine.stderr.contains("docker image prune"), "{of_engine}");
    assert_eq!(untrusted.exit, 4, "{untrusted}");
}
