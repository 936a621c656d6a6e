//! Which of many pattern sets take a path, without trying each set on each path.
//!
//! Each positive pattern is filed under what it can't match without: the folder or path that it
//! begins with, else a component that it names anywhere (`**/api/*.ts`), else nothing. A path is then
//! looked up by its folders and components, and only the sets found there are asked.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::OnceLock;

use foldhash::fast::RandomState;

use super::glob::{Component, Glob};
use super::line::Matcher;
use super::{Pattern, Patterns};
use crate::model::RepoPath;

/// Which of many pattern sets take a path. Sets are numbered from 0 in the order they came.
#[derive(Debug)]
pub struct Index<'a> {
    sets: Vec<&'a Patterns>,
    /// Sets with a pattern for this path or for something below it; all others under the root.
    by_path: HashMap<&'a [u8], Vec<usize>, RandomState>,
    /// Sets with a pattern that needs a component of this name, wherever it is.
    by_component: HashMap<&'a [u8], Vec<usize>, RandomState>,
    /// All folders above the keys of `by_path`; only walks ask for them.
    above: OnceLock<HashSet<&'a [u8], RandomState>>,
}

/// What a walk through a tree asks, folder by folder: what is known of a folder is known of those in it.
#[derive(Debug)]
pub struct IndexWalk<'i, 'a> {
    index: &'i Index<'a>,
    /// The folders that were entered, each in the one before, with the sets that may take a file below.
    entered: Vec<(RepoPath, Rc<[usize]>)>,
}

/// The sets that may take a file that lies directly in one folder.
#[derive(Debug)]
pub struct FolderCandidates<'i, 'a> {
    index: &'i Index<'a>,
    sets: Vec<usize>,
}

impl<'a> Index<'a> {
    pub fn new(sets: impl IntoIterator<Item = &'a Patterns>) -> Self {
        let sets: Vec<&Patterns> = sets.into_iter().collect();
        let mut keys: Vec<(usize, Key<'a>)> = Vec::new();
        for (set, patterns) in sets.iter().enumerate() {
            patterns.lines().iter().for_each(|pattern| Key::of(pattern, &mut |key| keys.push((set, key))));
        }
        let mut usage: HashMap<&[u8], usize, RandomState> = HashMap::default();
        for name in keys.iter().flat_map(|(_, key)| key.components()) {
            *usage.entry(name).or_default() += 1;
        }

        let mut index = Self {
            sets,
            by_path: HashMap::default(),
            by_component: HashMap::default(),
            above: OnceLock::new(),
        };
        for (set, key) in keys {
            // The rarest name rules out the most: `api` in `**/api/Dockerfile`.
            let rarest = key.components().min_by_key(|name| usage[name]);
            let (map, name) = match (key, rarest) {
                (Key::Path(path), _) => (&mut index.by_path, path),
                (_, Some(name)) => (&mut index.by_component, name),
                (_, None) => (&mut index.by_path, &b""[..]),
            };
            let filed = map.entry(name).or_default();
            if filed.last() != Some(&set) {
                filed.push(set);
            }
        }
        index
    }

    /// Calls `found` with the number of each set that takes `path` and the line that decides, by
    /// ascending number.
    pub fn matches(&self, path: &RepoPath, found: impl FnMut(usize, &'a Pattern)) {
        self.in_folder_of(path.as_bytes()).matches(path, found);
    }

    /// What a walk asks that enters each folder before what is in it.
    pub fn walk(&self) -> IndexWalk<'_, 'a> {
        IndexWalk { index: self, entered: Vec::new() }
    }

    /// What a walk over many files of one folder asks once.
    pub fn in_folder(&self, folder: &RepoPath) -> FolderCandidates<'_, 'a> {
        self.candidates(folder.as_bytes())
    }

    /// Whether some set may take a path below `folder`; where not, a walk can leave it out.
    pub fn can_match_below(&self, folder: &RepoPath) -> bool {
        !self.by_component.is_empty()
            || self.above().contains(folder.as_bytes())
            || here_and_above(folder.as_bytes()).any(|path| self.by_path.contains_key(path))
    }

    fn above(&self) -> &HashSet<&'a [u8], RandomState> {
        self.above.get_or_init(|| {
            let mut above = HashSet::default();
            for path in self.by_path.keys() {
                // Where one was there already, all above it were.
                folders_above(path).take_while(|folder| above.insert(*folder)).for_each(drop);
            }
            above
        })
    }

    fn in_folder_of(&self, path: &[u8]) -> FolderCandidates<'_, 'a> {
        self.candidates(folders_above(path).next().unwrap_or_default())
    }

    /// Asks the sets of the folder that `path` lies directly in, and those filed under the path itself.
    fn ask(&self, sets: &[usize], path: &RepoPath, mut found: impl FnMut(usize, &'a Pattern)) {
        let by_path = self.by_path.get(path.as_bytes());
        let by_component = &self.by_component;
        let by_name = if by_component.is_empty() { None } else { by_component.get(path.file_name()) };
        let merged;
        let sets = if by_path.is_none() && by_name.is_none() {
            sets
        } else {
            let own = by_path.into_iter().chain(by_name).map(Vec::as_slice);
            merged = merge([sets].into_iter().chain(own));
            &merged
        };
        for &set in sets {
            if let Some(pattern) = self.sets[set].decide(path) {
                found(set, pattern);
            }
        }
    }

    fn candidates(&self, folder: &[u8]) -> FolderCandidates<'_, 'a> {
        let by_path = here_and_above(folder).filter_map(|path| self.by_path.get(path)).map(Vec::as_slice);
        if self.by_component.is_empty() {
            return FolderCandidates { index: self, sets: merge(by_path) };
        }
        let components = folder.split(|&byte| byte == b'/');
        let by_component = components.filter_map(|name| self.by_component.get(name)).map(Vec::as_slice);
        FolderCandidates { index: self, sets: merge(by_path.chain(by_component)) }
    }
}

impl<'a> IndexWalk<'_, 'a> {
    /// Goes into `folder`. Whether some set may take a path below it; where not, the walk can leave it out.
    pub fn enter(&mut self, folder: &RepoPath) -> bool {
        self.leave_for(folder);
        let index = self.index;
        let sets = match self.entered.last() {
            Some((parent, above)) if folder.parent().as_ref() == Some(parent) => {
                let by_path = index.by_path.get(folder.as_bytes());
                let by_name = index.by_component.get(folder.file_name());
                if by_path.is_none() && by_name.is_none() {
                    Rc::clone(above)
                } else {
                    let own = by_path.into_iter().chain(by_name).map(Vec::as_slice);
                    merge([&**above].into_iter().chain(own)).into()
                }
            }
            _ => index.candidates(folder.as_bytes()).sets.into(),
        };
        let can_match =
            !sets.is_empty() || !index.by_component.is_empty() || index.above().contains(folder.as_bytes());
        self.entered.push((folder.clone(), sets));
        can_match
    }

    /// As [`Index::matches`], for a `path` in a folder that was entered.
    pub fn matches(&mut self, path: &RepoPath, found: impl FnMut(usize, &'a Pattern)) {
        self.leave_for(path);
        let sets = self.entered.last().map_or(&[][..], |(_, sets)| sets);
        self.index.ask(sets, path, found);
    }

    /// Leaves the folders that `path` isn't in.
    fn leave_for(&mut self, path: &RepoPath) {
        while self.entered.last().is_some_and(|(folder, _)| !path.is_within(folder)) {
            self.entered.pop();
        }
    }
}

impl<'a> FolderCandidates<'_, 'a> {
    /// As [`Index::matches`], for a `path` that lies directly in the folder.
    pub fn matches(&self, path: &RepoPath, found: impl FnMut(usize, &'a Pattern)) {
        self.index.ask(&self.sets, path, found);
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
