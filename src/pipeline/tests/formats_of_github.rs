//! The same pipeline as a workflow of GitHub.

use insta::assert_snapshot;

use super::formats::{shown, with_logins};
use super::*;
use crate::pipeline::github::{Triggers, Workflow};

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
      group: "${{ github.workflow }}-${{ github.event_name == 'pull_request' && github.ref || github.run_id }}"
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
          - {name: Build, run: "chinampa build \"$CHINAMPA_PROJECT\" --directives named"}
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
          - {name: "Build what is missing, and record the build", run: "chinampa build --directives named"}
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
