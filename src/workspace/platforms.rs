//! Whether the images that a project is built from are there for each of its platforms.
//!
//! An engine that has the image of another platform alone builds from that one, and older ones say nothing.

use std::collections::BTreeSet;

use thiserror::Error;

use super::{ParentImage, Variant, Workspace};
use crate::model::{ErrorKind, Platform, ProjectName};

/// A dependency that has no image for a platform of its dependent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{at}: `{project}` is built for {platform}, but its dependency `{need}` is not ({need_at})")]
pub struct PlatformError {
    /// The line of the manifest.
    pub at: String,
    pub project: ProjectName,
    pub platform: Box<Platform>,
    pub need: ProjectName,
    /// The line of the manifest.
    pub need_at: String,
}

impl PlatformError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Input
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        let Self { platform, need, .. } = self;
        Some(format!(
            "add `{platform}` to `platforms` of `{need}`; what is the same on all platforms can be copied from a stage \
             `FROM --platform=$BUILDPLATFORM {need} AS …`"
        ))
    }
}

impl Workspace {
    /// Checks these projects, in the order of the graph. What a Dockerfile takes with a `--platform` of its own is not looked at.
    ///
    /// # Errors
    /// [`PlatformError`] for the first dependency that lacks a platform.
    pub fn check_platforms(&self, projects: &BTreeSet<ProjectName>) -> Result<(), PlatformError> {
        for name in self.graph.order().filter(|name| projects.contains(*name)) {
            for variant in &self.projects[name].variants {
                let Some(platform) = &variant.platform else { continue };
                if let Some(need) = self.need_without(name, variant, platform) {
                    let at = |name: &ProjectName| {
                        format!("{}:{}", self.manifest_file, self.projects[name].config.line)
                    };
                    return Err(PlatformError {
                        at: at(name),
                        project: name.clone(),
                        platform: Box::new(platform.clone()),
                        need: need.clone(),
                        need_at: at(need),
                    });
                }
            }
        }
        Ok(())
    }

    /// The first dependency that the Dockerfile takes for the platform that is built, and that has no image for it.
    fn need_without<'w>(
        &'w self,
        name: &ProjectName,
        variant: &'w Variant,
        platform: &Platform,
    ) -> Option<&'w ProjectName> {
        let project = &self.projects[name];
        // The target is one of the file's: the variant was made with it.
        let parents = variant.dockerfile.parents_needed_for(project.config.target.as_ref()).ok()?;
        let of_target = parents.into_iter().filter(|parent| parent.platform.is_none() && !parent.in_trigger);
        let mut needs = of_target.filter_map(|parent| match variant.parents.get(&parent.reference)? {
            ParentImage::Project(need) => Some(need),
            ParentImage::Folder(_) | ParentImage::External | ParentImage::Locked(_) => None,
        });
        let has_several = project.variants.len() > 1;
        needs.find(|need| {
            let platforms = self.projects[*need].variants.iter().map(|variant| variant.platform.as_ref());
            // One image for the engine's own platform can be for one of several alone.
            !platforms.into_iter().any(|of_need| match of_need {
                Some(of_need) => of_need.is_same_as(platform),
                None => !has_several,
            })
        })
    }
}
