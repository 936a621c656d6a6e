//! Images that programs of others sign and attach something to. Keys are files, and nothing is written to a public log, which
//! takes a network.

use serde_json::Value;

use crate::end_to_end::attestations::{build, image_of, promoted, promoting_shop};
use crate::support::bed::setting;
use crate::support::shop::Shop;
use crate::support::world::Answer;

/// A shop whose builds are signed with a key of its own, and another key.
fn shop(require: &str) -> Shop {
    let mut shop = promoting_shop(require);
    shop.world.set("COSIGN_PASSWORD", "a pass phrase");
    for key in ["own", "other"] {
        ran(&cosign(&shop, &["generate-key-pair", "--output-key-prefix", &format!(".git/{key}")]));
    }
    let sign =
        format!("{} sign --yes --tlog-upload=false --key {}", setting("COSIGN"), key(&shop, "own.key"));
    shop.world.set("CHINAMPA_SIGN", &sign);
    shop
}

fn key(shop: &Shop, file: &str) -> String {
    shop.world.file(&format!(".git/{file}")).display().to_string()
}

fn cosign(shop: &Shop, arguments: &[&str]) -> Answer {
    shop.world.program(&setting("COSIGN"), arguments).output().unwrap().into()
}

fn oras(shop: &Shop, arguments: &[&str]) -> Answer {
    let mut program = shop.world.program(&setting("ORAS"), arguments);
    program.arg("--plain-http").output().unwrap().into()
}

#[track_caller]
fn ran(answer: &Answer) {
    assert_eq!(answer.exit, 0, "{answer}");
}

fn verify(shop: &Shop, image: &str) -> Answer {
    cosign(shop, &["verify", "--insecure-ignore-tlog", "--key", &key(shop, "own.pub"), image])
}

/// Lets deployments verify with this key.
fn verify_with(shop: &mut Shop, public_key: &str) {
    let key = key(shop, public_key);
    let verify = format!("{} verify --insecure-ignore-tlog --key {key}", setting("COSIGN"));
    shop.world.set("CHINAMPA_VERIFY", &verify);
}

#[test]
fn what_cosign_has_signed_cosign_accepts_where_it_was_promoted_to() {
    let mut shop = shop("require = [\"provenance\", \"signature\"]");
    verify_with(&mut shop, "own.pub");
    let built = build(&shop, &["--provenance", "--sign"]);
    ran(&built);

    let deployed = shop.world.run(["deploy", "-e", "dev"]);

    ran(&deployed);
    let image = promoted(&shop, &image_of(&built));
    ran(&verify(&shop, &image));
    let listed: Value = {
        let listed = oras(&shop, &["discover", "--format", "json", &image]);
        ran(&listed);
        serde_json::from_str(&listed.stdout).unwrap()
    };
    let referrers = listed.get("referrers").or_else(|| listed.get("manifests")).unwrap();
    let [provenance] = &referrers.as_array().unwrap()[..] else { panic!("{listed}") };
    assert_eq!(provenance["artifactType"], "application/vnd.in-toto+json");
    ran(&verify(&shop, provenance["reference"].as_str().unwrap()));
}

#[test]
fn what_was_signed_with_another_key_is_not_deployed() {
    let mut shop = shop("require = [\"signature\"]");
    verify_with(&mut shop, "other.pub");
    ran(&build(&shop, &["--sign"]));

    let refused = shop.world.run(["deploy", "-e", "dev"]);

    assert_eq!(refused.exit, 4, "{refused}");
    assert!(refused.stderr.contains("has no signature that `"), "{refused}");
    assert!(refused.stderr.contains("no matching signatures"), "{refused}");
}

#[test]
fn what_other_programs_attach_counts_as_what_it_is() {
    let shop = shop("require = [\"provenance\", \"sbom\", \"signature\"]");
    let built = build(&shop, &[]);
    ran(&built);
    let image = image_of(&built);
    let (own, key) = (key(&shop, "own.key"), "--key");
    shop.world
        .write(".git/sbom.json", "{\"spdxVersion\": \"SPDX-2.3\"}")
        .write(".git/provenance.json", "{\"buildDefinition\": {}, \"runDetails\": {}}");
    let refused = shop.world.run(["deploy", "-e", "dev"]);
    let lacks = "has no provenance, no SBOM, no signature";
    assert!(refused.stderr.contains(lacks), "{refused}");

    let sbom = [".git/sbom.json:application/spdx+json"];
    ran(&oras(&shop, &[&["attach", "--artifact-type", "application/spdx+json", &image], &sbom[..]].concat()));
    ran(&cosign(&shop, &["sign", "--yes", "--tlog-upload=false", key, &own, &image]));
    let predicate = ["--type", "slsaprovenance1", "--predicate", ".git/provenance.json"];
    ran(&cosign(
        &shop,
        &[&["attest", "--yes", "--tlog-upload=false", key, &own], &predicate[..], &[&image]].concat(),
    ));

    ran(&shop.world.run(["deploy", "-e", "dev"]));
}
