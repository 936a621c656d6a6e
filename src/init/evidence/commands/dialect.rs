//! How files of different programs write the same things.

/// What a file calls things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::init) enum Dialect {
    Azure,
    CircleCi,
    CodeBuild,
    GitHub,
    GitLab,
    PackageJson,
    Taskfile,
    /// Keys of scripts, and variables of the shell alone.
    Plain,
}
