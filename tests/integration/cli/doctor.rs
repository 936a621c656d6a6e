//! `doctor` says what is broken, and what to do about it.

use serde_json::Value;

use crate::support::bed::setting;
use crate::support::engines::{BedEngine, on_each_engine};
use crate::support::proxy::{Fault, Proxy, Rule};
use crate::support::shop::{Cache, Shop};
use crate::support::world::{Answer, World};

on_each_engine!(an_engine_says_whether_it_removes_build_cache);

/// A shop with one project in the bed's first registry.
fn shop() -> Shop {
    Shop::new().cache(Cache::oci()).plain(["api"])
}

/// The check of this subject that is not `ok`, which there is only one of.
fn trouble(answer: &Answer, subject: &str) -> Value {
    let document = answer.json();
    let checks = document["checks"].as_array().unwrap().iter();
    let mut found = checks.filter(|check| check["subject"] == subject && check["state"] != "ok");
    let check = found.next().unwrap_or_else(|| panic!("nothing of `{subject}`: {answer}")).clone();
    assert!(found.next().is_none(), "{answer}");
    check
}

/// State, and whether what it says, why, and what to do about it have these texts.
fn assert_trouble(answer: &Answer, subject: &str, state: &str, says: &str, fix: &str) {
    let check = trouble(answer, subject);
    let all = format!("{} {}", check["says"], check["causes"]);

    assert_eq!(check["state"], state, "{check}");
    assert!(all.contains(says), "{check}");
    assert!(check["fix"].as_str().unwrap_or_default().contains(fix), "{check}");
    assert_eq!(answer.exit, i32::from(state == "error"), "{answer}");
}

fn checked(world: &World) -> Answer {
    world.run(["doctor", "--json"])
}

#[test]
fn where_all_is_well_each_thing_has_a_line() {
    let shop = shop();

    let answer = shop.shown(["doctor"]);
    let shown = answer.replace(&setting("REGISTRY_1"), "<registry>");
    let shown: Vec<&str> = shown.lines().filter(|line| !line.starts_with("ok       disk")).collect();

    let shown = shown.join("\n");
    let is_pushed =
        |line: &str| line.starts_with("ok       cache ") && line.ends_with(" <registry> can be pushed to");
    assert!(shown.lines().any(is_pushed), "{shown}");
    assert!(shown.contains("0 errors\n[exit: 0]"), "{shown}");
    assert_eq!(shop.tags("shop-builds"), Default::default(), "something was left there");
}

fn an_engine_says_whether_it_removes_build_cache(engine: BedEngine) {
    let shop = Shop::new().on(engine).plain(["api"]);

    let answer = shop.world.run(["doctor", "--json"]).json();

    let checks = answer["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["subject"] == "build cache");
    let check = check.unwrap_or_else(|| panic!("{answer}"));
    assert!(check["says"].as_str().unwrap().starts_with("the engine removes "), "{check}");
}

#[test]
fn a_folder_without_a_repository_is_an_error_and_the_engine_is_looked_at() {
    let shop = shop();
    let folder = tempfile::tempdir().unwrap();

    let answer = shop.world.command(["doctor", "--json", "-C"]).arg(folder.path()).output().unwrap();
    let answer = Answer::from(answer);

    assert_trouble(&answer, "git", "error", "repository", "");
    assert!(answer.stdout.contains("\"subject\": \"engine\""), "{answer}");
}

#[test]
fn a_manifest_that_cannot_be_read_is_an_error() {
    let shop = shop();
    shop.world.write("projects.toml", "[projects.api]\npath = 7\n");

    assert_trouble(&checked(&shop.world), "manifest", "error", "path", "");
}

#[test]
fn a_manifest_without_projects_is_a_warning() {
    let shop = shop().projects(&[]);

    assert_trouble(&checked(&shop.world), "manifest", "warning", "no projects", "init --update");
}

#[test]
fn a_shallow_clone_is_a_warning() {
    let shop = shop();
    shop.world.write("api/f", "2").commit();
    let url = format!("file://{}", shop.world.path().display());
    let mut clone = World::cloned(&["--depth", "1", &url]);
    clone.set_all_of(&shop.world);

    assert_trouble(&checked(&clone), "git", "warning", "shallow", "fetch-depth: 0");
}

#[test]
fn a_path_without_git_is_a_warning() {
    let mut shop = shop();
    shop.world.set("PATH", "/nowhere");

    assert_trouble(&checked(&shop.world), "git", "warning", "no program `git`", "install it");
}

#[test]
fn an_engine_that_is_not_there_is_an_error() {
    let mut shop = shop();
    shop.world.set("DOCKER_HOST", "unix:///nowhere/docker.sock");

    assert_trouble(&checked(&shop.world), "engine", "error", "cannot reach the Docker engine", "start it");
}

#[test]
fn what_answers_and_is_no_engine_is_an_error() {
    let mut shop = shop();
    shop.world.set("DOCKER_HOST", &format!("tcp://{}", setting("REGISTRY_1")));

    assert_trouble(&checked(&shop.world), "engine", "error", "no answer of a Docker engine", "");
}

#[test]
fn a_registry_that_lets_nobody_in_is_an_error() {
    let shop = shop();
    shop.log_in("wrong");

    assert_trouble(&checked(&shop.world), "cache", "error", "access to", "");
}

#[test]
fn a_registry_that_nobody_hears_of_is_an_error() {
    let shop = Shop::new().cache(Cache::Oci("localhost:1".to_owned())).plain(["api"]);

    assert_trouble(&checked(&shop.world), "cache", "error", "no whole answer", "");
}

#[test]
fn a_registry_that_takes_no_pushes_is_an_error() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let denied =
        Rule { method: "POST", path: "/blobs/uploads/", times: usize::MAX, fault: Fault::status(403) };
    let proxy = runtime.block_on(Proxy::start(&setting("REGISTRY_1"), [denied]));
    let shop = Shop::new().cache(Cache::Oci(proxy.host().to_owned())).plain(["api"]);

    assert_trouble(&checked(&shop.world), "cache", "error", "cannot be pushed to", "");
}

#[test]
fn an_untrusted_run_pushes_nothing_to_try() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let proxy = runtime.block_on(Proxy::start(&setting("REGISTRY_1"), []));
    let mut shop = Shop::new().cache(Cache::Oci(proxy.host().to_owned())).plain(["api"]);
    shop.world.set("CHINAMPA_TRUST", "untrusted");

    let answer = shop.world.run(["doctor"]);

    assert_eq!(answer.exit, 0, "{answer}");
    assert!(answer.stdout.contains("not trusted: `CHINAMPA_TRUST` says so"), "{answer}");
    assert!(proxy.record().iter().all(|passed| passed.method != "POST"), "{:?}", proxy.lines());
}

#[test]
fn a_ci_that_tells_no_branch_is_a_warning() {
    let mut shop = shop();
    shop.world.git(["checkout", "-q", "--detach"]);
    shop.world.set("CI", "true");

    assert_trouble(
        &checked(&shop.world),
        "run",
        "warning",
        "nothing is named after a branch",
        "CHINAMPA_BRANCH",
    );
}

#[test]
fn a_secret_without_a_value_is_a_warning_and_is_not_read() {
    let shop = shop();
    shop.world.write("api/Dockerfile", "FROM scratch\nCOPY f /f\n");
    let manifest = std::fs::read_to_string(shop.world.file("projects.toml")).unwrap();
    shop.world.write("projects.toml", manifest + "secrets = { token = { env = \"NO_SUCH_TOKEN\" } }\n");

    assert_trouble(
        &checked(&shop.world),
        "secrets",
        "warning",
        "`token` has no value here; it is of api",
        "set",
    );
}

#[test]
fn an_engine_that_would_ask_the_cache_for_tls_is_warned_of() {
    let shop = shop();
    let manifest = std::fs::read_to_string(shop.world.file("projects.toml")).unwrap();
    let host = format!("host = \"{}\"", setting("REGISTRY_1"));
    assert!(manifest.contains(&host), "{manifest}");
    let of_network = "host = \"registry.invalid:5000\"\ninsecure = true";
    shop.world.write("projects.toml", manifest.replace(&host, of_network)).commit();

    let check = trouble(&checked(&shop.world), "engine");

    let says = "the engine pushes to registry.invalid:5000 over HTTPS, whatever `insecure` of `[cache]` says";
    assert_eq!((&check["state"], &check["says"]), (&"warning".into(), &says.into()));
    assert!(check["fix"].as_str().unwrap().contains("`insecure-registries`"), "{check}");
}

#[test]
fn a_terraform_that_cannot_be_run_is_an_error() {
    let mut shop = shop();
    let manifest = std::fs::read_to_string(shop.world.file("projects.toml")).unwrap();
    let deploy =
        shop.cache_table().replace("[cache]", "[deploy]").replace("prefix = \"", "prefix = \"deploy-");
    let manifest = manifest.replace(
        "[projects.api]",
        &format!("{deploy}\n[environments.dev]\nbranch = \"*\"\n\n[projects.api]"),
    );
    shop.world.write("projects.toml", manifest).write("api/terraform/main.tf", "").commit();
    shop.world.set("CHINAMPA_TERRAFORM", "/bin/false");

    assert_trouble(
        &checked(&shop.world),
        "terraform",
        "error",
        "/bin/false cannot be run",
        "CHINAMPA_TERRAFORM",
    );
}

#[test]
fn what_the_document_says_is_what_the_text_says() {
    let shop = shop();
    shop.log_in("wrong");

    let (text, document) = (shop.world.run(["doctor"]), checked(&shop.world).json());

    assert_eq!(document["schema"], "chinampa.doctor/1");
    let checks = document["checks"].as_array().unwrap().iter();
    // How much is free changes from one run to the next.
    for check in checks.filter(|check| check["subject"] != "disk") {
        assert!(text.stdout.contains(check["says"].as_str().unwrap()), "{check}");
    }
    assert!(text.stdout.contains("1 error\n"), "{text}");
}
