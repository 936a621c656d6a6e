//! The chain of dependencies that took longest: with any number of slots, a run takes at least as long.

use std::collections::BTreeMap;

use crate::runs::{Project, Run};

/// The projects of the longest chain, the first one first, and how many seconds they took together.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct CriticalPath {
    /// By their positions in the run.
    pub(super) projects: Vec<usize>,
    pub(super) seconds: f64,
}

impl CriticalPath {
    /// Finds it among the projects that were started.
    pub(super) fn of(run: &Run) -> Self {
        // For each project, the seconds up to its end and the one before it in its chain.
        let mut chains: BTreeMap<&str, (f64, Option<&str>)> = BTreeMap::new();
        let started = |project: &&Project| project.start.is_some();
        for project in run.projects.iter().filter(started) {
            let needs =
                project.needs.iter().filter_map(|need| Some((chains.get(need.as_str())?.0, need.as_str())));
            let before = needs.max_by(|one, other| one.0.total_cmp(&other.0));
            let seconds = before.map_or(0.0, |(seconds, _)| seconds) + project.seconds;
            chains.insert(&project.name, (seconds, before.map(|(_, need)| need)));
        }
        let last = chains.iter().max_by(|one, other| one.1.0.total_cmp(&other.1.0));
        let Some((last, (seconds, _))) = last else { return Self::default() };
        let positions: BTreeMap<&str, usize> =
            run.projects.iter().zip(0..).map(|(project, at)| (project.name.as_str(), at)).collect();
        let mut projects = Vec::new();
        let mut next = Some(*last);
        while let Some(name) = next {
            projects.push(positions[name]);
            next = chains[name].1;
        }
        projects.reverse();
        Self { projects, seconds: *seconds }
    }

    pub(super) fn contains(&self, position: usize) -> bool {
        self.projects.contains(&position)
    }
}
