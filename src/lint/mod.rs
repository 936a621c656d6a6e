//! Reports where patterns, Dockerfiles and dependencies disagree.
//!
//! One walk over the tree looks each file up among all lines and all sources of all projects at once; what
//! a Dockerfile takes is [`infer`](crate::infer)'s answer. Nothing is written here but by [`mod@write`].

mod build_args;
mod compose;
mod edit;
mod expression;
mod filters;
mod floating;
mod mounts;
mod parents;
mod patterns;
mod siblings;
mod submodules;
mod terraform;
mod unnamed;
mod walk;
pub mod write;

use std::collections::BTreeSet;
use std::fmt;

use serde::{Serialize, Serializer};
use thiserror::Error;

pub use edit::{Edit, EditKind};
use siblings::Siblings;

use crate::deploy::TerraformError;
use crate::git::{GitError, Snapshot};
use crate::infer::{InferError, Resolution};
use crate::inputs;
use crate::model::{ErrorKind, ProjectName, TaggedImage};
use crate::workspace::Workspace;

/// What is wrong with some projects.
#[derive(Clone, Debug, Default)]
pub struct Lint {
    /// By project, those of no project last, then in the order of files and lines.
    pub findings: Vec<Finding>,
    /// Sources that could not be compared with patterns, in the same order.
    pub unchecked: Vec<Unchecked>,
    /// External images that the selected projects name by tags, where there is no lock file that could pin them.
    pub floating: BTreeSet<TaggedImage>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// `None` for a file that no project names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectName>,
    /// From the repository root, but for a manifest that was named.
    pub file: String,
    /// From 1.
    pub line: usize,
    pub code: Code,
    pub message: String,
    /// What would fix it, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<Edit>,
}

/// A source that depends on what only a build knows.
#[derive(Clone, Debug, Serialize)]
pub struct Unchecked {
    pub project: ProjectName,
    pub file: String,
    pub line: usize,
    pub source: String,
}

/// What a finding is about. The names are for other programs, and stay as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    SourceNotCovered,
    SourcePartlyCovered,
    SourceMissing,
    SourceIgnored,
    SourceBadWildcard,
    PatternMatchesNothing,
    PatternNotUsed,
    IgnoredInput,
    LooksLikeExpression,
    AmbiguousExpression,
    ParentNotPinned,
    ParentFloats,
    FloatingReference,
    LooksLikeProject,
    OwnImageWithoutProject,
    NeedNotUsed,
    ContextNotUsed,
    MountNotDeclared,
    NotHermetic,
    FilteredInput,
    BuildArgNotDeclared,
    DockerfileWithoutProject,
    PatternOfSibling,
    CopiesSubmodule,
    TerraformOwnsImage,
    DiffersFromCompose,
}

impl Code {
    pub fn name(self) -> &'static str {
        match self {
            Self::SourceNotCovered => "source-not-covered",
            Self::SourcePartlyCovered => "source-partly-covered",
            Self::SourceMissing => "source-missing",
            Self::SourceIgnored => "source-ignored",
            Self::SourceBadWildcard => "source-bad-wildcard",
            Self::PatternMatchesNothing => "pattern-matches-nothing",
            Self::PatternNotUsed => "pattern-not-used",
            Self::IgnoredInput => "ignored-input",
            Self::LooksLikeExpression => "looks-like-expression",
            Self::AmbiguousExpression => "ambiguous-expression",
            Self::ParentNotPinned => "parent-not-pinned",
            Self::ParentFloats => "parent-floats",
            Self::FloatingReference => "floating-reference",
            Self::LooksLikeProject => "looks-like-project",
            Self::OwnImageWithoutProject => "own-image-without-project",
            Self::NeedNotUsed => "need-not-used",
            Self::ContextNotUsed => "context-not-used",
            Self::MountNotDeclared => "mount-not-declared",
            Self::NotHermetic => "not-hermetic",
            Self::FilteredInput => "filtered-input",
            Self::BuildArgNotDeclared => "build-arg-not-declared",
            Self::DockerfileWithoutProject => "dockerfile-without-project",
            Self::PatternOfSibling => "pattern-of-sibling",
            Self::CopiesSubmodule => "copies-submodule",
            Self::TerraformOwnsImage => "terraform-owns-image",
            Self::DiffersFromCompose => "differs-from-compose",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Why projects can't be looked at.
#[derive(Debug, Error)]
pub enum LintError {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("cannot tell what the Dockerfile of `{project}` takes")]
    Infer {
        project: ProjectName,
        #[source]
        source: InferError,
    },
    #[error(transparent)]
    Terraform(#[from] TerraformError),
}

impl LintError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Git(error) => error.kind(),
            Self::Infer { source, .. } => source.kind(),
            Self::Terraform(error) => error.kind(),
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Git(error) => error.hint(),
            Self::Infer { source, .. } => source.hint(),
            Self::Terraform(error) => error.hint(),
        }
    }
}

/// Looks at the `selected` projects of a tree; if these are all, at Dockerfiles that are no project's as well.
///
/// # Errors
/// [`LintError`] when a tree or a `.dockerignore` can't be used.
pub fn check(
    workspace: &Workspace,
    selected: &BTreeSet<ProjectName>,
    snapshot: &Snapshot<'_>,
) -> Result<Lint, LintError> {
    let mut lint = Lint::default();
    let filtered = inputs::filtered(workspace, selected, snapshot)?;
    let subjects = walk::subjects(workspace, selected, snapshot)?;
    let siblings = Siblings::new(&subjects);
    let unnamed = submodules::unnamed(&subjects, snapshot)?;
    let owned = terraform::owned(workspace, selected, snapshot)?;
    let services = compose::Services::read(snapshot)?;
    for subject in subjects.iter().filter(|subject| selected.contains(subject.name)) {
        let from = lint.findings.len();
        parents::check(workspace, subject, &mut lint.findings);
        match &workspace.lock {
            Some(lock) => floating::check(lock, subject, &mut lint.findings),
            None => lint.floating.extend(floating::images(subject)),
        }
        mounts::check(subject, &mut lint.findings);
        submodules::check(subject, &unnamed, &mut lint.findings);
        build_args::check(&workspace.manifest_file, subject, &mut lint.findings);
        compose::check(workspace, subject.name, subject.project, &services, &mut lint.findings);
        patterns::check(subject, &siblings.of(subject), &mut lint.findings);
        let filtered = filtered.get(subject.name).map(Vec::as_slice).unwrap_or_default();
        filters::check(subject.name, filtered, &mut lint.findings);
        let owned = owned.get(subject.name).map(Vec::as_slice).unwrap_or_default();
        terraform::check(workspace, subject.name, owned, &mut lint.findings);
        lint.findings[from..].sort_by(|one, other| {
            (&one.file, one.line, one.code).cmp(&(&other.file, other.line, other.code))
        });
        let unknown =
            subject.sources.iter().filter(|source| source.resolution == Resolution::UnknownVariable);
        lint.unchecked.extend(unknown.map(|source| Unchecked {
            project: subject.name.clone(),
            file: subject.project.config.dockerfile.value.to_string(),
            line: source.line,
            source: source.written.clone(),
        }));
    }
    if selected.len() == workspace.projects.len() {
        unnamed::check(workspace, snapshot, &mut lint.findings)?;
    }
    Ok(lint)
}
