//! Why a project is built: a value with a story.

use std::fmt;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::model::{ChangeKind, ProjectName, RepoPath, printable};

/// One reason to build a project. Its `Display` completes "… because".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// An input file differs from the base's.
    File {
        path: RepoPath,
        change: ChangeKind,
        /// The line that makes it an input, as written.
        pattern: String,
        /// Where that line stands: `file:line`.
        source: String,
        /// Whose input it is: the project's own, or one that it needs.
        project: ProjectName,
    },
    /// The project's entry in `projects.toml` differs in these keys; none: the entry is new.
    Entry { keys: Vec<String>, project: ProjectName },
    /// Its Dockerfile takes something from other images than that of the base.
    Parents { gone: Vec<String>, added: Vec<String>, project: ProjectName },
    /// The lines that name a project's inputs changed.
    Patterns { path: RepoPath, change: ChangeKind, project: ProjectName },
    /// Something that it needs itself is affected.
    Need { project: ProjectName },
    /// Nothing is known to be unchanged.
    BaseUnknown { why: String },
    /// The cache has no image of these inputs.
    NoImage,
    /// The diff does not affect it, but there is no image to reuse.
    NoImageOfDefaultBranch,
    /// Its repository has the tag `tainted`.
    Tainted,
    /// A person asked for it.
    Forced,
}

impl Reason {
    /// The word that stands for the kind of reason in JSON.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::File { .. } => "file",
            Self::Entry { .. } => "entry",
            Self::Parents { .. } => "parents",
            Self::Patterns { .. } => "patterns",
            Self::Need { .. } => "need",
            Self::BaseUnknown { .. } => "base-unknown",
            Self::NoImage => "no-image",
            Self::NoImageOfDefaultBranch => "no-image-of-default-branch",
            Self::Tainted => "tainted",
            Self::Forced => "forced",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, change, pattern, source, project } => {
                write!(formatter, "`{path}` was {change} and matches `{pattern}` ({source}) of `{project}`")
            }
            Self::Entry { keys, project } if keys.is_empty() => {
                write!(formatter, "`{project}` is new in the manifest")
            }
            Self::Entry { keys, project } => {
                let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
                write!(formatter, "the manifest's entry of `{project}` differs in {}", keys.join(", "))
            }
            Self::Parents { gone, added, project } => {
                let list = |references: &[String]| match references {
                    [] => "none".to_owned(),
                    references => format!("`{}`", printable(&references.join("`, `"))),
                };
                write!(formatter, "`{project}` is made from {} in place of {}", list(added), list(gone))
            }
            Self::Patterns { path, change, project } => {
                write!(formatter, "`{path}`, which names the inputs of `{project}`, was {change}")
            }
            Self::Need { project } => write!(formatter, "it needs `{project}`, which is affected"),
            Self::BaseUnknown { why } => write!(formatter, "the base is unknown: {why}"),
            Self::NoImage => formatter.write_str("the cache has no image of these inputs"),
            Self::NoImageOfDefaultBranch => formatter.write_str("the default branch has no image of it"),
            Self::Tainted => formatter.write_str("its repository is tagged `tainted`"),
            Self::Forced => formatter.write_str("it was asked for with `--force`"),
        }
    }
}

/// An object with `kind` and what that kind holds.
impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kind", self.kind())?;
        match self {
            Self::File { path, change, pattern, source, project } => {
                map.serialize_entry("path", &path.to_string())?;
                map.serialize_entry("change", change)?;
                map.serialize_entry("pattern", pattern)?;
                map.serialize_entry("source", source)?;
                map.serialize_entry("project", project)?;
            }
            Self::Entry { keys, project } => {
                map.serialize_entry("keys", keys)?;
                map.serialize_entry("project", project)?;
            }
            Self::Parents { gone, added, project } => {
                map.serialize_entry("gone", gone)?;
                map.serialize_entry("added", added)?;
                map.serialize_entry("project", project)?;
            }
            Self::Patterns { path, change, project } => {
                map.serialize_entry("path", &path.to_string())?;
                map.serialize_entry("change", change)?;
                map.serialize_entry("project", project)?;
            }
            Self::Need { project } => map.serialize_entry("project", project)?,
            Self::BaseUnknown { why } => map.serialize_entry("why", why)?,
            Self::NoImage | Self::NoImageOfDefaultBranch | Self::Tainted | Self::Forced => {}
        }
        map.end()
    }
}
