//! What a project's Dockerfile is for one platform.

use std::collections::{BTreeMap, BTreeSet};

use super::external_image::{ExternalImage, ImageRole};
use crate::config::{LockFile, ProjectConfig};
use crate::dockerfile::{Dockerfile, DockerfileError};
use crate::model::{ManifestDigest, Platform, ProjectName, RepoPath};

/// A Dockerfile, read for one platform.
#[derive(Clone, Debug)]
pub struct Variant {
    /// `None` where only the engine knows its own.
    pub platform: Option<Platform>,
    pub dockerfile: Dockerfile,
    /// What each image reference that the target needs stands for, as it is written there.
    pub parents: BTreeMap<String, ParentImage>,
    /// Where it names external images by tags, in the order of the Dockerfile, the frontends last.
    pub external: Box<[ExternalImage]>,
}

/// What an image reference of a Dockerfile stands for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ParentImage {
    Project(ProjectName),
    /// A named context that is a folder, from the repository root.
    Folder(RepoPath),
    /// An image that no project of the workspace is.
    External,
    /// The same, where `projects.lock` says which: one of these manifests on each of the platforms that it is used for.
    Locked(BTreeSet<ManifestDigest>),
}

impl ParentImage {
    /// Whether no project and no folder is it.
    pub fn is_external(&self) -> bool {
        match self {
            Self::External | Self::Locked(_) => true,
            Self::Project(_) | Self::Folder(_) => false,
        }
    }
}

impl Variant {
    /// Resolves the parents of the stages that `target` needs.
    ///
    /// # Errors
    /// [`DockerfileError::UnknownTarget`] when no stage has this name, [`DockerfileError::ReplacedTarget`] when a named context
    /// stands for it.
    pub(super) fn new(
        platform: Option<Platform>,
        dockerfile: Dockerfile,
        config: &ProjectConfig,
        lock: Option<&LockFile>,
        resolve: impl Fn(&str) -> ParentImage,
    ) -> Result<Self, DockerfileError> {
        let (mut parents, mut external) = (BTreeMap::new(), Vec::new());
        for parent in dockerfile.parents_needed_for(config.target.as_ref())? {
            let image = resolve(&parent.reference);
            if image == ParentImage::External {
                external.extend(ExternalImage::of_parent(parent, platform.as_ref(), lock));
            }
            // What a trigger names may be a stage of a later build. An external image among them is covered by the text.
            if !parent.in_trigger || image != ParentImage::External {
                parents.entry(parent.reference.clone()).or_insert(image);
            }
        }
        for ExternalImage { reference, pin, .. } in &external {
            let Some(pin) = pin else { continue };
            // The text is sent with what it is pinned to, so it doesn't cover a trigger's image any more.
            match parents.entry(reference.clone()).or_insert(ParentImage::External) {
                ParentImage::Locked(manifests) => drop(manifests.insert(pin.covered)),
                image => *image = ParentImage::Locked([pin.covered].into()),
            }
        }
        external.extend(ExternalImage::frontends(&dockerfile, config, lock));
        Ok(Self { platform, dockerfile, parents, external: external.into() })
    }

    /// The frontends that are pinned.
    pub fn pinned_frontends(&self) -> impl Iterator<Item = &ExternalImage> {
        self.external.iter().filter(|image| image.role == ImageRole::Frontend && image.pin.is_some())
    }

    /// References that stand for projects, in their order.
    pub fn own_parents(&self) -> impl Iterator<Item = (&str, &ProjectName)> {
        self.parents.iter().filter_map(|(reference, parent)| match parent {
            ParentImage::Project(project) => Some((reference.as_str(), project)),
            ParentImage::Folder(_) | ParentImage::External | ParentImage::Locked(_) => None,
        })
    }

    /// References that stand for folders, in their order.
    pub fn folders(&self) -> impl Iterator<Item = (&str, &RepoPath)> {
        self.parents.iter().filter_map(|(reference, parent)| match parent {
            ParentImage::Folder(folder) => Some((reference.as_str(), folder)),
            ParentImage::Project(_) | ParentImage::External | ParentImage::Locked(_) => None,
        })
    }

    /// References that stand for no project, in their order.
    pub fn external_parents(&self) -> impl Iterator<Item = &str> {
        let external = self.parents.iter().filter(|(_, parent)| parent.is_external());
        external.map(|(reference, _)| reference.as_str())
    }

    /// The line of the Dockerfile that names a reference first.
    pub fn line_of(&self, reference: &str) -> Option<usize> {
        let mut parents = self.dockerfile.parents().iter();
        parents.find(|parent| parent.reference == reference).map(|parent| parent.line)
    }
}
