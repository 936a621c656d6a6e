use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use super::*;
use crate::git::Repository;
use crate::init::evidence::{NamedContext, SecretFrom};

/// What is read of a tree with these files; one whose text is `-> <path>` is a symbolic link.
struct Read {
    builds: Vec<Build>,
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
    let mut ignored = Vec::new();
    let builds = builds(&snapshot, &found, &mut ignored).unwrap();
    Read { builds, ignored: ignored.iter().map(|note| format!("{}: {}", note.at, note.why)).collect() }
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
                "ops/compose.yaml:4: the argument `C` of service `api` has no value: no file of the repository sets `C`",
                "ops/compose.yaml:4: the argument `D` of service `api` has no value: no file of the repository sets `D`",
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

#[test]
fn variables_have_the_values_of_the_files_beside() {
    let read = read(&[
        (".env", "DIR=services\nTAG=1.0\n"),
        (
            "compose.yaml",
            "include:\n  - sub/compose.yaml\n  - {path: [sub/a.yaml, sub/b.yaml], env_file: sub/two.env, project_directory: other}\n\
             services:\n  api: {build: {context: '$DIR/api', args: {TAG: , OTHER: $SUB}}}\n",
        ),
        ("sub/.env", "SUB=sub\nDIR=hidden\n"),
        ("sub/compose.yaml", "services:\n  one: {build: {context: $SUB, args: [A=$DIR]}}\n"),
        ("sub/two.env", "SUB=two\n"),
        ("sub/a.yaml", "services:\n  two: {build: {context: ., target: a, args: {A: $SUB}}}\n"),
        ("sub/b.yaml", "services:\n  two: {build: {target: b}}\n"),
    ]);

    assert_eq!(
        read.shown(),
        [
            "api compose.yaml:5 services/api services/api/Dockerfile OTHER=? TAG=1.0",
            "two sub/a.yaml:2 other other/Dockerfile b A=two",
            "one sub/compose.yaml:2 sub/sub sub/sub/Dockerfile A=services",
        ]
    );
    assert_eq!(read.ignored.len(), 1, "{:?}", read.ignored);
}

#[test]
fn an_override_is_merged_and_can_reset_and_replace() {
    let read = read(&[
        (
            "docker-compose.yml",
            "services:\n  api: {build: {context: api, target: prod, args: [A=1, B=1, C=1], platforms: [linux/amd64]}}\n  web: {build: web}\n  gone: {build: gone}\n",
        ),
        (
            "docker-compose.override.yml",
            "services:\n  api:\n    build:\n      target: !reset null\n      args: {B: 2, C: !reset null}\n      platforms: !override [linux/arm64]\n  web: {build: {dockerfile: dev}}\n  gone: !reset null\n  new: {build: .}\n",
        ),
    ]);

    assert_eq!(
        read.shown(),
        [
            "new docker-compose.override.yml:9 . Dockerfile",
            "api docker-compose.yml:2 api api/Dockerfile A=1 B=2",
            "web docker-compose.yml:3 web web/dev",
        ]
    );
    assert_eq!(read.api().platforms, ["linux/arm64"]);
}

#[test]
fn other_files_are_read_alone_or_over_the_default_one() {
    let base =
        "services:\n  api: {image: shop/api, build: {context: api, target: dev}}\n  db: {image: postgres}\n";
    let read = read(&[
        ("compose.yml", base),
        // Over it: what it doesn't change of `build` counts once.
        ("docker-compose.prod.yml", "services:\n  api: {build: {target: prod}}\n  db: {restart: always}\n"),
        ("compose.same.yml", "services:\n  api: {restart: always}\n"),
        // By itself.
        ("docker-compose-tools.yaml", "services:\n  api: {build: {context: tools}}\n"),
        ("other/compose.prod.yml", "services:\n  api: {build: {target: x}}\n"),
    ]);

    assert_eq!(
        read.shown(),
        [
            "api compose.yml:2 api api/Dockerfile dev",
            "api docker-compose-tools.yaml:2 tools tools/Dockerfile",
            "api docker-compose.prod.yml:2 api api/Dockerfile prod",
            "api other/compose.prod.yml:2 other other/Dockerfile x",
        ]
    );
    assert_eq!(read.ignored, NONE);
}

#[test]
fn services_extend_others_of_the_same_and_of_other_files() {
    let read = read(&[
        (
            "compose.yaml",
            "services:\n  api: {extends: {file: common/compose.base.yml, service: app}, build: {args: {B: 2}}}\n  worker:\n    extends: api\n    build: {target: worker}\n  round: {extends: about}\n  about: {extends: {service: round}}\n  none: {extends: {service: app, file: gone.yml}}\n  far: {extends: {service: app, file: ../x.yml}}\n  lost: {extends: nobody}\n",
        ),
        (
            "common/compose.base.yml",
            "services:\n  app: {extends: root, build: {context: ./app, args: [A=1, B=1]}}\n  root: {build: {dockerfile: base}}\n  alone: {build: ./alone}\n",
        ),
    ]);

    assert_eq!(
        read.shown(),
        [
            "api compose.yaml:2 common/app common/app/base A=1 B=2",
            "worker compose.yaml:5 common/app common/app/base worker A=1 B=2",
            "root common/compose.base.yml:3 common common/base",
            "alone common/compose.base.yml:4 common/alone common/alone/Dockerfile",
        ]
    );
    assert_eq!(
        read.ignored,
        [
            "compose.yaml:6: service `round` is left out: `round` extends itself",
            "compose.yaml:7: service `about` is left out: `about` extends itself",
            "compose.yaml:8: service `none` is left out: `gone.yml`, which it extends: there is no such file",
            "compose.yaml:9: service `far` is left out: the file that it extends: `../x.yml` is outside of the repository",
            "compose.yaml:10: service `lost` is left out: `compose.yaml` has no service `nobody`, which it extends",
        ]
    );
}

#[test]
fn what_cannot_be_read_is_said_and_the_rest_goes_on() {
    let read = read(&[
        ("a/compose.yaml", "services:\n  api: {build: [}\n"),
        ("b/compose.yaml", "services: {}\n---\nservices:\n  api: {build: .}\n"),
        ("c/compose.yaml", "-> ../b/compose.yaml"),
        ("d/compose.yaml", "\u{feff}services:\r\n  api:\r\n    build: .\r\n"),
        ("d/.env", "A B\n"),
        ("e/compose.yaml", "services:\n  api: {build: .}\n  api: {build: x}\n"),
        ("f/compose.yaml", "services: [a]\non: {push: 1}\n1: 2\n"),
        (
            "g/compose.yaml",
            "include: [compose.yaml, ../../x.yaml, ../h/compose.yaml, gone.yaml, 'https://x/y']\nservices: {api: 1}\n",
        ),
        ("h/compose.yaml", "include: [../g/compose.yaml]\nservices: {h: {build: .}}\n"),
        ("i/compose.yaml", ""),
    ]);

    assert_eq!(
        read.shown(),
        [
            "api b/compose.yaml:4 b b/Dockerfile",
            "api d/compose.yaml:3 d d/Dockerfile",
            "h h/compose.yaml:2 h h/Dockerfile",
            "h h/compose.yaml:2 h h/Dockerfile",
        ]
    );
    insta::assert_snapshot!(read.ignored.join("\n"), @r"
    a/compose.yaml: line 2: mismatched bracket '[' closed by '}'
    c/compose.yaml: it is a symbolic link, which is not followed
    d/.env: `d/.env` sets nothing: line 1: ' ' can't be in the name of a variable
    e/compose.yaml: line 3: the key `api` is there twice
    f/compose.yaml:1: `services` is no map
    g/compose.yaml:1: nothing is included of `g/gone.yaml`: there is no such file
    g/compose.yaml:1: nothing is included: `../../x.yaml` is outside of the repository
    g/compose.yaml:1: nothing is included: `g/compose.yaml` includes itself
    g/compose.yaml:1: nothing is included: `h/compose.yaml` includes itself
    g/compose.yaml:1: nothing is included: `https://x/y` is outside of the repository
    g/compose.yaml:2: service `api` is no map
    h/compose.yaml:1: nothing is included: `g/compose.yaml` includes itself
    i/compose.yaml: it is empty
    ");
}

#[test]
fn hostile_files_are_bounded() {
    let levels: String = (1..40).map(|n| format!("  a{n}: &a{n} {{x: *a{0}, y: *a{0}}}\n", n - 1)).collect();
    let bomb = format!("x-a:\n  a0: &a0 {{z: 1}}\n{levels}services: {{api: {{build: {{args: *a39}}}}}}\n");
    let wide: String = (0..200).map(|_| "  - ../two/compose.yaml\n").collect();
    let wider: String = (0..200).map(|_| "  - ../three/compose.yaml\n").collect();
    let big = format!("services:\n  s0: {{build: {{args: {{A: {}}}}}}}\n", "x".repeat(100_000));
    let extending: String = (1..2000).map(|n| format!("  s{n}: {{extends: s0}}\n")).collect();

    for files in [
        vec![("compose.yaml", bomb)],
        vec![
            ("one/compose.yaml", format!("include:\n{wide}")),
            ("two/compose.yaml", format!("include:\n{wider}")),
            ("three/compose.yaml", "services: {api: {image: x}}".to_owned()),
        ],
        vec![("compose.yaml", big + &extending)],
    ] {
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();

        let read = read(&files);

        let last = read.ignored.last().unwrap();
        assert!(read.ignored.iter().any(|note| note.contains("stand for more than is read")), "{last}");
    }
}
