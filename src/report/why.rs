//! One project's whole story: each reason, and the way through the graph that it came by.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::json;

use crate::graph::ProjectGraph;
use crate::model::ProjectName;
use crate::plan::{Base, Observations, Plan, Reason};

/// Why a project is affected by the changes, or that it isn't.
#[derive(Debug)]
pub struct Story<'s> {
    project: &'s ProjectName,
    plan: &'s Plan,
    chapters: Vec<Chapter<'s>>,
}

/// The reasons of one project, and the way from ours to it: ours first.
#[derive(Debug)]
struct Chapter<'s> {
    way: Vec<ProjectName>,
    reasons: &'s [Reason],
}

impl<'s> Story<'s> {
    pub fn new(
        graph: &ProjectGraph,
        observed: &'s Observations,
        plan: &'s Plan,
        project: &'s ProjectName,
    ) -> Self {
        let mut chapters: Vec<Chapter<'s>> = graph
            .with_needs([project])
            .iter()
            .filter_map(|need| {
                let reasons = observed.own_changes.get(need).filter(|reasons| !reasons.is_empty())?;
                Some(Chapter { way: graph.path_to_need(project, need)?, reasons })
            })
            .collect();
        chapters.sort_by(|one, other| (one.way.len(), &one.way).cmp(&(other.way.len(), &other.way)));
        if let Some(step) = plan.step(project).filter(|_| chapters.is_empty()) {
            let reasons = step.because.as_slice();
            chapters.extend((!reasons.is_empty()).then(|| Chapter { way: vec![project.clone()], reasons }));
        }
        Self { project, plan, chapters }
    }
}

impl fmt::Display for Story<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.chapters.is_empty() {
            return writeln!(
                formatter,
                "`{}` is not affected: none of its inputs, nor of what it needs, differs from the base",
                self.project
            );
        }
        writeln!(formatter, "`{}` is affected:", self.project)?;
        for chapter in &self.chapters {
            if chapter.way.len() > 1 {
                let way: Vec<String> = chapter.way.iter().map(|name| format!("`{name}`")).collect();
                writeln!(formatter, "  {}, and", way.join(" needs "))?;
            }
            let indent = if chapter.way.len() > 1 { "    " } else { "  " };
            for reason in chapter.reasons {
                writeln!(formatter, "{indent}{reason}")?;
            }
        }
        Ok(())
    }
}

/// `chinampa.why/1`
impl Serialize for Story<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let because: Vec<serde_json::Value> = self
            .chapters
            .iter()
            .map(|chapter| json!({ "way": chapter.way, "reasons": chapter.reasons }))
            .collect();
        json!({
            "schema": "chinampa.why/1",
            "project": self.project,
            "head": self.plan.head.to_string(),
            "base": base_json(&self.plan.base),
            "affected": !self.chapters.is_empty(),
            "because": because,
        })
        .serialize(serializer)
    }
}

/// As in every document: the commit and who named it, or `null`.
pub(super) fn base_json(base: &Base) -> serde_json::Value {
    match base {
        Base::Known { commit, from } => json!({ "commit": commit.to_string(), "from": from }),
        Base::Unknown { .. } => serde_json::Value::Null,
    }
}
