//! The order of jobs: a runner that takes them in this order starts with the longest path.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::graph::ProjectGraph;
use crate::model::ProjectName;

/// The projects that are built and, for each, those of them that it waits for. Each comes after all of these.
///
/// An edge leads through projects that are reused: `build` looks at everything that a project needs, and would build a
/// missing image behind a reused one a second time.
pub(super) fn longest_path_first<'g>(
    graph: &'g ProjectGraph,
    builds: &BTreeSet<ProjectName>,
    durations: &BTreeMap<ProjectName, Duration>,
) -> Vec<(&'g ProjectName, BTreeSet<&'g ProjectName>)> {
    let needs = needs_among(graph, builds);
    let guess = mean(durations.values()).unwrap_or(Duration::from_secs(1));
    let mut remaining: BTreeMap<&ProjectName, Duration> = BTreeMap::new();
    // Of the dependents that were seen already, which is all of them.
    let mut longest: BTreeMap<&ProjectName, Duration> = BTreeMap::new();
    for (project, needs) in needs.iter().rev() {
        let own = durations.get(*project).copied().unwrap_or(guess);
        let path = own.saturating_add(longest.get(project).copied().unwrap_or_default());
        remaining.insert(project, path);
        for need in needs {
            let of_need = longest.entry(need).or_default();
            *of_need = path.max(*of_need);
        }
    }
    let mut sorted = needs;
    // Stable: of equal ones, dependencies stay first.
    sorted.sort_by_key(|(project, _)| Reverse(remaining[project]));
    sorted
}

/// Those that are built, dependencies first.
fn needs_among<'g>(
    graph: &'g ProjectGraph,
    builds: &BTreeSet<ProjectName>,
) -> Vec<(&'g ProjectName, BTreeSet<&'g ProjectName>)> {
    let mut nearest: BTreeMap<&ProjectName, BTreeSet<&ProjectName>> = BTreeMap::new();
    let mut found = Vec::new();
    for node in graph.nodes() {
        let mut needs = BTreeSet::new();
        for need in node.needs() {
            if builds.contains(need.name()) {
                needs.insert(need.name());
            } else if let Some(behind) = nearest.get(need.name()) {
                needs.extend(behind);
            }
        }
        if builds.contains(node.name()) {
            found.push((node.name(), needs));
        } else if !needs.is_empty() {
            nearest.insert(node.name(), needs);
        }
    }
    found
}

fn mean<'d>(durations: impl ExactSizeIterator<Item = &'d Duration>) -> Option<Duration> {
    let count = u32::try_from(durations.len()).ok()?;
    let total = durations.fold(Duration::ZERO, |total, next| total.saturating_add(*next));
    total.checked_div(count)
}
