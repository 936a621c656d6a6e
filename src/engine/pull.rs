//! Pulls an image by its digest.
//!
//! Not through `bollard`, for the same reason as pushes.

use serde::Deserialize;

use super::EngineError;
use super::push::authorization;
use crate::docker::{Docker, DockerError, JsonLines};
use crate::model::{ImageRef, Login, ManifestDigest, Platform};

#[derive(Deserialize)]
struct Line {
    error: Option<String>,
}

/// Pulls `image`, which has a digest, also if the engine has it: of an index, it may have the image for another platform.
pub(super) async fn run(
    docker: &Docker,
    image: &ImageRef,
    platform: Option<&Platform>,
    login: Option<&Login>,
) -> Result<(), EngineError> {
    let digest = image.digest.map(|digest| format!("&tag={digest}")).unwrap_or_default();
    let platform = platform.map(|platform| format!("&platform={platform}")).unwrap_or_default();
    let path = format!("/images/create?fromImage={}{digest}{platform}", image.name());
    let answer = docker.post("pull", &path, &[("x-registry-auth", &authorization(image, login))]).await;
    let failed = |message| EngineError::ImagePull { image: Box::new(image.clone()), message };
    let answer = match answer {
        // What a registry answers is in the stream, or before it, depending on the engine.
        Err(DockerError::Refused { message, .. }) => return Err(failed(message)),
        answer => answer?,
    };
    let mut lines = JsonLines::new(docker, answer);
    while let Some(line) = lines.next::<Line>().await? {
        if let Some(message) = line.error {
            return Err(failed(message));
        }
    }
    Ok(())
}

/// The id by which the engine knows an image; `None` if it doesn't have it.
pub(super) async fn id(docker: &Docker, image: &ImageRef) -> Result<Option<ManifestDigest>, EngineError> {
    Ok(docker.image(&image.to_string()).await?.map(|found| found.id))
}
