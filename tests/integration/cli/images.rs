//! `images`: what a commit's build record says, for deployers.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::bed::setting;
use crate::support::shop::{Cache, Project, Shop};

const PROJECTS: [Project; 2] =
    [("api", "FROM chinampa/base:1\nCOPY Dockerfile /\n", ""), ("web-v2", "FROM api\n", "")];

// issue 16
#[test]
fn the_images_of_a_commit_are_those_of_its_build_record() {
    let shop = Shop::new().cache(Cache::oci()).projects(&PROJECTS);
    assert_eq!(shop.world.run(["build", "-q"]).exit, 0);
    let built = shop.world.git(["rev-parse", "HEAD"]);
    shop.world.write("later", "").commit();

    let text = shop.shown(["images", "--commit", "HEAD~1"]);
    let json = shop.world.run(["images", "--commit", &built, "--json"]).json();
    let [env, compose, kustomize] = ["env", "compose", "kustomize"]
        .map(|format| shop.shown(["images", "--head", &built, "--format", format]));
    let digest = shop.world.run(["image_exists", "api", "branch-main", "--json"]).json()["digest"].clone();

    assert_snapshot!(text, @"
    api <registry>/<prefix>/api@sha256:<64 hex>
    web-v2 <registry>/<prefix>/web-v2@sha256:<64 hex>
    [exit: 0]
    ");
    assert_eq!((&json["built"], &json["commit"]), (&true.into(), &built.into()));
    assert_eq!(json["images"][0]["digest"], digest, "{json:#}");
    assert_snapshot!(env, @"
    API_IMAGE=<registry>/<prefix>/api@sha256:<64 hex>
    WEB_V2_IMAGE=<registry>/<prefix>/web-v2@sha256:<64 hex>
    [exit: 0]
    ");
    assert_snapshot!(compose, @r#"
    services:
      "api":
        image: "<registry>/<prefix>/api@sha256:<64 hex>"
      "web-v2":
        image: "<registry>/<prefix>/web-v2@sha256:<64 hex>"
    [exit: 0]
    "#);
    assert_snapshot!(kustomize, @r#"
    apiVersion: kustomize.config.k8s.io/v1alpha1
    kind: Component
    images:
    - name: "api"
      newName: "<registry>/<prefix>/api"
      digest: "sha256:<64 hex>"
    - name: "web-v2"
      newName: "<registry>/<prefix>/web-v2"
      digest: "sha256:<64 hex>"
    [exit: 0]
    "#);
}

// issue 16
#[test]
fn a_commit_without_a_build_record_has_no_images() {
    let shop = Shop::new().cache(Cache::oci()).projects(&PROJECTS);

    let text = shop.shown(["images", "--format", "env"]);
    let json = shop.world.run(["images", "--json"]);

    assert_snapshot!(text, @"
    stderr: there is no build record for <40 hex>: nothing says that all of its images were built
    [exit: 1]
    ");
    assert_eq!(json.exit, 1, "{json}");
    assert_eq!((&json.json()["built"], &json.json()["images"]), (&false.into(), &serde_json::json!([])));
}

#[test]
fn the_actions_of_codepipeline_get_the_images_by_digest_and_the_blue_green_one_that_of_one_project() {
    let shop = Shop::new().cache(Cache::oci()).projects(&PROJECTS);
    let folder = tempfile::tempdir().unwrap();
    let [detail, definitions] = ["imageDetail.json", "imagedefinitions.json"]
        .map(|name| folder.path().join(name).display().to_string());
    let read = |file: &str| -> Value { serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap() };
    let untrusted = shop
        .world
        .command(["build", "api", "-q", "--imagedetail", &detail])
        .env("CHINAMPA_TRUST", "untrusted")
        .output();
    let all = shop.shown(["build", "--imagedetail", &detail]);
    assert!(untrusted.unwrap().status.success() && !std::path::Path::new(&detail).exists());

    let built = shop.world.run([
        "build",
        "web-v2",
        "-q",
        "--imagedetail",
        &detail,
        "--imagedefinitions",
        &definitions,
    ]);

    assert_eq!(built.exit, 0, "{built}");
    let image = |project: &str| {
        let digest =
            shop.world.run(["image_exists", project, "branch-main", "--json"]).json()["digest"].clone();
        format!("{}/{}{project}@{}", setting("REGISTRY_1"), shop.prefix, digest.as_str().unwrap())
    };
    assert_eq!(read(&detail), json!({ "ImageURI": image("web-v2") }));
    let expected = ["api", "web-v2"].map(|project| json!({ "name": project, "imageUri": image(project) }));
    assert_eq!(read(&definitions), json!(expected));
    assert_snapshot!(all, @r"
    stderr: error: `--imagedetail` is about one project, and 2 are built
    stderr:   hint: name the project whose service is deployed
    [exit: 2]
    ");
}

#[test]
fn local_names_are_printed_without_an_engine_and_without_a_record() {
    let mut shop = Shop::new().plain(["api", "web"]);
    shop.world.set("DOCKER_HOST", "unix:///nonexistent/docker.sock");

    let compose = shop.shown(["images", "--local", "--format", "compose"]);
    let json = shop.world.run(["images", "--local", "--json"]).json();

    assert_eq!(
        compose,
        "services:\n  \"api\":\n    image: \"<prefix>/api:local\"\n  \"web\":\n    image: \"<prefix>/web:local\"\n[exit: 0]"
    );
    assert_eq!(json["images"][0]["image"], format!("{}api:local", shop.prefix), "{json:#}");
    assert_eq!(json["images"][0].get("digest"), None, "{json:#}");
}
