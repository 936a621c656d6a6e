//! What makes a path an input of a project: a line of a file, or the file that it is.

use crate::dockerfile;
use crate::infer::Source;
use crate::model::RepoPath;
use crate::patterns::Pattern;
use crate::workspace::{FolderContext, LOCK_FILE, MANIFEST, PATTERN_FILE, Project, Variant};

/// What makes a path an input of a project.
#[derive(Clone, Copy, Debug)]
pub enum TakenBy<'w> {
    /// A line of its pattern file.
    Pattern(&'w Pattern),
    /// A source of its Dockerfile, where there is no pattern file.
    Source(&'w Source),
    /// A line of `extra_inputs`.
    ExtraInput(&'w Pattern),
    /// A line of `rebuild_all`.
    RebuildAll(&'w Pattern),
    Dockerfile,
    /// It is a `.dockerignore` that the build may use.
    IgnoreFile,
    /// It is in a folder that is a named context.
    Context(&'w FolderContext),
    /// It is in the build context, all of which is an input.
    WholeContext(&'w FolderContext),
}

impl TakenBy<'_> {
    /// The line as it is written, or the file itself where no line names it.
    pub fn line(&self, path: &RepoPath) -> String {
        match self {
            Self::Pattern(pattern) | Self::ExtraInput(pattern) | Self::RebuildAll(pattern) => {
                pattern.to_string()
            }
            Self::Source(source) => source.to_string(),
            Self::Dockerfile | Self::IgnoreFile => path.to_string(),
            Self::Context(context) | Self::WholeContext(context) => format!("{}/", context.folder),
        }
    }

    /// Where that stands: `file:line`.
    pub fn source(&self, project: &Project, manifest_file: &str) -> String {
        let in_manifest =
            |line: Option<usize>| format!("{manifest_file}:{}", line.unwrap_or(project.config.line));
        match self {
            Self::Pattern(pattern) => match (project.inputs.pattern_file(), pattern.line()) {
                (Some(file), Some(line)) => format!("{file}:{line}"),
                (_, line) => in_manifest(line),
            },
            Self::Source(source) => format!("{}:{}", project.config.dockerfile.value, source.line),
            Self::ExtraInput(pattern) | Self::RebuildAll(pattern) => in_manifest(pattern.line()),
            Self::Context(context) | Self::WholeContext(context) => in_manifest(Some(context.line)),
            Self::Dockerfile | Self::IgnoreFile => in_manifest(None),
        }
    }

    /// Whether a build gets a folder for the files in it that this would take, though all of them are ignored: as an engine does,
    /// where the folder itself is neither ignored nor what is copied.
    pub fn keeps_folder(&self, project: &Project, folder: &RepoPath) -> bool {
        match self {
            Self::Source(source) => {
                let context = project.inputs.inferred().map(|inferred| &inferred.context);
                context.is_some_and(|context| context.takes(folder))
                    && source.patterns.decide(folder).is_some()
            }
            Self::Context(context) | Self::WholeContext(context) => context.takes(folder),
            Self::Pattern(_)
            | Self::ExtraInput(_)
            | Self::RebuildAll(_)
            | Self::Dockerfile
            | Self::IgnoreFile => false,
        }
    }
}

/// Whether a file that is not committed is an input by this line of `extra_inputs`: as for committed ones, chinampa's own
/// are inputs only of projects that name them exactly.
pub(super) fn is_extra_input(project: &Project, pattern: &Pattern, path: &RepoPath) -> bool {
    !is_chinampas(path) || names_exactly(project, TakenBy::ExtraInput(pattern), path)
}

/// Whether a line or a source of the Dockerfile is this very path.
pub(super) fn names_exactly<'p>(project: &'p Project, by: TakenBy<'_>, path: &RepoPath) -> bool {
    let is_path = |source: &dockerfile::Source| {
        let source =
            source.path.as_deref().and_then(|source| RepoPath::new(source.trim_start_matches('/')).ok());
        source.is_some_and(|source| project.config.context.value.join(&source) == *path)
    };
    let is_source = || {
        let target = project.config.target.as_ref();
        let needed = |variant: &'p Variant| variant.dockerfile.copies_needed_for(target).unwrap_or_default();
        let mut copies = project.variants.iter().flat_map(needed);
        copies.any(|copy| copy.sources.iter().any(is_path))
    };
    match by {
        TakenBy::Pattern(pattern) | TakenBy::ExtraInput(pattern) | TakenBy::RebuildAll(pattern) => {
            pattern.is_path(path) || is_source()
        }
        TakenBy::Source(_) | TakenBy::WholeContext(_) => is_source(),
        TakenBy::Dockerfile | TakenBy::IgnoreFile => true,
        TakenBy::Context(_) => false,
    }
}

/// Whether a path is a file of chinampa's own: the manifest, the lock file, or a pattern file of any project.
pub(super) fn is_chinampas(path: &RepoPath) -> bool {
    let path = path.as_bytes();
    path.ends_with(PATTERN_FILE.as_bytes()) || path == MANIFEST.as_bytes() || path == LOCK_FILE.as_bytes()
}
