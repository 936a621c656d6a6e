//! What a build says beside its Dockerfile and its context.

use super::*;
use crate::init::evidence::commands::dialect::Dialect;

#[test]
fn a_build_says_all_that_its_command_says() {
    let world = world();
    let text = "docker build -t acme/api:$TAG -t acme/api:1 -t $REGISTRY/x --target run --build-arg A=1 --build-arg B \\\n  \
                --build-arg C=$C --build-context lib=docker/x --build-context base=docker-image://alpine \\\n  \
                --secret id=token,env=TOKEN --secret id=rc,src=ops/rc --secret id=own --ssh default --platform linux/amd64,linux/arm64 services/api\n";

    let (builds, ignored) = world.read("build.sh", text);

    let [build] = builds.as_slice() else { panic!("{builds:?} {ignored:?}") };
    assert_eq!(build.strength, Strength::Command);
    assert_eq!(
        (build.found.to_string().as_str(), build.says.as_str()),
        ("build.sh:1", "`docker build` builds it")
    );
    assert_eq!(build.images, ["acme/api", "acme/api:1"]);
    assert_eq!(build.target.as_deref(), Some("run"));
    let args: Vec<_> =
        build.build_args.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
    assert_eq!(args, [("A", Some("1")), ("B", None), ("C", None)]);
    assert_eq!(build.contexts["lib"], NamedContext::Folder(path("docker/x")));
    assert_eq!(build.contexts["base"], NamedContext::Image("alpine".to_owned()));
    assert_eq!(build.secrets["token"], SecretFrom::Environment("TOKEN".to_owned()));
    assert_eq!(build.secrets["rc"], SecretFrom::File(path("ops/rc")));
    assert_eq!(build.secrets["own"], SecretFrom::Environment("own".to_owned()));
    assert_eq!((build.ssh.len(), build.platforms.len()), (1, 2));
}

#[test]
fn a_build_is_called_after_its_image_though_its_registry_is_a_variable() {
    for (image, expected) in [
        ("$REGISTRY/node-base:$TAG", Some("node-base")),
        ("$REGISTRY/acme/api", Some("api")),
        ("${REGISTRY}api:1", None),
        ("acme/$NAME:1", None),
        ("acme/api$SUFFIX", None),
        ("acme/api:$TAG", Some("api")),
        ("$REGISTRY/shop:api-$TAG", None),
        ("$REGISTRY/shop:api", None),
        ("$REGISTRY/shop:latest", Some("shop")),
    ] {
        let (builds, _) = world().read("build.sh", &format!("docker build -t {image} services/api\n"));

        assert_eq!(builds[0].name.as_deref(), expected, "{image}");
    }
}

#[test]
fn an_action_says_all_that_its_inputs_say() {
    let world = world();
    let text = "jobs:\n  x:\n    steps:\n      - uses: docker/build-push-action@v6\n        with:\n          context: services/api\n          target: run\n          \
                tags: |\n            acme/api:${{ github.sha }}\n            acme/api:1,acme/api:2\n          build-args: |\n            A=1\n            B=${{ github.sha }}\n          \
                build-contexts: lib=docker/x\n          platforms: linux/amd64, linux/arm64\n          secrets: |\n            token=${{ secrets.TOKEN }}\n          \
                secret-envs: other=OTHER\n          secret-files: rc=ops/rc\n          ssh: default\n";

    let (builds, ignored) = world.read(".github/workflows/ci.yml", text);

    let [build] = builds.as_slice() else { panic!("{builds:?} {ignored:?}") };
    assert_eq!(build.found.to_string(), ".github/workflows/ci.yml:4");
    assert_eq!(build.images, ["acme/api", "acme/api:1", "acme/api:2"]);
    let args: Vec<_> =
        build.build_args.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
    assert_eq!(args, [("A", Some("1")), ("B", None)]);
    assert_eq!(build.contexts["lib"], NamedContext::Folder(path("docker/x")));
    assert_eq!(build.platforms, ["linux/amd64", "linux/arm64"]);
    assert_eq!(build.secrets["token"], SecretFrom::Environment("token".to_owned()));
    assert_eq!(build.secrets["other"], SecretFrom::Environment("OTHER".to_owned()));
    assert_eq!(build.secrets["rc"], SecretFrom::File(path("ops/rc")));
    assert_eq!((build.ssh.len(), build.target.as_deref()), (1, Some("run")));
}

#[test]
fn a_build_knows_its_line_and_which_variable_it_comes_from() {
    let world = world();
    for (file, text, expected) in [
        (
            "build.sh",
            "# x\n\ndocker build services/$1\n",
            "build.sh:3: `docker build` builds it where `$1` is `api`",
        ),
        (
            "Makefile",
            "x:\n\techo\n\tA=1 \\\n\tdocker build services/$(NAME)\n",
            "Makefile:4: `docker build` builds it where `$(NAME)` is `api`",
        ),
        (
            ".github/workflows/a.yml",
            "jobs:\n  x:\n    steps:\n      - run: |\n          echo\n          docker build services/$X\n",
            ".github/workflows/a.yml:6: `docker build` builds it where `$X` is `api`",
        ),
        (
            ".github/workflows/a.yml",
            "jobs:\n  x:\n    steps:\n      - run: docker build services/${{ inputs.x }}\n",
            ".github/workflows/a.yml:4: `docker build` builds it where `${{ inputs.x }}` is `api`",
        ),
        (
            "Jenkinsfile",
            "x\nsh '''\n  docker build services/$X\n'''\n",
            "Jenkinsfile:3: `docker build` builds it where `$X` is `api`",
        ),
        (
            "cloudbuild.yaml",
            "steps:\n  - name: docker\n    args:\n      - build\n      - services/$_X\n",
            "cloudbuild.yaml:4: `docker build` builds it where `$_X` is `api`",
        ),
    ] {
        let (builds, ignored) = world.read(file, text);

        let first = builds.first().unwrap_or_else(|| panic!("{file} {ignored:?}"));
        assert_eq!(format!("{}: {}", first.found, first.says), expected);
    }
}

#[test]
fn local_files_that_gitlab_includes_are_found() {
    let included = |text: &str| -> Vec<String> {
        included(Kind::Ci(Dialect::GitLab), text.as_bytes()).iter().map(ToString::to_string).collect()
    };

    assert_eq!(included("include: /ci/a.yml\n"), ["ci/a.yml"]);
    assert_eq!(
        included(
            "include:\n  - local: ci/a.yml\n  - template: x.yml\n  - b.yml\n  - https://x/y.yml\n  - local: 'ci/*.yml'\n"
        ),
        ["ci/a.yml", "b.yml"]
    );
    assert_eq!(included("include: [\n"), Vec::<String>::new());
}
