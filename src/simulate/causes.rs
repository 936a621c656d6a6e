//! Why projects change, and how that spreads to what needs them.

use std::collections::{BTreeSet, HashMap};

use crate::model::ProjectName;
use crate::workspace::Workspace;

/// Why a project would be built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Cause {
    #[default]
    None,
    /// By this line, and not without it.
    Line(usize),
    /// Whatever any one line says.
    Several,
}

impl Cause {
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::None, cause) | (cause, Self::None) => cause,
            (one, other) if one == other => one,
            _ => Self::Several,
        }
    }
}

/// What one commit changed, by the numbers of projects and lines.
#[derive(Clone, Debug)]
pub(super) struct Causes {
    /// Why each project's own inputs changed, by the patterns as they are.
    pub(super) declared: Vec<Cause>,
    /// Whether they changed by inferred patterns.
    pub(super) inferred: Vec<bool>,
    /// Lines that took something.
    pub(super) lines: BTreeSet<usize>,
}

impl Causes {
    pub(super) fn of_nothing(projects: usize) -> Self {
        Self {
            declared: vec![Cause::None; projects],
            inferred: vec![false; projects],
            lines: BTreeSet::new(),
        }
    }

    /// Notes that a project changed whatever its patterns say.
    pub(super) fn imply(&mut self, project: usize) {
        self.declared[project] = Cause::Several;
        self.inferred[project] = true;
    }
}

/// The dependencies of each project, projects being numbered by their names.
pub(super) struct Graph {
    /// Each after everything that it needs.
    order: Vec<usize>,
    needs: Vec<Vec<usize>>,
}

impl Graph {
    pub(super) fn new(workspace: &Workspace) -> Self {
        let numbers: HashMap<&ProjectName, usize> = workspace.projects.keys().zip(0..).collect();
        let needs = workspace
            .projects
            .keys()
            .map(|name| workspace.graph.needs(name).into_iter().map(|need| numbers[need]).collect());
        Self { order: workspace.graph.order().map(|name| numbers[name]).collect(), needs: needs.collect() }
    }

    /// Spreads what changed to all that needs it.
    fn spread<T: Copy>(&self, own: &[T], and: impl Fn(T, T) -> T) -> Vec<T> {
        let mut all = own.to_vec();
        for &project in &self.order {
            all[project] =
                self.needs[project].iter().fold(all[project], |cause, &need| and(cause, all[need]));
        }
        all
    }
}

/// What all commits together cost.
pub(super) struct Tally {
    pub(super) declared: Vec<usize>,
    pub(super) inferred: Vec<usize>,
    pub(super) lines: Vec<Cost>,
}

#[derive(Clone, Copy, Default)]
pub(super) struct Cost {
    pub(super) commits: usize,
    pub(super) only: usize,
    pub(super) builds: usize,
}

impl Tally {
    pub(super) fn new(projects: usize, lines: usize) -> Self {
        Self { declared: vec![0; projects], inferred: vec![0; projects], lines: vec![Cost::default(); lines] }
    }

    pub(super) fn add(&mut self, graph: &Graph, causes: &Causes) {
        let alone: BTreeSet<usize> = causes.declared.iter().filter_map(|cause| line(*cause)).collect();
        for &line in &causes.lines {
            self.lines[line].commits += 1;
            self.lines[line].only += usize::from(alone.contains(&line));
        }
        for (project, cause) in graph.spread(&causes.declared, Cause::and).into_iter().enumerate() {
            self.declared[project] += usize::from(cause != Cause::None);
            if let Some(line) = line(cause) {
                self.lines[line].builds += 1;
            }
        }
        for (project, is_built) in
            graph.spread(&causes.inferred, |one, other| one || other).into_iter().enumerate()
        {
            self.inferred[project] += usize::from(is_built);
        }
    }
}

fn line(cause: Cause) -> Option<usize> {
    match cause {
        Cause::Line(line) => Some(line),
        Cause::None | Cause::Several => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 0 ← 1 ← 2, and 3 needs 0 and 2.
    fn graph() -> Graph {
        Graph { order: vec![0, 1, 2, 3], needs: vec![vec![], vec![0], vec![1], vec![0, 2]] }
    }

    fn tally(declared: [Cause; 4], lines: &[usize]) -> Tally {
        let mut tally = Tally::new(4, 3);
        let lines = lines.iter().copied().collect();
        tally.add(&graph(), &Causes { declared: declared.to_vec(), inferred: vec![false; 4], lines });
        tally
    }

    #[test]
    fn a_line_costs_what_would_not_be_built_without_it() {
        use Cause::{Line, None};

        let one = tally([Line(0), None, None, None], &[0]);
        let two = tally([Line(0), None, Line(1), None], &[0, 1]);

        assert_eq!(one.declared, [1, 1, 1, 1]);
        assert_eq!(one.lines[0].builds, 4);
        assert_eq!(two.declared, [1, 1, 1, 1]);
        assert_eq!([two.lines[0].builds, two.lines[1].builds], [2, 0]);
        assert_eq!([two.lines[0].only, two.lines[1].only], [1, 1]);
    }

    #[test]
    fn a_line_that_is_not_the_only_reason_costs_nothing() {
        let several = tally([Cause::Several, Cause::None, Cause::None, Cause::None], &[0, 1]);

        assert_eq!(several.declared, [1, 1, 1, 1]);
        assert!(several.lines.iter().all(|cost| (cost.only, cost.builds) == (0, 0)));
        assert_eq!(several.lines[0].commits, 1);
    }

    #[test]
    fn a_line_of_several_projects_costs_what_all_of_them_cost() {
        use Cause::{Line, None};

        let shared = tally([Line(2), None, Line(2), None], &[2]);

        assert_eq!((shared.lines[2].only, shared.lines[2].builds), (1, 4));
    }
}
