//! What an engine says of its images, as far as it is needed.
//!
//! One image is not described through `bollard`, whose types demand what engines leave out: of an image that was pulled by its
//! digest, the containerd image store of Docker 28.5 has a `RootFS` without a `Type`.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use backon::{ConstantBuilder, Retryable as _};
use bollard::models::ImageSummary;
use bollard::query_parameters::ListImagesOptionsBuilder;
use http_body_util::BodyExt;
use serde::Deserialize;

use super::{Docker, DockerError};
use crate::model::ManifestDigest;

/// How often images are listed, the first attempt included, and how long between two attempts.
const LISTINGS: ConstantBuilder =
    ConstantBuilder::new().with_delay(Duration::from_millis(100)).with_max_times(9);

/// An image of an engine.
#[derive(Debug)]
pub(crate) struct EngineImage {
    pub(crate) id: ManifestDigest,
    pub(crate) labels: HashMap<String, String>,
    /// Where its programs start; the root where it doesn't say.
    pub(crate) working_folder: Option<String>,
    /// When it was built; `None` if it does not tell.
    pub(crate) created: Option<SystemTime>,
    /// When it got its newest name in this engine; `None` if the engine does not tell.
    pub(crate) tagged: Option<SystemTime>,
}

/// `GET /images/{name}/json` (Docker Engine API, "Inspect an image").
#[derive(Deserialize)]
struct Inspected {
    #[serde(rename = "Id")]
    id: String,
    #[serde(rename = "Config")]
    config: Option<Config>,
    #[serde(rename = "Created")]
    created: Option<String>,
    #[serde(rename = "Metadata")]
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Metadata {
    /// The year 1 where it got none.
    #[serde(rename = "LastTagTime")]
    last_tag_time: Option<String>,
}

#[derive(Deserialize)]
struct Config {
    #[serde(rename = "Labels")]
    labels: Option<HashMap<String, String>>,
    #[serde(rename = "WorkingDir")]
    working_dir: Option<String>,
}

impl Docker {
    /// The image with this name, digest or id; `None` if the engine doesn't have it.
    ///
    /// # Errors
    /// [`DockerError`] when the engine does not answer, or not with an image.
    pub(crate) async fn image(&self, name: &str) -> Result<Option<EngineImage>, DockerError> {
        let answer = match self.get("describe an image", &format!("/images/{name}/json")).await {
            Err(DockerError::Refused { status: 404, .. }) => return Ok(None),
            answer => answer?,
        };
        let body = answer.into_body().collect().await.map_err(|error| self.broken(error))?.to_bytes();
        EngineImage::read(&body).map(Some)
    }

    /// The images that have a name, of the repository if one is given.
    ///
    /// The containerd image store refuses to list any image with 404 when one of them is removed meanwhile
    /// (<https://github.com/moby/moby/issues/52688>), by another run or by hand; it is then asked again.
    ///
    /// # Errors
    /// [`DockerError`] when the engine does not answer, and when it refuses each time.
    pub(crate) async fn images(&self, repository: Option<&str>) -> Result<Vec<ImageSummary>, DockerError> {
        let filters: HashMap<_, _> = repository.map(|name| ("reference", vec![name])).into_iter().collect();
        let options = ListImagesOptionsBuilder::new().filters(&filters).build();
        let list = || async {
            let listed = self.bollard().list_images(Some(options.clone())).await;
            listed.map_err(|error| self.error("list images", error))
        };
        list.retry(LISTINGS)
            .when(|error| matches!(error, DockerError::Refused { status: 404, .. }))
            .notify(|error, _| tracing::info!("images are listed again: {error}"))
            .await
    }
}

impl EngineImage {
    fn read(answer: &[u8]) -> Result<Self, DockerError> {
        let unexpected =
            |error: Box<dyn std::error::Error + Send + Sync>| DockerError::unexpected("an image", error);
        let inspected: Inspected =
            serde_json::from_slice(answer).map_err(|error| unexpected(error.into()))?;
        let id = inspected.id.parse().map_err(|error| unexpected(Box::new(error)))?;
        let (labels, working_folder) =
            inspected.config.map(|config| (config.labels, config.working_dir)).unwrap_or_default();
        let time = |text: Option<String>| humantime::parse_rfc3339_weak(&text?).ok();
        let tagged = inspected.metadata.and_then(|metadata| metadata.last_tag_time);
        Ok(Self {
            id,
            labels: labels.unwrap_or_default(),
            working_folder,
            created: time(inspected.created),
            tagged: time(tagged),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_of_which_the_engine_does_not_know_the_layers_is_an_image() {
        let id = format!("sha256:{}", "ab".repeat(32));

        let pulled =
            EngineImage::read(format!(r#"{{"Id":"{id}","RootFS":{{}},"Config":null}}"#).as_bytes()).unwrap();
        let labelled = format!(r#"{{"Id":"{id}","Config":{{"Labels":{{"a":"b"}}}}}}"#);
        let labelled = EngineImage::read(labelled.as_bytes()).unwrap();

        assert_eq!((pulled.id.to_string(), pulled.labels.len()), (id, 0));
        assert_eq!(labelled.labels["a"], "b");
    }

    #[test]
    fn an_answer_that_is_no_image_is_an_error() {
        for answer in ["", "[]", "{}", r#"{"Id":"ab"}"#] {
            assert!(
                matches!(EngineImage::read(answer.as_bytes()), Err(DockerError::Unexpected { .. })),
                "{answer}"
            );
        }
    }
}
