//! Steps for `buildkite-agent pipeline upload --no-interpolation`: one JSON document per line, each of which is one upload.
//!
//! An upload has at most 500 jobs. Steps of a later upload stand before those of an earlier one, so what is to start first is said by
//! priorities, and each step names what it waits for, if that is nothing.

use super::identifiers::{Rule, identifiers};
use super::yaml::{Yaml, table, table_of};
use super::{
    Deployment, GATE, Pipeline, PipelineError, Rendered, Setup, System, Trusted, Work, script, untrusted_job,
    unused,
};
use crate::config::CiJob;
use crate::model::ProjectName;

/// How many jobs an upload can have.
const MAX_JOBS_OF_UPLOAD: usize = 500;

/// How many jobs a build can have, those that are run again included.
const MAX_JOBS: usize = 4_000;

const RULE: Rule = Rule { more: "-", max_bytes: 90 };

pub(super) fn render(pipeline: &Pipeline) -> Result<Rendered, PipelineError> {
    let setup = &pipeline.setup;
    match &pipeline.work {
        Work::Untrusted => {
            let step = step(setup, &untrusted_job(), (GATE, GATE), script::BUILD_ALL, None, Vec::new());
            Ok(Rendered { text: uploads(&[Yaml::Table(step)]), notes: Vec::new() })
        }
        Work::Trusted(trusted) => render_trusted(setup, trusted),
    }
}

fn render_trusted(setup: &Setup, trusted: &Trusted) -> Result<Rendered, PipelineError> {
    let keys = identifiers(trusted.jobs.iter().map(|job| job.project.as_str()), RULE, &[]);
    let key = |project: &ProjectName| format!("build-{}", keys[project.as_str()]);
    let jobs = trusted.jobs.len() + 1 + 2 * trusted.deployments.len();
    if jobs > MAX_JOBS {
        return Err(PipelineError::TooManyJobs { system: System::Buildkite, jobs, max: MAX_JOBS });
    }
    let is_split = jobs > MAX_JOBS_OF_UPLOAD;
    let mut steps = Vec::new();
    for (job, before_end) in trusted.jobs.iter().zip((1..=trusted.jobs.len()).rev()) {
        let label = format!("build {}", job.project);
        let priority = u64::try_from(before_end).ok().filter(|_| is_split);
        let needs = job.needs.iter().map(key).collect();
        let arguments = script::build(job.project.as_str());
        let key = key(&job.project);
        steps.push(Yaml::Table(step(setup, &job.settings, (&key, &label), &arguments, priority, needs)));
    }
    let last = trusted.last().map(|job| key(&job.project)).collect();
    steps.push(Yaml::Table(step(setup, &trusted.settings, (GATE, GATE), script::BUILD_MISSING, None, last)));
    let names = trusted.deployments.iter().map(|it| it.environment.as_str());
    let names = identifiers(names, RULE, &[]);
    let deploy = |it: &Deployment| deployment(setup, trusted, it, &names[it.environment.as_str()]);
    steps.extend(trusted.deployments.iter().flat_map(deploy));
    let mut notes = unused(System::Buildkite, trusted, &["machine", "contexts"]);
    if is_split {
        let count = steps.len().div_ceil(MAX_JOBS_OF_UPLOAD);
        notes.push(format!(
            "{} steps are {count} uploads: Buildkite takes at most {MAX_JOBS_OF_UPLOAD} jobs in one",
            steps.len()
        ));
    }
    Ok(Rendered { text: uploads(&steps), notes })
}

fn uploads(steps: &[Yaml]) -> String {
    let upload = |steps: &[Yaml]| {
        let upload = table([("steps", Yaml::List(steps.to_vec()))]);
        upload.json_line() + "\n"
    };
    steps.chunks(MAX_JOBS_OF_UPLOAD).map(upload).collect()
}

fn step(
    setup: &Setup,
    settings: &CiJob,
    (key, label): (&str, &str),
    arguments: &str,
    priority: Option<u64>,
    needs: Vec<String>,
) -> Vec<(String, Yaml)> {
    let mut lines = script::prelude(setup, System::Buildkite);
    lines.push(setup.command(arguments));
    let table = table_of([
        ("key", Some(key.into())),
        ("label", Some(label.into())),
        ("command", Some(lines.join("\n").into())),
        ("depends_on", Some(if needs.is_empty() { Yaml::Null } else { needs.into() })),
        ("agents", Some(settings.runner.clone()).filter(|agents| !agents.is_empty()).map(Into::into)),
        ("image", settings.image.as_ref().map(Into::into)),
        ("env", variables(settings, Interpolation::Off)),
        ("priority", priority.map(Into::into)),
    ]);
    match table {
        Yaml::Table(entries) => entries,
        _ => Vec::new(),
    }
}

fn deployment(setup: &Setup, trusted: &Trusted, deployment: &Deployment, name: &str) -> Vec<Yaml> {
    let Deployment { environment, approval, .. } = deployment;
    let mut steps = Vec::new();
    let mut need = GATE.to_owned();
    if *approval {
        let approve = format!("approve-{name}");
        steps.push(table([
            ("block", format!("Deploy to {environment}").into()),
            ("key", approve.as_str().into()),
            ("depends_on", vec![need].into()),
        ]));
        need = approve;
    }
    let (key, label) = (format!("deploy-{name}"), format!("deploy {environment}"));
    let arguments = script::deploy(environment.as_str());
    let mut step = step(setup, &trusted.settings, (&key, &label), &arguments, None, vec![need]);
    step.push(("concurrency".to_owned(), 1.into()));
    let group = format!("{}/{environment}", trusted.workspace);
    step.push(("concurrency_group".to_owned(), group.into()));
    steps.push(Yaml::Table(step));
    steps
}

/// Whether the agent that uploads a pipeline fills in what begins with `$`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Interpolation {
    On,
    Off,
}

/// The variables of a job, if there are any.
pub(super) fn variables(settings: &CiJob, interpolation: Interpolation) -> Option<Yaml> {
    let variable = |(name, value): (&String, &String)| {
        let value = match interpolation {
            Interpolation::On => value.replace('$', "\\$"),
            Interpolation::Off => value.clone(),
        };
        (name.clone(), Yaml::from(value))
    };
    let variables: Vec<_> = settings.environment.iter().map(variable).collect();
    (!variables.is_empty()).then_some(Yaml::Table(variables))
}
