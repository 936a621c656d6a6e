//! Looks changed paths up in the patterns of all projects, declared and inferred.

use std::collections::HashMap;

use super::SimulateError;
use super::causes::{Cause, Causes};
use crate::dockerignore::DockerIgnore;
use crate::git::Snapshot;
use crate::infer::{self, Certainty, Source};
use crate::model::{Change, ProjectName, RepoPath};
use crate::patterns::{Index, Pattern, Patterns};
use crate::workspace::{self, MANIFEST, ManifestSource, Project, Workspace};

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
            is_guess.push(taken.iter().any(|source| source.certainty == Certainty::UnknownVariable));
            sources.extend(taken.into_iter().map(|source| (number, source)));
            ignored.push(infer::ignored(project, snapshot).map_err(failed)?);
        }
        Ok(Self { sources, ignored, is_guess })
    }
}

pub(super) struct Lookup<'w> {
    workspace: &'w Workspace,
    projects: Vec<(&'w ProjectName, &'w Project)>,
    /// The number of each project's first line, and at the end that of `rebuild_all`'s.
    first_lines: Vec<usize>,
    declared: Index<'w>,
    of_all: Index<'w>,
    inferred: &'w Inferred,
    inferred_index: Index<'w>,
    /// Whose inputs a path is though no pattern names it.
    implied: HashMap<RepoPath, Vec<usize>>,
    /// Whether entries of the manifest are compared.
    has_manifest: bool,
}

impl<'w> Lookup<'w> {
    pub(super) fn new(workspace: &'w Workspace, source: &ManifestSource, inferred: &'w Inferred) -> Self {
        let projects: Vec<(&ProjectName, &Project)> = workspace.projects.iter().collect();
        let (mut first_lines, mut next) = (Vec::new(), 0);
        let mut implied: HashMap<RepoPath, Vec<usize>> = HashMap::new();
        for (number, (_, project)) in projects.iter().enumerate() {
            first_lines.push(next);
            next += project.patterns.lines().len();
            let own = [project.config.dockerfile.value.clone(), project.pattern_file.clone()];
            for file in project.ignore_files().into_iter().chain(own) {
                implied.entry(file).or_default().push(number);
            }
        }
        first_lines.push(next);
        Self {
            workspace,
            declared: Index::new(projects.iter().map(|(_, project)| &project.patterns)),
            of_all: Index::new([&workspace.rebuild_all]),
            projects,
            first_lines,
            inferred,
            inferred_index: Index::new(inferred.sources.iter().map(|(_, source)| &source.patterns)),
            implied,
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

    /// Whose a line is, what it says, and where it stands; `None` for one that takes back.
    pub(super) fn line(&self, line: usize) -> Option<(Option<ProjectName>, String, String)> {
        // A project without lines has the same first line as the next.
        let owner = self.first_lines.partition_point(|first| *first <= line) - 1;
        let (patterns, project) = match self.projects.get(owner) {
            Some((_, project)) => (&project.patterns, Some(*project)),
            None => (&self.workspace.rebuild_all, None),
        };
        let pattern = &patterns.lines()[line - self.first_lines[owner]];
        let source = match (pattern.line(), project) {
            (Some(line), Some(project)) => format!("{}:{line}", project.pattern_file),
            (line, None) => self.workspace.manifest_line(line.unwrap_or(1)),
            (None, Some(project)) => self.workspace.manifest_line(project.config.line),
        };
        let name = self.projects.get(owner).map(|(name, _)| (*name).clone());
        (!pattern.is_negated()).then(|| (name, pattern.to_string(), source))
    }

    /// Why a commit would have built what. Without `older` it is the first.
    pub(super) fn causes(
        &self,
        changes: &[Change],
        older: Option<&Snapshot<'_>>,
        newer: &Snapshot<'_>,
    ) -> Causes {
        let mut causes = Causes::of_nothing(self.projects.len());
        for Change { path, .. } in changes {
            self.declared.matches(path, |project, pattern| {
                let patterns = &self.projects[project].1.patterns;
                let line = self.first_lines[project] + place(patterns, pattern);
                causes.lines.insert(line);
                causes.declared[project] = causes.declared[project].and(cause(patterns, pattern, line, path));
            });
            self.of_all.matches(path, |_, pattern| {
                let patterns = &self.workspace.rebuild_all;
                let line = self.first_lines[self.projects.len()] + place(patterns, pattern);
                causes.lines.insert(line);
                let cause = cause(patterns, pattern, line, path);
                causes.declared.iter_mut().for_each(|own| *own = own.and(cause));
                causes.inferred.fill(true);
            });
            self.inferred_index.matches(path, |number, _| {
                let project = self.inferred.sources[number].0;
                causes.inferred[project] |= self.is_in_context(project, path);
            });
            self.implied.get(path).into_iter().flatten().for_each(|&project| causes.imply(project));
            if path.as_bytes() == MANIFEST.as_bytes() && self.has_manifest {
                self.changed_entries(older, newer).into_iter().for_each(|project| causes.imply(project));
            }
        }
        causes
    }

    fn is_in_context(&self, project: usize, path: &RepoPath) -> bool {
        let own = path.relative_to(&self.projects[project].1.config.context.value);
        own.is_some_and(|own| !self.inferred.ignored[project].ignores(&own))
    }

    /// Projects whose entries in the manifest make another image than before; all where one can't be read.
    fn changed_entries(&self, older: Option<&Snapshot<'_>>, newer: &Snapshot<'_>) -> Vec<usize> {
        let manifest = |snapshot| Some(workspace::manifest(snapshot, &ManifestSource::Tree).ok()?.0);
        let (Some(older), Some(newer)) = (older.and_then(manifest), manifest(newer)) else {
            return (0..self.projects.len()).collect();
        };
        let differs_for_all = older.workspace.rebuild_all != newer.workspace.rebuild_all;
        let differs = |name: &ProjectName| match (older.projects.get(name), newer.projects.get(name)) {
            (Some(older), Some(newer)) => differs_for_all || !older.differing_keys(newer).is_empty(),
            (None, there) => there.is_some(),
            (Some(_), None) => false,
        };
        let names = self.projects.iter().map(|(name, _)| *name).enumerate();
        names.filter(|(_, name)| differs(name)).map(|(number, _)| number).collect()
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
