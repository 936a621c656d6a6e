//! Which path is an input of which project, and by which line: the one answer that all others ask for.

use std::collections::HashMap;

use crate::dockerfile::Source;
use crate::model::{ProjectName, RepoPath};
use crate::patterns::{Index, IndexWalk, PathSet, Pattern, Patterns};
use crate::workspace::{FolderContext, LOCK_FILE, MANIFEST, PATTERN_FILE, PatternFile, Project, Variant};

/// Projects, numbered from 0 in their order.
pub type Projects<'w> = [(&'w ProjectName, &'w Project)];

/// The inputs of some projects of one tree, found by their paths.
#[derive(Debug)]
pub struct InputIndex<'w> {
    projects: &'w Projects<'w>,
    own: Index<'w>,
    extra: Index<'w>,
    folders: Index<'w>,
    of_all: Index<'w>,
    rebuild_all: &'w Patterns,
    /// Whose Dockerfile, or whose ignore file, a path is.
    implied: HashMap<RepoPath, Vec<(usize, TakenBy<'w>)>>,
}

/// What makes a path an input of a project.
#[derive(Clone, Copy, Debug)]
pub enum TakenBy<'w> {
    /// A line of its patterns.
    Pattern(&'w Pattern),
    /// A line of `extra_inputs`.
    ExtraInput(&'w Pattern),
    /// A line of `rebuild_all`.
    RebuildAll(&'w Pattern),
    Dockerfile,
    /// It is a `.dockerignore` that the build may use.
    IgnoreFile,
    /// It is in a folder that is a named context.
    Context(&'w FolderContext),
}

/// What a walk asks that enters each folder before what is in it.
#[derive(Debug)]
pub struct InputWalk<'i, 'w> {
    index: &'i InputIndex<'w>,
    own: IndexWalk<'i, 'w>,
    /// The files that are inputs whatever patterns say, with the folders that they are in.
    implied: PathSet<'i>,
}

impl<'w> InputIndex<'w> {
    pub fn new(projects: &'w Projects<'w>, rebuild_all: &'w Patterns) -> Self {
        Self::made(projects, rebuild_all, None)
    }

    /// An index for [`InputIndex::matches`] with these paths alone, which is made sooner.
    pub fn for_paths(projects: &'w Projects<'w>, rebuild_all: &'w Patterns, paths: &PathSet<'_>) -> Self {
        Self::made(projects, rebuild_all, Some(paths))
    }

    fn made(projects: &'w Projects<'w>, rebuild_all: &'w Patterns, asked: Option<&PathSet<'_>>) -> Self {
        let index = |sets: &mut dyn Iterator<Item = &'w Patterns>| match asked {
            Some(paths) => Index::for_paths(sets, paths),
            None => Index::new(sets),
        };
        let is_asked = |path: &RepoPath| asked.is_none_or(|paths| paths.has_at_or_below(path));
        let mut implied: HashMap<RepoPath, Vec<(usize, TakenBy<'w>)>> = HashMap::default();
        for (number, (_, project)) in projects.iter().enumerate() {
            let dockerfile = &project.config.dockerfile.value;
            if is_asked(dockerfile) {
                implied.entry(dockerfile.clone()).or_default().push((number, TakenBy::Dockerfile));
            }
            // An ignore file lies beside the Dockerfile or in the context, whose folders have most of the time no change.
            let folder = dockerfile.parent().unwrap_or_default();
            if is_asked(&folder) || is_asked(&project.config.context.value) {
                for file in project.ignore_files().into_iter().filter(is_asked) {
                    implied.entry(file).or_default().push((number, TakenBy::IgnoreFile));
                }
            }
            for file in project.folders.iter().map(FolderContext::ignore_file).filter(is_asked) {
                implied.entry(file).or_default().push((number, TakenBy::IgnoreFile));
            }
        }
        Self {
            projects,
            own: index(&mut projects.iter().map(|(_, project)| &project.patterns)),
            extra: index(&mut projects.iter().map(|(_, project)| &project.extra_inputs)),
            folders: index(&mut projects.iter().map(|(_, project)| &project.folder_patterns)),
            of_all: index(&mut [rebuild_all].into_iter()),
            rebuild_all,
            implied,
        }
    }

    /// Calls `found` once for each project that has `path` among its inputs, with what makes it one.
    ///
    /// Chinampa's own files, the manifest and pattern files, are inputs only of projects that name them exactly.
    pub fn matches(&self, path: &RepoPath, found: impl FnMut(usize, TakenBy<'w>)) {
        self.resolve(path, |each| self.own.matches(path, each), once(found));
    }

    /// Calls `found` for each way in which `path` is an input of a project: several of one project where it is named
    /// more than once.
    pub fn all_matches(&self, path: &RepoPath, found: impl FnMut(usize, TakenBy<'w>)) {
        self.resolve(path, |each| self.own.matches(path, each), found);
    }

    /// As [`InputIndex::matches`], for a submodule: it is an input of each project that takes it, or anything that may be in it.
    pub fn matches_submodule(&self, path: &RepoPath, mut found: impl FnMut(usize, TakenBy<'w>)) {
        let is_own_file = is_chinampas(path);
        for (number, (_, project)) in self.projects.iter().enumerate() {
            let pattern = project.patterns.decide_submodule(path).map(TakenBy::Pattern);
            let extra = || project.extra_inputs.decide_submodule(path).map(TakenBy::ExtraInput);
            let of_all = || self.rebuild_all.decide_submodule(path).map(TakenBy::RebuildAll);
            let context =
                || project.folders.iter().find(|context| context.takes_submodule(path)).map(TakenBy::Context);
            let by = pattern.or_else(extra).or_else(of_all).or_else(context);
            if let Some(by) = by.filter(|by| !is_own_file || names_exactly(project, *by, path)) {
                found(number, by);
            }
        }
    }

    /// What a walk asks that enters each folder before what is in it.
    pub fn walk(&self) -> InputWalk<'_, 'w> {
        InputWalk { index: self, own: self.own.walk(), implied: PathSet::new(self.implied.keys()) }
    }

    fn resolve(
        &self,
        path: &RepoPath,
        own: impl FnOnce(&mut dyn FnMut(usize, &'w Pattern)),
        mut found: impl FnMut(usize, TakenBy<'w>),
    ) {
        let is_own_file = is_chinampas(path);
        let mut take = |number: usize, by: TakenBy<'w>| {
            if !is_own_file || names_exactly(self.projects[number].1, by, path) {
                found(number, by);
            }
        };
        own(&mut |number, pattern| take(number, TakenBy::Pattern(pattern)));
        self.extra.matches(path, |number, pattern| take(number, TakenBy::ExtraInput(pattern)));
        self.of_all.matches(path, |_, pattern| {
            (0..self.projects.len()).for_each(|number| take(number, TakenBy::RebuildAll(pattern)));
        });
        let implied = if self.implied.is_empty() { None } else { self.implied.get(path) };
        implied.into_iter().flatten().for_each(|(number, by)| take(*number, *by));
        self.folders.matches(path, |number, _| {
            let contexts = self.projects[number].1.folders.iter();
            contexts
                .filter(|context| context.takes(path))
                .for_each(|context| take(number, TakenBy::Context(context)));
        });
    }
}

impl<'w> InputWalk<'_, 'w> {
    /// Goes into `folder`. Whether something below it may be an input; where not, the walk can leave it out.
    pub fn enter(&mut self, folder: &RepoPath) -> bool {
        let index = self.index;
        self.own.enter(folder)
            || index.of_all.can_match_below(folder)
            || index.extra.can_match_below(folder)
            || index.folders.can_match_below(folder)
            || self.implied.has_at_or_below(folder)
    }

    /// As [`InputIndex::matches`]; sooner for a `path` in a folder that was entered.
    pub fn matches(&mut self, path: &RepoPath, found: impl FnMut(usize, TakenBy<'w>)) {
        let own = &mut self.own;
        self.index.resolve(path, |each| own.matches(path, each), once(found));
    }
}

impl TakenBy<'_> {
    /// The line as it is written, or the file itself where no line names it.
    pub fn line(&self, path: &RepoPath) -> String {
        match self {
            Self::Pattern(pattern) | Self::ExtraInput(pattern) | Self::RebuildAll(pattern) => {
                pattern.to_string()
            }
            Self::Dockerfile | Self::IgnoreFile => path.to_string(),
            Self::Context(context) => format!("{}/", context.folder),
        }
    }

    /// Where that stands: `file:line`.
    pub fn source(&self, project: &Project, manifest_file: &str) -> String {
        let (file, line) = match (self, &project.pattern_file) {
            (Self::Pattern(pattern), PatternFile::There(file)) if pattern.line().is_some() => {
                (file.to_string(), pattern.line())
            }
            (Self::ExtraInput(pattern) | Self::RebuildAll(pattern), _) => {
                (manifest_file.to_owned(), pattern.line())
            }
            (Self::Context(context), _) => (manifest_file.to_owned(), Some(context.line)),
            (Self::Pattern(_) | Self::Dockerfile | Self::IgnoreFile, _) => (manifest_file.to_owned(), None),
        };
        format!("{file}:{}", line.unwrap_or(project.config.line))
    }
}

/// Passes on the first that is found of each project.
fn once<'w>(mut found: impl FnMut(usize, TakenBy<'w>)) -> impl FnMut(usize, TakenBy<'w>) {
    let mut seen = Vec::new();
    move |number, by| {
        if !seen.contains(&number) {
            seen.push(number);
            found(number, by);
        }
    }
}

/// Whether a file that is not committed is an input by this line of `extra_inputs`: as for committed ones, chinampa's own
/// are inputs only of projects that name them exactly.
pub(super) fn is_extra_input(project: &Project, pattern: &Pattern, path: &RepoPath) -> bool {
    !is_chinampas(path) || names_exactly(project, TakenBy::ExtraInput(pattern), path)
}

/// Whether a line or a source of the Dockerfile is this very path.
fn names_exactly<'p>(project: &'p Project, by: TakenBy<'_>, path: &RepoPath) -> bool {
    let is_path = |source: &Source| {
        let source =
            source.path.as_deref().and_then(|source| RepoPath::new(source.trim_start_matches('/')).ok());
        source.is_some_and(|source| project.config.context.value.join(&source) == *path)
    };
    match by {
        TakenBy::Pattern(pattern) | TakenBy::ExtraInput(pattern) | TakenBy::RebuildAll(pattern) => {
            let target = project.config.target.as_ref();
            let needed =
                |variant: &'p Variant| variant.dockerfile.copies_needed_for(target).unwrap_or_default();
            let mut copies = project.variants.iter().flat_map(needed);
            pattern.is_path(path) || copies.any(|copy| copy.sources.iter().any(is_path))
        }
        TakenBy::Dockerfile | TakenBy::IgnoreFile => true,
        TakenBy::Context(_) => false,
    }
}

/// Whether a path is a file of chinampa's own: the manifest, the lock file, or a pattern file of any project.
fn is_chinampas(path: &RepoPath) -> bool {
    let path = path.as_bytes();
    path.ends_with(PATTERN_FILE.as_bytes()) || path == MANIFEST.as_bytes() || path == LOCK_FILE.as_bytes()
}
