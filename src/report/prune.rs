//! What `prune` deletes.

use std::fmt::Write as _;

use serde::Serialize;

use crate::model::Tag;
use crate::prune::{Removal, Removals};

/// How many digits of a digest tell images apart.
const SHORT_DIGITS: usize = 12;

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
}

#[derive(Debug, Serialize)]
struct RemovalJson {
    repository: String,
    digest: String,
    tags: Vec<String>,
}

impl PruneJson {
    pub fn new(removals: &Removals, deleted: bool) -> Self {
        let of = |removals: &[Removal]| {
            let json = |removal: &Removal| RemovalJson {
                repository: removal.repository.to_string(),
                digest: removal.digest.to_string(),
                tags: removal.tags.iter().map(ToString::to_string).collect(),
            };
            removals.iter().map(json).collect()
        };
        Self {
            schema: "chinampa.prune/1",
            deleted,
            records: of(&removals.records),
            images: of(&removals.images),
            kept_records: removals.kept_records,
            kept_images: removals.kept_images,
        }
    }
}

/// A line for each image and record, and a total.
pub fn text(removals: &Removals, deleted: bool) -> String {
    let mut text = String::new();
    for Removal { repository, digest, tags } in removals.records.iter().chain(&removals.images) {
        let digest = digest.to_string();
        let digits = digest.trim_start_matches("sha256:").get(..SHORT_DIGITS).unwrap_or_default();
        let tags: Vec<&str> = tags.iter().map(Tag::as_str).collect();
        writeln!(text, "{repository} {digits} {}", tags.join(", ")).expect("a string can be written to");
    }
    let (images, records) = (removals.images.len(), removals.records.len());
    let done = if deleted { "deleted" } else { "to delete" };
    let Removals { kept_images, kept_records, .. } = removals;
    writeln!(
        text,
        "{images} images and {records} records {done}; {kept_images} images and {kept_records} records stay"
    )
    .expect("a string can be written to");
    text
}
