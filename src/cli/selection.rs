//! The projects, and the patterns, that a command is asked about.

use std::collections::BTreeSet;

use crate::ci::Directives;
use crate::error::Error;
use crate::git::Snapshot;
use crate::inputs::{self, InputFile};
use crate::model::ProjectName;
use crate::patterns::{Pattern, Patterns, PatternsError};
use crate::plan::Force;
use crate::workspace::{Project, Workspace};

/// The named projects and what they need; all when none is named.
pub(super) fn selected(workspace: &Workspace, names: &[String]) -> Result<BTreeSet<ProjectName>, Error> {
    if names.is_empty() {
        return Ok(workspace.projects.keys().cloned().collect());
    }
    let named: Vec<ProjectName> =
        names.iter().map(|name| project(workspace, name)).collect::<Result<_, _>>()?;
    Ok(workspace.graph.with_needs(&named).into_iter().cloned().collect())
}

/// The one project that is named, or that there is.
///
/// # Errors
/// [`Error::ImageDetail`] when there are others.
pub(super) fn only(workspace: &Workspace, names: &[String]) -> Result<ProjectName, Error> {
    match (names, workspace.projects.len()) {
        ([name], _) => project(workspace, name),
        ([], 1) => Ok(workspace.projects.keys().next().expect("it has one").clone()),
        ([], projects) => Err(Error::ImageDetail { projects }),
        (names, _) => Err(Error::ImageDetail { projects: names.len() }),
    }
}

/// Finds a project by the name that a person typed.
pub(super) fn project(workspace: &Workspace, name: &str) -> Result<ProjectName, Error> {
    let known = name.parse::<ProjectName>().ok().filter(|name| workspace.projects.contains_key(name));
    known.ok_or_else(|| Error::UnknownProject {
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

/// The projects that are built whatever the cache has: with `--force` the named ones without their dependencies, all when none is
/// named. A commit's message can ask for the same.
pub(super) fn forced(
    workspace: &Workspace,
    names: Option<&[String]>,
    directives: &Directives,
) -> Result<Force, Error> {
    if directives.rebuild_all || names.is_some_and(<[String]>::is_empty) {
        return Ok(Force::Only(workspace.projects.keys().cloned().collect()));
    }
    let named = names.unwrap_or_default().iter().map(|name| project(workspace, name));
    let mut forced = named.collect::<Result<BTreeSet<ProjectName>, _>>()?;
    for repository in &directives.rebuild {
        let built_to = |project: &Project| project.config.repository.as_str() == repository;
        let found = workspace.projects.iter().find(|(_, project)| built_to(project));
        let (name, _) = found.ok_or_else(|| Error::DirectiveRepository(repository.clone()))?;
        forced.insert(name.clone());
    }
    Ok(if forced.is_empty() { Force::None } else { Force::Only(forced) })
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
