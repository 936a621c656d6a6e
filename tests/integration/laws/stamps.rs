//! The law of the stamps: whatever is edited, built at the same time, copied, restored, lost or killed, no image contains
//! another file than its build has.

mod engine;

use std::collections::BTreeMap;
use std::path::PathBuf;

use chinampa::internals::engine::{Assignment, BuildFiles, FileIdentity, FileVersion, Table, seal};
use chinampa::internals::model::{Fingerprint, Fingerprinter, RepoPath};
use proptest::collection::vec;
use proptest::prelude::*;

use self::engine::{Engine, Listed};
use crate::laws::config;

const PATHS: [&str; 3] = ["a", "b", "folder/c"];
const PLATFORMS: [&str; 2] = ["linux/amd64", "linux/arm64"];

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    kind: Kind,
    size: u64,
    /// Which of the contents of that size.
    content: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    File,
    Executable,
    Link,
}

/// A step of a history. Numbers choose among what there is, modulo its count.
#[derive(Clone, Debug)]
enum Event {
    Edit {
        clone: usize,
        path: usize,
        entry: Entry,
    },
    Remove {
        clone: usize,
        path: usize,
    },
    EditDockerfile {
        clone: usize,
        platform: usize,
        entry: Entry,
    },
    /// Stamps are assigned, and the transfers begin.
    Start {
        clone: usize,
        platform: usize,
        engine: usize,
    },
    Finish {
        build: usize,
    },
    /// The client is killed in the middle of its transfers.
    Kill {
        build: usize,
    },
    /// The engine is killed in the middle of all transfers, and started again.
    EngineDies {
        engine: usize,
    },
    /// The engine removes all that is not in use.
    Prune {
        engine: usize,
    },
    Copy {
        clone: usize,
    },
    BackUp {
        clone: usize,
    },
    /// In place, the file of the table stays, with other bytes.
    Restore {
        clone: usize,
        in_place: bool,
        with_seal: bool,
    },
    Lose {
        clone: usize,
    },
}

fn entry() -> impl Strategy<Value = Entry> {
    let kind = prop_oneof![6 => Just(Kind::File), 1 => Just(Kind::Executable), 1 => Just(Kind::Link)];
    (kind, 1..3_u64, 0..3_u8).prop_map(|(kind, size, content)| Entry { kind, size, content })
}

fn event() -> impl Strategy<Value = Event> {
    let any_of = || 0..12_usize;
    prop_oneof![
        8 => (any_of(), any_of(), entry()).prop_map(|(clone, path, entry)| Event::Edit { clone, path, entry }),
        1 => (any_of(), any_of()).prop_map(|(clone, path)| Event::Remove { clone, path }),
        2 => (any_of(), any_of(), entry())
            .prop_map(|(clone, platform, entry)| Event::EditDockerfile { clone, platform, entry }),
        12 => (any_of(), any_of(), any_of())
            .prop_map(|(clone, platform, engine)| Event::Start { clone, platform, engine }),
        12 => any_of().prop_map(|build| Event::Finish { build }),
        2 => any_of().prop_map(|build| Event::Kill { build }),
        1 => any_of().prop_map(|engine| Event::EngineDies { engine }),
        1 => any_of().prop_map(|engine| Event::Prune { engine }),
        1 => any_of().prop_map(|clone| Event::Copy { clone }),
        1 => any_of().prop_map(|clone| Event::BackUp { clone }),
        2 => (any_of(), any::<bool>(), any::<bool>())
            .prop_map(|(clone, in_place, with_seal)| Event::Restore { clone, in_place, with_seal }),
        1 => any_of().prop_map(|clone| Event::Lose { clone }),
    ]
}

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

struct Build {
    checkout: usize,
    engine: usize,
    /// The context and the Dockerfile.
    transfers: [(usize, Listed); 2],
}

struct World {
    checkouts: Vec<Checkout>,
    engines: Vec<Engine>,
    builds: Vec<Build>,
    /// Counts everything that gets a number of its own.
    clock: i64,
}

impl World {
    fn new(granularity: u32) -> Self {
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
        // Large steps make different keys, and small ones stamps that meet.
        let mut clock = self.clock;
        let mut random = || {
            clock += 1;
            u64::try_from(clock).unwrap() * 500_000_000 + u64::try_from(clock / 2 % 16).unwrap()
        };
        let (new, assignment) = Table::assign(table, &files, &mut random);
        self.clock = clock;
        if let Some(table) = new {
            let (inode, changed) = (u64::try_from(self.tick()).unwrap(), self.tick());
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
    fn finish(&mut self, build: usize) -> usize {
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

    fn build(&mut self, checkout: usize) -> usize {
        self.start(checkout, 0, 0);
        self.finish(self.builds.len() - 1)
    }

    fn apply(&mut self, event: Event) {
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
            Event::Start { clone, platform, engine } => {
                let engine = engine % engines;
                self.start(clone % checkouts, platform % PLATFORMS.len(), engine);
                // Where times are coarse, builds of one project don't overlap.
                if self.engines[engine].granularity > 1 {
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
                let copied = |stored: Stored| Stored { inode: now.unsigned_abs(), changed: now, ..stored };
                let stored = copy.stored.map(copied);
                self.checkouts.push(Checkout { folder: checkouts, stored, ..copy });
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
                    inode: if in_place { stored.inode } else { now.unsigned_abs() },
                    changed: now,
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

#[test]
fn no_history_puts_a_stale_file_into_an_image() {
    let granularity = prop_oneof![Just(1), Just(100), Just(1_000_000_000)];
    proptest!(config(1_000), |(events in vec(event(), 1..60), granularity in granularity)| {
        let mut world = World::new(granularity);
        for event in events {
            world.apply(event);
        }
        while !world.builds.is_empty() {
            world.finish(0);
        }
    });
}

#[test]
fn only_what_changed_is_sent() {
    let mut world = World::new(1);
    let edit = |world: &mut World, clone, path, content| {
        world.apply(Event::Edit { clone, path, entry: Entry { kind: Kind::File, size: 1, content } });
    };
    for clone in [0, 1] {
        (0..PATHS.len()).for_each(|path| edit(&mut world, clone, path, 0));
    }

    assert_eq!(world.build(0), 4, "the first build sends all files and the Dockerfile");
    assert_eq!(world.build(0), 0, "an equal build sends nothing");
    assert_eq!(world.build(1), 0, "another clone with equal files sends nothing");
    edit(&mut world, 0, 0, 1);
    assert_eq!(world.build(0), 4, "the first change sends all once more, under another key");
    edit(&mut world, 0, 0, 2);
    assert_eq!(world.build(0), 1, "the second change sends the file that changed");
    edit(&mut world, 1, 0, 2);
    assert_eq!(world.build(1), 4, "another clone has another key");
    assert_eq!(world.build(0), 0, "and leaves the files of the first as they are");
}
