//! Reports for people, in plain words.

use std::time::Duration;

use crate::engine::Progress;
use crate::execute::{Event, Outcome};
use crate::model::{CommitId, ProjectName, printable_log};
use crate::observe::{Base, Reason};
use crate::plan::{Action, Impact, Plan, ProjectImpact, Step};
use crate::workspace::Workspace;

use super::styled::{Role, StyledLine, StyledText};
use super::summary::Layout;
use super::{Digests, replaced, time};

/// How many reasons a project shows before "and … more".
const MAX_REASONS: usize = 5;

/// The plan: what is done with each project, and why.
pub fn plan(plan: &Plan, workspace: &Workspace, layout: Layout) -> StyledText {
    let mut page = Page { text: StyledText::default(), layout };
    page.line(StyledLine::new().plain(&base(plan.head, plan.is_dirty, &plan.base)));
    page.unreadable_base(plan.steps.iter().flat_map(Step::reasons));
    for step in &plan.steps {
        let (role, action) = match &step.action {
            Action::Build(_) => (Role::Success, "build"),
            Action::Keep(_) | Action::Reuse(_) => (Role::Dim, "reuse"),
        };
        page.project(role, action, &step.impact.project, Some(step.digest.short()));
        page.reasons(step.reasons());
        for replaced in replaced::of_step(workspace, step) {
            page.detail(StyledLine::new().plain(&format!("  {replaced}")));
        }
    }
    let build = plan.builds().count();
    page.total(&format!("{build} to build, {} to reuse", plan.steps.len() - build));
    page.text
}

/// What changes affect, by git alone, and why.
pub fn impact(impact: &Impact, digests: Option<&Digests>, layout: Layout) -> StyledText {
    let mut page = Page { text: StyledText::default(), layout };
    page.line(StyledLine::new().plain(&base(impact.head, impact.is_dirty, &impact.base)));
    page.unreadable_base(impact.projects.iter().flat_map(|project| &project.reasons));
    for ProjectImpact { project, is_affected, reasons, .. } in &impact.projects {
        let (role, label) = match is_affected {
            true => (Role::Success, "affected"),
            false => (Role::Dim, "unaffected"),
        };
        let digest = digests.and_then(|digests| digests.get(project)).map(|(digest, _)| digest.short());
        page.project(role, label, project, digest);
        page.reasons(reasons.iter());
    }
    let affected = impact.projects.iter().filter(|project| project.is_affected).count();
    page.total(&format!("{affected} affected, {} not", impact.projects.len() - affected));
    page.text
}

/// What changes are counted from.
pub fn base(head: CommitId, is_dirty: bool, base: &Base) -> String {
    let uncommitted = if is_dirty { " with uncommitted changes" } else { "" };
    let head = format!("{}{uncommitted}", head.short());
    match base {
        Base::Known { commit, from } => format!("changes of {head} since {} ({from})", commit.short()),
        Base::Unknown { why } => format!("changes of {head} since an unknown base: {why}"),
    }
}

/// One line of plain progress, or `None` for an event that plain progress leaves out.
pub fn event(event: &Event) -> Option<String> {
    match event {
        Event::Started { project } => Some(format!("{project}: building")),
        Event::Claimed { project, by } => Some(format!("{project}: another job builds it, {by}")),
        Event::Pulling { project, image } => Some(format!("{project}: pulling {image}")),
        Event::Pushing { project, image } => Some(format!("{project}: pushing {image}")),
        Event::RetryingPush { project, image, error, delay } => Some(format!(
            "{project}: retrying the push of {image} in {}: {}",
            seconds(*delay),
            printable_log(error)
        )),
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
            Progress::Warning { text, url } => {
                let url = url.as_deref().map(|url| format!(" ({})", printable_log(url))).unwrap_or_default();
                Some(format!("{project}: warning: {}{url}", printable_log(text)))
            }
            // Output is not an event by itself: it is written whole.
            Progress::Log { .. } | Progress::StepStarted { .. } => None,
        },
    }
}

/// How long a run will take; `None` where that is not worth a line.
pub fn estimate(estimated: Duration) -> Option<String> {
    let is_long = estimated >= Duration::from_secs(10);
    is_long.then(|| format!("this takes about {}, as long as builds took before", time::estimated(estimated)))
}

fn finished(outcome: &Outcome, took: Duration) -> String {
    match outcome {
        Outcome::Failed(failure) => {
            let at = failure.at.as_ref().map(|at| format!(" at {at}")).unwrap_or_default();
            format!("failed after {}{at}: {}", seconds(took), failure.in_short())
        }
        outcome => format!("{}{}", outcome.label(), detail(outcome, took)),
    }
}

fn detail(outcome: &Outcome, took: Duration) -> String {
    match outcome {
        Outcome::Built { steps: 0, .. } => format!(" in {}", seconds(took)),
        Outcome::Built { steps, cached_steps, .. } => {
            format!(" in {}, {cached_steps} of {steps} steps cached", seconds(took))
        }
        Outcome::BuiltElsewhere { by, .. } => by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default(),
        Outcome::Pulled { .. } => format!(" in {}", seconds(took)),
        Outcome::Blocked { by } => format!(": `{by}` failed, which it needs"),
        Outcome::Failed { .. } => format!(" after {}", seconds(took)),
        Outcome::Reused { .. } | Outcome::Cancelled => String::new(),
    }
}

/// Text that is being written.
struct Page {
    text: StyledText,
    layout: Layout,
}

impl Page {
    fn line(&mut self, line: StyledLine) {
        self.layout.push(&mut self.text, line, 2);
    }

    /// A line that belongs to the project above.
    fn detail(&mut self, line: StyledLine) {
        self.layout.push(&mut self.text, line, 4);
    }

    fn total(&mut self, text: &str) {
        self.line(StyledLine::new().text(Role::Strong, text));
    }

    fn project(&mut self, role: Role, label: &str, project: &ProjectName, digest: Option<String>) {
        let line = StyledLine::new().text(role, label).plain(" ");
        let line = line.text(Role::Strong, &format!("`{project}`"));
        let digest = digest.map(|digest| format!(" {digest}")).unwrap_or_default();
        self.line(line.text(Role::Dim, &digest));
    }

    /// Says once what is so for all projects.
    fn unreadable_base<'r>(&mut self, mut reasons: impl Iterator<Item = &'r Reason>) {
        if let Some(reason) = reasons.find(|reason| matches!(reason, Reason::UnreadableBase { .. })) {
            self.line(StyledLine::new().plain(&format!("all are affected: {reason}")));
        }
    }

    fn reasons<'r>(&mut self, reasons: impl Iterator<Item = &'r Reason>) {
        // A base that is unknown or can't be read is the same reason for all, and stands in the first lines.
        let is_own =
            |reason: &&Reason| !matches!(reason, Reason::BaseUnknown { .. } | Reason::UnreadableBase { .. });
        let own: Vec<&Reason> = reasons.filter(is_own).collect();
        // A line that says there is one more is no shorter than that one.
        let shown = if own.len() == MAX_REASONS + 1 { own.len() } else { MAX_REASONS };
        for reason in own.iter().take(shown) {
            let line = StyledLine::new().text(Role::Dim, "  because ");
            self.detail(line.plain(&reason.to_string()));
        }
        if let more @ 1.. = own.len().saturating_sub(shown) {
            let line = format!("  and {more} more reasons: `chinampa why` names them all");
            self.detail(StyledLine::new().text(Role::Dim, &line));
        }
    }
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}
