//! What a container of an image gets: its layers and settings, without what tells when, from what, and how it was built.

use serde_json::{Map, Value};

use super::oci::MAX_CONFIG_BYTES;
use super::{OciRegistry, RegistryError};
use crate::model::{Fingerprint, Fingerprinter, InputDigest, ManifestDigest, RepositoryName};

/// What of a configuration decides on a container (OCI image specification, § Image Configuration): not `created`, not
/// `history`, and not what builders add.
const KEPT: [&str; 7] = ["architecture", "config", "os", "os.features", "os.version", "rootfs", "variant"];

/// Labels that name a commit, its time, or the inputs of the image.
const COMMIT_LABELS: [&str; 5] = [
    "org.opencontainers.image.revision",
    "org.opencontainers.image.version",
    "org.opencontainers.image.created",
    "org.opencontainers.image.source",
    InputDigest::LABEL,
];

impl OciRegistry {
    /// The content of an image, or of all images that an index lists: the same for two builds whose layers and settings are the
    /// same.
    ///
    /// # Errors
    /// [`RegistryError`] when it can't be read, or is no image.
    pub async fn content(
        &self,
        repository: &RepositoryName,
        digest: &ManifestDigest,
    ) -> Result<Fingerprint, RegistryError> {
        let repository = self.repository(repository);
        let manifest = self.transport().known_manifest(&repository, digest).await?;
        let children = manifest.children();
        let mut images = Vec::new();
        if children.is_empty() {
            images.push(manifest);
        }
        for child in &children {
            images.push(self.transport().known_manifest(&repository, child).await?);
        }
        let mut content = Fingerprinter::new("image/1");
        for image in images {
            let no_image = || RegistryError::malformed(&repository, "it has no configuration of an image");
            let config = image.config_digest().ok_or_else(no_image)?;
            let config = self.transport().blob(&repository, config, MAX_CONFIG_BYTES).await?;
            content = content.field(kept(&config).ok_or_else(no_image)?);
        }
        Ok(content.finish())
    }
}

/// What decides of a configuration, in one form; `None` for what is none.
fn kept(config: &[u8]) -> Option<Vec<u8>> {
    let config: Value = serde_json::from_slice(config).ok()?;
    let config = config.as_object()?;
    config.get("rootfs")?.get("diff_ids")?.as_array()?;
    let kept = config.iter().filter(|(key, _)| KEPT.contains(&key.as_str()));
    let mut kept: Map<String, Value> = kept.map(|(key, value)| (key.clone(), value.clone())).collect();
    if let Some(labels) = kept.get_mut("config").and_then(|config| config.get_mut("Labels")?.as_object_mut())
    {
        labels.retain(|label, _| !COMMIT_LABELS.contains(&label.as_str()));
    }
    serde_json::to_vec(&sorted(Value::Object(kept))).ok()
}

/// With the keys of all objects in their order.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(String, Value)> = map.into_iter().collect();
            entries.sort_by(|one, other| one.0.cmp(&other.0));
            Value::Object(entries.into_iter().map(|(key, value)| (key, sorted(value))).collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(sorted).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config() -> Value {
        json!({
            "architecture": "amd64",
            "os": "linux",
            "created": "2026-11-28T20:15:00Z",
            "history": [{ "created": "2026-11-28T20:15:00Z", "created_by": "COPY f /f" }],
            "moby.buildkit.cache.v0": "bGF5ZXJz",
            "config": {
                "Cmd": ["/f"],
                "Env": ["PATH=/bin"],
                "Labels": { "org.opencontainers.image.revision": "1", "dev.chinampa.inputs": "2", "team": "a" },
            },
            "rootfs": { "type": "layers", "diff_ids": ["sha256:a", "sha256:b"] },
        })
    }

    fn of(config: &Value) -> Vec<u8> {
        kept(config.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn when_and_from_what_it_was_built_is_no_difference() {
        let mut other = config();
        other["created"] = "2027-01-01T00:00:00Z".into();
        other["history"] = json!([]);
        other["moby.buildkit.cache.v0"] = "b3RoZXI".into();
        other["config"]["Labels"]["org.opencontainers.image.revision"] = "3".into();
        other["config"]["Labels"]["dev.chinampa.inputs"] = "4".into();

        assert_eq!(of(&config()), of(&other));
    }

    #[test]
    fn whatever_a_container_gets_is_a_difference() {
        for (pointer, value) in [
            ("/rootfs/diff_ids", json!(["sha256:b", "sha256:a"])),
            ("/rootfs/diff_ids/1", json!("sha256:c")),
            ("/config/Cmd", json!(["/g"])),
            ("/config/Env/0", json!("PATH=/usr/bin")),
            ("/config/Labels/team", json!("b")),
            ("/architecture", json!("arm64")),
            ("/os", json!("windows")),
        ] {
            let mut other = config();
            *other.pointer_mut(pointer).unwrap() = value;
            assert_ne!(of(&config()), of(&other), "{pointer}");
        }
    }

    #[test]
    fn what_is_no_configuration_of_an_image_is_none() {
        for text in ["", "[]", "{}", r#"{"rootfs": {}}"#, r#"{"rootfs": {"diff_ids": 1}}"#] {
            assert_eq!(kept(text.as_bytes()), None, "{text}");
        }
    }
}
