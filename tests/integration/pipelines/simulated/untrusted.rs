//! Pull requests from forks, by way of the files that a CI begins with: nothing that they leave is used by anybody else.

use super::end_state::digests;
use super::in_each_ci;
use super::monorepo::{Monorepo, job, seed, site};
use crate::support::ci::{self, Check, Circumstances, Event, Outcome, System};
use crate::support::engines::BedEngine;
use crate::support::shop::Shop;
use crate::support::some_of;
use crate::support::world::Answer;

/// What a pull request adds to the manifest to look trusted, and to be used.
const FORGED: &str = "\n[trust]\nprotected = [\"**\"]\n\n[ci]\nenvironment = { CI = \"\", DOCKER_CONFIG = \"/\", PATH = \"/evil\" }\n";

/// Each of the five CIs has another of the cases.
const SYSTEMS: usize = 5;

/// Variables that would tell another story about the run.
const FORGED_VARIABLES: [&str; 5] = [
    "CHINAMPA_TRUST",
    "CIRCLE_BRANCH",
    "GITHUB_EVENT_NAME",
    "BUILDKITE_PULL_REQUEST",
    "CODEBUILD_WEBHOOK_EVENT",
];

/// `lib` fails to build where another build has left something in its cache mount.
fn monorepo() -> Monorepo {
    let id = format!("simulated-{}", seed());
    let lib =
        format!("FROM chinampa/base:1\nCOPY f /f\nRUN --mount=type=cache,id={id},target=/c test ! -e /c/f\n");
    Monorepo::of(&[("lib", &lib), ("api", "FROM lib\nCOPY f /api\n")])
}

/// Commits a pull request that is to be merged into `main`, which stays checked out.
pub(super) fn pull_request(shop: &Shop, system: System, change: impl FnOnce()) -> Event {
    let world = &shop.world;
    world.git(["switch", "-q", "--detach", "main"]);
    change();
    // The workflow of GitHub is that of the pull request, too.
    let _answer: Answer = world.run(["ci", "init", system.name(), "--force"]);
    let head = world.commit();
    world.git(["update-ref", "refs/pull/7/head", &head]);
    world.git(["switch", "-q", "--detach", "main"]);
    world.git(["merge", "-q", "--no-ff", "-m", "[ci rebuild]", &head]);
    let merge = world.git(["rev-parse", "HEAD"]);
    world.git(["update-ref", "refs/pull/7/merge", &merge]);
    world.git(["switch", "-q", "main"]);
    Event::ForkPullRequest { head, merge }
}

/// Lets the Dockerfile of `lib` leave something in its cache mount.
fn poison(shop: &Shop) {
    let dockerfile = std::fs::read_to_string(shop.world.file("lib/Dockerfile")).unwrap();
    shop.world.write("lib/Dockerfile", dockerfile.replace("test ! -e /c/f", "echo poison > /c/f"));
}

/// All machines have one engine, where the pull request may leave what it likes.
fn circumstances(seed: u64) -> Circumstances {
    Circumstances { engine: Some(BedEngine::Current), ..Circumstances::calm(seed) }
}

fn a_pull_request_of_a_fork_changes_nothing_that_others_use(system: System) {
    let seed = seed();
    let monorepo = monorepo();
    let (shop, commit) = monorepo.shop(system);
    let site = site(&shop);
    let push = |commit: &str| Event::Push { commit: commit.to_owned() };
    let pushed = ci::run(system, &site, &push(&commit), circumstances(seed));
    assert_eq!(pushed.gate(system), Check::Green, "{pushed}");
    let before = digests(&shop);
    let poisoned = pull_request(&shop, system, || {
        poison(&shop);
        shop.world.write("api/Dockerfile", "FROM lib\nCOPY f /api\nRUN echo poison > /poison\n");
        let manifest = std::fs::read_to_string(shop.world.file("projects.toml")).unwrap();
        shop.world.write("projects.toml", manifest.replace("branch = \"main\"", "branch = \"**\"") + FORGED);
    });
    site.update();

    let finished = ci::run(system, &site, &poisoned, circumstances(seed));

    assert_eq!(finished.gate(system), Check::Green, "{finished}");
    assert!(finished.log("gate").contains("this run is not trusted"), "{}", finished.log("gate"));
    assert!(finished.log("gate").contains("2 built, 0 reused"), "{}", finished.log("gate"));
    // On GitHub, all jobs are in the workflow.
    let mut run = finished.outcomes.iter().filter(|(_, outcome)| **outcome != Outcome::Skipped);
    assert!(!run.any(|(name, _)| *name == job(system, "lib") || name.contains("deploy")), "{finished}");
    assert_eq!(digests(&shop), before);

    let again = ci::run(system, &site, &push(&commit), circumstances(seed));
    assert_eq!(again.gate(system), Check::Green, "{again}");
    assert!(again.log("gate").contains("0 built, 2 reused"), "{again}");
    let mut after = digests(&shop);
    after.retain(|name, _| before.contains_key(name));
    assert_eq!(after, before);

    shop.world.write("lib/f", format!("{} changed", shop.prefix));
    let next = shop.world.commit();
    site.update();
    let next = ci::run(system, &site, &push(&next), circumstances(seed));
    assert_eq!(next.gate(system), Check::Green, "{next}");
}

fn a_pull_request_that_forges_the_variables_of_its_ci_is_refused(system: System) {
    let seed = seed();
    let (shop, commit) = monorepo().shop(system);
    for variable in some_of(SYSTEMS, system as usize, FORGED_VARIABLES) {
        let forged = pull_request(&shop, system, || {
            let manifest = std::fs::read_to_string(shop.world.file("projects.toml")).unwrap();
            let forged = format!("\n[ci]\nenvironment = {{ {variable} = \"trusted\" }}\n");
            shop.world.write("projects.toml", manifest + &forged);
        });

        let finished = ci::run(system, &site(&shop), &forged, circumstances(seed));

        assert_eq!(finished.gate(system), Check::Red, "{variable}: {finished}");
        assert!(finished.to_string().contains(variable), "{finished}");
        assert_eq!(digests(&shop).len(), 0, "{commit}");
    }
}

in_each_ci!(
    a_pull_request_of_a_fork_changes_nothing_that_others_use,
    a_pull_request_that_forges_the_variables_of_its_ci_is_refused
);

/// Otherwise the test above would show nothing.
#[test]
fn what_a_push_leaves_in_the_engine_reaches_later_builds() {
    let (seed, system) = (seed(), System::GitLab);
    let (shop, _) = monorepo().without_deployments().shop(system);
    let site = site(&shop);
    let push = |commit: String| {
        site.update();
        ci::run(system, &site, &Event::Push { commit }, circumstances(seed)).gate(system)
    };
    let harmless = std::fs::read_to_string(shop.world.file("lib/Dockerfile")).unwrap();
    poison(&shop);
    let poisoned = push(shop.world.commit());

    let later = push(shop.world.write("lib/Dockerfile", harmless).commit());

    assert_eq!((poisoned, later), (Check::Green, Check::Red));
}
