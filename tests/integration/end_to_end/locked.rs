//! Base images whose tags move: without a lock file nobody notices, with one nothing changes until it is updated.

use chinampa::internals::model::{Credentials, ImageRef, ManifestDigest, RepositoryName, Secret};
use chinampa::internals::registry::{CredentialsSource, OciRegistry, Registry as _, RetryPolicy};

use crate::end_to_end::support::{names, project, with_outcome};
use crate::support::bed::setting;
use crate::support::engines::{BedEngine, on_each_engine};
use crate::support::proxy::{Fault, Proxy, Rule};
use crate::support::shop::{Cache, Shop, wait_for};

on_each_engine!(a_tag_that_moves_rebuilds_nothing_until_it_is_updated);

/// A repository whose images others take as their base, in the bed's first registry.
struct Bases(Shop);

impl Bases {
    fn new() -> Self {
        Self(Shop::new().cache(Cache::oci()))
    }

    fn repository(&self) -> RepositoryName {
        format!("{}base", self.0.prefix).parse().unwrap()
    }

    /// How Dockerfiles name it.
    fn reference(&self, host: &str) -> String {
        format!("{host}/{}:1", self.repository())
    }

    /// Builds an image with this content.
    fn image(&self, content: &str) -> ManifestDigest {
        let manifest = format!(
            "[workspace]\nname = \"bases\"\n{}[projects.base]\npath = \"base\"\n",
            self.0.cache_table()
        );
        let world = &self.0.world;
        world.write("projects.toml", manifest).write("base/Dockerfile", "FROM scratch\nCOPY f /base\n");
        world.write("base/f", format!("{} {content}", self.0.prefix)).commit();
        let report = self.0.build([]);
        let image: ImageRef = project(&report, "base")["image"].as_str().unwrap().parse().unwrap();
        image.digest.unwrap()
    }

    /// Lets the tag stand for an index of these images.
    fn publish(&self, amd64: ManifestDigest, arm64: ManifestDigest) {
        let password = Secret::new(setting("REGISTRY_1_PASSWORD"));
        let credentials = Credentials { username: setting("REGISTRY_1_USER"), password };
        let source = CredentialsSource::Known(credentials);
        let host = setting("REGISTRY_1").parse().unwrap();
        let registry = OciRegistry::new(host, false, source, RetryPolicy::default()).unwrap();
        let images = [("linux/amd64", amd64), ("linux/arm64", arm64)];
        let images = images.map(|(platform, digest)| (platform.parse().unwrap(), digest));
        wait_for(async {
            let index = registry.put_index(&self.repository(), &images).await.unwrap();
            registry.tag(&self.repository(), &index, &["1".parse().unwrap()]).await.unwrap();
        });
    }

    /// The first layer of an image in the registry.
    fn first_layer(&self, image: &str) -> String {
        self.0.manifest(image)["layers"][0]["digest"].as_str().unwrap().to_owned()
    }

    fn layer_of(&self, image: ManifestDigest) -> String {
        self.first_layer(&format!("{}/{}@{image}", setting("REGISTRY_1"), self.repository()))
    }
}

/// `app` has the base image, `other` has not.
fn shop(bases: &Bases, engine: BedEngine) -> Shop {
    let shop = Shop::new().on(engine).cache(Cache::oci());
    shop.world
        .write("app/Dockerfile", format!("FROM {}\nCOPY f /f\n", bases.reference(&setting("REGISTRY_1"))));
    shop.world.write("other/Dockerfile", "FROM scratch\nCOPY f /f\n");
    for name in ["app", "other"] {
        shop.world.write(&format!("{name}/f"), format!("{}{name}", shop.prefix));
    }
    let manifest = format!(
        "[workspace]\nname = \"shop\"\n{}[projects.app]\npath = \"app\"\n[projects.other]\npath = \"other\"\n",
        shop.cache_table()
    );
    shop.world.write("projects.toml", manifest).commit();
    shop
}

fn run<const N: usize>(shop: &Shop, arguments: [&str; N], exit: i32) -> String {
    let answer = shop.world.run(arguments);
    assert_eq!(answer.exit, exit, "{answer}");
    answer.to_string()
}

fn image_of_app(shop: &Shop) -> String {
    project(&shop.build([]), "app")["image"].as_str().unwrap().to_owned()
}

fn a_tag_that_moves_rebuilds_nothing_until_it_is_updated(engine: BedEngine) {
    let bases = Bases::new();
    let images = ["one", "two", "three"].map(|content| bases.image(content));
    bases.publish(images[0], images[0]);
    let shop = shop(&bases, engine);
    assert_eq!(bases.first_layer(&image_of_app(&shop)), bases.layer_of(images[0]));

    // Without a lock file, nobody notices, and it is said what would help.
    bases.publish(images[1], images[1]);
    assert!(run(&shop, ["plan"], 0).contains("0 to build, 2 to reuse"));
    assert!(run(&shop, ["plan", "--check-locked"], 2).contains("hint: `chinampa lock` writes it"));

    // The lock file is a change of `app`: it says another image than the one that was built.
    let locked = run(&shop, ["lock"], 0);
    assert!(locked.contains("this rebuilds app\n"), "{locked}");
    shop.world.commit();
    let report = shop.build([]);
    assert_eq!(with_outcome(&report, "built"), names(["app"]));
    let image = project(&report, "app")["image"].as_str().unwrap();
    assert_eq!(bases.first_layer(image), bases.layer_of(images[1]));
    assert!(run(&shop, ["plan", "--check-locked"], 0).contains("1 locked image, none behind its tag"));

    bases.publish(images[2], images[2]);
    assert!(run(&shop, ["plan"], 0).contains("0 to build, 2 to reuse"));
    let behind = run(&shop, ["plan", "--check-locked"], 1);
    assert!(
        behind.contains(&format!("{} is behind its tag", bases.reference(&setting("REGISTRY_1")))),
        "{behind}"
    );
    assert!(behind.contains("used by app\n"), "{behind}");
    assert!(run(&shop, ["plan", "other", "--check-locked"], 0).contains("0 locked images"));

    let updated = run(&shop, ["update"], 0);
    assert!(updated.contains("this rebuilds app\n") && updated.contains("moved "), "{updated}");
    shop.world.commit();
    let report = shop.build([]);
    assert_eq!(with_outcome(&report, "built"), names(["app"]));
    assert_eq!(project(&report, "app")["reasons"][1]["kind"], "locked", "{report}");
    let image = project(&report, "app")["image"].as_str().unwrap();
    assert_eq!(bases.first_layer(image), bases.layer_of(images[2]));
    assert!(run(&shop, ["update"], 0).contains("`projects.lock` is as it was"));
}

#[test]
fn two_machines_build_from_the_locked_image_though_its_tag_has_moved() {
    let bases = Bases::new();
    let images = ["one", "two"].map(|content| bases.image(content));
    bases.publish(images[0], images[0]);
    let first = shop(&bases, BedEngine::Machine);
    run(&first, ["lock"], 0);
    first.world.commit();
    let lock = std::fs::read(first.world.file("projects.lock")).unwrap();
    let one = image_of_app(&first);

    bases.publish(images[1], images[1]);
    // Another cache, so that nothing is reused.
    let second = shop(&bases, BedEngine::Containerd);
    second.world.write("projects.lock", lock).commit();
    let other = image_of_app(&second);

    assert_eq!(bases.first_layer(&one), bases.layer_of(images[0]));
    assert_eq!(bases.first_layer(&other), bases.layer_of(images[0]));
}

#[test]
fn a_platform_that_nobody_uses_rebuilds_nothing() {
    let bases = Bases::new();
    let images = ["one", "two"].map(|content| bases.image(content));
    bases.publish(images[0], images[0]);
    let shop = shop(&bases, BedEngine::Machine);
    run(&shop, ["lock"], 0);
    shop.world.commit();
    shop.build([]);

    bases.publish(images[0], images[1]);
    let updated = run(&shop, ["update"], 0);
    shop.world.commit();

    assert!(updated.contains("moved ") && !updated.contains("rebuilds"), "{updated}");
    assert!(run(&shop, ["plan"], 0).contains("0 to build, 2 to reuse"));
}

#[test]
fn a_platform_that_comes_later_is_looked_up_in_what_is_locked() {
    let bases = Bases::new();
    let images = ["one", "two", "three"].map(|content| bases.image(content));
    bases.publish(images[0], images[1]);
    let shop = shop(&bases, BedEngine::Machine);
    run(&shop, ["lock"], 0);
    let manifest = std::fs::read_to_string(shop.world.file("projects.toml")).unwrap();
    let platforms = "path = \"app\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n";
    shop.world.write("projects.toml", manifest.replace("path = \"app\"\n", platforms)).commit();
    assert!(run(&shop, ["plan"], 2).contains("for linux/arm64"));

    bases.publish(images[2], images[2]);
    run(&shop, ["lock"], 0);

    let lock = std::fs::read_to_string(shop.world.file("projects.lock")).unwrap();
    for expected in [
        format!("platforms.\"linux/amd64\" = \"{}\"", images[0]),
        format!("platforms.\"linux/arm64\" = \"{}\"", images[1]),
    ] {
        assert!(lock.contains(&expected), "{lock}");
    }
    assert!(!lock.contains(&images[2].to_string()), "{lock}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_denies_leaves_the_lock_file_as_it_is() {
    let bases = Bases::new();
    bases.publish(bases.image("one"), bases.image("one"));
    let deny = |times| Rule { method: "", path: "/manifests/", times, fault: Fault::status(403) };
    let proxy = Proxy::start(&setting("REGISTRY_1"), [deny(usize::MAX)]).await;
    let open = Proxy::start(&setting("REGISTRY_1"), []).await;
    let shop = shop(&bases, BedEngine::Machine);
    let from = |host: &str| format!("FROM {}\nCOPY f /f\n", bases.reference(host));
    shop.configure(|config| {
        let login = config["auths"][setting("REGISTRY_1")].clone();
        config["auths"][proxy.host()] = login.clone();
        config["auths"][open.host()] = login;
    });
    let lock_file = || std::fs::read_to_string(shop.world.file("projects.lock")).ok();
    let files = || std::fs::read_dir(shop.world.path()).unwrap().count();

    shop.world.write("app/Dockerfile", from(proxy.host())).commit();
    let before = files();
    let denied = run(&shop, ["lock"], 3);
    assert!(denied.contains("cannot resolve") && denied.contains("denied"), "{denied}");
    assert_eq!((lock_file(), files()), (None, before));

    shop.world
        .write("other/Dockerfile", from(open.host()))
        .write("app/Dockerfile", "FROM scratch\nCOPY f /f\n");
    run(&shop, ["lock"], 0);
    let locked = lock_file();
    assert!(locked.is_some());
    // One of two can be resolved: none is written.
    bases.publish(bases.image("two"), bases.image("two"));
    shop.world.write("app/Dockerfile", from(proxy.host())).commit();
    let before = files();
    run(&shop, ["update"], 3);
    run(&shop, ["lock"], 3);
    assert_eq!((lock_file(), files()), (locked, before));
}

/// A tag that somebody deleted, and one that never was.
#[test]
fn what_is_not_there_is_said_with_the_line_that_names_it() {
    let bases = Bases::new();
    bases.publish(bases.image("one"), bases.image("one"));
    let shop = shop(&bases, BedEngine::Machine);
    let reference = bases.reference(&setting("REGISTRY_1"));
    let gone = reference.replace("base:1", "base:gone");
    shop.world.write("app/Dockerfile", format!("FROM {gone}\nCOPY f /f\n")).commit();

    let missing = run(&shop, ["lock"], 2);
    assert!(
        missing.contains(&format!("there is no image `{gone}`, which app/Dockerfile:1 names")),
        "{missing}"
    );

    let zeros = "0".repeat(64);
    let lock = format!(
        "version = 1\n[images.\"{gone}\"]\ndigest = \"sha256:{zeros}\"\nplatforms.\"linux/amd64\" = \"sha256:{zeros}\"\n"
    );
    shop.world.write("projects.lock", lock).commit();
    let missing = run(&shop, ["plan", "--check-locked"], 3);
    assert!(missing.contains("its registry does not have the tag any more"), "{missing}");
}
