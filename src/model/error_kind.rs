//! Kinds of trouble.

/// What a caller acts on when something failed; the exit status follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The input is wrong: usage, `projects.toml`, patterns, an unknown project. A retry changes nothing.
    Input,
    /// The environment failed: git, the file system, an engine, a registry, AWS. A retry may help.
    Environment,
    /// A build, push, promotion or deployment failed.
    Failed,
    /// A person or the CI stopped it.
    Interrupted,
}
