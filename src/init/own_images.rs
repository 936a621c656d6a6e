//! Which names of registries mean projects: those under which Dockerfiles take what their projects are said to need.

use std::collections::BTreeSet;

use super::evidence::Build;
use super::{Guess, Proposal, SourceLocation};
use crate::dockerfile::Dockerfile;
use crate::model::{ImagePrefix, ImageRef, ProjectName, RepositoryName};
use crate::workspace::MANIFEST;

/// Notes what the images begin with by which this Dockerfile takes one of `needs`. Without that, the project could not be built: its
/// dependency would be taken from elsewhere.
pub(super) fn note(
    proposal: &mut Proposal,
    build: &Build,
    dockerfile: &Dockerfile,
    needs: &BTreeSet<ProjectName>,
) {
    for parent in dockerfile.parents() {
        let Ok(image) = parent.reference.parse::<ImageRef>() else { continue };
        let prefix = needs.iter().find_map(|need| prefix(&image, need));
        let Some(prefix) = prefix.filter(|_| image.digest.is_none()) else { continue };
        let at = SourceLocation::new(&build.dockerfile, parent.line);
        let says =
            format!("`own_images` of `{MANIFEST}` has `{prefix}`: `{}` is a dependency", parent.reference);
        if proposal.own_images.insert(prefix) {
            proposal.guesses.push(Guess { at, says });
        }
    }
}

/// What stands before the name of the project, which is its repository too, where the image ends in that.
fn prefix(image: &ImageRef, project: &ProjectName) -> Option<ImagePrefix> {
    let repository: RepositoryName = project.as_str().parse().ok()?;
    let name = image.name();
    let prefix: ImagePrefix = name.strip_suffix(repository.as_str())?.parse().ok()?;
    prefix.to_string().ends_with('/').then_some(prefix)
}
