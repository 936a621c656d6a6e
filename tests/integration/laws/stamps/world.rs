//! Clones of a repository with one project, and what is built of them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chinampa::internals::engine::{Assignment, BuildFiles, FileIdentity, FileVersion, Table, seal};
use chinampa::internals::model::{Fingerprint, Fingerprinter, RepoPath};

use super::engine::{Engine, Listed};
use super::{Entry, Event, Kind};

pub(super) const PATHS: [&str; 2] = ["a", "folder/b"];
/// Of clones. Copies replace others, so that each is built often.
const MAX_CHECKOUTS: usize = 3;
const PLATFORMS: [&str; 2] = ["linux/amd64", "linux/arm64"];

/// A table and its seal as they are on disk.
#[derive(Clone)]
struct Stored {
    table: Vec<u8>,
    seal: Fingerprint,
    inode: u64,
    changed: i64,
}

/// A clone of a repository with one project.
#[derive(Clone)]
struct Checkout {
    folder: usize,
    context: BTreeMap<RepoPath, Entry>,
    dockerfiles: [Entry; 2],
    stored: Option<Stored>,
    backup: Option<Stored>,
}

pub(super) struct Build {
    checkout: usize,
    engine: usize,
    /// The context and the Dockerfile.
    transfers: [(usize, Listed); 2],
}

pub(super) struct World {
    checkouts: Vec<Checkout>,
    engines: Vec<Engine>,
    pub(super) builds: Vec<Build>,
    /// Counts everything that gets a number of its own.
    clock: i64,
}

impl World {
    pub(super) fn new(granularity: u32) -> Self {
        let dockerfile = Entry { kind: Kind::File, size: 9, content: 0 };
        let checkout = Checkout {
            folder: 0,
            context: BTreeMap::new(),
            dockerfiles: [dockerfile; 2],
            stored: None,
            backup: None,
        };
        // Two clones that know nothing of each other.
        let checkouts = vec![checkout.clone(), Checkout { folder: 1, ..checkout }];
        Self {
            checkouts,
            engines: vec![Engine::new(1), Engine::new(granularity)],
            builds: Vec::new(),
            clock: 0,
        }
    }

    fn tick(&mut self) -> i64 {
        self.clock += 1;
        self.clock
    }

    fn identity(checkout: &Checkout, stored: &Stored) -> FileIdentity {
        FileIdentity {
            machine: "machine".to_owned(),
            path: PathBuf::from(format!("/{}/table", checkout.folder)),
            inode: stored.inode,
            changed: (stored.changed, 0),
        }
    }

    /// As the program does under the lock of the table.
    fn assign(&mut self, number: usize, platform: usize) -> (BuildFiles, Assignment) {
        let checkout = &self.checkouts[number];
        let version = |path: &RepoPath, entry: &Entry| FileVersion {
            path: path.clone(),
            size: entry.size,
            content: Fingerprinter::new("test").field(format!("{entry:?}")).finish(),
        };
        let files = BuildFiles {
            context: checkout.context.iter().map(|(path, entry)| version(path, entry)).collect(),
            dockerfile: version(&dockerfile(), &checkout.dockerfiles[platform]),
            platform: PLATFORMS[platform].to_owned(),
        };
        let is_sealed =
            |stored: &&Stored| stored.seal == seal(&stored.table, &Self::identity(checkout, stored));
        let stored = checkout.stored.as_ref().filter(is_sealed);
        let table = stored.and_then(|stored| Table::parse(&stored.table));
        // Large steps make different keys, and small ones stamps that meet. A path and size has at most 12 contents.
        let mut clock = self.clock;
        let mut random = || {
            clock += 1;
            let clock = u64::try_from(clock).unwrap();
            clock * 500_000_000 + clock * clock / 3 % 13
        };
        let (new, assignment) = Table::assign(table, &files, &mut random);
        self.clock = clock;
        if let Some(table) = new {
            // File systems give the number of a file that was replaced to the next one.
            let (changed, inode) = (self.tick(), self.clock.unsigned_abs() % 2);
            let (table, seal_of_none) = (table.to_bytes(), Fingerprinter::new("none").finish());
            let mut stored = Stored { table, seal: seal_of_none, inode, changed };
            let checkout = &mut self.checkouts[number];
            stored.seal = seal(&stored.table, &Self::identity(checkout, &stored));
            checkout.stored = Some(stored);
        }
        (files, assignment)
    }

    fn start(&mut self, checkout: usize, platform: usize, engine: usize) {
        let (_, assignment) = self.assign(checkout, platform);
        let Checkout { context, dockerfiles, .. } = &self.checkouts[checkout];
        let stamped = context.iter().zip(&assignment.context);
        let context = stamped.map(|((path, entry), stamp)| (path.clone(), *entry, *stamp)).collect();
        let dockerfile = vec![(dockerfile(), dockerfiles[platform], assignment.dockerfile)];
        let receiver = &mut self.engines[engine];
        let transfers = [
            (receiver.start("context", &assignment.key), context),
            (receiver.start("dockerfile", &assignment.key), dockerfile),
        ];
        self.builds.push(Build { checkout, engine, transfers });
    }

    /// Completes a build, and compares what the engine has with what the build is of. Returns how many files were sent.
    pub(super) fn finish(&mut self, build: usize) -> usize {
        let Build { engine, transfers, .. } = self.builds.remove(build);
        let sent = transfers.map(|(id, listed)| {
            let (seen, cached, sent) = self.engines[engine].finish(id, &listed);
            let expected: Vec<Entry> = listed.iter().map(|(_, entry, _)| *entry).collect();
            assert_eq!(seen, expected, "the image contains a stale file");
            assert_eq!(cached, expected, "the layer cache takes a file for a stale one");
            sent
        });
        sent.iter().sum()
    }

    pub(super) fn build(&mut self, checkout: usize) -> usize {
        self.start(checkout, 0, 0);
        self.finish(self.builds.len() - 1)
    }

    pub(super) fn apply(&mut self, event: Event) {
        let checkouts = self.checkouts.len();
        let engines = self.engines.len();
        let now = self.tick();
        match event {
            Event::Edit { clone, path, entry } => {
                self.checkouts[clone % checkouts].context.insert(self::path(path), entry);
            }
            Event::Remove { clone, path } => {
                self.checkouts[clone % checkouts].context.remove(&self::path(path));
            }
            Event::EditDockerfile { clone, platform, entry } => {
                let entry = Entry { kind: Kind::File, ..entry };
                self.checkouts[clone % checkouts].dockerfiles[platform % PLATFORMS.len()] = entry;
            }
            Event::Build { clone, platform, engine } => {
                self.start(clone % checkouts, platform % PLATFORMS.len(), engine % engines);
                self.finish(self.builds.len() - 1);
            }
            Event::Start { clone, platform, engine } => {
                self.start(clone % checkouts, platform % PLATFORMS.len(), engine % engines);
                // Where times are coarse, builds of one project don't overlap.
                if self.engines[engine % engines].granularity > 1 {
                    self.finish(self.builds.len() - 1);
                }
            }
            Event::Finish { build } if !self.builds.is_empty() => {
                self.finish(build % self.builds.len());
            }
            Event::Kill { build } if !self.builds.is_empty() => {
                let Build { engine, transfers, .. } = self.builds.remove(build % self.builds.len());
                transfers.iter().for_each(|(id, _)| self.engines[engine].abort(*id));
            }
            Event::Finish { .. } | Event::Kill { .. } => {}
            Event::EngineDies { engine } => {
                let engine = engine % engines;
                for build in self.builds.extract_if(.., |build| build.engine == engine) {
                    build.transfers.iter().for_each(|(id, listed)| self.engines[engine].die(*id, listed));
                    // Clients that lose their engine forget their tables.
                    self.checkouts[build.checkout].stored = None;
                }
            }
            Event::Prune { engine } => self.engines[engine % engines].prune(),
            Event::Copy { clone } => {
                let copy = self.checkouts[clone % checkouts].clone();
                let copied = |stored: Stored| Stored { changed: now, ..stored };
                let stored = copy.stored.map(copied);
                let folder = usize::try_from(now).unwrap();
                let copy = Checkout { folder, stored, ..copy };
                if checkouts < MAX_CHECKOUTS {
                    self.checkouts.push(copy);
                } else if self.builds.iter().all(|build| build.checkout != checkouts - 1) {
                    self.checkouts[checkouts - 1] = copy;
                }
            }
            Event::BackUp { clone } => {
                let checkout = &mut self.checkouts[clone % checkouts];
                checkout.backup.clone_from(&checkout.stored);
            }
            Event::Restore { clone, in_place, with_seal } => {
                let checkout = &mut self.checkouts[clone % checkouts];
                let (Some(backup), Some(stored)) = (&checkout.backup, &checkout.stored) else { return };
                checkout.stored = Some(Stored {
                    table: backup.table.clone(),
                    seal: if with_seal { backup.seal } else { stored.seal },
                    inode: if in_place { stored.inode } else { 1 - stored.inode },
                    // The clock ticks in between if both files are restored.
                    changed: if with_seal { now } else { stored.changed },
                });
            }
            Event::Lose { clone } => self.checkouts[clone % checkouts].stored = None,
        }
    }
}

fn path(number: usize) -> RepoPath {
    RepoPath::new(PATHS[number % PATHS.len()]).unwrap()
}

fn dockerfile() -> RepoPath {
    RepoPath::new("Dockerfile").unwrap()
}
