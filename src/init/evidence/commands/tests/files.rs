//! Kinds of files that have commands.

use super::assert_table;

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
            ("DIR := $(or $(DIR),$(X),services/api)\nimage:\n\tdocker build $(DIR)\n", api),
            ("ROOT = services\nDIR = $(or ${X},$(ROOT)/api,z)\nimage:\n\tdocker build $(DIR)\n", api),
            (
                "ifdef X\nDIR = services/api\nelse\nDIR = services/web\nendif\nimage:\n\tdocker build $(or $(DIR),docker)\n",
                "Makefile:7: `docker build` is not followed: which folder it builds depends on `$(DIR)`",
            ),
            (
                "image:\n\tdocker build $(or $(wildcard services/a*),services/web)\n",
                "Makefile:2: `docker build` is not followed: which folder it builds depends on `$(wildcard services/a*)`",
            ),
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
