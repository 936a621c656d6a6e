//! Decides what is deleted. Pure: the same observations and rules, the same answer.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use super::{DeployRules, Image, Observed, Reason, Record, Rules};
use crate::model::{ManifestDigest, RepositoryName, Tag};

/// Something that is deleted, with all its tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    pub repository: RepositoryName,
    pub digest: ManifestDigest,
    pub tags: BTreeSet<Tag>,
    pub reason: Reason,
    /// When the image was built, or the commit of the record was made; `None` where nothing says that.
    pub made: Option<SystemTime>,
    /// Of all layers of the image, which others may have too; 0 for a record.
    pub bytes: u64,
}

/// What is deleted, in this order, and how much stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removals {
    /// Deleted first: a record proves that its images are there.
    pub records: Vec<Removal>,
    pub images: Vec<Removal>,
    pub kept_records: usize,
    pub kept_images: usize,
    /// Of the layers that no image has which stays.
    pub freed_bytes: u64,
}

/// Decides what is deleted.
pub fn plan(observed: &Observed, rules: &Rules) -> Removals {
    let created: BTreeMap<&ManifestDigest, SystemTime> =
        observed.images.iter().filter_map(|image| Some((&image.digest, image.created?))).collect();
    let (kept, old): (Vec<&Record>, Vec<&Record>) =
        observed.records.iter().partition(|record| rules.keep_record(record, &created));
    let needed: BTreeSet<&ManifestDigest> = kept
        .iter()
        .flat_map(|record| record.record.projects.values().map(|project| &project.image))
        .collect();
    let stays = |image: &&Image| {
        let is_used = needed.contains(&image.digest) || rules.deployed.contains(&image.digest);
        is_used || !image.is_timing() && rules.keep_image(image)
    };
    let staying = with_children(&observed.images, |image| !image.is_attestation() && stays(image));
    let staying = with_timings(&observed.images, staying);
    let going = observed.images.iter().filter(|image| !image.is_attestation());
    let going = going.map(|image| &image.digest).filter(|digest| !staying.contains(digest));
    let going = with_attestations(&observed.images, going.collect());
    let (images, unneeded): (Vec<&Image>, Vec<&Image>) =
        observed.images.iter().partition(|image| !going.contains(&image.digest));
    Removals {
        records: old
            .into_iter()
            .map(|record| Removal {
                repository: record.repository.clone(),
                digest: record.digest,
                tags: record.tags.clone(),
                reason: Reason::of_record(record),
                made: record.committed.or_else(|| newest_image(record, &created)),
                bytes: 0,
            })
            .collect(),
        freed_bytes: freed_bytes(&unneeded, &images),
        images: removals(&unneeded, Reason::of_image),
        kept_records: kept.len(),
        kept_images: images.len(),
    }
}

/// What is deleted, and what says something of it, of which something may be said in turn.
fn with_attestations<'i>(
    images: &'i [Image],
    mut going: BTreeSet<&'i ManifestDigest>,
) -> BTreeSet<&'i ManifestDigest> {
    loop {
        let is_said_of_it = |tag: &Tag| tag.attested().is_some_and(|subject| going.contains(&subject));
        let attestations = images.iter().filter(|image| image.is_attestation());
        let attestations = attestations.filter(|image| image.tags.iter().all(is_said_of_it));
        let attestations: BTreeSet<_> = attestations.map(|image| &image.digest).collect();
        if attestations.is_subset(&going) {
            return going;
        }
        going.extend(attestations);
    }
}

/// Decides what is deleted from registries that environments pull from: old images that no environment's record names,
/// and whose tags are those of commits alone.
pub fn plan_deployed(images: &[Image], rules: &DeployRules) -> Removals {
    let staying = with_children(images, |image| rules.keeps(image));
    let (kept, unneeded): (Vec<&Image>, Vec<&Image>) =
        images.iter().partition(|image| staying.contains(&image.digest));
    Removals {
        freed_bytes: freed_bytes(&unneeded, &kept),
        images: removals(&unneeded, |_| Reason::NeverRan),
        kept_images: kept.len(),
        ..Removals::default()
    }
}

/// The images that stay for their own sake, and those that they list: the image of a platform has a tag of its own from its
/// push, and goes with the last image that lists it.
fn with_children(images: &[Image], stays: impl Fn(&&Image) -> bool) -> BTreeSet<&ManifestDigest> {
    let mut staying: BTreeSet<&ManifestDigest> =
        images.iter().filter(stays).map(|image| &image.digest).collect();
    loop {
        let listed = images.iter().filter(|image| staying.contains(&image.digest));
        let listed: BTreeSet<_> = listed.flat_map(|image| &image.children).collect();
        if listed.is_subset(&staying) {
            return staying;
        }
        staying.extend(listed);
    }
}

/// Adds the timings of the images that stay.
fn with_timings<'i>(
    images: &'i [Image],
    mut staying: BTreeSet<&'i ManifestDigest>,
) -> BTreeSet<&'i ManifestDigest> {
    let kept = images.iter().filter(|image| staying.contains(&image.digest));
    let tags: BTreeSet<(&RepositoryName, &Tag)> =
        kept.flat_map(|image| image.tags.iter().map(|tag| (&image.repository, tag))).collect();
    let is_of_kept = |image: &&Image| {
        let mut timed = image.tags.iter().filter_map(Tag::timed_image);
        image.is_timing() && timed.any(|tag| tags.contains(&(&image.repository, &tag)))
    };
    staying.extend(images.iter().filter(is_of_kept).map(|image| &image.digest));
    staying
}

impl Image {
    /// Whether it is no image, but says how long the build of one took.
    fn is_timing(&self) -> bool {
        self.tags.iter().all(|tag| tag.timed_image().is_some()) && !self.tags.is_empty()
    }

    /// Whether it is no image, but says something of one.
    fn is_attestation(&self) -> bool {
        !self.tags.is_empty() && self.tags.iter().all(|tag| tag.attested().is_some())
    }
}

/// The images, each with the reason why it goes: one of a platform goes with what lists it.
fn removals(images: &[&Image], reason: impl Fn(&Image) -> Reason) -> Vec<Removal> {
    let listed = images.iter().flat_map(|index| index.children.iter().map(|child| (child, index.digest)));
    let indexes: BTreeMap<&ManifestDigest, ManifestDigest> = listed.collect();
    let removal = |image: &&Image| Removal {
        repository: image.repository.clone(),
        digest: image.digest,
        tags: image.tags.clone(),
        reason: match indexes.get(&image.digest) {
            Some(index) => Reason::OfPlatform { index: *index },
            None => reason(image),
        },
        made: image.created,
        bytes: image.blobs.values().sum(),
    };
    images.iter().map(removal).collect()
}

/// The bytes of the layers that only images have which are deleted.
fn freed_bytes(deleted: &[&Image], kept: &[&Image]) -> u64 {
    let kept: BTreeSet<&ManifestDigest> = kept.iter().flat_map(|image| image.blobs.keys()).collect();
    let deleted: BTreeMap<&ManifestDigest, u64> =
        deleted.iter().flat_map(|image| &image.blobs).map(|(blob, bytes)| (blob, *bytes)).collect();
    deleted.iter().filter(|(blob, _)| !kept.contains(*blob)).map(|(_, bytes)| bytes).sum()
}

/// When the newest image was built that a record names; `None` where none of them is there and says it.
fn newest_image(record: &Record, created: &BTreeMap<&ManifestDigest, SystemTime>) -> Option<SystemTime> {
    record.record.projects.values().filter_map(|project| created.get(&project.image).copied()).max()
}

impl DeployRules {
    fn keeps(&self, image: &Image) -> bool {
        let is_young = image.created.is_none_or(|created| created >= self.before);
        // A tag that is not a commit's is a version's, an environment's, or somebody else's.
        let is_of_other_use =
            |tag: &Tag| tag.as_commit().is_none_or(|commit| self.named.commits.contains(&commit));
        is_young || self.named.images.contains(&image.digest) || image.tags.iter().any(is_of_other_use)
    }
}

impl Rules {
    /// A record of a branch stays while the branch does, one of a commit while that, or its newest image, is young.
    fn keep_record(&self, record: &Record, created: &BTreeMap<&ManifestDigest, SystemTime>) -> bool {
        let of_commit = Tag::commit(&record.commit());
        let others: Vec<&Tag> = record.tags.iter().filter(|tag| **tag != of_commit).collect();
        let is_used = |tag: &&Tag| !tag.is_of_any_branch() || self.has_branch(tag);
        if others.iter().any(is_used) {
            return true;
        }
        // An image that is not there, or does not say when it was built, makes no record young.
        record.committed.or_else(|| newest_image(record, created)).is_none_or(|time| time >= self.before)
    }

    fn keep_image(&self, image: &Image) -> bool {
        let is_young = image.created.is_none_or(|created| created >= self.before);
        is_young || self.deployed.contains(&image.digest) || image.tags.iter().any(|tag| self.keeps(tag))
    }

    /// Whether an image with this tag stays for the tag's sake.
    fn keeps(&self, tag: &Tag) -> bool {
        if tag.is_of_any_branch() {
            return self.has_branch(tag);
        }
        // What a record names that stays is known from the record.
        !tag.is_of_one_build() && !tag.is_of_record()
    }

    fn has_branch(&self, tag: &Tag) -> bool {
        self.branches.iter().any(|branch| tag.is_of_branch(branch))
    }
}
