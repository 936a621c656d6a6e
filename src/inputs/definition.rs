//! What a project is made from besides the content of files, as the fields that the digest covers.
//!
//! The digest hashes them, and a comparison with a base looks for those that only one of the two has: so there is
//! nothing in the one that the other doesn't see.

use std::collections::BTreeSet;

use crate::model::{ManifestDigest, Platform, ProjectName, RepoPath};
use crate::workspace::{ParentImage, Project, Variant};

/// One field of a project's definition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Field<'p> {
    Context(&'p RepoPath),
    Hermetic(bool),
    Dockerfile(&'p RepoPath),
    /// Empty for the last stage.
    Target(&'p str),
    Platform(String),
    BuildArg {
        name: &'p str,
        value: &'p str,
    },
    /// Where a secret comes from, never its value.
    Secret {
        id: &'p str,
        kind: &'static str,
        from: &'p [u8],
    },
    /// An id by which steps mount an ssh agent, whichever that is.
    Ssh(&'p str),
    /// A project that it needs itself.
    Need(&'p ProjectName),
    Parent {
        platform: String,
        reference: &'p str,
        image: &'p ParentImage,
    },
    /// What reads the Dockerfile, where a lock file says which image that is.
    Frontend {
        reference: &'p str,
        manifest: ManifestDigest,
    },
}

/// All fields, in the order of `docs/input-digest.md`.
pub(super) fn fields(project: &Project) -> Vec<Field<'_>> {
    let config = &project.config;
    let mut fields = vec![
        Field::Context(&config.context.value),
        Field::Hermetic(config.hermetic),
        Field::Dockerfile(&config.dockerfile.value),
        Field::Target(config.target.as_ref().map_or("", |target| target.as_str())),
    ];
    fields.extend(config.platforms.iter().map(|platform| Field::Platform(platform.to_string())));
    fields.extend(config.build_args.iter().map(|(name, value)| Field::BuildArg { name, value }));
    fields.extend(config.secrets.iter().map(|(id, source)| {
        let (kind, from) = source.key_and_value();
        Field::Secret { id, kind, from }
    }));
    fields.extend(config.ssh.iter().map(|id| Field::Ssh(id)));
    let mut needs: Vec<&ProjectName> = project.needs().collect();
    needs.sort_unstable();
    needs.dedup();
    fields.extend(needs.into_iter().map(Field::Need));
    for variant in &project.variants {
        let platform = variant.platform.as_ref().map(Platform::to_string).unwrap_or_default();
        fields.extend(variant.parents.iter().map(|(reference, image)| Field::Parent {
            platform: platform.clone(),
            reference,
            image,
        }));
    }
    let frontends = project.variants.iter().flat_map(Variant::pinned_frontends);
    let frontends: BTreeSet<_> = frontends
        .filter_map(|frontend| {
            let (reference, manifest) = (frontend.reference.as_str(), frontend.pin?.covered);
            Some(Field::Frontend { reference, manifest })
        })
        .collect();
    fields.extend(frontends);
    fields
}
