//! Why an external image can't be resolved.

use thiserror::Error;

use crate::model::{ErrorKind, ImagePattern, Platform, TaggedImage};
use crate::registry::RegistryError;
use crate::workspace::LOCK_FILE;

/// Why an external image can't be resolved.
#[derive(Debug, Error)]
pub enum PinError {
    #[error("there is no `{LOCK_FILE}`, so no external image is pinned")]
    NoLockFile,
    #[error("no Dockerfile names `{image}` as an external image")]
    NotUsed { image: ImagePattern },
    /// Where it is named: `file:line`.
    #[error("there is no image `{image}`, which {place} names")]
    NotThere { image: Box<TaggedImage>, place: String },
    /// It was there when it was locked.
    #[error("`{image}` is locked, and its registry does not have the tag any more")]
    Gone { image: Box<TaggedImage> },
    #[error("`{image}` has no image for {platform}, which {place} needs")]
    NoPlatform { image: Box<TaggedImage>, platform: Box<Platform>, place: String },
    #[error("cannot resolve `{image}`")]
    Registry {
        image: Box<TaggedImage>,
        #[source]
        source: RegistryError,
    },
}

impl PinError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoLockFile | Self::NotUsed { .. } | Self::NotThere { .. } | Self::NoPlatform { .. } => {
                ErrorKind::Input
            }
            Self::Gone { .. } => ErrorKind::Environment,
            Self::Registry { source, .. } => source.kind(),
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoLockFile => Some("`chinampa lock` writes it; commit it".to_owned()),
            Self::NotUsed { .. } => Some("`chinampa update` without a reference updates all".to_owned()),
            Self::NotThere { .. } => {
                Some("if only an engine has it, push it to a registry, or make a project of it".to_owned())
            }
            Self::Gone { .. } => Some("name another tag in the Dockerfile, then `chinampa lock`".to_owned()),
            Self::NoPlatform { .. } => {
                Some("take the platform out of `platforms`, or name an image that has it".to_owned())
            }
            Self::Registry { source, .. } => source.hint(),
        }
    }
}
