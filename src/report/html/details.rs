//! What a project's row opens to: why, what failed, digests, steps and the log, within the size of the page.

use std::fmt::Write as _;

use super::seconds;
use crate::report::escape::{Lines, Text};
use crate::runs::{PlatformBuilder, Project, ProjectOutcome, Run};

/// A shorter excerpt of a log says nothing.
const MIN_LOG: usize = 300;
/// Of the log of a failed project.
const MAX_FAILED_LOG: usize = 96_000;
/// Of any other log.
const MAX_LOG: usize = 6_000;
/// Steps are all shown, or the slowest ones.
const MIN_STEPS: usize = 2;
/// How many reasons of a project are shown.
const MAX_REASONS: usize = 3;

/// The last lines of a project's log, at most so many bytes, and whether there are lines before them; `None` where there is none.
pub type ReadLog<'l> = &'l dyn Fn(&Project, usize) -> Option<(String, bool)>;

/// For each project what its row opens to; `max_bytes` are for all of them, and steps and logs get what the rest leaves.
pub(super) fn of_all(run: &Run, log: ReadLog<'_>, max_bytes: usize) -> Vec<String> {
    let size = |texts: &[String]| texts.iter().map(String::len).sum::<usize>();
    let first: Vec<String> = run.projects.iter().map(reasons).collect();
    let last: Vec<String> = run.projects.iter().map(facts).collect();
    let left = max_bytes.saturating_sub(size(&first) + size(&last));
    // Failed projects may take half of it, and steps half of the rest.
    let is_failed = |project: &Project| project.outcome == ProjectOutcome::Failed;
    let failed = run.projects.iter().filter(|project| is_failed(project)).count().max(1);
    let of_failed = (left / 2 / failed).min(MAX_FAILED_LOG);
    let mut logs: Vec<String> = run
        .projects
        .iter()
        .map(|project| match is_failed(project) {
            true => log_of(project, of_failed, log),
            false => String::new(),
        })
        .collect();
    let left = left.saturating_sub(size(&logs));
    let max_steps = max_steps(run, left / 2);
    let steps: Vec<String> = run.projects.iter().map(|project| steps_of(project, max_steps)).collect();
    let left = left.saturating_sub(size(&steps));
    let others = run.projects.iter().filter(|project| project.log.is_some() && !is_failed(project)).count();
    let of_other = (left / others.max(1)).saturating_sub(MIN_LOG).min(MAX_LOG);
    for (project, text) in run.projects.iter().zip(&mut logs).filter(|(project, _)| !is_failed(project)) {
        *text = log_of(project, of_other, log);
    }
    let parts = first.into_iter().zip(steps).zip(logs).zip(last);
    parts.map(|(((first, steps), log), last)| first + &steps + &log + &last).collect()
}

/// How many steps each project shows so that all together have about so many bytes.
fn max_steps(run: &Run, bytes: usize) -> usize {
    let size = |max: usize| -> usize {
        let steps = run.projects.iter().flat_map(|project| project.steps.iter().take(max));
        steps.map(|step| step.name.len() + 90).sum::<usize>() + 200 * run.projects.len()
    };
    let most = run.projects.iter().map(|project| project.steps.len()).max().unwrap_or_default();
    (MIN_STEPS..most)
        .rev()
        .find(|&max| size(max) <= bytes)
        .map_or(MIN_STEPS, |max| if size(most) <= bytes { most } else { max })
}

/// What failed, and why it was built.
fn reasons(project: &Project) -> String {
    let mut text = String::new();
    failure(&mut text, project);
    if project.reasons.is_empty() {
        return text;
    }
    text.push_str("<h3>Why it was built</h3><ul>");
    for reason in project.reasons.iter().take(MAX_REASONS) {
        write!(text, "<li>{}", Text(reason)).expect("a string takes any text");
    }
    if let more @ 1.. = project.reasons.len().saturating_sub(MAX_REASONS) + project.more_reasons {
        write!(text, "<li>and {more} more reasons").expect("a string takes any text");
    }
    text.push_str("</ul>");
    text
}

fn failure(text: &mut String, project: &Project) {
    if let Some(by) = &project.blocked_by {
        write!(text, "<p class=\"error\"><code>{}</code> failed, which it needs.</p>", Text(by))
            .expect("a string takes any text");
    }
    let Some(failure) = &project.failure else { return };
    text.push_str("<div class=\"error\"><h3>Error</h3>");
    if let Some(line) = &failure.line {
        write!(text, "<p>at <code>{}</code></p>", Text(line)).expect("a string takes any text");
    }
    for cause in &failure.causes {
        write!(text, "<p>{}</p>", Text(cause)).expect("a string takes any text");
    }
    if let Some(hint) = &failure.hint {
        write!(text, "<p><strong>Hint:</strong> {}</p>", Text(hint)).expect("a string takes any text");
    }
    text.push_str("</div>");
}

fn steps_of(project: &Project, max: usize) -> String {
    let mut text = String::new();
    if project.steps.is_empty() {
        return text;
    }
    let mut shown: Vec<usize> = (0..project.steps.len()).collect();
    if shown.len() > max {
        let order = |&step: &usize| (project.steps[step].failed, project.steps[step].seconds);
        shown.sort_by(|one, other| {
            let (one, other) = (order(one), order(other));
            other.0.cmp(&one.0).then(other.1.total_cmp(&one.1))
        });
        shown.truncate(max);
        shown.sort_unstable();
    }
    text.push_str(
        "<h3>Steps</h3><table class=\"steps\"><thead><tr><th scope=\"col\">Step<th scope=\"col\" class=\"number\">Start\
         <th scope=\"col\" class=\"number\">Time<tbody>",
    );
    for step in &shown {
        let step = &project.steps[*step];
        let took = match (step.failed, step.cached) {
            (true, _) => format!("failed, {}", seconds(step.seconds)),
            (false, true) => "cached".to_owned(),
            (false, false) => seconds(step.seconds),
        };
        let start = (step.start - project.start.unwrap_or_default()).max(0.0);
        writeln!(
            text,
            "<tr><td><code>{}</code><td class=\"number\">{}<td class=\"number\">{took}",
            Text(&step.name),
            seconds(start)
        )
        .expect("a string takes any text");
    }
    text.push_str("</table>");
    if let more @ 1.. = project.steps.len() - shown.len() {
        write!(text, "<p class=\"quiet\">{more} faster steps are not shown.</p>")
            .expect("a string takes any text");
    }
    text
}

fn log_of(project: &Project, max_bytes: usize, log: ReadLog<'_>) -> String {
    let mut text = String::new();
    if max_bytes < MIN_LOG {
        return text;
    }
    let Some((lines, is_cut)) = log(project, max_bytes) else { return text };
    let what = if is_cut { "the last lines" } else { "all lines" };
    write!(
        text,
        "<h3>Log <span class=\"quiet\">({what})</span></h3><pre tabindex=\"0\" role=\"region\" aria-label=\"Log of {}\">",
        Text(&project.name)
    )
    .expect("a string takes any text");
    // Escapes make it longer: what is kept are the last lines.
    let escaped = Lines(&lines).to_string();
    let from = escaped.len().saturating_sub(max_bytes);
    let start = match from {
        0 => 0,
        from => escaped.as_bytes()[from..]
            .iter()
            .position(|&byte| byte == b'\n')
            .map_or(escaped.len(), |at| from + at + 1),
    };
    text.push_str(&escaped[start..]);
    text.push_str("</pre>");
    text
}

/// Digests and names.
fn facts(project: &Project) -> String {
    let mut text = String::from("<dl>");
    let mut fact = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            write!(text, "<dt>{name}<dd>{}", Text(value)).expect("a string takes any text");
        }
    };
    fact("Image", project.image.as_deref());
    fact("Image digest", project.manifest.as_deref());
    fact("Input digest", Some(&project.digest));
    fact("Input files", Some(&project.files.to_string()));
    let needs = project.needs.join(", ");
    let on = |one: &PlatformBuilder| format!("{} on {}", one.platform, one.builder);
    let builders: Vec<String> = project.builders.iter().map(on).collect();
    fact("Built", Some(builders.join(", ").as_str()).filter(|builders| !builders.is_empty()));
    fact("Dependencies", Some(needs.as_str()).filter(|needs| !needs.is_empty()));
    text.push_str("</dl>");
    text
}
