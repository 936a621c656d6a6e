//! What differs between a run and the one before it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::seconds;
use crate::report::escape::Text;
use crate::report::runs::short;
use crate::runs::{Project, ProjectOutcome, Run};

/// How much longer or shorter a build must take to be named.
const MIN_SECONDS: f64 = 0.5;
const MIN_RATIO: f64 = 0.1;

/// How many projects are named.
const MAX_ROWS: usize = 50;

/// A project that differs from the run before.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Difference<'r> {
    pub(super) position: usize,
    project: &'r Project,
    before: &'r Project,
    /// Positive: it took longer.
    pub(super) seconds: f64,
    what: String,
}

/// The projects that took noticeably longer or shorter, missed a cache, or ended otherwise: first those that have no image any
/// more, then the one that lost most time.
pub(super) fn differences<'r>(run: &'r Run, before: &'r Run) -> Vec<Difference<'r>> {
    let earlier: BTreeMap<&str, &Project> =
        before.projects.iter().map(|project| (project.name.as_str(), project)).collect();
    let mut differences = Vec::new();
    for (position, project) in run.projects.iter().enumerate() {
        let Some(before) = earlier.get(project.name.as_str()) else { continue };
        let seconds = project.seconds - before.seconds;
        if let Some(what) = what(project, before, seconds) {
            differences.push(Difference { position, project, before, seconds, what });
        }
    }
    differences.sort_by(|one, other| {
        let order = other.is_lost().cmp(&one.is_lost());
        order.then(other.seconds.total_cmp(&one.seconds))
    });
    differences
}

impl Difference<'_> {
    /// Whether it had an image before, and has none now.
    fn is_lost(&self) -> bool {
        !has_image(self.project.outcome) && has_image(self.before.outcome)
    }
}

fn has_image(outcome: ProjectOutcome) -> bool {
    use ProjectOutcome::{Built, BuiltElsewhere, Pulled, Reused};
    matches!(outcome, Built | BuiltElsewhere | Pulled | Reused)
}

fn what(project: &Project, before: &Project, seconds: f64) -> Option<String> {
    use ProjectOutcome::{Built, Failed, Pulled, Reused};
    match (before.outcome, project.outcome) {
        (Reused | Pulled, Built) => {
            Some(match project.reasons.iter().rfind(|reason| !reason.starts_with("the cache has")) {
                Some(reason) => format!("was reused, now built: {reason}"),
                None => "was reused, now built: the cache has no image of these inputs".to_owned(),
            })
        }
        // So it should be.
        (Built, Reused | Pulled) => None,
        (Built, Built) => {
            if let Some(step) = first_miss(project, before) {
                return Some(format!("the layer cache was missed from this step on: {step}"));
            }
            let is_noticeable = seconds.abs() >= MIN_SECONDS && seconds.abs() >= MIN_RATIO * before.seconds;
            let slowest = slowest_change(project, before, seconds);
            is_noticeable.then(|| slowest.unwrap_or_else(|| "no single step explains it".to_owned()))
        }
        (Failed, Failed) => None,
        (one, other) if one == other => None,
        (one, other) => Some(format!("was {}, now {}", one.label(), other.label())),
    }
}

/// The first step that ran now and came from the cache before.
fn first_miss<'r>(project: &'r Project, before: &Project) -> Option<&'r str> {
    let was_cached = |name: &str| before.steps.iter().any(|step| step.cached && step.name == name);
    let missed =
        project.steps.iter().find(|step| !step.cached && is_counted(&step.name) && was_cached(&step.name));
    missed.map(|step| step.name.as_str())
}

/// Whether the layer cache can have the step: other work of the engine has no number.
fn is_counted(name: &str) -> bool {
    name.starts_with('[') && !name.contains("] FROM ")
}

/// The step that explains at least half of the difference.
fn slowest_change(project: &Project, before: &Project, seconds: f64) -> Option<String> {
    let earlier: BTreeMap<&str, f64> =
        before.steps.iter().map(|step| (step.name.as_str(), step.seconds)).collect();
    let changes = project.steps.iter().map(|step| {
        let before = earlier.get(step.name.as_str()).copied();
        (step, (step.seconds - before.unwrap_or_default()) * seconds.signum(), before)
    });
    let (step, change, before) = changes.max_by(|one, other| one.1.total_cmp(&other.1))?;
    let name = &step.name;
    let took = self::seconds(step.seconds);
    (change >= seconds.abs() / 2.0).then(|| match before {
        None => format!("this step is new and took {took}: {name}"),
        Some(before) if step.cached => {
            format!("this step was cached and took {} before: {name}", self::seconds(before))
        }
        Some(before) => format!("this step took {took}, and {} before: {name}", self::seconds(before)),
    })
}

/// The section of the page.
pub(super) fn section(page: &mut String, run: &Run, before: &Run, differences: &[Difference<'_>]) {
    let number = before.number.map(|number| format!(" {number}")).unwrap_or_default();
    write!(
        page,
        "<section id=\"comparison\" aria-labelledby=\"comparison-h\"><h2 id=\"comparison-h\">Compared with the run before</h2>\
         <p>The last run of the same projects: run{number} of {} on <code>{}</code>: {}.",
        Text(&before.started),
        Text(short(&before.head)),
        before.state.label(),
    )
    .expect("a string takes any text");
    if let (Some(now), Some(earlier)) = (run.seconds, before.seconds) {
        write!(page, " It took {}; this one took {}.", seconds(earlier), seconds(now))
            .expect("a string takes any text");
    }
    page.push_str("</p>");
    if differences.is_empty() {
        page.push_str(
            "<p>No project took noticeably longer or shorter, and none ended differently.</p></section>\n",
        );
        return;
    }
    page.push_str(
        "<div class=\"scroll\" role=\"region\" aria-label=\"Differences\" tabindex=\"0\"><table><thead><tr><th scope=\"col\">Project</th>\
         <th scope=\"col\" class=\"number\">Before</th><th scope=\"col\" class=\"number\">Now</th>\
         <th scope=\"col\" class=\"number\">Difference</th><th scope=\"col\">What changed</th></tr></thead><tbody>\n",
    );
    for Difference { position, project, before, seconds, what } in differences.iter().take(MAX_ROWS) {
        writeln!(
            page,
            "<tr><th scope=\"row\"><a href=\"#p-{position}\">{}</a></th><td class=\"number\">{}</td><td class=\"number\">{}</td>\
             <td class=\"number\">{}</td><td>{}</td></tr>",
            Text(&project.name),
            took(before),
            took(project),
            delta(*seconds),
            Text(what),
        )
        .expect("a string takes any text");
    }
    page.push_str("</tbody></table></div>");
    if let more @ 1.. = differences.len().saturating_sub(MAX_ROWS) {
        write!(page, "<p>and {more} more</p>").expect("a string takes any text");
    }
    page.push_str("</section>\n");
}

fn took(project: &Project) -> String {
    match project.start {
        Some(_) => seconds(project.seconds),
        None => project.outcome.label().to_owned(),
    }
}

/// A difference with its sign, and with an arrow where it is noticeable.
pub(super) fn delta(seconds: f64) -> String {
    let arrow = match seconds {
        longer if longer >= MIN_SECONDS => "▲ ",
        shorter if shorter <= -MIN_SECONDS => "▼ ",
        _ => "",
    };
    format!("{arrow}{seconds:+.1} s")
}
