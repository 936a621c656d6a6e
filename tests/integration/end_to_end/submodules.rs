//! Files of submodules in images.

use crate::end_to_end::support::{docker, project};
use crate::support::engines::{BedEngine, on_each_engine};
use crate::support::lfs::pointer;
use crate::support::shop::Shop;
use crate::support::world::World;

on_each_engine!(the_files_of_submodules_are_in_the_image_nested_ones_and_git_lfs_included);

const PROJECT: (&str, &str, &str) = ("app", "FROM chinampa/base:1\nCOPY . /app/\n", "");

/// All files of the image, with what is in them.
fn files(engine: BedEngine, report: &serde_json::Value) -> String {
    let image = project(report, "app")["image"].as_str().unwrap();
    let script = "cd /app; find . -type f -o -type l | sort | while read f; do echo \"$f: $(cat \"$f\" | tr '\\n' ' ')\"; done";
    docker(&engine.socket(), &["run", "--rm", "--network=none", image, "sh", "-c", script])
}

fn add(world: &World, library: &World, path: &str) {
    world.git(["submodule", "--quiet", "add", &library.path().display().to_string(), path]);
}

fn the_files_of_submodules_are_in_the_image_nested_ones_and_git_lfs_included(engine: BedEngine) {
    let shop = Shop::new().on(engine);
    let inner = World::of(&[("deep", &shop.prefix)]);
    let library = World::of(&[
        ("src/a", "one"),
        ("notes.md", "left out"),
        (".gitattributes", "*.bin filter=lfs\n"),
        ("model.bin", &pointer("content")),
    ]);
    std::os::unix::fs::symlink("src/a", library.file("link")).unwrap();
    add(&library, &inner, "in ner");
    library.commit();
    shop.world.write("app/.dockerignore", "**/*.md\n.dockerignore\nDockerfile\nlibrary/.git*\n");
    add(&shop.world, &library, "app/library");
    shop.world.git(["submodule", "--quiet", "update", "--init", "--recursive"]);
    let object = shop.world.lfs_object("content").replace(".git/", ".git/modules/app/library/");
    shop.world.write(&object, "content");
    let shop = shop.projects(&[PROJECT]);

    let first = shop.build([]);
    library.write("src/a", "two").commit();
    shop.world.git(["-C", "app/library", "pull", "-q", "origin", "main"]);
    shop.world.commit();
    // What is checked out is not what is built, and needs not be there.
    std::fs::remove_dir_all(shop.world.file("app/library")).unwrap();
    let second = shop.build(["--head", "HEAD"]);

    let prefix = &shop.prefix;
    let expected = |a| {
        format!(
            "./library/in ner/deep: {prefix}\n./library/link: {a}\n./library/model.bin: content\n./library/src/a: {a}\n"
        )
    };
    assert_eq!(files(engine, &first), expected("one"));
    assert_eq!(files(engine, &second), expected("two"));
}

#[test]
fn what_is_missing_is_fetched_if_that_is_asked_for() {
    let shop = Shop::new();
    let inner = World::of(&[("deep", &shop.prefix)]);
    let library = World::of(&[("src/a", "one")]);
    add(&library, &inner, "inner");
    library.commit();
    add(&shop.world, &library, "app/library");
    let mut shop = shop.projects(&[PROJECT]);
    std::fs::remove_dir_all(shop.world.file(".git/modules")).unwrap();
    std::fs::remove_dir_all(shop.world.file("app/library")).unwrap();
    std::fs::create_dir(shop.world.file("app/library")).unwrap();
    shop.world.git(["config", "--remove-section", "submodule.app/library"]);
    // What a person would allow, and what a CI is.
    shop.world.write(".gitconfig", "[protocol \"file\"]\n\tallow = always\n");
    shop.world.set("CI", "1");

    let refused = shop.world.run(["build"]);
    let first = shop.build(["--fetch"]);
    library.write("src/a", "two").commit();
    let newer = library.git(["rev-parse", "HEAD"]);
    shop.world.git(["update-index", "--cacheinfo", &format!("160000,{newer},app/library")]);
    shop.world.git(["commit", "-qm", "a newer one"]);
    let second = shop.build(["--head", "HEAD", "--fetch"]);

    assert_eq!(refused.exit, 3, "{refused}");
    assert!(
        refused.stderr.contains("hint: `git submodule update --init app/library` brings it"),
        "{refused}"
    );
    for (report, a) in [(&first, "one"), (&second, "two")] {
        let files = files(BedEngine::Machine, report);
        assert!(files.contains(&format!("./library/src/a: {a}\n")), "{files}");
        assert!(files.contains(&format!("./library/inner/deep: {}\n", shop.prefix)), "{files}");
    }
}
