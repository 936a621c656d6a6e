//! A tag that is pushed is built and deployed to the environment whose rule it meets, and to no other.

use super::end_state::digests;
use super::in_each_ci;
use super::monorepo::{Monorepo, job, seed, site};
use crate::support::ci::{self, Check, Circumstances, Event, Outcome, System};

/// The names below the registry's prefix that environments run.
fn deployed(shop: &crate::support::shop::Shop) -> Vec<String> {
    digests(shop).into_keys().filter(|name| name.starts_with("deployed/lib:")).collect()
}

fn a_tag_is_built_and_deployed_where_the_rule_for_tags_allows_it(system: System) {
    let monorepo =
        Monorepo::of(&[("lib", "FROM scratch\nCOPY f /lib\n"), ("api", "FROM lib\nCOPY f /api\n")])
            .with_releases();
    let (shop, commit) = monorepo.shop(system);
    shop.world.git(["tag", "v1"]);
    let event = Event::Tag { commit, tag: "v1".to_owned() };

    let finished = ci::run(system, &site(&shop), &event, Circumstances::calm(seed()));

    assert_eq!(finished.gate(system), Check::Green, "{finished}");
    for project in ["lib", "api"] {
        let outcome = finished.outcomes.get(&job(system, project));
        assert_eq!(outcome, Some(&Outcome::Succeeded), "{project}: {finished}");
    }
    let of = |environment: &str| {
        let mut jobs = finished.outcomes.iter().filter(|(name, outcome)| {
            name.contains("deploy") && name.ends_with(environment) && **outcome == Outcome::Succeeded
        });
        jobs.next().is_some()
    };
    assert_eq!(["release", "dev", "prod"].map(of), [true, false, false], "{finished}");
    let deployed = deployed(&shop);
    assert!(deployed.iter().any(|name| name.ends_with("release")), "{deployed:?}");
    assert!(!deployed.iter().any(|name| name.ends_with("dev") || name.ends_with("prod")), "{deployed:?}");
}

in_each_ci!(a_tag_is_built_and_deployed_where_the_rule_for_tags_allows_it);

/// CircleCI leaves jobs without a filter out of the pipelines of tags, and so does the runner.
#[test]
fn without_a_rule_for_tags_a_tag_starts_nothing_at_circleci() {
    let (shop, commit) = Monorepo::of(&[("lib", "FROM scratch\nCOPY f /lib\n")]).shop(System::CircleCi);
    let event = Event::Tag { commit, tag: "v1".to_owned() };

    let finished = ci::run(System::CircleCi, &site(&shop), &event, Circumstances::calm(seed()));

    assert!(finished.outcomes.is_empty(), "{finished}");
}
