//! Which external images projects use, by tags.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Platform, ProjectName, TaggedImage};
use crate::workspace::{NeededManifest, Workspace};

/// How an external image is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsedImage {
    /// Where it is named first: `file:line`.
    pub place: String,
    /// The platforms whose manifests are used, each with the first place that needs it.
    pub platforms: BTreeMap<Platform, String>,
    pub projects: BTreeSet<ProjectName>,
}

/// All external images that Dockerfiles name by tags, up to their targets.
pub fn used(workspace: &Workspace) -> BTreeMap<TaggedImage, UsedImage> {
    let mut all: BTreeMap<TaggedImage, UsedImage> = BTreeMap::new();
    for (name, project) in &workspace.projects {
        for external in project.variants.iter().flat_map(|variant| &variant.external) {
            let place = format!("{}:{}", project.config.dockerfile.value, external.line);
            let used = all.entry(external.image.clone()).or_insert_with(|| UsedImage {
                place: place.clone(),
                platforms: BTreeMap::new(),
                projects: BTreeSet::new(),
            });
            used.projects.insert(name.clone());
            if let NeededManifest::Of(platform) = &external.manifest {
                used.platforms.entry(platform.clone()).or_insert(place);
            }
        }
    }
    all
}
