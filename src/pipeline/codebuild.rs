//! A buildspec of AWS CodeBuild with a build graph.
//!
//! CodeBuild fails where about a hundred builds become ready at once. So each build also waits for the one 45 places before it: at
//! most that many are ready or running.

use super::identifiers::{Rule, identifiers};
use super::yaml::{Yaml, table, table_of};
use super::{
    Deployment, GATE, Pipeline, Rendered, Setup, System, Trusted, Work, script, untrusted_job, unused,
};
use crate::config::CiJob;
use crate::model::ProjectName;

/// How many builds are ready or running at once.
const WINDOW: usize = 45;

/// With what stands before it, an identifier has 127 letters at most.
const RULE: Rule = Rule { more: "", max_bytes: 120 };

/// The variable that tells a build of the graph what it is for.
pub(super) const ARGUMENTS: &str = "CHINAMPA_ARGUMENTS";

pub(super) fn render(pipeline: &Pipeline) -> Rendered {
    let setup = &pipeline.setup;
    match &pipeline.work {
        Work::Untrusted => {
            let graph = vec![build(GATE, &untrusted_job(), script::BUILD_ALL, Vec::new())];
            Rendered { text: document(setup, graph), notes: Vec::new() }
        }
        Work::Trusted(trusted) => render_trusted(setup, trusted),
    }
}

fn render_trusted(setup: &Setup, trusted: &Trusted) -> Rendered {
    let jobs = &trusted.jobs;
    let names = identifiers(jobs.iter().map(|job| job.project.as_str()), RULE, &[]);
    let identifier = |project: &ProjectName| format!("build_{}", names[project.as_str()]);
    let mut graph = Vec::new();
    for (number, job) in jobs.iter().enumerate() {
        let mut needs: Vec<String> = job.needs.iter().map(identifier).collect();
        if let Some(before) = number.checked_sub(WINDOW).map(|number| &jobs[number].project)
            && !job.needs.contains(before)
        {
            needs.push(identifier(before));
        }
        let arguments = script::build(job.project.as_str());
        graph.push(build(&identifier(&job.project), &job.settings, &arguments, needs));
    }
    let last = trusted.last().map(|job| identifier(&job.project)).collect();
    graph.push(build(GATE, &trusted.settings, script::BUILD_MISSING, last));
    let mut notes = unused(System::CodeBuild, trusted, &["runner", "contexts"]);
    if jobs.len() > WINDOW {
        notes.push(format!(
            "each build also waits for the one {WINDOW} places before it: CodeBuild fails where about a hundred become ready at once"
        ));
    }
    let names = trusted.deployments.iter().map(|it| it.environment.as_str());
    let names = identifiers(names, RULE, &[]);
    for Deployment { environment, approval, .. } in &trusted.deployments {
        if *approval {
            notes.push(format!(
                "nothing deploys to `{environment}`: CodeBuild has no approvals, so a stage of CodePipeline runs `{}`",
                setup.command(&script::deploy(environment.as_str()))
            ));
        } else {
            let name = &names[environment.as_str()];
            let arguments = script::deploy(environment.as_str());
            let settings = &trusted.settings;
            graph.push(build(&format!("deploy_{name}"), settings, &arguments, vec![GATE.to_owned()]));
        }
    }
    Rendered { text: document(setup, graph), notes }
}

fn build(identifier: &str, settings: &CiJob, arguments: &str, needs: Vec<String>) -> Yaml {
    let mut variables: Vec<(String, Yaml)> =
        settings.environment.iter().map(|(name, value)| (name.clone(), value.into())).collect();
    variables.push((ARGUMENTS.to_owned(), arguments.into()));
    let environment = table_of([
        ("compute-type", settings.machine.as_ref().map(Into::into)),
        ("image", settings.image.as_ref().map(Into::into)),
        // A Docker engine needs it.
        ("privileged-mode", Some(true.into())),
        ("variables", Some(Yaml::Table(variables))),
    ]);
    table_of([
        ("identifier", Some(identifier.into())),
        ("depend-on", Some(needs).filter(|needs| !needs.is_empty()).map(Into::into)),
        ("env", Some(environment)),
    ])
}

fn document(setup: &Setup, graph: Vec<Yaml>) -> String {
    let mut commands = script::prelude(setup, System::CodeBuild);
    commands.push(setup.command(&format!("${ARGUMENTS}")));
    let document = table([
        ("version", Yaml::Decimal("0.2")),
        ("batch", table([("fast-fail", false.into()), ("build-graph", Yaml::List(graph))])),
        ("phases", table([("build", table([("commands", commands.into())]))])),
    ]);
    document.document()
}
