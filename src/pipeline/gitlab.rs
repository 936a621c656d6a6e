//! The child pipeline of GitLab.
//!
//! A job waits for at most 50 others by name. One that needs more is in a later stage, without `needs`: it waits for everything in
//! the stages before. The gate has no `needs` either, so it waits for all builds.

use std::collections::{BTreeMap, BTreeSet};

use super::yaml::{Yaml, table, table_of};
use super::{
    Deployment, GATE, Job, Pipeline, PipelineError, Rendered, Setup, System, Trusted, Work, script,
    untrusted_job, unused,
};
use crate::config::CiJob;
use crate::model::ProjectName;

/// How many jobs a job can name in `needs`.
const MAX_NEEDS: usize = 50;

/// How large an artifact is from which a child pipeline is read.
const MAX_BYTES: usize = 5_000_000;

/// The audience of the identity token, as the identity provider in AWS is to know it.
const AUDIENCE: &str = "sts.amazonaws.com";

pub(super) fn render(pipeline: &Pipeline) -> Result<Rendered, PipelineError> {
    let setup = &pipeline.setup;
    let rendered = match &pipeline.work {
        Work::Untrusted => {
            let job = table([
                ("extends", ".job".into()),
                ("script", vec![setup.command(script::BUILD_ALL)].into()),
            ]);
            let entries =
                vec![(".job".to_owned(), template(setup, &untrusted_job())), (GATE.to_owned(), job)];
            Rendered { text: document(&["test".to_owned()], entries), notes: Vec::new() }
        }
        Work::Trusted(trusted) => render_trusted(setup, trusted),
    };
    let bytes = rendered.text.len();
    if bytes > MAX_BYTES {
        return Err(PipelineError::TooLarge { system: System::GitLab, bytes, max: MAX_BYTES });
    }
    Ok(rendered)
}

fn render_trusted(setup: &Setup, trusted: &Trusted) -> Rendered {
    let stages = stages(&trusted.jobs);
    let stage =
        |number: usize| if number == 0 { "build".to_owned() } else { format!("build-{}", number + 1) };
    let mut templates: BTreeMap<&CiJob, String> = BTreeMap::new();
    let mut entries = Vec::new();
    let mut template_of = |settings, entries: &mut Vec<(String, Yaml)>| {
        let count = templates.len();
        let name = templates.entry(settings).or_insert_with(|| {
            let name = if count == 0 { ".job".to_owned() } else { format!(".job-{}", count + 1) };
            entries.push((name.clone(), template(setup, settings)));
            name
        });
        name.clone()
    };
    let gate = template_of(&trusted.settings, &mut entries);
    for job in &trusted.jobs {
        let template = template_of(&job.settings, &mut entries);
        let needs: Vec<String> = job.needs.iter().map(name).collect();
        let needs = Some(Yaml::from(needs)).filter(|_| job.needs.len() <= MAX_NEEDS);
        let number = stages[&job.project];
        entries.push((
            name(&job.project),
            table_of([
                ("extends", Some(template.into())),
                ("stage", Some(stage(number).into())),
                ("needs", needs),
                ("script", Some(vec![setup.command(&script::build(job.project.as_str()))].into())),
            ]),
        ));
    }
    entries.push((
        GATE.to_owned(),
        table([
            ("extends", gate.as_str().into()),
            ("stage", GATE.into()),
            ("variables", table([("GIT_DEPTH", "0".into())])),
            ("script", vec![setup.command(script::BUILD_MISSING)].into()),
        ]),
    ));
    entries.extend(trusted.deployments.iter().map(|it| deployment(setup, it, &gate)));
    let last = stages.values().max().copied().unwrap_or_default();
    let mut names: Vec<String> = (0..=last).map(stage).collect();
    names.push(GATE.to_owned());
    names.extend((!trusted.deployments.is_empty()).then(|| "deploy".to_owned()));
    let wide = trusted.jobs.iter().filter(|job| job.needs.len() > MAX_NEEDS);
    let mut notes: Vec<String> = wide
        .map(|job| {
            format!(
                "`{}` waits for {} jobs, and a job of GitLab can name {MAX_NEEDS}: it is in the stage `{}`, and waits for all earlier stages",
                job.project,
                job.needs.len(),
                stage(stages[&job.project])
            )
        })
        .collect();
    notes.extend(unused(System::GitLab, trusted, &["machine", "contexts"]));
    Rendered { text: document(&names, entries), notes }
}

/// The number of each job's stage: that of the latest job that it waits for, and one more if it can't name all of them.
fn stages(jobs: &[Job]) -> BTreeMap<&ProjectName, usize> {
    let mut stages: BTreeMap<&ProjectName, usize> = BTreeMap::new();
    for job in jobs {
        let latest = job.needs.iter().map(|need| stages[need]).max().unwrap_or_default();
        let is_wide = job.needs.len() > MAX_NEEDS;
        stages.insert(&job.project, latest + usize::from(is_wide));
    }
    stages
}

/// No name of a project is a keyword of GitLab's with this before it.
fn name(project: &ProjectName) -> String {
    format!("build {project}")
}

fn deployment(setup: &Setup, deployment: &Deployment, template: &str) -> (String, Yaml) {
    let Deployment { environment, approval, .. } = deployment;
    let job = table_of([
        ("extends", Some(template.into())),
        ("stage", Some("deploy".into())),
        ("variables", Some(table([("GIT_DEPTH", "0".into())]))),
        ("when", approval.then(|| "manual".into())),
        ("environment", Some(table([("name", environment.as_str().into())]))),
        ("resource_group", Some(environment.as_str().into())),
        ("interruptible", Some(false.into())),
        ("script", Some(vec![setup.command(&script::deploy(environment.as_str()))].into())),
    ]);
    (format!("deploy {environment}"), job)
}

/// A hidden job that others extend.
fn template(setup: &Setup, settings: &CiJob) -> Yaml {
    let token = || table([("AWS_ID_TOKEN", table([("aud", AUDIENCE.into())]))]);
    table_of([
        ("image", settings.image.as_ref().map(Into::into)),
        ("tags", Some(settings.runner.clone()).filter(|tags| !tags.is_empty()).map(Into::into)),
        ("interruptible", Some(true.into())),
        ("id_tokens", setup.role.is_some().then(token)),
        ("variables", variables(settings)),
        (
            "before_script",
            Some(script::prelude(setup, System::GitLab)).filter(|it| !it.is_empty()).map(Into::into),
        ),
    ])
}

/// The variables of a job, if there are any.
pub(super) fn variables(settings: &CiJob) -> Option<Yaml> {
    let variable = |(name, value): (&String, &String)| {
        (name.clone(), table([("value", value.into()), ("expand", false.into())]))
    };
    let variables: Vec<_> = settings.environment.iter().map(variable).collect();
    (!variables.is_empty()).then_some(Yaml::Table(variables))
}

fn document(stages: &[String], jobs: Vec<(String, Yaml)>) -> String {
    let always = table([("when", "always".into())]);
    let mut document = vec![
        ("stages".to_owned(), stages.to_vec().into()),
        ("workflow".to_owned(), table([("rules", Yaml::List(vec![always]))])),
    ];
    document.extend(jobs);
    debug_assert_eq!(document.iter().map(|(key, _)| key).collect::<BTreeSet<_>>().len(), document.len());
    Yaml::Table(document).document()
}
