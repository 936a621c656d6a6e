//! The table of projects: a row each, which opens to its details.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::comparison::{Difference, delta};
use super::details::{self, ReadLog};
use super::{mark, seconds};
use crate::report::escape::Text;
use crate::runs::{Project, Run};

/// What a page of 300 projects may have at most.
const MAX_PAGE_BYTES: usize = 960_000;

/// Style, script, title, and what stands around a row's details.
const FRAME_BYTES: usize = 40_000;

/// The section of the page.
pub(super) fn section(
    page: &mut String,
    run: &Run,
    before: Option<&Run>,
    differences: &[Difference<'_>],
    log: ReadLog<'_>,
) {
    let notable: BTreeMap<usize, f64> =
        differences.iter().map(|difference| (difference.position, difference.seconds)).collect();
    let earlier: BTreeMap<&str, &Project> = before.map_or_else(BTreeMap::new, |before| {
        before.projects.iter().map(|project| (project.name.as_str(), project)).collect()
    });
    page.push_str(
        "<section id=\"projects\" aria-labelledby=\"projects-h\"><h2 id=\"projects-h\">Projects</h2>\n\
         <p id=\"shown\" role=\"status\"></p>\n\
         <div class=\"scroll\" role=\"region\" aria-label=\"Table of projects\" tabindex=\"0\"><table id=\"table\"><thead><tr>",
    );
    let columns = [
        ("name", "Project", ""),
        ("outcome", "Outcome", ""),
        ("seconds", "Time", "number"),
        ("delta", "Difference", "number"),
        ("cached", "Steps cached", "number"),
    ];
    for (key, name, class) in columns {
        write!(
            page,
            "<th scope=\"col\" class=\"{class}\" aria-sort=\"none\"><button type=\"button\" data-sort=\"{key}\">{name}</button></th>"
        )
        .expect("a string takes any text");
    }
    page.push_str("<th scope=\"col\">Why</th></tr></thead>\n");
    // What failed comes first, and what took long.
    let mut order: Vec<usize> = (0..run.projects.len()).collect();
    order.sort_by(|&one, &other| {
        let (one, other) = (&run.projects[one], &run.projects[other]);
        one.outcome.cmp(&other.outcome).then(other.seconds.total_cmp(&one.seconds))
    });
    let difference = |at: usize| {
        let project = &run.projects[at];
        notable.get(&at).copied().or_else(|| {
            let before = earlier.get(project.name.as_str())?;
            (project.start.is_some() && before.start.is_some()).then_some(project.seconds - before.seconds)
        })
    };
    let rows: Vec<String> =
        run.projects.iter().enumerate().map(|(at, project)| row(at, project, difference(at))).collect();
    let taken = page.len() + rows.iter().map(String::len).sum::<usize>() + FRAME_BYTES;
    let details = details::of_all(run, log, MAX_PAGE_BYTES.saturating_sub(taken));
    for at in order {
        writeln!(page, "{}{}</div></tbody>", rows[at], details[at]).expect("a string takes any text");
    }
    page.push_str("</table></div></section>\n");
}

/// The row of a project, up to where its details begin.
fn row(at: usize, project: &Project, difference: Option<f64>) -> String {
    let outcome = project.outcome.label();
    let name = Text(&project.name);
    let cached =
        project.counted_steps.map(|steps| format!("{} of {}", steps.cached, steps.all)).unwrap_or_default();
    let took = project.start.map(|_| seconds(project.seconds)).unwrap_or_default();
    let difference_shown = difference.map(delta).unwrap_or_default();
    format!(
        "<tbody id=\"p-{at}\" data-name=\"{name}\" data-outcome=\"{outcome}\" data-seconds=\"{:.3}\" data-delta=\"{:.3}\" data-cached=\"{:.3}\">\
         <tr><th scope=\"row\"><button type=\"button\" class=\"open\" aria-expanded=\"false\" aria-controls=\"d-{at}\">{name}</button>\
         <td><span class=\"badge {outcome}\">{} {outcome}</span><td class=\"number\">{took}<td class=\"number\">{difference_shown}\
         <td class=\"number\">{cached}<td class=\"why\">{}\n\
         <tr id=\"d-{at}\" class=\"details\" hidden><td colspan=\"6\"><div class=\"body\">",
        project.seconds,
        difference.unwrap_or_default(),
        project.counted_steps.map_or(-1.0, |steps| share(steps.cached, steps.all)),
        mark(project.outcome),
        Text(&why(project)),
    )
}

/// In one line.
fn why(project: &Project) -> String {
    if let Some(by) = &project.blocked_by {
        return format!("{by} failed");
    }
    if let Some(failure) = &project.failure {
        let step = failure.step.as_deref().unwrap_or_default();
        let cause = failure.causes.last().map(String::as_str).unwrap_or_default();
        let failed = match failure.exit_code {
            Some(code) => format!("exit code {code} in {step}"),
            None => format!("{cause} {step}"),
        };
        return match reasons(project) {
            reasons if reasons.is_empty() => failed,
            reasons => format!("{}; to be built because {reasons}", failed.trim_end()),
        };
    }
    reasons(project)
}

/// Why it was to be built, in one line; empty where nothing was.
fn reasons(project: &Project) -> String {
    // That the cache has no image is so for all that is built: what changed says more.
    let says_more = project.reasons.iter().find(|reason| !reason.starts_with("the cache has no image"));
    let first = says_more.or(project.reasons.first()).cloned().unwrap_or_default();
    match project.reasons.len() + project.more_reasons {
        0 | 1 => first,
        all => format!("{first} (+{})", all - 1),
    }
}

fn share(part: usize, all: usize) -> f64 {
    let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    if all == 0 { 0.0 } else { number(part) / number(all) }
}
