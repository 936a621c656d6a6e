//! AWS CodeBuild: projects of a CloudFormation template that a webhook starts, their buildspecs, and build graphs.
//!
//! <https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html>,
//! <https://docs.aws.amazon.com/codebuild/latest/userguide/batch-build-buildspec.html>

use std::fs;
use std::path::Path;

use regex::Regex;
use serde_json::{Value, json};

use super::keys::{self, Keys};
use super::schedule::Run;
use super::{Condition, Event, Finished, History, Job, Step, Steps, Work, buildspec, yaml};

/// More builds of a graph than this must not become ready at once; about a hundred end in an internal error.
const MAX_READY: usize = 50;

/// Letters of an identifier.
const MAX_IDENTIFIER: usize = 127;

pub(super) fn run(run: &mut Run<'_>) -> Finished {
    let template = yaml::read(&run.site.file(run.commit(), "codebuild.yml"));
    let batch = run.site.outbox().join("batch.yml");
    let arguments = run.site.outbox().join("batch.arguments");
    let aws = format!(
        "[ \"$1 $2\" = 'codebuild start-build-batch' ] || {{ echo \"unknown: $*\" >&2; exit 1; }}\n\
         printf '%s\\n' \"$@\" > {}\n\
         for word; do case $word in file://*) cat \"${{word#file://}}\" > {} ;; esac; done\n",
        arguments.display(),
        batch.display()
    );
    run.site.install("aws", &aws);
    let resources = template["Resources"].as_object().unwrap();
    let projects: Vec<Project> = resources
        .iter()
        .filter_map(|(id, resource)| project(id, &resource["Type"], &resource["Properties"]))
        .collect();
    let secrets = run.site.secrets(run.event);
    let of_event = projects.iter().filter(|project| project.is_started_by(run.event));
    let jobs = of_event.map(|project| {
        let variables = [project.own(&secrets), run.event.webhook()].concat();
        build(&project.check(), &project.buildspec, Build { variables, ..Build::default() })
    });

    let finished = run.jobs(jobs.collect());
    let batch = run_batch(run, &projects, &secrets, (&arguments, &batch));
    let finished = finished.and(batch);
    // The pipeline is started by the default branch only.
    match (resources.get("Pipeline"), run.event) {
        (Some(pipeline), Event::Push { .. }) => {
            let actions = actions(&pipeline["Properties"], &projects, &secrets, run.event);
            finished.and(run.jobs(actions))
        }
        _ => finished,
    }
}

/// The batch that was asked for, if one was.
fn run_batch(
    run: &mut Run<'_>,
    projects: &[Project],
    secrets: &[Secret],
    (arguments, batch): (&Path, &Path),
) -> Finished {
    let Ok(asked) = fs::read_to_string(arguments) else { return Finished::default() };
    let words: Vec<&str> = asked.lines().collect();
    let option = |name: &str| words[words.iter().position(|word| *word == name).unwrap() + 1];
    let name = option("--project-name");
    let project = projects.iter().find(|project| project.name == name && project.has_batches);
    let project = project.unwrap_or_else(|| panic!("no batches of {name}"));
    assert_eq!(option("--source-version"), run.commit());
    let overrides = words.iter().skip_while(|word| **word != "--environment-variables-override").skip(1);
    let overrides: Vec<(String, String)> = overrides
        .map(|word| {
            let (name, value) = word.split_once(',').unwrap();
            let (name, value) = (name.strip_prefix("name=").unwrap(), value.strip_prefix("value=").unwrap());
            (name.to_owned(), value.to_owned())
        })
        .collect();
    let variables = [project.own(secrets), overrides].concat();
    run.jobs(graph(&fs::read_to_string(batch).unwrap(), &variables))
}

/// The actions of a pipeline of CodePipeline, stage by stage.
fn actions(properties: &Value, projects: &[Project], secrets: &[Secret], event: &Event) -> Vec<Job> {
    let mut pipeline = Keys::of("the pipeline", properties);
    let (_name, _role) = (pipeline.required_text("Name"), pipeline.required("RoleArn"));
    let _store = pipeline.required("ArtifactStore");
    pipeline.only("PipelineType", &json!("V2"));
    pipeline.only("ExecutionMode", &json!("SUPERSEDED"));
    let stages = pipeline.required("Stages").as_array().unwrap();
    pipeline.end();
    let mut jobs: Vec<Job> = Vec::new();
    for stage in stages {
        let mut stage = Keys::of("a stage", stage);
        let name = stage.required_text("Name");
        let actions = stage.required("Actions").as_array().unwrap();
        stage.end();
        assert_eq!(actions.len(), 1, "the runner knows stages of one action");
        let needs = jobs.last().map(|job| job.name.clone()).into_iter().collect();
        let mut job = action(&name, &actions[0], projects, event, needs);
        if let Work::Steps(steps) = &mut job.work {
            steps
                .variables
                .extend(projects.iter().find(|project| project.is_of(&actions[0])).unwrap().own(secrets));
        }
        jobs.push(job);
    }
    jobs
}

fn action(name: &str, value: &Value, projects: &[Project], event: &Event, needs: Vec<String>) -> Job {
    let mut action = Keys::of(name, value);
    let _name = action.required_text("Name");
    let kind = action.required("ActionTypeId");
    let mut configuration = Keys::of("`Configuration`", action.required("Configuration"));
    let approval = |needs| {
        let (name, condition) = (name.to_owned(), Condition::NeedsSucceeded);
        Job { name, needs, condition, group: None, work: Work::Approval }
    };
    let job = match kind["Provider"].as_str().unwrap() {
        "CodeStarSourceConnection" => {
            assert_eq!(configuration.take("OutputArtifactFormat"), Some(&json!("CODEBUILD_CLONE_REF")));
            configuration.only("BranchName", &json!("main"));
            let _where =
                (configuration.required("ConnectionArn"), configuration.required("FullRepositoryId"));
            action.only("Namespace", &json!("SourceVariables"));
            action.only("OutputArtifacts", &json!([{ "Name": "Source" }]));
            approval(needs)
        }
        "Manual" => {
            let _message = configuration.required_text("CustomData");
            approval(needs)
        }
        "CodeBuild" => {
            action.only("InputArtifacts", &json!([{ "Name": "Source" }]));
            let id = configuration.required("ProjectName")["Ref"].as_str().unwrap();
            let project = projects.iter().find(|project| project.id == id).unwrap();
            let variables: Value =
                serde_json::from_str(&configuration.required_text("EnvironmentVariables")).unwrap();
            let commit = event.commit(super::System::CodeBuild);
            let variable = |variable: &Value| {
                let text = |key: &str| variable[key].as_str().unwrap().to_owned();
                let value = text("value").replace("#{SourceVariables.BranchName}", "main");
                (text("name"), value.replace("#{SourceVariables.CommitId}", commit))
            };
            let mut variables: Vec<(String, String)> =
                variables.as_array().unwrap().iter().map(variable).collect();
            let of_pipeline = [
                ("CODEBUILD_INITIATOR", "codepipeline/shop"),
                ("CODEBUILD_SOURCE_VERSION", "arn:aws:s3:::artifacts/source"),
            ];
            variables.extend(of_pipeline.map(|(name, value)| (name.to_owned(), value.to_owned())));
            build(name, &project.buildspec, Build { needs, variables, history: None })
        }
        other => panic!("the runner does not know the action {other}"),
    };
    configuration.end();
    action.end();
    job
}

/// A project of the template.
struct Project {
    /// In the template.
    id: String,
    name: String,
    buildspec: Value,
    filters: Vec<Value>,
    has_batches: bool,
    /// The variables that its builds get.
    variables: Vec<(String, String)>,
    /// The names of the secrets that they get besides.
    secrets: Vec<String>,
}

/// Name and value of what the CI keeps for jobs.
type Secret = (String, String);

fn project(id: &str, kind: &Value, properties: &Value) -> Option<Project> {
    if kind != "AWS::CodeBuild::Project" {
        return None;
    }
    let mut properties = Keys::of("a project", properties);
    let name = properties.required_text("Name");
    let mut source = Keys::of("`Source`", properties.required("Source"));
    let buildspec = yaml::read(&source.required_text("BuildSpec"));
    // All of the history; a pipeline's source says that itself.
    let depth = source.take("GitCloneDepth").cloned();
    assert_eq!(depth, (*source.required("Type") != json!("CODEPIPELINE")).then(|| json!(0)), "{name}");
    let filters = properties.take("Triggers").map(|triggers| {
        let mut triggers = Keys::of("`Triggers`", triggers);
        triggers.only("Webhook", &json!(true));
        let groups = triggers.required("FilterGroups").as_array().unwrap().clone();
        triggers.end();
        groups
    });
    let has_batches = properties.take("BuildBatchConfig").is_some_and(|batches| {
        let mut batches = Keys::of("`BuildBatchConfig`", batches);
        let (_role, _minutes) = (batches.take("ServiceRole"), batches.take("TimeoutInMins"));
        let _limits = batches.take("Restrictions");
        batches.end();
        true
    });
    let (mut variables, mut secrets) = (Vec::new(), Vec::new());
    if let Some(environment) = properties.take("Environment") {
        let mut environment = Keys::of("`Environment`", environment);
        environment.only("Type", &json!("LINUX_CONTAINER"));
        let (_image, _size) = (environment.required("Image"), environment.required("ComputeType"));
        let is_privileged = environment.required("PrivilegedMode");
        // Whatever builds needs an engine.
        assert_eq!(*is_privileged, json!(!name.ends_with("-starter")), "{name}");
        for variable in
            environment.take("EnvironmentVariables").and_then(Value::as_array).into_iter().flatten()
        {
            let mut variable = Keys::of("a variable", variable);
            let name = variable.required_text("Name");
            if let Some(kind) = variable.take("Type") {
                assert_eq!(*kind, json!("SECRETS_MANAGER"), "{name}");
                variable.only("Value", &json!({ "Fn::Sub": format!("${{Logins}}:{name}") }));
                secrets.push(name);
            } else {
                variables.push((name, variable.required_text("Value")));
            }
            variable.end();
        }
        environment.end();
    }
    // Where its sources are, and what it may do.
    let (_where, _reports) = (source.take("Location"), source.take("ReportBuildStatus"));
    let (_role, _artifacts) = (properties.take("ServiceRole"), properties.take("Artifacts"));
    source.end();
    properties.end();
    let id = id.to_owned();
    let filters = filters.unwrap_or_default();
    Some(Project { id, name, buildspec, filters, has_batches, variables, secrets })
}

impl Project {
    /// The variables that its builds get, and the secrets.
    fn own(&self, secrets: &[Secret]) -> Vec<(String, String)> {
        let secrets = secrets.iter().filter(|(name, _)| self.secrets.contains(name));
        self.variables.iter().chain(secrets).cloned().collect()
    }

    /// Whether an action of a pipeline is a build of it.
    fn is_of(&self, action: &Value) -> bool {
        action["Configuration"]["ProjectName"]["Ref"] == *self.id
    }

    /// The check that the repository sees. That of a pull request is the one that it needs.
    fn check(&self) -> String {
        if self.name.ends_with("-pull-requests") { "gate".to_owned() } else { self.name.clone() }
    }

    /// Whether all filters of a group let the event pass.
    fn is_started_by(&self, event: &Event) -> bool {
        let (kind, head, base) = match event {
            Event::Push { .. } | Event::Tag { .. } => ("PUSH", event.head(), ""),
            Event::ForkPullRequest { .. } => ("PULL_REQUEST_CREATED", event.head(), "refs/heads/main"),
        };
        let passes = |filter: &Value| {
            let mut filter = Keys::of("a filter", filter);
            let (of, pattern) = (filter.required_text("Type"), filter.required_text("Pattern"));
            filter.end();
            let matches = |text: &str| Regex::new(&pattern).unwrap().is_match(text);
            match &*of {
                "EVENT" => pattern.split(',').any(|name| name.trim() == kind),
                "HEAD_REF" => matches(&head),
                "BASE_REF" => matches(base),
                other => panic!("the runner does not know the filter {other}"),
            }
        };
        self.filters.iter().any(|group| group.as_array().unwrap().iter().all(passes))
    }
}

/// What a build has besides the buildspec.
#[derive(Default)]
struct Build {
    needs: Vec<String>,
    variables: Vec<(String, String)>,
    history: Option<History>,
}

fn build(name: &str, buildspec: &Value, Build { needs, variables, history }: Build) -> Job {
    let run = Step::Run { id: None, condition: None, flags: &[], script: buildspec::shell(buildspec) };
    let steps = vec![Step::Checkout(history.unwrap_or(History::All)), run];
    let work = Work::Steps(Steps { variables, steps, ..Steps::default() });
    Job { name: name.to_owned(), needs, condition: Condition::NeedsSucceeded, group: None, work }
}

/// The builds of a batch. What starts the batch goes before what the graph says.
fn graph(text: &str, overrides: &[(String, String)]) -> Vec<Job> {
    let document = yaml::read(text);
    let mut buildspec = document.as_object().unwrap().clone();
    let batch = buildspec.remove("batch").expect("a batch has a `batch`");
    let mut batch = Keys::of("`batch`", &batch);
    // The others go on when one has failed.
    assert_eq!(batch.take("fast-fail"), Some(&json!(false)));
    let builds = batch.required("build-graph").as_array().unwrap();
    batch.end();
    let buildspec = Value::from(buildspec);
    let job = |value: &Value| {
        let mut keys = Keys::of("a build", value);
        let identifier = keys.required_text("identifier");
        let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        assert!(identifier.len() <= MAX_IDENTIFIER && identifier.chars().all(is_allowed), "{identifier}");
        let needs = keys.take("depend-on").map(|needs| {
            let needs = keys::texts("`depend-on`", needs);
            assert!(!needs.is_empty(), "an empty list is refused");
            needs
        });
        let mut environment = Keys::of("`env`", keys.required("env"));
        environment.only("privileged-mode", &json!(true));
        let mut variables = environment.variables("variables");
        environment.end();
        keys.end();
        variables.retain(|(name, _)| !overrides.iter().any(|(known, _)| known == name));
        variables.extend(overrides.iter().cloned());
        variables.push(("CODEBUILD_BATCH_BUILD_IDENTIFIER".to_owned(), identifier.clone()));
        let needs = needs.unwrap_or_default();
        build(&identifier, &buildspec, Build { needs, variables, history: Some(History::Any) })
    };
    let jobs: Vec<Job> = builds.iter().map(job).collect();
    assert!(!jobs.is_empty(), "an empty list is refused");
    check_ready(&jobs);
    jobs
}

/// Refuses a graph in which too many builds become ready at once, as they do if all builds take equally long.
fn check_ready(jobs: &[Job]) {
    let mut done: Vec<&str> = Vec::new();
    while done.len() < jobs.len() {
        let is_ready = |job: &&Job| {
            !done.contains(&job.name.as_str()) && job.needs.iter().all(|need| done.contains(&need.as_str()))
        };
        let ready: Vec<&str> = jobs.iter().filter(is_ready).map(|job| job.name.as_str()).collect();
        assert!(!ready.is_empty(), "builds wait for each other");
        assert!(
            ready.len() <= MAX_READY,
            "{} builds become ready at once: Internal Service Error",
            ready.len()
        );
        done.extend(ready);
    }
}
