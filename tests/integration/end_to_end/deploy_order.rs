//! In which order projects are deployed.

use crate::support::shop::{Cache, Shop};

/// A shop of `api` and `migrate`, whose services note when they run; `api` has `more` in its entry, and `migrate` runs `migration`.
fn shop(more: &str, migration: &str) -> Shop {
    let shop = Shop::new().cache(Cache::oci()).plain(["api", "migrate"]);
    let deploy = shop
        .cache_table()
        .replace("[cache]", "[deploy]")
        .replace(&shop.prefix, &format!("{}deployed/", shop.prefix));
    let noted = shop.world.file(".git/noted").display().to_string();
    let service =
        |run: &str| format!("service = {{ kind = \"command\", run = [\"sh\", \"-c\", \"{run}\"] }}");
    let manifest = format!(
        "[workspace]\nname = \"shop\"\n{}{deploy}[environments.dev]\nbranch = \"main\"\n\
         [projects.api]\npath = \"api\"\n{}\n{more}\n[projects.migrate]\npath = \"migrate\"\n{}\n",
        shop.cache_table(),
        service(&format!("echo api >> {noted}")),
        service(&format!("echo migrate >> {noted}; {migration}")),
    );
    shop.world.write("projects.toml", manifest).commit();
    assert_eq!(shop.world.run(["build", "-q"]).exit, 0);
    shop
}

fn noted(shop: &Shop) -> String {
    std::fs::read_to_string(shop.world.file(".git/noted")).unwrap()
}

// issue 18: found in a trial
#[test]
fn a_project_is_deployed_after_those_that_it_lists() {
    let shop = shop("deploy_after = [\"migrate\"]", "true");

    let deployed = shop.world.run(["deploy", "-e", "dev"]);

    assert_eq!(deployed.exit, 0, "{deployed}");
    assert_eq!(noted(&shop), "migrate\napi\n");
}

#[test]
fn a_project_is_not_touched_if_one_that_it_is_deployed_after_fails() {
    let shop = shop("deploy_after = [\"migrate\"]", "exit 3");

    let deployed = shop.world.run(["deploy", "-e", "dev"]);

    assert_eq!(deployed.exit, 4, "{deployed}");
    assert_eq!(noted(&shop), "migrate\n");
}

#[test]
fn the_order_of_deployments_has_no_circle() {
    let shop = Shop::new().plain(["api", "migrate"]);
    let manifest = std::fs::read_to_string(shop.world.file("projects.toml")).unwrap();
    let manifest = manifest + "needs = [\"api\"]\n";
    let manifest = manifest.replace("path = \"api\"", "path = \"api\"\ndeploy_after = [\"migrate\"]");
    shop.world.write("projects.toml", manifest).commit();

    let planned = shop.world.run(["plan", "--offline"]);

    assert_eq!(planned.exit, 2, "{planned}");
    let message =
        "with `deploy_after`, projects need each other in a circle: `api` needs `migrate` needs `api`";
    assert!(planned.stderr.contains(message), "{planned}");
}
