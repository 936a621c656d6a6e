use super::*;

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
