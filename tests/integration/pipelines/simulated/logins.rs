//! Jobs that log in to the registry with the variables that `[ci] login` names, on machines that nobody has logged in.

use super::end_state::digests;
use super::in_each_ci;
use super::monorepo::{Monorepo, job, seed};
use super::untrusted::pull_request;
use crate::support::bed::setting;
use crate::support::ci::{self, Check, Circumstances, Event, Outcome, Site, System};

fn monorepo() -> Monorepo {
    Monorepo::of(&[("lib", "FROM scratch\nCOPY f /lib\n"), ("api", "FROM lib\nCOPY f /api\n")]).with_login()
}

/// What the CI keeps for the jobs.
fn secrets() -> [(&'static str, String); 2] {
    [("REGISTRY_USER", setting("REGISTRY_1_USER")), ("REGISTRY_PASSWORD", setting("REGISTRY_1_PASSWORD"))]
}

fn jobs_log_in_with_the_variables_that_the_manifest_names(system: System) {
    let (shop, commit) = monorepo().shop(system);
    let without_login = tempfile::tempdir().unwrap();
    let event = Event::Push { commit };
    let site = Site::new(shop.world.path(), without_login.path());

    let refused = ci::run(system, &site, &event, Circumstances::calm(seed()));
    assert_eq!(refused.gate(system), Check::Red, "{refused}");
    assert!(refused.to_string().contains("`REGISTRY_USER` is not set"), "{refused}");
    assert_eq!(digests(&shop).len(), 0);

    let site = site.with_secrets(secrets());
    let finished = ci::run(system, &site, &event, Circumstances::calm(seed()));
    assert_eq!(finished.gate(system), Check::Green, "{finished}");
    for project in ["lib", "api"] {
        let outcome = finished.outcomes.get(&job(system, project));
        assert_eq!(outcome, Some(&Outcome::Succeeded), "{project}: {finished}");
    }
    let password = setting("REGISTRY_1_PASSWORD");
    assert!(finished.outcomes.keys().all(|job| !finished.log(job).contains(&password)));
}

/// Its manifest names the variables, too. The CI gives it none, so it can read what everybody can read, and this cache is not that.
fn a_pull_request_of_a_fork_gets_no_login(system: System) {
    let (shop, commit) = monorepo().shop(system);
    let without_login = tempfile::tempdir().unwrap();
    let site = Site::new(shop.world.path(), without_login.path()).with_secrets(secrets());
    let pushed = ci::run(system, &site, &Event::Push { commit }, Circumstances::calm(seed()));
    assert_eq!(pushed.gate(system), Check::Green, "{pushed}");
    let before = digests(&shop);
    let of_a_fork = pull_request(&shop, system, || {
        shop.world.write("api/f", "changed");
    });
    site.update();

    let finished = ci::run(system, &site, &of_a_fork, Circumstances::calm(seed()));

    assert_eq!(finished.gate(system), Check::Red, "{finished}");
    assert!(finished.log("gate").contains("denied: status 401"), "{}", finished.log("gate"));
    let password = setting("REGISTRY_1_PASSWORD");
    assert!(finished.outcomes.keys().all(|job| !finished.log(job).contains(&password)));
    assert_eq!(digests(&shop), before);
}

in_each_ci!(jobs_log_in_with_the_variables_that_the_manifest_names, a_pull_request_of_a_fork_gets_no_login);
