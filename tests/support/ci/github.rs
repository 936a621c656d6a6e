//! GitHub Actions: a committed workflow, of which the plan lets some jobs run.
//!
//! <https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax>

use serde_json::{Value, json};

use super::expression::{self, Scope, Status};
use super::keys::{self, Keys};
use super::schedule::Run;
use super::{Condition, Event, Finished, History, Job, Step, Steps, Work, yaml};

/// A larger file doesn't start.
const MAX_BYTES: usize = 500_000;

pub(super) fn run(run: &mut Run<'_>) -> Finished {
    let text = run.site.file(run.commit(), ".github/workflows/chinampa.yml");
    assert!(text.len() <= MAX_BYTES, "{}", text.len());
    let jobs = read(&yaml::read(&text), run.event);
    run.jobs(jobs)
}

/// The group of the runs of a workflow: one of them runs, from its first job until the last approval is given, and another one waits.
pub(crate) fn group(workflow: &str, event: &Event, run: &str) -> String {
    let workflow = yaml::read(workflow);
    let mut github = event.github();
    github["run_id"] = run.into();
    let scope = Scope { values: &json!({ "github": github }), status: Status::default() };
    expression::expand(&keys::text("`group`", &workflow["concurrency"]["group"]), scope)
}

/// The jobs of a workflow, none if the event doesn't start it.
fn read(document: &Value, event: &Event) -> Vec<Job> {
    let mut workflow = Keys::of("the workflow", document);
    let _name = workflow.required_text("name");
    // A token can do no more.
    workflow.only("permissions", &json!({ "contents": "read" }));
    let mut concurrency = Keys::of("`concurrency`", workflow.required("concurrency"));
    let (_group, _cancels) =
        (concurrency.required_text("group"), concurrency.required_text("cancel-in-progress"));
    concurrency.end();
    let variables = workflow.variables("env");
    let mut triggers = Keys::of("`on`", workflow.required("on"));
    let push = triggers.take("push").map(|push| {
        let mut push = Keys::of("`push`", push);
        let filters = ["branches", "tags"].map(|filter| push.texts(filter).unwrap_or_default());
        push.end();
        filters
    });
    triggers.only("merge_group", &json!({}));
    triggers.only("workflow_dispatch", &json!({}));
    let pull_request = triggers.take("pull_request");
    triggers.end();
    let jobs = Keys::of("`jobs`", workflow.required("jobs")).rest();
    workflow.end();
    let is_started = match event {
        Event::Push { .. } => {
            push.is_some_and(|[branches, _]| branches.iter().any(|it| it == "main" || it == "**"))
        }
        Event::Tag { tag, .. } => push.is_some_and(|[_, tags]| tags.iter().any(|it| is_match(it, tag))),
        Event::ForkPullRequest { .. } => pull_request == Some(&json!({})),
    };
    if !is_started {
        return Vec::new();
    }
    jobs.into_iter().map(|(name, value)| job(name, value, &variables)).collect()
}

/// Whether a filter lets a name pass: `*` stands for anything but a slash at its end, and `**` for anything.
fn is_match(filter: &str, name: &str) -> bool {
    match filter.strip_suffix('*') {
        None => filter == name,
        Some("*") => true,
        Some(before) => {
            assert!(!before.contains('*'), "the runner does not know the filter `{filter}`");
            name.strip_prefix(before).is_some_and(|rest| !rest.contains('/'))
        }
    }
}

fn job(name: String, value: &Value, of_workflow: &[(String, String)]) -> Job {
    let mut keys = Keys::of(&name, value);
    let _title = keys.text("name");
    let needs = keys.texts("needs").unwrap_or_default();
    let condition = keys.text("if").map_or_else(|| "success()".to_owned(), with_status);
    keys.only("runs-on", &json!("ubuntu-24.04"));
    // Required reviewers approve at once.
    let _environment = keys.text("environment");
    let group = keys.take("concurrency").map(|concurrency| {
        let mut concurrency = Keys::of("`concurrency`", concurrency);
        concurrency.only("cancel-in-progress", &json!(false));
        let group = concurrency.required_text("group");
        concurrency.end();
        group
    });
    let matrix = keys.take("strategy").map(|strategy| {
        let mut strategy = Keys::of("`strategy`", strategy);
        assert_eq!(strategy.take("fail-fast"), Some(&json!(false)));
        let mut matrix = Keys::of("`matrix`", strategy.required("matrix")).rest();
        strategy.end();
        assert_eq!(matrix.len(), 1);
        let (variable, list) = matrix.pop().unwrap();
        (variable, keys::text("a matrix", list))
    });
    let variables = of_workflow.iter().cloned().chain(keys.variables("env")).collect();
    let outputs = keys.variables("outputs");
    let steps = keys.required("steps").as_array().unwrap().iter().map(step).collect();
    keys.end();
    let steps = Steps { variables, steps, outputs, matrix, ..Steps::default() };
    Job { name, needs, condition: Condition::Expression(condition), group, work: Work::Steps(steps) }
}

fn step(value: &Value) -> Step {
    let mut keys = Keys::of("a step", value);
    if let Some(action) = keys.text("uses") {
        let commit = action.strip_prefix("actions/checkout@");
        let is_commit = |commit: &str| commit.len() == 40 && commit.bytes().all(|it| it.is_ascii_hexdigit());
        assert!(commit.is_some_and(is_commit), "the runner does not know `{action}`");
        let mut with = Keys::of("`with`", keys.required("with"));
        with.only("persist-credentials", &json!(false));
        let history = match with.take("fetch-depth") {
            None => History::Any,
            Some(depth) if *depth == json!(0) => History::All,
            Some(depth) => panic!("the runner does not know the depth {depth}"),
        };
        with.end();
        keys.end();
        return Step::Checkout(history);
    }
    let _title = keys.text("name");
    let (id, condition) = (keys.text("id"), keys.text("if").map(with_status));
    let script = keys.required_text("run") + "\n";
    keys.end();
    Step::Run { id, condition, flags: &["-e"], script }
}

/// A condition that asks for no status holds only after success.
fn with_status(condition: String) -> String {
    let functions = ["always()", "cancelled()", "failure()", "success()"];
    if functions.iter().any(|function| condition.contains(function)) {
        return condition;
    }
    format!("success() && ({condition})")
}
