//! A CloudFormation template for AWS CodeBuild.
//!
//! A starter generates the build graph of a push and starts it as a batch of another project. Pull requests have a project of their
//! own, with a role that only reads. The buildspecs of the starter and of pull requests are in the template: a commit can't change them.

use super::{File, Request, Starter, generate, header};
use crate::pipeline::yaml::{Yaml, table, table_of};
use crate::pipeline::{System, script};

/// The image of builds: it has a Docker engine.
const IMAGE: &str = "aws/codebuild/amazonlinux-x86_64-standard:5.0";

const READ: [&str; 4] =
    ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:ListImages"];

const WRITE: [&str; 9] = [
    "ecr:CompleteLayerUpload",
    "ecr:CreateRepository",
    "ecr:DescribeRepositories",
    "ecr:GetLifecyclePolicy",
    "ecr:InitiateLayerUpload",
    "ecr:PutImage",
    "ecr:PutLifecyclePolicy",
    "ecr:UploadLayerPart",
    "ecr:TagResource",
];

pub(super) fn starter(request: Request<'_>) -> Starter {
    let Request { workspace, default_branch, cache_prefix, setup, .. } = request;
    let name = |purpose: &str| format!("{workspace}-{purpose}");
    let start = format!(
        "aws codebuild start-build-batch --project-name {} --source-version \"$CODEBUILD_RESOLVED_SOURCE_VERSION\" \
         --buildspec-override file:///tmp/images.yml --environment-variables-override \
         \"name=CHINAMPA_COMMIT,value=$CODEBUILD_RESOLVED_SOURCE_VERSION\" \"name=$CHINAMPA_REF,value=$CHINAMPA_NAME\"",
        script::quoted(&name("images"))
    );
    let commands = [
        "case $CODEBUILD_WEBHOOK_HEAD_REF in refs/tags/*) CHINAMPA_REF=CHINAMPA_TAG ;; *) CHINAMPA_REF=CHINAMPA_BRANCH ;; esac",
        "CHINAMPA_NAME=${CODEBUILD_WEBHOOK_HEAD_REF#refs/*/}",
        "chinampa ci generate codebuild > /tmp/images.yml",
        &start,
    ];
    let of_starter = buildspec(generate(setup, System::CodeBuild, &commands));
    let of_images = buildspec(vec!["echo 'start a batch with a generated buildspec' && false".to_owned()]);
    let of_pull_requests = buildspec(generate(setup, System::CodeBuild, &["chinampa build"]));
    let branch = format!("^refs/heads/{}$", escaped(default_branch));
    let pushes = [
        vec![filter("EVENT", "PUSH"), filter("HEAD_REF", &branch)],
        vec![filter("EVENT", "PUSH"), filter("HEAD_REF", "^refs/tags/[A-Za-z0-9._-]+$")],
    ];
    let pull_requests = [vec![
        filter("EVENT", "PULL_REQUEST_CREATED, PULL_REQUEST_UPDATED, PULL_REQUEST_REOPENED"),
        filter("BASE_REF", &branch),
    ]];
    let images = table([
        ("ServiceRole", attribute("BatchRole", "Arn")),
        ("TimeoutInMins", 480.into()),
        ("Restrictions", table([("MaximumBuildsAllowed", reference("MaximumBuilds"))])),
    ]);
    let ecr = |actions: &[&str]| {
        let resource =
            format!("arn:${{AWS::Partition}}:ecr:*:${{AWS::AccountId}}:repository/{cache_prefix}*");
        statement(actions, substituted(&resource))
    };
    let token = statement(&["ecr:GetAuthorizationToken"], "*".into());
    let writes: Vec<&str> = READ.into_iter().chain(WRITE).collect();
    let batch = |actions: &[&str]| statement(actions, arn_of_project(&name("images")));
    let resources = [
        ("ImagesRole", role(&name("images"), vec![token.clone(), ecr(&writes)])),
        (
            "StarterRole",
            role(&name("starter"), vec![token.clone(), ecr(&READ), batch(&["codebuild:StartBuildBatch"])]),
        ),
        ("PullRequestsRole", role(&name("pull-requests"), vec![token, ecr(&READ)])),
        (
            "BatchRole",
            role("", vec![batch(&["codebuild:StartBuild", "codebuild:StopBuild", "codebuild:RetryBuild"])]),
        ),
        ("Images", project(request, &name("images"), "ImagesRole", of_images, None, Some(images))),
        ("Starter", project(request, &name("starter"), "StarterRole", of_starter, Some(&pushes), None)),
        (
            "PullRequests",
            project(
                request,
                &name("pull-requests"),
                "PullRequestsRole",
                of_pull_requests,
                Some(&pull_requests),
                None,
            ),
        ),
    ];
    let parameter = |kind: &str, description: &str, default: Option<Yaml>| {
        table_of([
            ("Type", Some(kind.into())),
            ("Description", Some(description.into())),
            ("Default", default),
        ])
    };
    let parameters = table([
        (
            "Repository",
            parameter(
                "String",
                "URL of the repository on GitHub, as in https://github.com/acme/shop.git",
                None,
            ),
        ),
        (
            "MaximumBuilds",
            parameter(
                "Number",
                "Builds of a batch at most: projects, the gate and deployments",
                Some(100.into()),
            ),
        ),
    ]);
    let document = table([
        ("AWSTemplateFormatVersion", Yaml::Text("2010-09-09".to_owned())),
        ("Description", format!("Builds the images of {workspace}").into()),
        ("Parameters", parameters),
        ("Resources", table(resources)),
    ]);
    Starter {
        files: vec![File { path: "codebuild.yml", text: header(setup, "codebuild") + &document.document() }],
        notes: vec![
            "create a stack: `aws cloudformation deploy --template-file codebuild.yml --stack-name <name> --capabilities CAPABILITY_IAM --parameter-overrides Repository=<URL>`",
            "CodeBuild needs access to the repository first: a connection or a token (`aws codebuild import-source-credentials`)",
            "superseded batches go on: CodeBuild has no setting that stops them",
            "the role of the builds may write to the cache, and to nothing else: add what deployments need",
        ],
    }
}

fn buildspec(commands: Vec<String>) -> Yaml {
    let document = table([
        ("version", Yaml::Decimal("0.2")),
        ("phases", table([("build", table([("commands", commands.into())]))])),
    ]);
    document.document().into()
}

fn project(
    Request { job, .. }: Request<'_>,
    name: &str,
    role: &str,
    buildspec: Yaml,
    webhook: Option<&[Vec<Yaml>]>,
    batch: Option<Yaml>,
) -> Yaml {
    let source = table_of([
        ("Type", Some("GITHUB".into())),
        ("Location", Some(reference("Repository"))),
        // A build record moves to descendants only, which takes the history.
        ("GitCloneDepth", Some(0.into())),
        ("ReportBuildStatus", webhook.is_some().then(|| true.into())),
        ("BuildSpec", Some(buildspec)),
    ]);
    let environment = table([
        ("Type", "LINUX_CONTAINER".into()),
        ("Image", job.image.as_deref().unwrap_or(IMAGE).into()),
        ("ComputeType", job.machine.as_deref().unwrap_or("BUILD_GENERAL1_MEDIUM").into()),
        // A Docker engine needs it; whoever starts a batch builds nothing.
        ("PrivilegedMode", (!name.ends_with("-starter")).into()),
    ]);
    let groups = |groups: &[Vec<Yaml>]| Yaml::List(groups.iter().cloned().map(Yaml::List).collect());
    let triggers =
        webhook.map(|filters| table([("Webhook", true.into()), ("FilterGroups", groups(filters))]));
    let properties = table_of([
        ("Name", Some(name.into())),
        ("ServiceRole", Some(attribute(role, "Arn"))),
        ("Source", Some(source)),
        ("Artifacts", Some(table([("Type", "NO_ARTIFACTS".into())]))),
        ("Environment", Some(environment)),
        ("Triggers", triggers),
        ("BuildBatchConfig", batch),
    ]);
    table([("Type", "AWS::CodeBuild::Project".into()), ("Properties", properties)])
}

/// A role of CodeBuild; with a project's name, it may write that project's log.
fn role(project: &str, mut statements: Vec<Yaml>) -> Yaml {
    if !project.is_empty() {
        let log = format!(
            "arn:${{AWS::Partition}}:logs:${{AWS::Region}}:${{AWS::AccountId}}:log-group:/aws/codebuild/{project}"
        );
        let logs = Yaml::List(vec![substituted(&log), substituted(&format!("{log}:*"))]);
        statements
            .push(statement(&["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], logs));
    }
    let policy = |statements| {
        table([("Version", Yaml::Text("2012-10-17".to_owned())), ("Statement", Yaml::List(statements))])
    };
    let trust = table([
        ("Effect", "Allow".into()),
        ("Principal", table([("Service", "codebuild.amazonaws.com".into())])),
        ("Action", "sts:AssumeRole".into()),
    ]);
    let inline = table([("PolicyName", "chinampa".into()), ("PolicyDocument", policy(statements))]);
    let properties =
        table([("AssumeRolePolicyDocument", policy(vec![trust])), ("Policies", Yaml::List(vec![inline]))]);
    table([("Type", "AWS::IAM::Role".into()), ("Properties", properties)])
}

fn statement(actions: &[&str], resource: Yaml) -> Yaml {
    table([("Effect", "Allow".into()), ("Action", actions.to_vec().into()), ("Resource", resource)])
}

fn arn_of_project(project: &str) -> Yaml {
    substituted(&format!(
        "arn:${{AWS::Partition}}:codebuild:${{AWS::Region}}:${{AWS::AccountId}}:project/{project}"
    ))
}

fn filter(kind: &str, pattern: &str) -> Yaml {
    table([("Type", kind.into()), ("Pattern", pattern.into())])
}

fn reference(name: &str) -> Yaml {
    table([("Ref", name.into())])
}

fn attribute(resource: &str, name: &str) -> Yaml {
    table([("Fn::GetAtt", vec![resource, name].into())])
}

fn substituted(text: &str) -> Yaml {
    table([("Fn::Sub", text.into())])
}

/// A text as a regular expression.
fn escaped(text: &str) -> String {
    let letter = |letter: char| match letter {
        '.' | '+' | '(' | ')' | '[' | ']' | '{' | '}' | '|' | '$' | '^' => format!("\\{letter}"),
        letter => letter.to_string(),
    };
    text.chars().map(letter).collect()
}
