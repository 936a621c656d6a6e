//! Tags of a Dockerfile that a build does not follow, because the image of its own commit takes their place.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::model::{ImageRef, ProjectName};
use crate::plan::{Action, Step};
use crate::workspace::Workspace;

/// A reference with a tag that means a project.
#[derive(Debug, Serialize)]
pub(super) struct ReplacedReference<'w> {
    /// With variables filled in.
    reference: &'w str,
    /// `file:line`
    source: String,
    project: &'w ProjectName,
}

impl fmt::Display for ReplacedReference<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reference, source, project } = self;
        write!(formatter, "replaces `{reference}` ({source}) with the image of `{project}`")
    }
}

/// Those of the project that a step builds, in their order; none where it builds nothing.
pub(super) fn of_step<'w>(workspace: &'w Workspace, step: &Step) -> Vec<ReplacedReference<'w>> {
    let project = match &step.action {
        Action::Build(_) => workspace.projects.get(&step.impact.project),
        Action::Keep(_) | Action::Reuse(_) => None,
    };
    let Some(project) = project else { return Vec::new() };
    let mut replaced = BTreeMap::new();
    for variant in &project.variants {
        for (reference, parent) in variant.own_parents() {
            let is_tagged = reference.parse::<ImageRef>().is_ok_and(|image| image.tag.is_some());
            if is_tagged {
                let line = variant.line_of(reference).unwrap_or(1);
                let source = format!("{}:{line}", project.config.dockerfile.value);
                replaced.insert(reference, ReplacedReference { reference, source, project: parent });
            }
        }
    }
    replaced.into_values().collect()
}
