//! What `prune` deletes.

use serde::Serialize;

use crate::engine::Leftover;
use crate::model::{Tag, Timestamp};
use crate::prune::{Removal, Removals};

/// How many digits of a digest tell images apart.
const SHORT_DIGITS: usize = 12;

/// What was found, in each place that was looked at.
#[derive(Debug, Default)]
pub struct Pruned {
    /// Of the cache.
    pub cache: Option<Removals>,
    /// Of the registries that environments pull from.
    pub deploy: Vec<DeployRemovals>,
    /// Of the engine.
    pub local: Option<LocalRemovals>,
}

/// What a registry has that no environment needs.
#[derive(Debug)]
pub struct DeployRemovals {
    /// The registry's host.
    pub registry: String,
    pub environments: Vec<String>,
    pub removals: Removals,
}

/// What builds left in the engine.
#[derive(Debug, Default)]
pub struct LocalRemovals {
    pub leftovers: Vec<Leftover>,
    /// Too young, or in use.
    pub kept: usize,
}

/// `chinampa.prune/1`
#[derive(Debug, Serialize)]
pub struct PruneJson {
    schema: &'static str,
    /// Whether it was deleted, or only would be.
    deleted: bool,
    records: Vec<RemovalJson>,
    images: Vec<RemovalJson>,
    kept_records: usize,
    kept_images: usize,
    deploy: Vec<DeployJson>,
    local: Vec<LeftoverJson>,
    kept_local: usize,
}

#[derive(Debug, Serialize)]
struct DeployJson {
    registry: String,
    environments: Vec<String>,
    images: Vec<RemovalJson>,
    kept_images: usize,
}

#[derive(Debug, Serialize)]
struct LeftoverJson {
    image: String,
    kind: &'static str,
    since: String,
}

#[derive(Debug, Serialize)]
struct RemovalJson {
    repository: String,
    digest: String,
    tags: Vec<String>,
}

impl PruneJson {
    pub fn new(pruned: &Pruned, deleted: bool) -> Self {
        let nothing = Removals::default();
        let cache = pruned.cache.as_ref().unwrap_or(&nothing);
        let of = |removals: &[Removal]| removals.iter().map(RemovalJson::of).collect();
        let deploy = |it: &DeployRemovals| DeployJson {
            registry: it.registry.clone(),
            environments: it.environments.clone(),
            images: of(&it.removals.images),
            kept_images: it.removals.kept_images,
        };
        let local = |it: &Leftover| LeftoverJson {
            image: it.image.to_string(),
            kind: it.kind.label(),
            since: Timestamp::from(it.since).to_string(),
        };
        let leftovers = pruned.local.iter().flat_map(|local| &local.leftovers);
        Self {
            schema: "chinampa.prune/1",
            deleted,
            records: of(&cache.records),
            images: of(&cache.images),
            kept_records: cache.kept_records,
            kept_images: cache.kept_images,
            deploy: pruned.deploy.iter().map(deploy).collect(),
            local: leftovers.map(local).collect(),
            kept_local: pruned.local.as_ref().map_or(0, |local| local.kept),
        }
    }
}

impl RemovalJson {
    fn of(removal: &Removal) -> Self {
        Self {
            repository: removal.repository.to_string(),
            digest: removal.digest.to_string(),
            tags: removal.tags.iter().map(ToString::to_string).collect(),
        }
    }
}

/// A line for each image and record, and a total for each place.
pub fn text(pruned: &Pruned, deleted: bool) -> String {
    let mut text = String::new();
    let done = if deleted { "deleted" } else { "to delete" };
    if let Some(Removals { records, images, kept_images, kept_records }) = &pruned.cache {
        text.extend(records.iter().chain(images).map(removal_line));
        let (images, records) = (images.len(), records.len());
        text.push_str(&format!(
            "{images} images and {records} records {done}; {kept_images} images and {kept_records} records stay\n"
        ));
    }
    for DeployRemovals { registry, environments, removals } in &pruned.deploy {
        text.extend(removals.images.iter().map(removal_line));
        let (images, kept, names) = (removals.images.len(), removals.kept_images, environments.join(", "));
        text.push_str(&format!("{images} images of {registry} ({names}) {done}; {kept} images stay\n"));
    }
    if let Some(LocalRemovals { leftovers, kept }) = &pruned.local {
        let line = |it: &Leftover| {
            format!("{} {}, since {}\n", it.image, it.kind.label(), Timestamp::from(it.since))
        };
        text.extend(leftovers.iter().map(line));
        text.push_str(&format!("{} names in the engine {done}; {kept} names stay\n", leftovers.len()));
    }
    text
}

fn removal_line(Removal { repository, digest, tags }: &Removal) -> String {
    let digest = digest.to_string();
    let digits = digest.trim_start_matches("sha256:").get(..SHORT_DIGITS).unwrap_or_default();
    let tags: Vec<&str> = tags.iter().map(Tag::as_str).collect();
    format!("{repository} {digits} {}\n", tags.join(", "))
}
