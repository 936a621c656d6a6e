//! Triggers (`ONBUILD`) of external base images, which no file of the repository shows.
//!
//! They run in a stage that starts from such an image, and may copy from the context. Where the inputs of a project are not written
//! down but follow from where its folder is, nobody has said whether the copied files are among them.
//!
//! Only the names of steps tell triggers. They are not counted: an engine that makes the same step for two builds at once tells
//! each of them of both, by the names that they have for it.

use super::job::{Task, TaskVariant};
use crate::dockerfile::Stage;
use crate::engine::{Step, StepLabel};

/// A step that copies, and that is not in the Dockerfile.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UnreadCopy {
    /// As the engine names it.
    pub(super) step: String,
    /// Of the `FROM` whose image brings it.
    pub(super) line: usize,
}

/// The first copy of a trigger, where nobody has written down what it may copy.
pub(super) fn unread_copy(task: &Task, variant: &TaskVariant, steps: &[Step]) -> Option<UnreadCopy> {
    let TaskVariant { dockerfile, parents, folders, .. } = variant;
    if task.has_written_inputs {
        return None;
    }
    let is_external = |reference: &str| !parents.contains_key(reference) && !folders.contains_key(reference);
    let stages = dockerfile.stages().iter();
    stages.filter(|stage| dockerfile.base(stage).is_some_and(is_external)).find_map(|stage| {
        let step = triggered_copy(stage, steps)?;
        Some(UnreadCopy { step: step.to_owned(), line: stage.line })
    })
}

/// A step of a stage, as `[build 2/3] COPY . .` has it.
struct StageStep<'s> {
    name: &'s str,
    instruction: &'s str,
    number: usize,
    count: usize,
}

/// The name of the first step of the stage that a trigger has copied with.
///
/// An engine writes `ONBUILD` before its instruction. Older ones do not, and they leave triggers out when they count the steps of a
/// stage, so that the last of `[2/2] COPY . .` and `[3/2] RUN make` has a number above the count. Triggers come first.
fn triggered_copy<'s>(stage: &Stage, steps: &'s [Step]) -> Option<&'s str> {
    let steps: Vec<StageStep<'_>> =
        steps.iter().filter_map(|step| StageStep::of(stage, &step.name)).collect();
    let triggers = |count: usize| {
        let last = steps.iter().filter(|step| step.count == count).map(|step| step.number).max();
        last.unwrap_or(0).saturating_sub(count)
    };
    let copies = steps.iter().filter_map(|step| {
        let named = step.instruction.strip_prefix("ONBUILD ");
        let is_trigger = named.is_some() || step.number <= 1 + triggers(step.count);
        let instruction = named.unwrap_or(step.instruction);
        let is_copy = instruction.starts_with("COPY ") || instruction.starts_with("ADD ");
        (is_trigger && is_copy).then_some((step.number, step.name))
    });
    copies.min().map(|(_, name)| name)
}

impl<'s> StageStep<'s> {
    /// `None` for what is not of this stage.
    fn of(stage: &Stage, name: &'s str) -> Option<Self> {
        let StepLabel { stage: label, number, instruction } = StepLabel::parse(name)?;
        let is_of_stage = match (label, &stage.name) {
            // The only stage has no label.
            (None, _) => true,
            (Some(label), Some(name)) => label == name.as_str(),
            (Some(label), None) => label == format!("stage-{}", stage.index),
        };
        let (number, count) = number.split_once('/')?;
        is_of_stage.then_some(Self {
            name,
            instruction,
            number: number.parse().ok()?,
            count: count.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::dockerfile::Dockerfile;

    fn found<'s>(dockerfile: &str, steps: &'s [Step]) -> Option<&'s str> {
        let dockerfile = Dockerfile::parse(dockerfile.as_bytes(), &BTreeMap::new(), None).unwrap();
        triggered_copy(&dockerfile.stages()[0], steps)
    }

    fn steps(names: &[&str]) -> Vec<Step> {
        names.iter().map(|name| Step { name: (*name).to_owned(), cached: false }).collect()
    }

    const DOCKERFILE: &str = "FROM node AS build\nWORKDIR /src\nCOPY a ./\nRUN make\nFROM scratch\n";

    #[test]
    fn a_copy_of_a_trigger_is_told_by_its_name_or_by_the_numbers_of_the_steps() {
        let current = ["2/6] ONBUILD RUN x", "3/6] ONBUILD COPY t /", "4/6] WORKDIR /src", "5/6] COPY a ./"];
        let older = ["2/4] RUN x", "3/4] COPY t /", "4/4] WORKDIR /src", "5/4] COPY a ./", "6/4] RUN make"];
        for (names, expected) in [(&current[..], current[1]), (&older, older[1])] {
            let names: Vec<String> = names.iter().map(|name| format!("[build {name}")).collect();
            let steps = steps(&names.iter().map(String::as_str).collect::<Vec<_>>());

            assert_eq!(found(DOCKERFILE, &steps), Some(format!("[build {expected}").as_str()));
        }
        let without_copy = steps(&["[build 2/4] RUN x", "[build 3/4] WORKDIR /src", "[build 5/4] RUN make"]);
        assert_eq!(found(DOCKERFILE, &without_copy), None);
        let alone = steps(&["[2/1] ADD t /"]);
        assert_eq!(found("FROM node\n", &alone), Some("[2/1] ADD t /"));
    }

    // issue 16
    #[test]
    fn a_step_that_another_build_makes_at_the_same_time_is_no_trigger() {
        let own = ["[build 2/4] WORKDIR /src", "[build 3/4] COPY a ./", "[build 4/4] RUN make"];
        let of_others = ["[build 3/4] COPY a ./", "[build 3/4] COPY b ./", "[build 3/9] COPY b/c ./"];

        assert_eq!(found(DOCKERFILE, &steps(&[&own[..], &of_others].concat())), None);
    }

    #[test]
    fn a_copy_in_another_stage_is_none_of_this_one() {
        let steps = steps(&["[stage-1 2/3] ONBUILD COPY t /", "[stage-1 4/3] COPY b ./"]);

        assert_eq!(found(DOCKERFILE, &steps), None);
    }
}
