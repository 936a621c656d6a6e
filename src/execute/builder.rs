//! What builds an image and puts it into a registry.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use super::error::ExecuteError;
use crate::engine::{BuildRequest, Progress, Step};
use crate::model::{ImageRef, ManifestDigest, RepositoryName};
use crate::registry::Registry;

/// Builds images that are pushed. A machine that builds and one that keeps images need not be the same.
#[async_trait]
pub trait Builder: Send + Sync {
    /// Builds one target of a Dockerfile, pushes its image by digest alone, and sees that the registry has it. No tag
    /// is left behind.
    ///
    /// # Errors
    /// [`ExecuteError::Build`] when the build fails, and the error of the check, the push or the registry.
    async fn publish(
        &self,
        request: &BuildRequest,
        publication: &Publication<'_>,
        on_event: &(dyn Fn(PublishEvent) + Send + Sync),
    ) -> Result<Published, ExecuteError>;
}

/// Where an image goes, and what must hold of it.
#[derive(Clone, Copy)]
pub struct Publication<'p> {
    pub registry: &'p dyn Registry,
    pub repository: &'p RepositoryName,
    /// Looks at the steps of the build: before the push where the two are separate, and in any case before the image is
    /// used.
    pub check: &'p (dyn Fn(&[Step]) -> Result<(), ExecuteError> + Send + Sync),
    /// When the image was created, in seconds since 1970, where the builder doesn't take the time of the build.
    pub created_seconds: u64,
    /// Where the layers of all stages are kept for other builders, by a builder that can.
    pub cache_to: Option<&'p ImageRef>,
}

/// An image that is in the registry.
#[derive(Clone, Debug)]
pub struct Published {
    pub digest: ManifestDigest,
    /// Steps that run or copy something, each of them once.
    pub steps: Vec<Step>,
}

/// Something that happens while an image is published.
#[derive(Clone, Debug)]
pub enum PublishEvent {
    Build(Progress),
    Pushing {
        image: ImageRef,
    },
    /// A push failed for a reason that is transient; it is retried after `delay`.
    RetryingPush {
        image: ImageRef,
        error: String,
        delay: Duration,
    },
}

impl fmt::Debug for Publication<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Publication").field("repository", &self.repository).finish_non_exhaustive()
    }
}
