//! `scripts/words` finds the terms that are not used here, each only where it is one.

use std::path::Path;
use std::process::Command;

use insta::assert_snapshot;

use super::world::World;

/// What the script says of a folder, and its exit code.
fn words(world: &World) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/words");
    let output = Command::new(script).arg(world.path()).output().unwrap();
    let [stdout, stderr] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    format!("{stdout}{stderr}[exit: {}]", output.status.code().unwrap())
}

#[test]
fn terms_are_found_in_identifiers_texts_pages_and_names_of_tests() {
    let world = World::new();
    world.write(
        "src/registry/courier.rs",
        "/// Two parents of\n/// others are mended.\nfn way() { let r = r#\"a \" glance\"#; }\n",
    );
    world.write("src/a.rs", "#[test]\nfn a_need_is_built() {}\n");
    world.write("tests/b/c.rs", "#[tokio::test]\nasync fn what_is_mended_stays() {}\nfn way() {}\n");
    world.write("docs/page.md", "The needs are built, needs\nfirst.\n");

    assert_snapshot!(words(&world), @r"
    src/a.rs:2: `a need`: dependencies
    src/registry/courier.rs:1: `courier (the file's name)`: BlobCopier, BlobStream, BlobOutcome
    src/registry/courier.rs:1: `parents of others`: external images
    src/registry/courier.rs:2: `mended`: fix
    src/registry/courier.rs:3: `way`: path
    tests/b/c.rs:2: `mended`: fix
    docs/page.md:1: `The needs`: dependencies
    docs/page.md:1: `needs first`: dependencies
    8 in 4 files
    [exit: 1]
    ");
}

#[test]
fn plain_english_and_other_modules_are_left_alone() {
    let world = World::new();
    world.write(
        "src/dockerfile.rs",
        "/// On its way; it needs no engine, because a part of it is told.\nfn f<'way>(_: &'way str) -> char { '\\'' }\n",
    );
    world.write("src/model.rs", "struct Pieces; fn other_way() -> &'static str { \"Takes the way\" }\n");
    world.write("docs/page.md", "It needs git, and needs no engine. The answer is on the way.\n");

    assert_snapshot!(words(&world), @"[exit: 0]");
}
