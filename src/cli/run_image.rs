//! The image that `run --in-image` runs a command in.

use super::registries;
use super::run::RunContext;
use crate::engine::DockerEngine;
use crate::error::Error;
use crate::model::{Fingerprint, Fingerprinter, Tag};
use crate::once::{OnceError, ProjectImage};
use crate::registry::Registry;

/// A project's image, and the engine that runs it.
pub(super) struct FoundImage {
    pub(super) engine: DockerEngine,
    pub(super) image: ProjectImage,
    /// `None` if it can't be read.
    pub(super) content: Option<Fingerprint>,
}

impl RunContext<'_> {
    /// Finds the project's image in the cache, by its inputs.
    pub(super) async fn image(&self, cache: &dyn Registry) -> Result<FoundImage, Error> {
        let tag = Tag::cache(&self.digest);
        for zone in self.zone.readable() {
            let repository = zone.repository(self.workspace, self.project);
            let Some(digest) = cache.find(&repository, &tag).await? else { continue };
            let (image, content) = match cache.oci() {
                Some(oci) => {
                    let content = oci.content(&repository, &digest).await;
                    let content = content.inspect_err(|error| {
                        tracing::warn!("the command is run, as its image's content cannot be read: {error}");
                    });
                    let image = cache.image(&repository, &tag).pinned(digest);
                    (ProjectImage::Registry { image, login: cache.login().await? }, content.ok())
                }
                // The id is of all that the image is, and of the time when it was built.
                None => {
                    let content = Fingerprinter::new("engine-image/1").field(digest.to_string()).finish();
                    (ProjectImage::Engine(digest), Some(content))
                }
            };
            let engine = registries::engine(&self.command.environment).await?;
            return Ok(FoundImage { engine, image, content });
        }
        Err(OnceError::NoImage { project: self.project.clone() }.into())
    }
}
