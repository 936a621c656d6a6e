//! Each form of a command, against a repository in which its files are or are not.

use proptest::prelude::*;

use super::ci::Dialect;
use super::*;
use crate::init::evidence::{NamedContext, SecretFrom, Strength};
use crate::init::tests::{World, path};

/// Files of the repository, beside the one that is read.
const FILES: &[&str] = &[
    "Dockerfile",
    "Dockerfile.debug",
    "docker/api.Dockerfile",
    "docker/web.Dockerfile",
    "docker/x/a",
    "ops/Dockerfile",
    "ops/ci/a",
    "podman/Containerfile",
    "services/api/Dockerfile",
    "services/api/main.go",
    "services/web/Dockerfile",
    "services/web/images/Dockerfile.nginx",
    "tools/lint/Containerfile",
];

/// A repository with [`FILES`].
struct Files {
    world: World,
    dockerfiles: Vec<RepoPath>,
}

fn world() -> Files {
    let files: Vec<(&str, &str)> = FILES.iter().map(|file| (*file, "FROM scratch\n")).collect();
    let dockerfiles =
        FILES.iter().filter(|file| file.contains("ockerfile") || file.contains("Containerfile"));
    Files { world: World::new(&files), dockerfiles: dockerfiles.map(|file| path(file)).collect() }
}

impl Files {
    fn read(&self, file: &str, text: &str) -> (Vec<Build>, Vec<String>) {
        let snapshot = self.world.snapshot();
        let tree = Tree { snapshot: &snapshot, dockerfiles: &self.dockerfiles };
        let kind =
            Kind::of(&path(file), crate::model::FileMode::Executable).unwrap_or_else(|| panic!("{file}"));
        let mut ignored = Vec::new();
        let builds = builds(&tree, &path(file), kind, text.as_bytes(), &mut ignored).unwrap();
        (builds, ignored.iter().map(|ignored| format!("{}: {}", ignored.at, ignored.why)).collect())
    }

    /// `Dockerfile < context` of each build, then what is ignored.
    fn shown(&self, file: &str, text: &str) -> String {
        let (builds, ignored) = self.read(file, text);
        let mut shown = Vec::new();
        for build in builds {
            let context = build.context.map_or("?".to_owned(), |context| context.to_string());
            shown.push(format!("{} < {context}", build.dockerfile));
        }
        shown.extend(ignored);
        shown.join("; ")
    }
}

#[track_caller]
fn assert_table(file: &str, table: &[(&str, &str)]) {
    let world = world();
    let mut failures = Vec::new();
    for (text, expected) in table {
        let shown = world.shown(file, text);
        if shown != *expected {
            failures.push(format!("{text}\n  is       {shown}\n  expected {expected}\n"));
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

#[test]
fn every_program_that_builds_is_known_by_its_command_line() {
    let api = "services/api/Dockerfile < services/api";
    assert_table(
        "build.sh",
        &[
            ("docker build services/api", api),
            ("docker buildx build services/api", api),
            ("docker buildx --builder b build --push services/api", api),
            ("docker image build services/api", api),
            ("docker builder build services/api", api),
            ("docker --context c build services/api", api),
            ("docker-buildx build services/api", api),
            ("/usr/bin/docker build services/api", api),
            ("podman build services/api", api),
            ("podman build podman", "podman/Containerfile < podman"),
            (
                "docker build podman",
                "build.sh:1: `docker build` is not followed: there is no `podman/Dockerfile`",
            ),
            ("buildah bud services/api", api),
            ("buildah build --layers services/api", api),
            ("buildah bud -f Dockerfile services/api", "Dockerfile < services/api"),
            (
                "buildah bud -f images/Dockerfile.nginx services/web",
                "services/web/images/Dockerfile.nginx < services/web",
            ),
            ("nerdctl build services/api", api),
            ("img build services/api", api),
            ("depot build services/api", api),
            ("/kaniko/executor --context services/api --dockerfile Dockerfile", "Dockerfile < services/api"),
            (
                "/kaniko/executor --context dir://services/web --dockerfile images/Dockerfile.nginx --no-push",
                "services/web/images/Dockerfile.nginx < services/web",
            ),
            ("/kaniko/executor --context=$CI_PROJECT_DIR --context-sub-path services/api", api),
            ("$DOCKER build services/api", api),
            ("\"${CONTAINER_TOOL:-podman}\" build services/api", api),
            ("DOCKER_BUILDKIT=1 docker build services/api", api),
            ("sudo -E docker build services/api", api),
            ("time docker build services/api", api),
            ("timeout 600 docker build services/api", api),
            ("env A=1 docker build services/api", api),
            ("docker build services/api | tee log", api),
            ("id=$(docker build -q services/api)", api),
            ("bash -c 'docker build services/api'", api),
            ("if ! docker build services/api; then exit 1; fi", api),
            ("docker pull x || docker build services/api", api),
            ("docker build services/api > log 2>&1", api),
            ("docker build \\\n  -t x \\\n  services/api", api),
        ],
    );
}

#[test]
fn what_is_no_build_is_no_evidence() {
    assert_table(
        "build.sh",
        &[
            ("# docker build services/api", ""),
            ("echo docker build services/api", ""),
            ("echo \"usage: docker build services/api\"", ""),
            ("cat <<EOF\ndocker build services/api\nEOF\n", ""),
            ("cat <<-'EOF' > x\n\tdocker build services/api\n\tEOF\n", ""),
            ("docker compose build api", ""),
            ("docker buildx bake", ""),
            ("docker run x build services/api", ""),
            ("docker build --help", ""),
            ("go build ./services/api", ""),
            ("$TOOL build services/api", ""),
            ("grep 'docker build' services/api", ""),
            ("help() { printf '%s' 'docker build services/api'; }", ""),
        ],
    );
}

#[test]
fn the_context_is_the_one_argument_whatever_options_there_are() {
    assert_table(
        "build.sh",
        &[
            ("docker build -t acme/api:1 -f docker/api.Dockerfile .", "docker/api.Dockerfile < ."),
            ("docker build . -f docker/api.Dockerfile -t x", "docker/api.Dockerfile < ."),
            ("docker build -fdocker/api.Dockerfile .", "docker/api.Dockerfile < ."),
            (
                "docker build --file=docker/api.Dockerfile services/api",
                "docker/api.Dockerfile < services/api",
            ),
            (
                "docker build --build-arg A --label b --cache-from c --network host -m 1g --no-cache --pull .",
                "Dockerfile < .",
            ),
            (
                "docker build --provenance false --sbom=true --progress plain -o type=docker .",
                "Dockerfile < .",
            ),
            ("docker build $OPTIONS -t x .", "Dockerfile < ."),
            ("docker build \"${args[@]}\" .", "Dockerfile < ."),
            ("docker build --unheard-of y .", "build.sh:1: which of `y` and `.` is the context is not known"),
            ("docker build -t x", "build.sh:1: it has no context"),
            ("docker build - < services/api/Dockerfile", "services/api/Dockerfile < ?"),
            ("docker build -f - services/api < Dockerfile.debug", "Dockerfile.debug < services/api"),
            (
                "cat x | docker build -",
                "build.sh:1: `docker build` is not followed: its Dockerfile comes from standard input",
            ),
            (
                "docker build https://git.example/x.git",
                "build.sh:1: `docker build` is not followed: `https://git.example/x.git` is not in the repository",
            ),
            (
                "docker build /tmp/x",
                "build.sh:1: `docker build` is not followed: `/tmp/x` is not in the repository",
            ),
            (
                "docker build ../x",
                "build.sh:1: `docker build` is not followed: `../x` is not in the repository",
            ),
            ("docker build -f docker/api.Dockerfile $CONTEXT", "docker/api.Dockerfile < ?"),
        ],
    );
}

#[test]
fn the_folder_in_which_a_command_runs_is_followed() {
    let api = "services/api/Dockerfile < services/api";
    assert_table(
        "ops/ci/build.sh",
        &[
            ("cd services/api && docker build .", api),
            ("cd services/api\ndocker build .", api),
            (
                "(cd services/api && docker build .)\ndocker build services/web",
                "services/api/Dockerfile < services/api; services/web/Dockerfile < services/web",
            ),
            (
                "pushd services/api; docker build .; popd; docker build services/web",
                "services/api/Dockerfile < services/api; services/web/Dockerfile < services/web",
            ),
            ("cd services/api || exit 1\ndocker build .", api),
            ("cd \"$(dirname \"$0\")/../..\"\ndocker build services/api", api),
            ("cd \"$(dirname \"${BASH_SOURCE[0]}\")/..\"\ndocker build .", "ops/Dockerfile < ops"),
            (
                "DIR=\"$( cd \"$( dirname \"${BASH_SOURCE[0]}\" )\" >/dev/null 2>&1 && pwd )\"\ndocker build -f $DIR/../Dockerfile $DIR/../..",
                "ops/Dockerfile < .",
            ),
            ("cd ${0%/*}/..\ndocker build .", "ops/Dockerfile < ops"),
            (
                "ROOT=$(git rev-parse --show-toplevel)\ncd \"$ROOT\"\ndocker build -f docker/api.Dockerfile .",
                "docker/api.Dockerfile < .",
            ),
            (
                "docker build -f $GITHUB_WORKSPACE/docker/api.Dockerfile $PWD",
                "ops/ci/build.sh:1: `docker build` is not followed: whether it runs in `.` or in `ops` or in `ops/ci` is not known",
            ),
            ("docker build services/api", api),
            (
                "docker build .",
                "ops/ci/build.sh:1: `docker build` is not followed: whether it runs in `.` or in `ops` is not known",
            ),
            (
                "docker build missing",
                "ops/ci/build.sh:1: `docker build` is not followed: there is no `missing/Dockerfile` and no `ops/ci/missing/Dockerfile` and no `ops/missing/Dockerfile`",
            ),
            (
                "cd $HOME/x && docker build .",
                "ops/ci/build.sh:1: `docker build` is not followed: `.` is not in the repository",
            ),
            (
                "[ -n \"$X\" ] && { if true; then cd services/api; fi; }\ndocker build .",
                "ops/ci/build.sh:2: `docker build` is not followed: `.` depends on a condition that changes the folder",
            ),
        ],
    );
}

#[test]
fn variables_count_where_they_are_constant() {
    let api = "services/api/Dockerfile < services/api";
    let both = "services/api/Dockerfile < services/api; services/web/Dockerfile < services/web";
    assert_table(
        "build.sh",
        &[
            ("DIR=services/api\ndocker build $DIR", api),
            ("export DIR=services/api; docker build \"${DIR}\"", api),
            ("docker build ${DIR:-services/api}", api),
            ("DIR=${1:-services/api}\ndocker build $DIR", api),
            ("NAME=api; DIR=services/$NAME; docker build -f \"$DIR/Dockerfile\" \"$DIR\"", api),
            ("OPTS='--pull -f docker/api.Dockerfile'\ndocker build $OPTS .", "docker/api.Dockerfile < ."),
            ("for d in api web; do docker build services/$d; done", both),
            ("for d in services/api services/web\ndo\n  (cd $d && docker build .)\ndone", both),
            ("ALL=(api web)\nfor d in \"${ALL[@]}\"; do docker build services/$d; done", both),
            ("ALL='api web'\nfor d in $ALL; do docker build services/$d; done", both),
            ("for d in services/*; do docker build $d; done", both),
            ("for f in services/*/Dockerfile; do docker build -f $f $(dirname $f); done", both),
            ("for f in services/*/Dockerfile; do docker build -f $f ${f%/*}; done", both),
            ("build() { docker build \"services/$1\"; }\nbuild api\nbuild web", both),
            ("build() {\n  local dir=$1\n  docker build $dir\n}\nbuild services/api", api),
            ("run() { echo \"$@\"; \"$@\"; }\nrun docker build services/api", api),
            ("function build { docker build services/$1; }", both),
            ("docker build services/$1", both),
            (
                "docker build -f services/$1/Dockerfile .",
                "services/api/Dockerfile < .; services/web/Dockerfile < .",
            ),
            (
                "docker build -f docker/$1.Dockerfile services/$1",
                "docker/api.Dockerfile < services/api; docker/web.Dockerfile < services/web",
            ),
            (
                "docker build -f docker/$1.Dockerfile services/$2",
                "docker/api.Dockerfile < ?; docker/web.Dockerfile < ?",
            ),
            (
                "if [ $1 ]; then DIR=services/api; else DIR=services/web; fi\ndocker build $DIR",
                "build.sh:2: `docker build` is not followed: which folder it builds depends on `$DIR`",
            ),
            (
                "case $1 in\n  api) docker build services/api ;;\n  web) docker build services/web ;;\nesac",
                both,
            ),
            (
                "docker build $1",
                "build.sh:1: `docker build` is not followed: which folder it builds depends on `$1`",
            ),
            (
                "docker build -f $1 .",
                "build.sh:1: `docker build` is not followed: which Dockerfile it builds depends on `$1`",
            ),
            (
                "docker build -f services/$1/$2 .",
                "build.sh:1: `docker build` is not followed: which Dockerfile it builds depends on `$1` and `$2`",
            ),
        ],
    );
}

#[test]
fn makefiles_have_variables_targets_and_functions_of_their_own() {
    let api = "services/api/Dockerfile < services/api";
    let both = "services/api/Dockerfile < services/api; services/web/Dockerfile < services/web";
    assert_table(
        "Makefile",
        &[
            ("image:\n\t@docker build services/api\n", api),
            ("DIR := services/api\nimage:\n\tdocker build $(DIR)\n", api),
            ("DIR ?= services/api # where\nimage:\n\tdocker build ${DIR}\n", api),
            (
                "DOCKER ?= $(shell which docker || which podman)\nimage:\n\t$(DOCKER) build services/api\n",
                api,
            ),
            (
                "BUILD = docker build --pull\nimage: deps\n\t$(BUILD) \\\n\t  -t x:$$(git describe) \\\n\t  services/api\n",
                api,
            ),
            ("image:\n\tcd services/api && docker build .\n\tdocker build services/web\n", both),
            (
                "image:\n\tcd services/api\n\tdocker build services/web\n",
                "services/web/Dockerfile < services/web",
            ),
            ("SERVICES = api web\n.PHONY: $(SERVICES)\n$(SERVICES):\n\tdocker build services/$@\n", both),
            ("SERVICES = api web\n$(addprefix x-,$(SERVICES)):\n\tdocker build services/$@\n", both),
            ("x-api x-web: x-%:\n\tdocker build services/$*\n", both),
            ("image-%:\n\tdocker build services/$*\n", both),
            ("image:\n\tfor s in api web; do docker build services/$$s; done\n", both),
            ("api: DIR = services/api\nweb: DIR = services/web\napi web:\n\tdocker build $(DIR)\n", both),
            (
                "ROOT := $(dir $(abspath $(lastword $(MAKEFILE_LIST))))\nimage:\n\tdocker build $(ROOT)services/api\n",
                api,
            ),
            (
                "image:\n\tdocker build -f $(CURDIR)/docker/api.Dockerfile $(shell pwd)\n",
                "docker/api.Dockerfile < .",
            ),
            ("image: ; docker build services/api\n", api),
            (
                "ifeq ($(X),1)\nDIR = services/api\nelse\nDIR = services/web\nendif\nimage:\n\tdocker build $(DIR)\n",
                "Makefile:7: `docker build` is not followed: which folder it builds depends on `$(DIR)`",
            ),
            (
                "A = $(B)\nB = $(A)\nimage:\n\tdocker build $(A)\n",
                "Makefile:4: `docker build` is not followed: which folder it builds depends on `$(A)`",
            ),
            (
                "# docker build services/api\nimage:\n\t# docker build services/api\n\t@echo docker build services/api\n",
                "",
            ),
        ],
    );
    assert_table(
        "services/Makefile",
        &[("image:\n\tdocker build -f api/Dockerfile ..\n", "services/api/Dockerfile < .")],
    );
    assert_table("ops/docker.mk", &[("image:\n\tdocker build services/api\n", api)]);
}

#[test]
fn workflows_of_github_have_folders_and_matrices() {
    let api = "services/api/Dockerfile < services/api";
    let both = "services/api/Dockerfile < services/api; services/web/Dockerfile < services/web";
    let job = |head: &str, step: &str| {
        format!("on: push\njobs:\n  image:\n{head}    steps:\n      - uses: actions/checkout@v4\n{step}")
    };
    let action = "      - name: Image\n        uses: docker/build-push-action@v6\n        with:\n";
    let table = [
        (job("", "      - run: docker build services/api\n"), api),
        (job("", "      - run: |\n          set -e\n          docker build services/api\n"), api),
        (job("", "      - run: docker build .\n        working-directory: services/api\n"), api),
        (
            job("    defaults: {run: {working-directory: services/api}}\n", "      - run: docker build .\n"),
            api,
        ),
        (
            job(
                "    env: {DIR: services/api}\n",
                "      - run: docker build $DIR\n      - run: docker build ${{ env.DIR }}\n",
            ),
            "services/api/Dockerfile < services/api; services/api/Dockerfile < services/api",
        ),
        (job("", "      - run: Write-Host docker build services/api\n        shell: pwsh\n"), ""),
        (
            job(
                "    strategy: {matrix: {service: [api, web]}}\n",
                "      - run: docker build services/${{ matrix.service }}\n",
            ),
            both,
        ),
        (
            job(
                "    strategy: {matrix: {include: [{dir: services/api}, {dir: services/web}]}}\n",
                "      - run: docker build ${{ matrix.dir }}\n",
            ),
            both,
        ),
        (
            job(
                "    strategy: {matrix: {s: [api, web], include: [{s: api, dir: services/api}, {s: web, dir: services/web}]}}\n",
                "      - run: docker build ${{ matrix.dir }}\n",
            ),
            both,
        ),
        (
            job(
                "    strategy: {matrix: {image: [{dir: services/api}, {dir: services/web}]}}\n",
                "      - run: docker build ${{ matrix.image.dir }}\n",
            ),
            both,
        ),
        (job("", &format!("{action}          push: true\n")), "Dockerfile < ."),
        (job("", &format!("{action}          context: services/api\n")), api),
        (
            job("", &format!("{action}          context: .\n          file: ./docker/api.Dockerfile\n")),
            "docker/api.Dockerfile < .",
        ),
        (job("", &format!("{action}          context: \"{{{{defaultContext}}}}:services/api\"\n")), api),
        (job("", &format!("{action}          context: ${{{{ github.workspace }}}}/services/api\n")), api),
        (job("", &format!("{action}          context: services/${{{{ inputs.service }}}}\n")), both),
        (
            job("", &format!("{action}          context: ${{{{ inputs.context }}}}\n")),
            ".github/workflows/ci.yml:7: `docker/build-push-action` is not followed: which folder it builds depends on `${{ inputs.context }}`",
        ),
        (
            job(
                "    strategy: {matrix: {s: [api, web]}}\n",
                &format!(
                    "{action}          context: .\n          file: services/${{{{ matrix.s }}}}/Dockerfile\n"
                ),
            ),
            "services/api/Dockerfile < .; services/web/Dockerfile < .",
        ),
        (
            job(
                "",
                "      - uses: redhat-actions/buildah-build@v2\n        with: {containerfiles: ./docker/api.Dockerfile, image: api, tags: latest 1}\n",
            ),
            "docker/api.Dockerfile < .",
        ),
        (
            job("", "      - uses: docker/bake-action@v5\n"),
            ".github/workflows/ci.yml:6: `docker/bake-action` builds what a bake file says: that file counts",
        ),
    ];
    let table: Vec<(&str, &str)> = table.iter().map(|(text, expected)| (text.as_str(), *expected)).collect();
    assert_table(".github/workflows/ci.yml", &table);
}

#[test]
fn files_of_other_cis_and_programs_are_read() {
    let api = "services/api/Dockerfile < services/api";
    let both = "services/api/Dockerfile < services/api; services/web/Dockerfile < services/web";
    for (file, text, expected) in [
        (
            ".gitlab-ci.yml",
            "before_script:\n  - cd services/api\nimage:\n  script:\n    - docker build .\n",
            api,
        ),
        (".gitlab-ci.yml", "variables: {DIR: services/api}\nimage:\n  script: docker build $DIR\n", api),
        (
            ".gitlab-ci.yml",
            "image:\n  parallel:\n    matrix:\n      - S: [api, web]\n  script:\n    - docker build services/$S\n",
            both,
        ),
        (
            ".gitlab-ci.yml",
            "image:\n  script:\n    - /kaniko/executor --context $CI_PROJECT_DIR --dockerfile \"$CI_PROJECT_DIR/docker/api.Dockerfile\" --destination x\n",
            "docker/api.Dockerfile < .",
        ),
        (
            ".circleci/config.yml",
            "jobs:\n  image:\n    steps:\n      - run: docker build services/api\n      - run:\n          name: web\n          command: docker build .\n          working_directory: services/web\n",
            both,
        ),
        (
            ".circleci/config.yml",
            "commands:\n  image:\n    steps:\n      - run: docker build services/<< parameters.name >>\n",
            both,
        ),
        (
            ".buildkite/pipeline.yml",
            "steps:\n  - command: docker build services/api\n  - group: x\n    steps:\n      - commands: [cd services, docker build web]\n",
            both,
        ),
        (
            "azure-pipelines.yml",
            "variables:\n  dir: services/api\nsteps:\n  - script: docker build $(dir)\n  - bash: docker build .\n    workingDirectory: $(Build.SourcesDirectory)/services/web\n",
            both,
        ),
        (
            "bitbucket-pipelines.yml",
            "pipelines:\n  default:\n    - step:\n        script:\n          - docker build $BITBUCKET_CLONE_DIR/services/api\n",
            api,
        ),
        (
            ".drone.yml",
            "kind: pipeline\nsteps:\n  - commands:\n      - docker build services/api\n---\nkind: pipeline\nsteps:\n  - commands:\n      - docker build services/web\n",
            both,
        ),
        (".woodpecker.yml", "steps:\n  image:\n    commands: docker build services/api\n", api),
        (".travis.yml", "before_install: cd services\nscript:\n  - docker build api\n", api),
        (
            "buildspec.yml",
            "phases:\n  pre_build:\n    commands:\n      - cd services/api\n  build:\n    commands:\n      - docker build .\n",
            api,
        ),
        (
            "cloudbuild.yaml",
            "steps:\n  - name: gcr.io/cloud-builders/docker\n    args: ['build', '-t', 'gcr.io/$PROJECT_ID/api', 'services/$_NAME']\n  - name: gcr.io/cloud-builders/docker\n    entrypoint: bash\n    args:\n      - -c\n      - |\n        docker build services/web\nsubstitutions: {_NAME: api}\n",
            both,
        ),
        (
            "cloudbuild.yaml",
            "steps:\n  - name: gcr.io/kaniko-project/executor:latest\n    args: [--dockerfile=docker/api.Dockerfile, --context=dir:///workspace]\n",
            "docker/api.Dockerfile < .",
        ),
        (
            "cloudbuild.yaml",
            "steps:\n  - name: gcr.io/cloud-builders/docker\n    dir: services/api\n    args: [build, .]\n",
            api,
        ),
        (
            "services/package.json",
            "{\"scripts\": {\"image\": \"docker build -t x api\", \"test\": \"build\"}}\n",
            api,
        ),
        (
            "Taskfile.yml",
            "vars: {DIR: services/api}\ntasks:\n  image:\n    cmds:\n      - docker build {{.DIR}}\n      - cmd: docker build .\n        dir: x\n  web:\n    dir: services/web\n    cmds: [docker build .]\n",
            "services/api/Dockerfile < services/api; services/web/Dockerfile < services/web; Taskfile.yml:6: `docker build` is not followed: there is no `x/Dockerfile`",
        ),
        (
            "justfile",
            "dir := \"services/api\"\n\n# docker build x\nimage name:\n    @docker build {{dir}}\n    docker build services/{{name}}\n",
            "services/api/Dockerfile < services/api; services/api/Dockerfile < services/api; services/web/Dockerfile < services/web",
        ),
        ("justfile", "image:\n    #!/usr/bin/env bash\n    cd services/api\n\n    docker build .\n", api),
        (
            "Jenkinsfile",
            "node {\n  sh 'docker build services/api'\n  dir('services/web') {\n    sh \"\"\"\n      docker build .\n    \"\"\"\n  }\n}\n",
            both,
        ),
        (
            "Jenkinsfile",
            "// sh 'docker build x'\ndef image = docker.build(\"acme/api:${env.TAG}\", \"--pull -f docker/api.Dockerfile .\")\n",
            "docker/api.Dockerfile < .",
        ),
        (
            "Jenkinsfile",
            "environment { DIR = 'services/api' }\nsteps { sh(script: \"docker build ${DIR}\", label: 'x') }\n",
            api,
        ),
        ("Jenkinsfile", "docker.build('x')\ndocker.build(name, x + 'y')\n", "Dockerfile < ."),
        ("ops/ci/build", "#!/usr/bin/env bash\ndocker build services/api\n", api),
        ("ops/ci/build", "#!/usr/bin/python\ndocker build services/api\n", ""),
    ] {
        assert_table(file, &[(text, expected)]);
    }
}

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

const KINDS: &[Kind] = &[
    Kind::Makefile,
    Kind::Justfile,
    Kind::Jenkinsfile,
    Kind::Script,
    Kind::Ci(Dialect::Azure),
    Kind::Ci(Dialect::CircleCi),
    Kind::Ci(Dialect::CodeBuild),
    Kind::Ci(Dialect::GitHub),
    Kind::Ci(Dialect::GitLab),
    Kind::Ci(Dialect::PackageJson),
    Kind::Ci(Dialect::Taskfile),
    Kind::Ci(Dialect::Plain),
    Kind::CloudBuild,
];

/// Reads `text` as every kind of file, and looks for what it names.
fn read_all(world: &Files, text: &[u8]) {
    let snapshot = world.world.snapshot();
    let tree = Tree { snapshot: &snapshot, dockerfiles: &world.dockerfiles };
    for kind in KINDS {
        let mut ignored = Vec::new();
        builds(&tree, &path("ops/ci/x"), *kind, text, &mut ignored).unwrap();
        included(*kind, text);
    }
}

#[test]
fn hostile_texts_are_read_in_bounded_time() {
    let world = world();
    let started = std::time::Instant::now();
    let bomb: String =
        (1..60).map(|level| format!("a{level}: &a{level} [*a{0},*a{0}]\n", level - 1)).collect();
    for text in [
        "$(".repeat(37500),
        "${a:-".repeat(12500),
        "`".repeat(62500),
        "\"$(\"".repeat(12500),
        "(".repeat(62500),
        "if ".repeat(37500),
        "for x in a b; do ".repeat(6250),
        "f() { ".repeat(12500),
        "case x in ".repeat(6250),
        "A=x; ".to_owned() + &"A=$A$A; ".repeat(6250) + "docker build $A",
        "f() { f; f; }; f".to_owned(),
        "f() { g; g; g; g; }; g() { f; f; f; f; }; f; ".repeat(1000),
        "for a in 1 2 3 4 5 6 7 8 9; do ".repeat(20) + "docker build $a" + &"; done".repeat(20),
        "for a in ".to_owned() + &"x ".repeat(12500) + "; do docker build services/$a/$b; done",
        "<<a ".repeat(12500) + "\n",
        "A = $(A)$(A)\nx:\n\tdocker build $(A)\n".to_owned(),
        (1..40).map(|n| format!("A{n} = $(A{})$(A{})\n", n - 1, n - 1)).collect::<String>()
            + "A0 = x\nx:\n\tdocker build $(A39)\n",
        "all: ".to_owned() + &"x ".repeat(12500) + "\n" + &"x ".repeat(12500) + ":\n\tdocker build $@\n",
        format!("a0: &a0 {{run: docker build x}}\n{bomb}"),
        "docker build ".repeat(6250),
        "docker build -t x services/$1\n".repeat(2500),
        "{ ".repeat(25000),
        "dir('x') {".repeat(10000),
        "docker.build(".repeat(6250),
        "\\".repeat(62500),
    ] {
        read_all(&world, (text.clone() + "\ndocker build .\n").as_bytes());
    }
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut text = b"docker build ".to_vec();
        text.extend(bytes);
        for kind in KINDS {
            if let Ok(found) = read(*kind, &String::from_utf8_lossy(&text)) {
                let lines = text.iter().filter(|byte| **byte == b'\n').count() + 1;
                prop_assert!(found.builds.iter().all(|build| build.line <= lines));
            }
        }
    }

    /// What scripts are made of, in any order.
    #[test]
    fn any_words_are_read(words in proptest::collection::vec(proptest::sample::select(WORDS), 0..60)) {
        let text = words.concat();
        for kind in KINDS {
            if let Ok(found) = read(*kind, &text) {
                let lines = text.lines().count() + 1;
                prop_assert!(found.builds.iter().all(|build| build.line <= lines), "{text}");
            }
        }
    }
}

const WORDS: &[&str] = &[
    "docker build ",
    "-f ",
    "-t x ",
    ". ",
    "services/",
    "$1",
    "${A:-",
    "}",
    "$(",
    ")",
    "`",
    "\"",
    "'",
    "\\",
    "\n",
    "\n\t",
    "\n  ",
    "; ",
    "&& ",
    "|| ",
    "| ",
    "( ",
    ") ",
    "{ ",
    "} ",
    "for x in ",
    "do ",
    "done ",
    "if ",
    "then ",
    "fi ",
    "case ",
    "in ",
    "esac ",
    "f() ",
    "A=",
    "cd ",
    "<<E ",
    "E\n",
    "${{ ",
    "}} ",
    "{{",
    "}}",
    "$(A) ",
    "$@ ",
    "x: ",
    "- ",
    "run: |\n",
    "script:\n",
    "sh ",
    "dir(",
    "'''",
    "é",
    "* ",
    "# ",
    "build ",
    "\r\n",
    "<< ",
    ">> ",
    "define a\n",
    "endef\n",
    ":= ",
    "steps:\n",
    "dirname ",
    "pwd ",
];
