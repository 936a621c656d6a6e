//! Images in a registry that deletes nothing.

use crate::registry::deletion::{answering, unsupported};
use crate::support::shop::{Cache, Shop};

fn action(shop: &Shop) -> String {
    shop.world.run(["plan", "--json"]).json()["projects"][0]["action"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taint_forces_one_build_where_nothing_is_deleted() {
    let proxy = answering(unsupported(405)).await;
    let shop = Shop::new().cache(Cache::Oci(proxy.host().to_owned())).plain(["api"]);
    shop.build([]);
    assert_eq!(shop.world.run(["taint", "api"]).exit, 0);
    assert_eq!(action(&shop), "build");

    let built = shop.world.run(["build"]);

    assert_eq!(built.exit, 0, "{built}");
    assert!(built.stdout.contains("1 built"), "{built}");
    assert_eq!(action(&shop), "reuse");
    assert_eq!(shop.world.run(["taint", "api"]).exit, 0);
    for state in ["is no longer", "was not"] {
        let answer = shop.world.run(["untaint", "api"]);
        assert_eq!(answer.to_string(), format!("stderr: `api` {state} tainted\n[exit: 0]"));
        assert_eq!(action(&shop), "reuse");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_gives_its_lock_back_where_nothing_is_deleted() {
    let proxy = answering(unsupported(405)).await;
    let shop = Shop::new().cache(Cache::Oci(proxy.host().to_owned())).plain(["api"]);
    let deploy = shop.cache_table().replace("[cache]", "[deploy]");
    let deploy = deploy.replace(&shop.prefix, &format!("{}deployed/", shop.prefix));
    let manifest = std::fs::read_to_string(shop.world.file("projects.toml")).unwrap();
    shop.world
        .write("projects.toml", format!("{manifest}\n{deploy}\n[environments.dev]\nbranch = \"main\"\n"));
    shop.world.commit();

    for content in ["1", "2"] {
        shop.world.write("api/f", format!("{}{content}", shop.prefix)).commit();
        shop.build([]);
        let deployed = shop.world.run(["deploy", "-e", "dev", "--wait", "0s"]);

        assert_eq!(deployed.exit, 0, "{deployed}");
        let unlocked = shop.world.run(["unlock", "-e", "dev"]);
        assert_eq!(unlocked.to_string(), "`dev` is not locked\n[exit: 0]");
    }
}
