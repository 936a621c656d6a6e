//! Looks changed paths up in the patterns of all projects, declared and inferred.

use std::collections::HashMap;

use super::SimulateError;
use super::causes::{Cause, Causes};
use crate::dockerignore::DockerIgnore;
use crate::git::{GitError, Snapshot};
use crate::infer::{self, Resolution, Source};
use crate::inputs::{self, InputIndex, Projects, TakenBy};
use crate::model::{Change, ProjectName, RepoPath};
use crate::patterns::{Index, Pattern, Patterns};
use crate::workspace::{Base, MANIFEST, ManifestSource, Workspace, WorkspaceError};

/// What each project's Dockerfile takes.
pub(super) struct Inferred {
    /// With the number of the project.
    sources: Vec<(usize, Source)>,
    /// What the build of each project doesn't get.
    ignored: Vec<DockerIgnore>,
    /// Whether a source of it depends on a variable.
    is_guess: Vec<bool>,
}

impl Inferred {
    pub(super) fn read(workspace: &Workspace, snapshot: &Snapshot<'_>) -> Result<Self, SimulateError> {
        let (mut sources, mut ignored, mut is_guess) = (Vec::new(), Vec::new(), Vec::new());
        for (number, (name, project)) in workspace.projects.iter().enumerate() {
            let failed = |source| SimulateError::Infer { project: name.clone(), source };
            let taken = infer::of_project(project, snapshot).map_err(failed)?;
            is_guess.push(taken.iter().any(|source| source.resolution == Resolution::UnknownVariable));
            sources.extend(taken.into_iter().map(|source| (number, source)));
            ignored.push(infer::ignored(project, snapshot).map_err(failed)?);
        }
        Ok(Self { sources, ignored, is_guess })
    }
}

pub(super) struct Lookup<'w> {
    workspace: &'w Workspace,
    projects: &'w Projects<'w>,
    /// The number of each project's first line, and at the end that of `rebuild_all`'s.
    first_lines: Vec<usize>,
    declared: InputIndex<'w>,
    inferred: &'w Inferred,
    inferred_index: Index<'w>,
    /// Whose inputs a pattern file names.
    pattern_files: HashMap<&'w RepoPath, Vec<usize>>,
    /// Whether entries of the manifest are compared.
    has_manifest: bool,
}

impl<'w> Lookup<'w> {
    pub(super) fn new(
        workspace: &'w Workspace,
        projects: &'w Projects<'w>,
        source: &ManifestSource,
        inferred: &'w Inferred,
    ) -> Self {
        let (mut first_lines, mut next) = (Vec::new(), 0);
        let mut pattern_files: HashMap<&RepoPath, Vec<usize>> = HashMap::new();
        for (number, (_, project)) in projects.iter().enumerate() {
            first_lines.push(next);
            next += project.patterns.lines().len();
            pattern_files.entry(project.pattern_file.path()).or_default().push(number);
        }
        first_lines.push(next);
        Self {
            workspace,
            declared: InputIndex::new(projects, &workspace.rebuild_all),
            projects,
            first_lines,
            inferred,
            inferred_index: Index::new(inferred.sources.iter().map(|(_, source)| &source.patterns)),
            pattern_files,
            has_manifest: matches!(source, ManifestSource::Tree),
        }
    }

    /// How many lines there are.
    pub(super) fn lines(&self) -> usize {
        self.first_lines[self.projects.len()] + self.workspace.rebuild_all.lines().len()
    }

    /// Each project, and whether what it takes is a guess.
    pub(super) fn projects(&self) -> impl Iterator<Item = (&'w ProjectName, bool)> {
        self.projects.iter().map(|(name, _)| *name).zip(self.inferred.is_guess.iter().copied())
    }

    /// Whose a line is, what it says, and where it stands; `None` for a negated one.
    pub(super) fn line(&self, line: usize) -> Option<(Option<ProjectName>, String, String)> {
        // A project without lines has the same first line as the next.
        let owner = self.first_lines.partition_point(|first| *first <= line) - 1;
        let (patterns, project) = match self.projects.get(owner) {
            Some((_, project)) => (&project.patterns, Some(*project)),
            None => (&self.workspace.rebuild_all, None),
        };
        let pattern = &patterns.lines()[line - self.first_lines[owner]];
        let source = match (pattern.line(), project) {
            (Some(line), Some(project)) => format!("{}:{line}", project.pattern_file.path()),
            (line, None) => self.workspace.manifest_line(line.unwrap_or(1)),
            (None, Some(project)) => self.workspace.manifest_line(project.config.line),
        };
        let name = self.projects.get(owner).map(|(name, _)| (*name).clone());
        (!pattern.is_negated()).then(|| (name, pattern.to_string(), source))
    }

    /// Why a commit would have built what. Without `older` it is the first.
    ///
    /// # Errors
    /// [`GitError`] when one of the two trees can't be read.
    pub(super) fn causes(
        &self,
        changes: &[Change],
        older: Option<&Snapshot<'_>>,
        newer: &Snapshot<'_>,
    ) -> Result<Causes, GitError> {
        let mut causes = Causes::of_nothing(self.projects.len());
        for Change { path, .. } in changes {
            self.declared.all_matches(path, |project, by| match by {
                TakenBy::Pattern(pattern) => {
                    let patterns = &self.projects[project].1.patterns;
                    let line = self.first_lines[project] + place(patterns, pattern);
                    causes.lines.insert(line);
                    causes.declared[project] =
                        causes.declared[project].and(cause(patterns, pattern, line, path));
                }
                TakenBy::RebuildAll(pattern) => {
                    let patterns = &self.workspace.rebuild_all;
                    let line = self.first_lines[self.projects.len()] + place(patterns, pattern);
                    causes.lines.insert(line);
                    causes.declared[project] =
                        causes.declared[project].and(cause(patterns, pattern, line, path));
                    causes.inferred[project] = true;
                }
                TakenBy::ExtraInput(_) | TakenBy::Dockerfile | TakenBy::IgnoreFile | TakenBy::Context(_) => {
                    causes.imply(project);
                }
            });
            self.inferred_index.matches(path, |number, _| {
                let project = self.inferred.sources[number].0;
                causes.inferred[project] |= self.is_in_context(project, path);
            });
            self.pattern_files.get(path).into_iter().flatten().for_each(|&project| causes.imply(project));
            if path.as_bytes() == MANIFEST.as_bytes() && self.has_manifest {
                self.redefined(changes, older, newer)?.into_iter().for_each(|project| causes.imply(project));
            }
        }
        Ok(causes)
    }

    fn is_in_context(&self, project: usize, path: &RepoPath) -> bool {
        let own = path.relative_to(&self.projects[project].1.config.context.value);
        own.is_some_and(|own| !self.inferred.ignored[project].ignores(&own))
    }

    /// Projects that a commit defines otherwise than the one before; all where one of the two can't be read.
    fn redefined(
        &self,
        changes: &[Change],
        older: Option<&Snapshot<'_>>,
        newer: &Snapshot<'_>,
    ) -> Result<Vec<usize>, GitError> {
        let all = (0..self.projects.len()).collect();
        let (Some(older), newer) = (older, Workspace::read(newer, &ManifestSource::Tree)) else {
            return Ok(all);
        };
        let newer = match newer {
            Ok(newer) => newer,
            Err(WorkspaceError::Git(error)) => return Err(error),
            Err(WorkspaceError::NoManifest | WorkspaceError::Invalid(_)) => return Ok(all),
        };
        let Ok(base) = Base::read(&newer, &ManifestSource::Tree, older, changes)? else { return Ok(all) };
        let differing = inputs::differences(&newer, &base);
        let names = self.projects.iter().map(|(name, _)| *name).enumerate();
        Ok(names.filter(|(_, name)| differing.contains_key(name)).map(|(number, _)| number).collect())
    }
}

/// Where a pattern stands among the others.
fn place(patterns: &Patterns, pattern: &Pattern) -> usize {
    let mut lines = patterns.lines().iter();
    lines.position(|line| std::ptr::eq(line, pattern)).expect("a set is decided by one of its lines")
}

/// The line, unless the path would be taken without it too.
fn cause(patterns: &Patterns, pattern: &Pattern, line: usize, path: &RepoPath) -> Cause {
    let others = patterns.lines().iter().rev().filter(|other| !std::ptr::eq(*other, pattern));
    match others.into_iter().find(|other| other.matches(path)) {
        Some(other) if !other.is_negated() => Cause::Several,
        _ => Cause::Line(line),
    }
}
