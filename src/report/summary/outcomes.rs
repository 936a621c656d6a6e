//! The rows of images that are there now: built ones with their times, the slowest first.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{Detail, Layout};
use crate::execute::{BuildReport, Outcome, ProjectReport};
use crate::model::{ProjectName, printable};
use crate::plan::Plan;
use crate::report::styled::{Role, StyledText, columns_of, padded};
use crate::report::time;

/// Up to how many projects are listed that were built or pulled.
const MAX_LISTED: usize = 6;

/// Up to so many columns names are padded.
const MAX_NAME_COLUMNS: usize = 30;

pub(super) fn rows(text: &mut StyledText, plan: &Plan, report: &BuildReport, layout: Layout) {
    let steps = plan.steps.iter().map(|step| &step.impact.project);
    let all: Vec<(&ProjectName, &ProjectReport)> =
        steps.filter_map(|name| Some((name, report.projects.get(name)?))).collect();
    if layout.detail == Detail::Full {
        for (name, project) in &all {
            if let Outcome::Reused { image, .. } = &project.outcome {
                text.push(Layout::row(Role::Plain, "reused").plain(&format!("{name} as {image}")));
            }
        }
    }
    elsewhere(text, &all, layout);
    for (label, role) in [("pulled", Role::Plain), ("built", Role::Success)] {
        let of_outcome = all.iter().filter(|(_, project)| project.outcome.label() == label).copied();
        listed(text, (label, role), of_outcome.collect(), layout);
    }
}

/// What other jobs of the run built, by job.
fn elsewhere(text: &mut StyledText, all: &[(&ProjectName, &ProjectReport)], layout: Layout) {
    let mut of_jobs: BTreeMap<Option<&str>, Vec<&ProjectName>> = BTreeMap::new();
    for (name, project) in all {
        if let Outcome::BuiltElsewhere { by, .. } = &project.outcome {
            of_jobs.entry(by.as_deref()).or_default().push(name);
        }
    }
    for (by, names) in of_jobs {
        let row = Layout::row(Role::Plain, "elsewhere").plain(&layout.names(&names));
        let by = by.map_or_else(|| " built by another job".to_owned(), |by| format!(" built by {by}"));
        text.push(layout.cut(row.plain(&by)));
    }
}

fn listed(
    text: &mut StyledText,
    (label, role): (&str, Role),
    mut projects: Vec<(&ProjectName, &ProjectReport)>,
    layout: Layout,
) {
    projects.sort_by_key(|(_, project)| Reverse(project.took));
    let (shown, more) = projects.split_at(layout.shown(projects.len(), MAX_LISTED));
    let columns =
        |columns: &dyn Fn(&(&ProjectName, &ProjectReport)) -> usize| shown.iter().map(columns).max();
    let name_columns = columns(&|(name, _)| columns_of(name.as_str())).unwrap_or_default();
    let name_columns = name_columns.min(MAX_NAME_COLUMNS);
    let time_columns = columns(&|(_, project)| time::measured(project.took).len()).unwrap_or_default();
    for (name, project) in shown {
        let took = time::measured(project.took);
        let line = Layout::row(role, label)
            .plain(&padded(name.as_str(), name_columns))
            .plain(&format!("  {took:>time_columns$}"));
        let line = match &project.outcome {
            Outcome::Built { steps: steps @ 1.., cached_steps, .. } => {
                line.text(Role::Dim, &format!("  {cached_steps} of {steps} steps cached"))
            }
            _ => line,
        };
        text.push(layout.cut(line));
        if let (Detail::Full, Some(image)) = (layout.detail, project.image()) {
            text.push(Layout::continued().plain(&format!("as {image}")));
        }
        if let (Detail::Full, Outcome::Built { builders, .. }) = (layout.detail, &project.outcome) {
            let on = |(platform, builder): (&String, &String)| {
                Layout::continued().plain(&format!("{} on {}", printable(platform), printable(builder)))
            };
            text.extend(builders.iter().map(on));
        }
        if let (Detail::Full, Outcome::Pulled { from, .. }) = (layout.detail, &project.outcome) {
            text.push(Layout::continued().plain(&format!("from {from}")));
        }
    }
    if let Some((_, slowest)) = more.first() {
        let more = format!("{} more in at most {} each", more.len(), time::measured(slowest.took));
        text.push(Layout::row(role, label).text(Role::Dim, &more));
    }
}
