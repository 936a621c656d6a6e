//! The line of the Dockerfile at which a build failed.
//!
//! The engine's answer names the step, and not where it is written. A step is found by its stage and its text, or by its number
//! where variables were filled in; whatever is not certain has no line.

use super::error::ExecuteError;
use super::job::Task;
use super::report::DockerfileLine;
use crate::dockerfile::{Dockerfile, Instruction};
use crate::engine::{EngineError, StepLabel};

/// How errors of syntax begin, in older and in newer engines.
const SYNTAX: [&str; 2] = ["dockerfile parse error line ", "dockerfile parse error on line "];

/// `None` where the failure is not about a line, or nothing tells which.
pub(super) fn of(task: &Task, error: &ExecuteError) -> Option<DockerfileLine> {
    let variant = task.variants.first()?;
    let line = match error {
        ExecuteError::Build(source) => of_build(&variant.dockerfile, source)?,
        ExecuteError::BuildStage { stage, source } => {
            of_build_of(&variant.dockerfile, source, Some(stage.as_str()))?
        }
        ExecuteError::Frontend { line, .. } | ExecuteError::UnreadCopy { line, .. } => *line,
        _ => return None,
    };
    Some(DockerfileLine { file: task.dockerfile.clone(), line })
}

fn of_build(dockerfile: &Dockerfile, error: &EngineError) -> Option<usize> {
    of_build_of(dockerfile, error, None)
}

fn of_build_of(dockerfile: &Dockerfile, error: &EngineError, target: Option<&str>) -> Option<usize> {
    match error {
        EngineError::PullFailed { source, .. } => of_build_of(dockerfile, source, target),
        EngineError::BuildFailed { step: Some(step), .. } => match StepLabel::parse(step) {
            Some(label) => of_step(dockerfile, &label, target),
            None => of_image(dockerfile, step),
        },
        EngineError::BuildFailed { step: None, message, .. } => {
            of_syntax(message).or_else(|| of_image(dockerfile, message))
        }
        _ => None,
    }
}

fn of_syntax(message: &str) -> Option<usize> {
    let number = SYNTAX.iter().find_map(|begin| Some(message.split_once(begin)?.1))?;
    number.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}

/// The one line that names an image which the text is about.
fn of_image(dockerfile: &Dockerfile, text: &str) -> Option<usize> {
    let named = |reference: &str| {
        text.match_indices(reference).any(|(at, _)| {
            let is_end = |character: Option<char>| character.is_none_or(|it| !is_of_reference(it));
            is_end(text[at + reference.len()..].chars().next())
        })
    };
    let parents = dockerfile.parents().iter().filter(|parent| named(&parent.reference));
    let longest = parents.max_by_key(|parent| (parent.reference.len(), std::cmp::Reverse(parent.line)))?;
    Some(longest.line)
}

fn is_of_reference(character: char) -> bool {
    character.is_ascii_alphanumeric() || "/._-@".contains(character)
}

fn of_step(dockerfile: &Dockerfile, label: &StepLabel<'_>, target: Option<&str>) -> Option<usize> {
    let stages = dockerfile.stages();
    let named = label.stage.or(target);
    let stage = match named {
        Some(name) => stages.iter().find(|stage| {
            let is_named = stage.name.as_ref().is_some_and(|it| it.as_str() == name);
            is_named || format!("stage-{}", stage.index) == name
        })?,
        None if stages.len() == 1 => stages.first()?,
        // One stage was needed only, and the label doesn't tell which.
        None => return None,
    };
    let next = stages.get(stage.index + 1).map_or(usize::MAX, |next| next.line);
    let is_of_stage = |it: &&Instruction| it.first_line > stage.line && it.first_line < next;
    let steps = dockerfile.instructions().iter().filter(is_of_stage);
    let steps: Vec<&Instruction> = steps.filter(|it| is_step(&it.keyword)).collect();
    let same: Vec<&&Instruction> = steps.iter().filter(|it| shown(it) == words(label.instruction)).collect();
    if let [only] = same[..] {
        return Some(only.first_line);
    }
    let (number, count) = label.number.split_once('/')?;
    let (number, count): (usize, usize) = (number.parse().ok()?, count.parse().ok()?);
    // `FROM` is the first step, unless it is `scratch`.
    let before = count.checked_sub(steps.len()).filter(|before| *before <= 1)?;
    let step = steps.get(number.checked_sub(before + 1)?)?;
    let keyword = label.instruction.split(' ').next()?;
    (step.keyword == keyword).then_some(step.first_line)
}

/// The line of the instruction that made a layer, as the history of the image has it.
///
/// `None` where variables were filled in, or several instructions say the same.
pub(super) fn of_history(dockerfile: &Dockerfile, created_by: &str) -> Option<usize> {
    let created_by = created_by.strip_suffix("# buildkit").unwrap_or(created_by);
    // BuildKit's words where the base image has no history.
    let step = created_by.strip_prefix("mount / from exec ").map(|command| format!("RUN {command}"));
    let created_by = words(step.as_deref().unwrap_or(created_by));
    let is_it = |instruction: &&Instruction| {
        let Instruction { keyword, arguments, .. } = instruction;
        let arguments: Vec<String> = arguments.iter().flat_map(|argument| words(argument)).collect();
        // In between are build arguments and the shell.
        is_step(keyword) && created_by.first() == Some(keyword) && created_by[1..].ends_with(&arguments)
    };
    let mut found = dockerfile.instructions().iter().filter(is_it);
    let line = found.next()?.first_line;
    found.next().is_none().then_some(line)
}

fn is_step(keyword: &str) -> bool {
    matches!(keyword, "ADD" | "COPY" | "RUN" | "WORKDIR")
}

/// The instruction as engines show it, but for spaces.
fn shown(instruction: &Instruction) -> Vec<String> {
    let Instruction { keyword, flags, arguments, .. } = instruction;
    let parts = [keyword].into_iter().chain(flags).chain(arguments);
    parts.flat_map(|part| words(part)).collect()
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const DOCKERFILE: &str = "\
# syntax=docker/dockerfile:1
FROM localhost:1/acme/node AS build
ENV NAME=a
WORKDIR /src
COPY a ./
RUN make \\
    --jobs 4
RUN echo $NAME

FROM scratch
COPY --from=build /a /
COPY b /
";

    fn failed(step: Option<&str>, message: &str) -> EngineError {
        EngineError::BuildFailed {
            step: step.map(str::to_owned),
            log_tail: Vec::new(),
            message: message.to_owned(),
        }
    }

    fn line(step: Option<&str>, message: &str) -> Option<usize> {
        let dockerfile = Dockerfile::parse(DOCKERFILE.as_bytes(), &BTreeMap::new(), None).unwrap();
        of_build(&dockerfile, &failed(step, message))
    }

    #[test]
    fn a_step_is_found_by_its_text_and_where_variables_were_filled_in_by_its_number() {
        for (step, expected) in [
            ("[build 3/5] COPY a ./", Some(5)),
            ("[build 4/5] RUN make     --jobs 4", Some(6)),
            ("[build 5/5] RUN echo a", Some(8)),
            ("[stage-1 1/2] COPY --from=build /a /", Some(11)),
            ("[linux/amd64 stage-1 2/2] COPY b /", Some(12)),
            // Neither the text nor the number is that of a step.
            ("[build 9/9] RUN other", None),
            ("[build 5/5] COPY other /", None),
            ("[gone 2/2] RUN make", None),
            ("[2/5] RUN make --jobs 4", None),
        ] {
            assert_eq!(line(Some(step), "exit code: 1"), expected, "{step}");
        }
    }

    #[test]
    fn the_line_that_made_a_layer_is_found_by_the_history_of_the_image() {
        let dockerfile = Dockerfile::parse(DOCKERFILE.as_bytes(), &BTreeMap::new(), None).unwrap();
        for (created_by, expected) in [
            ("COPY b / # buildkit", Some(12)),
            ("RUN /bin/sh -c make     --jobs 4 # buildkit", Some(6)),
            ("RUN |1 A=b /bin/sh -c echo $NAME # buildkit", Some(8)),
            ("WORKDIR /src", Some(4)),
            ("mount / from exec /bin/sh -c make --jobs 4", Some(6)),
            ("COPY c / # buildkit", None),
            ("/bin/sh -c #(nop) ADD file:1 in / ", None),
            ("", None),
        ] {
            assert_eq!(of_history(&dockerfile, created_by), expected, "{created_by}");
        }
    }

    #[test]
    fn an_error_of_syntax_and_an_image_that_is_not_there_have_the_lines_that_the_engine_means() {
        let metadata = "[internal] load metadata for localhost:1/acme/node:latest";
        assert_eq!(line(None, "dockerfile parse error line 3: STOPSIGNAL"), Some(3));
        assert_eq!(line(None, "dockerfile parse error on line 12: unknown instruction"), Some(12));
        assert_eq!(line(Some(metadata), "not found"), Some(2));
        assert_eq!(line(Some("[internal] load metadata for localhost:1/acme/node-14:1"), "not found"), None);
        assert_eq!(line(None, "no space left on device"), None);
    }
}
