//! ECR as strict as it is: tags that can't be moved, a quota of manifests, 1,000 tags an image.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use crate::aws::deployment::DEPLOY_REGION;
use crate::support::aws::{ECR, ask};
use crate::support::bed::setting;
use crate::support::ecr_limits::EcrLimits;
use crate::support::engines::BedEngine;
use crate::support::is_soak;
use crate::support::proxy::{Fault, Proxy, Rule};
use crate::support::shop::{Cache, Shop};

const IMMUTABLE: &str = "immutable_tags = true";

fn within(limits: &EcrLimits) -> Rule {
    Rule { method: "PUT", path: "/manifests/", times: usize::MAX, fault: Fault::Limits(limits.clone()) }
}

/// Builds through one proxy and deploys through the other; each project has a stage. Docker 20.10 gets none: see `InlineCacheFault`.
fn shop(cache: &Proxy, deploy: &Proxy, projects: usize) -> Shop {
    let shop =
        Shop::new().on(BedEngine::Current).cache(Cache::Ecr(cache.host().to_owned())).policy(IMMUTABLE);
    let (host, prefix) = (deploy.host(), &shop.prefix);
    let mut manifest = format!(
        "[workspace]\nname = \"shop\"\n\n{}\n[deploy]\nkind = \"ecr\"\nregion = \"{DEPLOY_REGION}\"\n\
         host = \"{host}\"\nendpoint = \"http://{host}\"\nprefix = \"{prefix}\"\npolicy = {{ {IMMUTABLE} }}\n\
         [environments.dev]\nbranch = \"main\"\n",
        shop.cache_table()
    );
    for number in 0..projects {
        let name = format!("p{number}");
        manifest += &format!("[projects.{name}]\npath = \"{name}\"\n");
        shop.world.write(&format!("{name}/f"), format!("{prefix}{name}"));
        let dockerfile = "FROM scratch AS compile\nCOPY f /f\nFROM scratch\nCOPY --from=compile /f /g\n";
        shop.world.write(&format!("{name}/Dockerfile"), dockerfile);
    }
    shop.world.write("projects.toml", manifest).commit();
    shop
}

/// Sees that what was written took at most 1.3 times as long as the quota asks for.
#[expect(clippy::print_stdout, reason = "the soak shows the pace that held, too")]
fn check_pace(what: &str, limits: &EcrLimits, per_second: f64) {
    let (puts, refused) = limits.taken();
    let span = *puts.last().unwrap() - puts[0];
    let least = Duration::from_secs_f64(puts.len() as f64 / per_second);
    let mut in_ten_seconds = BTreeMap::<u64, usize>::new();
    puts.iter().for_each(|put| *in_ten_seconds.entry((*put - puts[0]).as_secs() / 10).or_default() += 1);
    let said = format!(
        "{what}: {} manifests in {span:.1?}, at least {least:.1?}, {refused} refused; in each ten seconds: {:?}",
        puts.len(),
        in_ten_seconds.values().collect::<Vec<_>>()
    );
    println!("{said}");
    // Of few images, all else takes longer than the quota.
    assert!(!is_soak() || span <= least.mul_f64(1.3), "{said}");
    assert!(refused <= puts.len() / 2 + 32, "{said}");
}

// issue 17: A2, A3
#[tokio::test(flavor = "multi_thread")]
async fn many_images_are_built_and_deployed_within_the_quota() {
    let (projects, per_second) = if is_soak() { (300, 10.0) } else { (10, 4.0) };
    let [of_cache, of_deploy] = [(); 2].map(|()| EcrLimits::new(per_second, 1000));
    let cache = Proxy::start(&setting("AWS_1"), [within(&of_cache)]).await;
    let deploy = Proxy::start(&setting("AWS_2"), [within(&of_deploy)]).await;
    let shop = shop(&cache, &deploy, projects);

    let built = shop.world.run(["build"]);
    assert_eq!(built.exit, 0, "{built}");
    check_pace("build", &of_cache, per_second);
    let deployed = shop.world.run(["deploy", "-e", "dev"]);
    assert_eq!(deployed.exit, 0, "{deployed}");
    check_pace("deploy", &of_deploy, per_second);

    let again = shop.world.run(["build"]);
    assert_eq!(again.exit, 0, "{again}");
    // Of the deployment, each image's tag for what runs.
    assert_eq!(of_cache.taken().0.len(), projects, "the second build wrote something");
}

// issue 17: A2
#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_failed_after_its_stage_was_pushed_is_retried_where_tags_can_t_be_moved() {
    let refusal = Fault::Status { code: 400, headers: Vec::new(), body: "no".to_owned() };
    let refuse = Rule { method: "PUT", path: "/manifests/commit-", times: 1, fault: refusal };
    let cache = Proxy::start(&setting("AWS_1"), [refuse]).await;
    let deploy = Proxy::start(&setting("AWS_2"), []).await;
    let shop = shop(&cache, &deploy, 1);

    let failed = shop.world.run(["build"]);
    let stages = shop.tags("p0").iter().filter(|tag| *tag == "branch-main.compile").count();
    let retried = shop.world.run(["build"]);

    assert_eq!((failed.exit, stages), (4, 1), "{failed}");
    assert_eq!(retried.exit, 0, "{retried}");
    let of_stage = cache
        .record()
        .into_iter()
        .filter(|passed| passed.method == "PUT" && passed.path.ends_with("/manifests/branch-main.compile"));
    assert_eq!(of_stage.count(), 1, "the stage's tag was written again: {:#?}", cache.lines());
}

// issue 17: A4
#[tokio::test(flavor = "multi_thread")]
async fn an_unchanged_project_is_deployed_though_its_image_has_all_the_tags_that_there_can_be() {
    let cache = Proxy::start(&setting("AWS_1"), []).await;
    let limits = EcrLimits::new(1e9, 1000);
    let deploy = Proxy::start(&setting("AWS_2"), [within(&limits)]).await;
    let shop = shop(&cache, &deploy, 2);
    for command in [&["build"][..], &["deploy", "-e", "dev"]] {
        let answer = shop.world.command_of(command).output().unwrap();
        assert!(answer.status.success(), "{answer:?}");
    }
    // As many deployments of other commits would have left.
    let name = format!("{}p0", shop.prefix);
    let image = json!({ "repositoryName": name, "imageIds": [{ "imageTag": "shop-dev" }] });
    let got = ask("AWS_2", DEPLOY_REGION, "ecr", ECR, "BatchGetImage", &image);
    let manifest = got["images"][0]["imageManifest"].as_str().unwrap().to_owned();
    let media_type = got["images"][0]["imageManifestMediaType"].as_str().unwrap().to_owned();
    let (client, mut number) = (reqwest::Client::builder().no_proxy().build().unwrap(), 0);
    loop {
        let url = format!("http://{}/v2/{name}/manifests/commit-{number}", deploy.host());
        let put = client.put(url).header("content-type", &media_type).body(manifest.clone());
        let status = put.send().await.unwrap().status();
        if status != 201 {
            assert_eq!(status, 403);
            break;
        }
        number += 1;
    }
    assert!(number > 990, "{number}");

    for content in ["1", "2", "3"] {
        shop.world.write("p1/f", format!("{}{content}", shop.prefix)).commit();
        for command in [&["build"][..], &["deploy", "-e", "dev"]] {
            let answer = shop.world.command_of(command).output().unwrap();
            assert!(answer.status.success(), "{answer:?}");
        }
    }

    let [cached, promoted] = [cache.host(), deploy.host()].map(|host| format!("{host}/{name}"));
    let refused =
        shop.world.run(["promote", &format!("{cached}:branch-main"), &format!("{promoted}:one-more")]);
    assert_eq!(refused.exit, 3, "{refused}");
    assert!(refused.stderr.contains("hint: take tags of that image away"), "{refused}");
    assert!(!refused.stderr.contains("permissions"), "{refused}");
}

// issue 17: A10
#[tokio::test(flavor = "multi_thread")]
async fn a_lock_leaves_no_document_however_often_it_is_renewed() {
    let [cache, deploy] =
        [Proxy::start(&setting("AWS_1"), []).await, Proxy::start(&setting("AWS_2"), []).await];
    let mut shop = shop(&cache, &deploy, 1);
    let manifest = std::fs::read_to_string(shop.world.file("projects.toml")).unwrap();
    let service = "service = { kind = \"command\", run = [\"sleep\", \"4\"] }";
    shop.world.write("projects.toml", format!("{manifest}{service}\n")).commit();
    shop.world.set("CHINAMPA_LOCK_LEASE", "10s");
    for command in [&["build"][..], &["deploy", "-e", "dev"]] {
        let answer = shop.world.command_of(command).output().unwrap();
        assert!(answer.status.success(), "{answer:?}");
    }

    let renewals = deploy
        .record()
        .into_iter()
        .filter(|passed| passed.method == "PUT" && passed.path.contains("/manifests/deploying-dev."));
    assert!(renewals.count() > 3, "{:#?}", deploy.lines());
    let name = json!({ "repositoryName": format!("{}shop-builds", shop.prefix) });
    let images = ask("AWS_2", DEPLOY_REGION, "ecr", ECR, "DescribeImages", &name);
    let images = images["imageDetails"].as_array().unwrap();
    // The record, and the one before it, which said that the deployment is in progress.
    assert!(images.len() <= 2, "{images:#?}");
}
