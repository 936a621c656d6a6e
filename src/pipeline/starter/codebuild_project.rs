//! What projects of CodeBuild in a template have in common: buildspec, machine, and role.

use std::collections::BTreeSet;

use super::Request;
use super::cloudformation::{self, parameter, reference, statement, substituted};
use crate::pipeline::yaml::{Yaml, table, table_of};

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

/// The parameter of a template that names the secret with the logins for registries.
const LOGINS: &str = "Logins";

/// What a project is for, which decides what its builds may do and what they get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Decides what is built: it needs no engine.
    Plan,
    Build,
    Deploy,
    /// Builds what anybody may have written.
    PullRequests,
}

/// Access to the repositories of the cache, and to the logins for registries.
pub(super) fn access(request: Request<'_>, purpose: Purpose) -> Vec<Yaml> {
    let cache_prefix = request.cache_prefix;
    let actions: Vec<&str> = match purpose {
        Purpose::Plan | Purpose::Deploy | Purpose::PullRequests => READ.to_vec(),
        Purpose::Build => READ.into_iter().chain(WRITE).collect(),
    };
    let repositories =
        format!("arn:${{AWS::Partition}}:ecr:*:${{AWS::AccountId}}:repository/{cache_prefix}*");
    let token = statement(&["ecr:GetAuthorizationToken"], "*".into());
    let secret = has_logins(request, purpose)
        .then(|| statement(&["secretsmanager:GetSecretValue"], reference(LOGINS)));
    [token, statement(&actions, substituted(&repositories))].into_iter().chain(secret).collect()
}

fn has_logins(request: Request<'_>, purpose: Purpose) -> bool {
    purpose != Purpose::PullRequests && !request.setup.logins.is_empty()
}

/// The variables that have the logins for registries. Sorted.
fn login_variables(request: Request<'_>) -> BTreeSet<&str> {
    request.setup.logins.users().chain(request.setup.logins.passwords()).collect()
}

/// The parameter for the secret with the logins, if there are any.
pub(super) fn login_parameter(request: Request<'_>) -> Option<(&'static str, Yaml)> {
    let names: Vec<&str> = login_variables(request).into_iter().collect();
    let description =
        format!("ARN of a secret of Secrets Manager, a JSON object with the keys {}", names.join(", "));
    (!names.is_empty()).then(|| (LOGINS, parameter("String", &description, None)))
}

pub(super) fn buildspec(commands: Vec<String>) -> Yaml {
    let document = table([
        ("version", Yaml::Decimal("0.2")),
        ("phases", table([("build", table([("commands", commands.into())]))])),
    ]);
    document.document().into()
}

/// On what builds run, a privileged machine where they need a Docker engine, and which variables and secrets they get.
pub(super) fn environment(request: Request<'_>, purpose: Purpose) -> Yaml {
    let job = request.job;
    let variable = |name: &str| {
        table([
            ("Name", name.into()),
            ("Type", "SECRETS_MANAGER".into()),
            ("Value", substituted(&format!("${{{LOGINS}}}:{name}"))),
        ])
    };
    let logins = has_logins(request, purpose).then(|| login_variables(request)).into_iter().flatten();
    let logins = logins.filter(|name| !job.environment.contains_key(*name)).map(variable);
    let own = (purpose != Purpose::PullRequests).then_some(&job.environment).into_iter().flatten();
    let own = own.map(|(name, value)| table([("Name", name.into()), ("Value", value.into())]));
    let variables: Vec<Yaml> = own.chain(logins).collect();
    table_of([
        ("Type", Some("LINUX_CONTAINER".into())),
        ("Image", Some(job.image.as_deref().unwrap_or(IMAGE).into())),
        ("ComputeType", Some(job.machine.as_deref().unwrap_or("BUILD_GENERAL1_MEDIUM").into())),
        ("PrivilegedMode", Some((purpose != Purpose::Plan).into())),
        ("EnvironmentVariables", (!variables.is_empty()).then_some(Yaml::List(variables))),
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
