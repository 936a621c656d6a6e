//! The images of Dockerfiles that no project is, and what `projects.lock` pins them to.

use crate::config::{LockFile, LockedImage, ProjectConfig};
use crate::dockerfile::{Dockerfile, FRONTEND_ARGUMENT, Parent};
use crate::model::{ImageRef, ManifestDigest, Platform, StageName, TaggedImage};

/// A place where a Dockerfile names an external image by a tag. References with a digest are none: they are pinned where they
/// stand; and neither is what no registry could have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalImage {
    /// As the Dockerfile names it, with variables filled in.
    pub reference: String,
    pub image: TaggedImage,
    pub line: usize,
    pub role: ImageRole,
    pub manifest: NeededManifest,
    /// `None` where no lock file has it.
    pub pin: Option<Pin>,
}

/// What an external image is to a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageRole {
    /// A stage starts from it, copies from it, or mounts it.
    Parent,
    /// `ONBUILD` names it, for builds that start from this image.
    Trigger,
    /// It reads the Dockerfile.
    Frontend,
}

/// Which manifest of an image a build uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NeededManifest {
    Of(Platform),
    /// The platform is known to the engine alone, or any may be used: all that the image has count.
    Any,
}

/// What an image is pinned to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin {
    /// Builds get this one: of the index, or of the manifest where there is no index.
    pub digest: ManifestDigest,
    /// The input digest covers this one: of the manifest that is used, if that is known.
    pub covered: ManifestDigest,
}

impl ExternalImage {
    /// `None` for what is not locked.
    pub(super) fn of_parent(
        parent: &Parent,
        platform: Option<&Platform>,
        lock: Option<&LockFile>,
    ) -> Option<Self> {
        let role = if parent.in_trigger { ImageRole::Trigger } else { ImageRole::Parent };
        // What a trigger names may be a stage of a later build.
        if role == ImageRole::Trigger && parent.reference.parse::<StageName>().is_ok() {
            return None;
        }
        let manifest = match (role, &parent.platform, platform) {
            (ImageRole::Trigger | ImageRole::Frontend, ..) | (_, None, None) => NeededManifest::Any,
            (_, Some(written), _) => written.parse().map_or(NeededManifest::Any, NeededManifest::Of),
            (_, None, Some(platform)) => NeededManifest::Of(platform.clone()),
        };
        Self::new(parent.reference.clone(), parent.line, role, manifest, lock)
    }

    /// What reads a Dockerfile, by `# syntax=` and by a build argument: which of the two counts differs from engine to engine.
    pub(super) fn frontends(
        dockerfile: &Dockerfile,
        config: &ProjectConfig,
        lock: Option<&LockFile>,
    ) -> Vec<Self> {
        let written = dockerfile.frontend();
        let argument = config.build_args.get(FRONTEND_ARGUMENT).map(|image| (1, image.clone()));
        let new = |(line, image)| Self::new(image, line, ImageRole::Frontend, NeededManifest::Any, lock);
        written.into_iter().chain(argument).filter_map(new).collect()
    }

    fn new(
        reference: String,
        line: usize,
        role: ImageRole,
        manifest: NeededManifest,
        lock: Option<&LockFile>,
    ) -> Option<Self> {
        let image = reference.parse().ok()?;
        let pin = lock.and_then(|lock| lock.get(&image)).and_then(|locked| Pin::new(locked, &manifest));
        Some(Self { reference, image, line, role, manifest, pin })
    }

    /// What builds get in its place: the name and the tag stay, for whoever reads a log.
    pub fn pinned(&self) -> Option<ImageRef> {
        let reference: ImageRef = self.reference.parse().ok()?;
        Some(ImageRef { digest: Some(self.pin?.digest), ..reference })
    }
}

impl Pin {
    /// `None` where the lock file lacks the platform.
    fn new(locked: &LockedImage, manifest: &NeededManifest) -> Option<Self> {
        let covered = match manifest {
            NeededManifest::Of(platform) => locked.manifest(platform)?,
            NeededManifest::Any => locked.digest,
        };
        Some(Self { digest: locked.digest, covered })
    }
}
