//! Documents for programs. Fields are only ever added.

mod reason;

pub(super) use reason::ReasonJson;

use serde::Serialize;

use super::Digests;
use super::replaced::{self, ReplacedReference};
use super::twice::ComparisonJson;
use crate::engine::Progress;
use crate::execute::{BuildReport, Event, Failure, LostBuilder, Outcome, TwiceReport};
use crate::model::{ImageRef, InputDigest, ProjectName};
use crate::observe::{Base, Reason};
use crate::plan::{Action, Impact, Plan, ProjectImpact, Step};
use crate::runs::PlatformBuilder;
use crate::workspace::Workspace;

/// `chinampa.plan/2`
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

/// As in every document: the commit and who named it.
#[derive(Debug, Serialize)]
pub(super) struct BaseJson<'p> {
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
    reasons: Vec<ReasonJson<'p>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    replaced: Vec<ReplacedReference<'p>>,
    #[serde(flatten)]
    result: Option<ResultJson<'p>>,
}

/// What `chinampa.build/2` has more than the plan.
#[derive(Debug, Serialize)]
struct ResultJson<'p> {
    outcome: &'static str,
    seconds: f64,
    image: Option<&'p ImageRef>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pulled_from: Option<&'p ImageRef>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cached_steps: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'p [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed_step: Option<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed_line: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_tail: Option<&'p [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked_by: Option<&'p ProjectName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    built_by: Option<&'p str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    builders: Vec<PlatformBuilder>,
}

/// `chinampa.build/2`
#[derive(Debug, Serialize)]
pub struct BuildJson<'p> {
    #[serde(flatten)]
    plan: PlanJson<'p>,
    interrupted: bool,
    seconds: f64,
    seconds_estimated: Option<f64>,
    seconds_saved: Option<f64>,
    inline_cache_fault: Option<String>,
    lost_builders: Vec<LostBuilderJson<'p>>,
    record: Option<&'p ImageRef>,
    #[serde(skip_serializing_if = "Option::is_none")]
    twice: Option<Vec<ComparisonJson<'p>>>,
}

/// A builder that is not used any more.
#[derive(Debug, Serialize)]
struct LostBuilderJson<'p> {
    name: &'p str,
    reason: &'p str,
}

impl<'p> LostBuilderJson<'p> {
    fn new(builder: &'p LostBuilder) -> Self {
        Self { name: &builder.name, reason: &builder.reason }
    }
}

impl<'p> BaseJson<'p> {
    /// `None` where the base is unknown.
    pub(super) fn new(base: &'p Base) -> Option<Self> {
        match base {
            Base::Known { commit, from } => Some(Self { commit: commit.to_string(), from }),
            Base::Unknown { .. } => None,
        }
    }
}

impl<'p> PlanJson<'p> {
    pub fn of_plan(plan: &'p Plan, workspace: &'p Workspace) -> Self {
        Self::with_results(plan, workspace, "chinampa.plan/2", |_| None)
    }

    pub fn of_impact(impact: &'p Impact, digests: Option<&Digests>) -> Self {
        let project = |project: &'p ProjectImpact| {
            let action = if project.is_affected { "affected" } else { "unaffected" };
            let inputs = digests.and_then(|digests| digests.get(&project.project)).copied();
            StepJson::new(project, action, inputs, project.reasons.iter())
        };
        let projects = impact.projects.iter().map(project).collect();
        Self::new("chinampa.plan/2", impact.head.to_string(), impact.is_dirty, &impact.base, projects)
    }

    fn with_results(
        plan: &'p Plan,
        workspace: &'p Workspace,
        schema: &'static str,
        result: impl Fn(&ProjectName) -> Option<ResultJson<'p>>,
    ) -> Self {
        let step = |step: &'p Step| {
            let action = match step.action {
                Action::Build(_) => "build",
                Action::Keep(_) | Action::Reuse(_) => "reuse",
            };
            let json = StepJson::new(&step.impact, action, Some((step.digest, step.files)), step.reasons());
            let replaced = replaced::of_step(workspace, step);
            StepJson { replaced, result: result(&step.impact.project), ..json }
        };
        let projects = plan.steps.iter().map(step).collect();
        Self::new(schema, plan.head.to_string(), plan.is_dirty, &plan.base, projects)
    }

    fn new(
        schema: &'static str,
        head: String,
        dirty: bool,
        base: &'p Base,
        projects: Vec<StepJson<'p>>,
    ) -> Self {
        let base_unknown = match base {
            Base::Known { .. } => None,
            Base::Unknown { why } => Some(why.as_str()),
        };
        Self { schema, head, dirty, base: BaseJson::new(base), base_unknown, projects }
    }
}

impl<'p> StepJson<'p> {
    fn new(
        impact: &'p ProjectImpact,
        action: &'static str,
        inputs: Option<(InputDigest, usize)>,
        reasons: impl Iterator<Item = &'p Reason>,
    ) -> Self {
        Self {
            name: &impact.project,
            action,
            digest: inputs.map(|(digest, _)| digest),
            changed: impact.is_changed,
            affected: impact.is_affected,
            needs: &impact.needs,
            inputs: inputs.map(|(_, files)| files),
            reasons: reasons.map(ReasonJson).collect(),
            replaced: Vec::new(),
            result: None,
        }
    }
}

impl<'p> BuildJson<'p> {
    pub fn new(
        plan: &'p Plan,
        workspace: &'p Workspace,
        report: &'p BuildReport,
        record: Option<&'p ImageRef>,
        twice: Option<&'p TwiceReport>,
    ) -> Self {
        let result = |name: &ProjectName| {
            let project = report.projects.get(name)?;
            let mut json = ResultJson {
                outcome: outcome(&project.outcome),
                seconds: project.took.as_secs_f64(),
                image: project.image(),
                pulled_from: None,
                cached_steps: None,
                steps: None,
                error: None,
                failed_step: None,
                failed_line: None,
                exit_code: None,
                log_tail: None,
                hint: None,
                blocked_by: None,
                built_by: None,
                builders: Vec::new(),
            };
            match &project.outcome {
                Outcome::Built { steps, cached_steps, builders, .. } => {
                    json.builders = PlatformBuilder::all(builders);
                    json.steps = Some(*steps);
                    json.cached_steps = Some(*cached_steps);
                }
                Outcome::Failed(Failure {
                    causes,
                    step,
                    message: _,
                    at,
                    exit_code,
                    log_tail,
                    hint,
                    kind: _,
                    is_of_build: _,
                }) => {
                    json.error = Some(causes);
                    json.failed_line = at.as_ref().map(ToString::to_string);
                    json.failed_step = step.as_deref();
                    json.exit_code = *exit_code;
                    json.log_tail = Some(log_tail);
                    json.hint = hint.as_deref();
                }
                Outcome::BuiltElsewhere { by, .. } => json.built_by = by.as_deref(),
                Outcome::Pulled { from, .. } => json.pulled_from = Some(from),
                Outcome::Blocked { by } => json.blocked_by = Some(by),
                Outcome::Reused { .. } | Outcome::Cancelled => {}
            }
            Some(json)
        };
        Self {
            plan: PlanJson::with_results(plan, workspace, "chinampa.build/2", result),
            interrupted: report.is_interrupted,
            seconds: report.took.as_secs_f64(),
            seconds_estimated: report.estimated.map(|estimated| estimated.as_secs_f64()),
            seconds_saved: report.saved.map(|saved| saved.as_secs_f64()),
            inline_cache_fault: report.inline_cache_fault.as_ref().map(ToString::to_string),
            lost_builders: report.lost_builders.iter().map(LostBuilderJson::new).collect(),
            record,
            twice: twice.map(ComparisonJson::all),
        }
    }
}

/// The name of an outcome in documents.
fn outcome(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::BuiltElsewhere { .. } => "built_elsewhere",
        other => other.label(),
    }
}

/// One line of `--progress json`: `chinampa.event/1`.
pub fn event(event: &Event) -> serde_json::Value {
    let mut json = serde_json::json!({ "schema": "chinampa.event/1" });
    let mut set = |key: &str, value: serde_json::Value| json[key] = value;
    match event {
        Event::Started { project } => {
            set("event", "started".into());
            set("project", project.as_str().into());
        }
        Event::Claimed { project, by } => {
            set("event", "claimed".into());
            set("project", project.as_str().into());
            set("by", by.as_str().into());
        }
        Event::Pulling { project, image } => {
            set("event", "pulling".into());
            set("project", project.as_str().into());
            set("image", image.to_string().into());
        }
        Event::Pushing { project, image } => {
            set("event", "pushing".into());
            set("project", project.as_str().into());
            set("image", image.to_string().into());
        }
        Event::RetryingPush { project, image, error, delay } => {
            set("event", "push-retry".into());
            set("project", project.as_str().into());
            set("image", image.to_string().into());
            set("text", error.as_str().into());
            set("seconds", delay.as_secs_f64().into());
        }
        Event::Finished { project, outcome, took } => {
            set("event", "finished".into());
            set("project", project.as_str().into());
            set("outcome", self::outcome(outcome).into());
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
                Progress::Warning { text, url } => {
                    set("event", "warning".into());
                    set("text", text.as_str().into());
                    if let Some(url) = url {
                        set("url", url.as_str().into());
                    }
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
