//! Builds that are killed at random moments.

use std::process::Stdio;
use std::time::Instant;

use crate::support::shop::{Cache, Shop};
use crate::{MOMENTS, moment};

/// The tags that one commit's build ends with: the images of its inputs in both repositories, and the record.
fn is_whole(shop: &Shop, commit: &str) -> bool {
    let report = shop.world.run(["plan", "--json"]).json();
    let projects = report["projects"].as_array().unwrap();
    let is_tagged = |project: &serde_json::Value| {
        let cache = format!("cache-{}", project["digest"].as_str().unwrap());
        shop.tags(project["name"].as_str().unwrap()).contains(&cache)
    };
    projects.iter().all(is_tagged) && shop.tags("shop-builds").contains(&format!("commit-{commit}"))
}

#[test]
fn a_build_that_is_killed_at_any_moment_is_whole_when_it_is_run_again() {
    let shop = Shop::new().cache(Cache::ecr()).plain(["lib", "api"]);
    shop.world.write("api/Dockerfile", "FROM lib\nCOPY f /own\n");
    let version = |number: usize| {
        for project in ["lib", "api"] {
            shop.world.write(&format!("{project}/f"), format!("{} {project} {number}", shop.prefix));
        }
        shop.world.commit()
    };
    let start = || {
        let mut command = shop.world.command(["build", "-q"]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let commit = version(0);
    let started = Instant::now();
    assert!(start().wait().unwrap().success());
    let span = started.elapsed();
    assert!(is_whole(&shop, &commit));

    for number in 1..=MOMENTS {
        let commit = version(number);
        let mut killed = start();
        let moment = moment(span);
        std::thread::sleep(moment);
        // It may have ended before.
        let _ = killed.kill();
        killed.wait().unwrap();
        // A record says that all is there.
        let has_record = shop.tags("shop-builds").contains(&format!("commit-{commit}"));
        assert!(!has_record || is_whole(&shop, &commit), "killed after {moment:?}");

        let again = shop.world.run(["build", "-q"]);

        assert_eq!(again.exit, 0, "killed after {moment:?}: {again}");
        assert!(is_whole(&shop, &commit), "killed after {moment:?}");
    }
}
