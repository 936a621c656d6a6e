//! What projects of CodeBuild in a template have in common: buildspec, machine, and role.

use super::Request;
use super::cloudformation::{self, statement, substituted};
use crate::pipeline::yaml::{Yaml, table};

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

/// What a role may do with the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grants {
    Read,
    Write,
}

/// Access to the repositories of the cache.
pub(super) fn of_cache(Request { cache_prefix, .. }: Request<'_>, grants: Grants) -> Vec<Yaml> {
    let actions: Vec<&str> = match grants {
        Grants::Read => READ.to_vec(),
        Grants::Write => READ.into_iter().chain(WRITE).collect(),
    };
    let repositories =
        format!("arn:${{AWS::Partition}}:ecr:*:${{AWS::AccountId}}:repository/{cache_prefix}*");
    let token = statement(&["ecr:GetAuthorizationToken"], "*".into());
    vec![token, statement(&actions, substituted(&repositories))]
}

pub(super) fn buildspec(commands: Vec<String>) -> Yaml {
    let document = table([
        ("version", Yaml::Decimal("0.2")),
        ("phases", table([("build", table([("commands", commands.into())]))])),
    ]);
    document.document().into()
}

/// On what builds run. A Docker engine needs a privileged one.
pub(super) fn environment(Request { job, .. }: Request<'_>, is_privileged: bool) -> Yaml {
    table([
        ("Type", "LINUX_CONTAINER".into()),
        ("Image", job.image.as_deref().unwrap_or(IMAGE).into()),
        ("ComputeType", job.machine.as_deref().unwrap_or("BUILD_GENERAL1_MEDIUM").into()),
        ("PrivilegedMode", is_privileged.into()),
    ])
}

/// A role of CodeBuild; with a project's name, it may write that project's log.
pub(super) fn role(project: &str, mut statements: Vec<Yaml>) -> Yaml {
    if !project.is_empty() {
        let log = format!(
            "arn:${{AWS::Partition}}:logs:${{AWS::Region}}:${{AWS::AccountId}}:log-group:/aws/codebuild/{project}"
        );
        let logs = Yaml::List(vec![substituted(&log), substituted(&format!("{log}:*"))]);
        statements
            .push(statement(&["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], logs));
    }
    cloudformation::role("codebuild.amazonaws.com", statements)
}
