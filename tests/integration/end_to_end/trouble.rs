use crate::end_to_end::support::examples;
use crate::support::bed::setting;
use crate::support::proxy::{Fault, Proxy, Rule};
use crate::support::shop::{Cache, Shop};
use crate::support::world::{Answer, World};

/// What lets the shop's images pass, and no record.
fn deny_records(shop: &Shop) -> (tokio::runtime::Runtime, Proxy) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let denied = Rule { method: "PUT", path: "-builds/", times: usize::MAX, fault: Fault::status(403) };
    let proxy = runtime.block_on(Proxy::start(&setting("REGISTRY_1"), [denied]));
    for file in [shop.world.file("projects.toml"), shop.config_file()] {
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace(&setting("REGISTRY_1"), proxy.host())).unwrap();
    }
    shop.world.commit();
    (runtime, proxy)
}

#[test]
fn a_file_that_cannot_be_written_hides_no_worse_news_and_keeps_no_other_from_being_written() {
    let mut shop = Shop::new().cache(Cache::oci()).plain(["api"]);
    let _denying = deny_records(&shop);
    let [trace, images] = ["trace.json", "images.json"].map(|name| shop.world.file(&format!(".git/{name}")));
    let (trace_file, images_file) = (trace.to_str().unwrap(), images.to_str().unwrap());
    let named = ["--junit", "/nonexistent/junit.xml", "--report", "/nonexistent/page.html"];
    let named =
        [&["build"], &named[..], &["--trace", trace_file, "--imagedefinitions", images_file]].concat();
    let run = |shop: &Shop, more: &[&str]| {
        Answer::from(shop.world.command_of(&[&named, more].concat()).output().unwrap())
    };

    let unrecorded = run(&shop, &[]);
    let is_written = trace.is_file() && images.is_file();
    shop.world.set("CHINAMPA_SBOM", "false {image}");
    let unbuilt = run(&shop, &["--force", "--sbom"]);

    for said in ["cannot write the build record", "`/nonexistent/junit.xml`", "`/nonexistent/page.html`"] {
        assert!(unrecorded.stderr.contains(said), "{said}: {unrecorded}");
    }
    assert!(is_written, "{unrecorded}");
    assert_eq!((unrecorded.exit, unbuilt.exit), (3, 4), "{unrecorded}{unbuilt}");
}

#[test]
fn what_was_built_is_reported_even_where_it_can_not_be_recorded() {
    let shop = examples();
    shop.world.commit();
    shop.build([]);
    let _denying = deny_records(&shop);

    let answer = shop.world.run(["build"]);

    assert_eq!(answer.exit, 3, "{answer}");
    assert!(answer.stdout.contains("0 built, 5 reused"), "{answer}");
    assert!(answer.stderr.contains("cannot write the build record"), "{answer}");
}

#[test]
fn an_engine_that_is_to_be_spoken_to_over_tls_is_never_spoken_to_without() {
    let mut world = World::new();
    world.write("projects.toml", "[workspace]\nname = \"shop\"\n[projects.app]\npath = \"app\"\n");
    world.write("app/Dockerfile", "FROM scratch\n");
    world.commit();
    let certificates = world.path().join("certificates").display().to_string();
    world.set("DOCKER_HOST", "tcp://127.0.0.1:1").set("DOCKER_TLS_VERIFY", "1");
    world.set("DOCKER_CERT_PATH", &certificates);

    let answer = world.run(["build"]);

    assert_eq!(answer.exit, 2, "{answer}");
    let missing = format!("cannot read `{certificates}/ca.pem`");
    assert!(answer.stderr.contains(&missing), "{answer}");
}
