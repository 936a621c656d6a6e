//! Triggers (`ONBUILD`) of external base images, which no file of the repository shows.
//!
//! They run in a stage that starts from such an image, and may copy from the context. Where the inputs of a project are not written
//! down but follow from where its folder is, nobody has said whether the copied files are among them.

use super::job::{Task, TaskVariant};
use crate::dockerfile::{Dockerfile, Stage};
use crate::engine::{Built, StepLabel};

/// A step that copies, and that is not in the Dockerfile.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UnreadCopy {
    /// As the engine names it.
    pub(super) step: String,
    /// Of the `FROM` whose image brings it.
    pub(super) line: usize,
}

/// The first copy of a trigger, where nobody has written down what it may copy.
pub(super) fn unread_copy(task: &Task, variant: &TaskVariant, built: &Built) -> Option<UnreadCopy> {
    let TaskVariant { dockerfile, parents, folders, .. } = variant;
    if task.has_written_inputs {
        return None;
    }
    let is_external = |reference: &str| !parents.contains_key(reference) && !folders.contains_key(reference);
    let stages = dockerfile.stages().iter();
    stages.filter(|stage| dockerfile.base(stage).is_some_and(is_external)).find_map(|stage| {
        let copies: Vec<&str> = built
            .steps
            .iter()
            .map(|step| step.name.as_str())
            .filter(|name| is_copy_in(stage, name))
            .collect();
        // Triggers run before the stage's own steps.
        let first = copies.iter().min_by_key(|name| place(name))?;
        let is_more = copies.len() > own_copies(dockerfile, stage);
        is_more.then(|| UnreadCopy { step: (*first).to_owned(), line: stage.line })
    })
}

/// Whether a step copies or adds something in this stage.
fn is_copy_in(stage: &Stage, name: &str) -> bool {
    let Some(StepLabel { stage: label, instruction, .. }) = StepLabel::parse(name) else { return false };
    let is_stage = match (label, &stage.name) {
        // The only stage has no label.
        (None, _) => true,
        (Some(label), Some(name)) => label == name.as_str(),
        (Some(label), None) => label == format!("stage-{}", stage.index),
    };
    is_stage && (instruction.starts_with("COPY ") || instruction.starts_with("ADD "))
}

/// `2` of `[build 2/3] COPY . .`
fn place(name: &str) -> usize {
    let number = StepLabel::parse(name).and_then(|label| label.number.split_once('/')?.0.parse().ok());
    number.unwrap_or(usize::MAX)
}

fn own_copies(dockerfile: &Dockerfile, stage: &Stage) -> usize {
    let next = dockerfile.stages().get(stage.index + 1).map_or(usize::MAX, |next| next.line);
    let instructions = dockerfile.instructions().iter();
    let own = instructions.filter(|instruction| (stage.line..next).contains(&instruction.first_line));
    own.filter(|instruction| instruction.keyword == "COPY" || instruction.keyword == "ADD").count()
}
