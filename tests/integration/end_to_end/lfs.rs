//! Files of Git LFS in images.

use std::process::Command;

use crate::end_to_end::support::{docker, project};
use crate::support::engines::{BedEngine, on_each_engine};
use crate::support::lfs::pointer;
use crate::support::shop::Shop;
use crate::support::world::World;

on_each_engine!(
    content_is_in_the_image_and_a_pointer_never_where_the_attributes_say_lfs,
    damaged_content_is_never_in_an_image,
);

/// One project whose whole folder is in the image.
fn shop(engine: BedEngine) -> Shop {
    let shop = Shop::new().on(engine);
    shop.world.write("app/own", &shop.prefix);
    shop.world.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n");
    shop
}

const PROJECT: (&str, &str, &str) = ("app", "FROM chinampa/base:1\nCOPY . /app/\n", "");

/// What a file of the image holds.
fn read(engine: BedEngine, report: &serde_json::Value, file: &str) -> String {
    let image = project(report, "app")["image"].as_str().unwrap();
    docker(&engine.socket(), &["run", "--rm", "--network=none", image, "cat", file])
}

fn content_is_in_the_image_and_a_pointer_never_where_the_attributes_say_lfs(engine: BedEngine) {
    let shop = shop(engine);
    shop.world
        .write("app/model.bin", pointer("one"))
        .write("app/deep/none.bin", "no pointer")
        .write("app/looks", pointer("one"))
        .write("app/ignored.bin", pointer("content that nobody has"))
        .write("app/.dockerignore", "ignored.bin\n")
        .store_lfs("one")
        .store_lfs("two");
    let shop = shop.projects(&[PROJECT]);

    let first = shop.build([]);
    shop.world.write("app/model.bin", pointer("two")).commit();
    // What the work tree holds is not what is built.
    shop.world.write("app/model.bin", "six");
    let second = shop.build(["--head", "HEAD"]);

    let files = ["model.bin", "deep/none.bin", "looks"].map(|file| format!("/app/{file}"));
    let in_image = |report| files.each_ref().map(|file| read(engine, report, file));
    assert_eq!(in_image(&first), ["one", "no pointer", &pointer("one")]);
    assert_eq!(in_image(&second), ["two", "no pointer", &pointer("one")]);
}

fn damaged_content_is_never_in_an_image(engine: BedEngine) {
    let shop = shop(engine);
    shop.world.write("app/model.bin", pointer("content"));
    shop.world.write(&shop.world.lfs_object("content"), "DAMAGED");
    let shop = shop.projects(&[PROJECT]);

    let answer = shop.world.run(["build"]);

    assert_eq!(answer.exit, 4, "{answer}");
    assert!(answer.stdout.contains("of git-lfs's store is damaged"), "{answer}");
    assert!(answer.stdout.contains("git lfs fsck"), "{answer}");
}

#[test]
fn content_that_is_missing_is_downloaded_by_git_lfs() {
    let installed = Command::new("git").args(["lfs", "version"]).output().unwrap().status.success();
    assert!(
        installed,
        "git-lfs is not installed: `scripts/testbed up` installs it, or `apt-get install git-lfs`"
    );
    let mut shop = shop(BedEngine::Machine);
    let origin = World::of(&[("app/model.bin", &pointer("content"))]);
    origin.store_lfs("content");
    shop.world.write("app/model.bin", pointer("content")).write("app/--help.bin", pointer("content"));
    let shop_url = format!("file://{}", origin.path().display());
    shop.world.git(["remote", "add", "origin", &shop_url]);
    // As where the pipeline downloads nothing when it clones.
    shop.world.set("GIT_LFS_SKIP_SMUDGE", "1");
    let shop = shop.projects(&[PROJECT]);

    let report = shop.build([]);

    for file in ["/app/model.bin", "/app/--help.bin"] {
        assert_eq!(read(BedEngine::Machine, &report, file), "content", "{file}");
    }
    let missing = pointer("content that nobody has");
    shop.world.write("app/model.bin", missing).commit();
    let answer = shop.world.run(["build"]);
    assert_eq!(answer.exit, 3, "{answer}");
    let said = |text: &str| assert!(answer.stderr.contains(text), "{text}: {answer}");
    said("`app/model.bin` is stored with Git LFS, and its content is not here: 23 bytes, sha256:");
    said("because: Error downloading");
    said("hint: `git lfs pull --include=app/model.bin` brings it");
}
