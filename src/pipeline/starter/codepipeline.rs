//! The pipeline of CodePipeline: it deploys where a person has to agree, which CodeBuild can't wait for.
//!
//! Its source is a full clone by way of a connection, because a deployment looks at the history. Without a connection, a stack
//! has nothing of it.

use super::cloudformation::{attribute, parameter, reference, resource, role, statement, substituted};
use super::codebuild_project::{self, Purpose};
use super::{Request, generate};
use crate::config::EnvironmentName;
use crate::pipeline::codebuild::ARGUMENTS;
use crate::pipeline::yaml::{Yaml, table, table_of};
use crate::pipeline::{System, script};

const CONDITION: &str = "HasConnection";

const USE_CONNECTION: [&str; 2] = ["codeconnections:UseConnection", "codestar-connections:UseConnection"];

/// What a template has besides, if anything waits for a person.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) parameters: Vec<(&'static str, Yaml)>,
    pub(super) conditions: Vec<(&'static str, Yaml)>,
    pub(super) resources: Vec<(&'static str, Yaml)>,
    pub(super) notes: Vec<&'static str>,
}

pub(super) fn parts(request: Request<'_>) -> Parts {
    if request.approvals.is_empty() {
        return Parts::default();
    }
    let has_connection = table([(
        "Fn::Not",
        Yaml::List(vec![table([("Fn::Equals", Yaml::List(vec![reference("Connection"), "".into()]))])]),
    )]);
    let resources = resources(request).into_iter().map(|(name, resource)| (name, conditional(resource)));
    Parts {
        parameters: vec![
            (
                "Connection",
                parameter(
                    "String",
                    "ARN of the connection to the repository; without one there is no pipeline of CodePipeline",
                    Some("".into()),
                ),
            ),
            (
                "RepositoryId",
                parameter("String", "The repository for the connection, as in acme/shop", Some("".into())),
            ),
        ],
        conditions: vec![(CONDITION, has_connection)],
        resources: resources.collect(),
        notes: vec![
            "deployments that a person has to approve need a connection to the repository: set the parameters `Connection` and `RepositoryId`",
            "the role `DeployRole` may read the cache, and nothing else: `chinampa doctor --aws-policy deploy` prints what deployments need",
        ],
    }
}

/// A resource that is there only with a connection.
fn conditional(resource: Yaml) -> Yaml {
    let Yaml::Table(mut entries) = resource else { return resource };
    entries.insert(1, ("Condition".to_owned(), CONDITION.into()));
    Yaml::Table(entries)
}

fn resources(request: Request<'_>) -> Vec<(&'static str, Yaml)> {
    let name = |purpose: &str| format!("{}-{purpose}", request.workspace);
    let connection = || statement(&USE_CONNECTION, reference("Connection"));
    let artifacts = || {
        let objects = substituted("${Artifacts.Arn}/*");
        statement(&["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"], objects)
    };
    let of_build = |purpose: Purpose, project: &str| {
        let statements =
            [codebuild_project::access(request, purpose), vec![connection(), artifacts()]].concat();
        codebuild_project::role(&name(project), statements)
    };
    let start = Yaml::List(vec![attribute("PipelineBuild", "Arn"), attribute("Deploy", "Arn")]);
    let of_pipeline = vec![
        connection(),
        artifacts(),
        statement(&["codebuild:StartBuild", "codebuild:BatchGetBuilds"], start),
    ];
    let bucket = table([(
        "PublicAccessBlockConfiguration",
        table([
            ("BlockPublicAcls", true.into()),
            ("BlockPublicPolicy", true.into()),
            ("IgnorePublicAcls", true.into()),
            ("RestrictPublicBuckets", true.into()),
        ]),
    )]);
    vec![
        ("Artifacts", resource("AWS::S3::Bucket", bucket)),
        ("PipelineRole", role("codepipeline.amazonaws.com", of_pipeline)),
        ("PipelineBuildRole", of_build(Purpose::Build, "pipeline-build")),
        ("DeployRole", of_build(Purpose::Deploy, "deploy")),
        ("PipelineBuild", project(request, Purpose::Build, &name("pipeline-build"), "PipelineBuildRole")),
        ("Deploy", project(request, Purpose::Deploy, &name("deploy"), "DeployRole")),
        ("Pipeline", pipeline(request)),
    ]
}

/// A project whose builds are actions of the pipeline. The buildspec is in the template: a commit can't change it.
fn project(request: Request<'_>, purpose: Purpose, name: &str, role: &str) -> Yaml {
    let commands =
        generate(request.setup, System::CodeBuild, &[&request.setup.command(&format!("${ARGUMENTS}"))]);
    let of_pipeline = || ("Type", Yaml::from("CODEPIPELINE"));
    let properties = table([
        ("Name", name.into()),
        ("ServiceRole", attribute(role, "Arn")),
        ("Source", table([of_pipeline(), ("BuildSpec", codebuild_project::buildspec(commands))])),
        ("Artifacts", table([of_pipeline()])),
        ("Environment", codebuild_project::environment(request, purpose)),
    ]);
    resource("AWS::CodeBuild::Project", properties)
}

fn pipeline(request: Request<'_>) -> Yaml {
    let stage =
        |name: &str, action: Yaml| table([("Name", name.into()), ("Actions", Yaml::List(vec![action]))]);
    let mut stages = vec![
        stage("Source", source(request.default_branch)),
        stage("Build", build("Build", "PipelineBuild", script::BUILD_ALL)),
    ];
    for environment in request.approvals {
        let EnvironmentSteps { approve, deploy } = steps(environment);
        stages.push(stage(&format!("Approve-{environment}"), approve));
        stages.push(stage(&format!("Deploy-{environment}"), deploy));
    }
    let properties = table([
        ("Name", request.workspace.into()),
        ("PipelineType", "V2".into()),
        // A newer commit overtakes one that waits for a person.
        ("ExecutionMode", "SUPERSEDED".into()),
        ("RoleArn", attribute("PipelineRole", "Arn")),
        ("ArtifactStore", table([("Type", "S3".into()), ("Location", reference("Artifacts"))])),
        ("Stages", Yaml::List(stages)),
    ]);
    resource("AWS::CodePipeline::Pipeline", properties)
}

struct EnvironmentSteps {
    approve: Yaml,
    deploy: Yaml,
}

fn steps(environment: &EnvironmentName) -> EnvironmentSteps {
    let message = format!("Deploy #{{SourceVariables.CommitId}} to {environment}");
    let approve = table([
        ("Name", "Approve".into()),
        ("ActionTypeId", action_type("Approval", "Manual")),
        ("Configuration", table([("CustomData", message.into())])),
    ]);
    let arguments = script::deploy(environment.as_str());
    EnvironmentSteps { approve, deploy: build("Deploy", "Deploy", &arguments) }
}

fn source(branch: &str) -> Yaml {
    let configuration = table([
        ("ConnectionArn", reference("Connection")),
        ("FullRepositoryId", reference("RepositoryId")),
        ("BranchName", branch.into()),
        ("OutputArtifactFormat", "CODEBUILD_CLONE_REF".into()),
    ]);
    table([
        ("Name", "Source".into()),
        ("Namespace", "SourceVariables".into()),
        ("ActionTypeId", action_type("Source", "CodeStarSourceConnection")),
        ("Configuration", configuration),
        ("OutputArtifacts", Yaml::List(vec![table([("Name", "Source".into())])])),
    ])
}

/// An action that runs this program with these arguments. A pipeline has no variable that names the branch.
fn build(name: &str, project: &str, arguments: &str) -> Yaml {
    let variables = [
        (ARGUMENTS, arguments),
        ("CHINAMPA_BRANCH", "#{SourceVariables.BranchName}"),
        ("CHINAMPA_COMMIT", "#{SourceVariables.CommitId}"),
    ];
    let variables = variables.map(|(name, value)| serde_json::json!({ "name": name, "value": value }));
    let configuration = table([
        ("ProjectName", reference(project)),
        ("EnvironmentVariables", serde_json::Value::from(variables.to_vec()).to_string().into()),
    ]);
    table_of([
        ("Name", Some(name.into())),
        ("ActionTypeId", Some(action_type("Build", "CodeBuild"))),
        ("Configuration", Some(configuration)),
        ("InputArtifacts", Some(Yaml::List(vec![table([("Name", "Source".into())])]))),
    ])
}

fn action_type(category: &str, provider: &str) -> Yaml {
    table([
        ("Category", category.into()),
        ("Owner", "AWS".into()),
        ("Provider", provider.into()),
        ("Version", Yaml::Text("1".to_owned())),
    ])
}
