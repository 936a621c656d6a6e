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
use crate::workspace::{
    Base, InputRules, LOCK_FILE, MANIFEST, ManifestSource, Project, Workspace, WorkspaceError,
};

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
            let taken = project.sources(snapshot).map_err(failed)?;
            let is_unknown = |source: &Source| {
                matches!(source.resolution, Resolution::UnknownVariable | Resolution::ForeignFrontend)
            };
            is_guess.push(taken.iter().any(is_unknown));
            sources.extend(taken.into_iter().map(|source| (number, source)));
            ignored.push(infer::ignored(&project.ignore_files(), snapshot).map_err(failed)?);
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
            next += match &project.inputs {
                InputRules::Patterns { patterns, .. } => patterns.lines().len(),
                InputRules::Inferred(inputs) => inputs.sources.len(),
            };
            if let Some(file) = project.inputs.pattern_file() {
                pattern_files.entry(file).or_default().push(number);
            }
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
        let place = line - self.first_lines[owner];
        let Some((name, project)) = self.projects.get(owner) else {
            let pattern = &self.workspace.rebuild_all.lines()[place];
            let source = self.workspace.manifest_line(pattern.line().unwrap_or(1));
            return (!pattern.is_negated()).then(|| (None, pattern.to_string(), source));
        };
        let by = match &project.inputs {
            InputRules::Patterns { patterns, .. } => TakenBy::Pattern(&patterns.lines()[place]),
            InputRules::Inferred(inputs) => TakenBy::Source(&inputs.sources[place]),
        };
        if matches!(by, TakenBy::Pattern(pattern) if pattern.is_negated()) {
            return None;
        }
        let source = by.source(project, &self.workspace.manifest_file);
        // No line of a project names the file itself.
        Some((Some((*name).clone()), by.line(&RepoPath::default()), source))
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
                    let patterns = self.projects[project].1.inputs.patterns().expect("one of them takes it");
                    let line = self.first_lines[project] + place(patterns, pattern);
                    causes.lines.insert(line);
                    causes.declared[project] =
                        causes.declared[project].and(cause(patterns, pattern, line, path));
                }
                TakenBy::Source(source) => {
                    let line = self.first_lines[project] + place_of_source(self.projects[project].1, source);
                    causes.lines.insert(line);
                    // Where another source takes it too, that is another cause.
                    causes.declared[project] = causes.declared[project].and(Cause::Line(line));
                }
                TakenBy::RebuildAll(pattern) => {
                    let patterns = &self.workspace.rebuild_all;
                    let line = self.first_lines[self.projects.len()] + place(patterns, pattern);
                    causes.lines.insert(line);
                    causes.declared[project] =
                        causes.declared[project].and(cause(patterns, pattern, line, path));
                    causes.inferred[project] = true;
                }
                TakenBy::ExtraInput(_)
                | TakenBy::Dockerfile
                | TakenBy::IgnoreFile
                | TakenBy::Context(_)
                | TakenBy::WholeContext(_) => causes.imply(project),
            });
            self.inferred_index.matches(path, |number, _| {
                let project = self.inferred.sources[number].0;
                causes.inferred[project] |= self.is_in_context(project, path);
            });
            self.pattern_files.get(path).into_iter().flatten().for_each(|&project| causes.imply(project));
            let is_definition = [MANIFEST, LOCK_FILE].iter().any(|file| path.as_bytes() == file.as_bytes());
            if is_definition && self.has_manifest {
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
        let (Some(older), newer) = (older, Workspace::read_unlocked(newer, &ManifestSource::Tree)) else {
            return Ok(all);
        };
        let newer = match newer {
            Ok(newer) => newer,
            Err(WorkspaceError::Git(error)) => return Err(error),
            Err(
                WorkspaceError::NoManifest | WorkspaceError::Invalid(_) | WorkspaceError::PolicyFile { .. },
            ) => return Ok(all),
        };
        let Ok(base) = Base::read(&newer, &ManifestSource::Tree, older, changes)? else { return Ok(all) };
        let differing = inputs::differences(&newer, &base);
        let names = self.projects.iter().map(|(name, _)| *name).enumerate();
        Ok(names.filter(|(_, name)| differing.contains_key(name)).map(|(number, _)| number).collect())
    }
}

/// Where a source stands among the others.
fn place_of_source(project: &Project, source: &Source) -> usize {
    let mut sources = project.inputs.inferred().into_iter().flat_map(|inputs| &inputs.sources);
    sources.position(|other| std::ptr::eq(other, source)).expect("it is one of them")
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
