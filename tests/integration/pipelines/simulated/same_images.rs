//! However a pipeline is run, it ends with what one machine would have built.

use super::end_state::EndState;
use super::in_each_ci;
use super::monorepo::{Monorepo, job, seed, site};
use crate::support::ci::{self, Check, Circumstances, Event, Outcome, System, Trouble};
use crate::support::is_soak;
use crate::support::numbers::Numbers;
use crate::support::world::Answer;

/// Jobs are taken in random order, several at once, by machines with other engines and clones than those before them; some are
/// switched off and run again.
fn a_pipeline_ends_with_the_images_and_the_record_of_one_machine(system: System) {
    let (projects, rounds) = if is_soak() { (30, 3) } else { (5, 1) };
    for _ in 0..rounds {
        let seed = seed();
        let mut numbers = Numbers::new(seed);
        let monorepo = Monorepo::random(projects, &mut numbers);
        let (alone, commit) = monorepo.shop(system);
        for command in [&["build"][..], &["deploy", "-e", "dev"], &["deploy", "-e", "prod"]] {
            let answer = Answer::from(alone.world.command_of(command).output().unwrap());
            assert_eq!(answer.exit, 0, "{answer}");
        }
        let expected = EndState::read(&alone, &monorepo.names(), &commit);
        let (shop, commit) = monorepo.shop(system);
        let mut circumstances = Circumstances::calm(seed);
        for _ in 0..projects.div_ceil(8) {
            let project = &monorepo.projects[numbers.below(projects)].0;
            circumstances = circumstances.with(&job(system, project), Trouble::Killed);
        }
        if numbers.below(2) == 0 {
            circumstances = circumstances.with("gate", Trouble::Killed);
        }

        let finished = ci::run(system, &site(&shop), &Event::Push { commit: commit.clone() }, circumstances);

        assert_eq!(finished.gate(system), Check::Green, "{finished}");
        assert!(finished.outcomes.values().all(|outcome| *outcome == Outcome::Succeeded), "{finished}");
        let jobs =
            monorepo.names().into_iter().filter(|name| finished.outcomes.contains_key(&job(system, name)));
        assert_eq!(jobs.count(), projects, "{finished}");
        let state = EndState::read(&shop, &monorepo.names(), &commit);
        let differences = state.differences(&expected);
        assert!(differences.is_empty(), "{differences:#?}\n{finished}");
    }
}

in_each_ci!(a_pipeline_ends_with_the_images_and_the_record_of_one_machine);
