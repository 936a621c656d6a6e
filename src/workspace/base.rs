//! The projects of a base, as far as changes since then have to be compared with them.
//!
//! A base is history: what is wrong with it can't be fixed any more. So a project that can't be read there is no
//! error but a value, and counts as changed.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::folder_context::ignore_file;
use super::images::Names;
use super::input_rules::pattern_files;
use super::read::{Found, Locking, files_of, read_all};
use super::{
    LOCK_FILE, MANIFEST, ManifestSource, Project, Unlocked, Variant, Workspace, WorkspaceError, ignore_files,
    lock, manifest,
};
use crate::config::{Located, LockFile, Problem, ProjectConfig, RegistryConfig, RegistryKind};
use crate::git::{GitError, Snapshot};
use crate::infer::Source;
use crate::model::{Change, ProjectName, RepoPath};
use crate::patterns::{Index, PathSet, Patterns};

/// What a base says of the projects of a newer tree.
#[derive(Debug)]
pub struct Base<'w> {
    /// The newer tree's projects that the base may say something else of. What is not among them is defined in the
    /// base as it is now.
    pub redefined: BTreeMap<&'w ProjectName, BaseProject>,
    /// What of the base is an input of every project.
    pub rebuild_all: Cow<'w, Patterns>,
    /// Whether that is written as it is now.
    pub is_rebuild_all_same: bool,
    /// Whether `[cache]` is a registry in only one of the two trees, which changes the default of `platforms`.
    pub is_default_platform_other: bool,
}

/// One project of a base.
#[derive(Debug)]
pub enum BaseProject {
    /// The base has no project of this name.
    New,
    Read(Box<Project>),
    /// What it names there can't be read; why, in one line.
    Unreadable(String),
}

/// Why nothing of a base can be compared: the manifest isn't there or can't be read. In one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadableBase(pub String);

impl<'w> Base<'w> {
    /// Reads what the changes from `base` to the tree of `workspace` may have defined anew.
    ///
    /// The definition of a project follows from the manifest, the lock file, its pattern file, its Dockerfile and those of our own images
    /// that this one starts from; what is inferred, from ignore files and from links too. So where the manifest is the same, only
    /// projects with one of these among the changes are read.
    ///
    /// # Errors
    /// [`GitError`] when the object database fails.
    pub fn read(
        workspace: &'w Workspace,
        source: &ManifestSource,
        base: &Snapshot<'_>,
        changes: &[Change],
    ) -> Result<Result<Self, UnreadableBase>, GitError> {
        let is_changed = |file: &str| changes.iter().any(|change| change.path.as_bytes() == file.as_bytes());
        let lock = if is_changed(LOCK_FILE) {
            match lock::read(base)? {
                Ok(lock) => Cow::Owned(lock),
                Err(errors) => {
                    let why = format!("its `{LOCK_FILE}` can't be read: {}", in_one_line(&errors));
                    return Ok(Err(UnreadableBase(why)));
                }
            }
        } else {
            Cow::Borrowed(&workspace.lock)
        };
        let lock = Option::as_ref(&lock);
        if matches!(source, ManifestSource::Tree) && is_changed(MANIFEST) {
            Self::with_other_manifest(workspace, base, lock)
        } else {
            Self::with_same_manifest(workspace, base, lock, changes).map(Ok)
        }
    }

    fn with_same_manifest(
        workspace: &'w Workspace,
        base: &Snapshot<'_>,
        lock: Option<&LockFile>,
        changes: &[Change],
    ) -> Result<Self, GitError> {
        let changed = ChangedPaths::new(workspace, changes);
        let is_relocked = |project: &Project| {
            let mut external = project.variants.iter().flat_map(|variant| &variant.external);
            let locked = |lock: Option<&'_ LockFile>, image| lock.and_then(|lock| lock.get(image)).cloned();
            external.any(|external| {
                locked(lock, &external.image) != locked(workspace.lock.as_ref(), &external.image)
            })
        };
        let projects = workspace.projects.iter();
        let configs: Vec<(&ProjectName, &ProjectConfig)> = projects
            .filter(|(name, project)| changed.redefine(name, project) || is_relocked(project))
            .map(|(name, project)| (name, &*project.config))
            .collect();
        let redefined = if configs.is_empty() {
            BTreeMap::new()
        } else {
            let projects = workspace.projects.iter().map(|(name, project)| (name, &*project.config));
            let names = Names::of(projects, &workspace.settings, &workspace.cache, workspace.deploy.as_ref());
            read(base, configs, &names, lock)?
        };
        let rebuild_all = Cow::Borrowed(&workspace.rebuild_all);
        Ok(Self { redefined, rebuild_all, is_rebuild_all_same: true, is_default_platform_other: false })
    }

    fn with_other_manifest(
        workspace: &'w Workspace,
        base: &Snapshot<'_>,
        lock: Option<&LockFile>,
    ) -> Result<Result<Self, UnreadableBase>, GitError> {
        let old = match manifest(base, &ManifestSource::Tree) {
            Ok((old, _)) => old,
            Err(WorkspaceError::Git(error)) => return Err(error),
            Err(WorkspaceError::NoManifest) => {
                return Ok(Err(UnreadableBase(format!("it has no `{MANIFEST}`"))));
            }
            Err(error @ (WorkspaceError::Invalid(_) | WorkspaceError::PolicyFile { .. })) => {
                return Ok(Err(UnreadableBase(format!(
                    "its `{MANIFEST}` can't be read: {}",
                    in_one_line(&error)
                ))));
            }
        };
        let list = |patterns: &[Located<String>]| {
            Patterns::from_list(patterns.iter().map(|line| (line.value.clone(), line.line)))
        };
        let rebuild_all = match list(&old.workspace.rebuild_all) {
            Ok(patterns) => Cow::Owned(patterns),
            Err(errors) => {
                let why = errors.first().map(|error| in_one_line(error)).unwrap_or_default();
                return Ok(Err(UnreadableBase(format!("`rebuild_all` of its `{MANIFEST}`: {why}"))));
            }
        };
        let is_rebuild_all_same = old.workspace.rebuild_all == workspace.settings.rebuild_all;
        let configs = workspace.projects.keys().filter_map(|name| Some((name, &**old.projects.get(name)?)));
        let mut redefined = read(base, configs.collect(), &Names::new(&old), lock)?;
        for name in workspace.projects.keys() {
            redefined.entry(name).or_insert(BaseProject::New);
        }
        let is_engine = |cache: &RegistryConfig| cache.kind == RegistryKind::Engine;
        let is_default_platform_other = is_engine(&old.cache) != is_engine(&workspace.cache);
        Ok(Ok(Self { redefined, rebuild_all, is_rebuild_all_same, is_default_platform_other }))
    }
}

fn read<'w>(
    base: &Snapshot<'_>,
    configs: Vec<(&'w ProjectName, &ProjectConfig)>,
    names: &Names<'_>,
    lock: Option<&LockFile>,
) -> Result<BTreeMap<&'w ProjectName, BaseProject>, GitError> {
    base.fetch_from_promisor(configs.iter().flat_map(|(_, config)| files_of(config)))?;
    // What its lock file lacks, floated there.
    let locking = Locking { lock, unlocked: Unlocked::Floats };
    let found = read_all(base, &configs, names, locking, MANIFEST)?;
    let project =
        |((name, config), found): ((&'w ProjectName, &ProjectConfig), Result<Found, Vec<Problem>>)| {
            let project = match found {
                Ok(found) => BaseProject::Read(Box::new(found.with(Box::new(config.clone())))),
                Err(problems) => {
                    // Nobody can follow a hint there any more.
                    let first = problems.into_iter().next().map(|problem| Problem { hint: None, ..problem });
                    BaseProject::Unreadable(first.map(|problem| problem.to_string()).unwrap_or_default())
                }
            };
            (name, project)
        };
    Ok(configs.into_iter().zip(found).map(project).collect())
}

/// What changed since a base with the same manifest, looked at from the newer tree.
struct ChangedPaths<'w> {
    /// With the folders that they are in.
    all: PathSet<'w>,
    exact: HashSet<&'w RepoPath>,
    /// Projects with a changed Dockerfile.
    dockerfiles: BTreeSet<&'w ProjectName>,
    /// Projects that have a wildcard for one of the paths.
    found_by_wildcards: BTreeSet<&'w ProjectName>,
}

impl<'w> ChangedPaths<'w> {
    fn new(workspace: &'w Workspace, changes: &'w [Change]) -> Self {
        let all = PathSet::new(changes.iter().map(|change| &change.path));
        let is_changed =
            |(_, project): &(&ProjectName, &Project)| all.has_at_or_below(&project.config.dockerfile.value);
        let dockerfiles = workspace.projects.iter().filter(is_changed).map(|(name, _)| name).collect();
        let (owners, wildcards): (Vec<&ProjectName>, Vec<&Patterns>) = workspace
            .projects
            .iter()
            .flat_map(|(name, project)| sources(project).map(move |source| (name, &source.follows.wildcards)))
            .filter(|(_, wildcards)| !wildcards.lines().is_empty())
            .unzip();
        let index = Index::for_paths(wildcards, &all);
        let mut found_by_wildcards = BTreeSet::new();
        for change in changes {
            index.matches(&change.path, |set, _| {
                found_by_wildcards.insert(owners[set]);
            });
        }
        let exact = changes.iter().map(|change| &change.path).collect();
        Self { all, exact, dockerfiles, found_by_wildcards }
    }

    /// Whether the base may define a project otherwise.
    fn redefine(&self, name: &ProjectName, project: &Project) -> bool {
        let config = &project.config;
        let has = |path: &RepoPath| self.all.has_at_or_below(path);
        // All of these are in its folder.
        let is_own_file_changed = has(&config.path.value)
            && (self.dockerfiles.contains(name) || pattern_files(config).iter().any(has));
        // It decides which files of the folder are inputs.
        let mut folders = config.folders();
        is_own_file_changed
            || folders.any(|(folder, _)| has(&ignore_file(folder)))
            || self.has_triggers_changed(project)
            || (project.inputs.inferred().is_some() || project.whole_context.is_some())
                && ignore_files(config).iter().any(has)
            || self.found_by_wildcards.contains(name)
            || sources(project)
                .any(|source| source.follows.paths.iter().any(|path| self.exact.contains(path)))
    }

    /// What an image leaves to those that start from it, its Dockerfile says.
    fn has_triggers_changed(&self, project: &Project) -> bool {
        let mut parents = project.variants.iter().flat_map(Variant::own_parents);
        !self.dockerfiles.is_empty() && parents.any(|(_, parent)| self.dockerfiles.contains(parent))
    }
}

/// What is inferred of a project.
fn sources(project: &Project) -> impl Iterator<Item = &Source> {
    project.inputs.inferred().into_iter().flat_map(|inferred| &inferred.sources)
}

/// An error and its causes.
fn in_one_line(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
