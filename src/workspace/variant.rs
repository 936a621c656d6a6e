//! What a project's Dockerfile is for one platform.

use std::collections::BTreeMap;

use crate::dockerfile::{Dockerfile, DockerfileError};
use crate::model::{Platform, ProjectName, RepoPath, StageName};

/// A Dockerfile, read for one platform.
#[derive(Clone, Debug)]
pub struct Variant {
    /// `None` where only the engine knows its own.
    pub platform: Option<Platform>,
    pub dockerfile: Dockerfile,
    /// What each image reference that the target needs stands for, as it is written there.
    pub parents: BTreeMap<String, ParentImage>,
}

/// What an image reference of a Dockerfile stands for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ParentImage {
    Project(ProjectName),
    /// A named context that is a folder, from the repository root.
    Folder(RepoPath),
    /// An image that no project of the workspace is.
    External,
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
        target: Option<&StageName>,
        resolve: impl Fn(&str) -> ParentImage,
    ) -> Result<Self, DockerfileError> {
        let mut parents = BTreeMap::new();
        for parent in dockerfile.parents_needed_for(target)? {
            let image = resolve(&parent.reference);
            // What a trigger names may be a stage of a later build. An external image among them is covered by the text.
            if !parent.in_trigger || image != ParentImage::External {
                parents.insert(parent.reference.clone(), image);
            }
        }
        Ok(Self { platform, dockerfile, parents })
    }

    /// References that stand for projects, in their order.
    pub fn own_parents(&self) -> impl Iterator<Item = (&str, &ProjectName)> {
        self.parents.iter().filter_map(|(reference, parent)| match parent {
            ParentImage::Project(project) => Some((reference.as_str(), project)),
            ParentImage::Folder(_) | ParentImage::External => None,
        })
    }

    /// References that stand for folders, in their order.
    pub fn folders(&self) -> impl Iterator<Item = (&str, &RepoPath)> {
        self.parents.iter().filter_map(|(reference, parent)| match parent {
            ParentImage::Folder(folder) => Some((reference.as_str(), folder)),
            ParentImage::Project(_) | ParentImage::External => None,
        })
    }

    /// References that stand for no project, in their order.
    pub fn external_parents(&self) -> impl Iterator<Item = &str> {
        self.parents.iter().filter_map(|(reference, parent)| match parent {
            ParentImage::External => Some(reference.as_str()),
            ParentImage::Project(_) | ParentImage::Folder(_) => None,
        })
    }

    /// The line of the Dockerfile that names a reference first.
    pub fn line_of(&self, reference: &str) -> Option<usize> {
        let mut parents = self.dockerfile.parents().iter();
        parents.find(|parent| parent.reference == reference).map(|parent| parent.line)
    }
}
