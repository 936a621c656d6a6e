//! What builds images: a Docker engine with BuildKit (`docs/engine.md`), or BuildKit alone (`docs/builders.md`).
//!
//! A build is one request to the engine, and one session beside it: a connection over which the
//! engine asks back for the files, credentials and secrets that it needs.

mod build;
mod content;
mod context;
mod docker;
mod error;
mod file_names;
mod garbage_collection;
mod inline_cache;
mod leftovers;
mod logins;
mod progress;
mod pull;
mod push;
mod retry;
mod session;
mod solve;
mod solve_request;
mod ssh_agent;
mod stamps;
mod step;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;

use crate::model::{ImageRef, Login, ManifestDigest, Platform, Secret, StageName};

pub use content::ContentError;
pub(crate) use content::Reader as ContentReader;
pub use context::{Content, Context, ContextError, ContextFile, check_link};
pub use docker::DockerEngine;
pub use error::EngineError;
pub use garbage_collection::GarbageCollection;
pub use inline_cache::InlineCacheFault;
#[cfg(test)]
pub use leftovers::LeftoverKind;
pub use leftovers::{Leftover, TEMPORARY_HOST};
pub use logins::{LoginSource, Logins};
pub use solve::{CONTEXT_SECONDS, Daemon, Exported};
pub use solve_request::Export;
pub use ssh_agent::{SshAgent, SshAgentError};
pub use stamps::{Assignment, BuildFiles, FileIdentity, FileVersion, Stamp, Table, seal};
pub use step::{Step, StepLabel};

/// A builder of images that also keeps them, until they are pushed.
#[async_trait]
pub trait Engine: Send + Sync {
    /// Builds one target of a Dockerfile and returns the id of its image.
    async fn build(
        &self,
        request: &BuildRequest,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Built, EngineError>;

    /// Why images are built here without inline cache, even if a request asks for it; `None` if they have it.
    fn inline_cache_fault(&self) -> Option<&InlineCacheFault>;

    /// What images are built for where nobody says a platform; `None` if the engine doesn't tell.
    fn platform(&self) -> Option<&Platform>;

    /// Gives an image of a registry, which is known by its digest, a name in the engine, and pulls it if the engine doesn't
    /// have it; returns its id. Of an index, the image for `platform` is pulled, else for the engine's own. No other name
    /// stays in the engine.
    async fn pull(
        &self,
        image: &ImageRef,
        name: &ImageRef,
        platform: Option<&Platform>,
        login: Option<&Login>,
    ) -> Result<ManifestDigest, EngineError>;

    /// Gives an image of the engine another name.
    async fn tag(&self, image: &ManifestDigest, name: &ImageRef) -> Result<(), EngineError>;

    /// Takes a name from an image, and removes the image if it has no other. A name that is not there is no error.
    async fn untag(&self, name: &ImageRef) -> Result<(), EngineError>;

    /// Pushes an image under the name that it has in the engine; returns its manifest's digest.
    async fn push(&self, name: &ImageRef, login: Option<&Login>) -> Result<ManifestDigest, EngineError>;
}

/// Everything one build needs; the engine asks for nothing else.
#[derive(Clone, Debug)]
pub struct BuildRequest {
    pub context: Context,
    pub reuse: ContextReuse,
    /// With all parents of ours already pinned.
    pub dockerfile: Vec<u8>,
    /// The last stage when `None`.
    pub target: Option<StageName>,
    pub platform: Option<Platform>,
    pub build_args: BTreeMap<String, String>,
    /// Build arguments for proxies, whose addresses may hold passwords. Those of the same name in `build_args` come first.
    pub proxies: BTreeMap<String, Secret>,
    pub labels: BTreeMap<String, String>,
    /// By their ids.
    pub secrets: BTreeMap<String, Secret>,
    /// By the ids that steps mount them by.
    pub ssh: BTreeMap<String, SshAgent>,
    /// Images whose layers may be used instead of running a step; those that are not there are passed over.
    pub cache_from: Vec<ImageRef>,
    /// Whether the image carries what a later build needs to reuse its layers from a registry. An engine that
    /// [can die of it](Engine::inline_cache_fault) leaves it out.
    pub inline_cache: bool,
    /// Whether external base images are pulled even if the engine has them.
    pub pull: bool,
    /// Whether all steps run, also those whose layers the engine has kept.
    pub no_cache: bool,
    /// For pulling base images and cached layers.
    pub logins: Logins,
}

/// Which builds reuse the files of a context, which the engine keeps.
#[derive(Clone, Debug)]
pub enum ContextReuse {
    /// Those of the same project in the same clone, which has a folder for their stamps. It need not exist.
    Project { stamps: PathBuf },
    /// Those of the run with this name.
    Run(String),
}

/// What a build made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    pub image: ManifestDigest,
    /// Steps that run or copy something, each of them once.
    pub steps: Vec<Step>,
}

/// What happens inside a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    StepStarted {
        step: String,
    },
    StepDone {
        step: String,
        cached: bool,
        took: Duration,
    },
    /// What the engine warns of.
    Warning {
        text: String,
        /// Where it is explained.
        url: Option<String>,
    },
    /// Output of a step, as it came: any bytes that are text, possibly part of a line.
    Log {
        step: String,
        text: String,
    },
}
