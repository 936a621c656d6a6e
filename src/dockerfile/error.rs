//! What is wrong with a Dockerfile, and where.

use thiserror::Error;

use super::shell_error::ShellError;
use super::shown::shown;
use super::{MAX_BYTES, MAX_STAGES};
use crate::model::{InvalidName, StageName};

/// Why a Dockerfile can't be read. `line` counts from 1 in the file as it is written.
#[derive(Debug, Error)]
pub enum DockerfileError {
    #[error("the file has {bytes} bytes; at most {MAX_BYTES} are read")]
    TooLarge { bytes: usize },

    #[error("line {line}: more than {MAX_STAGES} stages")]
    TooManyStages { line: usize },

    #[error("line {line}: the values of variables, as often as they are used, are too large")]
    TooMuchExpansion { line: usize },

    /// Must never reach an engine: the one of Docker 20.10 crashes on such a file.
    #[error("there is no `FROM`, so there is nothing to build")]
    NoStage,

    #[error("line {line}: parser directive `{}` is given twice", shown(.name))]
    RepeatedDirective { line: usize, name: String },

    #[error("line {line}: escape character `{}` is neither `\\` nor a backtick", shown(.value))]
    BadEscape { line: usize, value: String },

    #[error("line {line}: unknown instruction `{}`", shown(.keyword))]
    UnknownInstruction { line: usize, keyword: String },

    #[error("line {line}: {} {problem}", shown(.keyword))]
    Malformed { line: usize, keyword: String, problem: &'static str },

    #[error("line {line}: here-document `{}` has no end", shown(.name))]
    UnterminatedHeredoc { line: usize, name: String },

    #[error("line {line}: cannot expand `{}`", shown(.text))]
    Expansion {
        line: usize,
        text: String,
        #[source]
        source: ShellError,
    },

    #[error("line {line}: bad stage name")]
    StageName {
        line: usize,
        #[source]
        source: InvalidName,
    },

    #[error("line {line}: `FROM {}` names no image, because `{}` has no value", shown(.written), shown(.variable))]
    UnsetVariable { line: usize, written: String, variable: String },

    #[error("line {line}: `FROM {}` names no image", shown(.written))]
    BlankImage { line: usize, written: String },

    #[error("line {line}: `FROM {}` depends on `{}`, which only the engine knows", shown(.written), shown(.variable))]
    UnknownVariable { line: usize, written: String, variable: String },

    #[error("line {line}: `{}`: variables don't work in `from`, only in `FROM … AS name`", shown(.written))]
    VariableInFrom { line: usize, written: String },

    #[error("line {line}: there is no stage {index}; they count from 0")]
    NoSuchStage { line: usize, index: i64 },

    #[error("no stage is named `{target}`; there are: {}", names(.known))]
    UnknownTarget { target: StageName, known: Vec<StageName> },

    #[error("a named context stands for the stage `{target}`, so there is nothing to build")]
    ReplacedTarget { target: StageName },
}

impl DockerfileError {
    /// The line that is wrong, from 1; `None` when it is the file as a whole.
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::TooLarge { .. }
            | Self::NoStage
            | Self::UnknownTarget { .. }
            | Self::ReplacedTarget { .. } => None,
            Self::TooManyStages { line }
            | Self::TooMuchExpansion { line }
            | Self::RepeatedDirective { line, .. }
            | Self::BadEscape { line, .. }
            | Self::UnknownInstruction { line, .. }
            | Self::Malformed { line, .. }
            | Self::UnterminatedHeredoc { line, .. }
            | Self::Expansion { line, .. }
            | Self::StageName { line, .. }
            | Self::UnsetVariable { line, .. }
            | Self::BlankImage { line, .. }
            | Self::UnknownVariable { line, .. }
            | Self::VariableInFrom { line, .. }
            | Self::NoSuchStage { line, .. } => Some(*line),
        }
    }
}

fn names(known: &[StageName]) -> String {
    if known.is_empty() {
        return "none".to_owned();
    }
    known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
