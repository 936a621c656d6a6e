//! A CloudFormation template for AWS CodeBuild.
//!
//! A starter generates the build graph of a push and starts it as a batch of another project. Pull requests have a project of their
//! own, with a role that only reads. The buildspecs of the starter and of pull requests are in the template: a commit can't change them.

use super::branches::{Wildcards, expression};
use super::cloudformation::{attribute, parameter, reference, resource, statement, substituted};
use super::codebuild_project::{Purpose, access, buildspec, environment, login_parameter, role};
use super::{File, Request, Starter, codepipeline, generate, header};
use crate::pipeline::yaml::{Yaml, table, table_of};
use crate::pipeline::{System, script};

/// A name is an argument of `aws`, in which other letters could mean something.
const WILDCARDS: Wildcards = Wildcards { within_slashes: "[A-Za-z0-9._+-]*", any: "[A-Za-z0-9._/+-]*" };

pub(super) fn starter(request: Request<'_>) -> Starter {
    let Request { workspace, branches, setup, .. } = request;
    let name = |purpose: &str| format!("{workspace}-{purpose}");
    let start = format!(
        "aws codebuild start-build-batch --project-name {} --source-version \"$CODEBUILD_RESOLVED_SOURCE_VERSION\" \
         --buildspec-override \"file://$pipeline\" --environment-variables-override \
         \"name=CHINAMPA_COMMIT,value=$CODEBUILD_RESOLVED_SOURCE_VERSION\" \"name=$CHINAMPA_REF,value=$CHINAMPA_NAME\"",
        script::quoted(&name("images"))
    );
    let commands = [
        "case $CODEBUILD_WEBHOOK_HEAD_REF in refs/tags/*) CHINAMPA_REF=CHINAMPA_TAG ;; *) CHINAMPA_REF=CHINAMPA_BRANCH ;; esac",
        "CHINAMPA_NAME=${CODEBUILD_WEBHOOK_HEAD_REF#refs/*/}",
        "pipeline=$(mktemp)",
        &format!("{} > \"$pipeline\"", setup.command("ci generate codebuild")),
        &start,
    ];
    let of_starter = buildspec(generate(setup, System::CodeBuild, &commands));
    let of_images = buildspec(vec!["echo 'start a batch with a generated buildspec' && false".to_owned()]);
    let untrusted = setup.clone().untrusted();
    let of_pull_requests =
        buildspec(generate(&untrusted, System::CodeBuild, &[&untrusted.command(script::BUILD_ALL)]));
    let branches = branches.iter().map(|it| format!("^refs/heads/{}$", expression(it, WILDCARDS)));
    let branches: Vec<String> = branches.collect();
    let tags = format!("^refs/tags/{}$", WILDCARDS.any);
    let push = |head: &String| vec![filter("EVENT", "PUSH"), filter("HEAD_REF", head)];
    let pushes: Vec<_> = branches.iter().chain([&tags]).map(push).collect();
    let pull_request = |base: &String| {
        let events = "PULL_REQUEST_CREATED, PULL_REQUEST_UPDATED, PULL_REQUEST_REOPENED";
        vec![filter("EVENT", events), filter("BASE_REF", base)]
    };
    let pull_requests: Vec<_> = branches.iter().map(pull_request).collect();
    let images = table([
        ("ServiceRole", attribute("BatchRole", "Arn")),
        ("TimeoutInMins", 480.into()),
        ("Restrictions", table([("MaximumBuildsAllowed", reference("MaximumBuilds"))])),
    ]);
    let batch = |actions: &[&str]| statement(actions, arn_of_project(&name("images")));
    let mut of_starter_role = access(request, Purpose::Plan);
    of_starter_role.push(batch(&["codebuild:StartBuildBatch"]));
    let resources = [
        ("ImagesRole", role(&name("images"), access(request, Purpose::Build))),
        ("StarterRole", role(&name("starter"), of_starter_role)),
        ("PullRequestsRole", role(&name("pull-requests"), access(request, Purpose::PullRequests))),
        (
            "BatchRole",
            role("", vec![batch(&["codebuild:StartBuild", "codebuild:StopBuild", "codebuild:RetryBuild"])]),
        ),
        ("Images", project(request, Purpose::Build, ("images", "ImagesRole"), of_images, None, Some(images))),
        (
            "Starter",
            project(request, Purpose::Plan, ("starter", "StarterRole"), of_starter, Some(&pushes), None),
        ),
        (
            "PullRequests",
            project(
                request,
                Purpose::PullRequests,
                ("pull-requests", "PullRequestsRole"),
                of_pull_requests,
                Some(&pull_requests),
                None,
            ),
        ),
    ];
    let parameters = vec![
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
    ];
    let parameters = parameters.into_iter().chain(login_parameter(request)).collect();
    let pipeline = codepipeline::parts(request);
    let named = |entries: Vec<(&str, Yaml)>, more: Vec<(&str, Yaml)>| {
        let all = entries.into_iter().chain(more);
        Yaml::Table(all.map(|(name, value)| (name.to_owned(), value)).collect())
    };
    let has_conditions = !pipeline.conditions.is_empty();
    let document = table_of([
        ("AWSTemplateFormatVersion", Some(Yaml::Text("2010-09-09".to_owned()))),
        ("Description", Some(format!("Builds the images of {workspace}").into())),
        ("Parameters", Some(named(parameters, pipeline.parameters))),
        ("Conditions", Some(named(pipeline.conditions, Vec::new())).filter(|_| has_conditions)),
        ("Resources", Some(named(resources.to_vec(), pipeline.resources))),
    ]);
    let notes = [
        "create a stack: `aws cloudformation deploy --template-file codebuild.yml --stack-name <name> --capabilities CAPABILITY_IAM --parameter-overrides Repository=<URL>`",
        "CodeBuild needs access to the repository first: a connection or a token (`aws codebuild import-source-credentials`)",
        "superseded batches go on: CodeBuild has no setting that stops them",
        "the role of the builds may write to the cache, and to nothing else: add what deployments need",
    ];
    Starter {
        files: vec![File { path: "codebuild.yml", text: header(setup, "codebuild") + &document.document() }],
        notes: notes.into_iter().chain(pipeline.notes).collect(),
    }
}

fn project(
    request: Request<'_>,
    purpose: Purpose,
    (name, role): (&str, &str),
    buildspec: Yaml,
    webhook: Option<&[Vec<Yaml>]>,
    batch: Option<Yaml>,
) -> Yaml {
    let source = table_of([
        ("Type", Some("GITHUB".into())),
        ("Location", Some(reference("Repository"))),
        // A build record moves to descendants only, which takes the history.
        ("GitCloneDepth", Some(0.into())),
        ("ReportBuildStatus", Some(true.into())),
        ("BuildSpec", Some(buildspec)),
    ]);
    let groups = |groups: &[Vec<Yaml>]| Yaml::List(groups.iter().cloned().map(Yaml::List).collect());
    let triggers =
        webhook.map(|filters| table([("Webhook", true.into()), ("FilterGroups", groups(filters))]));
    let properties = table_of([
        ("Name", Some(format!("{}-{name}", request.workspace).into())),
        ("ServiceRole", Some(attribute(role, "Arn"))),
        ("Source", Some(source)),
        ("Artifacts", Some(table([("Type", "NO_ARTIFACTS".into())]))),
        ("Environment", Some(environment(request, purpose))),
        ("Triggers", triggers),
        ("BuildBatchConfig", batch),
    ]);
    resource("AWS::CodeBuild::Project", properties)
}

fn arn_of_project(project: &str) -> Yaml {
    substituted(&format!(
        "arn:${{AWS::Partition}}:codebuild:${{AWS::Region}}:${{AWS::AccountId}}:project/{project}"
    ))
}

fn filter(kind: &str, pattern: &str) -> Yaml {
    table([("Type", kind.into()), ("Pattern", pattern.into())])
}
