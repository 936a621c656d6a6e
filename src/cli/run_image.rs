//! The image that `run --in-image` runs a command in.

use super::environment::Environment;
use super::registries;
use crate::engine::DockerEngine;
use crate::error::Error;
use crate::model::{Fingerprint, Fingerprinter, InputDigest, ProjectName, Tag};
use crate::observe::Zone;
use crate::once::{OnceError, ProjectImage};
use crate::registry::Registry;
use crate::workspace::Workspace;

/// A project's image, and the engine that runs it.
pub(super) struct FoundImage {
    pub(super) engine: DockerEngine,
    pub(super) image: ProjectImage,
    /// `None` if it can't be read.
    pub(super) content: Option<Fingerprint>,
}

/// Finds a project's image in the cache, by its inputs, in what a run of this zone reads.
pub(super) async fn find(
    environment: &Environment,
    cache: &dyn Registry,
    workspace: &Workspace,
    zone: Zone,
    (project, digest): (&ProjectName, &InputDigest),
) -> Result<FoundImage, Error> {
    let tag = Tag::cache(digest);
    for zone in zone.readable() {
        let repository = zone.repository(workspace, project);
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
        let engine = registries::engine(environment).await?;
        return Ok(FoundImage { engine, image, content });
    }
    Err(OnceError::NoImage { project: project.clone() }.into())
}
