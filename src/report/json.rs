//! Reports for other programs. Fields are only ever added; `schema` says which they are.

use serde::Serialize;

use super::{BuildReport, Event, Outcome};
use crate::model::{ImageRef, InputDigest, ProjectName};
use crate::plan::{Action, Base, Plan, Reason, Step};

/// `chinampa.plan/1`
#[derive(Debug, Serialize)]
pub struct PlanJson<'p> {
    schema: &'static str,
    head: String,
    dirty: bool,
    base: Option<BaseJson<'p>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base_unknown: Option<&'p str>,
    projects: Vec<StepJson<'p>>,
}

#[derive(Debug, Serialize)]
struct BaseJson<'p> {
    commit: String,
    from: &'p str,
}

#[derive(Debug, Serialize)]
struct StepJson<'p> {
    name: &'p ProjectName,
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<InputDigest>,
    changed: bool,
    affected: bool,
    needs: &'p [ProjectName],
    #[serde(skip_serializing_if = "Option::is_none")]
    inputs: Option<usize>,
    because: &'p [Reason],
    #[serde(flatten)]
    result: Option<ResultJson<'p>>,
}

/// What `chinampa.build/1` has more than the plan.
#[derive(Debug, Serialize)]
struct ResultJson<'p> {
    outcome: &'static str,
    seconds: f64,
    image: Option<&'p ImageRef>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cached_steps: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'p [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_tail: Option<&'p [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked_by: Option<&'p ProjectName>,
}

/// `chinampa.build/1`
#[derive(Debug, Serialize)]
pub struct BuildJson<'p> {
    #[serde(flatten)]
    plan: PlanJson<'p>,
    interrupted: bool,
    record: Option<&'p ImageRef>,
}

impl<'p> PlanJson<'p> {
    pub fn new(plan: &'p Plan) -> Self {
        Self::with_results(plan, "chinampa.plan/1", |_| None)
    }

    fn with_results(
        plan: &'p Plan,
        schema: &'static str,
        result: impl Fn(&ProjectName) -> Option<ResultJson<'p>>,
    ) -> Self {
        let (base, base_unknown) = match &plan.base {
            Base::Known { commit, from } => (Some(BaseJson { commit: commit.to_string(), from }), None),
            Base::Unknown { why } => (None, Some(why.as_str())),
        };
        let projects = plan.steps.iter().map(|step| StepJson::new(step, result(&step.project))).collect();
        Self { schema, head: plan.head.to_string(), dirty: plan.is_dirty, base, base_unknown, projects }
    }
}

impl<'p> StepJson<'p> {
    fn new(step: &'p Step, result: Option<ResultJson<'p>>) -> Self {
        Self {
            name: &step.project,
            action: match step.action {
                Action::Build => "build",
                Action::Reuse(_) => "reuse",
                Action::Affected => "affected",
                Action::Unaffected => "unaffected",
            },
            digest: step.inputs.map(|inputs| inputs.digest),
            changed: step.is_changed,
            affected: step.is_affected,
            needs: &step.needs,
            inputs: step.inputs.map(|inputs| inputs.files),
            because: &step.because,
            result,
        }
    }
}

impl<'p> BuildJson<'p> {
    pub fn new(report: &'p BuildReport) -> Self {
        let result = |name: &ProjectName| {
            let project = report.projects.get(name)?;
            let mut json = ResultJson {
                outcome: project.outcome.word(),
                seconds: project.took.as_secs_f64(),
                image: project.image(),
                cached_steps: None,
                steps: None,
                error: None,
                log_tail: None,
                blocked_by: None,
            };
            match &project.outcome {
                Outcome::Built { steps, cached_steps, .. } => {
                    json.steps = Some(*steps);
                    json.cached_steps = Some(*cached_steps);
                }
                Outcome::Failed { causes, log_tail } => {
                    json.error = Some(causes);
                    json.log_tail = Some(log_tail);
                }
                Outcome::Blocked { by } => json.blocked_by = Some(by),
                Outcome::Reused { .. } | Outcome::Cancelled => {}
            }
            Some(json)
        };
        Self {
            plan: PlanJson::with_results(&report.plan, "chinampa.build/1", result),
            interrupted: report.is_interrupted,
            record: report.record.as_ref(),
        }
    }
}

/// One line of `--progress json`: `chinampa.event/1`.
pub fn event(event: &Event) -> serde_json::Value {
    use crate::engine::Progress;
    let mut json = serde_json::json!({ "schema": "chinampa.event/1" });
    let mut set = |key: &str, value: serde_json::Value| json[key] = value;
    match event {
        Event::Started { project } => {
            set("event", "started".into());
            set("project", project.as_str().into());
        }
        Event::Pushing { project, image } => {
            set("event", "pushing".into());
            set("project", project.as_str().into());
            set("image", image.to_string().into());
        }
        Event::Finished { project, outcome, took } => {
            set("event", "finished".into());
            set("project", project.as_str().into());
            set("outcome", outcome.word().into());
            set("seconds", took.as_secs_f64().into());
        }
        Event::Progress { project, progress } => {
            set("project", project.as_str().into());
            match progress {
                Progress::StepStarted { step } => {
                    set("event", "step-started".into());
                    set("step", step.as_str().into());
                }
                Progress::StepDone { step, cached, took } => {
                    set("event", "step-done".into());
                    set("step", step.as_str().into());
                    set("cached", (*cached).into());
                    set("seconds", took.as_secs_f64().into());
                }
                Progress::Log { step, text } => {
                    set("event", "log".into());
                    set("step", step.as_str().into());
                    set("text", text.as_str().into());
                }
            }
        }
    }
    json
}
