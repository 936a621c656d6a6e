//! What is tagged is what was built, whoever builds beside it on the same engine.

use std::process::{Child, Stdio};
use std::time::Duration;

use crate::end_to_end::support::project;
use crate::support::bed::setting;
use crate::support::is_soak;
use crate::support::proxy::{Fault, Proxy, Rule};
use crate::support::shop::{Cache, Shop};
use crate::support::world::Answer;

/// How many pairs are built, and in the soak.
const PAIRS: [usize; 2] = [2, 50];

/// A repository that two manifests build from different Dockerfiles: the same commit, project and repository.
fn shop(cache: &str) -> Shop {
    let shop = Shop::new().cache(Cache::Oci(cache.to_owned()));
    for which in ["one", "two"] {
        let project = format!("[projects.app]\npath = \"app\"\ndockerfile = \"{which}.Dockerfile\"\n");
        let cache = format!("[cache]\nkind = \"oci\"\nhost = \"{cache}\"\nprefix = \"{}\"\n", shop.prefix);
        shop.world.write(&format!("{which}.toml"), format!("[workspace]\nname = \"shop\"\n{cache}{project}"));
        let dockerfile = format!("FROM scratch\nLABEL which={which}\nCOPY {which} /which\n");
        shop.world.write(&format!("app/{which}.Dockerfile"), dockerfile);
        shop.world.write(&format!("app/{which}"), format!("{which} of {}", shop.prefix));
    }
    shop
}

fn start(shop: &Shop, which: &str) -> Child {
    let mut command = shop.world.command(["build", "--json", "--manifest", &format!("{which}.toml")]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

// issue 12: D4
#[tokio::test(flavor = "multi_thread")]
async fn two_builds_of_one_commit_on_one_engine_tag_each_its_own_image() {
    let pairs = PAIRS[usize::from(is_soak())];
    // Some of the uploads have to wait, so that the other build of the pair catches up.
    let slow = Fault::Delay(Duration::from_millis(300));
    let rule = Rule { method: "POST", path: "/blobs/uploads/", times: pairs, fault: slow };
    let proxy = Proxy::start(&setting("REGISTRY_1"), [rule]).await;
    let shop = shop(proxy.host());
    for pair in 0..pairs {
        shop.world.write("app/one", format!("one {pair} of {}", shop.prefix));
        shop.world.write("app/two", format!("two {pair} of {}", shop.prefix)).commit();

        let building = ["one", "two"].map(|which| (which, start(&shop, which)));

        for (which, build) in building {
            let answer = Answer::from(build.wait_with_output().unwrap());
            assert_eq!(answer.exit, 0, "{answer}");
            let report = answer.json();
            let digest = project(&report, "app")["digest"].as_str().unwrap().to_owned();
            let tagged = format!("{}/{}app:cache-{digest}", setting("REGISTRY_1"), shop.prefix);
            assert_eq!(shop.configuration(&tagged)["config"]["Labels"]["which"], which, "pair {pair}");
        }
    }
}
