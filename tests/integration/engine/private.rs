//! Base images in a registry that asks for a password and is not the cache.

use std::os::unix::fs::PermissionsExt as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chinampa::internals::engine::Engine as _;
use chinampa::internals::model::{Credentials, ImageRef, Secret};
use serde_json::json;

use crate::engine::support::{self, BASE, request, unique};
use crate::support::bed::setting;
use crate::support::engines::{BedEngine, on_each_engine};
use crate::support::shop::{Cache, Shop};
use crate::support::world::Answer;

on_each_engine!(
    async
    a_private_base_image_is_pulled_with_the_login_of_the_docker_configuration,
    a_helper_is_asked_for_the_login_of_a_base_image,
    a_helper_that_fails_is_named,
    a_refused_login_is_named_with_its_host_and_its_file,
    an_untrusted_run_uses_no_login_but_the_caches,
);

/// A shop whose only project has a base image in the bed's second registry.
async fn shop(on: BedEngine, cache: Cache) -> Shop {
    let shop = Shop::new().on(on).cache(cache);
    let engine = support::connect(on).await;
    let base = request(&format!("FROM {BASE}\nRUN echo {} > /base\n", unique()), vec![]);
    let image = support::build(&engine, &base).await.unwrap();
    let name = format!("{}/{}base:1", setting("REGISTRY_2"), shop.prefix);
    let reference: ImageRef = name.parse().unwrap();
    engine.tag(&image.id(), &reference).await.unwrap();
    let password = Secret::new(setting("REGISTRY_2_PASSWORD"));
    let credentials = Credentials { username: setting("REGISTRY_2_USER"), password };
    engine.push(&reference, Some(&credentials.into())).await.unwrap();
    // Where the engine has the image, it asks nobody for it.
    drop(image);
    let dockerfile = format!("FROM {name}\nRUN cat /base\n");
    let manifest =
        format!("[workspace]\nname = \"shop\"\n\n{}\n[projects.api]\npath = \"api\"\n", shop.cache_table());
    shop.world.write("api/Dockerfile", dockerfile).write("projects.toml", manifest).commit();
    shop
}

fn log_in(shop: &Shop, password: &str) {
    let auth = STANDARD.encode(format!("{}:{password}", setting("REGISTRY_2_USER")));
    shop.configure(|config| config["auths"][setting("REGISTRY_2")] = json!({ "auth": auth }));
}

/// Makes a helper that runs `script` the only one who knows the login.
fn helper(shop: &mut Shop, script: &str) {
    let folder = shop.config_file().parent().unwrap().to_owned();
    let program = folder.join("docker-credential-bed");
    std::fs::write(&program, format!("#!/bin/sh\ncat >/dev/null\n{script}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap();
    shop.world.set("PATH", &format!("{}:{path}", folder.display()));
    shop.configure(|config| config["credHelpers"][setting("REGISTRY_2")] = "bed".into());
}

fn build(shop: &Shop) -> Answer {
    shop.world.run(["build", "--progress", "plain", "-vv"])
}

async fn a_private_base_image_is_pulled_with_the_login_of_the_docker_configuration(on: BedEngine) {
    for cache in [Cache::Engine, Cache::oci()] {
        let shop = shop(on, cache).await;
        log_in(&shop, &setting("REGISTRY_2_PASSWORD"));

        let answer = build(&shop);

        assert_eq!(answer.exit, 0, "{answer}");
        assert!(!answer.to_string().contains(&setting("REGISTRY_2_PASSWORD")), "{answer}");
    }
}

async fn a_helper_is_asked_for_the_login_of_a_base_image(on: BedEngine) {
    let mut shop = shop(on, Cache::Engine).await;
    let (user, password) = (setting("REGISTRY_2_USER"), setting("REGISTRY_2_PASSWORD"));
    helper(&mut shop, &format!("echo '{{\"Username\": \"{user}\", \"Secret\": \"{password}\"}}'"));

    let answer = build(&shop);

    assert_eq!(answer.exit, 0, "{answer}");
    assert!(!answer.to_string().contains(&password), "{answer}");
}

async fn a_helper_that_fails_is_named(on: BedEngine) {
    let mut shop = shop(on, Cache::Engine).await;
    helper(&mut shop, "echo the keychain is locked >&2; exit 1");

    let answer = build(&shop);

    assert_ne!(answer.exit, 0, "{answer}");
    let looked_up = format!("cannot look up the login for `{}`", setting("REGISTRY_2"));
    assert!(answer.to_string().contains(&looked_up), "{answer}");
    assert!(
        answer.to_string().contains("`docker-credential-bed` failed: the keychain is locked"),
        "{answer}"
    );
}

async fn a_refused_login_is_named_with_its_host_and_its_file(on: BedEngine) {
    for cache in [Cache::Engine, Cache::oci()] {
        let shop = shop(on, cache).await;
        log_in(&shop, "swordfish-is-wrong");

        let wrong = build(&shop);
        shop.configure(|config| _ = config["auths"].as_object_mut().unwrap().remove(&setting("REGISTRY_2")));
        let none = build(&shop);

        let (host, file) = (setting("REGISTRY_2"), shop.config_file());
        let (user, file) = (setting("REGISTRY_2_USER"), file.display());
        let named = format!("cannot pull from `{host}` as `{user}`, with the login from `{file}`");
        assert_eq!(wrong.exit, 4, "{wrong}");
        assert!(wrong.to_string().contains(&named), "{wrong}");
        assert!(!wrong.to_string().contains("swordfish"), "{wrong}");
        let named = format!("cannot pull from `{host}` without a login: `{file}` has none for it");
        assert_eq!(none.exit, 4, "{none}");
        assert!(none.to_string().contains(&named), "{none}");
    }
}

async fn an_untrusted_run_uses_no_login_but_the_caches(on: BedEngine) {
    let mut shop = shop(on, Cache::oci()).await;
    log_in(&shop, &setting("REGISTRY_2_PASSWORD"));
    shop.world.set("CHINAMPA_TRUST", "untrusted");

    let answer = build(&shop);

    let named = format!(
        "cannot pull from `{}` without a login: only the cache's is used here",
        setting("REGISTRY_2")
    );
    assert_eq!(answer.exit, 4, "{answer}");
    assert!(answer.to_string().contains(&named), "{answer}");
}
