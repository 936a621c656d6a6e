//! What a registry has after a pipeline, in a form in which two registries that mean the same are equal.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use serde_json::{Value, json};

use crate::support::bed::setting;
use crate::support::memory_registry::content;
use crate::support::shop::{Shop, wait_for};

const ACCEPTED: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json";

/// The contents by `<repository>:<tag>`. Times are left out, and what differs between two commits of the same files.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct EndState {
    contents: BTreeMap<String, String>,
}

/// Reads from the bed's first registry what is below a shop's prefix.
struct Reader<'s> {
    shop: &'s Shop,
    client: reqwest::Client,
    commit: &'s str,
}

impl EndState {
    /// Of the images of these projects, and of the build records.
    pub(super) fn read(shop: &Shop, projects: &[String], commit: &str) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let reader = Reader { shop, client: reqwest::Client::new(), commit };
        let contents = wait_for(async {
            let mut contents = BTreeMap::new();
            for repository in projects.iter().map(String::as_str).chain(["shop-builds"]) {
                for tag in reader.tags(repository).await.into_iter().filter(|tag| is_result(tag)) {
                    let content = reader.content(repository, &tag).await;
                    contents.insert(format!("{repository}:{}", tag.replace(commit, "<commit>")), content);
                }
            }
            contents
        });
        Self { contents }
    }

    /// What isn't the same there: this, and the other.
    pub(super) fn differences<'s>(
        &'s self,
        other: &'s Self,
    ) -> Vec<(&'s str, Option<&'s String>, Option<&'s String>)> {
        let names: BTreeSet<&String> = self.contents.keys().chain(other.contents.keys()).collect();
        let sides =
            names.into_iter().map(|name| (name.as_str(), self.contents.get(name), other.contents.get(name)));
        sides.filter(|(_, one, other)| one != other).collect()
    }
}

/// Not what an engine pushes on the way: its images have ids of their own, and old engines push no stages. Nor what jobs leave
/// for the one that writes the record.
fn is_result(tag: &str) -> bool {
    let is_stage = tag.starts_with("branch-") && tag.contains('.');
    !tag.starts_with("pushed-") && !tag.starts_with("timing-") && !is_stage
}

/// The digest of each tag below a shop's prefix, exactly as it is.
pub(super) fn digests(shop: &Shop) -> BTreeMap<String, String> {
    rustls::crypto::ring::default_provider().install_default().ok();
    let reader = Reader { shop, client: reqwest::Client::new(), commit: "" };
    wait_for(async {
        let mut digests = BTreeMap::new();
        for repository in reader.repositories().await {
            for tag in reader.tags(&repository).await {
                let digest = reader.manifest(&repository, &tag).await.1;
                digests.insert(format!("{repository}:{tag}"), digest);
            }
        }
        digests
    })
}

impl Reader<'_> {
    async fn get(&self, repository: &str, path: &str) -> Option<reqwest::Response> {
        let url = format!("http://{}/v2/{}{repository}/{path}", setting("REGISTRY_1"), self.shop.prefix);
        let (user, password) = (setting("REGISTRY_1_USER"), setting("REGISTRY_1_PASSWORD"));
        let asked = self.client.get(&url).basic_auth(user, Some(password)).header("accept", ACCEPTED);
        let answer = asked.send().await.unwrap();
        if answer.status() == 404 {
            return None;
        }
        assert!(answer.status().is_success(), "{url}: {answer:?}");
        Some(answer)
    }

    /// Their names come after the prefix, in the order of letters.
    async fn repositories(&self) -> Vec<String> {
        let before = self.shop.prefix.trim_end_matches('/');
        let url = format!("http://{}/v2/_catalog?n=100&last={before}", setting("REGISTRY_1"));
        let (user, password) = (setting("REGISTRY_1_USER"), setting("REGISTRY_1_PASSWORD"));
        let answer = self.client.get(&url).basic_auth(user, Some(password)).send().await.unwrap();
        let list: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        let names = list["repositories"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
        names.filter_map(|name| Some(name.strip_prefix(&self.shop.prefix)?.to_owned())).collect()
    }

    async fn json(&self, repository: &str, path: &str) -> Value {
        let answer = self.get(repository, path).await.unwrap_or_else(|| panic!("{repository} has no {path}"));
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }

    async fn tags(&self, repository: &str) -> Vec<String> {
        let Some(answer) = self.get(repository, "tags/list").await else { return Vec::new() };
        let list: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        let tags = list["tags"].as_array().into_iter().flatten();
        tags.map(|tag| tag.as_str().unwrap().to_owned()).collect()
    }

    /// A manifest and its digest.
    async fn manifest(&self, repository: &str, reference: &str) -> (Value, String) {
        let answer = self.get(repository, &format!("manifests/{reference}")).await.unwrap();
        let digest = answer.headers()["docker-content-digest"].to_str().unwrap().to_owned();
        (serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap(), digest)
    }

    async fn content(&self, repository: &str, tag: &str) -> String {
        let (manifest, _) = self.manifest(repository, tag).await;
        if manifest["config"]["mediaType"].as_str().unwrap().contains("empty") {
            let layer = manifest["layers"][0]["digest"].as_str().unwrap();
            return self.record(&self.json(repository, &format!("blobs/{layer}")).await).await;
        }
        let config = manifest["config"]["digest"].as_str().unwrap();
        let config = self.json(repository, &format!("blobs/{config}")).await;
        let mut labels = config["config"]["Labels"].as_object().unwrap().clone();
        let about_commit = labels.keys().filter(|key| key.starts_with("org.opencontainers.image.")).cloned();
        for label in about_commit.collect::<Vec<_>>() {
            let value = labels.remove(&label).unwrap();
            let is_of_commit = !label.ends_with(".revision") || value == self.commit;
            assert!(is_of_commit, "{repository}:{tag}: {label} is {value}");
        }
        let set = ["Env", "Cmd", "Entrypoint", "WorkingDir"].map(|key| config["config"][key].clone());
        let mut layers = Vec::new();
        for layer in manifest["layers"].as_array().unwrap() {
            layers.push(self.files(repository, layer["digest"].as_str().unwrap()).await);
        }
        json!([layers, labels, set, config["os"], config["architecture"]]).to_string()
    }

    /// The files of a layer: engines of different versions write the same files as different archives.
    async fn files(&self, repository: &str, layer: &str) -> Vec<String> {
        let answer = self.get(repository, &format!("blobs/{layer}")).await.unwrap();
        let archive = answer.bytes().await.unwrap();
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(&*archive));
        let mut files = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            let (path, header) = (entry.path().unwrap().display().to_string(), entry.header());
            // A folder that a step makes is as old as the step.
            let is_file = header.entry_type().is_file();
            let time = if is_file { header.mtime().unwrap() } else { 0 };
            // Older engines write the kind of the file into its mode.
            let (mode, owner) = (header.mode().unwrap() & 0o7777, header.uid().unwrap());
            files.push(format!("{path} {mode:o} {owner} {time} {}", content::digest_of(&content)));
        }
        files
    }

    /// A build record, each of whose images is the one with the cache tag of its inputs.
    async fn record(&self, record: &Value) -> String {
        let mut record = record.clone();
        assert_eq!(record["commit"], self.commit);
        record["commit"] = "<commit>".into();
        for image in record["projects"].as_object_mut().unwrap().values_mut() {
            let image = image.as_object_mut().unwrap();
            let repository = image["repository"].as_str().unwrap().strip_prefix(&self.shop.prefix).unwrap();
            let inputs = image["inputs"].as_str().unwrap();
            let (_, cached) = self.manifest(repository, &format!("cache-{inputs}")).await;
            assert_eq!(image["image"], *cached, "{repository}");
            let repository = repository.to_owned();
            image.insert("repository".to_owned(), repository.into());
            image.remove("image");
            image.remove("milliseconds");
        }
        record.to_string()
    }
}
