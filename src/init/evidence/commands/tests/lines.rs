//! Command lines and shell scripts.

use super::assert_table;

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
            (
                "docker build --unheard-of y .",
                "build.sh:1: `docker build` is not followed: which of `y` and `.` is the context is not known",
            ),
            ("docker build -t x", "build.sh:1: `docker build` is not followed: it has no context"),
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
