//! What one tree says of its projects: `projects.toml`, `projects.lock`, pattern files and Dockerfiles, read together.
//!
//! All problems of all files are reported at once, each with its file and line.

mod base;
mod external_image;
mod folder_context;
mod images;
mod input_rules;
mod lock;
mod lookalike;
mod platforms;
mod read;
mod variant;

use std::collections::BTreeMap;

use crate::config::{
    self, BuilderConfig, CiConfig, EnvironmentConfig, EnvironmentName, Located, LockFile, Manifest,
    ManifestErrors, ProjectConfig, RegistryConfig, Trust, UNPROTECTED,
};
use crate::git::{GitError, Snapshot};
use crate::graph::ProjectGraph;
use crate::infer::{InferError, Source};
use crate::model::{
    AwsIdentity, ContextName, ErrorKind, InvalidImageRef, ProjectName, RepoPath, RepositoryName,
};
use crate::patterns::Patterns;

pub use base::{Base, BaseProject, UnreadableBase};
pub use external_image::{ExternalImage, ImageRole, NeededManifest};
pub use folder_context::FolderContext;
pub use input_rules::{InferredInputs, InputRules};
pub use lookalike::{Lookalike, is_called_like};
pub use platforms::PlatformError;
pub use variant::{ParentImage, Variant};

/// The manifest's name in a repository.
pub const MANIFEST: &str = "projects.toml";

/// The name, in the root of a repository, of the file that pins external images.
pub const LOCK_FILE: &str = "projects.lock";

/// A project's pattern file, in its folder; with the Dockerfile's name before it, beside the Dockerfile.
pub const PATTERN_FILE: &str = ".rebuild_patterns";

/// All projects of a tree.
#[derive(Debug)]
pub struct Workspace {
    /// What holds for all projects.
    pub settings: config::Workspace,
    pub cache: RegistryConfig,
    pub deploy: Option<RegistryConfig>,
    pub environments: BTreeMap<EnvironmentName, EnvironmentConfig>,
    /// Who applies Terraform, where that is not who promotes images.
    pub terraform: AwsIdentity,
    pub trust: Option<Trust>,
    /// BuildKit daemons that build the images; an engine does where there are none.
    pub builders: Vec<BuilderConfig>,
    /// How generated pipelines run.
    pub ci: CiConfig,
    /// How messages name the manifest.
    pub manifest_file: String,
    /// What external images are pinned to; `None` where nobody has written that down.
    pub lock: Option<LockFile>,
    pub projects: BTreeMap<ProjectName, Project>,
    pub graph: ProjectGraph,
    /// All projects in the order in which they are deployed: that of the graph, and that of `deploy_after`.
    pub deploy_order: Vec<ProjectName>,
    /// Inputs of every project.
    pub rebuild_all: Patterns,
    /// Where build records are kept.
    pub records: RepositoryName,
    /// Where taints are kept, of all projects.
    pub taints: RepositoryName,
    /// Where the jobs of a run claim projects.
    pub claims: RepositoryName,
}

/// One project, read whole.
#[derive(Debug)]
pub struct Project {
    pub config: Box<ProjectConfig>,
    pub inputs: InputRules,
    /// The build context, where all of it is an input besides: it isn't hermetic.
    pub whole_context: Option<FolderContext>,
    /// What its Dockerfile is for each of its platforms: at least one.
    pub variants: Box<[Variant]>,
    /// External images of its Dockerfile that are called like another project, on any platform, by their lines. None of them
    /// is listed in `needs`.
    pub lookalikes: Box<[Lookalike]>,
    /// Where the cache keeps its images.
    pub repository: RepositoryName,
    /// Files that are inputs though they are not committed.
    pub extra_inputs: Patterns,
    /// The folders that its Dockerfile uses as named contexts on any platform, by their paths.
    pub folders: Box<[FolderContext]>,
    /// Everything in these folders, and in the whole context.
    pub folder_patterns: Patterns,
}

/// What an external image is that the lock file lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unlocked {
    /// A problem.
    Refused,
    /// Whatever its tag stands for.
    Floats,
}

/// Where the manifest is taken from.
#[derive(Clone, Debug)]
pub enum ManifestSource {
    /// `projects.toml` of the tree.
    Tree,
    /// A file that was read already, for any tree.
    File { name: String, text: Vec<u8> },
}

/// Why a tree's projects can't be used.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    #[error("there is no `{MANIFEST}` in the root of the repository")]
    NoManifest,
    #[error("the projects can't be used as they are described")]
    Invalid(#[source] ManifestErrors),
    #[error("{at}: the repository policy `{path}` {reason}")]
    PolicyFile {
        /// The line of the manifest.
        at: String,
        path: RepoPath,
        reason: &'static str,
    },
    #[error(transparent)]
    Git(#[from] GitError),
}

impl WorkspaceError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoManifest | Self::PolicyFile { .. } => ErrorKind::Input,
            Self::Invalid(errors) => errors.kind(),
            Self::Git(error) => error.kind(),
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoManifest => Some("`chinampa init` writes a first one; commit it".to_owned()),
            Self::Invalid(errors) => errors.hint(),
            Self::PolicyFile { .. } => None,
            Self::Git(error) => error.hint(),
        }
    }
}

/// Reads the manifest alone.
///
/// # Errors
/// [`WorkspaceError`] when it isn't there or has problems.
pub fn manifest(
    snapshot: &Snapshot<'_>,
    source: &ManifestSource,
) -> Result<(Manifest, String), WorkspaceError> {
    let (text, file) = match source {
        ManifestSource::File { name, text } => (text.clone(), name.clone()),
        ManifestSource::Tree => {
            let path = RepoPath::new(MANIFEST).expect("the manifest's name is a path");
            (snapshot.read(&path)?.ok_or(WorkspaceError::NoManifest)?, MANIFEST.to_owned())
        }
    };
    let mut manifest = config::parse(&text, &file).map_err(WorkspaceError::Invalid)?;
    manifest.read_files(|path| policy_file(snapshot, path, &file))?;
    Ok((manifest, file))
}

/// Reads a repository policy that the manifest names.
fn policy_file(
    snapshot: &Snapshot<'_>,
    path: &Located<RepoPath>,
    manifest: &str,
) -> Result<String, WorkspaceError> {
    let unusable = |reason| WorkspaceError::PolicyFile {
        at: format!("{manifest}:{}", path.line),
        path: path.value.clone(),
        reason,
    };
    let content = snapshot.read(&path.value)?.ok_or_else(|| unusable("is not in the commit"))?;
    let text = String::from_utf8(content).map_err(|_| unusable("is not UTF-8"))?;
    match serde_json::from_str(&text) {
        Ok(serde_json::Value::Object(_)) => Ok(text),
        Ok(_) | Err(_) => Err(unusable("is not a JSON object")),
    }
}

impl Workspace {
    /// Reads the manifest, the lock file, and what they name. Where there is a lock file, it has every external image.
    ///
    /// # Errors
    /// [`WorkspaceError`]; all problems that were found are in one [`ManifestErrors`].
    pub fn read(snapshot: &Snapshot<'_>, source: &ManifestSource) -> Result<Self, WorkspaceError> {
        let (manifest, file) = manifest(snapshot, source)?;
        read::workspace(snapshot, manifest, file, lock::read(snapshot)?, Unlocked::Refused)
    }

    /// The same, where external images that the lock file lacks float. Nothing is built by this.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_unlocked(snapshot: &Snapshot<'_>, source: &ManifestSource) -> Result<Self, WorkspaceError> {
        let (manifest, file) = manifest(snapshot, source)?;
        read::workspace(snapshot, manifest, file, lock::read(snapshot)?, Unlocked::Floats)
    }

    /// The same as it is with this lock file, whichever the tree has.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_with_lock(
        snapshot: &Snapshot<'_>,
        source: &ManifestSource,
        lock: LockFile,
    ) -> Result<Self, WorkspaceError> {
        let (manifest, file) = manifest(snapshot, source)?;
        read::workspace(snapshot, manifest, file, Ok(Some(lock)), Unlocked::Floats)
    }

    /// Where a line of the manifest is, as messages say it.
    pub fn manifest_line(&self, line: usize) -> String {
        format!("{}:{line}", self.manifest_file)
    }
}

impl Workspace {
    /// Where branches that aren't protected keep what others keep in `repository`, which is without the cache's prefix.
    pub fn unprotected(&self, repository: &RepositoryName) -> RepositoryName {
        let prefix = format!("{}{UNPROTECTED}", self.cache.prefix);
        repository.with_prefix(&prefix).expect("it was checked")
    }

    /// Sees that all repositories of branches that aren't protected have names.
    ///
    /// # Errors
    /// [`InvalidImageRef`] for the first that has none: it is too long.
    pub fn check_unprotected(&self) -> Result<(), InvalidImageRef> {
        let prefix = format!("{}{UNPROTECTED}", self.cache.prefix);
        let records = self.settings.name.builds_repository();
        let all = self.projects.values().map(|project| &project.config.repository).chain([&records]);
        all.into_iter().try_for_each(|repository| repository.with_prefix(&prefix).map(drop))
    }
}

impl Project {
    /// What its Dockerfile takes from the context on any of its platforms, whether or not that is what its inputs are.
    ///
    /// # Errors
    /// [`InferError`] when a tree can't be read.
    pub fn sources(&self, snapshot: &Snapshot<'_>) -> Result<Vec<Source>, InferError> {
        input_rules::sources(&self.config, &self.variants, snapshot)
    }

    /// The folders whose files are inputs, whatever patterns say: named contexts, and the whole context.
    pub fn contexts(&self) -> impl Iterator<Item = &FolderContext> {
        self.folders.iter().chain(&self.whole_context)
    }

    /// Whether all that a build could take from the context is an input.
    pub fn takes_whole_context(&self) -> bool {
        let takes_all = |source: &Source| source.takes_all_of(&self.config.context.value);
        self.whole_context.is_some()
            || self.inputs.inferred().is_some_and(|inferred| inferred.sources.iter().any(takes_all))
    }

    /// The `.dockerignore` files that a build may use: the Dockerfile's own, else the context's.
    pub fn ignore_files(&self) -> [RepoPath; 2] {
        ignore_files(&self.config)
    }

    /// The projects that any platform's Dockerfile takes an image of, and those that the manifest lists.
    pub fn needs(&self) -> impl Iterator<Item = &ProjectName> {
        let listed = self.config.needs.iter().map(|need| &need.value);
        self.variants.iter().flat_map(Variant::own_parents).map(|(_, project)| project).chain(listed)
    }

    /// Whether its Dockerfile takes something from a named context on any platform.
    pub fn uses_context(&self, name: &ContextName) -> bool {
        let mut references = self.variants.iter().flat_map(|variant| variant.parents.keys());
        references.any(|reference| reference.parse().as_ref() == Ok(name))
    }

    /// Whether its Dockerfile takes an image of that project on any platform.
    pub fn is_built_from(&self, project: &ProjectName) -> bool {
        self.variants.iter().flat_map(Variant::own_parents).any(|(_, parent)| parent == project)
    }
}

fn ignore_files(config: &ProjectConfig) -> [RepoPath; 2] {
    let own = [config.dockerfile.value.as_bytes(), b".dockerignore"].concat();
    let own = RepoPath::new(own).expect("a path with more letters is a path");
    [own, config.context.value.join_component(b".dockerignore")]
}
