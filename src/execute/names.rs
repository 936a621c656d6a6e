//! Names that images have in the engine for as long as something is built from them.

use crate::engine::TEMPORARY_HOST;
use crate::model::{Host, ImageRef, RepositoryName, Tag, random_bits};

/// A local build, as the names of the images that it builds from have it: no other run has the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalRun(String);

impl LocalRun {
    /// A new name.
    pub fn new() -> Self {
        Self(format!("{:016x}", random_bits()))
    }

    /// What this run calls a project's image, which has this name in the engine.
    pub fn parent(&self, image: &ImageRef) -> ImageRef {
        temporary(&image.repository, Tag::parent(&self.0))
    }
}

impl Default for LocalRun {
    fn default() -> Self {
        Self::new()
    }
}

/// The name of an image for a while; `tag` makes it one that nobody else gives or takes away.
pub(super) fn temporary(repository: &RepositoryName, tag: Tag) -> ImageRef {
    // Nobody can own such a name (RFC 2606), so an engine that has lost the image finds no other.
    let host: Host = TEMPORARY_HOST.parse().expect("it is a host");
    ImageRef { host: Some(host), repository: repository.clone(), tag: Some(tag), digest: None }
}
