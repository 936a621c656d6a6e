//! Which of many pattern sets take a path, without trying each set on each path.
//!
//! Each positive pattern is indexed by what it can't match without: the folder or path that it
//! begins with, else a component that it names anywhere (`**/api/*.ts`), else nothing. A path is then
//! looked up by its folders and components, and only the sets found there are asked.

use std::collections::{HashMap, HashSet};

use super::glob::{Component, Glob};
use super::line::Matcher;
use super::prefix_index::{
    ComponentIndex, Descendants, Node, PrefixIndex, PrefixIndexBuilder, folders_above, here_and_above,
};
use super::{Pattern, Patterns};
use crate::model::RepoPath;

/// Which of many pattern sets take a path. Sets are numbered from 0 in the order they came.
#[derive(Debug)]
pub struct Index<'a> {
    sets: Vec<&'a Patterns>,
    /// Sets with a pattern for this path or for something below it; all others under the root.
    by_path: PrefixIndex<'a>,
    /// Sets with a pattern that needs a component of this name, wherever it is.
    by_component: ComponentIndex<'a>,
}

/// Some paths, with all folders above them.
#[derive(Debug)]
pub struct PathSet<'p>(HashSet<&'p [u8]>);

/// The sets that may take a file that lies directly in one folder.
#[derive(Debug)]
pub struct FolderCandidates<'i, 'a> {
    index: &'i Index<'a>,
    sets: Vec<usize>,
}

impl<'a> Index<'a> {
    pub fn new(sets: impl IntoIterator<Item = &'a Patterns>) -> Self {
        let sets: Vec<&Patterns> = sets.into_iter().collect();
        let most = sets.iter().map(|set| set.lines().len()).sum();
        Self::of_keys(sets, most, |_| true)
    }

    /// An index for [`Index::matches`] with some paths alone, which leaves out what none of them can have.
    pub fn for_paths(sets: impl IntoIterator<Item = &'a Patterns>, paths: &PathSet<'_>) -> Self {
        Self::of_keys(sets.into_iter().collect(), 0, |path| paths.0.contains(path))
    }

    /// Indexes the sets, by about so many prefixes of those that are asked for.
    fn of_keys(sets: Vec<&'a Patterns>, about: usize, is_asked_for: impl Fn(&[u8]) -> bool) -> Self {
        let (mut by_path, mut components) = (PrefixIndexBuilder::with_capacity(about), Vec::new());
        for (set, patterns) in sets.iter().enumerate() {
            let mut last = None;
            let mut add = |key| match key {
                Key::Path(path) => {
                    // Often several lines in a row begin with the same folder.
                    let is_indexed = last.replace(path) == Some(path);
                    if !is_indexed && is_asked_for(path) {
                        by_path.insert(path, set);
                    }
                }
                Key::Components(key) => components.push((set, key)),
            };
            patterns.lines().iter().for_each(|pattern| Key::of(pattern, &mut add));
        }
        let mut usage: HashMap<&[u8], usize> = HashMap::default();
        for name in components.iter().flat_map(|(_, key)| names(key)) {
            *usage.entry(name).or_default() += 1;
        }
        let mut by_component = Vec::new();
        for (set, key) in components {
            // The rarest name rules out the most: `api` in `**/api/Dockerfile`.
            match names(key).min_by_key(|name| usage[name]) {
                Some(name) => by_component.push((name, set)),
                None => by_path.insert(b"", set),
            }
        }
        Self { sets, by_path: by_path.finish(), by_component: ComponentIndex::new(&by_component) }
    }

    /// Calls `found` with the number of each set that takes `path` and the line that decides, by
    /// ascending number.
    pub fn matches(&self, path: &RepoPath, found: impl FnMut(usize, &'a Pattern)) {
        let folder = folders_above(path.as_bytes()).next().unwrap_or_default();
        FolderCandidates { index: self, sets: self.sets_of(folder) }.matches(path, found);
    }

    /// What a walk over many files of one folder asks once.
    pub fn in_folder(&self, folder: &RepoPath) -> FolderCandidates<'_, 'a> {
        FolderCandidates { index: self, sets: self.sets_of(folder.as_bytes()) }
    }

    /// Whether some set may take a path below `folder`; where not, a walk can leave it out.
    pub fn can_match_below(&self, folder: &RepoPath) -> bool {
        self.has_components()
            || self.node(folder.as_bytes()).is_some_and(|node| node.descendants != Descendants::None)
            || here_and_above(folder.as_bytes()).any(|path| self.by_path.get(path).is_some())
    }

    /// Whether some sets are found by a component's name alone, in whatever folder it is.
    pub(super) fn has_components(&self) -> bool {
        !self.by_component.is_empty()
    }

    /// What is known of a path: nothing where no set has it, or a path below it, as a prefix.
    pub(super) fn node(&self, path: &[u8]) -> Option<Node> {
        self.by_path.node(path)
    }

    /// The sets of a folder and those of one path in it, which has this node, where there are such.
    pub(super) fn with_own(&self, sets: &[usize], path: &RepoPath, node: Option<Node>) -> Option<Vec<usize>> {
        let by_path = node.and_then(|node| self.by_path.at(node));
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
        let with_own = self.index.with_own(&self.sets, path, self.index.node(path.as_bytes()));
        self.index.ask(with_own.as_ref().unwrap_or(&self.sets), path, found);
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
            Matcher::Regex(regex) => {
                key(Self::Path(folders_above(regex.prefix()).next().unwrap_or_default()));
            }
        }
    }

    fn of_glob(glob: &'a Glob) -> Self {
        match glob {
            Glob::Path(path) | Glob::Descendants(path) => Self::Path(path),
            Glob::Wild { prefix, components } => match prefix.strip_suffix(b"/") {
                Some(folder) => Self::Path(folder),
                None => Self::Components(components),
            },
        }
    }
}

/// The names that a path must have among its components.
fn names(key: &[Component]) -> impl Iterator<Item = &[u8]> {
    key.iter().filter_map(|component| match component {
        Component::Literal(name) => Some(&**name),
        _ => None,
    })
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
