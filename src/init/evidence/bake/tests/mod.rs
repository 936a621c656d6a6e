//! What becomes of the targets of bake files.

mod files;
mod hostile;

use super::*;
use crate::init::evidence::{NamedContext, SecretFrom};
use crate::model::FileMode;

fn path(text: &str) -> RepoPath {
    RepoPath::new(text).unwrap()
}

/// The builds of the bake files in `folder`, of a repository that has `there` too.
fn read_in(folder: &str, files: &[(&str, &str)], there: &[&str]) -> (Vec<Build>, Vec<String>) {
    let folder = path(folder);
    let files = files.iter().map(|(name, text)| {
        let file = folder.join(&path(name));
        (file, text.as_bytes().to_vec())
    });
    let there: Vec<RepoPath> = there.iter().copied().map(path).collect();
    let look = |wanted: &RepoPath| {
        let file = || there.contains(wanted).then_some(EntryKind::File(FileMode::Regular));
        let is_folder = wanted.is_root() || there.iter().any(|path| path != wanted && path.is_within(wanted));
        Ok(if is_folder { Some(EntryKind::Folder) } else { file() })
    };
    let mut ignored = Vec::new();
    let builds = of_folder(&folder, files.collect(), &look, &mut ignored).unwrap();
    (builds, ignored.iter().map(|note| format!("{}: {}", note.at, note.why)).collect())
}

fn read(text: &str) -> (Vec<Build>, Vec<String>) {
    read_in("", &[("docker-bake.hcl", text)], &[])
}

fn names(builds: &[Build]) -> Vec<&str> {
    builds.iter().map(|build| build.name.as_deref().unwrap()).collect()
}

#[test]
fn a_target_is_a_build_with_all_that_it_says() {
    let (builds, ignored) = read(
        r#"
target "base" {}
target "api" {
  context    = "services/api"
  dockerfile = "../docker/api.Dockerfile"
  target     = "runtime"
  args       = { VERSION = 1 }
  tags       = ["acme/api:1"]
  platforms  = ["linux/arm64"]
  secret     = ["id=token", "type=env,id=key,env=KEY", { id = "file", src = "./npmrc" }]
  ssh        = ["default", { id = "deploy" }]
  contexts   = { base = "target:base", alpine = "docker-image://alpine:3", shared = "./shared" }
}
"#,
    );

    assert_eq!(ignored, Vec::<String>::new());
    let api = &builds[1];
    assert_eq!(api.found.to_string(), "docker-bake.hcl:3");
    assert_eq!(api.says, "target `api` builds it");
    assert_eq!(api.context, Some(path("services/api")));
    assert_eq!(api.dockerfile, path("services/docker/api.Dockerfile"));
    assert_eq!(api.target.as_deref(), Some("runtime"));
    assert_eq!(api.build_args["VERSION"].as_deref(), Some("1"));
    assert_eq!(api.images, ["acme/api:1"]);
    assert_eq!(api.platforms, ["linux/arm64"]);
    assert_eq!(api.secrets["token"], SecretFrom::Environment("token".to_owned()));
    assert_eq!(api.secrets["key"], SecretFrom::Environment("KEY".to_owned()));
    assert_eq!(api.secrets["file"], SecretFrom::File(path("npmrc")));
    assert_eq!(api.ssh, ["default", "deploy"]);
    assert_eq!(api.contexts["base"], NamedContext::Build("base".to_owned()));
    assert_eq!(api.contexts["alpine"], NamedContext::Image("alpine:3".to_owned()));
    assert_eq!(api.contexts["shared"], NamedContext::Folder(path("shared")));
}

#[test]
fn a_target_that_only_others_inherit_from_is_no_build() {
    let (builds, ignored) = read_in(
        "",
        &[(
            "docker-bake.hcl",
            r#"
group "default" { targets = ["api", "app"] }
target "arguments" { args = { A = "1" } }
target "shared" {
  inherits   = ["arguments"]
  dockerfile = "Dockerfile.shared"
}
target "other" { dockerfile = "Dockerfile.other" }
target "linked" { context = "linked" }
target "grouped" { context = "api" }
target "api" {
  inherits = ["shared"]
  contexts = { linked = "target:linked" }
}
target "debug" {
  inherits = ["linked", "grouped"]
  target   = "debug"
}
target "worker" {
  inherits   = ["other"]
  dockerfile = "Dockerfile.worker"
}
target "app" {
  name   = "app-${name}"
  matrix = { name = ["one", "two"] }
}
group "more" { targets = ["grouped"] }
"#,
        )],
        &[],
    );

    assert_eq!(ignored, Vec::<String>::new());
    // `other` has a Dockerfile that nobody else is built from.
    assert_eq!(
        names(&builds),
        ["other", "linked", "grouped", "api", "debug", "worker", "app-one", "app-two"]
    );
}

#[test]
fn a_target_without_an_image_is_said_and_no_build() {
    let (builds, ignored) = read(
        r#"
target "binaries" { output = ["./bin"] }
target "tests" { output = ["type=cacheonly"] }
target "archive" { output = [{ type = "tar" }] }
target "check" { call = "check" }
target "tagged" {
  output = ["type=cacheonly"]
  tags   = ["acme/tagged"]
}
target "image" { output = ["type=cacheonly", "type=image,push=true"] }
target "linked" { output = ["type=cacheonly"] }
target "user" { contexts = { linked = "target:linked" } }
"#,
    );

    assert_eq!(names(&builds), ["tagged", "image", "linked", "user"]);
    assert_eq!(
        ignored,
        [
            "docker-bake.hcl:2: target `binaries` makes no image: its output is `./bin`",
            "docker-bake.hcl:3: target `tests` makes no image: its output is `type=cacheonly`",
            "docker-bake.hcl:4: target `archive` makes no image: its output is `type=tar`",
            "docker-bake.hcl:5: target `check` makes no image: its `call` is `check`",
        ]
    );
}

#[test]
fn what_is_not_known_is_left_out_where_it_can_be_and_said_where_it_cannot() {
    let (builds, ignored) = read(
        r#"
variable "DIR" {}
variable "TAG" {}
target "context" { context = "${DIR}/api" }
target "dockerfile" { dockerfile = DIR }
target "stage" { target = DIR }
target "parent" { inherits = [DIR] }
target "api" {
  args      = { DIR = DIR, A = "1" }
  tags      = ["acme/api:${TAG}", "${DIR}/api:1"]
  platforms = [DIR]
  contexts  = { shared = DIR }
  secret    = ["id=a,env=${DIR}"]
}
"#,
    );

    assert_eq!(names(&builds), ["api"]);
    assert_eq!(builds[0].build_args["DIR"], None);
    assert_eq!(builds[0].build_args["A"].as_deref(), Some("1"));
    assert_eq!(builds[0].images, ["acme/api"]);
    let why = "the variable `DIR` has no default; write it out, or add the project by hand";
    assert_eq!(
        ignored,
        [
            "docker-bake.hcl:13: part of `secret` of target `api` is not known: the variable `DIR` has no default"
                .to_owned(),
            format!("docker-bake.hcl:7: target `parent` is not known: {why}"),
            format!("docker-bake.hcl:4: `context` of target `context` is not known: {why}"),
            format!("docker-bake.hcl:5: `dockerfile` of target `dockerfile` is not known: {why}"),
            format!("docker-bake.hcl:6: `target` of target `stage` is not known: {why}"),
            "docker-bake.hcl:8: a tag of target `api` is not known: the variable `DIR` has no default".to_owned(),
            "docker-bake.hcl:8: a platform of target `api` is not known: the variable `DIR` has no default"
                .to_owned(),
            "docker-bake.hcl:8: the named context `shared` of target `api` is not known: \
             the variable `DIR` has no default"
                .to_owned(),
        ]
    );
}

#[test]
fn what_leads_out_of_the_repository_or_has_no_counterpart_is_said() {
    let (builds, ignored) = read(
        r#"
target "remote" { context = "https://git.example/acme/shop.git" }
target "above" { context = "../other" }
target "dockerfile" { dockerfile = "/Dockerfile" }
target "api" {
  contexts     = { remote = "https://git.example/acme/shop.git", layout = "oci-layout:///x" }
  secret       = ["id=home,src=/etc/npmrc"]
  network      = "host"
  entitlements = ["security.insecure"]
  extra-hosts  = {}
}
target "usual" { network = "default" }
"#,
    );

    assert_eq!(names(&builds), ["api", "usual"]);
    assert!(builds[0].contexts.is_empty() && builds[0].secrets.is_empty());
    let notes: Vec<&str> = ignored.iter().map(|note| note.split_once(": ").unwrap().1).collect();
    assert_eq!(
        notes,
        [
            "`entitlements` of target `api` has no counterpart",
            "`network` of target `api` has no counterpart",
            "the context `https://git.example/acme/shop.git` of target `remote` is not a folder here",
            "the context `../other` of target `above` is not a folder here",
            "the Dockerfile `/Dockerfile` of target `dockerfile` is not a file here",
            "the named context `layout` of target `api` has no counterpart: `oci-layout:///x`",
            "the named context `remote` of target `api` has no counterpart: `https://git.example/acme/shop.git`",
            "the secret `home` of target `api` is not a file of the repository: `/etc/npmrc`",
        ]
    );
}

#[test]
fn a_cycle_of_inheritance_is_said() {
    let (builds, ignored) =
        read("target \"a\" { inherits = [\"b\"] }\ntarget \"b\" { inherits = [\"a\"] }\n");

    assert_eq!(names(&builds), Vec::<&str>::new());
    assert!(
        ignored[0].starts_with("docker-bake.hcl:1: target `a` is not known: it inherits from `a`"),
        "{ignored:?}"
    );
    assert_eq!(ignored.len(), 2);
}

#[test]
fn the_text_of_a_dockerfile_gets_a_name_that_is_free() {
    let text = "target \"api\" {\n  context = \"api\"\n  dockerfile-inline = \"FROM alpine\"\n}\n";
    let files = [("docker-bake.hcl", text)];

    let (free, _) = read_in("", &files, &["api/main.go"]);
    let (taken, _) = read_in("", &files, &["api/Dockerfile.api"]);

    assert_eq!(free[0].inline.as_deref(), Some("FROM alpine"));
    assert_eq!(free[0].dockerfile, path("api/Dockerfile.api"));
    assert_eq!(taken[0].dockerfile, path("api/Dockerfile.api-1"));
}

/// What older versions of bake do not have, so that a test against any of them can't show it.
#[test]
fn functions_of_newer_versions_are_known() {
    let (builds, ignored) = read(
        "target \"a\" { args = { A = sanitize(\"a.b/c\"), B = basename(\"/a/b/\"), C = dirname(\"a/../b/c\"), D = indexof([\"x\", \"y\"], \"y\") } }\n",
    );

    let args: Vec<&str> = builds[0].build_args.values().map(|value| value.as_deref().unwrap()).collect();
    assert_eq!(args, ["a_b_c", "b", "b", "1"]);
    assert_eq!(ignored, Vec::<String>::new());
}
