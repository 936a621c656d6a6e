//! Which of many pattern sets take a path, without trying each set on each path.
//!
//! Each positive pattern is filed under what it can't match without: the folder or path that it
//! begins with, else a component that it names anywhere (`**/api/*.ts`), else nothing. A path is then
//! looked up by its folders and components, and only the sets found there are asked.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use foldhash::fast::RandomState;

use super::glob::{Component, Glob};
use super::line::Matcher;
use super::walk::IndexWalk;
use super::{Pattern, Patterns};
use crate::model::RepoPath;

/// Which of many pattern sets take a path. Sets are numbered from 0 in the order they came.
#[derive(Debug)]
pub struct Index<'a> {
    sets: Vec<&'a Patterns>,
    /// Sets with a pattern for this path or for something below it; all others under the root.
    by_path: Filed<'a>,
    /// Sets with a pattern that needs a component of this name, wherever it is.
    by_component: Filed<'a>,
    /// All folders above the keys of `by_path`; only walks ask for them.
    above: OnceLock<HashSet<&'a [u8], RandomState>>,
}

/// Some paths, with all folders above them.
#[derive(Debug)]
pub struct PathSet<'p>(HashSet<&'p [u8], RandomState>);

/// The sets that may take a file that lies directly in one folder.
#[derive(Debug)]
pub struct FolderCandidates<'i, 'a> {
    index: &'i Index<'a>,
    sets: Vec<usize>,
}

impl<'a> Index<'a> {
    pub fn new(sets: impl IntoIterator<Item = &'a Patterns>) -> Self {
        Self::of_keys(sets.into_iter().collect(), |_| true)
    }

    /// An index for [`Index::matches`] with some paths alone, which leaves out what none of them can have.
    pub fn for_paths(sets: impl IntoIterator<Item = &'a Patterns>, paths: &PathSet<'_>) -> Self {
        Self::of_keys(sets.into_iter().collect(), |key| match key {
            Key::Path(path) => paths.0.contains(path),
            Key::Components(_) => true,
        })
    }

    fn of_keys(sets: Vec<&'a Patterns>, is_asked_for: impl Fn(&Key<'a>) -> bool) -> Self {
        let mut keys: Vec<(usize, Key<'a>)> = Vec::new();
        for (set, patterns) in sets.iter().enumerate() {
            let mut add = |key| keys.extend(Some((set, key)).filter(|(_, key)| is_asked_for(key)));
            patterns.lines().iter().for_each(|pattern| Key::of(pattern, &mut add));
        }
        let mut usage: HashMap<&[u8], usize, RandomState> = HashMap::default();
        for name in keys.iter().flat_map(|(_, key)| key.components()) {
            *usage.entry(name).or_default() += 1;
        }

        let (mut by_path, mut by_component) = (Vec::with_capacity(keys.len()), Vec::new());
        for (set, key) in keys {
            // The rarest name rules out the most: `api` in `**/api/Dockerfile`.
            let rarest = key.components().min_by_key(|name| usage[name]);
            match (key, rarest) {
                (Key::Path(path), _) => by_path.push((path, set)),
                (_, Some(name)) => by_component.push((name, set)),
                (_, None) => by_path.push((&b""[..], set)),
            }
        }
        Self {
            sets,
            by_path: Filed::new(&by_path),
            by_component: Filed::new(&by_component),
            above: OnceLock::new(),
        }
    }

    /// Calls `found` with the number of each set that takes `path` and the line that decides, by
    /// ascending number.
    pub fn matches(&self, path: &RepoPath, found: impl FnMut(usize, &'a Pattern)) {
        let folder = folders_above(path.as_bytes()).next().unwrap_or_default();
        FolderCandidates { index: self, sets: self.sets_of(folder) }.matches(path, found);
    }

    /// What a walk asks that enters each folder before what is in it.
    pub fn walk(&self) -> IndexWalk<'_, 'a> {
        IndexWalk::new(self)
    }

    /// What a walk over many files of one folder asks once.
    pub fn in_folder(&self, folder: &RepoPath) -> FolderCandidates<'_, 'a> {
        FolderCandidates { index: self, sets: self.sets_of(folder.as_bytes()) }
    }

    /// Whether some set may take a path below `folder`; where not, a walk can leave it out.
    pub fn can_match_below(&self, folder: &RepoPath) -> bool {
        self.has_components()
            || self.has_more_below(folder.as_bytes())
            || here_and_above(folder.as_bytes()).any(|path| self.by_path.get(path).is_some())
    }

    /// Whether some sets are found by a component's name alone, in whatever folder it is.
    pub(super) fn has_components(&self) -> bool {
        !self.by_component.is_empty()
    }

    /// Whether a set is filed under a path below `folder`.
    pub(super) fn has_more_below(&self, folder: &[u8]) -> bool {
        self.above().contains(folder)
    }

    fn above(&self) -> &HashSet<&'a [u8], RandomState> {
        self.above.get_or_init(|| {
            let mut above = HashSet::default();
            for path in self.by_path.names() {
                // Where one was there already, all above it were.
                folders_above(path).take_while(|folder| above.insert(*folder)).for_each(drop);
            }
            above
        })
    }

    /// The sets of a folder and those filed under one path in it, where there are such; `look_up` is whether one may be
    /// filed under the path as a whole.
    pub(super) fn with_own(&self, sets: &[usize], path: &RepoPath, look_up: bool) -> Option<Vec<usize>> {
        let by_path = if look_up { self.by_path.get(path.as_bytes()) } else { None };
        let by_component = &self.by_component;
        let by_name = if by_component.is_empty() { None } else { by_component.get(path.file_name()) };
        if by_path.is_none() && by_name.is_none() {
            return None;
        }
        let own = by_path.into_iter().chain(by_name);
        Some(merge([sets].into_iter().chain(own)))
    }

    /// Asks these sets, one after the other.
    pub(super) fn ask(&self, sets: &[usize], path: &RepoPath, mut found: impl FnMut(usize, &'a Pattern)) {
        for &set in sets {
            if let Some(pattern) = self.sets[set].decide(path) {
                found(set, pattern);
            }
        }
    }

    /// The sets that may take a file that lies directly in `folder`.
    pub(super) fn sets_of(&self, folder: &[u8]) -> Vec<usize> {
        let by_path = here_and_above(folder).filter_map(|path| self.by_path.get(path));
        if self.by_component.is_empty() {
            return merge(by_path);
        }
        let components = folder.split(|&byte| byte == b'/');
        let by_component = components.filter_map(|name| self.by_component.get(name));
        merge(by_path.chain(by_component))
    }
}

impl<'p> PathSet<'p> {
    pub fn new(paths: impl IntoIterator<Item = &'p RepoPath>) -> Self {
        let mut here_and_above_all = HashSet::default();
        for path in paths {
            // Where one was there already, all above it were.
            here_and_above(path.as_bytes())
                .take_while(|path| here_and_above_all.insert(*path))
                .for_each(drop);
        }
        Self(here_and_above_all)
    }

    /// Whether this is one of the paths, or a folder with one of them.
    pub fn has_at_or_below(&self, path: &RepoPath) -> bool {
        self.0.contains(path.as_bytes())
    }
}

impl<'a> FolderCandidates<'_, 'a> {
    /// As [`Index::matches`], for a `path` that lies directly in the folder.
    pub fn matches(&self, path: &RepoPath, found: impl FnMut(usize, &'a Pattern)) {
        let with_own = self.index.with_own(&self.sets, path, true);
        self.index.ask(with_own.as_ref().unwrap_or(&self.sets), path, found);
    }
}

/// Sets by the names that they are filed under.
#[derive(Debug)]
struct Filed<'a> {
    /// Where each name's sets begin in `starts`.
    numbers: HashMap<&'a [u8], usize, RandomState>,
    /// Where the sets of each number begin, and where the last ones end.
    starts: Vec<usize>,
    /// One name's after the other's: a list for each would be thousands.
    sets: Vec<usize>,
}

impl<'a> Filed<'a> {
    fn new(filed: &[(&'a [u8], usize)]) -> Self {
        let mut numbers: HashMap<&[u8], usize, RandomState> = HashMap::default();
        numbers.reserve(filed.len());
        let number = |&(name, set): &(&'a [u8], usize)| {
            let next = numbers.len();
            (*numbers.entry(name).or_insert(next), set)
        };
        let mut numbered: Vec<(usize, usize)> = filed.iter().map(number).collect();
        // Sorted but for names that several sets have.
        numbered.sort();
        numbered.dedup();
        let mut starts = Vec::with_capacity(numbers.len() + 1);
        for (at, (number, _)) in numbered.iter().enumerate() {
            if starts.len() == *number {
                starts.push(at);
            }
        }
        starts.push(numbered.len());
        Self { numbers, starts, sets: numbered.into_iter().map(|(_, set)| set).collect() }
    }

    /// The sets of a name, ascending; never none.
    fn get(&self, name: &[u8]) -> Option<&[usize]> {
        let number = *self.numbers.get(name)?;
        Some(&self.sets[self.starts[number]..self.starts[number + 1]])
    }

    fn names(&self) -> impl Iterator<Item = &'a [u8]> {
        self.numbers.keys().copied()
    }

    fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }
}

/// What each path that a pattern matches has.
#[derive(Clone)]
enum Key<'a> {
    /// It is this path, or lies below it.
    Path(&'a [u8]),
    /// It has the literal ones of these among its components; there may be none.
    Components(&'a [Component]),
}

impl<'a> Key<'a> {
    /// Hands out the keys of a pattern; a negated one has none.
    fn of(pattern: &'a Pattern, key: &mut dyn FnMut(Self)) {
        if pattern.is_negated() {
            return;
        }
        match &pattern.matcher {
            Matcher::Glob(glob) => key(Self::of_glob(glob)),
            Matcher::Globs(globs) => globs.iter().map(Self::of_glob).for_each(key),
            Matcher::Lazy(globs) => match globs.prefix().strip_suffix(b"/") {
                Some(folder) => key(Self::Path(folder)),
                // The components are what they are found by.
                None => globs.globs().iter().map(Self::of_glob).for_each(key),
            },
            Matcher::Regex(regex) => {
                key(Self::Path(folders_above(regex.prefix()).next().unwrap_or_default()));
            }
        }
    }

    fn of_glob(glob: &'a Glob) -> Self {
        match glob {
            Glob::Path(path) | Glob::Below(path) => Self::Path(path),
            Glob::Wild { prefix, components, .. } => match prefix.strip_suffix(b"/") {
                Some(folder) => Self::Path(folder),
                None => Self::Components(components),
            },
        }
    }

    fn components(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let components = match self {
            Self::Path(_) => &[],
            Self::Components(components) => *components,
        };
        components.iter().filter_map(|component| match component {
            Component::Literal(name) => Some(&**name),
            _ => None,
        })
    }
}

/// From the folder that holds `path` to the root, which is empty; none for the root itself.
fn folders_above(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let parent = |path: &[u8]| path.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
    let first = (!path.is_empty()).then(|| &path[..parent(path)]);
    std::iter::successors(first, move |path| (!path.is_empty()).then(|| &path[..parent(path)]))
}

fn here_and_above(folder: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::once(folder).chain(folders_above(folder))
}

fn merge<'s>(lists: impl Iterator<Item = &'s [usize]>) -> Vec<usize> {
    let mut sets: Vec<usize> = lists.flatten().copied().collect();
    sets.sort_unstable();
    sets.dedup();
    sets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RepoPath {
        RepoPath::new(text).unwrap()
    }

    fn sets(texts: &[&str]) -> Vec<Patterns> {
        texts.iter().map(|text| Patterns::parse(text.as_bytes(), &path("own")).unwrap()).collect()
    }

    #[track_caller]
    fn check(index: &Index<'_>, file: &str, expected: &[usize]) {
        let mut found = Vec::new();
        index.matches(&path(file), |set, _| found.push(set));
        assert_eq!(found, expected, "{file}");
    }

    #[test]
    fn every_kind_of_pattern_is_found_in_ascending_order() {
        let sets = sets(&[
            "**/*.rs",
            "lib/\n!lib/x",
            "lib/a.rs",
            "^lib/.*s$\n^(a|b)",
            "**/api/**/*.rs",
            "*/{a,b}.rs",
            ".",
            "**/a.rs",
        ]);
        let index = Index::new(&sets);

        check(&index, "lib/a.rs", &[0, 1, 2, 3, 5, 7]);
        check(&index, "lib/x", &[]);
        check(&index, "lib/x/api/y/b.rs", &[0, 3, 4]);
        check(&index, "a", &[3]);
        check(&index, "own/README", &[6]);
        check(&index, "a.rs", &[0, 3, 7]);
    }

    #[test]
    fn the_line_that_decides_comes_with_the_set() {
        let sets = sets(&["lib/\nlib/a.rs"]);
        let mut found = Vec::new();

        Index::new(&sets).matches(&path("lib/a.rs"), |set, pattern| found.push((set, pattern.line())));

        assert_eq!(found, [(0, Some(2))]);
    }

    #[test]
    fn a_folder_that_nothing_can_match_below_can_be_left_out() {
        let sets = sets(&["a/b/*.rs\n!**/x", "c/d/e", "f/{g,h}/"]);
        let index = Index::new(&sets);

        for folder in ["", "a", "a/b", "a/b/c", "c", "c/d", "f", "f/g", "f/h/i"] {
            assert!(index.can_match_below(&path(folder)), "{folder}");
        }
        for folder in ["b", "a/c", "ab", "c/e", "f/i", "a/x"] {
            assert!(!index.can_match_below(&path(folder)), "{folder}");
        }
    }

    #[test]
    fn a_pattern_without_a_fixed_beginning_can_match_below_any_folder() {
        for text in ["**/x", "*/x", "^a|b", "*"] {
            assert!(Index::new(&sets(&[text])).can_match_below(&path("z")), "{text}");
        }
    }
}
