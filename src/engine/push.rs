//! Pushes an image that the engine has.
//!
//! Not through `bollard`, which encodes credentials with the other base64 alphabet: with it, the
//! engine refuses every password whose encoding has a `+` or a `/`.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use serde::Deserialize;

use super::EngineError;
use crate::docker::{Docker, JsonLines};
use crate::model::{Credentials, ImageRef, Login, ManifestDigest, Tag};

#[derive(Deserialize)]
struct Line {
    /// Of the layer that the status is about.
    id: Option<String>,
    status: Option<String>,
    error: Option<String>,
}

pub(super) async fn run(
    docker: &Docker,
    image: &ImageRef,
    login: Option<&Login>,
) -> Result<ManifestDigest, EngineError> {
    let tag = image.tag.as_ref().map_or("latest", Tag::as_str);
    let path = format!("/images/{}/push?tag={tag}", image.name());
    let answer = docker.post("push", &path, &[("x-registry-auth", &authorization(image, login))]).await?;
    let failed =
        |message, is_final| EngineError::PushFailed { image: Box::new(image.clone()), message, is_final };
    let mut lines = JsonLines::new(docker, answer);
    let mut digest = None;
    // The engine retries an upload for almost a minute. If that fails, the whole push is not retried.
    let mut retried = BTreeSet::new();
    while let Some(line) = lines.next::<Line>().await? {
        if let Some(message) = line.error {
            return Err(failed(message, !retried.is_empty()));
        }
        if let (Some(id), Some(status)) = (line.id, line.status.as_deref()) {
            if status.starts_with("Retrying in ") {
                retried.insert(id);
            } else if status == "Pushed" {
                retried.remove(&id);
            }
        }
        digest = line.status.as_deref().and_then(|status| pushed_digest(status, tag)).or(digest);
    }
    digest.ok_or_else(|| failed("the engine named no digest".to_owned(), false))
}

/// The engine wants the header even when there is nothing to say in it.
pub(super) fn authorization(image: &ImageRef, login: Option<&Login>) -> String {
    let host = image.host.as_ref().map(ToString::to_string);
    let json = match login {
        Some(Login::Password(Credentials { username, password })) => serde_json::json!({
            "username": username,
            "password": password.reveal(),
            "serveraddress": host,
        }),
        Some(Login::IdentityToken(token)) => serde_json::json!({
            "identitytoken": token.reveal(),
            "serveraddress": host,
        }),
        None => serde_json::json!({}),
    };
    URL_SAFE.encode(json.to_string())
}

/// The digest in `<tag>: digest: sha256:<64 digits> size: <bytes>`, the one place where it stands.
fn pushed_digest(status: &str, tag: &str) -> Option<ManifestDigest> {
    let rest = status.strip_prefix(tag)?.strip_prefix(": digest: ")?;
    let (digest, size) = rest.split_once(" size: ")?;
    size.parse::<u64>().ok()?;
    digest.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Secret;

    #[test]
    fn the_digest_is_read_from_its_own_line_only() {
        let digest = format!("sha256:{}", "a".repeat(64));

        let found = pushed_digest(&format!("v1: digest: {digest} size: 528"), "v1");

        assert_eq!(found.unwrap().to_string(), digest);
        for status in [
            format!("v2: digest: {digest} size: 528"),
            format!("v1: digest: {digest}"),
            format!("v1: digest: {digest} size: x"),
            "v1: digest: sha256:ab size: 528".to_owned(),
            "The push refers to repository [a.example/b]".to_owned(),
        ] {
            assert_eq!(pushed_digest(&status, "v1"), None, "{status}");
        }
    }

    #[test]
    fn credentials_are_encoded_as_the_engine_decodes_them() {
        let image = "a.example/b:v1".parse().unwrap();
        let password = Secret::new("?>~?>~?>~ÿÿÿ");

        let header = authorization(&image, Some(&Credentials { username: "u".to_owned(), password }.into()));

        assert!(!header.contains(['+', '/']), "{header}");
    }
}
