//! `promote` as a user meets it.

use chinampa::internals::registry::Registry as _;
use serde_json::json;

use crate::registry::image;
use crate::registry::promotion::{other, other_registry};
use crate::registry::{new_repository, tag, upstream};
use crate::support::bed;
use crate::support::proxy::{Fault, Proxy, Rule};
use crate::support::world::{Answer, World};

/// A world that is logged in to the bed's first registry, and to the second under each of these hosts.
pub(crate) fn logged_in(others: &[&str]) -> World {
    let login = |number: u32| {
        let setting = |what: &str| bed::setting(&format!("REGISTRY_{number}_{what}"));
        let words = format!("{}:{}", setting("USER"), setting("PASSWORD"));
        json!({ "auth": base64::Engine::encode(&base64::engine::general_purpose::STANDARD, words) })
    };
    let mut hosts = serde_json::Map::from_iter([(upstream(), login(1))]);
    hosts.extend(others.iter().map(|host| ((*host).to_owned(), login(2))));
    let mut world = World::new();
    world.write("docker/config.json", json!({ "auths": hosts }).to_string());
    let folder = world.file("docker").display().to_string();
    world.set("DOCKER_CONFIG", &folder);
    world
}

/// Runs `promote` without blocking what the test itself serves.
async fn promote(world: &World, from: &str, to: &str) -> Answer {
    let mut command = world.command(["promote", from, to]);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap().into()
}

#[tokio::test]
async fn promote_says_what_it_did_and_the_tag_stands_for_the_image() {
    let repository = new_repository();
    let made = image::push(&repository, &[10, 20]).await;
    let world = logged_in(&[&other()]);
    let from = format!("{}/{repository}@{}", upstream(), made.digest);
    let to = format!("{}/{repository}:v1", other());

    let answer = promote(&world, &from, &to).await;
    let again = world.run(["promote", &from, &to, "--json"]).json();

    let expected =
        format!("{to} is {}: 3 blobs sent ({} bytes), 0 skipped, 0 mounted, in ", made.digest, made.bytes);
    assert!(answer.stdout.starts_with(&expected) && answer.stdout.lines().count() == 1, "{answer}");
    assert_eq!((answer.stderr.as_str(), answer.exit), ("", 0));
    let found = other_registry(&other()).find(&repository, &tag("v1")).await.unwrap();
    assert_eq!(found, Some(made.digest));
    assert!(again["seconds"].is_f64(), "{again}");
    let copied = json!({
        "bytes_sent": 0, "blobs_sent": 0, "blobs_skipped": 0, "blobs_mounted": 0, "manifests_sent": 0,
    });
    let expected = json!({
        "schema": "chinampa.promote/1",
        "from": from,
        "to": to,
        "digest": made.digest,
        "copied": copied,
        "seconds": again["seconds"],
    });
    assert_eq!(again, expected);
}

#[tokio::test]
async fn a_denied_promotion_is_trouble_with_the_environment_and_tags_nothing() {
    let repository = new_repository();
    let made = image::push(&repository, &[10]).await;
    let from = format!("{}/{repository}@{}", upstream(), made.digest);
    for (code, path) in [(403, "/blobs/uploads/"), (401, "/v2/")] {
        let fault = Fault::status(code);
        let proxy = Proxy::start(&other(), [Rule { method: "", path, times: usize::MAX, fault }]).await;
        let world = logged_in(&[proxy.host()]);

        let answer = promote(&world, &from, &format!("{}/{repository}:v1", proxy.host())).await;

        let blob = format!("error: access to `{}/{repository}@sha256:", proxy.host());
        assert!(answer.stderr.starts_with(&blob), "{answer}");
        assert!(answer.stderr.contains(&format!("denied: status {code}")), "{answer}");
        assert!(answer.stderr.contains(&format!("docker login {}", proxy.host())), "{answer}");
        assert_eq!((answer.stdout.as_str(), answer.exit), ("", 3));
    }
    let found = other_registry(&other()).find(&repository, &tag("v1")).await.unwrap();
    assert_eq!(found, None);
}

#[tokio::test]
async fn an_image_that_is_not_what_it_claims_to_be_gets_no_tag() {
    let repository = new_repository();
    let made = image::push(&repository, &[10]).await;
    let fault = Fault::Alter;
    let rule = Rule { method: "GET", path: "/blobs/", times: usize::MAX, fault };
    let proxy = Proxy::start(&upstream(), [rule]).await;
    let world = logged_in(&[&other()]);
    let config = std::fs::read_to_string(world.file("docker/config.json")).unwrap();
    world.write("docker/config.json", config.replace(&upstream(), proxy.host()));
    let from = format!("{}/{repository}@{}", proxy.host(), made.digest);

    let answer = promote(&world, &from, &format!("{}/{repository}:v1", other())).await;

    assert!(answer.stderr.contains("the content is sha256:"), "{answer}");
    assert_eq!(answer.exit, 3);
    let found = other_registry(&other()).find(&repository, &tag("v1")).await.unwrap();
    assert_eq!(found, None);
}

#[test]
fn what_names_no_image_or_no_registry_is_wrong_input() {
    let world = logged_in(&[]);
    let digest = format!("r.example/api@sha256:{}", "0".repeat(64));
    for (from, to, sentence) in [
        ("api:v1", "r.example/api:v1", "error: `api:v1` names no registry\n"),
        ("r.example/api:v1", "r.example/API", "error: `r.example/API` is not an image reference"),
        ("r.example/api:v1", &digest, "names a digest"),
    ] {
        let answer = world.run(["promote", from, to]);

        assert!(answer.stderr.contains(sentence), "{answer}");
        assert_eq!((answer.stdout.as_str(), answer.exit), ("", 2));
    }
}
