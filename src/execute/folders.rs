//! Folders that are named contexts.
//!
//! A Docker engine takes no named contexts, but a Dockerfile can name any image that the engine has, or that a registry has. So each
//! folder is built as an image of its own before the project, and its name in the Dockerfile is replaced by that of this image.

use std::collections::BTreeMap;

use super::builder::{Builder, Publication};
use super::error::{ExecuteError, MAX_BUILDS};
use super::job::{Destination, Task, TaskVariant};
use super::names;
use crate::engine::{BuildRequest, CONTEXT_SECONDS, ContextReuse, Engine, EngineError, Logins};
use crate::model::{Fingerprinter, ImageRef, Platform, RepoPath, Tag, random_bits};
use crate::registry::Registry;

/// What the image of a folder is built from.
const DOCKERFILE: &[u8] = b"FROM scratch\nCOPY . /\n";

/// Where the images of folders are while a project is built.
#[derive(Clone, Copy)]
pub(super) enum FolderStore<'t> {
    /// In the engine, under a name of their own.
    Engine(&'t dyn Engine),
    /// In the project's repository, without a tag: builders share no other place.
    Registry { builder: &'t dyn Builder, registry: &'t dyn Registry },
}

/// The images of the folders that a project's Dockerfile uses on one platform. Their names are in the engine for as long as that is built.
pub(super) struct FolderImages<'t> {
    task: &'t Task,
    store: FolderStore<'t>,
    names: BTreeMap<&'t RepoPath, ImageRef>,
}

impl<'t> FolderImages<'t> {
    /// Builds the images, then what uses them, and takes their names from the engine, unless the run is interrupted.
    pub(super) async fn with<T>(
        task: &'t Task,
        variant: &'t TaskVariant,
        store: FolderStore<'t>,
        build: impl AsyncFnOnce(&Self) -> Result<T, ExecuteError>,
    ) -> Result<T, ExecuteError> {
        let mut images = Self { task, store, names: BTreeMap::new() };
        let built = match images.build(variant).await {
            Ok(()) => build(&images).await,
            Err(error) => Err(error),
        };
        if let FolderStore::Engine(engine) = store {
            for name in images.names.values() {
                // An image that a container uses, for example, can't be removed. The build is as it is.
                if let Err(error) = engine.untag(name).await {
                    tracing::warn!(image = %name, "the image of a folder stays in the engine: {error}");
                }
            }
        }
        built
    }

    /// The image of a folder.
    pub(super) fn get(&self, folder: &RepoPath) -> Option<&ImageRef> {
        self.names.get(folder)
    }

    async fn build(&mut self, variant: &'t TaskVariant) -> Result<(), ExecuteError> {
        for folder in variant.folders.values() {
            if !self.names.contains_key(folder) {
                let request = self.request(folder, variant.platform.as_ref());
                let failed = |source| ExecuteError::Folder { folder: folder.clone(), source };
                let name = match self.store {
                    FolderStore::Engine(engine) => {
                        self.build_one(engine, &request).await.map_err(|source| failed(Box::new(source)))?
                    }
                    FolderStore::Registry { builder, registry } => {
                        let published = self.publish_one(builder, registry, &request).await;
                        published.map_err(|error| match error {
                            ExecuteError::Build(source) => failed(source),
                            other => other,
                        })?
                    }
                };
                self.names.insert(folder, name);
            }
        }
        Ok(())
    }

    /// Where an equal build has removed its image before ours had a name, it is built again.
    async fn build_one(&self, engine: &dyn Engine, request: &BuildRequest) -> Result<ImageRef, EngineError> {
        let name = self.name();
        for _ in 1..MAX_BUILDS {
            match engine.tag(&engine.build(request, &|_| {}).await?.image, &name).await {
                Err(error) if error.is_image_missing() => {
                    tracing::debug!(%error, "the image is not in the engine any more");
                }
                named => return named.map(|()| name),
            }
        }
        engine.tag(&engine.build(request, &|_| {}).await?.image, &name).await?;
        Ok(name)
    }

    /// Its digest depends on its files alone, so that steps which read it are found in the layer cache.
    async fn publish_one(
        &self,
        builder: &dyn Builder,
        registry: &dyn Registry,
        request: &BuildRequest,
    ) -> Result<ImageRef, ExecuteError> {
        let repository = &self.task.repository;
        let publication = Publication {
            registry,
            repository,
            check: &|_| Ok(()),
            created_seconds: CONTEXT_SECONDS,
            cache_to: None,
        };
        // A folder is pushed with the project's login.
        let request = BuildRequest { logins: self.task.request.logins.clone(), ..request.clone() };
        let published = builder.publish(&request, &publication, &|_| {}).await?;
        Ok(registry.image(repository, &Tag::latest()).pinned(published.digest))
    }

    /// A name that no other build gives or takes away.
    fn name(&self) -> ImageRef {
        let unique = format!("{:016x}", random_bits());
        let tag = match &self.task.destination {
            Destination::Shared(_) | Destination::Local(_) => Tag::context(&unique),
            Destination::Untrusted(run) => Tag::untrusted_context(&run.to_string(), &unique),
        };
        names::temporary(&self.task.repository, tag)
    }

    /// The files of the folder and nothing else: what is built with arguments, secrets or labels is the project.
    fn request(&self, folder: &RepoPath, platform: Option<&Platform>) -> BuildRequest {
        let reuse = match &self.task.request.reuse {
            ContextReuse::Project { stamps } => {
                let folder = Fingerprinter::new("folder").field(folder.as_bytes()).finish().to_string();
                ContextReuse::Project { stamps: stamps.join(folder) }
            }
            ContextReuse::Run(run) => ContextReuse::Run(run.clone()),
        };
        BuildRequest {
            context: self.task.folders[folder].clone(),
            reuse,
            dockerfile: DOCKERFILE.to_vec(),
            target: None,
            platform: platform.cloned(),
            build_args: BTreeMap::new(),
            proxies: BTreeMap::new(),
            labels: BTreeMap::new(),
            secrets: BTreeMap::new(),
            ssh: BTreeMap::new(),
            cache_from: Vec::new(),
            inline_cache: false,
            pull: false,
            no_cache: false,
            logins: Logins::none(),
        }
    }
}
