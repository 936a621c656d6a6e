//! The configuration with which a setup workflow of CircleCI continues.
//!
//! A parametrised job for each kind of machine, and a workflow that invokes it for each project. CircleCI replaces `<< … >>` in
//! every text, so a `<<` of a variable's value is escaped.

use std::collections::BTreeMap;

use super::identifiers::{Rule, identifiers};
use super::yaml::{Yaml, table, table_of};
use super::{
    Deployment, GATE, Pipeline, Rendered, Setup, System, Trusted, Work, script, untrusted_job, unused,
};
use crate::config::CiJob;
use crate::model::ProjectName;

/// The machine that jobs run on unless `image` says otherwise: builds need a Docker engine.
pub(super) const MACHINE: &str = "ubuntu-2404:current";

const RULE: Rule = Rule { more: "-", max_bytes: 100, reserved: &[] };

pub(super) fn render(pipeline: &Pipeline) -> Rendered {
    let setup = &pipeline.setup;
    match &pipeline.work {
        Work::Untrusted => {
            let job = job(setup, &untrusted_job(), "chinampa build", None);
            let jobs = vec![(GATE.to_owned(), job)];
            Rendered { text: document(jobs, vec![GATE.into()]), notes: Vec::new() }
        }
        Work::Trusted(trusted) => render_trusted(setup, trusted),
    }
}

fn render_trusted(setup: &Setup, trusted: &Trusted) -> Rendered {
    let names = identifiers(trusted.jobs.iter().map(|job| &job.project), RULE);
    let name = |project: &ProjectName| format!("build-{}", names[project]);
    let mut kinds: BTreeMap<&CiJob, String> = BTreeMap::new();
    let mut jobs = Vec::new();
    let mut workflow = Vec::new();
    for it in &trusted.jobs {
        let kind = kinds.get(&it.settings).cloned().unwrap_or_else(|| {
            let kind =
                if kinds.is_empty() { "build".to_owned() } else { format!("build-{}", kinds.len() + 1) };
            let command = script::build("<< parameters.project >>");
            jobs.push((kind.clone(), job(setup, &it.settings, &command, Some("project"))));
            kinds.insert(&it.settings, kind.clone());
            kind
        });
        let needs: Vec<String> = it.needs.iter().map(name).collect();
        let invocation = table_of([
            ("name", Some(name(&it.project).into())),
            ("project", Some(it.project.as_str().into())),
            ("requires", Some(needs.into()).filter(|_| !it.needs.is_empty())),
        ]);
        workflow.push(Yaml::Table(vec![(kind, invocation)]));
    }
    jobs.push((GATE.to_owned(), job(setup, &trusted.settings, "chinampa build", None)));
    let last: Vec<String> = trusted.last().map(|job| name(&job.project)).collect();
    workflow.push(if last.is_empty() {
        GATE.into()
    } else {
        table([(GATE, table([("requires", last.into())]))])
    });
    if !trusted.deployments.is_empty() {
        let command = script::deploy("<< parameters.environment >>");
        jobs.push(("deploy".to_owned(), job(setup, &trusted.settings, &command, Some("environment"))));
    }
    workflow.extend(trusted.deployments.iter().flat_map(deployment));
    Rendered { text: document(jobs, workflow), notes: unused(System::CircleCi, trusted, &["runner"]) }
}

fn deployment(Deployment { environment, approval }: &Deployment) -> Vec<Yaml> {
    let approve = format!("approve-{environment}");
    let mut jobs = Vec::new();
    if *approval {
        let invocation = table([("type", "approval".into()), ("requires", vec![GATE].into())]);
        jobs.push(Yaml::Table(vec![(approve.clone(), invocation)]));
    }
    let requires = if *approval { approve } else { GATE.to_owned() };
    jobs.push(table([(
        "deploy",
        table([
            ("name", format!("deploy-{environment}").into()),
            ("environment", environment.as_str().into()),
            ("serial-group", format!("<< pipeline.project.slug >>/{environment}").into()),
            ("requires", vec![requires].into()),
        ]),
    )]));
    jobs
}

fn job(setup: &Setup, settings: &CiJob, command: &str, parameter: Option<&str>) -> Yaml {
    let parameters =
        parameter.map(|name| Yaml::Table(vec![(name.to_owned(), table([("type", "string".into())]))]));
    let variable =
        |(name, value): (&String, &String)| (name.clone(), Yaml::from(value.replace("<<", "\\<<")));
    let environment = Some(&settings.environment).filter(|environment| !environment.is_empty());
    let mut lines = script::prelude(setup, System::CircleCi);
    lines.push(command.to_owned());
    let image = settings.image.as_deref().unwrap_or(MACHINE);
    table_of([
        ("parameters", parameters),
        ("machine", Some(table([("image", image.into())]))),
        ("resource_class", settings.machine.as_ref().map(Into::into)),
        ("environment", environment.map(|it| Yaml::Table(it.iter().map(variable).collect()))),
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
