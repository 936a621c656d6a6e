//! The workflow of GitHub Actions: a committed file with a job for every project, of which those run that the plan names.
//!
//! A job that is reused is skipped, so whoever needs it must not ask for success. The gate runs whatever the others did, and in
//! untrusted runs, which skip the plan and the builds, it is the job that builds everything.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::github_job::{
    BUILT, History, IS_TRUSTED, from_secrets, has_own_token, login_variables, permissions, runs_on,
    setup_steps, steps,
};
use super::github_levels::{self, Level};
use super::identifiers::{Rule, identifiers};
use super::yaml::{Yaml, table, table_of};
use super::{
    Deployment, GATE, Job, Pipeline, PipelineError, Rendered, Setup, System, Trusted, Work, script, unused,
};
use crate::config::{CiJob, EnvironmentName};
use crate::model::ProjectName;

/// Where the workflow is in a repository.
pub const WORKFLOW: &str = ".github/workflows/chinampa.yml";

/// A larger file fails without a message.
const MAX_BYTES: usize = 500_000;

const RULE: Rule = Rule { more: "-", max_bytes: 90 };

const PLAN: &str = "plan";

/// What starts the workflow, besides pull requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Triggers {
    pub branches: BTreeSet<String>,
    pub tags: BTreeSet<String>,
}

/// The workflow of a repository, and how its plan job speaks to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workflow {
    pub rendered: Rendered,
    layout: Layout,
}

/// How projects become jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// Each is one.
    Jobs,
    /// Those of a level are in matrices.
    Levels(Vec<Level>),
}

impl Workflow {
    /// The workflow for all projects of the pipeline.
    ///
    /// # Errors
    /// [`PipelineError::TooLarge`] when even matrices are.
    pub fn new(pipeline: &Pipeline, triggers: &Triggers) -> Result<Self, PipelineError> {
        let Work::Trusted(trusted) = &pipeline.work else {
            return Ok(Self {
                rendered: Rendered { text: String::new(), notes: Vec::new() },
                layout: Layout::Jobs,
            });
        };
        let setup = &pipeline.setup;
        let mut notes = unused(System::GitHub, trusted, &["machine", "contexts"]);
        notes.extend(trusted.deployments.iter().filter(|it| it.approval).map(|it| {
            format!(
                "`{0}` waits for a person if the environment `{0}` of the repository has required reviewers",
                it.environment
            )
        }));
        let text = document(setup, trusted, triggers, &Layout::Jobs);
        if text.len() <= MAX_BYTES {
            return Ok(Self { rendered: Rendered { text, notes }, layout: Layout::Jobs });
        }
        notes.push(format!(
            "projects are in matrices, level by level: with a job for each, the file would have {} bytes, and GitHub takes {MAX_BYTES}",
            text.len()
        ));
        if trusted.jobs.iter().any(|job| job.settings != trusted.settings) {
            notes.push("`ci` of projects is not used: jobs of a matrix are alike".to_owned());
        }
        let layout = Layout::Levels(github_levels::levels(&trusted.jobs));
        let text = document(setup, trusted, triggers, &layout);
        if text.len() > MAX_BYTES {
            let bytes = text.len();
            return Err(PipelineError::TooLarge { system: System::GitHub, bytes, max: MAX_BYTES });
        }
        Ok(Self { rendered: Rendered { text, notes }, layout })
    }

    /// What the plan job hands to the others: lines for the file that `GITHUB_OUTPUT` names.
    pub fn outputs(&self, builds: &BTreeSet<ProjectName>, deployments: &[EnvironmentName]) -> String {
        let list = |names: &mut dyn Iterator<Item = &str>| {
            serde_json::Value::from(names.map(serde_json::Value::from).collect::<Vec<_>>()).to_string()
        };
        let mut text = String::new();
        let mut add = |name: &str, value: &str| {
            writeln!(text, "{name}={value}").expect("a string can be written to");
        };
        match &self.layout {
            Layout::Jobs => add("build", &list(&mut builds.iter().map(ProjectName::as_str))),
            Layout::Levels(levels) => {
                for matrix in levels.iter().flat_map(|level| &level.matrices) {
                    let built = matrix.projects.iter().filter(|project| builds.contains(project));
                    let built = list(&mut built.map(ProjectName::as_str));
                    add(&matrix.name, if built == "[]" { "" } else { &built });
                }
            }
        }
        add("deploy", &list(&mut deployments.iter().map(EnvironmentName::as_str)));
        text
    }
}

fn document(setup: &Setup, trusted: &Trusted, triggers: &Triggers, layout: &Layout) -> String {
    let outputs: Vec<String> = match layout {
        Layout::Jobs => vec!["build".to_owned()],
        Layout::Levels(levels) => {
            levels.iter().flat_map(|level| &level.matrices).map(|matrix| matrix.name.clone()).collect()
        }
    };
    let names = trusted.deployments.iter().map(|it| it.environment.as_str());
    let names = identifiers(names, RULE, &[]);
    let deployments: Vec<String> =
        trusted.deployments.iter().map(|it| format!("deploy-{}", names[it.environment.as_str()])).collect();
    let mut jobs = vec![(PLAN.to_owned(), plan(setup, trusted, outputs))];
    let last = match layout {
        Layout::Jobs => project_jobs(setup, trusted, &deployments, &mut jobs),
        Layout::Levels(levels) => github_levels::jobs(setup, trusted, levels, &mut jobs),
    };
    jobs.push((GATE.to_owned(), gate(setup, trusted, last)));
    let deploy = |(name, it)| (name, deployment(setup, trusted, it));
    jobs.extend(deployments.into_iter().zip(&trusted.deployments).map(deploy));
    let on = |names: &BTreeSet<String>| Yaml::from(names.iter().cloned().collect::<Vec<_>>());
    let push = table_of([
        ("branches", Some(on(&triggers.branches)).filter(|_| !triggers.branches.is_empty())),
        ("tags", Some(on(&triggers.tags)).filter(|_| !triggers.tags.is_empty())),
    ]);
    let empty = || Yaml::Table(Vec::new());
    let events =
        [("push", push), ("pull_request", empty()), ("merge_group", empty()), ("workflow_dispatch", empty())];
    // A group of pushes would be held by a deployment that waits for a person.
    let group =
        "${{ github.workflow }}-${{ github.event_name == 'pull_request' && github.ref || github.run_id }}";
    let concurrency = table([
        ("group", group.into()),
        ("cancel-in-progress", "${{ github.event_name == 'pull_request' }}".into()),
    ]);
    let mut environment = login_variables(setup, &trusted.settings);
    environment.extend(variables(&trusted.settings, &CiJob::default()));
    let workflow = table_of([
        ("name", Some("images".into())),
        ("on", Some(table(events))),
        ("permissions", Some(permissions(setup, "write"))),
        ("concurrency", Some(concurrency)),
        ("env", (!environment.is_empty()).then_some(Yaml::Table(environment))),
        ("jobs", Some(Yaml::Table(jobs))),
    ]);
    let command = setup.command("ci generate github");
    let mut text =
        format!("# Written by `{command}`; the gate fails if it is not what `projects.toml` says.\n");
    if setup.install.is_none() {
        text += "# `chinampa` has to be on the runners, or in the `image` of `[ci]`, unless `[ci]` has `install`.\n";
    }
    text + &workflow.document()
}

/// Adds a job for each project; returns those that nobody waits for.
fn project_jobs(
    setup: &Setup,
    trusted: &Trusted,
    deployments: &[String],
    jobs: &mut Vec<(String, Yaml)>,
) -> Vec<String> {
    let others = deployments.iter().map(String::as_str).chain([PLAN, GATE]);
    let projects = trusted.jobs.iter().map(|job| job.project.as_str());
    let names = identifiers(projects, RULE, &others.collect::<Vec<_>>());
    let name = |project: &ProjectName| names[project.as_str()].clone();
    for (number, job) in trusted.jobs.iter().enumerate() {
        let Job { project, needs, settings, secrets } = job;
        let needs = std::iter::once(PLAN.to_owned()).chain(needs.iter().map(name)).collect::<Vec<_>>();
        let mut environment = vec![("CHINAMPA_PROJECT".to_owned(), project.as_str().into())];
        environment.extend(variables(settings, &trusted.settings));
        environment.extend(from_secrets(secrets, settings));
        let steps = if number == 0 {
            Yaml::Anchor("build", Box::new(steps(setup, History::Commit, "Build", &script::build(BUILT))))
        } else {
            Yaml::Alias("build")
        };
        let condition = format!(
            "!cancelled() && !failure() && contains(fromJSON(needs.plan.outputs.build || '[]'), '{project}')"
        );
        jobs.push((
            name(project),
            table_of([
                ("needs", Some(needs.into())),
                ("if", Some(condition.into())),
                ("runs-on", Some(runs_on(settings))),
                ("container", settings.image.as_ref().map(Into::into)),
                ("env", Some(Yaml::Table(environment))),
                ("steps", Some(steps)),
            ]),
        ));
    }
    trusted.last().map(|job| name(&job.project)).collect()
}

/// The job that says which projects are built. Its outputs are read by the conditions of the others.
fn plan(setup: &Setup, trusted: &Trusted, outputs: Vec<String>) -> Yaml {
    let output = |name: String| {
        let value = format!("${{{{ steps.plan.outputs.{name} }}}}");
        (name, value.into())
    };
    let outputs = outputs.into_iter().chain(["deploy".to_owned()]).map(output).collect();
    let mut steps = setup_steps(setup, History::Commit);
    steps.push(table([
        ("name", "Plan".into()),
        ("id", "plan".into()),
        ("run", setup.command("ci plan github").into()),
    ]));
    table_of([
        ("if", Some(IS_TRUSTED.into())),
        // It only reads.
        ("permissions", has_own_token(setup).then(|| permissions(setup, "read"))),
        ("runs-on", Some(runs_on(&trusted.settings))),
        ("container", trusted.settings.image.as_ref().map(Into::into)),
        ("outputs", Some(Yaml::Table(outputs))),
        ("steps", Some(Yaml::List(steps))),
    ])
}

fn gate(setup: &Setup, trusted: &Trusted, last: Vec<String>) -> Yaml {
    let needs: Vec<String> = std::iter::once(PLAN.to_owned()).chain(last).collect();
    let mut steps = setup_steps(setup, History::All);
    let check = setup.command("ci generate github --check");
    steps.push(table([("name", "Compare this workflow with projects.toml".into()), ("run", check.into())]));
    steps.push(table([
        ("name", "Build what is missing, and record the build".into()),
        ("run", setup.command(script::BUILD_MISSING).into()),
    ]));
    // A skipped check counts as passed.
    steps.push(table([("if", "cancelled()".into()), ("run", "exit 1".into())]));
    // It builds what is missing.
    let secrets = from_secrets(trusted.secrets(), &trusted.settings);
    let has_secrets = !secrets.is_empty();
    table_of([
        ("needs", Some(needs.into())),
        ("if", Some("always()".into())),
        ("runs-on", Some(runs_on(&trusted.settings))),
        ("container", trusted.settings.image.as_ref().map(Into::into)),
        ("env", Some(Yaml::Table(secrets)).filter(|_| has_secrets)),
        ("steps", Some(Yaml::List(steps))),
    ])
}

fn deployment(setup: &Setup, trusted: &Trusted, deployment: &Deployment) -> Yaml {
    let environment = &deployment.environment;
    // Not that nothing failed: the gate may have built what a job could not.
    let condition = format!(
        "!cancelled() && needs.gate.result == 'success' && contains(fromJSON(needs.plan.outputs.deploy || '[]'), '{environment}')"
    );
    let group = format!("deploy-{environment}");
    table_of([
        ("needs", Some(vec![PLAN, GATE].into())),
        ("if", Some(condition.into())),
        ("runs-on", Some(runs_on(&trusted.settings))),
        ("container", trusted.settings.image.as_ref().map(Into::into)),
        ("environment", Some(environment.as_str().into())),
        (
            "concurrency",
            Some(table([("group", group.as_str().into()), ("cancel-in-progress", false.into())])),
        ),
        ("steps", Some(steps(setup, History::All, "Deploy", &script::deploy(environment.as_str())))),
    ])
}

/// The variables of a job that are not those of all jobs.
fn variables(settings: &CiJob, all: &CiJob) -> Vec<(String, Yaml)> {
    let own = settings.environment.iter().filter(|(name, value)| all.environment.get(*name) != Some(*value));
    own.map(|(name, value)| (name.clone(), value.replace("${{", "${{ '${{' }}").into())).collect()
}
