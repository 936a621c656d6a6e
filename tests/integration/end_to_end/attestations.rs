//! What is said of images: written by the runs that may, required by environments, and carried by promotions. The programs
//! are stand-ins that record how they are called; the one that signs stores what cosign would.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::end_to_end::support::{project, with_outcome};
use crate::support::bed::setting;
use crate::support::shop::{Cache, Shop};
use crate::support::world::Answer;

/// Stores a signature under the tag that cosign uses, with the login that it was given.
const SIGN: &str = r#"
import base64, hashlib, json, os, sys, urllib.request
name, digest = sys.argv[-1].split("@")
host, repository = name.split("/", 1)
login = json.load(open(os.environ["DOCKER_CONFIG"] + "/config.json"))["auths"][host]["auth"]
def ask(method, url, body=b"", kind="application/octet-stream"):
    url = url if url.startswith("http") else "http://" + host + url
    headers = {"Authorization": "Basic " + login, "Content-Type": kind}
    return urllib.request.urlopen(urllib.request.Request(url, body, headers, method=method))
def blob(content):
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    to = ask("POST", "/v2/" + repository + "/blobs/uploads/").headers["Location"]
    ask("PUT", to + ("&" if "?" in to else "?") + "digest=" + digest, content)
    return {"digest": digest, "size": len(content)}
layer = dict(blob(json.dumps({"signed": digest}).encode()), mediaType="application/vnd.dev.cosign.simplesigning.v1+json")
config = dict(blob(b"{}"), mediaType="application/vnd.oci.image.config.v1+json")
kind = "application/vnd.oci.image.manifest.v1+json"
manifest = {"schemaVersion": 2, "mediaType": kind, "config": config, "layers": [layer]}
ask("PUT", "/v2/" + repository + "/manifests/" + digest.replace(":", "-") + ".sig", json.dumps(manifest).encode(), kind)
"#;

/// A shop of `api`, which is deployed to `dev` if its image has what this requires.
pub(super) fn promoting_shop(require: &str) -> Shop {
    let shop = Shop::new().cache(Cache::oci()).plain(["api"]);
    let deploy = shop
        .cache_table()
        .replace("[cache]", "[deploy]")
        .replace(&shop.prefix, &format!("{}deployed/", shop.prefix));
    let manifest = format!(
        "[workspace]\nname = \"shop\"\n{}{deploy}[environments.dev]\nbranch = \"main\"\n{require}\n[projects.api]\npath = \"api\"\n",
        shop.cache_table(),
    );
    shop.world.write("projects.toml", manifest).commit();
    shop
}

/// Where an image of such a shop is promoted to.
pub(super) fn promoted(shop: &Shop, image: &str) -> String {
    image.replace(&shop.prefix, &format!("{}deployed/", shop.prefix))
}

/// The same, whose programs are stand-ins.
fn shop(require: &str) -> Shop {
    let mut shop = promoting_shop(require);
    let record = shop.world.file(".git/called").display().to_string();
    let record = format!("echo \"$(basename $0) $*\" >> {record}\n");
    let python = setting("PYTHON");
    shop.world.write(".git/sign.py", SIGN);
    let sign = format!("{record}exec {python} {} \"$@\"\n", shop.world.file(".git/sign.py").display());
    // Nothing but what such programs need is in their environment.
    let environment = shop.world.file(".git/environment").display().to_string();
    let sbom = format!("{record}env > {environment}\necho '{{\"spdxVersion\": \"SPDX-2.3\"}}'\n");
    program(&shop, "sign", &sign);
    program(&shop, "sbom", &sbom);
    program(&shop, "reject", &format!("{record}echo 'no matching signatures'; exit 7\n"));
    program(&shop, "accept", &record);
    let path = |name: &str| shop.world.file(&format!(".git/{name}")).display().to_string();
    let (sign, sbom) = (path("sign"), path("sbom"));
    shop.world.set("CHINAMPA_SIGN", &format!("{sign} --yes --key env://COSIGN_PRIVATE_KEY"));
    shop.world.set("CHINAMPA_SBOM", &format!("{sbom} --from {{image}} spdx"));
    shop.world.set("COSIGN_PRIVATE_KEY", "k3y").set("TOKEN", "t0p-secret");
    shop
}

fn program(shop: &Shop, name: &str, script: &str) {
    let file = format!(".git/{name}");
    shop.world.write(&file, format!("#!/bin/sh\n{script}"));
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(shop.world.file(&file), mode).unwrap();
}

/// How the programs were called, without the digests' second halves.
fn called(shop: &Shop) -> Vec<String> {
    let called = std::fs::read_to_string(shop.world.file(".git/called")).unwrap_or_default();
    called.lines().map(str::to_owned).collect()
}

/// What the registry lists as referring to an image: each artifact's type and digest.
fn referrers(shop: &Shop, image: &str) -> Vec<(String, String)> {
    let (name, digest) = image.split_once('@').unwrap();
    let list = shop.manifest(&format!("{name}:{}", digest.replace(':', "-")));
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap().to_owned();
    let entries = list["manifests"].as_array().unwrap().iter();
    entries.map(|entry| (text(entry, "artifactType"), text(entry, "digest"))).collect()
}

fn document(shop: &Shop, image: &str, artifact: &str) -> Value {
    let (name, _) = image.split_once('@').unwrap();
    let manifest = shop.manifest(&format!("{name}@{artifact}"));
    let layer = manifest["layers"][0]["digest"].as_str().unwrap();
    shop.get(name, &format!("blobs/{layer}"))
}

pub(super) fn build(shop: &Shop, options: &[&str]) -> Answer {
    let mut command = shop.world.command(["build", "--json"]);
    command.args(options).output().unwrap().into()
}

pub(super) fn image_of(report: &Answer) -> String {
    project(&report.json(), "api")["image"].as_str().unwrap().to_owned()
}

#[test]
fn what_is_asked_for_is_attached_to_the_image_and_signed_before_the_image_is_tagged() {
    let shop = shop("");

    let built = build(&shop, &["--provenance", "--sbom", "--sign"]);

    assert_eq!(built.exit, 0, "{built}");
    let image = image_of(&built);
    let (name, digest) = image.split_once('@').unwrap();
    // Lambda takes no index, so the image stays what it is without attestations.
    assert_eq!(shop.manifest(&image)["manifests"], Value::Null);
    let listed = referrers(&shop, &image);
    let [(statement_type, statement), (sbom_type, sbom)] = &listed[..] else { panic!("{listed:?}") };
    assert_eq!((&**statement_type, &**sbom_type), ("application/vnd.in-toto+json", "application/spdx+json"));
    let key = "sign --yes --key env://COSIGN_PRIVATE_KEY";
    assert_eq!(
        called(&shop),
        [
            format!("sbom --from {image} spdx"),
            format!("{key} {image}"),
            format!("{key} {name}@{statement}"),
            format!("{key} {name}@{sbom}"),
        ]
    );
    let statement = document(&shop, &image, statement);
    assert_eq!(statement["subject"][0]["digest"]["sha256"], digest.trim_start_matches("sha256:"));
    let definition = &statement["predicate"]["buildDefinition"];
    assert_eq!(definition["externalParameters"]["project"], "api");
    let head = shop.world.git(["rev-parse", "HEAD"]);
    assert_eq!(definition["resolvedDependencies"][0]["digest"]["gitCommit"], head);
    let environment = std::fs::read_to_string(shop.world.file(".git/environment")).unwrap();
    assert!(environment.contains("COSIGN_PRIVATE_KEY=k3y"), "{environment}");
    assert!(!environment.contains("t0p-secret"), "{environment}");
}

#[test]
fn a_reused_image_gets_its_sbom_and_nothing_that_only_its_build_knows() {
    let shop = shop("");
    let built = build(&shop, &[]);
    assert_eq!(built.exit, 0, "{built}");

    let reused = build(&shop, &["--provenance", "--sbom", "--sign"]);

    assert_eq!(reused.exit, 0, "{reused}");
    assert_eq!(with_outcome(&reused.json(), "reused"), ["api".to_owned()].into());
    let image = image_of(&reused);
    let listed = referrers(&shop, &image);
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(listed[0].0, "application/spdx+json");
    for kind in ["provenance", "signature"] {
        let said =
            format!("`api`: the reused image has no {kind}, which only a run that builds the image writes");
        assert!(reused.stderr.contains(&said), "{reused}");
    }
    // The SBOM is signed, which this run has made, and the image is not.
    let (name, sbom) = (image.split_once('@').unwrap().0, &listed[0].1);
    assert_eq!(called(&shop)[1..], [format!("sign --yes --key env://COSIGN_PRIVATE_KEY {name}@{sbom}")]);

    let again = build(&shop, &["--sbom"]);

    assert_eq!((again.exit, called(&shop).len()), (0, 2), "{again}");
}

#[test]
fn a_run_of_an_unprotected_branch_attaches_nothing_to_an_image_of_protected_ones() {
    let mut shop = shop("");
    let manifest = std::fs::read_to_string(shop.world.file("projects.toml")).unwrap();
    shop.world.write("projects.toml", format!("{manifest}[trust]\nprotected = [\"main\"]\n")).commit();
    shop.world.set("CHINAMPA_BRANCH", "main");
    let built = build(&shop, &[]);
    assert_eq!(built.exit, 0, "{built}");
    let before = shop.tags("api");
    shop.world.git(["checkout", "-q", "-b", "topic"]);
    shop.world.set("CHINAMPA_BRANCH", "topic");

    let reused = build(&shop, &["--sbom", "--sign"]);

    assert_eq!(reused.exit, 0, "{reused}");
    assert_eq!(with_outcome(&reused.json(), "reused"), ["api".to_owned()].into());
    assert_eq!(shop.tags("api"), before);
    assert_eq!(called(&shop), [""; 0]);
    for (kind, run) in
        [("SBOM", "of a protected branch writes"), ("signature", "that builds the image writes")]
    {
        let said = format!("`api`: the reused image has no {kind}, which only a run {run}");
        assert!(reused.stderr.contains(&said), "{reused}");
    }

    let own = build(&shop, &["--sbom", "--force"]);

    assert_eq!(own.exit, 0, "{own}");
    assert!(image_of(&own).contains("/unprotected/api@"), "{own}");
    assert_eq!(referrers(&shop, &image_of(&own)).len(), 1);
    assert_eq!(shop.tags("api"), before);
}

#[test]
fn a_job_that_shares_a_build_attests_what_it_builds_itself() {
    let mut shop = shop("");
    shop.world.set("CHINAMPA_RUN", &shop.prefix.replace('/', "")).set("CHINAMPA_JOB", "build 1");

    assert_eq!(build(&shop, &[]).exit, 0);

    let reused = build(&shop, &["--shard", "--sbom"]);

    assert_eq!(reused.exit, 0, "{reused}");
    assert_eq!(with_outcome(&reused.json(), "reused"), ["api".to_owned()].into());
    assert_eq!(called(&shop), [""; 0], "{reused}");
    shop.world.write("api/f", format!("{}2", shop.prefix)).commit();

    let built = build(&shop, &["--shard", "--sbom"]);

    assert_eq!(built.exit, 0, "{built}");
    assert_eq!(called(&shop).len(), 1, "{built}");
}

#[test]
fn a_program_that_fails_fails_the_project_and_the_image_is_not_tagged() {
    let mut shop = shop("");
    let reject = shop.world.file(".git/reject").display().to_string();
    shop.world.set("CHINAMPA_SIGN", &reject);

    let failed = build(&shop, &["--sign"]);

    assert_eq!(failed.exit, 4, "{failed}");
    let report = failed.json();
    let api = project(&report, "api");
    assert_eq!(api["outcome"], "failed");
    assert!(api.to_string().contains("no matching signatures"), "{api}");
    let again = build(&shop, &[]);
    assert_eq!(with_outcome(&again.json(), "built"), ["api".to_owned()].into());
}

#[test]
fn an_untrusted_run_attaches_and_signs_nothing() {
    let mut shop = shop("");
    shop.world.set("CHINAMPA_TRUST", "untrusted");

    let built = build(&shop, &["--provenance", "--sbom", "--sign"]);

    assert_eq!(built.exit, 0, "{built}");
    assert!(built.stderr.contains("nothing is attached to images, and nothing is signed"), "{built}");
    assert_eq!(called(&shop), [""; 0]);
}

#[test]
fn images_that_stay_in_the_engine_get_no_attestations() {
    let shop = Shop::new().plain(["api"]);

    let refused = build(&shop, &["--provenance"]);

    assert_eq!(refused.exit, 2, "{refused}");
    assert!(refused.stderr.contains("the images are in the Docker engine's own store"), "{refused}");
}

#[test]
fn the_environment_may_ask_for_attestations_too() {
    let mut shop = shop("");
    shop.world.set("CHINAMPA_ATTEST", "provenance, sbom");

    let built = build(&shop, &[]);

    assert_eq!(built.exit, 0, "{built}");
    assert_eq!(referrers(&shop, &image_of(&built)).len(), 2);
    shop.world.set("CHINAMPA_ATTEST", "provenance,tests");
    let refused = build(&shop, &[]);
    assert_eq!(refused.exit, 2, "{refused}");
    assert!(refused.stderr.contains("`tests` is no kind of attestation"), "{refused}");
}

#[test]
fn a_program_that_nobody_names_is_an_error_before_anything_is_built() {
    let mut shop = shop("");
    shop.world.set("CHINAMPA_SIGN", "");

    let refused = build(&shop, &["--sign"]);

    assert_eq!(refused.exit, 2, "{refused}");
    assert!(refused.stderr.contains("cannot use `CHINAMPA_SIGN`"), "{refused}");
}

#[test]
fn an_environment_takes_only_images_that_have_what_it_requires() {
    let shop = shop("require = [\"provenance\", \"signature\"]");
    let bare = build(&shop, &[]);
    assert_eq!(bare.exit, 0, "{bare}");

    let refused = shop.world.run(["deploy", "-e", "dev"]);

    assert_eq!(refused.exit, 4, "{refused}");
    let message = format!(
        "`dev` requires what images lack: `api` ({}) has no provenance, no signature",
        image_of(&bare)
    );
    assert!(refused.stderr.contains(&message), "{refused}");
    let hint = "`chinampa build --provenance --sign --force api` in a trusted run of that commit makes it";
    assert!(refused.stderr.contains(hint), "{refused}");
    let status = shop.world.run(["deploy", "-e", "dev", "--dry-run"]);
    assert_eq!(status.exit, 4, "{status}");

    let built = build(&shop, &["--provenance", "--sign", "--force"]);
    assert_eq!(built.exit, 0, "{built}");
    let deployed = shop.world.run(["deploy", "-e", "dev"]);

    assert_eq!(deployed.exit, 0, "{deployed}");
    let image = image_of(&built);
    let (name, digest) = image.split_once('@').unwrap();
    let there = promoted(&shop, name);
    assert_eq!(referrers(&shop, &format!("{there}@{digest}")), referrers(&shop, &image));
    let signature = format!("{}.sig", digest.replace(':', "-"));
    assert_eq!(shop.manifest(&format!("{there}:{signature}")), shop.manifest(&format!("{name}:{signature}")));
}

#[test]
fn a_signature_that_the_environments_program_does_not_accept_is_none() {
    let mut shop = shop("require = [\"signature\"]");
    let built = build(&shop, &["--sign"]);
    assert_eq!(built.exit, 0, "{built}");
    let path = |shop: &Shop, name: &str| shop.world.file(&format!(".git/{name}")).display().to_string();
    let (reject, accept) = (path(&shop, "reject"), path(&shop, "accept"));
    shop.world.set("CHINAMPA_VERIFY", &format!("{reject} --key cosign.pub"));

    let refused = shop.world.run(["deploy", "-e", "dev"]);

    assert_eq!(refused.exit, 4, "{refused}");
    assert!(refused.stderr.contains("has no signature that `"), "{refused}");
    assert!(refused.stderr.contains("(no matching signatures)"), "{refused}");
    assert_eq!(called(&shop).last().unwrap(), &format!("reject --key cosign.pub {}", image_of(&built)));

    shop.world.set("CHINAMPA_VERIFY", &accept);
    let deployed = shop.world.run(["deploy", "-e", "dev"]);

    assert_eq!(deployed.exit, 0, "{deployed}");
}

#[test]
fn an_image_of_several_platforms_has_one_provenance_that_names_them_all() {
    let shop = shop("");
    let manifest = std::fs::read_to_string(shop.world.file("projects.toml")).unwrap();
    let manifest = format!("{manifest}platforms = [\"linux/amd64\", \"linux/arm64\"]\n");
    shop.world
        .write("projects.toml", manifest)
        .write("api/Dockerfile", "FROM scratch\nARG TARGETARCH\nLABEL arch=${TARGETARCH}\nCOPY f /f\n")
        .commit();

    let built = build(&shop, &["--provenance", "--sbom"]);

    assert_eq!(built.exit, 0, "{built}");
    let image = image_of(&built);
    let index = shop.manifest(&image);
    let children: Vec<&str> = index["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|child| child["digest"].as_str().unwrap())
        .collect();
    assert_eq!(children.len(), 2, "{index}");
    let listed = referrers(&shop, &image);
    let types: Vec<&str> = listed.iter().map(|(artifact_type, _)| artifact_type.as_str()).collect();
    assert_eq!(types, ["application/vnd.in-toto+json", "application/spdx+json", "application/spdx+json"]);
    let statement = document(&shop, &image, &listed[0].1);
    let subjects = statement["subject"].as_array().unwrap().iter();
    let subjects: Vec<String> =
        subjects.map(|subject| format!("sha256:{}", subject["digest"]["sha256"].as_str().unwrap())).collect();
    let digest = image.split_once('@').unwrap().1;
    assert_eq!(subjects, [digest, children[0], children[1]]);
    let name = image.split_once('@').unwrap().0;
    let calls: Vec<String> =
        children.iter().map(|child| format!("sbom --from {name}@{child} spdx")).collect();
    assert_eq!(called(&shop), calls);
}
