//! All reasons why a project is affected, each with the path through the graph that it came by.

use serde::{Serialize, Serializer};
use serde_json::json;

use super::json::{BaseJson, ReasonJson};
use super::styled::{Role, StyledLine, StyledText};
use super::summary::Layout;
use crate::graph::ProjectGraph;
use crate::model::ProjectName;
use crate::observe::{Changes, Reason};
use crate::plan::Impact;

/// Why a project is affected by the changes, or that it isn't.
#[derive(Debug)]
pub struct Explanation<'s> {
    project: &'s ProjectName,
    impact: &'s Impact,
    causes: Vec<Cause<'s>>,
}

/// The reasons of one project, and the path from ours to it: ours first.
#[derive(Debug)]
struct Cause<'s> {
    path: Vec<ProjectName>,
    reasons: &'s [Reason],
}

impl<'s> Explanation<'s> {
    pub fn new(
        graph: &ProjectGraph,
        changes: &'s Changes,
        impact: &'s Impact,
        project: &'s ProjectName,
    ) -> Self {
        let mut causes: Vec<Cause<'s>> = graph
            .with_needs([project])
            .iter()
            .filter_map(|need| {
                let reasons = changes.direct.get(need).filter(|reasons| !reasons.is_empty())?;
                Some(Cause { path: graph.path_to_need(project, need)?, reasons })
            })
            .collect();
        causes.sort_by(|one, other| (one.path.len(), &one.path).cmp(&(other.path.len(), &other.path)));
        if let Some(own) = impact.project(project).filter(|_| causes.is_empty()) {
            let reasons = own.reasons.as_slice();
            causes.extend((!reasons.is_empty()).then(|| Cause { path: vec![project.clone()], reasons }));
        }
        Self { project, impact, causes }
    }
}

impl Explanation<'_> {
    /// The path to each project whose inputs changed, and below it what changed.
    pub fn text(&self, layout: Layout) -> StyledText {
        let mut text = StyledText::default();
        let heading = StyledLine::new().text(Role::Strong, &format!("`{}`", self.project));
        if self.causes.is_empty() {
            let rest = " is not affected: none of its inputs, nor of what it needs, differs from the base";
            layout.push(&mut text, heading.plain(rest), 2);
            return text;
        }
        text.push(heading.plain(" is affected:"));
        for cause in &self.causes {
            if cause.path.len() > 1 {
                layout.push(&mut text, cause.path_line(), 6);
            }
            let indent = if cause.path.len() > 1 { 4 } else { 2 };
            for reason in cause.reasons {
                let line = StyledLine::new().plain(&" ".repeat(indent)).plain(&reason.to_string());
                layout.push(&mut text, line, indent + 2);
            }
        }
        text
    }
}

impl Cause<'_> {
    fn path_line(&self) -> StyledLine {
        let mut line = StyledLine::new().plain("  ");
        for (position, name) in self.path.iter().enumerate() {
            if position > 0 {
                line = line.text(Role::Dim, " needs ");
            }
            line = line.text(Role::Strong, &format!("`{name}`"));
        }
        line.plain(", and")
    }
}

/// `chinampa.why/2`
impl Serialize for Explanation<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let causes: Vec<serde_json::Value> = self
            .causes
            .iter()
            .map(|cause| {
                let reasons: Vec<_> = cause.reasons.iter().map(ReasonJson).collect();
                json!({ "path": cause.path, "reasons": reasons })
            })
            .collect();
        json!({
            "schema": "chinampa.why/2",
            "project": self.project,
            "head": self.impact.head.to_string(),
            "base": BaseJson::new(&self.impact.base),
            "affected": !self.causes.is_empty(),
            "causes": causes,
        })
        .serialize(serializer)
    }
}
