//! `prune`: what no branch, record and environment needs goes, and all that is left can still be used.

use crate::end_to_end::support::{names, with_outcome};
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
