//! CircleCI: a setup workflow, and the configuration that it continues with.
//!
//! <https://circleci.com/docs/reference/configuration-reference/>

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::keys::{self, Keys};
use super::schedule::Run;
use super::{Condition, Event, Finished, History, Job, Step, Steps, Work, yaml};
use crate::support::scripted::{Scripted, Server};

const CONTINUED: &str = "POST /api/v2/pipeline/continue";

pub(super) fn run(run: &mut Run<'_>) -> Finished {
    let config = run.site.file(run.commit(), ".circleci/config.yml");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = runtime.block_on(Server::start([Scripted::new(CONTINUED, [(200, "{}")])]));
    let program = env!("CARGO_BIN_EXE_chinampa");
    let script = format!(
        "if [ \"${{1-}} ${{2-}}\" = 'ci continue' ]; then set -- \"$@\" --server {}; export CIRCLE_CONTINUATION_KEY=key; fi\n\
         exec {program} \"$@\"\n",
        server.url
    );
    run.site.install("chinampa", &script);

    let setup = run.jobs(jobs(&config, Kind::Setup, run.event));
    let mut continued = server.bodies(CONTINUED);
    let Some(body) = continued.pop() else { return setup };
    assert!(continued.is_empty(), "a pipeline is continued once");
    let body: Value = serde_json::from_str(&body).unwrap();
    let continued = jobs(body["configuration"].as_str().unwrap(), Kind::Continued, run.event);
    assert!(!continued.is_empty(), "all jobs of the continued pipeline are filtered out");
    let more = run.jobs(continued);
    setup.and(more)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Setup,
    Continued,
}

/// The jobs of the only workflow that the event lets run.
fn jobs(text: &str, kind: Kind, event: &Event) -> Vec<Job> {
    let document = yaml::read(text);
    let mut config = Keys::of("the configuration", &document);
    config.only("version", &json!(2.1));
    if kind == Kind::Setup {
        assert_eq!(config.take("setup"), Some(&json!(true)));
    }
    let definitions = config.required("jobs").as_object().unwrap();
    let workflows = Keys::of("`workflows`", config.required("workflows")).rest();
    config.end();
    assert_eq!(workflows.len(), 1, "{workflows:?}");
    let mut workflow = Keys::of("the workflow", workflows[0].1);
    let invocations = workflow.required("jobs").as_array().unwrap();
    workflow.end();
    assert!(!invocations.is_empty(), "a workflow has jobs");
    let job = |invocation: &Value| match invocation {
        Value::String(name) => job(name, &definitions[name], &json!({})),
        invocation => {
            let (name, invocation) = Keys::of("a job of the workflow", invocation).rest().pop().unwrap();
            if invocation["type"] == "approval" {
                return approval(name, invocation);
            }
            let definition = definitions.get(&name);
            job(&name, definition.unwrap_or_else(|| panic!("no job is called `{name}`")), invocation)
        }
    };
    let jobs: Vec<Job> = invocations.iter().map(job).collect();
    match event {
        Event::Push { .. } | Event::ForkPullRequest { .. } => jobs,
        Event::Tag { .. } => of_tags(jobs, invocations),
    }
}

/// What runs for a tag: no job without a filter for tags, nor one that waits for such a job.
fn of_tags(mut jobs: Vec<Job>, invocations: &[Value]) -> Vec<Job> {
    let has_filter = |invocation: &Value| {
        invocation.as_object().is_some_and(|job| job.values().any(|keys| keys.get("filters").is_some()))
    };
    let mut filters = invocations.iter().map(has_filter);
    jobs.retain(|_| filters.next().unwrap());
    loop {
        let known: Vec<String> = jobs.iter().map(|job| job.name.clone()).collect();
        jobs.retain(|job| job.needs.iter().all(|need| known.contains(need)));
        if jobs.len() == known.len() {
            return jobs;
        }
    }
}

/// The only filter that the runner knows: all tags, besides all branches.
fn take_filters(keys: &mut Keys<'_>) {
    keys.only("filters", &json!({ "tags": { "only": "/.*/" } }));
}

fn approval(name: String, invocation: &Value) -> Job {
    let mut keys = Keys::of(&name, invocation);
    keys.only("type", &json!("approval"));
    take_filters(&mut keys);
    let needs = keys.texts("requires").unwrap_or_default();
    keys.end();
    Job { name, needs, condition: Condition::NeedsSucceeded, group: None, work: Work::Approval }
}

fn job(definition: &str, value: &Value, invocation: &Value) -> Job {
    let mut invocation = Keys::of("an invocation", invocation);
    let name = invocation.text("name").unwrap_or_else(|| definition.to_owned());
    let needs = invocation.texts("requires").unwrap_or_default();
    let group = invocation.text("serial-group");
    take_filters(&mut invocation);
    let arguments: BTreeMap<String, String> =
        invocation.rest().into_iter().map(|(name, value)| (name, keys::text("an argument", value))).collect();
    let mut keys = Keys::of(definition, value);
    let declared = keys.take("parameters").map(|it| Keys::of("parameters", it).rest()).unwrap_or_default();
    for (_, kind) in &declared {
        assert_eq!(*kind, &json!({ "type": "string" }), "the runner does not know other parameters");
    }
    let declared: Vec<&String> = declared.iter().map(|(name, _)| name).collect();
    assert_eq!(declared, arguments.keys().collect::<Vec<_>>(), "the parameters of `{name}`");
    let mut machine = Keys::of("machine", keys.required("machine"));
    machine.only("image", &json!("ubuntu-2404:current"));
    machine.end();
    let variables = keys.variables("environment");
    let variables =
        variables.into_iter().map(|(name, value)| (name, filled_in(&value, &arguments))).collect();
    let steps = keys.required("steps").as_array().unwrap();
    keys.end();
    let step = |step: &Value| match step {
        Value::String(step) if step == "checkout" => Step::Checkout(History::Any),
        step => {
            let mut step = Keys::of("a step", step);
            let mut run = Keys::of("`run`", step.required("run"));
            let _title = run.required_text("name");
            let script = filled_in(&run.required_text("command"), &arguments);
            run.end();
            step.end();
            Step::Run { id: None, condition: None, flags: &["-eo", "pipefail"], script }
        }
    };
    let steps = Steps { variables, steps: steps.iter().map(step).collect(), ..Steps::default() };
    Job { name, needs, condition: Condition::NeedsSucceeded, group, work: Work::Steps(steps) }
}

/// A text with arguments in place of parameters. A `<<` that isn't meant has a backslash.
fn filled_in(text: &str, arguments: &BTreeMap<String, String>) -> String {
    let mut filled_in = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("<<") {
        if let Some(before) = before.strip_suffix('\\') {
            filled_in += before;
            filled_in += "<<";
            rest = after;
            continue;
        }
        let (parameter, end) = after.split_once(">>").unwrap();
        let argument = parameter.trim().strip_prefix("parameters.").and_then(|name| arguments.get(name));
        filled_in += before;
        filled_in += argument.unwrap_or_else(|| panic!("the runner does not know `{parameter}`"));
        rest = end;
    }
    filled_in + rest
}
