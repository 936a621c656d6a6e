//! A command in a container of a project's image.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Ended, MAX_JUNIT_BYTES, OnceError, Stream};
use crate::docker::{ContainerFile, ContainerStream, Docker, DockerError, NewContainer};
use crate::engine::{DockerEngine, Engine as _};
use crate::execute::LocalRun;
use crate::interruption::Interruption;
use crate::model::{ImageRef, Login, ManifestDigest, RepoPath, Secret};

/// How long the program may take to end before its container is removed.
const GRACE_PERIOD: Duration = Duration::from_secs(10);

/// A project's image, and where it is.
#[derive(Clone, Debug)]
pub enum ProjectImage {
    /// In a registry, by digest.
    Registry { image: ImageRef, login: Option<Login> },
    /// In the engine, by id.
    Engine(ManifestDigest),
}

/// A command that is to be run in a container.
#[derive(Debug)]
pub struct ImageRun<'r> {
    pub engine: &'r DockerEngine,
    pub image: ProjectImage,
    /// In place of the image's entry point; at least one word.
    pub command: &'r [String],
    /// Besides the image's own; those that are not set are left out.
    pub variables: &'r BTreeMap<String, Option<Secret>>,
    /// The file that the command may write, from the working directory of the image.
    pub junit: Option<&'r RepoPath>,
}

impl ImageRun<'_> {
    /// Runs the command to its end, and reads the file that it was to write. Nothing stays in the engine.
    ///
    /// # Errors
    /// [`OnceError`] when the image can't be pulled, or the command not be started.
    pub async fn run(
        &self,
        interruption: &Interruption,
        on_output: &dyn Fn(Stream, &[u8]),
    ) -> Result<(Ended, Option<Vec<u8>>), OnceError> {
        let (id, name) = match &self.image {
            ProjectImage::Engine(id) => (*id, None),
            ProjectImage::Registry { image, login } => {
                let name = LocalRun::new().parent(image);
                let pulled = self.engine.pull(image, &name, self.engine.platform(), login.as_ref());
                (pulled.await?, Some(name))
            }
        };
        let result = self.run_image(&id, interruption, on_output).await;
        if let Some(name) = name
            && let Err(error) = self.engine.untag(&name).await
        {
            tracing::warn!(image = %name, "the image keeps a name in the engine: {error}");
        }
        result
    }

    async fn run_image(
        &self,
        id: &ManifestDigest,
        interruption: &Interruption,
        on_output: &dyn Fn(Stream, &[u8]),
    ) -> Result<(Ended, Option<Vec<u8>>), OnceError> {
        let docker = self.engine.docker();
        let set = self.variables.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        let environment = set.map(|(name, value)| format!("{name}={}", value.reveal())).collect();
        let new = NewContainer { image: id, command: self.command, environment };
        let container = docker.create_container(new).await?;
        let result = self.run_container(docker, id, &container, interruption, on_output).await;
        if let Err(error) = docker.remove_container(&container).await {
            tracing::warn!(container, "a container stays in the engine: {error}");
        }
        result
    }

    async fn run_container(
        &self,
        docker: &Docker,
        image: &ManifestDigest,
        container: &str,
        interruption: &Interruption,
        on_output: &dyn Fn(Stream, &[u8]),
    ) -> Result<(Ended, Option<Vec<u8>>), OnceError> {
        let on_output = |stream, bytes: &[u8]| match stream {
            ContainerStream::Stdout => on_output(Stream::Stdout, bytes),
            ContainerStream::Stderr => on_output(Stream::Stderr, bytes),
        };
        let mut running = std::pin::pin!(docker.run_container(container, &on_output));
        let ended = match interruption.unless_requested(&mut running).await {
            Some(ended) => Ended::Exited { code: ended.map_err(|source| self.not_started(source))? },
            None => {
                docker.signal_container(container, "SIGTERM").await?;
                // What doesn't end goes with its container.
                if let Ok(Err(error)) = tokio::time::timeout(GRACE_PERIOD, running).await {
                    tracing::debug!(%error, "the command can't be waited for");
                }
                Ended::Interrupted
            }
        };
        let Some(junit) = self.junit else { return Ok((ended, None)) };
        let folder = docker.image(&image.to_string()).await?.and_then(|image| image.working_folder);
        let path = format!("{}/{junit}", folder.unwrap_or_default().trim_end_matches('/'));
        Ok(match docker.container_file(container, &path, MAX_JUNIT_BYTES).await? {
            ContainerFile::Content(content) => (ended, Some(content.to_vec())),
            ContainerFile::Missing | ContainerFile::Unusable => (ended, None),
        })
    }

    fn not_started(&self, source: DockerError) -> OnceError {
        let program = self.command.first().cloned().unwrap_or_default();
        match source {
            DockerError::Refused { request: "start a container", .. } => {
                OnceError::StartContainer { program, source }
            }
            other => other.into(),
        }
    }
}
