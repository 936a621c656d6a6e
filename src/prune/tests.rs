//! What stays needs nothing that is deleted, whatever the cache has.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::model::{InputDigest, ObjectId, Timestamp};
use crate::record::{
    DeployedProject, DeployedRecord, DeploymentOutcome, PastDeployment, ProjectState, RecordedImage,
};

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

/// A layer that each image shares with one other, and one of its own.
fn blobs_of(number: u8) -> BTreeMap<ManifestDigest, u64> {
    let shared = (ManifestDigest::of(&[200, number / 2]), 100);
    BTreeMap::from([shared, (ManifestDigest::of(&[201, number]), u64::from(number))])
}

/// What a registry has less after images are deleted: the sum over all layers before, and after.
fn freed(images: &[Image], gone: &BTreeSet<ManifestDigest>) -> u64 {
    let sum = |images: &mut dyn Iterator<Item = &Image>| {
        let blobs: BTreeMap<ManifestDigest, u64> =
            images.flat_map(|image| image.blobs.iter().map(|(blob, bytes)| (*blob, *bytes))).collect();
        blobs.values().sum::<u64>()
    };
    let after = sum(&mut images.iter().filter(|image| !gone.contains(&image.digest)));
    sum(&mut images.iter()) - after
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
            blobs: blobs_of(number),
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
                    builders: BTreeMap::new(),
                },
                committed: committed.map(time),
            }
        });
        Observed { images: images.collect(), records: records.collect() }
    }
}

/// Tags as deployments and people write them.
fn deployed_tag() -> impl Strategy<Value = Tag> {
    (0..6_u8, 0..6_u8).prop_map(|(kind, number)| match kind {
        0 => "shop-prod".parse().unwrap(),
        1 => "v1.2".parse().unwrap(),
        _ => commit(number).to_string().parse().unwrap(),
    })
}

/// A record of an environment that runs some images, each of a commit, and ran commits before.
fn deployed_record(images: &[(u8, u8)], history: &[u8]) -> DeployedRecord {
    let project = |(image, of_commit): &(u8, u8)| {
        let recorded = RecordedImage {
            repository: "team/api".to_owned(),
            inputs: InputDigest::from_bytes([*image; 32]),
            image: digest(*image),
        };
        let project = DeployedProject {
            image: recorded,
            commit: commit(*of_commit),
            at: None,
            state: ProjectState::ImageOnly,
        };
        (format!("p{image}").parse().unwrap(), project)
    };
    let past = |number: &u8| PastDeployment {
        commit: commit(*number),
        began: Timestamp::from_millis(1),
        ended: None,
        by: "job".to_owned(),
        outcome: DeploymentOutcome::Deployed,
        changed: 1,
        failed: None,
    };
    DeployedRecord {
        projects: images.iter().map(project).collect(),
        history: history.iter().map(past).collect(),
        ..DeployedRecord::new("prod".parse().unwrap())
    }
}

proptest! {
    /// The same of the registries that environments pull from: no environment loses what its record or its history names.
    #[test]
    fn what_environments_run_and_ran_is_never_deleted(
        images in vec((btree_set(deployed_tag(), 1..4), option::weighted(0.9, 0..200_u64), btree_set(0..12_u8, 0..2)), 0..12),
        records in vec((vec((0..14_u8, 0..6_u8), 0..3), vec(0..6_u8, 0..3)), 0..3),
    ) {
        let images: Vec<Image> = images.into_iter().zip(0..).map(|((tags, created, children), number)| Image {
            repository: repository(),
            digest: digest(number),
            tags,
            children: children.into_iter().map(digest).collect(),
            created: created.map(time),
            blobs: blobs_of(number),
        }).collect();
        let records: Vec<DeployedRecord> =
            records.iter().map(|(images, history)| deployed_record(images, history)).collect();
        let mut named = Named::default();
        records.iter().for_each(|record| named.add(record));

        let removals = plan_deployed(&images, &DeployRules { before: time(BEFORE), named });

        let gone: BTreeSet<_> = removals.images.iter().map(|removal| removal.digest).collect();
        prop_assert!(removals.records.is_empty());
        prop_assert_eq!(removals.freed_bytes, freed(&images, &gone));
        prop_assert_eq!(removals.kept_images + gone.len(), images.len());
        let runs: BTreeSet<_> =
            records.iter().flat_map(|record| record.projects.values().map(|project| project.image.image)).collect();
        prop_assert!(runs.is_disjoint(&gone), "{:?}", gone);
        let ran: BTreeSet<Tag> = records.iter()
            .flat_map(|record| record.history.iter().map(|past| past.commit)
                .chain(record.projects.values().map(|project| project.commit)))
            .map(|commit| commit.to_string().parse().unwrap())
            .collect();
        let stay = || images.iter().filter(|image| !gone.contains(&image.digest));
        let listed: BTreeSet<_> = stay().flat_map(|image| image.children.clone()).collect();
        prop_assert!(listed.is_disjoint(&gone));
        for image in &images {
            let is_old = image.created.is_some_and(|created| created < time(BEFORE));
            let has_only_commits = image.tags.iter().all(|tag| tag.as_commit().is_some());
            let ran_here = !image.tags.is_disjoint(&ran);
            let is_needed = runs.contains(&image.digest) || ran_here || listed.contains(&image.digest);
            let goes = is_old && has_only_commits && !is_needed;
            prop_assert_eq!(gone.contains(&image.digest), goes, "{:?}", image);
        }
    }

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
        prop_assert_eq!(removals.freed_bytes, freed(&observed.images, &images));
        for removal in &removals.images {
            let has_gone_branch = removal.tags.iter().any(Tag::is_of_any_branch);
            let index = observed.images.iter().find(|image| {
                images.contains(&image.digest) && image.children.contains(&removal.digest)
            });
            let label = match (index, has_gone_branch) {
                (Some(_), _) => "of_platform",
                (None, true) => "branch_gone",
                (None, false) => "unneeded",
            };
            prop_assert_eq!(removal.reason.label(), label, "{:?}", removal);
        }
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

#[test]
fn what_says_how_long_a_build_took_goes_with_its_image() {
    let inputs = |number| InputDigest::from_bytes([number; 32]);
    let image = |number, tag, created: Option<u64>| Image {
        repository: repository(),
        digest: digest(number),
        tags: [tag].into(),
        children: BTreeSet::new(),
        created: created.map(time),
        blobs: BTreeMap::new(),
    };
    let images = vec![
        image(1, Tag::cache(&inputs(1)), Some(BEFORE - 1)),
        image(2, Tag::timing(&inputs(1)), None),
        image(3, Tag::cache(&inputs(2)), Some(BEFORE)),
        image(4, Tag::timing(&inputs(2)), None),
        image(5, Tag::timing(&inputs(3)), None),
    ];
    let rules = Rules { before: time(BEFORE), branches: BTreeSet::new(), deployed: BTreeSet::new() };

    let removals = plan(&Observed { images, records: Vec::new() }, &rules);

    let gone: Vec<_> = removals.images.iter().map(|removal| removal.digest).collect();
    assert_eq!(gone, [1, 2, 5].map(digest));
}

#[test]
fn what_is_said_of_an_image_goes_with_it_and_no_sooner() {
    let image = |number, tag: Tag, days| Image {
        repository: repository(),
        digest: digest(number),
        tags: [tag].into(),
        children: BTreeSet::new(),
        created: days,
        blobs: BTreeMap::new(),
    };
    let [old, young] = [1, 2].map(|number| InputDigest::from_bytes([number; 32]));
    let images = vec![
        image(1, Tag::cache(&old), Some(time(1))),
        image(2, Tag::cache(&young), Some(time(BEFORE + 1))),
        image(3, Tag::attestation(&digest(1), &digest(3)), None),
        image(4, Tag::cosign(&digest(3), "sig"), None),
        image(5, Tag::referrers(&digest(2)), None),
        image(6, Tag::cosign(&digest(99), "sig"), None),
    ];
    let observed = Observed { images, records: Vec::new() };
    let rules = Rules { before: time(BEFORE), branches: BTreeSet::new(), deployed: BTreeSet::new() };

    let removals = plan(&observed, &rules);

    let gone: BTreeSet<_> = removals.images.iter().map(|removal| removal.digest).collect();
    assert_eq!(gone, [1, 3, 4].map(digest).into());
    assert_eq!(removals.kept_images, 3);
}
