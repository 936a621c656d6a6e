//! The projects of a base, as far as changes since then have to be compared with them.
//!
//! A base is history: what is wrong with it can't be fixed any more. So a project that can't be read there is no
//! error but a value, and counts as changed.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::folder_context::ignore_file;
use super::images::Names;
use super::read::{Found, read_all};
use super::{MANIFEST, ManifestSource, PATTERN_FILE, Project, Workspace, WorkspaceError, manifest};
use crate::config::{Located, Problem, ProjectConfig};
use crate::git::{GitError, Snapshot};
use crate::model::{Change, ProjectName};
use crate::patterns::{PathSet, Patterns};

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
    /// The definition of a project follows from the manifest, its pattern file and its Dockerfile. So where the
    /// manifest is the same, only projects with one of the two files among the changes are read, or with the ignore file of a folder
    /// that is a named context.
    ///
    /// # Errors
    /// [`GitError`] when the object database fails.
    pub fn read(
        workspace: &'w Workspace,
        source: &ManifestSource,
        base: &Snapshot<'_>,
        changes: &[Change],
    ) -> Result<Result<Self, UnreadableBase>, GitError> {
        let is_manifest = |change: &Change| change.path.as_bytes() == MANIFEST.as_bytes();
        if matches!(source, ManifestSource::Tree) && changes.iter().any(is_manifest) {
            Self::with_other_manifest(workspace, base)
        } else {
            Self::with_same_manifest(workspace, base, changes).map(Ok)
        }
    }

    fn with_same_manifest(
        workspace: &'w Workspace,
        base: &Snapshot<'_>,
        changes: &[Change],
    ) -> Result<Self, GitError> {
        let changed = PathSet::new(changes.iter().map(|change| &change.path));
        let is_redefined = |project: &Project| {
            let is_own = changed.has_at_or_below(&project.config.path.value)
                && (changed.has_at_or_below(&project.config.dockerfile.value)
                    || changed.has_at_or_below(project.pattern_file.path()));
            // It decides which files of the folder are inputs.
            let mut folders = project.config.folders();
            is_own || folders.any(|(folder, _)| changed.has_at_or_below(&ignore_file(folder)))
        };
        let projects = workspace.projects.iter();
        let configs: Vec<(&ProjectName, &ProjectConfig)> = projects
            .filter(|(_, project)| is_redefined(project))
            .map(|(name, project)| (name, &*project.config))
            .collect();
        let redefined = if configs.is_empty() {
            BTreeMap::new()
        } else {
            let projects = workspace.projects.iter().map(|(name, project)| (name, &*project.config));
            let names = Names::of(projects, &workspace.settings, &workspace.cache, workspace.deploy.as_ref());
            read(base, configs, &names)?
        };
        let rebuild_all = Cow::Borrowed(&workspace.rebuild_all);
        Ok(Self { redefined, rebuild_all, is_rebuild_all_same: true })
    }

    fn with_other_manifest(
        workspace: &'w Workspace,
        base: &Snapshot<'_>,
    ) -> Result<Result<Self, UnreadableBase>, GitError> {
        let old = match manifest(base, &ManifestSource::Tree) {
            Ok((old, _)) => old,
            Err(WorkspaceError::Git(error)) => return Err(error),
            Err(error @ (WorkspaceError::NoManifest | WorkspaceError::Invalid(_))) => {
                return Ok(Err(UnreadableBase(in_one_line(&error))));
            }
        };
        let list = |patterns: &[Located<String>]| {
            Patterns::from_list(patterns.iter().map(|line| (line.value.clone(), line.line)))
        };
        let rebuild_all = match list(&old.workspace.rebuild_all) {
            Ok(patterns) => Cow::Owned(patterns),
            Err(errors) => {
                let why = errors.first().map(|error| in_one_line(error)).unwrap_or_default();
                return Ok(Err(UnreadableBase(format!("`rebuild_all` of `{MANIFEST}`: {why}"))));
            }
        };
        let is_rebuild_all_same = old.workspace.rebuild_all == workspace.settings.rebuild_all;
        let configs = workspace.projects.keys().filter_map(|name| Some((name, &**old.projects.get(name)?)));
        let mut redefined = read(base, configs.collect(), &Names::new(&old))?;
        for name in workspace.projects.keys() {
            redefined.entry(name).or_insert(BaseProject::New);
        }
        Ok(Ok(Self { redefined, rebuild_all, is_rebuild_all_same }))
    }
}

fn read<'w>(
    base: &Snapshot<'_>,
    configs: Vec<(&'w ProjectName, &ProjectConfig)>,
    names: &Names<'_>,
) -> Result<BTreeMap<&'w ProjectName, BaseProject>, GitError> {
    base.fetch_from_promisor(configs.iter().flat_map(|(_, config)| {
        [config.dockerfile.value.clone(), config.path.value.join_component(PATTERN_FILE.as_bytes())]
    }))?;
    let found = read_all(base, &configs, names, MANIFEST)?;
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
