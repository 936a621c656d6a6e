//! What primes a build: the layers of the branch and of the default branch.

use super::{Preparation, TaskBuilder};
use crate::execute::job::{Destination, LayerCache, TaskVariant};
use crate::model::{BranchName, ImageRef, ProjectName, StageName, Tag};
use crate::observe::Zone;
use crate::registry::Storage;

impl<'p> TaskBuilder<'p> {
    /// The branches whose newest images prime a build, and where those are.
    fn branches_to_read(&self) -> Vec<(Zone, &'p BranchName)> {
        let Preparation { workspace, branch_to_read, zone, .. } = self.preparation;
        let mut branches: Vec<(Zone, &BranchName)> =
            branch_to_read.into_iter().map(|branch| (zone, branch)).collect();
        let default_branch = (Zone::Protected, &workspace.settings.default_branch);
        if !branches.contains(&default_branch) {
            branches.push(default_branch);
        }
        branches
    }

    /// Where builders keep the layers of one platform, for this branch and for those that are read.
    pub(super) fn layers(&self, project: &ProjectName, variant: &TaskVariant) -> LayerCache {
        let Preparation { registry, workspace, zone, destination, .. } = self.preparation;
        let image = |zone: Zone, branch: &BranchName| {
            let tag = Tag::branch_layers(branch, variant.platform.as_ref());
            registry.image(&zone.repository(workspace, project), &tag)
        };
        let own = match destination {
            Destination::Shared(tags) => tags.branch.as_ref(),
            Destination::Local(_) | Destination::Untrusted(_) => None,
        };
        LayerCache {
            from: self.branches_to_read().into_iter().map(|(zone, branch)| image(zone, branch)).collect(),
            to: own.map(|branch| image(zone, branch)),
        }
    }

    /// The newest images of the branch and of the default branch, with their stages.
    pub(super) fn cache_from(&self, project: &ProjectName, variants: &[TaskVariant]) -> Vec<ImageRef> {
        let Preparation { registry, workspace, .. } = self.preparation;
        if registry.storage() == Storage::Engine {
            return Vec::new();
        }
        let branches = self.branches_to_read();
        let mut stages: Vec<&StageName> = Vec::new();
        for stage in variants.iter().flat_map(|variant| &variant.stages) {
            if !stages.contains(&stage) {
                stages.push(stage);
            }
        }
        let images = branches.into_iter().flat_map(|(zone, branch)| {
            let repository = zone.repository(workspace, project);
            let of_stages = stages.iter().map(|stage| Tag::branch_stage(branch, stage));
            let tags: Vec<Tag> = [Tag::branch(branch)].into_iter().chain(of_stages).collect();
            tags.into_iter().map(move |tag| registry.image(&repository, &tag))
        });
        images.collect()
    }
}
