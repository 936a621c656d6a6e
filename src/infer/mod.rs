//! Infers what a project is made from: what its Dockerfile takes from the context.
//!
//! [`sources`] is what `COPY`, `ADD` and bind mounts take, one by one. Where nobody wrote a pattern file, the inputs of a project are
//! what these take; where somebody did, `lint` compares the two. [`lines`] makes of them the lines of a `.rebuild_patterns`, as
//! people write them:
//!
//! ```text
//! COPY package.json yarn.lock* ./    ./package.json
//!                                    ./yarn.lock*
//! COPY src/ src/                     ./src/
//! COPY ../lib/*.c ./                 ./lib/*.c        (`..` can't leave the context)
//! COPY ${DIR}/assets assets          ./               (a guess: `DIR` is not known here)
//! ```
//!
//! A guess takes too much rather than too little: it is the whole context. So is what a frontend takes that is not Docker's. What
//! `--exclude` leaves out is taken here. What `ONBUILD` of an external image takes is not seen. A `?` or `[^a]` of the Dockerfile fits
//! a character beyond ASCII, which in a line of a pattern file only `*` does.

mod source;
mod wildcard;

use std::fmt;

use thiserror::Error;

use crate::dockerfile::{CopyKind, Dockerfile, DockerfileError};
use crate::dockerignore::{DockerIgnore, DockerIgnoreError};
use crate::git::{GitError, Snapshot};
use crate::model::{ErrorKind, RepoPath, StageName, printable};
use crate::patterns::{Pattern, Patterns};

/// One source of a `COPY` or `ADD`, or of a bind mount.
#[derive(Clone, Debug)]
pub struct Source {
    pub kind: SourceKind,
    /// Of the Dockerfile, from 1.
    pub line: usize,
    /// With its variables.
    pub written: String,
    pub resolution: Resolution,
    /// What it takes, or would take if it were there.
    pub takes: Vec<CopiedPath>,
    /// Takes the same paths as `takes`.
    pub patterns: Patterns,
    /// Whether `--exclude` leaves out some of it.
    pub has_exclusions: bool,
    pub(crate) follows: Follows,
}

/// What takes a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    Copy,
    Add,
    Mount,
    /// A frontend that is not Docker's, which may take anything.
    Frontend,
}

/// What of the tree a source's paths follow from. Of folders it does not matter whether they are there: so where nothing is changed
/// at exactly these paths, the same source takes the same paths.
#[derive(Clone, Debug, Default)]
pub(crate) struct Follows {
    /// Where a link may lead elsewhere.
    pub(crate) paths: Vec<RepoPath>,
    /// What wildcards may find, each of which may be a link too.
    pub(crate) wildcards: Patterns,
}

/// How sure it is that a source takes what is said of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Something in the tree is what it names.
    There,
    /// It has wildcards that match nothing in the tree, which no build minds.
    MatchesNothing,
    /// Nothing in the tree is what it names: a build would fail.
    Missing,
    /// It depends on a variable that the Dockerfile doesn't set.
    UnknownVariable,
    /// Its wildcards are none that an engine accepts.
    BadWildcard,
    /// Another program than Docker's frontend decides what it takes.
    ForeignFrontend,
}

/// Paths that a source takes, from the repository root.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CopiedPath {
    File(RepoPath),
    /// Everything in this folder.
    Folder(RepoPath),
    /// A glob below this folder.
    Glob {
        folder: RepoPath,
        glob: String,
    },
}

/// Why nothing can be inferred.
#[derive(Debug, Error)]
pub enum InferError {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("cannot use the Dockerfile")]
    Dockerfile(#[from] DockerfileError),
    #[error("cannot use `{file}`")]
    DockerIgnore {
        file: RepoPath,
        #[source]
        source: DockerIgnoreError,
    },
}

impl InferError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Git(error) => error.kind(),
            Self::Dockerfile(_) | Self::DockerIgnore { .. } => ErrorKind::Input,
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Git(error) => error.hint(),
            Self::Dockerfile(_) | Self::DockerIgnore { .. } => None,
        }
    }
}

/// What of a context a build doesn't get, whatever is copied: the first of `files` that is there says it.
///
/// # Errors
/// [`InferError::DockerIgnore`] for a file that the engine would refuse too, else [`InferError::Git`].
pub fn ignored(files: &[RepoPath], snapshot: &Snapshot<'_>) -> Result<DockerIgnore, InferError> {
    for file in files {
        if let Some(text) = snapshot.read(file)? {
            let failed = |source| InferError::DockerIgnore { file: file.clone(), source };
            return DockerIgnore::parse(&text).map_err(failed);
        }
    }
    Ok(DockerIgnore::default())
}

/// What the stages that `target` needs take from `context`, in the order of the file.
///
/// URLs and repositories that `ADD` fetches are left out, and what other stages and images give.
///
/// # Errors
/// [`InferError::Dockerfile`] when no stage is called `target`, [`InferError::Git`] when a tree can't be read.
pub fn sources(
    dockerfile: &Dockerfile,
    target: Option<&StageName>,
    context: &RepoPath,
    snapshot: &Snapshot<'_>,
) -> Result<Vec<Source>, InferError> {
    let resolver = source::Resolver::new(context, snapshot);
    let mut sources = Vec::new();
    sources.extend(dockerfile.foreign_frontend().map(|(line, image)| foreign(line, image, context)));
    for copy in dockerfile.copies_needed_for(target)? {
        for source in &copy.sources {
            if copy.kind == CopyKind::Add && source::is_remote(source) {
                continue;
            }
            let source::Resolved { resolution, takes, patterns, follows } = resolver.takes(source, copy)?;
            sources.push(Source {
                kind: copy.kind.into(),
                line: source.line,
                written: source.written.clone(),
                resolution,
                takes,
                patterns,
                has_exclusions: copy.has_exclusions,
                follows,
            });
        }
    }
    Ok(sources)
}

fn foreign(line: usize, image: &str, context: &RepoPath) -> Source {
    Source {
        kind: SourceKind::Frontend,
        line,
        written: image.to_owned(),
        resolution: Resolution::ForeignFrontend,
        takes: vec![CopiedPath::Folder(context.clone())],
        patterns: [Pattern::of_folder(context)].into_iter().collect(),
        has_exclusions: false,
        follows: Follows::default(),
    }
}

/// The lines of a pattern file in `folder` that take what the sources take, in their order, each once.
/// None where a project takes nothing: such a file needs a line all the same.
///
/// What another line takes already has none of its own.
pub fn lines(sources: &[Source], folder: &RepoPath) -> Vec<String> {
    let all: Vec<&CopiedPath> = sources.iter().flat_map(|source| &source.takes).collect();
    let mut lines = Vec::new();
    for takes in &all {
        let line = takes.line(folder);
        let is_within =
            |other: &&&CopiedPath| matches!(other, CopiedPath::Folder(_)) && other.contains(takes);
        if !lines.contains(&line) && !all.iter().any(|other| is_within(&other) && other != takes) {
            lines.push(line);
        }
    }
    lines
}

impl Source {
    /// Whether it takes everything in `folder`.
    pub fn takes_all_of(&self, folder: &RepoPath) -> bool {
        let is_whole =
            |takes: &CopiedPath| matches!(takes, CopiedPath::Folder(taken) if folder.is_within(taken));
        self.takes.iter().any(is_whole)
    }
}

impl From<CopyKind> for SourceKind {
    fn from(kind: CopyKind) -> Self {
        match kind {
            CopyKind::Copy => Self::Copy,
            CopyKind::Add => Self::Add,
            CopyKind::Mount => Self::Mount,
        }
    }
}

/// The part of the instruction that names it.
impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written = printable(&self.written);
        match self.kind {
            SourceKind::Copy => write!(formatter, "COPY {written}"),
            SourceKind::Add => write!(formatter, "ADD {written}"),
            SourceKind::Mount => write!(formatter, "--mount=source={written}"),
            SourceKind::Frontend => write!(formatter, "# syntax={written}"),
        }
    }
}

impl CopiedPath {
    /// How a pattern file in `folder` says it: with `./` for what is in that folder, else from the root.
    pub fn line(&self, folder: &RepoPath) -> String {
        let (path, rest) = match self {
            Self::File(path) => (path, ""),
            Self::Folder(path) if path.is_root() && !folder.is_root() => return "**".to_owned(),
            Self::Folder(path) => (path, "/"),
            Self::Glob { folder, glob } => (folder, glob.as_str()),
        };
        let is_glob = matches!(self, Self::Glob { .. });
        let join = |path: &RepoPath, rest: &str| {
            let separator = if is_glob && !path.is_root() { "/" } else { "" };
            let path = if path.is_root() { String::new() } else { escaped(path) };
            format!("{path}{separator}{rest}")
        };
        match path.relative_to(folder) {
            Some(own) if own.is_root() && !is_glob => "./".to_owned(),
            Some(own) => format!("./{}", join(&own, rest)),
            None => {
                let line = join(path, rest);
                // At the beginning of a line these have a meaning of their own.
                if line.starts_with(['#', '!', '^']) { format!("\\{line}") } else { line }
            }
        }
    }

    /// Whether it is a folder that holds all that `other` takes.
    fn contains(&self, other: &Self) -> bool {
        let Self::Folder(folder) = self else { return false };
        match other {
            Self::File(path) => path.is_within(folder) && path != folder,
            Self::Folder(path) | Self::Glob { folder: path, .. } => path.is_within(folder),
        }
    }
}

/// A path in the syntax of globs, in which it stands for itself.
fn escaped(path: &RepoPath) -> String {
    let text = String::from_utf8_lossy(path.as_bytes());
    let mut escaped = String::with_capacity(text.len());
    text.chars().for_each(|character| wildcard::push_literal(&mut escaped, character));
    // Spaces at the end of a line are ignored.
    match escaped.strip_suffix([' ', '\t']) {
        Some(before) => format!("{before}\\{}", &escaped[before.len()..]),
        None => escaped,
    }
}

#[cfg(test)]
mod tests;
