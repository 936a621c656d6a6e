//! The law of the stamps: whatever is edited, built at the same time, copied, restored, lost or killed, no image contains
//! another file than its build has.

mod engine;
mod world;

use proptest::collection::vec;
use proptest::prelude::*;

use self::world::{PATHS, World};
use crate::laws::config;

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
    /// From the first to the last.
    Build {
        clone: usize,
        platform: usize,
        engine: usize,
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
    /// In place, the file of the table stays, with other bytes. Without the seal, also the time of its change may stay.
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
    let kind = prop_oneof![10 => Just(Kind::File), 1 => Just(Kind::Executable), 1 => Just(Kind::Link)];
    (kind, 1..3_u64, 0..4_u8).prop_map(|(kind, size, content)| Entry { kind, size, content })
}

fn event() -> impl Strategy<Value = Event> {
    let any_of = || 0..6_usize;
    // Most happens in one clone and on one engine: what is kept matters only if it is used again.
    let clone = || prop_oneof![3 => Just(0), 1 => any_of()];
    let engine = || prop_oneof![3 => Just(0), 1 => Just(1)];
    let build = || (clone(), any_of(), engine());
    prop_oneof![
        12 => (clone(), any_of(), entry()).prop_map(|(clone, path, entry)| Event::Edit { clone, path, entry }),
        1 => (clone(), any_of()).prop_map(|(clone, path)| Event::Remove { clone, path }),
        2 => (clone(), any_of(), entry())
            .prop_map(|(clone, platform, entry)| Event::EditDockerfile { clone, platform, entry }),
        12 => build().prop_map(|(clone, platform, engine)| Event::Build { clone, platform, engine }),
        4 => build().prop_map(|(clone, platform, engine)| Event::Start { clone, platform, engine }),
        5 => any_of().prop_map(|build| Event::Finish { build }),
        1 => any_of().prop_map(|build| Event::Kill { build }),
        1 => engine().prop_map(|engine| Event::EngineDies { engine }),
        1 => engine().prop_map(|engine| Event::Prune { engine }),
        1 => clone().prop_map(|clone| Event::Copy { clone }),
        2 => clone().prop_map(|clone| Event::BackUp { clone }),
        2 => (clone(), any::<bool>(), any::<bool>())
            .prop_map(|(clone, in_place, with_seal)| Event::Restore { clone, in_place, with_seal }),
        1 => clone().prop_map(|clone| Event::Lose { clone }),
    ]
}

#[test]
fn no_history_puts_a_stale_file_into_an_image() {
    let granularity = prop_oneof![Just(1), Just(100), Just(1_000_000_000)];
    proptest!(config(1_000), |(events in vec(event(), 1..100), granularity in granularity)| {
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

    assert_eq!(world.build(0), 3, "the first build sends all files and the Dockerfile");
    assert_eq!(world.build(0), 0, "an equal build sends nothing");
    assert_eq!(world.build(1), 0, "another clone with equal files sends nothing");
    edit(&mut world, 0, 0, 1);
    assert_eq!(world.build(0), 3, "the first change sends all once more, under another key");
    edit(&mut world, 0, 0, 2);
    assert_eq!(world.build(0), 1, "the second change sends the file that changed");
    edit(&mut world, 1, 0, 2);
    assert_eq!(world.build(1), 3, "another clone has another key");
    assert_eq!(world.build(0), 0, "and leaves the files of the first as they are");
}
