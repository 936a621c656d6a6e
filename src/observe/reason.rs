//! Why a project is built: a value that explains, and is never read as a command.

use std::fmt;

use crate::inputs::{LockedChange, ParentChange};
use crate::model::{ChangeKind, Platform, ProjectName, RepoPath, printable};
use crate::workspace::{LOCK_FILE, ParentImage};

/// One reason to build a project. Its `Display` completes "… because".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// An input file differs from the base's.
    File {
        path: RepoPath,
        change: ChangeKind,
        /// What changed inside of it where it is a submodule whose commits are here.
        inside: Vec<RepoPath>,
        /// The line that makes it an input, as written.
        pattern: String,
        /// Where that line stands: `file:line`.
        source: String,
        /// Whose input it is: the project's own, or one that it needs.
        project: ProjectName,
    },
    /// A folder that the build gets, though every file in it is ignored, is only in the base or only there now.
    Folder {
        path: RepoPath,
        change: ChangeKind,
        /// The line that makes it an input, as written.
        pattern: String,
        /// Where that line stands: `file:line`.
        source: String,
        /// Whose input it is: the project's own, or one that it needs.
        project: ProjectName,
    },
    /// An input file is the same blob as in the base, but only one of the two is stored with Git LFS.
    Lfs {
        path: RepoPath,
        /// Whether it is now.
        is_lfs: bool,
        /// The `.gitattributes` that says so now, or said otherwise before.
        attributes: RepoPath,
        /// The line that makes the file an input, as written.
        pattern: String,
        /// Where that line stands: `file:line`.
        source: String,
        /// Whose input it is: the project's own, or one that it needs.
        project: ProjectName,
    },
    /// The base has no project of this name.
    New { project: ProjectName },
    /// What the base says of the project can't be read.
    UnreadableInBase { why: String, project: ProjectName },
    /// The base's manifest isn't there or can't be read, so nothing is known to be unchanged.
    UnreadableBase { why: String },
    /// The project's entry in `projects.toml` differs in these keys. Never empty.
    Entry { keys: Vec<String>, project: ProjectName },
    /// `platforms` is not written, and `[cache]`, on which its default depends, became a registry or the engine's own store.
    DefaultPlatform {
        /// `None` for the engine's own.
        now: Option<Platform>,
        project: ProjectName,
    },
    /// Image references of its Dockerfile are not what they were. Never empty.
    Parents { changes: Vec<ParentChange>, project: ProjectName },
    /// The lock file says otherwise which external images its Dockerfile means. Never empty.
    Locked { changes: Vec<LockedChange>, project: ProjectName },
    /// The lines that name a project's inputs changed.
    Patterns { path: RepoPath, change: ChangeKind, project: ProjectName },
    /// Something that it needs itself is affected.
    Need { project: ProjectName },
    /// Nothing is known to be unchanged.
    BaseUnknown { why: String },
    /// The cache has no image of these inputs.
    NoImage,
    /// The engine has no image of these inputs, and whether the cache has one is not known.
    CacheUnread,
    /// The diff does not affect it, but there is no image to reuse.
    NoImageOfDefaultBranch,
    /// The diff does not affect it, but git can't tell whether its `extra_inputs` changed, and no image is of them.
    NoImageOfExtraInputs,
    /// It has a taint in the repository of taints.
    Tainted,
    /// A person asked for it.
    Forced { by: ForcedBy },
}

/// How a person asked for a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForcedBy {
    /// `--force`
    Option,
    /// A directive in the commit's message.
    Message,
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, change, inside, pattern, source, project } => {
                write!(formatter, "`{path}` {}was {change} and matches", files_inside(inside))?;
                write!(formatter, " `{pattern}` ({source}) of `{project}`")
            }
            Self::Folder { path, change, pattern, source, project } => {
                write!(
                    formatter,
                    "the folder `{path}`, whose files are all ignored, was {change} and matches"
                )?;
                write!(formatter, " `{pattern}` ({source}) of `{project}`")
            }
            Self::Lfs { path, is_lfs, attributes, pattern, source, project } => {
                let makes = if *is_lfs { "makes" } else { "no longer makes" };
                write!(
                    formatter,
                    "`{attributes}` {makes} `{path}` a Git LFS file, which matches `{pattern}` ({source}) of `{project}`"
                )
            }
            Self::New { project } => write!(formatter, "`{project}` is new in the manifest"),
            Self::UnreadableInBase { why, project } => {
                write!(formatter, "the base's `{project}` can't be read: {}", printable(why))
            }
            Self::UnreadableBase { why } => {
                write!(formatter, "nothing of the base commit can be compared: {}", printable(why))
            }
            Self::Entry { keys, project } => {
                let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
                write!(formatter, "the manifest's entry of `{project}` differs in {}", keys.join(", "))
            }
            Self::DefaultPlatform { now: Some(platform), .. } => write!(
                formatter,
                "`[cache]` is a registry now, so the platform is {platform} instead of the engine's"
            ),
            Self::DefaultPlatform { now: None, .. } => formatter
                .write_str("`[cache]` is the engine's own store now, so the platform is the engine's"),
            Self::Parents { changes, project } => {
                let changes: Vec<String> = changes.iter().map(parent_change).collect();
                write!(formatter, "`{project}` is built from other images: {}", changes.join("; "))
            }
            Self::Locked { changes, project } => {
                let changes: Vec<String> = changes.iter().map(locked_change).collect();
                write!(formatter, "{}, which `{project}` uses", changes.join("; "))
            }
            Self::Patterns { path, change, project } => {
                write!(formatter, "`{path}`, which names the inputs of `{project}`, was {change}")
            }
            Self::Need { project } => write!(formatter, "it needs `{project}`, which is affected"),
            Self::BaseUnknown { why } => write!(formatter, "the base is unknown: {why}"),
            Self::NoImage => formatter.write_str("the cache has no image of these inputs"),
            Self::CacheUnread => {
                formatter.write_str("the engine has no image of these inputs, and the cache cannot be read")
            }
            Self::NoImageOfDefaultBranch => formatter.write_str("the default branch has no image of it"),
            Self::NoImageOfExtraInputs => {
                formatter.write_str("the cache has no image of its `extra_inputs`, which git can't compare")
            }
            Self::Tainted => formatter.write_str("it is tainted"),
            Self::Forced { by: ForcedBy::Option } => formatter.write_str("it was asked for with `--force`"),
            Self::Forced { by: ForcedBy::Message } => {
                formatter.write_str("the commit's message asked for it with `[ci rebuild]`")
            }
        }
    }
}

/// Such as "(2 files inside, such as `lib/src/a`) ".
fn files_inside(inside: &[RepoPath]) -> String {
    match inside {
        [] => String::new(),
        [path] => format!("(inside: `{path}`) "),
        [path, ..] => format!("({} files inside, such as `{path}`) ", inside.len()),
    }
}

/// Such as "`node:22` in `projects.lock` is another image now".
fn locked_change(LockedChange { image, before, now }: &LockedChange) -> String {
    match (before.is_empty(), now.is_empty()) {
        (true, _) => format!("`{image}` is pinned by `{LOCK_FILE}` now"),
        (false, true) => format!("`{image}` is not pinned by `{LOCK_FILE}` any more"),
        (false, false) => format!("`{image}` in `{LOCK_FILE}` is another image now"),
    }
}

/// Such as "`t/lib` (app/Dockerfile:1) was the project `lib`, now is an external image".
fn parent_change(change: &ParentChange) -> String {
    let ParentChange { reference, source, before, now } = change;
    let image = |image: &ParentImage| match image {
        ParentImage::Project(project) => format!("the project `{project}`"),
        ParentImage::Folder(folder) => format!("the folder `{folder}`"),
        ParentImage::External | ParentImage::Locked(_) => "an external image".to_owned(),
    };
    let named = format!("`{}` ({source})", printable(reference));
    match (before, now) {
        (Some(before), Some(now)) => format!("{named} was {}, now is {}", image(before), image(now)),
        (Some(ParentImage::External | ParentImage::Locked(_)), None) => {
            format!("{named} is not used any more")
        }
        (Some(before), None) => format!("{named}, {}, is not used any more", image(before)),
        (None, Some(ParentImage::External | ParentImage::Locked(_))) => format!("{named} is new"),
        (None, Some(now)) => format!("{named}, {}, is new", image(now)),
        (None, None) => named,
    }
}
