//! What `prune` deletes.

mod listing;
#[cfg(test)]
mod tests;

pub use listing::text;

use serde::Serialize;

use crate::engine::Leftover;
use crate::model::Timestamp;
use crate::prune::{Removal, Removals};

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
    freed_bytes: u64,
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
    freed_bytes: u64,
}

#[derive(Debug, Serialize)]
struct LeftoverJson {
    image: String,
    kind: &'static str,
    since: String,
    bytes: u64,
}

#[derive(Debug, Serialize)]
struct RemovalJson {
    repository: String,
    digest: String,
    tags: Vec<String>,
    reason: &'static str,
    made: Option<String>,
    bytes: u64,
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
            freed_bytes: it.removals.freed_bytes,
        };
        let local = |it: &Leftover| LeftoverJson {
            image: it.image.to_string(),
            kind: it.kind.label(),
            since: Timestamp::from(it.since).to_string(),
            bytes: it.bytes,
        };
        let leftovers = pruned.local.iter().flat_map(|local| &local.leftovers);
        Self {
            schema: "chinampa.prune/1",
            deleted,
            records: of(&cache.records),
            images: of(&cache.images),
            kept_records: cache.kept_records,
            kept_images: cache.kept_images,
            freed_bytes: cache.freed_bytes,
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
            reason: removal.reason.label(),
            made: removal.made.map(|made| Timestamp::from(made).to_string()),
            bytes: removal.bytes,
        }
    }
}
