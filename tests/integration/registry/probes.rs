//! `doctor --registry`, with the bed's registries.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::bed::setting;
use crate::support::proxy::{Fault, Proxy, Rule};
use crate::support::shop::{Cache, Shop};

/// What was found that is not yes, in the order of the names.
fn no<'r>(found: &BTreeMap<&'r str, Option<bool>>) -> Vec<&'r str> {
    found.iter().filter(|(_, answer)| **answer == Some(false)).map(|(name, _)| *name).collect()
}

/// What was found, by name: yes, no, or `None`.
fn answers(report: &Value) -> BTreeMap<&str, Option<bool>> {
    let probes = report["probes"].as_array().unwrap().iter();
    probes.map(|probe| (probe["name"].as_str().unwrap(), probe["answer"].as_bool())).collect()
}

fn probe(shop: &Shop, host: &str, exit: i32) -> Value {
    let place = format!("{host}/{}probe", shop.prefix);
    let answer = shop.world.run(["doctor", "--registry", &place, "--json"]);
    assert_eq!(answer.exit, exit, "{answer}");
    answer.json()
}

#[test]
fn the_table_says_what_the_registry_of_debian_can_do_and_nothing_is_left() {
    let shop = Shop::new().cache(Cache::oci());

    let report = probe(&shop, &setting("REGISTRY_1"), 0);

    let found = answers(&report);
    assert_eq!(
        no(&found),
        ["delete_tag", "http2", "referrers", "single_request_upload", "subject"],
        "{report:#}"
    );
    assert!(found.values().all(Option::is_some), "{report:#}");
    assert_eq!(found.len(), 13, "{report:#}");
    assert_eq!(report["left"], Value::Array(Vec::new()), "{report:#}");
    assert!(shop.tags("probe").is_empty(), "{:?}", shop.tags("probe"));
}

#[test]
fn the_table_says_what_the_emulator_of_ecr_can_do() {
    let shop = Shop::new().cache(Cache::ecr());
    for repository in ["probe", "probe-mount"] {
        shop.ask("CreateRepository", repository, serde_json::json!({}));
    }

    let report = probe(&shop, &setting("AWS_1"), 0);

    let found = answers(&report);
    assert_eq!(no(&found), ["delete_tag", "http2", "referrers", "subject"], "{report:#}");
    assert!(found.values().all(Option::is_some), "{report:#}");
    assert_eq!(report["left"], Value::Array(Vec::new()), "{report:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_deleted_is_named() {
    let refused =
        Rule { method: "DELETE", path: "/manifests/", times: usize::MAX, fault: Fault::status(405) };
    let proxy = Proxy::start(&setting("REGISTRY_1"), [refused]).await;
    let shop = Shop::new().cache(Cache::Oci(proxy.host().to_owned()));

    let report = probe(&shop, proxy.host(), 0);

    assert_eq!(answers(&report)["delete"], Some(false), "{report:#}");
    let left = report["left"].as_array().unwrap();
    let named = |part: &str| left.iter().any(|image| image.as_str().unwrap().contains(part));
    assert!(named(":probe-") && named("@sha256:"), "{report:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_is_no_answer_about_the_registry() {
    let denied = Rule { method: "PUT", path: "/manifests/", times: usize::MAX, fault: Fault::status(403) };
    let proxy = Proxy::start(&setting("REGISTRY_1"), [denied]).await;
    let shop = Shop::new().cache(Cache::Oci(proxy.host().to_owned()));

    let report = probe(&shop, proxy.host(), 1);

    let found = answers(&report);
    assert_eq!((found["image"], found["index"], found["upload"]), (None, None, Some(true)), "{report:#}");
}

#[test]
fn a_registry_that_lets_nobody_in_is_an_error() {
    let shop = Shop::new().cache(Cache::oci());
    shop.log_in("wrong");

    let answer = shop.world.run(["doctor", "--registry", &setting("REGISTRY_1")]);

    assert_eq!(answer.exit, 3, "{answer}");
}

#[test]
fn an_untrusted_run_writes_nothing_there() {
    let mut shop = Shop::new().cache(Cache::oci());
    shop.world.set("CHINAMPA_TRUST", "untrusted");

    let answer = shop.world.run(["doctor", "--registry", &setting("REGISTRY_1")]);

    assert_eq!(answer.exit, 4, "{answer}");
    assert!(answer.stderr.contains("it may not write to a registry"), "{answer}");
}
