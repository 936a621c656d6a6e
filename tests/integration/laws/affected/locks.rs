//! Lock files that have every image which a Dockerfile of these repositories can name.

use chinampa::internals::config::{LockFile, LockedImage};
use chinampa::internals::model::{ManifestDigest, TaggedImage};
use proptest::prelude::*;

/// All images that are named by tags, with variables filled in.
const IMAGES: [&str; 23] = [
    "node:22",
    "p1:latest",
    "p1:v1",
    "p2:latest",
    "p2:v1",
    "reg.example:5000/t/p1:latest",
    "reg.example:5000/t/p1:v2",
    "reg.example:5000/t/p2:latest",
    "reg.example:5000/t/p2:v1",
    "reg.example:5000/p2:latest",
    "dep.example/r2:latest",
    "dep.example/p1:latest",
    "dep.example/p1:v1",
    "lib-amd64:latest",
    "lib-arm64:latest",
    "t/p1:latest",
    "quay.io/acme/p1:latest",
    "quay.io/acme/p2:v1",
    "acme/base:1",
    "one:latest",
    "docker/dockerfile:1",
    "example/other:latest",
    "acme/base:latest",
];

const PLATFORMS: [&str; 2] = ["linux/amd64", "linux/arm64"];

/// What the file says of one image, as numbers that digests are made of: of the index, and of each platform.
type Digests = [u8; 3];

#[derive(Clone, Debug)]
pub(super) enum Lock {
    Whole([Digests; IMAGES.len()]),
    /// One of its images is left out.
    Without(usize, [Digests; IMAGES.len()]),
    Broken,
}

/// Something that is done to a lock file.
#[derive(Clone, Debug)]
pub(super) enum LockEdit {
    Remove,
    Break,
    Write(Digests),
    Image(usize, Digests),
    LeaveOut(usize),
}

impl Lock {
    pub(super) fn text(&self) -> String {
        let (left_out, all) = match self {
            Self::Broken => return "version = 1\nlocked = true\n".to_owned(),
            Self::Whole(all) => (None, all),
            Self::Without(left_out, all) => (Some(*left_out), all),
        };
        let images = IMAGES.iter().zip(all).enumerate().filter(|(number, _)| Some(*number) != left_out);
        let lock: LockFile = images
            .map(|(number, (image, [index, of_platforms @ ..]))| {
                let digest = |place: u8, content: u8| {
                    ManifestDigest::of(&[u8::try_from(number).unwrap(), place, content])
                };
                let platforms = PLATFORMS.iter().zip(of_platforms).zip(1..);
                let platforms = platforms
                    .map(|((platform, content), place)| (platform.parse().unwrap(), digest(place, *content)));
                let locked = LockedImage { digest: digest(0, *index), platforms: platforms.collect() };
                (image.parse::<TaggedImage>().unwrap(), locked)
            })
            .collect();
        lock.to_string()
    }
}

impl LockEdit {
    pub(super) fn apply(&self, lock: &mut Option<Lock>) {
        let all = match lock {
            Some(Lock::Whole(all) | Lock::Without(_, all)) => *all,
            Some(Lock::Broken) | None => [[0; 3]; IMAGES.len()],
        };
        *lock = match self {
            Self::Remove => None,
            Self::Break => Some(Lock::Broken),
            Self::Write(digests) => Some(Lock::Whole([*digests; IMAGES.len()])),
            Self::Image(number, digests) => {
                let mut all = all;
                all[*number] = *digests;
                Some(Lock::Whole(all))
            }
            Self::LeaveOut(number) => Some(Lock::Without(*number, all)),
        };
    }

    /// Whether it may make a tree that can't be used.
    pub(super) fn may_refuse(&self) -> bool {
        matches!(self, Self::Break | Self::LeaveOut(_))
    }
}

pub(super) fn lock_edit() -> impl Strategy<Value = LockEdit> {
    let digests = || [0..2_u8, 0..2_u8, 0..2_u8];
    prop_oneof![
        1 => Just(LockEdit::Remove),
        1 => Just(LockEdit::Break),
        2 => digests().prop_map(LockEdit::Write),
        8 => (0..IMAGES.len(), digests()).prop_map(|(number, digests)| LockEdit::Image(number, digests)),
        1 => (0..IMAGES.len()).prop_map(LockEdit::LeaveOut),
    ]
}
