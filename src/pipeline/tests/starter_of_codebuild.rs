//! The template of CodeBuild, with a pipeline of CodePipeline for an environment that a person approves.

use insta::assert_snapshot;

use super::starters::starter;
use super::*;

#[test]
fn codebuild_begins_with_a_template_of_projects_roles_and_a_pipeline() {
    assert_snapshot!(starter(System::CodeBuild, &CiJob::default(), None), @r##"
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
      Connection:
        Type: String
        Description: "ARN of the connection to the repository; without one there is no pipeline of CodePipeline"
        Default: ""
      RepositoryId: {Type: String, Description: "The repository for the connection, as in acme/shop", Default: ""}
    Conditions:
      HasConnection:
        "Fn::Not":
          - "Fn::Equals":
              - {Ref: Connection}
              - ""
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
            ReportBuildStatus: true
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
                    - "pipeline=$(mktemp)"
                    - "chinampa ci generate codebuild > \"$pipeline\""
                    - "aws codebuild start-build-batch --project-name 'shop-images' --source-version \"$CODEBUILD_RESOLVED_SOURCE_VERSION\" --buildspec-override \"file://$pipeline\" --environment-variables-override \"name=CHINAMPA_COMMIT,value=$CODEBUILD_RESOLVED_SOURCE_VERSION\" \"name=$CHINAMPA_REF,value=$CHINAMPA_NAME\""
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
                - {Type: HEAD_REF, Pattern: "^refs/heads/release/[A-Za-z0-9._+-]*$"}
              -
                - {Type: EVENT, Pattern: PUSH}
                - {Type: HEAD_REF, Pattern: "^refs/tags/[A-Za-z0-9._/+-]*$"}
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
              -
                - {Type: EVENT, Pattern: "PULL_REQUEST_CREATED, PULL_REQUEST_UPDATED, PULL_REQUEST_REOPENED"}
                - {Type: BASE_REF, Pattern: "^refs/heads/release/[A-Za-z0-9._+-]*$"}
      Artifacts:
        Type: "AWS::S3::Bucket"
        Condition: HasConnection
        Properties:
          PublicAccessBlockConfiguration: {BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true}
      PipelineRole:
        Type: "AWS::IAM::Role"
        Condition: HasConnection
        Properties:
          AssumeRolePolicyDocument:
            Version: "2012-10-17"
            Statement:
              - Effect: Allow
                Principal: {Service: codepipeline.amazonaws.com}
                Action: "sts:AssumeRole"
          Policies:
            - PolicyName: chinampa
              PolicyDocument:
                Version: "2012-10-17"
                Statement:
                  - Effect: Allow
                    Action: ["codeconnections:UseConnection", "codestar-connections:UseConnection"]
                    Resource: {Ref: Connection}
                  - Effect: Allow
                    Action: ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"]
                    Resource: {"Fn::Sub": "${Artifacts.Arn}/*"}
                  - Effect: Allow
                    Action: ["codebuild:StartBuild", "codebuild:BatchGetBuilds"]
                    Resource:
                      - "Fn::GetAtt": [PipelineBuild, Arn]
                      - "Fn::GetAtt": [Deploy, Arn]
      PipelineBuildRole:
        Type: "AWS::IAM::Role"
        Condition: HasConnection
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
                    Action: ["codeconnections:UseConnection", "codestar-connections:UseConnection"]
                    Resource: {Ref: Connection}
                  - Effect: Allow
                    Action: ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"]
                    Resource: {"Fn::Sub": "${Artifacts.Arn}/*"}
                  - Effect: Allow
                    Action: ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
                    Resource:
                      - "Fn::Sub": "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/codebuild/shop-pipeline-build"
                      - "Fn::Sub": "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/codebuild/shop-pipeline-build:*"
      DeployRole:
        Type: "AWS::IAM::Role"
        Condition: HasConnection
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
                    Action: ["codeconnections:UseConnection", "codestar-connections:UseConnection"]
                    Resource: {Ref: Connection}
                  - Effect: Allow
                    Action: ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"]
                    Resource: {"Fn::Sub": "${Artifacts.Arn}/*"}
                  - Effect: Allow
                    Action: ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
                    Resource:
                      - "Fn::Sub": "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/codebuild/shop-deploy"
                      - "Fn::Sub": "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/codebuild/shop-deploy:*"
      PipelineBuild:
        Type: "AWS::CodeBuild::Project"
        Condition: HasConnection
        Properties:
          Name: shop-pipeline-build
          ServiceRole:
            "Fn::GetAtt": [PipelineBuildRole, Arn]
          Source:
            Type: CODEPIPELINE
            BuildSpec: |
              version: 0.2
              phases:
                build:
                  commands: ["chinampa $CHINAMPA_ARGUMENTS"]
          Artifacts: {Type: CODEPIPELINE}
          Environment:
            Type: LINUX_CONTAINER
            Image: "aws/codebuild/amazonlinux-x86_64-standard:5.0"
            ComputeType: BUILD_GENERAL1_MEDIUM
            PrivilegedMode: true
      Deploy:
        Type: "AWS::CodeBuild::Project"
        Condition: HasConnection
        Properties:
          Name: shop-deploy
          ServiceRole:
            "Fn::GetAtt": [DeployRole, Arn]
          Source:
            Type: CODEPIPELINE
            BuildSpec: |
              version: 0.2
              phases:
                build:
                  commands: ["chinampa $CHINAMPA_ARGUMENTS"]
          Artifacts: {Type: CODEPIPELINE}
          Environment:
            Type: LINUX_CONTAINER
            Image: "aws/codebuild/amazonlinux-x86_64-standard:5.0"
            ComputeType: BUILD_GENERAL1_MEDIUM
            PrivilegedMode: true
      Pipeline:
        Type: "AWS::CodePipeline::Pipeline"
        Condition: HasConnection
        Properties:
          Name: shop
          PipelineType: V2
          ExecutionMode: SUPERSEDED
          RoleArn:
            "Fn::GetAtt": [PipelineRole, Arn]
          ArtifactStore:
            Type: S3
            Location: {Ref: Artifacts}
          Stages:
            - Name: Source
              Actions:
                - Name: Source
                  Namespace: SourceVariables
                  ActionTypeId: {Category: Source, Owner: AWS, Provider: CodeStarSourceConnection, Version: "1"}
                  Configuration:
                    ConnectionArn: {Ref: Connection}
                    FullRepositoryId: {Ref: RepositoryId}
                    BranchName: main
                    OutputArtifactFormat: CODEBUILD_CLONE_REF
                  OutputArtifacts:
                    - {Name: Source}
            - Name: Build
              Actions:
                - Name: Build
                  ActionTypeId: {Category: Build, Owner: AWS, Provider: CodeBuild, Version: "1"}
                  Configuration:
                    ProjectName: {Ref: PipelineBuild}
                    EnvironmentVariables: "[{\"name\":\"CHINAMPA_ARGUMENTS\",\"value\":\"build\"},{\"name\":\"CHINAMPA_BRANCH\",\"value\":\"#{SourceVariables.BranchName}\"},{\"name\":\"CHINAMPA_COMMIT\",\"value\":\"#{SourceVariables.CommitId}\"}]"
                  InputArtifacts:
                    - {Name: Source}
            - Name: Approve-prod
              Actions:
                - Name: Approve
                  ActionTypeId: {Category: Approval, Owner: AWS, Provider: Manual, Version: "1"}
                  Configuration: {CustomData: "Deploy #{SourceVariables.CommitId} to prod"}
            - Name: Deploy-prod
              Actions:
                - Name: Deploy
                  ActionTypeId: {Category: Build, Owner: AWS, Provider: CodeBuild, Version: "1"}
                  Configuration:
                    ProjectName: {Ref: Deploy}
                    EnvironmentVariables: "[{\"name\":\"CHINAMPA_ARGUMENTS\",\"value\":\"deploy --environment prod\"},{\"name\":\"CHINAMPA_BRANCH\",\"value\":\"#{SourceVariables.BranchName}\"},{\"name\":\"CHINAMPA_COMMIT\",\"value\":\"#{SourceVariables.CommitId}\"}]"
                  InputArtifacts:
                    - {Name: Source}
    note: create a stack: `aws cloudformation deploy --template-file codebuild.yml --stack-name <name> --capabilities CAPABILITY_IAM --parameter-overrides Repository=<URL>`
    note: CodeBuild needs access to the repository first: a connection or a token (`aws codebuild import-source-credentials`)
    note: superseded batches go on: CodeBuild has no setting that stops them
    note: the role of the builds may write to the cache, and to nothing else: add what deployments need
    note: deployments that a person has to approve need a connection to the repository: set the parameters `Connection` and `RepositoryId`
    note: the role `DeployRole` may read the cache, and nothing else: `chinampa doctor --aws-policy deploy` prints what deployments need
    "##);
}
