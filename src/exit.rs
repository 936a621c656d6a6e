//! What the process's exit status says.

use crate::model::ErrorKind;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done; or the answer is yes.
    Done,
    /// The answer is no.
    No,
    /// The input is wrong: usage, `projects.toml`, patterns, unknown project.
    BadInput,
    /// The environment failed: git, engine, registry, AWS. A retry may help.
    Environment,
    /// A build, push, promotion or deployment failed; the report is complete.
    Failed,
    /// A person or the CI stopped it.
    Interrupted,
}

impl Exit {
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::No => 1,
            Self::BadInput => 2,
            Self::Environment => 3,
            Self::Failed => 4,
            Self::Interrupted => 130,
        }
    }

    /// The one that says more of what went wrong. Trouble is worse than any answer, and what failed is worse than what a
    /// retry may fix.
    pub fn worse_of(self, other: Self) -> Self {
        let badness = |exit: Self| match exit {
            Self::Done => 0,
            Self::No => 1,
            Self::Environment => 2,
            Self::BadInput => 3,
            Self::Failed => 4,
            Self::Interrupted => 5,
        };
        if badness(other) > badness(self) { other } else { self }
    }
}

impl From<ErrorKind> for Exit {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Input => Self::BadInput,
            ErrorKind::Environment => Self::Environment,
            ErrorKind::Failed => Self::Failed,
            ErrorKind::Interrupted => Self::Interrupted,
        }
    }
}
