mod files;
mod hostile;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use super::*;
use crate::git::Repository;
use crate::init::evidence::{NamedContext, SecretFrom};

/// What is read of a tree with these files; one whose text is `-> <path>` is a symbolic link.
struct Read {
    builds: Vec<Build>,
    notes: Vec<Ignored>,
    ignored: Vec<String>,
}

fn read(files: &[(&str, &str)]) -> Read {
    let folder = tempfile::tempdir().unwrap();
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    git(&["init", "-q"]);
    for (path, content) in files {
        write(&folder.path().join(path), content);
    }
    git(&["add", "--all", "--force"]);
    let tree = git(&["write-tree"]).trim().parse().unwrap();
    let repository = Repository::open(folder.path()).unwrap();
    let snapshot = repository.snapshot_of_tree(tree);
    let mut found: Vec<RepoPath> = files
        .iter()
        .map(|(path, _)| RepoPath::new(path).unwrap())
        .filter(|path| std::str::from_utf8(path.file_name()).is_ok_and(is_name))
        .collect();
    found.sort();
    let mut notes = Vec::new();
    let builds = builds(&snapshot, &found, &mut notes).unwrap();
    let ignored = notes.iter().map(|note| format!("{}: {}", note.at, note.why)).collect();
    Read { builds, notes, ignored }
}

fn write(path: &Path, content: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    match content.strip_prefix("-> ") {
        Some(target) => std::os::unix::fs::symlink(target, path).unwrap(),
        None => std::fs::write(path, content).unwrap(),
    }
}

/// A service `api` with this `build`, in `ops/compose.yaml`.
fn with_build(build: &str) -> Read {
    read(&[("ops/compose.yaml", &format!("services:\n  api:\n    build:\n{build}"))])
}

impl Read {
    fn shown(&self) -> Vec<String> {
        self.builds.iter().map(shown).collect()
    }

    fn api(&self) -> &Build {
        self.builds.iter().find(|build| build.name.as_deref() == Some("api")).unwrap()
    }
}

/// `<service> <file:line> <context> <Dockerfile> [<target>] [<args>]`
fn shown(build: &Build) -> String {
    let context = build.context.as_ref().unwrap();
    let mut shown =
        format!("{} {} {context} {}", build.name.as_ref().unwrap(), build.found, build.dockerfile);
    shown.extend(build.target.iter().map(|target| format!(" {target}")));
    for (name, value) in &build.build_args {
        shown += &format!(" {name}={}", value.as_deref().unwrap_or("?"));
    }
    shown
}

fn path(text: &str) -> RepoPath {
    RepoPath::new(text).unwrap()
}

const NONE: &[&str] = &[];

#[test]
fn paths_are_relative_to_the_file_and_the_dockerfile_to_the_context() {
    let read = with_build("      context: ../services/api/\n      dockerfile: ../docker/api.Dockerfile\n");

    assert_eq!(read.shown(), ["api ops/compose.yaml:4 services/api services/docker/api.Dockerfile"]);
    assert_eq!(read.ignored, NONE);
}

#[test]
fn a_list_that_is_closed_in_the_column_of_its_key_is_read() {
    let read = with_build(
        "      context: .\n      args: [\n        A=1,\n        B=2\n      ]\n      target: last\n",
    );

    assert_eq!(read.shown(), ["api ops/compose.yaml:4 ops ops/Dockerfile last A=1 B=2"]);
    assert_eq!(read.api().says, "service `api` builds its target `last`");
    assert_eq!(read.ignored, NONE);
}

#[test]
fn arguments_are_a_map_or_a_list_and_those_of_the_environment_are_to_be_filled_in() {
    for args in ["{A: 010, B: \"${B:-x}\", C: , D: $D, E: true}", "[A=8, \"B=${B:-x}\", C, \"D=$D\", E=true]"]
    {
        let read = with_build(&format!("      args: {args}\n"));

        assert_eq!(read.shown(), ["api ops/compose.yaml:4 ops ops/Dockerfile A=8 B=x C=? D=? E=true"]);
        assert_eq!(
            read.ignored,
            [
                "ops/compose.yaml:4: fill in the argument `C` of service `api`: no file of the repository sets `C`",
                "ops/compose.yaml:4: fill in the argument `D` of service `api`: no file of the repository sets `D`",
            ]
        );
    }
}

#[test]
fn all_that_projects_can_say_is_taken() {
    let read = read(&[(
        "compose.yaml",
        "services:
  api:
    image: shop/api:1
    platform: linux/arm64
    profiles: [full]
    build:
      context: api
      additional_contexts: {base: service:base, proto: ./proto, os: docker-image://debian:13, far: https://x/y.git}
      secrets: [token, {source: key, target: id}, gone, other]
      ssh: [default, deploy=./key]
      platforms: [linux/amd64, linux/arm64]
      tags: [shop/api:latest, shop/api:1]
      cache_from: [x]
      no_cache: true
      network: host
      privileged: false
      extra_hosts: []
  base:
    image: shop/base:${TAG}
    platform: linux/arm64
    build: ./base
  own: {image: '${REGISTRY}/own', build: .}
secrets:
  token: {file: ./token.txt}
  key: {environment: KEY}
  other: {external: true}
",
    )]);

    let api = read.api();
    assert_eq!(api.images, ["shop/api:1", "shop/api:latest"]);
    assert_eq!(
        api.contexts,
        BTreeMap::from([
            ("base".to_owned(), NamedContext::Build("base".to_owned())),
            ("os".to_owned(), NamedContext::Image("debian:13".to_owned())),
            ("proto".to_owned(), NamedContext::Folder(path("proto"))),
        ])
    );
    assert_eq!(
        api.secrets,
        BTreeMap::from([
            ("id".to_owned(), SecretFrom::Environment("KEY".to_owned())),
            ("token".to_owned(), SecretFrom::File(path("token.txt"))),
        ])
    );
    assert_eq!(api.ssh, ["default", "deploy"]);
    assert_eq!(api.platforms, ["linux/amd64", "linux/arm64"]);
    assert_eq!(read.builds[1].platforms, ["linux/arm64"]);
    assert_eq!(read.builds[1].images, ["shop/base"]);
    assert_eq!(read.builds[2].images, Vec::<String>::new());
    assert_eq!(
        read.ignored,
        [
            "compose.yaml:8: the named context `far` of service `api` is left out: `https://x/y.git` is not in the repository",
            "compose.yaml:9: the secret `gone` of service `api` is left out: no section `secrets` has it",
            "compose.yaml:9: the secret `other` of service `api` is left out: it comes from neither a file nor a variable",
            "compose.yaml:10: `deploy` in `ssh` of service `api` is the agent's, not `./key`",
            "compose.yaml:15: `network` of service `api` has no counterpart: the image is built without it",
            "compose.yaml:22: the image `${REGISTRY}/own` of service `own` is not known: no file of the repository sets `REGISTRY`",
        ]
    );
}

#[test]
fn a_service_whose_files_are_not_known_is_left_out() {
    for (build, why) in [
        (
            "context: $DIR",
            "its `context` is `$DIR`, and no file of the repository sets `DIR`: give it a default",
        ),
        (
            "dockerfile: '${A?b}'",
            "its `dockerfile` is `${A?b}`, and no file of the repository sets `A`: give it a default",
        ),
        (
            "target: a${",
            "its `target` is `a${`, and `a${` is no use of a variable; a dollar sign alone is written `$$`: give it a default",
        ),
        ("context: ../../other", "its context `../../other` is outside of the repository"),
        (
            "context: https://git.example/x.git",
            "its context `https://git.example/x.git` is not in the repository",
        ),
        ("context: git@git.example:x", "its context `git@git.example:x` is not in the repository"),
        ("context: /srv", "its context `/srv` is outside of the repository"),
        ("dockerfile: /etc/x", "its Dockerfile `/etc/x` is outside of the repository"),
        ("context: [a]", "its `context` is no text"),
    ] {
        let read = with_build(&format!("      {build}\n"));

        assert_eq!(read.shown(), NONE, "{build}");
        assert_eq!(read.ignored, [format!("ops/compose.yaml:4: service `api` is left out: {why}")]);
    }
}

#[test]
fn a_dockerfile_that_stands_in_the_file_is_taken_with_its_place() {
    let read = with_build(
        "      context: ..\n      dockerfile_inline: |\n        FROM scratch\n        ENV A=$$B\n",
    );
    let both = with_build("      dockerfile: a\n      dockerfile_inline: FROM scratch\n");

    assert_eq!(read.api().inline.as_deref(), Some("FROM scratch\nENV A=$B\n"));
    assert_eq!(read.api().dockerfile, path("api.Dockerfile"));
    assert_eq!(both.shown(), NONE);
}
