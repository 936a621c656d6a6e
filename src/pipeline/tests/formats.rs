//! A small pipeline that has everything, in the format of each CI.

use insta::assert_snapshot;

use super::*;
use crate::pipeline::github::{Triggers, Workflow};

fn shown(rendered: &Rendered) -> String {
    let notes = rendered.notes.iter().map(|note| format!("note: {note}\n"));
    notes.collect::<String>() + &rendered.text
}

fn generated(system: Generated) -> String {
    shown(&everything(&["api.v2", "base", "site"]).render(system).unwrap())
}

#[test]
fn circleci_gets_a_workflow_of_parametrised_jobs() {
    assert_snapshot!(generated(Generated::CircleCi), @r#"
    note: `runner` of `[ci]` is not used: CircleCI has no such setting
    version: 2.1
    jobs:
      build:
        parameters:
          project: {type: string}
        machine: {image: "acme/ci:1"}
        steps:
          - checkout
          - run:
              name: chinampa
              command: |
                set -eu
                tools=$(mktemp -d)
                curl --fail --silent --show-error --location --proto =https --output "$tools/download" 'https://example.com/chinampa-1.2.3.tar.gz'
                echo '0000000000000000000000000000000000000000000000000000000000000000  '"$tools/download" | sha256sum --check --quiet -
                tar --extract --gzip --file "$tools/download" --directory "$tools" chinampa
                export PATH="$tools:$PATH"
                (umask 077 && printf %s "$CIRCLE_OIDC_TOKEN_V2" > "$tools/token")
                export AWS_ROLE_ARN='arn:aws:iam::123456789012:role/ci' AWS_WEB_IDENTITY_TOKEN_FILE="$tools/token"
                chinampa build << parameters.project >>
      build-2:
        parameters:
          project: {type: string}
        machine: {image: "acme/ci:1"}
        resource_class: large
        environment: {A: "${{ secrets.A }}", B: "\\<< pipeline.id >>", C: "$HOME\n- x: 'y'\u202e"}
        steps:
          - checkout
          - run:
              name: chinampa
              command: |
                set -eu
                tools=$(mktemp -d)
                curl --fail --silent --show-error --location --proto =https --output "$tools/download" 'https://example.com/chinampa-1.2.3.tar.gz'
                echo '0000000000000000000000000000000000000000000000000000000000000000  '"$tools/download" | sha256sum --check --quiet -
                tar --extract --gzip --file "$tools/download" --directory "$tools" chinampa
                export PATH="$tools:$PATH"
                (umask 077 && printf %s "$CIRCLE_OIDC_TOKEN_V2" > "$tools/token")
                export AWS_ROLE_ARN='arn:aws:iam::123456789012:role/ci' AWS_WEB_IDENTITY_TOKEN_FILE="$tools/token"
                chinampa build << parameters.project >>
      gate:
        machine: {image: "acme/ci:1"}
        steps:
          - checkout
          - run:
              name: chinampa
              command: |
                set -eu
                tools=$(mktemp -d)
                curl --fail --silent --show-error --location --proto =https --output "$tools/download" 'https://example.com/chinampa-1.2.3.tar.gz'
                echo '0000000000000000000000000000000000000000000000000000000000000000  '"$tools/download" | sha256sum --check --quiet -
                tar --extract --gzip --file "$tools/download" --directory "$tools" chinampa
                export PATH="$tools:$PATH"
                (umask 077 && printf %s "$CIRCLE_OIDC_TOKEN_V2" > "$tools/token")
                export AWS_ROLE_ARN='arn:aws:iam::123456789012:role/ci' AWS_WEB_IDENTITY_TOKEN_FILE="$tools/token"
                chinampa build
      deploy:
        parameters:
          environment: {type: string}
        machine: {image: "acme/ci:1"}
        steps:
          - checkout
          - run:
              name: chinampa
              command: |
                set -eu
                tools=$(mktemp -d)
                curl --fail --silent --show-error --location --proto =https --output "$tools/download" 'https://example.com/chinampa-1.2.3.tar.gz'
                echo '0000000000000000000000000000000000000000000000000000000000000000  '"$tools/download" | sha256sum --check --quiet -
                tar --extract --gzip --file "$tools/download" --directory "$tools" chinampa
                export PATH="$tools:$PATH"
                (umask 077 && printf %s "$CIRCLE_OIDC_TOKEN_V2" > "$tools/token")
                export AWS_ROLE_ARN='arn:aws:iam::123456789012:role/ci' AWS_WEB_IDENTITY_TOKEN_FILE="$tools/token"
                chinampa deploy --environment << parameters.environment >>
    workflows:
      images:
        jobs:
          - build: {name: build-base, project: base}
          - build:
              name: build-api_v2
              project: api.v2
              requires: [build-base]
          - build-2:
              name: build-site
              project: site
              requires: [build-base]
          - gate:
              requires: [build-api_v2, build-site]
          - deploy:
              name: deploy-dev
              environment: dev
              serial-group: "<< pipeline.project.slug >>/dev"
              requires: [gate]
          - approve-prod:
              type: approval
              requires: [gate]
          - deploy:
              name: deploy-prod
              environment: prod
              serial-group: "<< pipeline.project.slug >>/prod"
              requires: [approve-prod]
    "#);
}

#[test]
fn gitlab_gets_a_child_pipeline() {
    assert_snapshot!(generated(Generated::GitLab), @r#"
    note: `machine` of `[ci]` is not used: GitLab has no such setting
    stages: [build, gate, deploy]
    workflow:
      rules:
        - {when: always}
    ".job":
      image: "acme/ci:1"
      interruptible: true
      id_tokens:
        AWS_ID_TOKEN: {aud: sts.amazonaws.com}
      before_script:
        - "tools=$(mktemp -d)"
        - "curl --fail --silent --show-error --location --proto =https --output \"$tools/download\" 'https://example.com/chinampa-1.2.3.tar.gz'"
        - "echo '0000000000000000000000000000000000000000000000000000000000000000  '\"$tools/download\" | sha256sum --check --quiet -"
        - "tar --extract --gzip --file \"$tools/download\" --directory \"$tools\" chinampa"
        - "export PATH=\"$tools:$PATH\""
        - "(umask 077 && printf %s \"$AWS_ID_TOKEN\" > \"$tools/token\")"
        - "export AWS_ROLE_ARN='arn:aws:iam::123456789012:role/ci' AWS_WEB_IDENTITY_TOKEN_FILE=\"$tools/token\""
    "build base":
      extends: ".job"
      stage: build
      needs: []
      script: ["chinampa build base"]
    "build api.v2":
      extends: ".job"
      stage: build
      needs: ["build base"]
      script: ["chinampa build api.v2"]
    ".job-2":
      image: "acme/ci:1"
      tags: [gpu]
      interruptible: true
      id_tokens:
        AWS_ID_TOKEN: {aud: sts.amazonaws.com}
      variables:
        A: {value: "${{ secrets.A }}", expand: false}
        B: {value: "<< pipeline.id >>", expand: false}
        C: {value: "$HOME\n- x: 'y'\u202e", expand: false}
      before_script:
        - "tools=$(mktemp -d)"
        - "curl --fail --silent --show-error --location --proto =https --output \"$tools/download\" 'https://example.com/chinampa-1.2.3.tar.gz'"
        - "echo '0000000000000000000000000000000000000000000000000000000000000000  '\"$tools/download\" | sha256sum --check --quiet -"
        - "tar --extract --gzip --file \"$tools/download\" --directory \"$tools\" chinampa"
        - "export PATH=\"$tools:$PATH\""
        - "(umask 077 && printf %s \"$AWS_ID_TOKEN\" > \"$tools/token\")"
        - "export AWS_ROLE_ARN='arn:aws:iam::123456789012:role/ci' AWS_WEB_IDENTITY_TOKEN_FILE=\"$tools/token\""
    "build site":
      extends: ".job-2"
      stage: build
      needs: ["build base"]
      script: ["chinampa build site"]
    gate:
      extends: ".job"
      stage: gate
      variables: {GIT_DEPTH: "0"}
      script: ["chinampa build"]
    "deploy dev":
      extends: ".job"
      stage: deploy
      variables: {GIT_DEPTH: "0"}
      environment: {name: dev}
      resource_group: dev
      interruptible: false
      script: ["chinampa deploy --environment dev"]
    "deploy prod":
      extends: ".job"
      stage: deploy
      variables: {GIT_DEPTH: "0"}
      when: manual
      environment: {name: prod}
      resource_group: prod
      interruptible: false
      script: ["chinampa deploy --environment prod"]
    "#);
}

#[test]
fn buildkite_gets_steps_as_json() {
    assert_snapshot!(generated(Generated::Buildkite), @r#"
    note: `machine` of `[ci]` is not used: Buildkite has no such setting
    {"steps":[{"command":"set -eu\ntools=$(mktemp -d)\ncurl --fail --silent --show-error --location --proto =https --output \"$tools/download\" 'https://example.com/chinampa-1.2.3.tar.gz'\necho '0000000000000000000000000000000000000000000000000000000000000000  '\"$tools/download\" | sha256sum --check --quiet -\ntar --extract --gzip --file \"$tools/download\" --directory \"$tools\" chinampa\nexport PATH=\"$tools:$PATH\"\n(umask 077 && buildkite-agent oidc request-token --audience sts.amazonaws.com > \"$tools/token\")\nexport AWS_ROLE_ARN='arn:aws:iam::123456789012:role/ci' AWS_WEB_IDENTITY_TOKEN_FILE=\"$tools/token\"\nchinampa build base","depends_on":null,"image":"acme/ci:1","key":"build-base","label":"build base"},{"command":"set -eu\ntools=$(mktemp -d)\ncurl --fail --silent --show-error --location --proto =https --output \"$tools/download\" 'https://example.com/chinampa-1.2.3.tar.gz'\necho '0000000000000000000000000000000000000000000000000000000000000000  '\"$tools/download\" | sha256sum --check --quiet -\ntar --extract --gzip --file \"$tools/download\" --directory \"$tools\" chinampa\nexport PATH=\"$tools:$PATH\"\n(umask 077 && buildkite-agent oidc request-token --audience sts.amazonaws.com > \"$tools/token\")\nexport AWS_ROLE_ARN='arn:aws:iam::123456789012:role/ci' AWS_WEB_IDENTITY_TOKEN_FILE=\"$tools/token\"\nchinampa build api.v2","depends_on":["build-base"],"image":"acme/ci:1","key":"build-api_v2","label":"build api.v2"},{"agents":["gpu"],"command":"set -eu\ntools=$(mktemp -d)\ncurl --fail --silent --show-error --location --proto =https --output \"$tools/download\" 'https://example.com/chinampa-1.2.3.tar.gz'\necho '0000000000000000000000000000000000000000000000000000000000000000  '\"$tools/download\" | sha256sum --check --quiet -\ntar --extract --gzip --file \"$tools/download\" --directory \"$tools\" chinampa\nexport PATH=\"$tools:$PATH\"\n(umask 077 && buildkite-agent oidc request-token --audience sts.amazonaws.com > \"$tools/token\")\nexport AWS_ROLE_ARN='arn:aws:iam::123456789012:role/ci' AWS_WEB_IDENTITY_TOKEN_FILE=\"$tools/token\"\nchinampa build site","depends_on":["build-base"],"env":{"A":"${{ secrets.A }}","B":"<< pipeline.id >>","C":"$HOME\n- x: 'y'\u202e"},"image":"acme/ci:1","key":"build-site","label":"build site"},{"command":"set -eu\ntools=$(mktemp -d)\ncurl --fail --silent --show-error --location --proto =https --output \"$tools/download\" 'https://example.com/chinampa-1.2.3.tar.gz'\necho '0000000000000000000000000000000000000000000000000000000000000000  '\"$tools/download\" | sha256sum --check --quiet -\ntar --extract --gzip --file \"$tools/download\" --directory \"$tools\" chinampa\nexport PATH=\"$tools:$PATH\"\n(umask 077 && buildkite-agent oidc request-token --audience sts.amazonaws.com > \"$tools/token\")\nexport AWS_ROLE_ARN='arn:aws:iam::123456789012:role/ci' AWS_WEB_IDENTITY_TOKEN_FILE=\"$tools/token\"\nchinampa build","depends_on":["build-api_v2","build-site"],"image":"acme/ci:1","key":"gate","label":"gate"},{"command":"set -eu\ntools=$(mktemp -d)\ncurl --fail --silent --show-error --location --proto =https --output \"$tools/download\" 'https://example.com/chinampa-1.2.3.tar.gz'\necho '0000000000000000000000000000000000000000000000000000000000000000  '\"$tools/download\" | sha256sum --check --quiet -\ntar --extract --gzip --file \"$tools/download\" --directory \"$tools\" chinampa\nexport PATH=\"$tools:$PATH\"\n(umask 077 && buildkite-agent oidc request-token --audience sts.amazonaws.com > \"$tools/token\")\nexport AWS_ROLE_ARN='arn:aws:iam::123456789012:role/ci' AWS_WEB_IDENTITY_TOKEN_FILE=\"$tools/token\"\nchinampa deploy --environment dev","concurrency":1,"concurrency_group":"shop/dev","depends_on":["gate"],"image":"acme/ci:1","key":"deploy-dev","label":"deploy dev"},{"block":"Deploy to prod","depends_on":["gate"],"key":"approve-prod"},{"command":"set -eu\ntools=$(mktemp -d)\ncurl --fail --silent --show-error --location --proto =https --output \"$tools/download\" 'https://example.com/chinampa-1.2.3.tar.gz'\necho '0000000000000000000000000000000000000000000000000000000000000000  '\"$tools/download\" | sha256sum --check --quiet -\ntar --extract --gzip --file \"$tools/download\" --directory \"$tools\" chinampa\nexport PATH=\"$tools:$PATH\"\n(umask 077 && buildkite-agent oidc request-token --audience sts.amazonaws.com > \"$tools/token\")\nexport AWS_ROLE_ARN='arn:aws:iam::123456789012:role/ci' AWS_WEB_IDENTITY_TOKEN_FILE=\"$tools/token\"\nchinampa deploy --environment prod","concurrency":1,"concurrency_group":"shop/prod","depends_on":["approve-prod"],"image":"acme/ci:1","key":"deploy-prod","label":"deploy prod"}]}
    "#);
}

#[test]
fn codebuild_gets_a_build_graph() {
    assert_snapshot!(generated(Generated::CodeBuild), @r#"
    note: `runner` of `[ci]` is not used: AWS CodeBuild has no such setting
    note: nothing deploys to `prod`: CodeBuild has no approvals, so a stage of CodePipeline runs `chinampa deploy --environment prod`
    version: 0.2
    batch:
      fast-fail: false
      build-graph:
        - identifier: build_base
          env:
            image: "acme/ci:1"
            privileged-mode: true
            variables: {CHINAMPA_ARGUMENTS: "build base"}
        - identifier: build_api_v2
          depend-on: [build_base]
          env:
            image: "acme/ci:1"
            privileged-mode: true
            variables: {CHINAMPA_ARGUMENTS: "build api.v2"}
        - identifier: build_site
          depend-on: [build_base]
          env:
            compute-type: large
            image: "acme/ci:1"
            privileged-mode: true
            variables:
              A: "${{ secrets.A }}"
              B: "<< pipeline.id >>"
              C: "$HOME\n- x: 'y'\u202e"
              CHINAMPA_ARGUMENTS: "build site"
        - identifier: gate
          depend-on: [build_api_v2, build_site]
          env:
            image: "acme/ci:1"
            privileged-mode: true
            variables: {CHINAMPA_ARGUMENTS: build}
        - identifier: deploy_dev
          depend-on: [gate]
          env:
            image: "acme/ci:1"
            privileged-mode: true
            variables: {CHINAMPA_ARGUMENTS: "deploy --environment dev"}
    phases:
      build:
        commands:
          - "tools=$(mktemp -d)"
          - "curl --fail --silent --show-error --location --proto =https --output \"$tools/download\" 'https://example.com/chinampa-1.2.3.tar.gz'"
          - "echo '0000000000000000000000000000000000000000000000000000000000000000  '\"$tools/download\" | sha256sum --check --quiet -"
          - "tar --extract --gzip --file \"$tools/download\" --directory \"$tools\" chinampa"
          - "export PATH=\"$tools:$PATH\""
          - "chinampa $CHINAMPA_ARGUMENTS"
    "#);
}

#[test]
fn github_gets_a_workflow_of_all_projects() {
    let triggers = Triggers { branches: ["main".to_owned()].into(), tags: ["v*".to_owned()].into() };
    let pipeline = everything(&["api.v2", "base", "lib", "site"]);

    let workflow = Workflow::new(&pipeline, &triggers).unwrap();

    assert_snapshot!(shown(&workflow.rendered), @r#"
    note: `machine` of `[ci]` is not used: GitHub Actions has no such setting
    note: `prod` waits for a person if the environment `prod` of the repository has required reviewers
    # Written by `chinampa ci generate github`; the gate fails if it is not what `projects.toml` says.
    name: images
    "on":
      push:
        branches: [main]
        tags: ["v*"]
      pull_request: {}
      merge_group: {}
      workflow_dispatch: {}
    permissions: {contents: read, id-token: write}
    concurrency:
      group: "${{ github.workflow }}-${{ github.ref }}"
      cancel-in-progress: "${{ github.event_name == 'pull_request' }}"
    jobs:
      plan:
        if: "github.event_name != 'pull_request' || github.event.pull_request.head.repo.full_name == github.repository"
        runs-on: ubuntu-24.04
        container: "acme/ci:1"
        outputs: {build: "${{ steps.plan.outputs.build }}", deploy: "${{ steps.plan.outputs.deploy }}"}
        steps:
          - uses: "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683"
            with: {persist-credentials: false}
          - name: "Install chinampa 1.2.3"
            run: |
              tools=$(mktemp -d)
              curl --fail --silent --show-error --location --proto =https --output "$tools/download" 'https://example.com/chinampa-1.2.3.tar.gz'
              echo '0000000000000000000000000000000000000000000000000000000000000000  '"$tools/download" | sha256sum --check --quiet -
              tar --extract --gzip --file "$tools/download" --directory "$tools" chinampa
              echo "$tools" >> "$GITHUB_PATH"
          - name: "Get an identity token for AWS"
            if: "github.event_name != 'pull_request' || github.event.pull_request.head.repo.full_name == github.repository"
            run: |
              (umask 077 && curl --fail --silent --show-error --header "Authorization: bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=sts.amazonaws.com" | jq --exit-status --raw-output .value > "$RUNNER_TEMP/aws-token")
              echo "AWS_WEB_IDENTITY_TOKEN_FILE=$RUNNER_TEMP/aws-token" >> "$GITHUB_ENV"
              echo 'AWS_ROLE_ARN=arn:aws:iam::123456789012:role/ci' >> "$GITHUB_ENV"
          - {name: Plan, id: plan, run: "chinampa ci plan github"}
      base:
        needs: [plan]
        if: "!cancelled() && !failure() && contains(fromJSON(needs.plan.outputs.build || '[]'), 'base')"
        runs-on: ubuntu-24.04
        container: "acme/ci:1"
        env: {CHINAMPA_PROJECT: base}
        steps: &build
          - uses: "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683"
            with: {persist-credentials: false}
          - name: "Install chinampa 1.2.3"
            run: |
              tools=$(mktemp -d)
              curl --fail --silent --show-error --location --proto =https --output "$tools/download" 'https://example.com/chinampa-1.2.3.tar.gz'
              echo '0000000000000000000000000000000000000000000000000000000000000000  '"$tools/download" | sha256sum --check --quiet -
              tar --extract --gzip --file "$tools/download" --directory "$tools" chinampa
              echo "$tools" >> "$GITHUB_PATH"
          - name: "Get an identity token for AWS"
            if: "github.event_name != 'pull_request' || github.event.pull_request.head.repo.full_name == github.repository"
            run: |
              (umask 077 && curl --fail --silent --show-error --header "Authorization: bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=sts.amazonaws.com" | jq --exit-status --raw-output .value > "$RUNNER_TEMP/aws-token")
              echo "AWS_WEB_IDENTITY_TOKEN_FILE=$RUNNER_TEMP/aws-token" >> "$GITHUB_ENV"
              echo 'AWS_ROLE_ARN=arn:aws:iam::123456789012:role/ci' >> "$GITHUB_ENV"
          - {name: Build, run: "chinampa build \"$CHINAMPA_PROJECT\""}
      lib:
        needs: [plan, base]
        if: "!cancelled() && !failure() && contains(fromJSON(needs.plan.outputs.build || '[]'), 'lib')"
        runs-on: ubuntu-24.04
        container: "acme/ci:1"
        env: {CHINAMPA_PROJECT: lib}
        steps: *build
      api_v2:
        needs: [plan, lib]
        if: "!cancelled() && !failure() && contains(fromJSON(needs.plan.outputs.build || '[]'), 'api.v2')"
        runs-on: ubuntu-24.04
        container: "acme/ci:1"
        env: {CHINAMPA_PROJECT: api.v2}
        steps: *build
      site:
        needs: [plan, lib]
        if: "!cancelled() && !failure() && contains(fromJSON(needs.plan.outputs.build || '[]'), 'site')"
        runs-on: gpu
        container: "acme/ci:1"
        env:
          CHINAMPA_PROJECT: site
          A: "${{ '${{' }} secrets.A }}"
          B: "<< pipeline.id >>"
          C: "$HOME\n- x: 'y'\u202e"
          NPM_TOKEN: "${{ secrets.NPM_TOKEN }}"
        steps: *build
      gate:
        needs: [plan, api_v2, site]
        if: "always()"
        runs-on: ubuntu-24.04
        container: "acme/ci:1"
        env: {NPM_TOKEN: "${{ secrets.NPM_TOKEN }}"}
        steps:
          - uses: "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683"
            with: {persist-credentials: false, fetch-depth: 0}
          - name: "Install chinampa 1.2.3"
            run: |
              tools=$(mktemp -d)
              curl --fail --silent --show-error --location --proto =https --output "$tools/download" 'https://example.com/chinampa-1.2.3.tar.gz'
              echo '0000000000000000000000000000000000000000000000000000000000000000  '"$tools/download" | sha256sum --check --quiet -
              tar --extract --gzip --file "$tools/download" --directory "$tools" chinampa
              echo "$tools" >> "$GITHUB_PATH"
          - name: "Get an identity token for AWS"
            if: "github.event_name != 'pull_request' || github.event.pull_request.head.repo.full_name == github.repository"
            run: |
              (umask 077 && curl --fail --silent --show-error --header "Authorization: bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=sts.amazonaws.com" | jq --exit-status --raw-output .value > "$RUNNER_TEMP/aws-token")
              echo "AWS_WEB_IDENTITY_TOKEN_FILE=$RUNNER_TEMP/aws-token" >> "$GITHUB_ENV"
              echo 'AWS_ROLE_ARN=arn:aws:iam::123456789012:role/ci' >> "$GITHUB_ENV"
          - {name: "Compare this workflow with projects.toml", run: "chinampa ci generate github --check"}
          - {name: "Build what is missing, and record the build", run: "chinampa build"}
          - {if: "cancelled()", run: "exit 1"}
      deploy-dev:
        needs: [plan, gate]
        if: "!cancelled() && needs.gate.result == 'success' && contains(fromJSON(needs.plan.outputs.deploy || '[]'), 'dev')"
        runs-on: ubuntu-24.04
        container: "acme/ci:1"
        environment: dev
        concurrency: {group: deploy-dev, cancel-in-progress: false}
        steps:
          - uses: "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683"
            with: {persist-credentials: false, fetch-depth: 0}
          - name: "Install chinampa 1.2.3"
            run: |
              tools=$(mktemp -d)
              curl --fail --silent --show-error --location --proto =https --output "$tools/download" 'https://example.com/chinampa-1.2.3.tar.gz'
              echo '0000000000000000000000000000000000000000000000000000000000000000  '"$tools/download" | sha256sum --check --quiet -
              tar --extract --gzip --file "$tools/download" --directory "$tools" chinampa
              echo "$tools" >> "$GITHUB_PATH"
          - name: "Get an identity token for AWS"
            if: "github.event_name != 'pull_request' || github.event.pull_request.head.repo.full_name == github.repository"
            run: |
              (umask 077 && curl --fail --silent --show-error --header "Authorization: bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=sts.amazonaws.com" | jq --exit-status --raw-output .value > "$RUNNER_TEMP/aws-token")
              echo "AWS_WEB_IDENTITY_TOKEN_FILE=$RUNNER_TEMP/aws-token" >> "$GITHUB_ENV"
              echo 'AWS_ROLE_ARN=arn:aws:iam::123456789012:role/ci' >> "$GITHUB_ENV"
          - {name: Deploy, run: "chinampa deploy --environment dev"}
      deploy-prod:
        needs: [plan, gate]
        if: "!cancelled() && needs.gate.result == 'success' && contains(fromJSON(needs.plan.outputs.deploy || '[]'), 'prod')"
        runs-on: ubuntu-24.04
        container: "acme/ci:1"
        environment: prod
        concurrency: {group: deploy-prod, cancel-in-progress: false}
        steps:
          - uses: "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683"
            with: {persist-credentials: false, fetch-depth: 0}
          - name: "Install chinampa 1.2.3"
            run: |
              tools=$(mktemp -d)
              curl --fail --silent --show-error --location --proto =https --output "$tools/download" 'https://example.com/chinampa-1.2.3.tar.gz'
              echo '0000000000000000000000000000000000000000000000000000000000000000  '"$tools/download" | sha256sum --check --quiet -
              tar --extract --gzip --file "$tools/download" --directory "$tools" chinampa
              echo "$tools" >> "$GITHUB_PATH"
          - name: "Get an identity token for AWS"
            if: "github.event_name != 'pull_request' || github.event.pull_request.head.repo.full_name == github.repository"
            run: |
              (umask 077 && curl --fail --silent --show-error --header "Authorization: bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=sts.amazonaws.com" | jq --exit-status --raw-output .value > "$RUNNER_TEMP/aws-token")
              echo "AWS_WEB_IDENTITY_TOKEN_FILE=$RUNNER_TEMP/aws-token" >> "$GITHUB_ENV"
              echo 'AWS_ROLE_ARN=arn:aws:iam::123456789012:role/ci' >> "$GITHUB_ENV"
          - {name: Deploy, run: "chinampa deploy --environment prod"}
    "#);
    let outputs = workflow.outputs(&["api.v2", "base"].map(name).into(), &["dev".parse().unwrap()]);
    assert_snapshot!(outputs, @r#"
    build=["api.v2","base"]
    deploy=["dev"]
    "#);
}

#[test]
fn an_untrusted_run_is_one_job_that_has_the_gates_name_and_nothing_of_the_commits() {
    let ci = CiConfig {
        role: Some("arn:aws:iam::123456789012:role/ci".parse().unwrap()),
        logins: "ghcr.io=USER:TOKEN".parse().unwrap(),
        job: hostile(),
        install: None,
    };
    let untrusted = Pipeline::untrusted(&ci, History::Commit, Reference::Branch);

    let shown = [Generated::CircleCi, Generated::GitLab, Generated::Buildkite, Generated::CodeBuild]
        .map(|system| shown(&untrusted.render(system).unwrap()))
        .join("---\n");

    assert_snapshot!(shown, @r#"
    version: 2.1
    jobs:
      gate:
        machine: {image: "ubuntu-2404:current"}
        environment: {CHINAMPA_TRUST: untrusted}
        steps:
          - checkout
          - run:
              name: chinampa
              command: |
                set -eu
                chinampa build
    workflows:
      images:
        jobs: [gate]
    ---
    stages: [test]
    workflow:
      rules:
        - {when: always}
    ".job":
      interruptible: true
      variables:
        CHINAMPA_TRUST: {value: untrusted, expand: false}
    gate:
      extends: ".job"
      script: ["chinampa build"]
    ---
    {"steps":[{"command":"set -eu\nchinampa build","depends_on":null,"env":{"CHINAMPA_TRUST":"untrusted"},"key":"gate","label":"gate"}]}
    ---
    version: 0.2
    batch:
      fast-fail: false
      build-graph:
        - identifier: gate
          env:
            privileged-mode: true
            variables: {CHINAMPA_TRUST: untrusted, CHINAMPA_ARGUMENTS: build}
    phases:
      build:
        commands: ["chinampa $CHINAMPA_ARGUMENTS"]
    "#);
}

/// Else CircleCI would leave a job out, and every job that waits for it.
#[test]
fn each_job_of_circleci_has_a_filter_in_the_pipeline_of_a_tag() {
    let pipeline = Pipeline { reference: Reference::Tag, ..everything(&["base", "site"]) };
    let untrusted = Pipeline::untrusted(&CiConfig::default(), History::Commit, Reference::Tag);
    let workflow = |pipeline: &Pipeline| {
        let text = pipeline.render(Generated::CircleCi).unwrap().text;
        text.split_once("\nworkflows:\n").unwrap().1.to_owned()
    };

    assert_snapshot!(workflow(&pipeline), @r#"
      images:
        jobs:
          - build:
              name: build-base
              project: base
              filters:
                tags: {only: "/.*/"}
          - build-2:
              name: build-site
              project: site
              requires: [build-base]
              filters:
                tags: {only: "/.*/"}
          - gate:
              requires: [build-site]
              filters:
                tags: {only: "/.*/"}
          - deploy:
              name: deploy-dev
              environment: dev
              serial-group: "<< pipeline.project.slug >>/dev"
              requires: [gate]
              filters:
                tags: {only: "/.*/"}
          - approve-prod:
              type: approval
              requires: [gate]
              filters:
                tags: {only: "/.*/"}
          - deploy:
              name: deploy-prod
              environment: prod
              serial-group: "<< pipeline.project.slug >>/prod"
              requires: [approve-prod]
              filters:
                tags: {only: "/.*/"}
    "#);
    assert_snapshot!(workflow(&untrusted), @r#"
      images:
        jobs:
          - gate:
              filters:
                tags: {only: "/.*/"}
    "#);
}

/// A pipeline of one project whose jobs log in to two registries.
fn with_logins() -> Pipeline {
    let logins = "ghcr.io=GITHUB_ACTOR:GITHUB_TOKEN,r.example:5000=REGISTRY_USER:REGISTRY_PASSWORD";
    let mut pipeline = everything(&["base"]);
    pipeline.setup = Setup { logins: logins.parse().unwrap(), ..Setup::default() };
    pipeline
}

#[test]
fn jobs_are_told_which_variables_have_the_logins_for_registries() {
    let pipeline = with_logins();
    let export = "export CHINAMPA_REGISTRY_LOGINS='ghcr.io=GITHUB_ACTOR:GITHUB_TOKEN,r.example:5000=REGISTRY_USER:REGISTRY_PASSWORD'";

    for system in [Generated::CircleCi, Generated::GitLab, Generated::Buildkite, Generated::CodeBuild] {
        let text = pipeline.render(system).unwrap().text;
        // A job for a project, the gate and two deployments; of GitLab and CodeBuild, all jobs are made of one.
        let count = match system {
            Generated::CircleCi => 3,
            Generated::Buildkite => 4,
            Generated::GitLab | Generated::CodeBuild => 1,
        };
        assert_eq!(text.matches(export).count(), count, "{system:?}: {text}");
    }
}

#[test]
fn a_workflow_of_github_has_the_logins_from_secrets_and_its_token_may_write_packages() {
    let text = Workflow::new(&with_logins(), &Triggers::default()).unwrap().rendered.text;

    let (_, after) = text.split_once("permissions:").unwrap();
    let (permissions, after) = after.split_once("\nconcurrency:").unwrap();
    let (_, after) = after.split_once("\nenv:\n").unwrap();
    let (environment, jobs) = after.split_once("\njobs:\n").unwrap();
    let (_, plan) = jobs.split_once("permissions:").unwrap();
    assert_snapshot!(permissions.trim(), @"{contents: read, packages: write}");
    assert_snapshot!(plan.lines().next().unwrap().trim(), @"{contents: read, packages: read}");
    assert_snapshot!(environment, @r#"
      CHINAMPA_REGISTRY_LOGINS: "ghcr.io=GITHUB_ACTOR:GITHUB_TOKEN,r.example:5000=REGISTRY_USER:REGISTRY_PASSWORD"
      GITHUB_TOKEN: "${{ secrets.GITHUB_TOKEN }}"
      REGISTRY_PASSWORD: "${{ secrets.REGISTRY_PASSWORD }}"
      REGISTRY_USER: "${{ vars.REGISTRY_USER || secrets.REGISTRY_USER }}"
    "#);
}
