use insta::assert_snapshot;

use super::*;

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
