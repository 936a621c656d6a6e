//! GitLab: a parent pipeline, and the child pipeline that it triggers.
//!
//! <https://docs.gitlab.com/ci/yaml/>

use regex::Regex;
use serde_json::{Map, Value, json};

use super::keys::{self, Keys};
use super::schedule::Run;
use super::{Condition, Event, Finished, History, Job, Outcome, Step, Steps, Work, yaml};

/// The stages of a pipeline that names none.
const STAGES: [&str; 3] = ["build", "test", "deploy"];

/// The largest artifact from which a child pipeline is read.
const MAX_BYTES: usize = 5_000_000;

/// A job of the parent that stands for a child pipeline.
struct Trigger {
    name: String,
    artifact: String,
    job: String,
}

pub(super) fn run(run: &mut Run<'_>) -> Finished {
    let document = yaml::read(&run.site.file(run.commit(), ".gitlab-ci.yml"));
    let (jobs, triggers) = read(&document, run.event);
    let mut finished = run.jobs(jobs);
    for Trigger { name, artifact, job } in triggers {
        if finished.outcomes.get(&job) != Some(&Outcome::Succeeded) {
            finished.outcomes.insert(name, Outcome::NotStarted);
            continue;
        }
        let child =
            finished.artifacts.get(&artifact).unwrap_or_else(|| panic!("`{job}` left no `{artifact}`"));
        assert!(child.len() <= MAX_BYTES, "{}", child.len());
        let (jobs, grandchildren) = read(&yaml::read(child), run.event);
        assert!(!jobs.is_empty() && grandchildren.is_empty(), "{child}");
        let child = run.jobs(jobs);
        // `strategy: mirror`
        let bad = child.outcomes.values().find(|outcome| **outcome != Outcome::Succeeded).copied();
        finished.outcomes.insert(name, bad.unwrap_or(Outcome::Succeeded));
        finished = finished.and(child);
    }
    finished
}

/// The jobs of a pipeline, none if its rules don't let it run.
fn read(document: &Value, event: &Event) -> (Vec<Job>, Vec<Trigger>) {
    let mut pipeline = Keys::of("the pipeline", document);
    let stages = pipeline.texts("stages").unwrap_or_else(|| STAGES.map(str::to_owned).to_vec());
    let mut workflow = Keys::of("`workflow`", pipeline.required("workflow"));
    // What a newer pipeline cancels.
    workflow.only("auto_cancel", &json!({ "on_new_commit": "interruptible" }));
    let rules = workflow.required("rules").as_array().unwrap();
    workflow.end();
    if !rules.iter().any(|rule| is_met(rule, event)) {
        return (Vec::new(), Vec::new());
    }
    let entries = pipeline.rest();
    let hidden = |name: &str| entries.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
    let mut jobs = Vec::new();
    let mut triggers = Vec::new();
    for (name, value) in entries.iter().filter(|(name, _)| !name.starts_with('.')) {
        if value.get("trigger").is_some() {
            triggers.push(trigger(name, value, &stages));
            continue;
        }
        let mut merged = value.as_object().unwrap().clone();
        if let Some(template) = merged.remove("extends") {
            let template = keys::text("`extends`", &template);
            let template = hidden(&template).unwrap_or_else(|| panic!("no job is called `{template}`"));
            merged = over(template.as_object().unwrap(), merged);
        }
        jobs.push(job(name, &merged.into(), &stages));
    }
    let stage_of: Vec<(String, usize)> =
        jobs.iter().map(|(job, stage, _)| (job.name.clone(), *stage)).collect();
    let jobs = jobs.into_iter().map(|(mut job, stage, has_needs)| {
        if !has_needs {
            let earlier = stage_of.iter().filter(|(_, of_other)| *of_other < stage);
            job.needs = earlier.map(|(name, _)| name.clone()).collect();
        }
        job
    });
    (jobs.collect(), triggers)
}

/// What extends a job goes before it, and of mappings key by key.
fn over(template: &Map<String, Value>, own: Map<String, Value>) -> Map<String, Value> {
    let mut merged = template.clone();
    for (key, value) in own {
        let value = match (merged.remove(&key), value) {
            (Some(Value::Object(template)), Value::Object(own)) => over(&template, own).into(),
            (_, value) => value,
        };
        merged.insert(key, value);
    }
    merged
}

/// Whether a rule of `workflow` lets a pipeline run.
fn is_met(rule: &Value, event: &Event) -> bool {
    let mut rule = Keys::of("a rule", rule);
    rule.only("when", &json!("always"));
    let condition = rule.text("if");
    rule.end();
    let is_pull_request = matches!(event, Event::ForkPullRequest { .. });
    match condition.as_deref() {
        None => true,
        Some("$CI_PIPELINE_SOURCE == \"merge_request_event\"") => is_pull_request,
        Some("$CI_COMMIT_TAG") => matches!(event, Event::Tag { .. }),
        Some(other) => {
            let regex = other.strip_prefix("$CI_COMMIT_BRANCH =~ /").and_then(|rest| rest.strip_suffix('/'));
            let regex = regex.unwrap_or_else(|| panic!("the runner does not know the rule `{other}`"));
            matches!(event, Event::Push { .. })
                && Regex::new(&regex.replace("\\/", "/")).unwrap().is_match("main")
        }
    }
}

fn trigger(name: &str, value: &Value, stages: &[String]) -> Trigger {
    let mut keys = Keys::of(name, value);
    assert!(stages.contains(&keys.required_text("stage")));
    let mut trigger = Keys::of("`trigger`", keys.required("trigger"));
    keys.end();
    trigger.only("strategy", &json!("mirror"));
    // No variable of the parent goes before those of the child's jobs.
    trigger.only("forward", &json!({ "yaml_variables": false }));
    let includes = trigger.required("include").as_array().unwrap();
    trigger.end();
    assert_eq!(includes.len(), 1);
    let mut include = Keys::of("`include`", &includes[0]);
    let (artifact, job) = (include.required_text("artifact"), include.required_text("job"));
    include.end();
    Trigger { name: name.to_owned(), artifact, job }
}

/// A job, the number of its stage, and whether it says itself what it waits for.
fn job(name: &str, value: &Value, stages: &[String]) -> (Job, usize, bool) {
    let mut keys = Keys::of(name, value);
    let stage = keys.text("stage").unwrap_or_else(|| "test".to_owned());
    let stage =
        stages.iter().position(|known| *known == stage).unwrap_or_else(|| panic!("no stage `{stage}`"));
    let needs = keys.texts("needs");
    assert!(needs.as_ref().is_none_or(|needs| needs.len() <= 50), "`{name}` names more than 50 jobs");
    // A newer pipeline may cancel it.
    let _is_interruptible = keys.take("interruptible");
    // A person starts it.
    keys.only("when", &json!("manual"));
    if let Some(environment) = keys.take("environment") {
        let mut environment = Keys::of("`environment`", environment);
        let _name = environment.required_text("name");
        environment.end();
    }
    let group = keys.text("resource_group");
    let variables = keys.take("variables").map(|it| Keys::of("`variables`", it).rest()).unwrap_or_default();
    let mut variables: Vec<(String, String)> =
        variables.into_iter().map(|(name, value)| (name, variable(value))).collect();
    let depth = variables.iter().find(|(name, _)| name == "GIT_DEPTH").map(|(_, depth)| depth.as_str());
    let history = match depth {
        Some("0") => History::All,
        None => History::Any,
        Some(depth) => panic!("the runner does not know the depth {depth}"),
    };
    let source = if stages == STAGES { "push" } else { "parent_pipeline" };
    variables.push(("CI_PIPELINE_SOURCE".to_owned(), source.to_owned()));
    let mut lines = keys.texts("before_script").unwrap_or_default();
    lines.extend(keys.texts("script").unwrap());
    let artifacts = keys.take("artifacts").map_or_else(Vec::new, |artifacts| {
        let mut artifacts = Keys::of("`artifacts`", artifacts);
        artifacts.only("expire_in", &json!("1 week"));
        let paths = artifacts.texts("paths").unwrap();
        artifacts.end();
        paths
    });
    keys.end();
    let run =
        Step::Run { id: None, condition: None, flags: &["-eo", "pipefail"], script: lines.join("\n") + "\n" };
    let steps = Steps { variables, steps: vec![Step::Checkout(history), run], artifacts, ..Steps::default() };
    let has_needs = needs.is_some();
    let job = Job {
        name: name.to_owned(),
        needs: needs.unwrap_or_default(),
        condition: Condition::NeedsSucceeded,
        group,
        work: Work::Steps(steps),
    };
    (job, stage, has_needs)
}

fn variable(value: &Value) -> String {
    match value {
        Value::String(text) => {
            assert!(!text.contains('$'), "the runner does not expand variables: {text}");
            text.clone()
        }
        value => {
            let mut variable = Keys::of("a variable", value);
            assert_eq!(variable.take("expand"), Some(&json!(false)));
            let value = variable.required_text("value");
            variable.end();
            value
        }
    }
}
