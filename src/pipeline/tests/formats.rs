//! A small pipeline that has everything, in the format of each CI.

use insta::assert_snapshot;

use super::*;

pub(super) fn shown(rendered: &Rendered) -> String {
    let notes = rendered.notes.iter().map(|note| format!("note: {note}\n"));
    notes.collect::<String>() + &rendered.text
}

pub(super) fn generated(system: Generated) -> String {
    shown(&everything(&["api.v2", "base", "site"]).render(system).unwrap())
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
      script: ["chinampa build base --directives named"]
    "build api.v2":
      extends: ".job"
      stage: build
      needs: ["build base"]
      script: ["chinampa build api.v2 --directives named"]
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
      script: ["chinampa build site --directives named"]
    gate:
      extends: ".job"
      stage: gate
      variables: {GIT_DEPTH: "0"}
      script: ["chinampa build --directives named"]
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
    {"steps":[{"command":"set -eu\ntools=$(mktemp -d)\ncurl --fail --silent --show-error --location --proto =https --output \"$tools/download\" 'https://example.com/chinampa-1.2.3.tar.gz'\necho '0000000000000000000000000000000000000000000000000000000000000000  '\"$tools/download\" | sha256sum --check --quiet -\ntar --extract --gzip --file \"$tools/download\" --directory \"$tools\" chinampa\nexport PATH=\"$tools:$PATH\"\n(umask 077 && buildkite-agent oidc request-token --audience sts.amazonaws.com > \"$tools/token\")\nexport AWS_ROLE_ARN='arn:aws:iam::123456789012:role/ci' AWS_WEB_IDENTITY_TOKEN_FILE=\"$tools/token\"\nchinampa build base --directives named","depends_on":null,"image":"acme/ci:1","key":"build-base","label":"build base"},{"command":"set -eu\ntools=$(mktemp -d)\ncurl --fail --silent --show-error --location --proto =https --output \"$tools/download\" 'https://example.com/chinampa-1.2.3.tar.gz'\necho '0000000000000000000000000000000000000000000000000000000000000000  '\"$tools/download\" | sha256sum --check --quiet -\ntar --extract --gzip --file \"$tools/download\" --directory \"$tools\" chinampa\nexport PATH=\"$tools:$PATH\"\n(umask 077 && buildkite-agent oidc request-token --audience sts.amazonaws.com > \"$tools/token\")\nexport AWS_ROLE_ARN='arn:aws:iam::123456789012:role/ci' AWS_WEB_IDENTITY_TOKEN_FILE=\"$tools/token\"\nchinampa build api.v2 --directives named","depends_on":["build-base"],"image":"acme/ci:1","key":"build-api_v2","label":"build api.v2"},{"agents":["gpu"],"command":"set -eu\ntools=$(mktemp -d)\ncurl --fail --silent --show-error --location --proto =https --output \"$tools/download\" 'https://example.com/chinampa-1.2.3.tar.gz'\necho '0000000000000000000000000000000000000000000000000000000000000000  '\"$tools/download\" | sha256sum --check --quiet -\ntar --extract --gzip --file \"$tools/download\" --directory \"$tools\" chinampa\nexport PATH=\"$tools:$PATH\"\n(umask 077 && buildkite-agent oidc request-token --audience sts.amazonaws.com > \"$tools/token\")\nexport AWS_ROLE_ARN='arn:aws:iam::123456789012:role/ci' AWS_WEB_IDENTITY_TOKEN_FILE=\"$tools/token\"\nchinampa build site --directives named","depends_on":["build-base"],"env":{"A":"${{ secrets.A }}","B":"<< pipeline.id >>","C":"$HOME\n- x: 'y'\u202e"},"image":"acme/ci:1","key":"build-site","label":"build site"},{"command":"set -eu\ntools=$(mktemp -d)\ncurl --fail --silent --show-error --location --proto =https --output \"$tools/download\" 'https://example.com/chinampa-1.2.3.tar.gz'\necho '0000000000000000000000000000000000000000000000000000000000000000  '\"$tools/download\" | sha256sum --check --quiet -\ntar --extract --gzip --file \"$tools/download\" --directory \"$tools\" chinampa\nexport PATH=\"$tools:$PATH\"\n(umask 077 && buildkite-agent oidc request-token --audience sts.amazonaws.com > \"$tools/token\")\nexport AWS_ROLE_ARN='arn:aws:iam::123456789012:role/ci' AWS_WEB_IDENTITY_TOKEN_FILE=\"$tools/token\"\nchinampa build --directives named","depends_on":["build-api_v2","build-site"],"image":"acme/ci:1","key":"gate","label":"gate"},{"command":"set -eu\ntools=$(mktemp -d)\ncurl --fail --silent --show-error --location --proto =https --output \"$tools/download\" 'https://example.com/chinampa-1.2.3.tar.gz'\necho '0000000000000000000000000000000000000000000000000000000000000000  '\"$tools/download\" | sha256sum --check --quiet -\ntar --extract --gzip --file \"$tools/download\" --directory \"$tools\" chinampa\nexport PATH=\"$tools:$PATH\"\n(umask 077 && buildkite-agent oidc request-token --audience sts.amazonaws.com > \"$tools/token\")\nexport AWS_ROLE_ARN='arn:aws:iam::123456789012:role/ci' AWS_WEB_IDENTITY_TOKEN_FILE=\"$tools/token\"\nchinampa deploy --environment dev","concurrency":1,"concurrency_group":"shop/dev","depends_on":["gate"],"image":"acme/ci:1","key":"deploy-dev","label":"deploy dev"},{"block":"Deploy to prod","depends_on":["gate"],"key":"approve-prod"},{"command":"set -eu\ntools=$(mktemp -d)\ncurl --fail --silent --show-error --location --proto =https --output \"$tools/download\" 'https://example.com/chinampa-1.2.3.tar.gz'\necho '0000000000000000000000000000000000000000000000000000000000000000  '\"$tools/download\" | sha256sum --check --quiet -\ntar --extract --gzip --file \"$tools/download\" --directory \"$tools\" chinampa\nexport PATH=\"$tools:$PATH\"\n(umask 077 && buildkite-agent oidc request-token --audience sts.amazonaws.com > \"$tools/token\")\nexport AWS_ROLE_ARN='arn:aws:iam::123456789012:role/ci' AWS_WEB_IDENTITY_TOKEN_FILE=\"$tools/token\"\nchinampa deploy --environment prod","concurrency":1,"concurrency_group":"shop/prod","depends_on":["approve-prod"],"image":"acme/ci:1","key":"deploy-prod","label":"deploy prod"}]}
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
            variables: {CHINAMPA_ARGUMENTS: "build base --directives named"}
        - identifier: build_api_v2
          depend-on: [build_base]
          env:
            image: "acme/ci:1"
            privileged-mode: true
            variables: {CHINAMPA_ARGUMENTS: "build api.v2 --directives named"}
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
              CHINAMPA_ARGUMENTS: "build site --directives named"
        - identifier: gate
          depend-on: [build_api_v2, build_site]
          env:
            image: "acme/ci:1"
            privileged-mode: true
            variables: {CHINAMPA_ARGUMENTS: "build --directives named"}
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
fn an_untrusted_run_is_one_job_that_has_the_gates_name_and_nothing_of_the_commits() {
    let ci = CiConfig {
        role: Some("arn:aws:iam::123456789012:role/ci".parse().unwrap()),
        logins: "ghcr.io=USER:TOKEN".parse().unwrap(),
        job: hostile(),
        install: None,
    };
    let untrusted = Pipeline::untrusted(Setup::new(&ci, None), Reference::Branch);

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

/// A pipeline of one project whose jobs log in to two registries.
pub(super) fn with_logins() -> Pipeline {
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
