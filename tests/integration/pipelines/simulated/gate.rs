//! The gate, whatever the other jobs say.

use super::in_each_ci;
use super::monorepo::{Monorepo, job, planning, seed, site};
use crate::support::ci::{self, Check, Circumstances, Event, System, Trouble};
use crate::support::shop::Shop;
use crate::support::some_of;

const TROUBLES: [Trouble; 4] = [Trouble::Lost, Trouble::Idle, Trouble::Skipped, Trouble::Cancels];

/// The projects whose images are missing, and whether there is a build record of the commit.
fn missing(shop: &Shop, monorepo: &Monorepo, commit: &str) -> (Vec<String>, bool) {
    let plan = shop.world.run(["plan", "--json"]).json();
    let mut missing = monorepo.names();
    missing.retain(|name| {
        let project = plan["projects"].as_array().unwrap().iter().find(|project| project["name"] == **name);
        let digest = project.unwrap()["digest"].as_str().unwrap();
        !shop.tags(name).contains(&format!("cache-{digest}"))
    });
    (missing, shop.tags("shop-builds").contains(&format!("commit-{commit}")))
}

fn the_gate_is_red_while_an_image_is_missing(system: System) {
    let seed = seed();
    let monorepo = Monorepo::of(&[
        ("lib", "FROM scratch\nCOPY f /lib\n"),
        ("bad", "FROM chinampa/base:1\nCOPY f /f\nRUN false\n"),
        ("api", "FROM lib\nCOPY f /api\n"),
        ("web", "FROM bad\nCOPY f /web\n"),
    ])
    .without_deployments();
    let (shop, commit) = monorepo.shop(system);
    let (site, event) = (site(&shop), Event::Push { commit: commit.clone() });
    let bad = job(system, "bad");
    let troubles = TROUBLES.map(|trouble| (bad.as_str(), Some(trouble))).into_iter();
    let of_planning = [Trouble::Lost, Trouble::Skipped].map(|trouble| (planning(system), Some(trouble)));
    let all: Vec<_> = [(bad.as_str(), None)].into_iter().chain(troubles).chain(of_planning).collect();

    for (job, trouble) in some_of(4, system as usize, all) {
        let circumstances = Circumstances::calm(seed);
        let circumstances = trouble.map_or(circumstances.clone(), |trouble| circumstances.with(job, trouble));
        let finished = ci::run(system, &site, &event, circumstances);

        let (missing, is_recorded) = missing(&shop, &monorepo, &commit);
        assert!(missing.contains(&"bad".to_owned()) && !is_recorded, "{job} {trouble:?}: {missing:?}");
        assert_eq!(finished.gate(system), Check::Red, "{job} {trouble:?}: {finished}");
    }
}

/// Trouble with a project that can be built: the gate may build it itself, and is green only if it is there.
fn a_green_gate_means_that_all_images_are_there(system: System) {
    let seed = seed();
    let monorepo =
        Monorepo::of(&[("lib", "FROM scratch\nCOPY f /lib\n"), ("api", "FROM lib\nCOPY f /api\n")])
            .without_deployments();
    let lib = job(system, "lib");
    let others = [Trouble::Lost, Trouble::Skipped, Trouble::Cancels].map(|trouble| (lib.as_str(), trouble));
    let others = others.into_iter().chain([(planning(system), Trouble::Lost)]);
    let mut greens = 0;
    for (job, trouble) in
        [(lib.as_str(), Trouble::Idle)].into_iter().chain(some_of(4, system as usize, others))
    {
        let (shop, commit) = monorepo.shop(system);
        let circumstances = Circumstances::calm(seed).with(job, trouble);
        let event = Event::Push { commit: commit.clone() };

        let finished = ci::run(system, &site(&shop), &event, circumstances);

        let (missing, is_recorded) = missing(&shop, &monorepo, &commit);
        if finished.gate(system) == Check::Green {
            greens += 1;
            assert!(missing.is_empty() && is_recorded, "{job} {trouble:?}: {missing:?}\n{finished}");
        }
    }
    assert!(greens > 0, "a job that did nothing is no reason to fail");
}

in_each_ci!(the_gate_is_red_while_an_image_is_missing, a_green_gate_means_that_all_images_are_there);
