//! What a dry run says on a terminal of 80 columns.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use super::*;
use crate::engine::LeftoverKind;
use crate::model::{ManifestDigest, Tag};
use crate::prune::Reason;
use crate::report::summary::{Detail, Layout};

const NARROW: Layout = Layout { detail: Detail::Brief, columns: Some(80) };

fn now() -> SystemTime {
    days(100)
}

fn days(days: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(days * 24 * 60 * 60)
}

fn removal(repository: &str, content: u8, tags: &[&str], reason: Reason) -> Removal {
    Removal {
        repository: repository.parse().unwrap(),
        digest: ManifestDigest::of(&[content]),
        tags: tags.iter().map(|tag| tag.parse().unwrap()).collect::<BTreeSet<Tag>>(),
        reason,
        made: Some(days(u64::from(content))),
        bytes: 120_000_000,
    }
}

fn cache() -> Removals {
    let commit = format!("commit-{}", "1".repeat(40));
    let index = ManifestDigest::of(&[5]);
    let gone = || Reason::BranchGone { tags: vec!["branch-feature-a-rather-long-name".parse().unwrap()] };
    Removals {
        records: vec![Removal { bytes: 0, ..removal("shop/shop-builds", 7, &[&commit], Reason::OldCommit) }],
        images: vec![
            removal("shop/api", 9, &[&commit], Reason::Unneeded),
            removal("shop/api", 5, &["branch-feature-a-rather-long-name"], gone()),
            removal("shop/api", 6, &["pushed-a"], Reason::OfPlatform { index }),
            Removal { made: None, ..removal("shop/web", 8, &[&commit], Reason::Unneeded) },
        ],
        kept_records: 1,
        kept_images: 12,
        freed_bytes: 410_000_000,
    }
}

fn shown(pruned: &Pruned, deleted: bool, layout: Layout) -> String {
    text(pruned, deleted, now(), layout).unstyled()
}

#[test]
fn a_dry_run_says_size_age_and_reason_by_repository_and_fits_80_columns() {
    let deploy = DeployRemovals {
        registry: "registry.example".to_owned(),
        environments: vec!["dev".to_owned(), "prod".to_owned()],
        removals: Removals {
            images: vec![removal("team/api", 3, &[&"2".repeat(40)], Reason::NeverRan)],
            kept_images: 1,
            ..Removals::default()
        },
    };
    let image = "shop/api:local".parse().unwrap();
    let leftover = Leftover { image, kind: LeftoverKind::Local, since: days(99), bytes: 1_300_000_000 };
    let local = LocalRemovals { leftovers: vec![leftover], kept: 0 };

    let all = Pruned { cache: Some(cache()), deploy: vec![deploy], local: Some(local) };

    let shown = shown(&all, false, NARROW);
    assert!(shown.lines().all(|line| line.len() <= 80), "{shown}");
    insta::assert_snapshot!(shown, @r"
    shop/shop-builds: 1 build record
      ca358758f6d2             93 days  old commit, newest of no branch (1111111111)
    shop/api: 3 images
      e77b9a9ae9e3  120 MB     95 days  the branch is gone:
                                        branch-feature-a-rather-long-name, with 1
                                        platform
      2b4c342f5433  120 MB     91 days  nothing that stays needs it (1111111111)
    shop/web: 1 image
      beead77994cf  120 MB     unknown  nothing that stays needs it (1111111111)
    4 images and 1 build record to delete, which frees 410 MB; 12 images and 1 build
      record kept
    team/api: 1 image
      084fed08b978  120 MB     97 days  no environment runs or ran it (2222222222)
    1 image of registry.example (dev, prod) to delete; 1 image kept
    shop/api:local  1.3 GB, 24 hours, of a local build
    1 name in the engine to delete; 0 names kept
    `--delete` deletes them
    ");
}

#[test]
fn what_was_deleted_is_counted_and_named_only_with_verbose() {
    let all = Pruned { cache: Some(cache()), ..Pruned::default() };

    let brief = shown(&all, true, NARROW);
    let full = shown(&all, true, Layout { detail: Detail::Full, columns: Some(80) });

    insta::assert_snapshot!(brief, @r"
    shop/shop-builds: 1 build record
    shop/api: 3 images
    shop/web: 1 image
    4 images and 1 build record deleted, which frees 410 MB; 12 images and 1 build
      record kept
    ");
    let digests = cache().images.iter().map(|removal| removal.digest.to_string()).collect::<Vec<_>>();
    assert!(digests.iter().all(|digest| full.contains(digest) && !brief.contains(digest)), "{full}");
}

#[test]
fn where_there_is_nothing_to_delete_no_way_to_delete_it_is_named() {
    let nothing = Pruned { cache: Some(Removals::default()), ..Pruned::default() };

    let shown = shown(&nothing, false, NARROW);

    assert_eq!(shown, "0 images and 0 build records to delete; 0 images and 0 build records kept\n");
}
