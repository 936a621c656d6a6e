//! What changes affect: projects that differ from the base, and all that need them.

use std::collections::BTreeSet;

use crate::graph::{NeedsAmong, Node, NodeSet, ProjectGraph};
use crate::model::{CommitId, ProjectName};
use crate::observe::{Base, Changes, Reason};

/// What the changes since a base affect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Impact {
    pub head: CommitId,
    pub is_dirty: bool,
    pub base: Base,
    /// The selected projects, dependencies first.
    pub projects: Vec<ProjectImpact>,
}

/// Whether the changes affect one project, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectImpact {
    pub project: ProjectName,
    /// Whether it differs from the base by itself.
    pub is_changed: bool,
    /// Whether it, or something that it needs, does.
    pub is_affected: bool,
    /// What it needs itself, in name order.
    pub needs: Vec<ProjectName>,
    /// Its direct changes, and the first of each changed project that it needs. Empty exactly if it is not affected.
    pub reasons: Vec<Reason>,
}

impl Impact {
    pub fn project(&self, project: &ProjectName) -> Option<&ProjectImpact> {
        self.projects.iter().find(|impact| impact.project == *project)
    }
}

/// Spreads the changes to everything that needs what changed.
pub fn impact(graph: &ProjectGraph, changes: &Changes, selected: &BTreeSet<ProjectName>) -> Impact {
    let changed = match changes.base {
        Base::Known { .. } => {
            let changed = changes.direct.iter().filter(|(_, reasons)| !reasons.is_empty());
            graph.set(changed.map(|(name, _)| name))
        }
        Base::Unknown { .. } => graph.set_of_all(),
    };
    let changed_needs = match changes.base {
        Base::Known { .. } => graph.needs_among(&changed),
        // Each has one reason: that nothing is known.
        Base::Unknown { .. } => graph.needs_among(&graph.set([])),
    };
    let affected = graph.set_with_dependents(&changed);
    let spread = Spread { changes, changed, changed_needs, affected };
    let are_all_selected = selected.len() == graph.len();
    let mut projects = Vec::with_capacity(selected.len());
    let is_selected = |node: &Node<'_>| are_all_selected || selected.contains(node.name());
    projects.extend(graph.nodes().filter(is_selected).map(|node| spread.project(node)));
    Impact { head: changes.head, is_dirty: changes.is_dirty, base: changes.base.clone(), projects }
}

struct Spread<'a> {
    changes: &'a Changes,
    changed: NodeSet,
    changed_needs: NeedsAmong,
    affected: NodeSet,
}

impl Spread<'_> {
    fn project(&self, node: Node<'_>) -> ProjectImpact {
        let is_affected = self.affected.contains(node);
        ProjectImpact {
            project: node.name().clone(),
            is_changed: self.changed.contains(node),
            is_affected,
            needs: node.needs().map(|need| need.name().clone()).collect(),
            reasons: if is_affected { self.reasons(node) } else { Vec::new() },
        }
    }

    fn reasons(&self, node: Node<'_>) -> Vec<Reason> {
        let Changes { base, direct, .. } = self.changes;
        if let Base::Unknown { why } = base {
            return vec![Reason::BaseUnknown { why: why.clone() }];
        }
        let mut reasons = Vec::new();
        if self.changed.contains(node) {
            reasons.extend(direct[node.name()].iter().cloned());
        }
        // Without a base to compare with, each project has that reason of its own.
        let of_needs = self.changed_needs.of(node).filter_map(|need| direct[need].first());
        reasons.extend(of_needs.filter(|reason| !matches!(reason, Reason::UnreadableBase { .. })).cloned());
        let affected_needs = node.needs().filter(|need| self.affected.contains(*need));
        reasons.extend(affected_needs.map(|need| Reason::Need { project: need.name().clone() }));
        reasons
    }
}
