//! Which path is an input of which project, and by which line: the one answer that all others ask for.

use std::collections::HashMap;

use super::taken_by::{TakenBy, is_chinampas, names_exactly};
use crate::infer::Source;
use crate::model::{ProjectName, RepoPath};
use crate::patterns::{Index, IndexWalk, PathSet, Pattern, Patterns};
use crate::workspace::{FolderContext, InferredInputs, InputRules, Project};

/// Projects, numbered from 0 in their order.
pub type Projects<'w> = [(&'w ProjectName, &'w Project)];

/// The inputs of some projects of one tree, found by their paths.
#[derive(Debug)]
pub struct InputIndex<'w> {
    projects: &'w Projects<'w>,
    own: Index<'w>,
    /// The project of each set of `own`.
    owners: Vec<usize>,
    inferred: Index<'w>,
    /// What each set of `inferred` is of.
    sources: Vec<InferredSource<'w>>,
    extra: Index<'w>,
    folders: Index<'w>,
    of_all: Index<'w>,
    rebuild_all: &'w Patterns,
    /// Whose Dockerfile, or whose ignore file, a path is.
    implied: HashMap<RepoPath, Vec<(usize, TakenBy<'w>)>>,
}

#[derive(Clone, Copy, Debug)]
struct InferredSource<'w> {
    project: usize,
    inputs: &'w InferredInputs,
    source: &'w Source,
}

/// What is called with each set that takes a path, and its line.
type Found<'f, 'w> = &'f mut dyn FnMut(usize, &'w Pattern);

/// What a walk asks that enters each folder before what is in it.
#[derive(Debug)]
pub struct InputWalk<'i, 'w> {
    index: &'i InputIndex<'w>,
    own: IndexWalk<'i, 'w>,
    inferred: IndexWalk<'i, 'w>,
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
        let (mut owners, mut patterns, mut sources) = (Vec::new(), Vec::new(), Vec::new());
        for (number, (_, project)) in projects.iter().enumerate() {
            match &project.inputs {
                InputRules::Patterns { patterns: lines, .. } => {
                    owners.push(number);
                    patterns.push(lines);
                }
                InputRules::Inferred(inputs) => {
                    let of_source = |source| InferredSource { project: number, inputs, source };
                    sources.extend(inputs.sources.iter().map(of_source));
                }
            }
        }
        Self {
            projects,
            own: index(&mut patterns.into_iter()),
            owners,
            inferred: index(&mut sources.iter().map(|of| &of.source.patterns)),
            sources,
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
        self.all_matches(path, once(found));
    }

    /// Calls `found` for each way in which `path` is an input of a project: several of one project where it is named
    /// more than once.
    pub fn all_matches(&self, path: &RepoPath, found: impl FnMut(usize, TakenBy<'w>)) {
        let own = |each: Found<'_, 'w>| self.own.matches(path, each);
        self.resolve(path, own, |each| self.inferred.matches(path, each), found, |_, _| {});
    }

    /// Calls `ignored` for each way in which `path` would be an input of a project, were it not for an ignore file.
    pub fn ignored_matches(&self, path: &RepoPath, ignored: impl FnMut(usize, TakenBy<'w>)) {
        let own = |each: Found<'_, 'w>| self.own.matches(path, each);
        self.resolve(path, own, |each| self.inferred.matches(path, each), |_, _| {}, ignored);
    }

    /// As [`InputIndex::matches`], for a submodule: it is an input of each project that takes it, or anything that may be in it.
    pub fn matches_submodule(&self, path: &RepoPath, mut found: impl FnMut(usize, TakenBy<'w>)) {
        let is_own_file = is_chinampas(path);
        for (number, (_, project)) in self.projects.iter().enumerate() {
            let own = match &project.inputs {
                InputRules::Patterns { patterns, .. } => {
                    patterns.decide_submodule(path).map(TakenBy::Pattern)
                }
                InputRules::Inferred(inputs) => {
                    let mut sources = inputs.sources.iter().filter(|_| inputs.context.takes_submodule(path));
                    let source = sources.find(|source| source.patterns.decide_submodule(path).is_some());
                    source.map(TakenBy::Source)
                }
            };
            let extra = || project.extra_inputs.decide_submodule(path).map(TakenBy::ExtraInput);
            let of_all = || self.rebuild_all.decide_submodule(path).map(TakenBy::RebuildAll);
            let context =
                || project.folders.iter().find(|context| context.takes_submodule(path)).map(TakenBy::Context);
            let whole_context = || {
                let context = project.whole_context.as_ref();
                context.filter(|context| context.takes_submodule(path)).map(TakenBy::WholeContext)
            };
            let by = own.or_else(extra).or_else(of_all).or_else(context).or_else(whole_context);
            if let Some(by) = by.filter(|by| !is_own_file || names_exactly(project, *by, path)) {
                found(number, by);
            }
        }
    }

    /// What a walk asks that enters each folder before what is in it.
    pub fn walk(&self) -> InputWalk<'_, 'w> {
        let implied = PathSet::new(self.implied.keys());
        InputWalk { index: self, own: self.own.walk(), inferred: self.inferred.walk(), implied }
    }

    fn resolve(
        &self,
        path: &RepoPath,
        own: impl FnOnce(Found<'_, 'w>),
        inferred: impl FnOnce(Found<'_, 'w>),
        mut found: impl FnMut(usize, TakenBy<'w>),
        mut ignored: impl FnMut(usize, TakenBy<'w>),
    ) {
        let is_own_file = is_chinampas(path);
        let mut take = |number: usize, by: TakenBy<'w>| {
            if !is_own_file || names_exactly(self.projects[number].1, by, path) {
                found(number, by);
            }
        };
        own(&mut |set, pattern| take(self.owners[set], TakenBy::Pattern(pattern)));
        inferred(&mut |set, _| {
            let InferredSource { project, inputs, source } = self.sources[set];
            if inputs.context.takes(path) {
                take(project, TakenBy::Source(source));
            } else {
                ignored(project, TakenBy::Source(source));
            }
        });
        self.extra.matches(path, |number, pattern| take(number, TakenBy::ExtraInput(pattern)));
        self.of_all.matches(path, |_, pattern| {
            (0..self.projects.len()).for_each(|number| take(number, TakenBy::RebuildAll(pattern)));
        });
        let implied = if self.implied.is_empty() { None } else { self.implied.get(path) };
        implied.into_iter().flatten().for_each(|(number, by)| take(*number, *by));
        self.folders.matches(path, |number, _| {
            let project = self.projects[number].1;
            let named = project.folders.iter().map(|context| (context, TakenBy::Context(context)));
            let whole = project.whole_context.iter().map(|context| (context, TakenBy::WholeContext(context)));
            for (context, by) in named.chain(whole) {
                if context.takes(path) {
                    take(number, by);
                } else {
                    ignored(number, by);
                }
            }
        });
    }
}

impl<'w> InputWalk<'_, 'w> {
    /// Goes into `folder`. Whether something below it may be an input; where not, the walk can leave it out.
    pub fn enter(&mut self, folder: &RepoPath) -> bool {
        let index = self.index;
        let (own, inferred) = (self.own.enter(folder), self.inferred.enter(folder));
        own || inferred
            || index.of_all.can_match_below(folder)
            || index.extra.can_match_below(folder)
            || index.folders.can_match_below(folder)
            || self.implied.has_at_or_below(folder)
    }

    /// As [`InputIndex::matches`] and [`InputIndex::ignored_matches`]; sooner for a `path` in a folder that was entered.
    pub fn matches(
        &mut self,
        path: &RepoPath,
        found: impl FnMut(usize, TakenBy<'w>),
        ignored: impl FnMut(usize, TakenBy<'w>),
    ) {
        let Self { index, own, inferred, .. } = self;
        let own = |each: Found<'_, 'w>| own.matches(path, each);
        index.resolve(path, own, |each| inferred.matches(path, each), once(found), ignored);
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
