//! Reports for people, in plain words.

use std::fmt::Write as _;
use std::time::Duration;

use super::{BuildReport, Event, Outcome};
use crate::engine::Progress;
use crate::model::{printable, printable_log};
use crate::plan::{Action, Base, Plan, Reason, Step};

/// How many reasons a project shows before "and … more".
const MOST_REASONS: usize = 5;

/// What a step of a plan takes, a reason or two included.
const USUAL_STEP_BYTES: usize = 128;

/// The plan: what is done with each project, and why.
pub fn plan(plan: &Plan) -> String {
    let mut text = String::with_capacity(plan.steps.len() * USUAL_STEP_BYTES);
    line(&mut text, base(plan));
    for step in &plan.steps {
        line(&mut text, format_args!("{} `{}`{}", action(&step.action), step.project, digest(step)));
        reasons(&mut text, &step.because);
    }
    line(&mut text, summary(plan));
    text
}

/// What the plan's changes are counted from.
pub fn base(plan: &Plan) -> String {
    let head = if plan.is_dirty {
        format!("{} with uncommitted changes", plan.head.short())
    } else {
        plan.head.short()
    };
    match &plan.base {
        Base::Known { commit, from } => format!("changes of {head} since {} ({from})", commit.short()),
        Base::Unknown { why } => format!("changes of {head} since an unknown base: {why}"),
    }
}

/// One line of plain progress, or `None` for an event that plain progress leaves out.
pub fn event(event: &Event) -> Option<String> {
    match event {
        Event::Started { project } => Some(format!("{project}: building")),
        Event::Pushing { project, image } => Some(format!("{project}: pushing {image}")),
        Event::Finished { project, outcome, took } => {
            Some(format!("{project}: {}", finished(outcome, *took)))
        }
        Event::Progress { project, progress } => match progress {
            Progress::StepDone { step, cached: true, .. } => {
                Some(format!("{project}: {} CACHED", printable_log(step)))
            }
            Progress::StepDone { step, cached: false, took } => {
                Some(format!("{project}: {} {}", printable_log(step), seconds(*took)))
            }
            Progress::Log { text, .. } => {
                let lines = text.lines().map(|line| format!("{project}: | {}", printable_log(line)));
                Some(lines.collect::<Vec<_>>().join("\n")).filter(|lines| !lines.is_empty())
            }
            Progress::StepStarted { .. } => None,
        },
    }
}

/// What was done with each project, why, how long it took and how many steps were cached.
pub fn build(report: &BuildReport) -> String {
    let mut text = String::new();
    for step in &report.plan.steps {
        let Some(project) = report.projects.get(&step.project) else { continue };
        line(
            &mut text,
            format_args!(
                "{:<9} {}{}",
                project.outcome.word(),
                step.project,
                detail(&project.outcome, project.took)
            ),
        );
        if let Outcome::Built { image, .. } | Outcome::Reused { image, .. } = &project.outcome {
            line(&mut text, format_args!("  as {image}"));
        }
        if !matches!(project.outcome, Outcome::Reused { .. }) {
            reasons(&mut text, &step.because);
        }
        if let Outcome::Failed { causes, log_tail } = &project.outcome {
            failure(&mut text, causes, log_tail);
        }
    }
    line(&mut text, totals(report));
    if let Some(record) = &report.record {
        line(&mut text, format_args!("recorded as {record}"));
    }
    text
}

fn failure(text: &mut String, causes: &[String], log_tail: &[String]) {
    for (depth, cause) in causes.iter().enumerate() {
        let word = if depth == 0 { "error" } else { "  because" };
        line(text, format_args!("  {word}: {}", printable(cause)));
    }
    if !log_tail.is_empty() {
        line(text, "  the failed step's last lines:");
        for log in log_tail {
            line(text, format_args!("    | {}", printable_log(log)));
        }
    }
}

fn totals(report: &BuildReport) -> String {
    let count = |word: &str| {
        let with_word = |project: &&super::ProjectReport| project.outcome.word() == word;
        report.projects.values().filter(with_word).count()
    };
    let mut parts = Vec::new();
    for word in ["built", "reused", "failed", "blocked", "cancelled"] {
        if count(word) > 0 || matches!(word, "built" | "reused") {
            parts.push(format!("{} {word}", count(word)));
        }
    }
    let end = if report.is_interrupted { "; interrupted" } else { "" };
    format!("{}{end}", parts.join(", "))
}

fn finished(outcome: &Outcome, took: Duration) -> String {
    match outcome {
        Outcome::Failed { causes, .. } => {
            let causes: Vec<String> = causes.iter().map(|cause| printable(cause)).collect();
            format!("failed after {}: {}", seconds(took), causes.join(": "))
        }
        outcome => format!("{}{}", outcome.word(), detail(outcome, took)),
    }
}

fn detail(outcome: &Outcome, took: Duration) -> String {
    match outcome {
        Outcome::Built { steps: 0, .. } => format!(" in {}", seconds(took)),
        Outcome::Built { steps, cached_steps, .. } => {
            format!(" in {}, {cached_steps} of {steps} steps cached", seconds(took))
        }
        Outcome::Blocked { by } => format!(": `{by}` failed, which it needs"),
        Outcome::Failed { .. } => format!(" after {}", seconds(took)),
        Outcome::Reused { .. } | Outcome::Cancelled => String::new(),
    }
}

fn reasons(text: &mut String, because: &[Reason]) {
    // An unknown base is the same reason for all, and stands in the first line.
    let own: Vec<&Reason> =
        because.iter().filter(|reason| !matches!(reason, Reason::BaseUnknown { .. })).collect();
    // A line that says there is one more is no shorter than that one.
    let shown = if own.len() == MOST_REASONS + 1 { own.len() } else { MOST_REASONS };
    for reason in own.iter().take(shown) {
        line(text, format_args!("  because {reason}"));
    }
    if let more @ 1.. = own.len().saturating_sub(shown) {
        line(text, format_args!("  and {more} more reasons: `chinampa why` names them all"));
    }
}

fn summary(plan: &Plan) -> String {
    let count = |wanted: fn(&Action) -> bool| plan.steps.iter().filter(|step| wanted(&step.action)).count();
    let (build, reuse) =
        (count(|action| *action == Action::Build), count(|action| matches!(action, Action::Reuse(_))));
    if build + reuse > 0 {
        return format!("{build} to build, {reuse} to reuse");
    }
    let affected = count(|action| *action == Action::Affected);
    format!("{affected} affected, {} not", plan.steps.len() - affected)
}

fn action(action: &Action) -> &'static str {
    match action {
        Action::Build => "build",
        Action::Reuse(_) => "reuse",
        Action::Affected => "affected",
        Action::Unaffected => "unaffected",
    }
}

fn digest(step: &Step) -> String {
    step.inputs.map(|inputs| format!(" {}", inputs.digest.short())).unwrap_or_default()
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

fn line(text: &mut String, line: impl std::fmt::Display) {
    writeln!(text, "{line}").expect("a string can be written to");
}
