//! The configuration with which a setup workflow of CircleCI continues.
//!
//! A parametrised job for each kind of machine, and a workflow that invokes it for each project. CircleCI replaces `<< … >>` in
//! every text, so a `<<` of a variable's value is escaped.
//!
//! A job without a filter for tags, and every job that waits for it, is left out of the pipeline of a tag.

use std::collections::BTreeMap;

use super::identifiers::{Rule, identifiers};
use super::yaml::{Yaml, table, table_of};
use super::{
    Deployment, GATE, Pipeline, Reference, Rendered, Setup, System, Trusted, Work, script, untrusted_job,
    unused,
};
use crate::config::CiJob;
use crate::model::ProjectName;

/// The machine that jobs run on unless `image` says otherwise: builds need a Docker engine.
pub(super) const MACHINE: &str = "ubuntu-2404:current";

const RULE: Rule = Rule { more: "-", max_bytes: 100 };

pub(super) fn render(pipeline: &Pipeline) -> Rendered {
    let setup = &pipeline.setup;
    match &pipeline.work {
        Work::Untrusted => {
            let job = job(setup, &untrusted_job(), script::BUILD_ALL, None);
            let jobs = vec![(GATE.to_owned(), job)];
            let workflow = vec![invocation(GATE, Vec::new(), pipeline.reference)];
            Rendered { text: document(jobs, workflow), notes: Vec::new() }
        }
        Work::Trusted(trusted) => render_trusted(setup, trusted, pipeline.reference),
    }
}

fn render_trusted(setup: &Setup, trusted: &Trusted, reference: Reference) -> Rendered {
    let names = identifiers(trusted.jobs.iter().map(|job| job.project.as_str()), RULE, &[]);
    let name = |project: &ProjectName| format!("build-{}", names[project.as_str()]);
    let mut kinds: BTreeMap<&CiJob, String> = BTreeMap::new();
    let mut jobs = Vec::new();
    let mut workflow = Vec::new();
    for it in &trusted.jobs {
        let kind = kinds.get(&it.settings).cloned().unwrap_or_else(|| {
            let kind =
                if kinds.is_empty() { "build".to_owned() } else { format!("build-{}", kinds.len() + 1) };
            let arguments = script::build("<< parameters.project >>");
            jobs.push((kind.clone(), job(setup, &it.settings, &arguments, Some("project"))));
            kinds.insert(&it.settings, kind.clone());
            kind
        });
        let needs: Vec<String> = it.needs.iter().map(name).collect();
        let mut keys = vec![("name", name(&it.project).into()), ("project", it.project.as_str().into())];
        keys.extend((!needs.is_empty()).then(|| ("requires", needs.into())));
        keys.extend(contexts(&it.settings.contexts));
        workflow.push(invocation(&kind, keys, reference));
    }
    jobs.push((GATE.to_owned(), job(setup, &trusted.settings, script::BUILD_MISSING, None)));
    let last: Vec<String> = trusted.last().map(|job| name(&job.project)).collect();
    let requires = (!last.is_empty()).then(|| ("requires", last.into()));
    let all = &trusted.settings.contexts;
    workflow.push(invocation(GATE, requires.into_iter().chain(contexts(all)).collect(), reference));
    if !trusted.deployments.is_empty() {
        let arguments = script::deploy("<< parameters.environment >>");
        jobs.push(("deploy".to_owned(), job(setup, &trusted.settings, &arguments, Some("environment"))));
    }
    let names = trusted.deployments.iter().map(|it| it.environment.as_str());
    let names = identifiers(names, RULE, &[]);
    let deploy = |it: &Deployment| deployment(it, &names[it.environment.as_str()], all, reference);
    workflow.extend(trusted.deployments.iter().flat_map(deploy));
    Rendered { text: document(jobs, workflow), notes: unused(System::CircleCi, trusted, &["runner"]) }
}

/// The filter with which a job also runs for tags.
pub(super) fn all_tags() -> Yaml {
    table([("tags", table([("only", "/.*/".into())]))])
}

/// The contexts whose variables a job gets, if there are any.
pub(super) fn contexts(names: &[String]) -> Option<(&'static str, Yaml)> {
    (!names.is_empty()).then(|| ("context", names.to_vec().into()))
}

/// A job in the workflow.
fn invocation(job: &str, mut keys: Vec<(&str, Yaml)>, reference: Reference) -> Yaml {
    keys.extend((reference == Reference::Tag).then(|| ("filters", all_tags())));
    if keys.is_empty() {
        return job.into();
    }
    let keys = keys.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    Yaml::Table(vec![(job.to_owned(), Yaml::Table(keys))])
}

fn deployment(deployment: &Deployment, name: &str, all: &[String], reference: Reference) -> Vec<Yaml> {
    let Deployment { environment, approval, contexts: own } = deployment;
    let approve = format!("approve-{name}");
    let mut jobs = Vec::new();
    if *approval {
        let keys = vec![("type", "approval".into()), ("requires", vec![GATE].into())];
        jobs.push(invocation(&approve, keys, reference));
    }
    let requires = if *approval { approve } else { GATE.to_owned() };
    let mut keys = vec![
        ("name", format!("deploy-{name}").into()),
        ("environment", environment.as_str().into()),
        ("serial-group", format!("<< pipeline.project.slug >>/{environment}").into()),
        ("requires", vec![requires].into()),
    ];
    let own = own.iter().filter(|context| !all.contains(context));
    keys.extend(contexts(&all.iter().chain(own).cloned().collect::<Vec<_>>()));
    jobs.push(invocation("deploy", keys, reference));
    jobs
}

fn job(setup: &Setup, settings: &CiJob, arguments: &str, parameter: Option<&str>) -> Yaml {
    let parameters =
        parameter.map(|name| Yaml::Table(vec![(name.to_owned(), table([("type", "string".into())]))]));
    let mut lines = script::prelude(setup, System::CircleCi);
    lines.push(setup.command(arguments));
    let image = settings.image.as_deref().unwrap_or(MACHINE);
    table_of([
        ("parameters", parameters),
        ("machine", Some(table([("image", image.into())]))),
        ("resource_class", settings.machine.as_ref().map(Into::into)),
        ("environment", variables(settings)),
        (
            "steps",
            Some(Yaml::List(vec![
                "checkout".into(),
                table([(
                    "run",
                    table([("name", "chinampa".into()), ("command", (lines.join("\n") + "\n").into())]),
                )]),
            ])),
        ),
    ])
}

fn document(jobs: Vec<(String, Yaml)>, workflow: Vec<Yaml>) -> String {
    let images = table([("jobs", Yaml::List(workflow))]);
    let document = table([
        ("version", Yaml::Decimal("2.1")),
        ("jobs", Yaml::Table(jobs)),
        ("workflows", table([("images", images)])),
    ]);
    document.document()
}

/// The variables of a job, if there are any. `<<` begins an expression.
pub(super) fn variables(settings: &CiJob) -> Option<Yaml> {
    let variable =
        |(name, value): (&String, &String)| (name.clone(), Yaml::from(value.replace("<<", "\\<<")));
    let variables: Vec<_> = settings.environment.iter().map(variable).collect();
    (!variables.is_empty()).then_some(Yaml::Table(variables))
}
