//! Logins for registries in variables that `CHINAMPA_REGISTRY_LOGINS` names, on a machine that nobody has logged in.

use insta::assert_snapshot;

use crate::support::bed::setting;
use crate::support::shop::{Cache, Shop};

/// A shop whose Docker configuration has no login, and the name of a tag of its cache that is not there.
fn shop() -> (Shop, String) {
    let mut shop = Shop::new().cache(Cache::oci()).plain(["api"]);
    std::fs::write(shop.config_file(), "{}").unwrap();
    shop.world.set("REGISTRY_USER", &setting("REGISTRY_1_USER"));
    shop.world.set("REGISTRY_PASSWORD", &setting("REGISTRY_1_PASSWORD"));
    let repository = "api".to_owned();
    (shop, repository)
}

fn names(shop: &mut Shop, logins: &str) {
    shop.world.set("CHINAMPA_REGISTRY_LOGINS", &logins.replace("<registry>", &setting("REGISTRY_1")));
}

#[test]
fn builds_and_questions_use_the_login_that_is_named() {
    let (mut shop, repository) = shop();
    let refused = shop.world.run(["build"]);
    names(&mut shop, "<registry>=REGISTRY_USER:REGISTRY_PASSWORD");

    let built = shop.world.run(["build"]);
    let there = shop.world.run(["image_exists", &repository, "branch-main"]);
    let absent = shop.world.run(["image_exists", &repository, "no-such-tag"]);

    assert_eq!(refused.exit, 3, "{refused}");
    assert_eq!((built.exit, there.exit, absent.exit), (0, 0, 1), "{built}\n{there}\n{absent}");
    let password = setting("REGISTRY_1_PASSWORD");
    for answer in [refused, built, there, absent] {
        assert!(!answer.to_string().contains(&password), "{answer}");
    }
}

#[test]
fn a_login_that_is_not_there_or_not_understood_is_said_without_a_value() {
    let (mut shop, _) = shop();
    names(&mut shop, "<registry>=REGISTRY_USER:NO_SUCH_VARIABLE");
    let absent = shop.shown(["build"]);
    let password = setting("REGISTRY_1_PASSWORD");
    names(&mut shop, &format!("<registry>={password}"));
    let value = shop.shown(["build"]);
    shop.world.set("REGISTRY_PASSWORD", "wrong");
    names(&mut shop, "<registry>=REGISTRY_USER:REGISTRY_PASSWORD");
    let wrong = shop.shown(["build"]);

    assert_snapshot!(absent, @"
    stderr: error: `NO_SUCH_VARIABLE` is not set, and it should have the login for `<registry>`
    stderr:   hint: set it as a secret of the CI; `CHINAMPA_REGISTRY_LOGINS`, which `login` in `[ci]` sets, names it
    [exit: 2]
    ");
    assert!(value.contains("[exit: 2]") && !value.contains(&password), "{value}");
    assert!(value.contains("`<host>=<user variable>:<password variable>`"), "{value}");
    assert!(wrong.contains("[exit: 3]"), "{wrong}");
    let refused = "the login of `chinampa`, in variables that `CHINAMPA_REGISTRY_LOGINS` names, was refused";
    assert!(wrong.contains(refused), "{wrong}");
}

/// A CI leaves secrets out of the runs of forks: whoever lets everybody read the cache need not name another login for them.
#[test]
fn an_untrusted_run_goes_on_without_a_login() {
    let (mut shop, _) = shop();
    names(&mut shop, "<registry>=REGISTRY_USER:NO_SUCH_VARIABLE");
    shop.world.set("CHINAMPA_TRUST", "untrusted");

    let answer = shop.shown(["build"]);

    assert_snapshot!(answer, @"
    stderr: error: cannot ask the cache for the image of `api`
    stderr:   because: access to `<registry>/<prefix>/api:cache-<64 hex>` denied: status 401
    stderr:   hint: the run is not trusted, so it does not get the login that `CHINAMPA_REGISTRY_LOGINS` names: let everybody read `<registry>`, or give such runs a login that may only read
    [exit: 3]
    ");
}
