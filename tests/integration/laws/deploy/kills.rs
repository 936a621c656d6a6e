use chinampa::internals::deploy::DeployError;
use chinampa::internals::deploy::gate::Rollback;
use chinampa::internals::deploy::{DEFAULT_LEASE, LockError};

use super::recorder::{Turn, World};
use super::{Version, check, claims, deploying, run, runs_all_of};

const FIRST: Version = Version::new(1, 1, 1, 1);
/// Between the two, in the history.
const MIDDLE: Version = Version::new(2, 2, 1, 1);
const DYING: Version = Version::new(3, 3, 2, 2);
/// After all, with the Terraform of the first.
const LATER: Version = Version::new(4, 1, 1, 1);

const ALL: [Version; 4] = [FIRST, MIDDLE, DYING, LATER];

fn prepared() -> World {
    let world = World::default();
    ALL.iter().for_each(|version| version.build(&world));
    run(&world.process(9), FIRST, Rollback::Refused, 9).unwrap();
    world
}

/// A world in which a deployment of `DYING` died after so many turns; `None` when it had ended before.
fn killed_after(turns: usize) -> Option<World> {
    let world = prepared();
    let process = world.process(0);
    let mut work = deploying(&process, DYING, Rollback::Refused, 0);
    for _ in 0..turns {
        if let Turn::Ended(_) = process.turn(&mut work) {
            return None;
        }
    }
    // A process that is killed cleans nothing up: its future is forgotten, not dropped.
    std::mem::forget(work);
    Some(world)
}

// issue 12: P5
#[test]
fn killed_after_any_step_and_run_again_with_any_commit_all_of_that_runs() {
    let mut turns = 0;
    while killed_after(turns).is_some() {
        for (version, rollback) in [
            (DYING, Rollback::Refused),
            (LATER, Rollback::Refused),
            (MIDDLE, Rollback::Allowed),
            (FIRST, Rollback::Allowed),
        ] {
            let world = killed_after(turns).unwrap();
            assert_eq!(check(&world, &ALL), Ok(()), "killed after {turns} turns");
            world.pass(DEFAULT_LEASE * 2);

            run(&world.process(1), version, rollback, 1).unwrap();

            let ended = runs_all_of(&world, version);
            assert_eq!(
                ended,
                Ok(()),
                "killed after {turns} turns, then {version:?}: {:#?}",
                world.state().log
            );
        }
        turns += 1;
    }
    assert!(turns > 20, "{turns}");
}

// issue 12: P5
#[test]
fn killed_twice_after_any_steps_and_run_again_all_of_it_runs() {
    let mut turns = 0;
    while let Some(first) = killed_after(turns) {
        drop(first);
        for second in (0..60).step_by(3) {
            let world = killed_after(turns).unwrap();
            world.pass(DEFAULT_LEASE * 2);
            let process = world.process(1);
            let mut work = deploying(&process, LATER, Rollback::Refused, 1);
            let has_ended = (0..second).any(|_| matches!(process.turn(&mut work), Turn::Ended(_)));
            std::mem::forget(work);
            assert_eq!(check(&world, &ALL), Ok(()), "killed after {turns} and {second} turns");
            world.pass(DEFAULT_LEASE * 2);

            run(&world.process(2), LATER, Rollback::Refused, 2).unwrap();

            assert_eq!(runs_all_of(&world, LATER), Ok(()), "killed after {turns} and {second}: {has_ended}");
        }
        turns += 7;
    }
}

/// What may have been brought of a commit that died stays until somebody wants to go back.
// issue 12: P5
#[test]
fn nobody_goes_back_behind_a_deployment_that_died_unasked() {
    let mut refused = 0;
    for turns in 0.. {
        let Some(world) = killed_after(turns) else { break };
        world.pass(DEFAULT_LEASE * 2);
        let has_begun = super::record(&world).is_some_and(|record| record.in_progress.is_some());

        let ended = run(&world.process(1), MIDDLE, Rollback::Refused, 1);

        match ended {
            Err(DeployError::Gate(_)) => refused += 1,
            Ok(_) => assert!(!has_begun, "killed after {turns} turns"),
            Err(error) => panic!("killed after {turns} turns: {error}"),
        }
    }
    assert!(refused > 5, "{refused}");
}

// issue 12: P14
#[test]
fn one_that_waits_behind_a_killed_rival_keeps_its_own_claim_alive() {
    // A younger rival writes its claim and dies, before it sees the older one.
    let world = prepared();
    let older = world.process(0);
    let mut work = deploying(&older, DYING, Rollback::Refused, 0);
    // The older one has claimed the lock, but not looked yet.
    while !world.state().log.last().is_some_and(|(_, what)| what.starts_with("put ")) {
        assert!(matches!(older.turn(&mut work), Turn::Went));
    }
    let younger = world.process(1);
    let mut rival = deploying(&younger, LATER, Rollback::Refused, 1);
    while claims(&world).len() < 2 {
        assert!(matches!(younger.turn(&mut rival), Turn::Went));
    }
    std::mem::forget(rival);

    let ended = loop {
        // As long as it waits, its claim never looks expired to a third one.
        if let Turn::Ended(ended) = older.turn(&mut work) {
            break ended;
        }
    };

    // It gives up after its own patience, which is shorter than the rival's lease.
    assert!(matches!(ended, Err(DeployError::Lock(LockError::Held { .. }))), "{ended:?}");
    let renewals =
        world.state().log.iter().filter(|(process, what)| *process == 0 && what.starts_with("put ")).count();
    assert!(renewals > 3, "the claim was renewed {renewals} times while it waited");
}

/// A holder that was stopped for longer than half of its lease does nothing more.
#[test]
fn a_holder_that_was_silent_for_too_long_stops_before_its_next_step() {
    for turns in 6.. {
        let world = prepared();
        let process = world.process(0);
        let mut work = deploying(&process, DYING, Rollback::Refused, 0);
        let mut has_ended = false;
        for _ in 0..turns {
            has_ended |= matches!(process.turn(&mut work), Turn::Ended(_));
            if has_ended {
                return;
            }
        }
        world.pass(DEFAULT_LEASE * 2);
        run(&world.process(1), LATER, Rollback::Refused, 1).unwrap();
        let before = world.state().log.len();

        while !matches!(process.turn(&mut work), Turn::Ended(_)) {}

        let after: Vec<String> = world.state().log[before..].iter().map(|(_, what)| what.clone()).collect();
        let changing =
            |what: &String| ["tag ", "put ", "apply ", "restart "].iter().any(|verb| what.starts_with(verb));
        // The requests that were on their way when it was stopped arrive: one, or a tag of each project.
        let changed: Vec<&String> = after.iter().filter(|what| changing(what)).collect();
        let tags = changed.iter().filter(|what| what.starts_with("tag ")).count();
        let is_on_its_way = changed.len() <= 1 || (changed.len() == tags && tags <= super::PROJECTS.len());
        assert!(is_on_its_way, "stopped after {turns} turns: {after:?}");
    }
}
