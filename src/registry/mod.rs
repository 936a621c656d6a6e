//! Where images are kept: what is there, and how it gets its tags.
//!
//! Absent is an answer, trouble is an error: no failure is ever read as "not there".

mod answer;
mod attestations;
mod auth;
mod authorization;
mod blobs;
mod cached_login;
mod compare;
mod content;
pub mod copy;
mod credentials;
mod credentials_error;
mod deletion;
mod distribution;
#[cfg(feature = "ecr")]
mod ecr;
#[cfg(feature = "ecr")]
mod ecr_client;
#[cfg(feature = "ecr")]
mod ecr_errors;
#[cfg(feature = "ecr")]
mod ecr_login;
mod engine_store;
mod error;
mod http;
mod known;
mod manifest;
mod oci;
mod pace;
mod probe;
mod put_limiter;
mod put_rate;
mod referrers;
mod resolve;
mod tags;
mod token;
mod transport;

use std::fmt;
use std::num::NonZeroU32;

use async_trait::async_trait;
use bytes::Bytes;
use serde::Serialize;

use crate::aws::{AllowedHosts, CredentialProviders};
use crate::config::Ecr;
use crate::model::{ImageRef, Login, ManifestDigest, Platform, RepositoryName, Tag, printable};

#[cfg(test)]
pub use answer::Answer;
pub use attestations::{Attestation, AttestationDocument};
pub use compare::{Aspect, FileDifference, ImageDifference, LayerChange, LayerDifference};
pub use credentials::{CredentialsSource, UsedLogin};
#[cfg(test)]
pub use credentials_error::CredentialsError;
#[cfg(feature = "ecr")]
pub use ecr::EcrRegistry;
pub use engine_store::EngineStore;
pub use error::RegistryError;
pub use oci::{OciRegistry, RegistryLogin};
pub use probe::{Capability, Finding, ProbeReport};
pub use put_limiter::Throttling;
pub use resolve::{Named, ResolvedImage};
pub use transport::RetryPolicy;

/// The largest document that is stored as an artifact, and that is read back.
const MAX_ARTIFACT_BYTES: usize = 16 << 20;

/// A place where images are kept. Repository names are whole: a configured prefix is part of them.
#[async_trait]
pub trait Registry: Send + Sync {
    /// Where images live, which decides how a built one gets there.
    fn storage(&self) -> Storage;

    /// What speaks the OCI distribution specification for this registry: images are copied from there and to
    /// there. `None` where nothing does.
    fn oci(&self) -> Option<&OciRegistry> {
        None
    }

    /// How the engine names an image here: `[host/]<repository>:<tag>`.
    fn image(&self, repository: &RepositoryName, tag: &Tag) -> ImageRef;

    /// The digest that `tag` stands for, or `None` when the registry says it isn't there.
    async fn find(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<Option<ManifestDigest>, RegistryError>;

    /// All tags of a repository, in no order; none when the registry doesn't know it.
    async fn tags(&self, repository: &RepositoryName) -> Result<Vec<Tag>, RegistryError>;

    /// Makes sure that the repository can be pushed to and is kept as the manifest says; returns what
    /// had to be changed for that.
    async fn ensure_repository(
        &self,
        repository: &RepositoryName,
    ) -> Result<Vec<RepositoryChange>, RegistryError>;

    /// Lets each of `tags`, in their order, stand for the image that is there under `digest`. Those that do already are left
    /// alone.
    async fn tag(
        &self,
        repository: &RepositoryName,
        digest: &ManifestDigest,
        tags: &[Tag],
    ) -> Result<(), RegistryError>;

    /// Sees that `digest`, which was just pushed, is there and is the image that an engine calls `id`, which is the digest of the
    /// image's configuration, or in engines with the containerd store that of the manifest itself.
    async fn verify(
        &self,
        repository: &RepositoryName,
        digest: &ManifestDigest,
        id: &ManifestDigest,
    ) -> Result<(), RegistryError>;

    /// Stores an index of images that are there, one a platform, without a tag.
    async fn put_index(
        &self,
        repository: &RepositoryName,
        images: &[(Platform, ManifestDigest)],
    ) -> Result<ManifestDigest, RegistryError>;

    /// Takes a tag away and leaves what it stood for. Nothing happens if it isn't there. A registry that deletes nothing goes on to
    /// list it.
    async fn untag(&self, repository: &RepositoryName, tag: &Tag) -> Result<(), RegistryError>;

    /// Whether a tag that was listed has been taken away. Not asked where that deletes it.
    async fn is_untagged(&self, _: &RepositoryName, _: &Tag) -> Result<bool, RegistryError> {
        Ok(false)
    }

    /// Deletes an image or a document with all its tags. Nothing happens if it isn't there.
    ///
    /// # Errors
    /// [`RegistryError::NoDeletion`] when the registry deletes nothing.
    async fn delete(&self, repository: &RepositoryName, digest: &ManifestDigest)
    -> Result<(), RegistryError>;

    /// Stores a small document as an OCI artifact under each of `tags`.
    async fn put_artifact(
        &self,
        repository: &RepositoryName,
        artifact_type: &str,
        content: Bytes,
        tags: &[Tag],
    ) -> Result<ManifestDigest, RegistryError>;

    /// The document that `put_artifact` stored, or `None` when the registry says it isn't there.
    async fn artifact(&self, repository: &RepositoryName, tag: &Tag) -> Result<Option<Bytes>, RegistryError>;

    /// What the engine needs to push here; `None` when nobody asks for a password.
    async fn login(&self) -> Result<Option<Login>, RegistryError>;
}

/// The registry of ECR that a table of the manifest describes.
///
/// # Errors
/// [`RegistryError`] when AWS can't be asked, and in a program without the feature `ecr`.
#[cfg(feature = "ecr")]
pub async fn ecr_registry(
    ecr: &Ecr,
    allowed: &AllowedHosts,
    providers: &CredentialProviders,
    retry_policy: RetryPolicy,
) -> Result<Box<dyn Registry>, RegistryError> {
    Ok(Box::new(EcrRegistry::connect(ecr, allowed, providers, retry_policy).await?))
}

/// The registry of ECR that a table of the manifest describes.
///
/// # Errors
/// [`RegistryError::NotBuiltIn`], always: this program has no feature `ecr`.
#[cfg(not(feature = "ecr"))]
pub async fn ecr_registry(
    ecr: &Ecr,
    _: &AllowedHosts,
    _: &CredentialProviders,
    _: RetryPolicy,
) -> Result<Box<dyn Registry>, RegistryError> {
    let registry = match &ecr.host {
        Some(host) => host.to_string(),
        None => format!("ECR in {}", ecr.region),
    };
    Err(RegistryError::NotBuiltIn { registry })
}

/// Whether ECR lets the repositories of the caller's account in this region share layers. The setting of another account cannot
/// be read.
///
/// # Errors
/// [`RegistryError`] when AWS can't be asked or doesn't say, and in a program without the feature `ecr`.
#[cfg(feature = "ecr")]
pub async fn ecr_has_blob_mounting(
    ecr: &Ecr,
    allowed: &AllowedHosts,
    providers: &CredentialProviders,
) -> Result<bool, RegistryError> {
    let registry = EcrRegistry::connect(ecr, allowed, providers, RetryPolicy::default()).await?;
    registry.has_blob_mounting().await
}

/// Whether ECR lets the repositories of the caller's account in this region share layers.
///
/// # Errors
/// [`RegistryError::NotBuiltIn`], always: this program has no feature `ecr`.
#[cfg(not(feature = "ecr"))]
pub async fn ecr_has_blob_mounting(
    ecr: &Ecr,
    _: &AllowedHosts,
    _: &CredentialProviders,
) -> Result<bool, RegistryError> {
    Err(RegistryError::NotBuiltIn { registry: format!("ECR in {}", ecr.region) })
}

/// Where a registry's images live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// In the engine itself: what is built there is there.
    Engine,
    /// Behind a host: what is built must be pushed.
    Remote,
}

/// One thing that was changed so that a repository is as the manifest says, or that could not be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RepositoryChange {
    Created,
    Lifecycle {
        /// Maximum number of images; `None` for a repository of records.
        #[serde(skip_serializing_if = "Option::is_none")]
        keep: Option<NonZeroU32>,
        /// The policy that was there before.
        #[serde(skip_serializing_if = "Option::is_none")]
        replaced: Option<String>,
    },
    /// Somebody else's lifecycle policy is there, and the manifest does not ask to replace it.
    LifecycleStays {
        policy: String,
    },
    /// Who may use the repository.
    Policy {
        /// The policy that was there before.
        #[serde(skip_serializing_if = "Option::is_none")]
        replaced: Option<String>,
    },
    /// Of the AWS resource.
    Tags {
        keys: Vec<String>,
    },
    TagMutability {
        immutable: bool,
    },
    ScanOnPush {
        enabled: bool,
    },
    /// It is not encrypted with the key that the manifest names, which can't be changed any more.
    KeyStays {
        /// AWS's own when `None`.
        #[serde(skip_serializing_if = "Option::is_none")]
        key: Option<String>,
    },
}

impl RepositoryChange {
    /// Whether what somebody else has written was replaced.
    pub fn replaces_something(&self) -> bool {
        match self {
            Self::Lifecycle { replaced, .. } | Self::Policy { replaced } => replaced.is_some(),
            Self::Created
            | Self::LifecycleStays { .. }
            | Self::Tags { .. }
            | Self::TagMutability { .. }
            | Self::ScanOnPush { .. }
            | Self::KeyStays { .. } => false,
        }
    }
}

impl fmt::Display for RepositoryChange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let it_replaces = |replaced: &Option<String>| {
            replaced.as_deref().map(|it| format!("; it replaces {}", one_line(it))).unwrap_or_default()
        };
        match self {
            Self::Created => formatter.write_str("created"),
            Self::Lifecycle { keep: Some(keep), replaced } => {
                write!(formatter, "lifecycle policy: {keep} images are kept{}", it_replaces(replaced))
            }
            Self::Lifecycle { keep: None, replaced } => {
                write!(formatter, "lifecycle policy: records are kept{}", it_replaces(replaced))
            }
            Self::LifecycleStays { policy } => write!(
                formatter,
                "lifecycle policy: somebody else's stays, which `keep` or `lifecycle = true` would replace: {}",
                one_line(policy)
            ),
            Self::Policy { replaced } => write!(formatter, "repository policy set{}", it_replaces(replaced)),
            Self::Tags { keys } => {
                let keys: Vec<String> = keys.iter().map(|key| format!("`{}`", printable(key))).collect();
                write!(formatter, "tags set: {}", keys.join(", "))
            }
            Self::TagMutability { immutable: true } => formatter.write_str("tags can't be moved any more"),
            Self::TagMutability { immutable: false } => formatter.write_str("tags can be moved"),
            Self::ScanOnPush { enabled: true } => {
                formatter.write_str("images are scanned as they are pushed")
            }
            Self::ScanOnPush { enabled: false } => {
                formatter.write_str("images are not scanned as they are pushed")
            }
            Self::KeyStays { key } => {
                let key = key.as_deref().map_or_else(|| "a key of AWS".to_owned(), printable);
                write!(formatter, "encrypted with {key}, which ECR can't change to `kms_key` any more")
            }
        }
    }
}

/// A document in one line, safe for a terminal.
fn one_line(document: &str) -> String {
    printable(&document.split_whitespace().collect::<Vec<_>>().join(" "))
}
