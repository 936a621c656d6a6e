//! Which stamps the files of one project of one clone have.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::{Assignment, BuildFiles, FileVersion, Stamp};
use crate::model::{Fingerprint, RepoPath};

/// The stamps of a project's files. Each session key has one table, and each table one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Table {
    /// The project has been built with these files only. All stamps are zero, and the key is the digest of the files, so that
    /// a fresh clone sends nothing that the engine has from another one.
    Unchanged {
        context: Fingerprint,
        /// By platform.
        dockerfiles: BTreeMap<String, Fingerprint>,
    },
    /// Files have changed since: the key is a random number that no other table has.
    Changed(Changed),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    pub(super) key: u128,
    pub(super) context: Versions,
    pub(super) dockerfile: Versions,
}

/// The contents that were sent under a key, by path and size.
pub(super) type Versions = BTreeMap<(RepoPath, u64), Contents>;

/// The contents of one path and size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Contents {
    /// Its stamp is zero.
    One(Fingerprint),
    /// Zero is the stamp of none: a file system with whole seconds makes zero of every stamp.
    Several(BTreeMap<Fingerprint, Stamp>),
}

impl Table {
    /// Assigns a stamp to each file. `None` for the table stands for none, or one that can't be relied on.
    ///
    /// Returns the new table, which must be stored before a stamp is sent, or `None` if the table stays as it is.
    pub fn assign(
        table: Option<Self>,
        files: &BuildFiles,
        random: &mut dyn FnMut() -> u64,
    ) -> (Option<Self>, Assignment) {
        let dockerfile = files.dockerfile.content;
        match table {
            None => {
                let dockerfiles = [(files.platform.clone(), dockerfile)].into();
                let table = Self::Unchanged { context: files.context_fingerprint(), dockerfiles };
                (Some(table), Assignment::of_contents(files))
            }
            Some(Self::Unchanged { context, mut dockerfiles }) if context == files.context_fingerprint() => {
                match dockerfiles.get(&files.platform) {
                    Some(known) if *known == dockerfile => (None, Assignment::of_contents(files)),
                    Some(_) => Self::with_new_key(files, random),
                    None => {
                        dockerfiles.insert(files.platform.clone(), dockerfile);
                        (Some(Self::Unchanged { context, dockerfiles }), Assignment::of_contents(files))
                    }
                }
            }
            Some(Self::Unchanged { .. }) => Self::with_new_key(files, random),
            Some(Self::Changed(mut changed)) => {
                let (assignment, is_new) = changed.assign(files, random);
                if is_new && changed.is_full(files) {
                    return Self::with_new_key(files, random);
                }
                (is_new.then_some(Self::Changed(changed)), assignment)
            }
        }
    }

    /// All stamps are zero again under a new key.
    fn with_new_key(files: &BuildFiles, random: &mut dyn FnMut() -> u64) -> (Option<Self>, Assignment) {
        let key = (u128::from(random()) << 64) | u128::from(random());
        let mut changed = Changed { key, context: Versions::new(), dockerfile: Versions::new() };
        let (assignment, _) = changed.assign(files, random);
        (Some(Self::Changed(changed)), assignment)
    }
}

impl Changed {
    /// Also returns whether a content is new.
    fn assign(&mut self, files: &BuildFiles, random: &mut dyn FnMut() -> u64) -> (Assignment, bool) {
        let mut is_new = false;
        let context = files.context.iter().map(|file| {
            let (stamp, is_new_content) = stamp(&mut self.context, file, random);
            is_new |= is_new_content;
            stamp
        });
        let context = context.collect();
        let (dockerfile, is_new_dockerfile) = stamp(&mut self.dockerfile, &files.dockerfile, random);
        (Assignment { key: format!("{:032x}", self.key), context, dockerfile }, is_new || is_new_dockerfile)
    }

    /// Whether it has so many contents, compared with the files of a build, that reading it takes too long.
    fn is_full(&self, files: &BuildFiles) -> bool {
        let counts = self.context.values().chain(self.dockerfile.values()).map(|contents| match contents {
            Contents::One(_) => 1,
            Contents::Several(stamps) => stamps.len(),
        });
        counts.sum::<usize>() > 4 * files.context.len() + 1_000
    }
}

/// Also returns whether the content is new.
fn stamp(versions: &mut Versions, file: &FileVersion, random: &mut dyn FnMut() -> u64) -> (Stamp, bool) {
    let contents = match versions.entry((file.path.clone(), file.size)) {
        Entry::Vacant(entry) => {
            entry.insert(Contents::One(file.content));
            return (Stamp::ZERO, true);
        }
        Entry::Occupied(entry) => entry.into_mut(),
    };
    match contents {
        Contents::One(content) if *content == file.content => (Stamp::ZERO, false),
        Contents::One(_) => {
            let stamp = Stamp::from_random(random());
            *contents = Contents::Several([(file.content, stamp)].into());
            (stamp, true)
        }
        Contents::Several(stamps) => {
            if let Some(stamp) = stamps.get(&file.content) {
                return (*stamp, false);
            }
            let stamp = loop {
                let stamp = Stamp::from_random(random());
                if stamps.values().all(|used| *used != stamp) {
                    break stamp;
                }
            };
            stamps.insert(file.content, stamp);
            (stamp, true)
        }
    }
}
