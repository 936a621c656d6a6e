//! What stays needs nothing that is deleted, whatever the cache has.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::model::{InputDigest, ObjectId};
use crate::record::RecordedImage;

/// The time before which things are old, in days since 1970.
const BEFORE: u64 = 100;

fn time(days: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(days * 24 * 60 * 60)
}

fn digest(number: u8) -> ManifestDigest {
    ManifestDigest::of(&[number])
}

fn commit(number: u8) -> CommitId {
    CommitId(ObjectId::Sha1([number; 20]))
}

fn branch(number: u8) -> BranchName {
    BranchName::new(["main", "feature/a", "gone", "gone/too"][usize::from(number % 4)])
}

fn repository() -> RepositoryName {
    "shop/api".parse().unwrap()
}

/// Tags as builds, deployments and people write them.
fn tag() -> impl Strategy<Value = Tag> {
    (0..8_u8, 0..4_u8).prop_map(|(kind, number)| match kind {
        0 => Tag::cache(&InputDigest::from_bytes([number; 32])),
        1 => Tag::commit(&commit(number)),
        2 => Tag::branch(&branch(number)),
        3 => Tag::branch_stage(&branch(number), &"build".parse().unwrap()),
        4 => Tag::pushed(&digest(number)),
        5 => Tag::deployed("prod"),
        6 => Tag::earlier_record(u64::from(number)),
        _ => "v1.2".parse().unwrap(),
    })
}

prop_compose! {
    fn observed()(
        images in vec((btree_set(tag(), 1..4), option::weighted(0.9, 0..200_u64), btree_set(0..12_u8, 0..2)), 0..12),
        records in vec((vec(0..14_u8, 0..6), option::of(0..200_u64), option::of(0..4_u8)), 0..8),
    ) -> Observed {
        let images = images.into_iter().zip(0..).map(|((tags, created, children), number)| Image {
            repository: repository(),
            digest: digest(number),
            tags,
            children: children.into_iter().map(digest).collect(),
            created: created.map(time),
        });
        let records = records.into_iter().zip(0..).map(|((images, committed, of_branch), number)| {
            let image = |number: u8| RecordedImage {
                repository: "shop/api".to_owned(),
                inputs: InputDigest::from_bytes([number; 32]),
                image: digest(number),
            };
            let project = |number: u8| format!("p{number}").parse().unwrap();
            let tags = [Some(Tag::commit(&commit(number))), of_branch.map(|number| Tag::branch(&branch(number)))];
            Record {
                repository: "shop/shop-builds".parse().unwrap(),
                digest: digest(100 + number),
                tags: tags.into_iter().flatten().collect(),
                record: BuildRecord {
                    commit: commit(number),
                    branch: None,
                    sequence: 0,
                    projects: images.into_iter().map(|number| (project(number), image(number))).collect(),
                    durations: BTreeMap::new(),
                },
                committed: committed.map(time),
            }
        });
        Observed { images: images.collect(), records: records.collect() }
    }
}

proptest! {
    #[test]
    fn what_stays_needs_nothing_that_is_deleted(
        observed in observed(),
        deployed in btree_set((0..14_u8).prop_map(digest), 0..4),
    ) {
        let branches = BTreeSet::from([branch(0), branch(1)]);
        let rules = Rules { before: time(BEFORE), branches: branches.clone(), deployed: deployed.clone() };

        let removals = plan(&observed, &rules);

        let images: BTreeSet<_> = removals.images.iter().map(|removal| removal.digest).collect();
        let records: BTreeSet<_> = removals.records.iter().map(|removal| removal.digest).collect();
        prop_assert_eq!(removals.kept_images + images.len(), observed.images.len());
        prop_assert_eq!(removals.kept_records + records.len(), observed.records.len());
        for record in &observed.records {
            let is_of_branch = record.tags.iter().any(|tag| branches.iter().any(|branch| *tag == Tag::branch(branch)));
            let is_young = record.committed.is_some_and(|committed| committed >= time(BEFORE));
            if is_of_branch || is_young {
                prop_assert!(!records.contains(&record.digest));
            }
            if !records.contains(&record.digest) {
                prop_assert!(record.record.projects.values().all(|project| !images.contains(&project.image)));
            }
        }
        for image in observed.images.iter().filter(|image| images.contains(&image.digest)) {
            prop_assert!(!deployed.contains(&image.digest));
            prop_assert!(image.created.is_some_and(|created| created < time(BEFORE)));
            for tag in &image.tags {
                prop_assert!(tag.is_of_one_build() || tag.is_of_record() || tag.is_of_any_branch(), "{}", tag);
                prop_assert!(!branches.iter().any(|branch| *tag == Tag::branch(branch)), "{}", tag);
            }
        }
        let stay = || observed.images.iter().filter(|image| !images.contains(&image.digest));
        prop_assert!(stay().all(|image| image.children.is_disjoint(&images)));
        let listed: BTreeSet<_> = stay().flat_map(|image| image.children.clone()).collect();
        // What is old and unused goes.
        let named: BTreeSet<_> = observed.records.iter().filter(|record| !records.contains(&record.digest))
            .flat_map(|record| record.record.projects.values().map(|project| project.image)).collect();
        for image in &observed.images {
            let is_old = image.created.is_some_and(|created| created < time(BEFORE));
            let is_of_one_build = image.tags.iter().all(Tag::is_of_one_build);
            let is_needed = [&named, &listed, &deployed].iter().any(|needed| needed.contains(&image.digest));
            if is_old && is_of_one_build && !is_needed {
                prop_assert!(images.contains(&image.digest), "{:?}", image);
            }
        }
    }
}
