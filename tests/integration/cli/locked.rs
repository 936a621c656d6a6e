//! `projects.lock`: what it pins, what it lacks, and what a change of it rebuilds. No registry is asked here.

use insta::assert_snapshot;
use serde_json::Value;

use crate::support::world::World;

const MANIFEST: &str = "\
[workspace]
name = \"shop\"

[cache]
kind = \"oci\"
host = \"registry.example\"

[projects.api]
path = \"api\"

[projects.web]
path = \"web\"
needs = [\"api\"]

[projects.tool]
path = \"tool\"
platforms = [\"linux/amd64\", \"linux/arm64\"]

[projects.plain]
path = \"plain\"
";

const DOCKERFILE: &str = "\
# syntax=docker/dockerfile:1
FROM --platform=$BUILDPLATFORM docker.io/library/golang:1 AS build
FROM node:22
COPY --from=build / /
RUN --mount=type=bind,from=quay.io/acme/tools:v2,target=/t true
ONBUILD COPY --from=alpine:3 / /
ONBUILD COPY --from=stage / /
";

/// A digest of one repeated digit.
fn digest(digit: char) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

/// An entry of a lock file: its index, and these platforms.
fn entry(image: &str, index: char, platforms: &[(&str, char)]) -> String {
    let platforms = platforms.iter();
    let platforms = platforms.map(|(name, of)| format!("platforms.\"linux/{name}\" = \"{}\"\n", digest(*of)));
    format!("\n[images.\"{image}\"]\ndigest = \"{}\"\n{}", digest(index), platforms.collect::<String>())
}

fn lock(entries: &[String]) -> String {
    format!("version = 1\n{}", entries.concat())
}

/// Everything that `api`, `tool` and `plain` name.
fn entries() -> Vec<String> {
    vec![
        entry("alpine:3", 'a', &[]),
        entry("docker/dockerfile:1", 'b', &[]),
        entry("golang:1", 'c', &[]),
        entry("node:22", 'd', &[("amd64", '1'), ("arm64", '2')]),
        entry("quay.io/acme/tools:v2", 'e', &[("amd64", '3')]),
    ]
}

fn world() -> World {
    let pinned = format!("FROM node:22@{}\nCOPY --from=scratch / /\nCOPY f /\n", digest('f'));
    World::of(&[
        ("projects.toml", MANIFEST),
        ("projects.lock", &lock(&entries())),
        ("api/Dockerfile", DOCKERFILE),
        ("web/Dockerfile", "FROM scratch\nCOPY f /\n"),
        ("web/f", ""),
        ("tool/Dockerfile", "FROM node:22\n"),
        ("plain/Dockerfile", &pinned.replace("COPY --from=scratch / /\n", "")),
        ("plain/f", ""),
    ])
}

/// The digest of each project.
fn digests(world: &World) -> Vec<(String, String)> {
    let plan = world.run(["plan", "--offline", "--digests", "--json"]);
    assert_eq!(plan.exit, 0, "{plan}");
    let plan = plan.json();
    let text = |project: &Value, key: &str| project[key].as_str().unwrap().to_owned();
    let projects = plan["projects"].as_array().unwrap().iter();
    projects.map(|project| (text(project, "name"), text(project, "digest"))).collect()
}

/// The projects whose digests differ after this entry is replaced by another one.
fn rebuilt_by(replaced: usize, by: String) -> Vec<String> {
    let world = world();
    let before = digests(&world);
    let mut entries = entries();
    entries[replaced] = by;
    world.write("projects.lock", lock(&entries)).commit();

    let after = digests(&world);

    let affected = world.run(["plan", "--offline", "--base", "HEAD~1", "--json"]).json();
    let affected = affected["projects"].as_array().unwrap().iter();
    let affected = affected.filter(|project| project["affected"] == true);
    let affected: Vec<&str> = affected.map(|project| project["name"].as_str().unwrap()).collect();
    let differing = before.iter().zip(&after).filter(|(before, after)| before != after);
    let differing: Vec<String> = differing.map(|(_, (name, _))| name.clone()).collect();
    // No more and no less is affected than what is another image.
    assert_eq!(affected, differing);
    differing
}

#[test]
fn a_locked_image_rebuilds_those_that_use_it_on_one_of_their_platforms() {
    let node = |index, amd64, arm64| entry("node:22", index, &[("amd64", amd64), ("arm64", arm64)]);

    assert_eq!(rebuilt_by(3, node('d', '9', '2')), ["api", "tool", "web"]);
    assert_eq!(rebuilt_by(3, node('d', '1', '9')), ["tool"]);
    // The same images in another index, with other attestations for example.
    assert_eq!(rebuilt_by(3, node('9', '1', '2')), [""; 0]);
}

#[test]
fn where_no_platform_is_known_any_change_of_the_index_counts() {
    assert_eq!(rebuilt_by(0, entry("alpine:3", '9', &[])), ["api", "web"]);
    assert_eq!(rebuilt_by(1, entry("docker/dockerfile:1", '9', &[])), ["api", "web"]);
    assert_eq!(rebuilt_by(2, entry("golang:1", '9', &[])), ["api", "web"]);
    assert_eq!(rebuilt_by(2, entry("golang:1", 'c', &[("amd64", '9')])), [""; 0]);
    assert_eq!(rebuilt_by(4, entry("quay.io/acme/tools:v2", '9', &[("amd64", '3')])), [""; 0]);
    assert_eq!(rebuilt_by(4, entry("quay.io/acme/tools:v2", 'e', &[("amd64", '9')])), ["api", "web"]);
}

#[test]
fn a_change_of_a_locked_image_is_a_reason_of_its_own() {
    let world = world();
    let mut changed = entries();
    changed[1] = entry("docker/dockerfile:1", '8', &[]);
    changed[3] = entry("node:22", '9', &[("amd64", '9'), ("arm64", '2')]);
    world.write("projects.lock", lock(&changed)).commit();

    assert_snapshot!(world.shown(["plan", "--offline", "--base", "HEAD~1"]), @"
    changes of <10 hex> since <10 hex> (--base)
    affected `api`
      because `docker/dockerfile:1` in `projects.lock` is another image now; `node:22` in `projects.lock` is another image now, which `api` uses
    unaffected `plain`
    affected `tool`
      because `node:22` in `projects.lock` is another image now, which `tool` uses
    affected `web`
      because `docker/dockerfile:1` in `projects.lock` is another image now; `node:22` in `projects.lock` is another image now, which `api` uses
      because it needs `api`, which is affected
    3 affected, 1 not
    [exit: 0]
    ");
    assert_snapshot!(world.shown(["why", "web", "--base", "HEAD~1"]), @"
    `web` is affected:
      `web` needs `api`, and
        `docker/dockerfile:1` in `projects.lock` is another image now; `node:22` in `projects.lock` is another image now, which `api` uses
    stderr: changes of <10 hex> since <10 hex> (--base)
    [exit: 0]
    ");
    let json = world.run(["plan", "tool", "--offline", "--base", "HEAD~1", "--json"]).json();
    let images = serde_json::json!([{
        "reference": "node:22",
        "before": [digest('1')],
        "now": [digest('9')],
    }]);
    let reason = &json["projects"][0]["reasons"][0];
    assert_eq!((&reason["kind"], &reason["images"]), (&"locked".into(), &images), "{json}");
}

#[test]
fn the_first_lock_file_is_a_reason_and_its_removal_too() {
    let world = world();
    world.remove("projects.lock").commit();

    assert_snapshot!(world.shown(["plan", "tool", "plain", "--offline", "--base", "HEAD~1"]), @"
    changes of <10 hex> since <10 hex> (--base)
    unaffected `plain`
    affected `tool`
      because `node:22` is not pinned by `projects.lock` any more, which `tool` uses
    1 affected, 1 not
    [exit: 0]
    ");
    world.write("projects.lock", lock(&entries())).commit();
    assert_snapshot!(world.shown(["plan", "tool", "plain", "--offline", "--base", "HEAD~1"]), @"
    changes of <10 hex> since <10 hex> (--base)
    unaffected `plain`
    affected `tool`
      because `node:22` is pinned by `projects.lock` now, which `tool` uses
    1 affected, 1 not
    [exit: 0]
    ");
}

#[test]
fn a_project_that_names_no_external_image_by_a_tag_has_the_same_digest_with_and_without_a_lock_file() {
    let world = world();
    let with = digests(&world);
    world.remove("projects.lock").commit();

    let without = digests(&world);

    let same = with.iter().filter(|digest| without.contains(digest)).map(|(name, _)| name.as_str());
    assert_eq!(same.collect::<Vec<_>>(), ["plain"]);
}

#[test]
fn what_the_lock_file_lacks_is_refused_line_by_line() {
    let world = world();
    let only = entry("node:22", 'd', &[("amd64", '1')]);
    world.write("projects.lock", lock(&[only])).commit();

    assert_snapshot!(world.shown(["plan", "--offline"]), @"
    stderr: error: the projects can't be used as they are described
    stderr:   api/Dockerfile:1: `docker/dockerfile:1` is not in `projects.lock`; `chinampa lock` adds it
    stderr:   api/Dockerfile:2: `docker.io/library/golang:1` is not in `projects.lock`; `chinampa lock` adds it
    stderr:   api/Dockerfile:5: `quay.io/acme/tools:v2` is not in `projects.lock`; `chinampa lock` adds it
    stderr:   api/Dockerfile:6: `alpine:3` is not in `projects.lock`; `chinampa lock` adds it
    stderr:   tool/Dockerfile:1: `projects.lock` has no manifest of `node:22` for linux/arm64; `chinampa lock` adds it
    [exit: 2]
    ");
    assert_eq!(world.run(["check_rebuild", "api"]).exit, 2);
    assert_eq!(world.run(["build", "--dry-run"]).exit, 2);
}

#[test]
fn a_lock_file_that_cannot_be_read_is_refused_line_by_line() {
    let world = world();
    world.write(
        "projects.lock",
        "version = 1\nsince = 1\n[images.\"docker.io/node:22\"]\ndigest = \"sha256:1\"\n",
    );

    assert_snapshot!(world.shown(["plan", "--offline"]), @"
    stderr: error: the projects can't be used as they are described
    stderr:   projects.lock:2: unknown key `since`
    stderr:   projects.lock:3: `docker.io/node:22` in `[images]`: it is written as `node:22` here
    stderr:   projects.lock:4: `digest` in `[images.docker.io/node:22]`: `sha256:1` is not a manifest digest: `sha256:` and 64 hexadecimal digits
    [exit: 2]
    ");

    world.commit();
    world.write("projects.lock", lock(&entries())).commit();
    // Nothing of such a base is known to be the same.
    let plan = world.run(["plan", "--offline", "--base", "HEAD~1"]);
    assert!(
        plan.stdout.contains("0 not") && plan.stdout.contains("its `projects.lock` can't be read"),
        "{plan}"
    );

    world.remove("projects.lock");
    std::os::unix::fs::symlink("projects.toml", world.file("projects.lock")).unwrap();
    assert!(world.run(["plan", "--offline"]).stderr.contains("projects.lock:1: it is a symbolic link"));
}

#[test]
fn without_a_lock_file_lint_says_that_images_float_and_with_one_what_still_does() {
    let world = world();
    let sum = "a".repeat(64);
    let dockerfile = format!(
        "FROM node:22\nARG V=1\nADD https://example.com/$V.tar /a/\nADD --checksum=sha256:{sum} https://example.com/b /b\n\
         ADD https://example.com/c.git#main /c\nFROM nginx\nCOPY --from=0 / /\n"
    );
    world.write("tool/Dockerfile", dockerfile).commit();

    assert_snapshot!(world.shown(["lint", "tool"]), @"
    `tool`
      tool/Dockerfile:3: `https://example.com/1.tar` has no `--checksum`, so it can be another file in the next build (floating-reference)
      tool/Dockerfile:5: `https://example.com/c.git#main` names no whole commit, so it can be another one in the next build (floating-reference)
      tool/Dockerfile:6: `nginx` is not in `projects.lock`: `chinampa lock` adds it (floating-reference)
    3 findings in 1 of 1 project
    [exit: 1]
    ");
    world.remove("projects.lock").commit();
    assert_snapshot!(world.shown(["lint", "tool"]), @"
    `tool`
      tool/Dockerfile:1: `node:22` can become another image: it has no digest (parent-not-pinned)
        write `node:22@sha256:…`
      tool/Dockerfile:6: `nginx` has neither tag nor digest, so it is whatever was pushed last: two builds of one commit can be made from different images (parent-floats)
        write `nginx@sha256:…`
    2 findings in 1 of 1 project
    stderr: nothing pins 2 external images, such as `nginx:latest`: `chinampa lock` writes `projects.lock`, which does
    [exit: 1]
    ");
    assert_eq!(
        world.run(["lint", "tool", "--json"]).json()["floating"],
        serde_json::json!(["nginx:latest", "node:22"])
    );
}

#[test]
fn without_a_lock_file_there_is_nothing_to_check_or_to_update() {
    let world = world();
    world.remove("projects.lock").commit();

    assert_snapshot!(world.shown(["plan", "--check-locked"]), @"
    stderr: error: there is no `projects.lock`, so no external image is pinned
    stderr:   hint: `chinampa lock` writes it; commit it
    [exit: 2]
    ");
    assert_snapshot!(world.shown(["update", "node"]), @"
    stderr: error: there is no `projects.lock`, so no external image is pinned
    stderr:   hint: `chinampa lock` writes it; commit it
    [exit: 2]
    ");
}

#[test]
fn only_what_dockerfiles_name_can_be_updated_and_only_in_a_work_tree() {
    let mut world = world();

    assert_snapshot!(world.shown(["update", "postgres"]), @"
    stderr: error: no Dockerfile names `postgres` as an external image
    stderr:   hint: `chinampa update` without a reference updates all
    [exit: 2]
    ");
    assert_snapshot!(world.shown(["lock", "--head", "HEAD"]), @"
    stderr: error: `projects.lock` is written into the work tree, not into the commit `HEAD`
    stderr:   hint: leave out `--head`
    [exit: 2]
    ");
    let folder = tempfile::tempdir().unwrap();
    let bare = folder.path().join("bare.git").display().to_string();
    world.git(["clone", "-q", "--bare", ".", &bare]);
    assert_eq!(World::new().run(["-C", &bare, "lock"]).exit, 2);
    world.set("CHINAMPA_TRUST", "untrusted");
    let untrusted = world.run(["update"]);
    assert_eq!(untrusted.exit, 4, "{untrusted}");
    assert!(untrusted.stderr.contains("it may not write `projects.lock`"), "{untrusted}");
}

/// All that is locked is there already, so nobody is asked.
#[test]
fn a_lock_file_that_is_complete_stays_as_it_is_but_for_what_nobody_names() {
    let world = world();
    assert_snapshot!(world.shown(["lock"]), @"
    `projects.lock` is as it was: it pins 5 images
    [exit: 0]
    ");
    let before = std::fs::read_to_string(world.file("projects.lock")).unwrap();
    assert_eq!(before, lock(&entries()));

    world.write("tool/Dockerfile", "FROM scratch\nCOPY . /\n");
    assert_snapshot!(world.shown(["lock"]), @"
    changed the platforms of node:22
    `projects.lock` pins 5 images
    [exit: 0]
    ");

    let after = std::fs::read_to_string(world.file("projects.lock")).unwrap();
    assert!(!after.contains("linux/arm64") && after.contains("node:22"), "{after}");
    let json = world.run(["lock", "--json"]).json();
    assert_eq!((&json["written"], &json["rebuilds"]), (&false.into(), &serde_json::json!([])));
}
