//! What the process's exit status says.

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done; or the answer is yes.
    Done,
    /// The answer is no.
    No,
    /// The input is wrong: usage, `projects.toml`, patterns, unknown project.
    BadInput,
    /// The surroundings failed: git, engine, registry. A retry may help.
    Surroundings,
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
            Self::Surroundings => 3,
            Self::Failed => 4,
            Self::Interrupted => 130,
        }
    }
}
