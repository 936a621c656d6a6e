//! What a registry keeps, and when it accepts more.

use std::collections::{BTreeMap, BTreeSet};

use hyper::body::Bytes;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";

/// Of a whole registry.
#[derive(Debug, Default)]
pub(crate) struct Content {
    repositories: BTreeMap<String, Repository>,
    blobs: BTreeMap<String, Bytes>,
    /// What came so far, by path.
    uploads: BTreeMap<String, Vec<u8>>,
    count: usize,
}

#[derive(Debug, Default)]
struct Repository {
    blobs: BTreeSet<String>,
    /// With their types.
    manifests: BTreeMap<String, (String, Bytes)>,
    tags: BTreeMap<String, String>,
}

/// `sha256:<hex>`
pub(crate) fn digest_of(content: &[u8]) -> String {
    let hash = Sha256::digest(content);
    format!("sha256:{}", hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

impl Content {
    /// A blob that is in the repository.
    pub(crate) fn blob(&self, repository: &str, digest: &str) -> Option<Bytes> {
        let is_there = self.repositories.get(repository)?.blobs.contains(digest);
        is_there.then(|| self.blobs[digest].clone())
    }

    pub(crate) fn put_blob(&mut self, repository: &str, content: Bytes) -> String {
        let digest = digest_of(&content);
        self.repository(repository).blobs.insert(digest.clone());
        self.blobs.insert(digest.clone(), content);
        digest
    }

    /// Whether the other repository had the blob.
    pub(crate) fn mount(&mut self, repository: &str, digest: &str, from: &str) -> bool {
        let is_there = self.blob(from, digest).is_some();
        if is_there {
            self.repository(repository).blobs.insert(digest.to_owned());
        }
        is_there
    }

    /// The path of a new upload.
    pub(crate) fn open_upload(&mut self, repository: &str) -> String {
        self.count += 1;
        let path = format!("/v2/{repository}/blobs/uploads/{}", self.count);
        self.uploads.insert(path.clone(), Vec::new());
        path
    }

    /// How many bytes came so far; `None` when there is no such upload.
    pub(crate) fn append(&mut self, path: &str, part: &[u8]) -> Option<usize> {
        let upload = self.uploads.get_mut(path)?;
        upload.extend_from_slice(part);
        Some(upload.len())
    }

    /// What came, if there was such an upload.
    pub(crate) fn close_upload(&mut self, path: &str) -> Option<Vec<u8>> {
        self.uploads.remove(path)
    }

    /// Type, digest and bytes of what a tag or a digest names.
    pub(crate) fn manifest(&self, repository: &str, reference: &str) -> Option<(String, String, Bytes)> {
        let repository = self.repositories.get(repository)?;
        let digest = repository.tags.get(reference).map_or(reference, String::as_str);
        let (media_type, bytes) = repository.manifests.get(digest)?;
        Some((media_type.clone(), digest.to_owned(), bytes.clone()))
    }

    /// Stores a manifest; `None` when something that it names isn't there.
    pub(crate) fn put_manifest(
        &mut self,
        repository: &str,
        reference: &str,
        media_type: &str,
        bytes: Bytes,
    ) -> Option<String> {
        if !self.is_whole(repository, &bytes) {
            return None;
        }
        let digest = digest_of(&bytes);
        let repository = self.repository(repository);
        repository.manifests.insert(digest.clone(), (media_type.to_owned(), bytes));
        if reference != digest {
            repository.tags.insert(reference.to_owned(), digest.clone());
        }
        Some(digest)
    }

    /// Stores an image of these layers; returns its digest.
    pub(crate) fn put_image(&mut self, repository: &str, layers: &[&str]) -> String {
        let mut descriptor = |media_type: &str, content: &str| {
            let digest = self.put_blob(repository, content.to_owned().into());
            json!({ "mediaType": media_type, "digest": digest, "size": content.len() })
        };
        let layer = "application/vnd.oci.image.layer.v1.tar";
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": IMAGE,
            "config": descriptor("application/vnd.oci.image.config.v1+json", &format!("{repository} {layers:?}")),
            "layers": layers.iter().map(|content| descriptor(layer, content)).collect::<Vec<_>>(),
        });
        let bytes = manifest.to_string();
        self.put_manifest(repository, &digest_of(bytes.as_bytes()), IMAGE, bytes.into()).unwrap()
    }

    /// Lets a tag stand for a manifest that is there.
    pub(crate) fn tag(&mut self, repository: &str, digest: &str, tag: &str) {
        assert!(self.manifest(repository, digest).is_some());
        self.repository(repository).tags.insert(tag.to_owned(), digest.to_owned());
    }

    pub(crate) fn delete_manifest(&mut self, repository: &str, digest: &str) -> bool {
        let repository = self.repository(repository);
        repository.tags.retain(|_, tagged| tagged != digest);
        repository.manifests.remove(digest).is_some()
    }

    /// The tags of a repository, by their names, with what they stand for.
    pub(crate) fn tags(&self, repository: &str) -> Option<BTreeMap<String, String>> {
        self.repositories.get(repository).map(|repository| repository.tags.clone())
    }

    /// An index of the manifests whose `subject` has this digest.
    pub(crate) fn referrers(&self, repository: &str, subject: &str) -> Bytes {
        let manifests = self.repositories.get(repository).into_iter().flat_map(|it| &it.manifests);
        let entries = manifests.filter_map(|(digest, (media_type, bytes))| {
            let manifest: Value = serde_json::from_slice(bytes).unwrap();
            let refers = manifest["subject"]["digest"] == subject;
            refers.then(|| json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() }))
        });
        let index = "application/vnd.oci.image.index.v1+json";
        json!({ "schemaVersion": 2, "mediaType": index, "manifests": entries.collect::<Vec<_>>() })
            .to_string()
            .into()
    }

    fn is_whole(&self, repository: &str, manifest: &[u8]) -> bool {
        let manifest: Value = serde_json::from_slice(manifest).unwrap();
        let digest = |it: &Value| it["digest"].as_str().unwrap().to_owned();
        let all = |key: &str| manifest[key].as_array().into_iter().flatten().map(digest).collect::<Vec<_>>();
        let config = manifest.get("config").map(digest);
        let blobs = all("layers").into_iter().chain(config);
        let children = all("manifests");
        blobs.into_iter().all(|digest| self.blob(repository, &digest).is_some())
            && children.iter().all(|digest| self.manifest(repository, digest).is_some())
    }

    fn repository(&mut self, name: &str) -> &mut Repository {
        self.repositories.entry(name.to_owned()).or_default()
    }
}
