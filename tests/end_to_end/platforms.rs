//! One image for several platforms.

use std::process::Command;

use crate::bed::setting;
use crate::support::{Shop, project};

#[test]
fn several_platforms_become_one_index_of_one_image_each() {
    let shop = Shop::new();
    let manifest = format!(
        "[workspace]\nname = \"shop\"\n{}[projects.app]\npath = \"app\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n",
        shop.cache()
    );
    shop.world
        .write("projects.toml", manifest)
        .write("app/Dockerfile", "FROM scratch\nARG TARGETARCH\nLABEL arch=${TARGETARCH}\nCOPY a /a\n")
        .write("app/a", "a")
        .commit();

    let report = shop.build([]);

    let image = project(&report, "app")["image"].as_str().unwrap();
    let (name, digest) = image.split_once('@').unwrap();
    let repository = name.split_once('/').unwrap().1;
    let (user, password) = (setting("REGISTRY_1_USER"), setting("REGISTRY_1_PASSWORD"));
    // In a file: an argument could be read by other processes.
    shop.world.write(".git/curl", format!("user = \"{user}:{password}\"\n"));
    let login = shop.world.file(".git/curl").display().to_string();
    let url = format!("http://{}/v2/{repository}/manifests/{digest}", setting("REGISTRY_1"));
    let accept = "Accept: application/vnd.oci.image.index.v1+json";
    let index = Command::new("curl").args(["-sf", "--config", &login, "-H", accept, &url]).output().unwrap();
    let index: serde_json::Value = serde_json::from_slice(&index.stdout).unwrap();
    let platforms: Vec<&str> = index["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|child| child["platform"]["architecture"].as_str().unwrap())
        .collect();
    assert_eq!(platforms, ["amd64", "arm64"]);
    assert_ne!(index["manifests"][0]["digest"], index["manifests"][1]["digest"]);
}
