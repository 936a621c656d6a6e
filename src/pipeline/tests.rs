use insta::assert_snapshot;

use super::github::{Triggers, Workflow};
use super::*;

fn name(text: &str) -> ProjectName {
    text.parse().unwrap()
}

fn graph(projects: &[(&str, &[&str])]) -> ProjectGraph {
    let needs: BTreeMap<ProjectName, BTreeSet<ProjectName>> = projects
        .iter()
        .map(|(project, needs)| (name(project), needs.iter().map(|need| name(need)).collect()))
        .collect();
    ProjectGraph::new(&needs).unwrap()
}

/// `site` and `api.v2` need `lib`, which needs `base`.
fn shop() -> ProjectGraph {
    graph(&[("api.v2", &["lib"]), ("base", &[]), ("lib", &["base"]), ("site", &["lib"])])
}

fn hostile() -> CiJob {
    let environment =
        [("A", "${{ secrets.A }}"), ("B", "<< pipeline.id >>"), ("C", "$HOME\n- x: 'y'\u{202e}")];
    CiJob {
        machine: Some("large".to_owned()),
        runner: vec!["gpu".to_owned()],
        environment: environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        ..CiJob::default()
    }
}

/// Everything that a pipeline can have: one project of four is reused, and one has settings of its own.
fn everything(builds: &[&str]) -> Pipeline {
    let install = Install {
        version: "1.2.3".to_owned(),
        url: "https://example.com/chinampa-1.2.3.tar.gz".to_owned(),
        sha256: "0".repeat(64),
    };
    let ci = CiConfig {
        install: Some(install),
        role: Some("arn:aws:iam::123456789012:role/ci".parse().unwrap()),
        job: CiJob { image: Some("acme/ci:1".to_owned()), ..CiJob::default() },
    };
    let settings = BTreeMap::from([(name("site"), hostile())]);
    let deployment =
        |environment: &str, approval| Deployment { environment: environment.parse().unwrap(), approval };
    Pipeline::trusted(Request {
        workspace: &"shop".parse().unwrap(),
        graph: &shop(),
        builds: &builds.iter().map(|project| name(project)).collect(),
        durations: &BTreeMap::new(),
        ci: &ci,
        settings: &settings,
        deployments: &[deployment("dev", false), deployment("prod", true)],
        history: History::Commit,
    })
}

fn shown(rendered: &Rendered) -> String {
    let notes = rendered.notes.iter().map(|note| format!("note: {note}\n"));
    notes.collect::<String>() + &rendered.text
}

fn generated(system: Generated) -> String {
    shown(&everything(&["api.v2", "base", "site"]).render(system).unwrap())
}

#[test]
fn an_edge_leads_through_projects_that_are_reused() {
    let Work::Trusted(trusted) = everything(&["api.v2", "base"]).work else { panic!() };

    let jobs: Vec<_> = trusted.jobs.iter().map(|job| (job.project.as_str(), job.needs.len())).collect();
    assert_eq!(jobs, [("base", 0), ("api.v2", 1)]);
}

#[test]
fn of_the_jobs_that_are_ready_the_one_with_the_longest_path_is_first() {
    let graph = graph(&[("a", &[]), ("b", &[]), ("c", &["b"]), ("d", &[])]);
    let builds = ["a", "b", "c", "d"].map(name).into();
    let order = |durations: &[(&str, u64)]| {
        let durations =
            durations.iter().map(|(project, seconds)| (name(project), Duration::from_secs(*seconds)));
        let order = order::longest_path_first(&graph, &builds, &durations.collect());
        order.into_iter().map(|(project, _)| project.as_str()).collect::<Vec<_>>().join(" ")
    };

    assert_eq!(order(&[]), "b a c d");
    assert_eq!(order(&[("d", 90), ("a", 1), ("b", 1), ("c", 0)]), "d a b c");
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
        steps: *build
      gate:
        needs: [plan, api_v2, site]
        if: "always()"
        runs-on: ubuntu-24.04
        container: "acme/ci:1"
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
        job: hostile(),
        install: None,
    };
    let untrusted = Pipeline::untrusted(&ci, History::Commit);

    let shown = [Generated::CircleCi, Generated::GitLab, Generated::Buildkite, Generated::CodeBuild]
        .map(|system| shown(&untrusted.render(system).unwrap()))
        .join("---\n");

    assert_snapshot!(shown, @r#"
    version: 2.1
    jobs:
      gate:
        machine: {image: "ubuntu-2404:current"}
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
    ".job": {interruptible: true}
    gate:
      extends: ".job"
      script: ["chinampa build"]
    ---
    {"steps":[{"command":"set -eu\nchinampa build","depends_on":null,"key":"gate","label":"gate"}]}
    ---
    version: 0.2
    batch:
      fast-fail: false
      build-graph:
        - identifier: gate
          env:
            privileged-mode: true
            variables: {CHINAMPA_ARGUMENTS: build}
    phases:
      build:
        commands: ["chinampa $CHINAMPA_ARGUMENTS"]
    "#);
}

/// Projects of which the last needs all others.
fn star(leaves: usize) -> Pipeline {
    let leaves: BTreeSet<ProjectName> = (0..leaves).map(|number| name(&format!("p{number:04}"))).collect();
    let mut needs: BTreeMap<ProjectName, BTreeSet<ProjectName>> =
        leaves.iter().map(|leaf| (leaf.clone(), BTreeSet::new())).collect();
    needs.insert(name("zz"), leaves);
    Pipeline::trusted(Request {
        workspace: &"shop".parse().unwrap(),
        graph: &ProjectGraph::new(&needs).unwrap(),
        builds: &needs.keys().cloned().collect(),
        durations: &BTreeMap::new(),
        ci: &CiConfig::default(),
        settings: &BTreeMap::new(),
        deployments: &[],
        history: History::Commit,
    })
}

#[test]
fn a_job_of_gitlab_that_needs_more_than_fifty_is_in_a_stage_of_its_own() {
    let fifty = star(50).render(Generated::GitLab).unwrap();
    let more = star(51).render(Generated::GitLab).unwrap();

    assert_eq!(fifty.notes, [""; 0]);
    assert!(fifty.text.starts_with("stages: [build, gate]\n"), "{}", fifty.text);
    assert_snapshot!(more.notes.join("\n"), @"`zz` waits for 51 jobs, and a job of GitLab can name 50: it is in the stage `build-2`, and waits for all earlier stages");
    let (_, last) = more.text.split_once("\n\"build zz\":").unwrap();
    assert_snapshot!(last, @r#"
      extends: ".job"
      stage: build-2
      script: ["chinampa build zz"]
    gate:
      extends: ".job"
      stage: gate
      variables: {GIT_DEPTH: "0"}
      script: ["chinampa build"]
    "#);
}

#[test]
fn what_a_ci_does_not_take_is_an_error() {
    let many = star(3_999).render(Generated::Buildkite).unwrap_err();
    let large = star(60_000).render(Generated::GitLab).unwrap_err();

    assert_snapshot!(many, @"Buildkite runs at most 4000 jobs in a pipeline, and this one has 4001");
    assert_snapshot!(large, @"GitLab reads a pipeline of at most 5000000 bytes, and this one has 5800277");
}

fn starter(system: System, job: &CiJob, install: Option<Install>) -> String {
    let setup = Setup { install, ..Setup::default() };
    let request = starter::Request {
        workspace: "shop",
        default_branch: "main",
        cache_prefix: "shop/",
        setup: &setup,
        job,
    };
    let starter = starter::Starter::new(system, request);
    let files = starter.files.iter().map(|file| format!("--- {}\n{}", file.path, file.text));
    let notes = starter.notes.iter().map(|note| format!("note: {note}\n"));
    files.chain(notes).collect()
}

#[test]
fn each_ci_has_files_to_begin_with() {
    let release = Install {
        version: "1".to_owned(),
        url: "https://example.com/chinampa".to_owned(),
        sha256: "0".repeat(64),
    };

    assert_snapshot!(starter(System::CircleCi, &CiJob::default(), Some(release)), @r#"
    --- .circleci/config.yml
    # Written by `chinampa ci init circleci`; from now on it is yours to change.
    version: 2.1
    setup: true
    jobs:
      generate:
        machine: {image: "ubuntu-2404:current"}
        steps:
          - checkout
          - run:
              name: "Generate the pipeline"
              command: |
                set -eu
                tools=$(mktemp -d)
                curl --fail --silent --show-error --location --proto =https --output "$tools/download" 'https://example.com/chinampa'
                echo '0000000000000000000000000000000000000000000000000000000000000000  '"$tools/download" | sha256sum --check --quiet -
                install -m 755 "$tools/download" "$tools/chinampa"
                export PATH="$tools:$PATH"
                chinampa ci generate circleci > /tmp/next.yml
                chinampa ci continue /tmp/next.yml
    workflows:
      setup:
        jobs: [generate]
    note: project settings, Advanced: turn "Enable dynamic config using setup workflows" and "Auto-cancel redundant workflows" on
    note: for pull requests from forks, turn "Build forked pull requests" on and "Pass secrets to builds from forked pull requests" off
    "#);
    assert_snapshot!(starter(System::GitLab, &hostile(), None), @r#"
    --- .gitlab-ci.yml
    # Written by `chinampa ci init gitlab`; from now on it is yours to change.
    # Nothing installs `chinampa`: it has to be on the machine or in the image, as long as `[ci]` of
    # `projects.toml` has no `install` with version, URL and SHA-256 of a release.
    workflow:
      auto_cancel: {on_new_commit: interruptible}
      rules:
        - {if: "$CI_PIPELINE_SOURCE == \"merge_request_event\""}
        - {if: "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH"}
        - {if: "$CI_COMMIT_TAG"}
    generate:
      stage: build
      tags: [gpu]
      interruptible: true
      script: ["chinampa ci generate gitlab > images.yml"]
      artifacts:
        paths: [images.yml]
        expire_in: "1 week"
    images:
      stage: test
      trigger:
        include:
          - {artifact: images.yml, job: generate}
        strategy: mirror
        forward: {yaml_variables: false}
    note: settings, CI/CD, Variables: protect the variables with credentials, so that only protected branches and tags get them
    "#);
    assert_snapshot!(starter(System::Buildkite, &hostile(), None), @r#"
    --- .buildkite/pipeline.yml
    # Written by `chinampa ci init buildkite`; from now on it is yours to change.
    # Nothing installs `chinampa`: it has to be on the machine or in the image, as long as `[ci]` of
    # `projects.toml` has no `install` with version, URL and SHA-256 of a release.
    steps:
      - label: generate
        command: "sh .buildkite/generate.sh"
        agents: [gpu]
    --- .buildkite/generate.sh
    #!/bin/sh
    # Written by `chinampa ci init buildkite`; from now on it is yours to change.
    # Nothing installs `chinampa`: it has to be on the machine or in the image, as long as `[ci]` of
    # `projects.toml` has no `install` with version, URL and SHA-256 of a release.
    set -eu
    pipeline=$(mktemp)
    chinampa ci generate buildkite > "$pipeline"
    # Each line is one upload.
    while IFS= read -r upload; do
      printf '%s' "$upload" | buildkite-agent pipeline upload --no-interpolation
    done < "$pipeline"
    note: pipeline settings, Builds: turn "Cancel Intermediate Builds" on, except for the default branch
    note: pipeline settings, GitHub: builds of pull requests from forks are off by default; agents for them need an engine and credentials of their own
    "#);
    assert_snapshot!(starter(System::CodeBuild, &CiJob::default(), None), @r#"
    --- codebuild.yml
    # Written by `chinampa ci init codebuild`; from now on it is yours to change.
    # Nothing installs `chinampa`: it has to be on the machine or in the image, as long as `[ci]` of
    # `projects.toml` has no `install` with version, URL and SHA-256 of a release.
    AWSTemplateFormatVersion: "2010-09-09"
    Description: "Builds the images of shop"
    Parameters:
      Repository: {Type: String, Description: "URL of the repository on GitHub, as in https://github.com/acme/shop.git"}
      MaximumBuilds:
        Type: Number
        Description: "Builds of a batch at most: projects, the gate and deployments"
        Default: 100
    Resources:
      ImagesRole:
        Type: "AWS::IAM::Role"
        Properties:
          AssumeRolePolicyDocument:
            Version: "2012-10-17"
            Statement:
              - Effect: Allow
                Principal: {Service: codebuild.amazonaws.com}
                Action: "sts:AssumeRole"
          Policies:
            - PolicyName: chinampa
              PolicyDocument:
                Version: "2012-10-17"
                Statement:
                  - Effect: Allow
                    Action: ["ecr:GetAuthorizationToken"]
                    Resource: "*"
                  - Effect: Allow
                    Action:
                      - "ecr:BatchCheckLayerAvailability"
                      - "ecr:BatchGetImage"
                      - "ecr:GetDownloadUrlForLayer"
                      - "ecr:ListImages"
                      - "ecr:CompleteLayerUpload"
                      - "ecr:CreateRepository"
                      - "ecr:DescribeRepositories"
                      - "ecr:GetLifecyclePolicy"
                      - "ecr:InitiateLayerUpload"
                      - "ecr:PutImage"
                      - "ecr:PutLifecyclePolicy"
                      - "ecr:UploadLayerPart"
                      - "ecr:TagResource"
                    Resource: {"Fn::Sub": "arn:${AWS::Partition}:ecr:*:${AWS::AccountId}:repository/shop/*"}
                  - Effect: Allow
                    Action: ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
                    Resource:
                      - "Fn::Sub": "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/codebuild/shop-images"
                      - "Fn::Sub": "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/codebuild/shop-images:*"
      StarterRole:
        Type: "AWS::IAM::Role"
        Properties:
          AssumeRolePolicyDocument:
            Version: "2012-10-17"
            Statement:
              - Effect: Allow
                Principal: {Service: codebuild.amazonaws.com}
                Action: "sts:AssumeRole"
          Policies:
            - PolicyName: chinampa
              PolicyDocument:
                Version: "2012-10-17"
                Statement:
                  - Effect: Allow
                    Action: ["ecr:GetAuthorizationToken"]
                    Resource: "*"
                  - Effect: Allow
                    Action:
                      - "ecr:BatchCheckLayerAvailability"
                      - "ecr:BatchGetImage"
                      - "ecr:GetDownloadUrlForLayer"
                      - "ecr:ListImages"
                    Resource: {"Fn::Sub": "arn:${AWS::Partition}:ecr:*:${AWS::AccountId}:repository/shop/*"}
                  - Effect: Allow
                    Action: ["codebuild:StartBuildBatch"]
                    Resource: {"Fn::Sub": "arn:${AWS::Partition}:codebuild:${AWS::Region}:${AWS::AccountId}:project/shop-images"}
                  - Effect: Allow
                    Action: ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
                    Resource:
                      - "Fn::Sub": "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/codebuild/shop-starter"
                      - "Fn::Sub": "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/codebuild/shop-starter:*"
      PullRequestsRole:
        Type: "AWS::IAM::Role"
        Properties:
          AssumeRolePolicyDocument:
            Version: "2012-10-17"
            Statement:
              - Effect: Allow
                Principal: {Service: codebuild.amazonaws.com}
                Action: "sts:AssumeRole"
          Policies:
            - PolicyName: chinampa
              PolicyDocument:
                Version: "2012-10-17"
                Statement:
                  - Effect: Allow
                    Action: ["ecr:GetAuthorizationToken"]
                    Resource: "*"
                  - Effect: Allow
                    Action:
                      - "ecr:BatchCheckLayerAvailability"
                      - "ecr:BatchGetImage"
                      - "ecr:GetDownloadUrlForLayer"
                      - "ecr:ListImages"
                    Resource: {"Fn::Sub": "arn:${AWS::Partition}:ecr:*:${AWS::AccountId}:repository/shop/*"}
                  - Effect: Allow
                    Action: ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
                    Resource:
                      - "Fn::Sub": "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/codebuild/shop-pull-requests"
                      - "Fn::Sub": "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/codebuild/shop-pull-requests:*"
      BatchRole:
        Type: "AWS::IAM::Role"
        Properties:
          AssumeRolePolicyDocument:
            Version: "2012-10-17"
            Statement:
              - Effect: Allow
                Principal: {Service: codebuild.amazonaws.com}
                Action: "sts:AssumeRole"
          Policies:
            - PolicyName: chinampa
              PolicyDocument:
                Version: "2012-10-17"
                Statement:
                  - Effect: Allow
                    Action: ["codebuild:StartBuild", "codebuild:StopBuild", "codebuild:RetryBuild"]
                    Resource: {"Fn::Sub": "arn:${AWS::Partition}:codebuild:${AWS::Region}:${AWS::AccountId}:project/shop-images"}
      Images:
        Type: "AWS::CodeBuild::Project"
        Properties:
          Name: shop-images
          ServiceRole:
            "Fn::GetAtt": [ImagesRole, Arn]
          Source:
            Type: GITHUB
            Location: {Ref: Repository}
            GitCloneDepth: 0
            BuildSpec: |
              version: 0.2
              phases:
                build:
                  commands: ["echo 'start a batch with a generated buildspec' && false"]
          Artifacts: {Type: NO_ARTIFACTS}
          Environment:
            Type: LINUX_CONTAINER
            Image: "aws/codebuild/amazonlinux-x86_64-standard:5.0"
            ComputeType: BUILD_GENERAL1_MEDIUM
            PrivilegedMode: true
          BuildBatchConfig:
            ServiceRole:
              "Fn::GetAtt": [BatchRole, Arn]
            TimeoutInMins: 480
            Restrictions:
              MaximumBuildsAllowed: {Ref: MaximumBuilds}
      Starter:
        Type: "AWS::CodeBuild::Project"
        Properties:
          Name: shop-starter
          ServiceRole:
            "Fn::GetAtt": [StarterRole, Arn]
          Source:
            Type: GITHUB
            Location: {Ref: Repository}
            GitCloneDepth: 0
            ReportBuildStatus: true
            BuildSpec: |
              version: 0.2
              phases:
                build:
                  commands:
                    - "case $CODEBUILD_WEBHOOK_HEAD_REF in refs/tags/*) CHINAMPA_REF=CHINAMPA_TAG ;; *) CHINAMPA_REF=CHINAMPA_BRANCH ;; esac"
                    - "CHINAMPA_NAME=${CODEBUILD_WEBHOOK_HEAD_REF#refs/*/}"
                    - "chinampa ci generate codebuild > /tmp/images.yml"
                    - "aws codebuild start-build-batch --project-name 'shop-images' --source-version \"$CODEBUILD_RESOLVED_SOURCE_VERSION\" --buildspec-override file:///tmp/images.yml --environment-variables-override \"name=CHINAMPA_COMMIT,value=$CODEBUILD_RESOLVED_SOURCE_VERSION\" \"name=$CHINAMPA_REF,value=$CHINAMPA_NAME\""
          Artifacts: {Type: NO_ARTIFACTS}
          Environment:
            Type: LINUX_CONTAINER
            Image: "aws/codebuild/amazonlinux-x86_64-standard:5.0"
            ComputeType: BUILD_GENERAL1_MEDIUM
            PrivilegedMode: false
          Triggers:
            Webhook: true
            FilterGroups:
              -
                - {Type: EVENT, Pattern: PUSH}
                - {Type: HEAD_REF, Pattern: "^refs/heads/main$"}
              -
                - {Type: EVENT, Pattern: PUSH}
                - {Type: HEAD_REF, Pattern: "^refs/tags/[A-Za-z0-9._-]+$"}
      PullRequests:
        Type: "AWS::CodeBuild::Project"
        Properties:
          Name: shop-pull-requests
          ServiceRole:
            "Fn::GetAtt": [PullRequestsRole, Arn]
          Source:
            Type: GITHUB
            Location: {Ref: Repository}
            GitCloneDepth: 0
            ReportBuildStatus: true
            BuildSpec: |
              version: 0.2
              phases:
                build:
                  commands: ["chinampa build"]
          Artifacts: {Type: NO_ARTIFACTS}
          Environment:
            Type: LINUX_CONTAINER
            Image: "aws/codebuild/amazonlinux-x86_64-standard:5.0"
            ComputeType: BUILD_GENERAL1_MEDIUM
            PrivilegedMode: true
          Triggers:
            Webhook: true
            FilterGroups:
              -
                - {Type: EVENT, Pattern: "PULL_REQUEST_CREATED, PULL_REQUEST_UPDATED, PULL_REQUEST_REOPENED"}
                - {Type: BASE_REF, Pattern: "^refs/heads/main$"}
    note: create a stack: `aws cloudformation deploy --template-file codebuild.yml --stack-name <name> --capabilities CAPABILITY_IAM --parameter-overrides Repository=<URL>`
    note: CodeBuild needs access to the repository first: a connection or a token (`aws codebuild import-source-credentials`)
    note: superseded batches go on: CodeBuild has no setting that stops them
    note: the role of the builds may write to the cache, and to nothing else: add what deployments need
    "#);
}
