//! The projects, and the patterns, that a command is asked about.

use std::collections::BTreeSet;
use std::path::{Component, Path};

use clap::ValueEnum;

use super::repository_context::RepositoryContext;
use crate::ci::Directives;
use crate::error::Error;
use crate::git::Snapshot;
use crate::inputs::{self, InputFile};
use crate::model::{ProjectName, RepoPath};
use crate::observe::ForcedBy;
use crate::patterns::{Pattern, Patterns, PatternsError};
use crate::plan::Forced;
use crate::workspace::{Project, Workspace};

/// The named projects and what they need; all when none is named.
pub(super) fn selected(
    repo: &RepositoryContext,
    workspace: &Workspace,
    names: &[String],
) -> Result<BTreeSet<ProjectName>, Error> {
    if names.is_empty() {
        return Ok(workspace.projects.keys().cloned().collect());
    }
    let named: Vec<ProjectName> =
        names.iter().map(|name| project(repo, workspace, name)).collect::<Result<_, _>>()?;
    Ok(workspace.graph.with_needs(&named).into_iter().cloned().collect())
}

/// The one project that is named, or that there is.
///
/// # Errors
/// [`Error::ImageDetail`] when there are others.
pub(super) fn only(
    repo: &RepositoryContext,
    workspace: &Workspace,
    names: &[String],
) -> Result<ProjectName, Error> {
    match (names, workspace.projects.len()) {
        ([name], _) => project(repo, workspace, name),
        ([], 1) => Ok(workspace.projects.keys().next().expect("it has one").clone()),
        ([], projects) => Err(Error::ImageDetail { projects }),
        (names, _) => Err(Error::ImageDetail { projects: names.len() }),
    }
}

/// Finds a project by the name that a person typed, or by the path of its folder from where the command runs: `.` is the
/// project whose folder that is in.
pub(super) fn project(
    repo: &RepositoryContext,
    workspace: &Workspace,
    name: &str,
) -> Result<ProjectName, Error> {
    let named = name.parse::<ProjectName>().ok().filter(|name| workspace.projects.contains_key(name));
    if let Some(name) = named {
        return Ok(name);
    }
    if name == "." {
        return project_here(repo, workspace);
    }
    of_folder(repo, workspace, name).ok_or_else(|| Error::UnknownProject {
        name: name.to_owned(),
        similar: workspace
            .projects
            .keys()
            .map(|project| (strsim::jaro_winkler(name, project.as_str()), project))
            .filter(|(likeness, _)| *likeness > 0.8)
            .max_by(|one, other| one.0.total_cmp(&other.0))
            .map(|(_, project)| project.clone()),
    })
}

/// The project whose folder the command runs in, or in a folder of it.
///
/// # Errors
/// [`Error::NoProjectHere`] when there is none.
pub(super) fn project_here(repo: &RepositoryContext, workspace: &Workspace) -> Result<ProjectName, Error> {
    let around = |folder: &RepoPath| {
        let projects = workspace.projects.iter();
        let deepest = projects
            .filter(|(_, project)| folder.is_within(&project.config.path.value))
            .max_by_key(|(_, project)| project.config.path.value.components().count());
        deepest.map(|(name, _)| name.clone())
    };
    let no_project = || Error::NoProjectHere { folder: repo.directory.display().to_string() };
    repo.folder.as_ref().and_then(around).ok_or_else(no_project)
}

/// The only project in this folder.
fn of_folder(repo: &RepositoryContext, workspace: &Workspace, folder: &str) -> Option<ProjectName> {
    let mut path = repo.folder.as_ref()?.to_os_path();
    for component in Path::new(folder).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                if !path.pop() {
                    return None;
                }
            }
            Component::Normal(name) => path.push(name),
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    let folder = RepoPath::new(path.as_os_str().as_encoded_bytes()).ok()?;
    let mut projects = workspace.projects.iter().filter(|(_, project)| project.config.path.value == folder);
    let (name, _) = projects.next()?;
    projects.next().is_none().then(|| name.clone())
}

/// Which projects directives of a commit's message can have rebuilt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum DirectiveScope {
    #[default]
    All,
    /// Those that the command names; none, if it names none.
    Named,
    /// None at all.
    #[value(skip)]
    Nothing,
}

/// What the commit's message asks for, as far as this command does it.
pub(super) fn directives(
    repo: &RepositoryContext,
    workspace: &Workspace,
    scope: DirectiveScope,
    names: &[String],
) -> Result<Directives, Error> {
    let directives = repo.directives(workspace)?;
    match scope {
        DirectiveScope::All => Ok(directives),
        DirectiveScope::Named => {
            let repository = |name: &String| {
                let project = project(repo, workspace, name)?;
                Ok(workspace.projects[&project].config.repository.as_str().to_owned())
            };
            let repositories = names.iter().map(repository).collect::<Result<_, Error>>()?;
            Ok(directives.limited_to(repositories))
        }
        DirectiveScope::Nothing => Ok(directives.limited_to(BTreeSet::new())),
    }
}

/// The projects that are built whatever the cache has: with `--force` the named ones without their dependencies, all when none is
/// named. A commit's message can ask for the same.
pub(super) fn forced(
    repo: &RepositoryContext,
    workspace: &Workspace,
    names: Option<&[String]>,
    directives: &Directives,
) -> Result<Forced, Error> {
    let all = |by| workspace.projects.keys().map(move |name| (name.clone(), by));
    let mut forced = Forced::new();
    if directives.rebuild_all {
        forced.extend(all(ForcedBy::Message));
    }
    for repository in &directives.rebuild {
        let built_to = |project: &Project| project.config.repository.as_str() == repository;
        let found = workspace.projects.iter().find(|(_, project)| built_to(project));
        let (name, _) = found.ok_or_else(|| Error::DirectiveRepository(repository.clone()))?;
        forced.insert(name.clone(), ForcedBy::Message);
    }
    // Whoever calls the command knows the option best.
    match names {
        None => {}
        Some([]) => forced.extend(all(ForcedBy::Option)),
        Some(names) => {
            for name in names {
                forced.insert(project(repo, workspace, name)?, ForcedBy::Option);
            }
        }
    }
    Ok(forced)
}

/// Patterns that are arguments, of which there may be none.
pub(super) fn patterns(patterns: &[String]) -> Result<Patterns, Error> {
    Patterns::from_list(patterns.iter().cloned().zip(1..)).map_err(|mut errors| {
        let error = errors.remove(0);
        let pattern = patterns[error.line().unwrap_or(1) - 1].clone();
        // An argument has no line, so the reason alone is shown.
        let source = match error {
            PatternsError::BadGlob { source, .. } => source.into(),
            PatternsError::BadRegex { source, .. } => source.into(),
            other => other.into(),
        };
        Error::Pattern { pattern, source }
    })
}

/// The files that patterns name, each of which has to name some.
pub(super) fn files(snapshot: &Snapshot<'_>, patterns: &[String]) -> Result<Vec<InputFile>, Error> {
    if patterns.is_empty() {
        return Ok(Vec::new());
    }
    let patterns = self::patterns(patterns)?;
    let files = inputs::matching(snapshot, &patterns)?;
    let names_none =
        |pattern: &&Pattern| !pattern.is_negated() && !files.iter().any(|file| pattern.matches(&file.path));
    match patterns.lines().iter().find(names_none) {
        Some(pattern) => Err(Error::NoInput { pattern: pattern.text().to_owned() }),
        None => Ok(files),
    }
}
