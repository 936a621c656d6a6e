//! `[ci rebuild]` in a commit's message: each project is built by its own job, once.

use super::in_each_ci;
use super::monorepo::{Monorepo, job, seed, site};
use crate::support::ci::{self, Check, Circumstances, Event, Finished, Outcome, System};

fn a_project_that_a_message_wants_rebuilt_is_built_once(system: System) {
    let monorepo =
        Monorepo::of(&[("lib", "FROM scratch\nCOPY f /lib\n"), ("api", "FROM lib\nCOPY f /api\n")])
            .without_deployments();
    let (shop, _) = monorepo.shop(system);
    let manifest = std::fs::read_to_string(shop.world.file("projects.toml")).unwrap();
    let allowed = "name = \"shop\"\nmessage_switches = [\"rebuild\"]\n";
    shop.world.write("projects.toml", manifest.replace("name = \"shop\"\n", allowed));
    let site = site(&shop);
    let push = |commit: String| {
        site.update();
        let finished = ci::run(system, &site, &Event::Push { commit }, Circumstances::calm(seed()));
        assert_eq!(finished.gate(system), Check::Green, "{finished}");
        finished
    };
    let say = |message: &str| {
        shop.world.git(["commit", "-q", "--allow-empty", "-m", message]);
        push(shop.world.git(["rev-parse", "HEAD"]))
    };
    let built = |finished: &Finished| {
        let mut projects = vec!["lib", "api"];
        projects.retain(|project| finished.outcomes.get(&job(system, project)) == Some(&Outcome::Succeeded));
        for project in &projects {
            let log = finished.log(&job(system, project));
            assert!(log.contains("1 built, "), "{project}: {log}");
        }
        assert!(finished.log("gate").contains("0 built, 2 reused"), "{}", finished.log("gate"));
        projects
    };
    push(shop.world.commit());

    let all = say("[ci rebuild]");
    let one = say("[ci rebuild lib]");
    let none = say("nothing");

    assert_eq!((built(&all), built(&one), built(&none)), (vec!["lib", "api"], vec!["lib"], vec![]));
}

in_each_ci!(a_project_that_a_message_wants_rebuilt_is_built_once);
