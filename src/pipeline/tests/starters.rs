use insta::assert_snapshot;

use super::*;

pub(super) fn starter(system: System, job: &CiJob, install: Option<Install>) -> String {
    starter_with(system, job, Setup { install, ..Setup::default() }, false)
}

pub(super) fn starter_with(system: System, job: &CiJob, setup: Setup, has_tag_rules: bool) -> String {
    let request = starter::Request {
        workspace: "shop",
        default_branch: "main",
        branches: &["main", "release/*"].into(),
        cache_prefix: "shop/",
        setup: &setup,
        job,
        approvals: &["prod".parse().unwrap()],
        has_tag_rules,
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
                pipeline=$(mktemp)
                chinampa ci generate circleci > "$pipeline"
                chinampa ci continue "$pipeline"
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
        - {if: "$CI_COMMIT_BRANCH =~ /^main$/"}
        - {if: "$CI_COMMIT_BRANCH =~ /^release\\/[^\\/]*$/"}
        - {if: "$CI_COMMIT_TAG"}
    generate:
      stage: build
      tags: [gpu]
      interruptible: true
      variables:
        A: {value: "${{ secrets.A }}", expand: false}
        B: {value: "<< pipeline.id >>", expand: false}
        C: {value: "$HOME\n- x: 'y'\u202e", expand: false}
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
        env: {A: "\\${{ secrets.A }}", B: "<< pipeline.id >>", C: "\\$HOME\n- x: 'y'\u202e"}
    --- .buildkite/generate.sh
    #!/bin/sh
    # Written by `chinampa ci init buildkite`; from now on it is yours to change.
    # Nothing installs `chinampa`: it has to be on the machine or in the image, as long as `[ci]` of
    # `projects.toml` has no `install` with version, URL and SHA-256 of a release.
    set -eu
    folder=$(mktemp -d)
    # A retry goes on with the steps of the first attempt.
    steps=$(buildkite-agent meta-data get chinampa-steps --default '')
    if [ -n "$steps" ]; then
      (cd "$folder" && buildkite-agent artifact download --include-retried-jobs "$steps" .)
    else
      steps=chinampa-$BUILDKITE_JOB_ID.jsonl
      chinampa ci generate buildkite > "$folder/$steps"
      (cd "$folder" && buildkite-agent artifact upload "$steps")
      buildkite-agent meta-data set chinampa-steps "$steps"
    fi
    # Each line is one upload.
    number=0
    while IFS= read -r upload; do
      number=$((number + 1))
      if [ -z "$(buildkite-agent meta-data get "chinampa-upload-$number" --default '')" ]; then
        printf '%s' "$upload" | buildkite-agent pipeline upload --no-interpolation
        buildkite-agent meta-data set "chinampa-upload-$number" made
      fi
    done < "$folder/$steps"
    note: pipeline settings, Builds: turn "Cancel Intermediate Builds" on, except for the default branch
    note: pipeline settings, GitHub: builds of pull requests from forks are off by default; agents for them need an engine and credentials of their own
    "#);
}

#[test]
fn the_variables_of_jobs_are_those_of_the_jobs_that_people_begin_with_too() {
    let environment = [("HTTPS_PROXY".to_owned(), "http://p:1/<<a>>$b".to_owned())].into();
    let job = CiJob { environment, ..CiJob::default() };
    let lines = |system| {
        let starter = starter(system, &job, None);
        let lines = starter.lines().filter(|line| line.contains("HTTPS_PROXY"));
        lines.map(|line| line.trim().to_owned()).collect::<Vec<_>>().join("\n")
    };

    assert_snapshot!(lines(System::CircleCi), @r#"environment: {HTTPS_PROXY: "http://p:1/\\<<a>>$b"}"#);
    assert_snapshot!(lines(System::GitLab), @r#"HTTPS_PROXY: {value: "http://p:1/<<a>>$b", expand: false}"#);
    assert_snapshot!(lines(System::Buildkite), @r#"env: {HTTPS_PROXY: "http://p:1/<<a>>\\$b"}"#);
    assert_snapshot!(lines(System::CodeBuild), @r#"
    - {Name: HTTPS_PROXY, Value: "http://p:1/<<a>>$b"}
    - {Name: HTTPS_PROXY, Value: "http://p:1/<<a>>$b"}
    - {Name: HTTPS_PROXY, Value: "http://p:1/<<a>>$b"}
    - {Name: HTTPS_PROXY, Value: "http://p:1/<<a>>$b"}
    "#);
}

#[test]
fn with_a_rule_for_tags_the_first_job_of_circleci_runs_for_tags_and_buildkite_has_to_be_told() {
    let of = |system| starter_with(system, &CiJob::default(), Setup::default(), true);

    let circleci = of(System::CircleCi);
    let (_, workflow) = circleci.split_once("workflows:\n").unwrap();
    assert_snapshot!(workflow.split("note:").next().unwrap(), @r#"
      setup:
        jobs:
          - generate:
              filters:
                tags: {only: "/.*/"}
    "#);
    assert!(of(System::Buildkite).contains("turn \"Build tags\" on"));
}
