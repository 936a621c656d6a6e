//! The tags that deployments move, where files name images by them.

use std::collections::{BTreeMap, BTreeSet};

use super::candidates::Candidate;
use crate::model::{ImageRef, RepositoryName, Tag};

/// The usual names of tags that move. Any other could be a version, which must not move, or one of a developer.
const MOVING: &[&str] = &["current", "edge", "latest", "nightly", "stable"];

/// The moving tags of each candidate's images, in the order of the candidates.
///
/// None where several candidates have images of one repository: there, the tags tell the images apart.
pub(super) fn moving(candidates: &[Candidate]) -> Vec<BTreeSet<Tag>> {
    let images: Vec<Vec<ImageRef>> = { candidates.iter() }
        .map(|candidate| candidate.build.images.iter().filter_map(|image| image.parse().ok()).collect())
        .collect();
    let mut users: BTreeMap<&RepositoryName, BTreeSet<usize>> = BTreeMap::new();
    for (at, images) in images.iter().enumerate() {
        for image in images {
            users.entry(&image.repository).or_default().insert(at);
        }
    }
    let is_alone = |image: &&ImageRef| users[&image.repository].len() == 1;
    let of_candidate = |images: &Vec<ImageRef>| {
        let tags = images.iter().filter(is_alone).filter_map(|image| image.tag.clone());
        tags.filter(|tag| MOVING.contains(&tag.as_str())).collect()
    };
    images.iter().map(of_candidate).collect()
}
