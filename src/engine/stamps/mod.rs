//! Tells the engine which files of a context it has already: a key for the session, and a time for each file.
//!
//! The engine keeps the files of a session under its key. In the next session of that key it requests only files whose size,
//! time, mode or link target differs. Git stores no times, so the time says which content a file has: all files are of one
//! second, and a *stamp* is the nanoseconds. Layers hold whole seconds.
//!
//! The law: under one key, a path, a size and a stamp stand for one content, for ever. Whatever is built at the same time,
//! killed, or lost, a file that the engine does not request is the one that it has.

mod seal;
mod store;
mod table;
mod text;

use crate::model::{Fingerprint, Fingerprinter, RepoPath};

pub use seal::{FileIdentity, seal};
pub(super) use store::{assign, forget};
pub use table::Table;

/// A file, link or folder, as the engine has to distinguish it from others of the same path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileVersion {
    pub path: RepoPath,
    /// In bytes.
    pub size: u64,
    /// Of what it is and what it contains.
    pub content: Fingerprint,
}

/// The files of one build.
#[derive(Clone, Debug)]
pub struct BuildFiles {
    pub context: Vec<FileVersion>,
    pub dockerfile: FileVersion,
    /// Which of the project's Dockerfiles it is. Each platform has its own base images, so its own Dockerfile.
    pub platform: String,
}

impl BuildFiles {
    fn context_fingerprint(&self) -> Fingerprint {
        let file = |fingerprint: Fingerprinter, file: &FileVersion| {
            fingerprint.field(file.path.as_bytes()).field(file.content.to_string())
        };
        self.context.iter().fold(Fingerprinter::new("context/2"), file).finish()
    }
}

/// The nanoseconds of a file's time: 0, or an odd number below 10⁹.
///
/// A file system that stores coarser times rounds an odd number to another one that is no stamp, so the file is sent again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(u32);

impl Stamp {
    pub const ZERO: Self = Self(0);

    /// How many nanoseconds a second has.
    const SECOND: u32 = 1_000_000_000;

    fn new(nanoseconds: u32) -> Option<Self> {
        let is_stamp = nanoseconds < Self::SECOND && (nanoseconds == 0 || nanoseconds % 2 == 1);
        is_stamp.then_some(Self(nanoseconds))
    }

    /// One that is not zero, of 29 random bits.
    fn from_random(bits: u64) -> Self {
        let half = bits % u64::from(Self::SECOND / 2);
        Self(u32::try_from(half).expect("it is below 2³²") * 2 + 1)
    }

    pub fn nanoseconds(self) -> u32 {
        self.0
    }
}

/// What a session sends with its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The key of the session.
    pub key: String,
    /// Of the files of the context, in their order.
    pub context: Vec<Stamp>,
    pub dockerfile: Stamp,
}

impl Assignment {
    /// For files that only an equal build uses again, in any clone: the key is their digest.
    pub(super) fn of_contents(files: &BuildFiles) -> Self {
        Self::without_stamps(Fingerprinter::new("build/1"), files)
    }

    /// For files that only the run of this name uses again.
    pub(super) fn of_run(run: &str, files: &BuildFiles) -> Self {
        Self::without_stamps(Fingerprinter::new("build-of-run/1").field(run), files)
    }

    fn without_stamps(key: Fingerprinter, files: &BuildFiles) -> Self {
        let (context, dockerfile) = (files.context_fingerprint(), files.dockerfile.content);
        let key = key.field(context.to_string()).field(dockerfile.to_string()).finish();
        Self {
            key: key.to_string(),
            context: vec![Stamp::ZERO; files.context.len()],
            dockerfile: Stamp::ZERO,
        }
    }
}

#[cfg(test)]
mod tests;
