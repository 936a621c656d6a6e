use chinampa::internals::deploy::gate::Rollback;
use chinampa::internals::deploy::{DeployError, LockError};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};

use super::recorder::{Turn, World};
use super::{Version, check, claims, deploying, record, run};
use crate::laws::config_of;
use crate::support::is_soak;

/// What runs before the two deployments begin.
const BEFORE: Version = Version::new(1, 1, 1, 1);

/// Two deployments that differ in all that can differ; the second one is newer.
const ONE: Version = Version::new(2, 2, 2, 1);
const OTHER: Version = Version::new(3, 3, 3, 2);

/// Two that have the same image, but not the same Terraform.
const SAME_IMAGE: [Version; 2] = [Version::new(2, 2, 2, 1), Version::new(3, 2, 3, 1)];

fn prepared(versions: [Version; 2]) -> World {
    let world = World::default();
    for version in [BEFORE, versions[0], versions[1]] {
        version.build(&world);
    }
    run(&world.process(9), BEFORE, Rollback::Refused, 9).unwrap();
    world
}

/// Runs two deployments, each turn that of the one that `next` names, until both have ended.
/// Returns how many turns there were.
fn interleave(
    world: &World,
    versions: [Version; 2],
    mut next: impl FnMut(usize) -> usize,
) -> Result<usize, String> {
    let processes = [world.process(0), world.process(1)];
    // A rollback is allowed, so that none of the two is refused for coming second.
    let mut works = [0, 1].map(|number| {
        let id = number as u64;
        Some(deploying(&processes[number], versions[number], Rollback::Allowed, id))
    });
    let mut turns = 0;
    while works.iter().any(Option::is_some) {
        let wanted = next(turns);
        let chosen = if works[wanted].is_some() { wanted } else { 1 - wanted };
        let Some(work) = &mut works[chosen] else { unreachable!("one of the two is left") };
        turns += 1;
        if turns > 5_000 {
            return Err(format!("it does not end: {:#?}", world.state().log));
        }
        if let Turn::Ended(ended) = processes[chosen].turn(work) {
            works[chosen] = None;
            match ended {
                // The other one was stopped while it held the lock, for longer than anybody waits.
                Ok(_) | Err(DeployError::Lock(LockError::Held { .. })) => {}
                Err(error) => return Err(format!("{error}: {:#?}", world.state().log)),
            }
        }
        if world.has_changed() {
            check(world, &[BEFORE, versions[0], versions[1]])?;
        }
    }
    Ok(turns)
}

/// Both came to their end: one of the two runs whole, and nobody holds the lock.
fn check_end(world: &World, versions: [Version; 2]) -> Result<(), String> {
    let record = record(world).ok_or("nothing is recorded")?;
    let last = versions.into_iter().find(|version| record.commit == Some(version.commit()));
    super::runs_all_of(world, last.ok_or("neither is recorded")?)?;
    let left = claims(world);
    if left.is_empty() { Ok(()) } else { Err(format!("claims are left: {left:?}")) }
}

/// In how many turns each of the two ends alone.
fn length(versions: [Version; 2], number: usize) -> usize {
    let world = prepared(versions);
    let process = world.process(number);
    let mut work = deploying(&process, versions[number], Rollback::Allowed, 0);
    (1..).find(|_| matches!(process.turn(&mut work), Turn::Ended(_))).unwrap()
}

// issue 12: P1
#[test]
fn with_at_most_three_switches_what_is_recorded_is_what_runs() {
    let mut schedules = 0_u64;
    // Elsewhere than in the soak, one of so many.
    let every = if is_soak() { 1 } else { 211 };
    for versions in [[ONE, OTHER], [OTHER, ONE], SAME_IMAGE] {
        let prepared = prepared(versions);
        let lengths = [length(versions, 0), length(versions, 1)];
        // The second one may wait between two switches: some of its rounds are enough.
        let (first, second) = (lengths[0], lengths[1] + 12);
        for a in 0..=first {
            for b in 0..=second {
                for c in 0..=(first - a) {
                    schedules += 1;
                    if !schedules.is_multiple_of(every) {
                        continue;
                    }
                    let world = prepared.copy();
                    let turn = |turn: usize| match turn {
                        turn if turn < a => 0,
                        turn if turn < a + b => 1,
                        turn if turn < a + b + c => 0,
                        _ => 1,
                    };
                    let ended = interleave(&world, versions, turn).and_then(|_| check_end(&world, versions));
                    assert_eq!(ended, Ok(()), "switches after {a}, {b} and {c} turns");
                }
            }
        }
    }
    assert!(schedules > 10_000, "{schedules}");
}

/// One that was stopped between its look and its withdrawal, for longer than it wanted to wait, finds the lock free.
#[test]
fn a_lock_that_is_free_by_now_is_not_given_up() {
    let versions = [ONE, OTHER];
    let world = prepared(versions);
    let turn = |turn: usize| match turn {
        0..2 => 1,
        2..6 => 0,
        _ => 1,
    };

    let ended = interleave(&world, versions, turn).and_then(|_| check_end(&world, versions));

    assert_eq!(ended, Ok(()));
}

// issue 12: P1
#[test]
fn in_whatever_order_two_deployments_go_what_is_recorded_is_what_runs() {
    let orders = (any::<bool>(), proptest::collection::vec(any::<bool>(), 400));

    let worlds = [[ONE, OTHER], SAME_IMAGE].map(|versions| (versions, prepared(versions)));
    TestRunner::new(config_of([400, 10_000]))
        .run(&orders, |(is_same_image, order)| {
            let (versions, prepared) = &worlds[usize::from(is_same_image)];
            let (versions, world) = (*versions, prepared.copy());
            let next = |turn: usize| usize::from(order[turn % order.len()]);
            let ended = interleave(&world, versions, next).and_then(|_| check_end(&world, versions));
            ended.map_err(TestCaseError::fail)
        })
        .unwrap();
}

/// Whatever decides is read while the lock is held, and the lock is all that is written before.
#[test]
fn nothing_is_decided_before_the_lock_is_held() {
    let world = prepared([ONE, OTHER]);
    world.state().log.clear();

    run(&world.process(0), ONE, Rollback::Refused, 0).unwrap();

    let state = world.state();
    let log: Vec<&str> = state.log.iter().map(|(_, what)| what.as_str()).collect();
    let is_claim = |what: &str| what.contains(":deploying-dev.");
    let claimed = log.iter().position(|what| what.starts_with("put ") && is_claim(what)).unwrap();
    assert_eq!(&log[..claimed], ["ensure shop-builds"]);
    assert!(log[claimed + 1].starts_with("list "), "{log:#?}");
    let released = log.iter().position(|what| what.starts_with("delete shop-builds@")).unwrap();
    assert_eq!(released, log.len() - 1, "{log:#?}");
}

/// The order of the protocol: images, tags that stay, "in progress", tags that move, projects, the record.
#[test]
fn what_runs_is_changed_only_after_the_record_says_so() {
    let world = prepared([ONE, OTHER]);
    world.state().log.clear();

    run(&world.process(0), ONE, Rollback::Refused, 0).unwrap();

    let state = world.state();
    let log: Vec<&str> = state.log.iter().map(|(_, what)| what.as_str()).collect();
    let commit = ONE.commit().to_string();
    let at = |what: &str| log.iter().position(|it| *it == what).unwrap_or_else(|| panic!("{what}: {log:#?}"));
    let records: Vec<usize> =
        (0..log.len()).filter(|&index| log[index] == "put shop-builds:deployed-dev").collect();
    let [begun, ended] = records[..] else { panic!("{log:#?}") };
    for fixed in ["promote api", "promote web", &format!("tag api:{commit}"), &format!("tag web:{commit}")] {
        assert!(at(fixed) < begun, "{fixed}: {log:#?}");
    }
    for moved in ["tag api:shop-dev", "tag web:shop-dev", "apply api", "restart api"] {
        assert!(begun < at(moved) && at(moved) < ended, "{moved}: {log:#?}");
    }
    assert!(at("apply api") < at("restart api"));
}
