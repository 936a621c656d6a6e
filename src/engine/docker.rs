//! A Docker engine with BuildKit.

use async_trait::async_trait;
use bollard::query_parameters::{RemoveImageOptions, TagImageOptionsBuilder};

use super::retry::with_retries;
use super::{BuildRequest, Built, Engine, EngineError, InlineCacheFault, Progress, build, pull, push};
use crate::docker::{Docker, DockerError, EngineAddress};
use crate::model::{ImageRef, Login, ManifestDigest, Platform, Tag};

/// Cheap to clone; builds can run side by side.
#[derive(Clone, Debug)]
pub struct DockerEngine {
    pub(super) docker: Docker,
    inline_cache_fault: Option<InlineCacheFault>,
    platform: Option<Platform>,
}

impl DockerEngine {
    /// Connects to an engine and sees that it is new enough.
    ///
    /// # Errors
    /// [`DockerError::Unreachable`](crate::docker::DockerError::Unreachable) when nobody answers
    /// there, [`TooOld`](crate::docker::DockerError::TooOld) before Docker 20.10.
    pub async fn connect(address: &EngineAddress) -> Result<Self, EngineError> {
        let docker = Docker::connect(address).await?;
        let version = docker.version().await?;
        let inline_cache_fault = InlineCacheFault::of(&version.engine, docker.api());
        let platform = version.platform.parse().ok();
        Ok(Self { docker, inline_cache_fault, platform })
    }

    pub(crate) fn docker(&self) -> &Docker {
        &self.docker
    }

    async fn remove_name(&self, name: &ImageRef) -> Result<(), EngineError> {
        match self.docker.bollard().remove_image(&name.to_string(), None::<RemoveImageOptions>, None).await {
            Ok(_) | Err(bollard::errors::Error::DockerResponseServerError { status_code: 404, .. }) => Ok(()),
            Err(error) => Err(self.docker.error("remove an image", error).into()),
        }
    }
}

#[async_trait]
impl Engine for DockerEngine {
    async fn build(
        &self,
        request: &BuildRequest,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Built, EngineError> {
        let inline_cache = request.inline_cache && self.inline_cache_fault.is_none();
        with_retries(|| build::run(&self.docker, request, inline_cache, progress)).await
    }

    fn inline_cache_fault(&self) -> Option<&InlineCacheFault> {
        self.inline_cache_fault.as_ref()
    }

    fn platform(&self) -> Option<&Platform> {
        self.platform.as_ref()
    }

    async fn pull(
        &self,
        image: &ImageRef,
        name: &ImageRef,
        platform: Option<&Platform>,
        login: Option<&Login>,
    ) -> Result<ManifestDigest, EngineError> {
        let before = pull::id(&self.docker, image).await?;
        let id = match before {
            Some(id) if platform.is_none() => id,
            _ => {
                pull::run(&self.docker, image, platform, login).await?;
                let id = pull::id(&self.docker, image).await?;
                id.ok_or_else(|| DockerError::unexpected("an image", "it is not there after it was pulled"))?
            }
        };
        self.tag(&id, name).await?;
        if before.is_none() {
            self.remove_name(image).await?;
        }
        Ok(id)
    }

    async fn tag(&self, image: &ManifestDigest, name: &ImageRef) -> Result<(), EngineError> {
        let options = TagImageOptionsBuilder::new()
            .repo(&name.name())
            .tag(name.tag.as_ref().map_or("latest", Tag::as_str))
            .build();
        let tagged = self.docker.bollard().tag_image(&image.to_string(), Some(options)).await;
        tagged.map_err(|error| self.docker.error("tag an image", error).into())
    }

    async fn untag(&self, name: &ImageRef) -> Result<(), EngineError> {
        self.remove_name(name).await
    }

    async fn push(&self, name: &ImageRef, login: Option<&Login>) -> Result<ManifestDigest, EngineError> {
        push::run(&self.docker, name, login).await
    }
}
