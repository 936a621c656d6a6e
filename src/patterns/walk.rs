//! What a walk through a tree asks of an index, folder by folder: what is known of a folder is known of those in it.

use std::ops::Range;

use super::Pattern;
use super::index::Index;
use super::prefix_index::Descendants;
use crate::model::RepoPath;

/// The folders that a walk is in, each with the sets that may take a file below.
#[derive(Debug)]
pub struct IndexWalk<'i, 'a> {
    index: &'i Index<'a>,
    /// The path of the folder that was entered last.
    folder: Vec<u8>,
    /// The folders that were entered, each in the one before.
    entered: Vec<Entered>,
    /// The sets of all of them, one folder's after the other's.
    sets: Vec<usize>,
}

#[derive(Clone, Debug)]
struct Entered {
    /// How much of the walk's `folder` is the path of this one.
    path_bytes: usize,
    /// Which of the walk's `sets` are those of it, of a folder above it, or of a name on the way.
    sets: Range<usize>,
    /// Which sets have a prefix below it. Where there are none, there is nothing to look up.
    descendants: Descendants,
}

impl<'a> Index<'a> {
    /// What a walk asks that enters each folder before what is in it.
    pub fn walk(&self) -> IndexWalk<'_, 'a> {
        IndexWalk::new(self)
    }
}

impl<'i, 'a> IndexWalk<'i, 'a> {
    fn new(index: &'i Index<'a>) -> Self {
        Self { index, folder: Vec::new(), entered: Vec::new(), sets: Vec::new() }
    }

    /// Goes into `folder`. Whether some set may take a path below it; where not, the walk can leave it out.
    pub fn enter(&mut self, folder: &RepoPath) -> bool {
        self.leave_for(folder);
        let path = folder.as_bytes();
        let (own, node) = match self.entered.last() {
            Some(parent) if is_directly_in(path, &self.folder[..parent.path_bytes]) => {
                let node = if parent.descendants == Descendants::None { None } else { self.index.node(path) };
                (self.index.with_own(&self.sets[parent.sets.clone()], folder, node), node)
            }
            _ => (Some(self.index.sets_of(path)), self.index.node(path)),
        };
        let sets = match (own, self.entered.last()) {
            (None, Some(parent)) => parent.sets.clone(),
            (own, _) => {
                let start = self.sets.len();
                self.sets.extend(own.unwrap_or_default());
                start..self.sets.len()
            }
        };
        let descendants = node.map(|node| node.descendants).unwrap_or_default();
        let can_match = !sets.is_empty() || descendants != Descendants::None || self.index.has_components();
        self.entered.push(Entered { path_bytes: path.len(), sets, descendants });
        self.folder.clear();
        self.folder.extend_from_slice(path);
        can_match
    }

    /// As [`Index::matches`]; sooner for a `path` in a folder that was entered.
    pub fn matches(&mut self, path: &RepoPath, mut found: impl FnMut(usize, &'a Pattern)) {
        self.leave_for(path);
        let folder = match self.entered.last() {
            Some(folder) if is_directly_in(path.as_bytes(), &self.folder[..folder.path_bytes]) => folder,
            _ => return self.index.matches(path, found),
        };
        let sets = &self.sets[folder.sets.clone()];
        let node =
            if folder.descendants == Descendants::Several { self.index.node(path.as_bytes()) } else { None };
        let with_own = self.index.with_own(sets, path, node);
        let sets = with_own.as_deref().unwrap_or(sets);
        // To ask the only set that has a prefix below takes less time than to look up whether it has to be asked.
        let only = match folder.descendants {
            Descendants::Only(set) => Some(set as usize),
            Descendants::None | Descendants::Several => None,
        };
        let place = only.and_then(|set| Some((set, sets.binary_search(&set).err()?)));
        let (set, at) = place.unzip();
        let (before, behind) = sets.split_at(at.unwrap_or(sets.len()));
        self.index.ask(before, path, &mut found);
        self.index.ask(set.as_slice(), path, &mut found);
        self.index.ask(behind, path, found);
    }

    /// Leaves the folders that `path` isn't in.
    fn leave_for(&mut self, path: &RepoPath) {
        while let Some(last) = self.entered.last()
            && !is_within(path.as_bytes(), &self.folder[..last.path_bytes])
        {
            self.entered.pop();
            self.sets.truncate(self.entered.last().map_or(0, |last| last.sets.end));
        }
    }
}

fn is_within(path: &[u8], folder: &[u8]) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| matches!(rest, [] | [b'/', ..]))
}

/// The same of a `path` that is known to be within the folder, or the folder itself.
fn is_directly_in(path: &[u8], folder: &[u8]) -> bool {
    let below = &path[folder.len()..];
    let name = if folder.is_empty() { below } else { below.get(1..).unwrap_or_default() };
    !name.is_empty() && !name.contains(&b'/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patterns::Patterns;

    #[test]
    fn a_file_that_several_sets_name_is_found_by_each_of_them() {
        let path = |text: &str| RepoPath::new(text).unwrap();
        let sets = ["a/b/c", "a/b/c", "a/b/d", "a/"];
        let sets = sets.map(|text| Patterns::parse(text.as_bytes(), &path("own")).unwrap());
        let index = Index::new(&sets);
        let mut walk = index.walk();

        for folder in ["", "a", "a/b"] {
            assert!(walk.enter(&path(folder)), "{folder}");
        }
        let mut found = Vec::new();
        walk.matches(&path("a/b/c"), |set, _| found.push(set));

        assert_eq!(found, [0, 1, 3]);
    }

    #[test]
    fn a_set_that_needs_only_a_name_is_looked_for_in_every_folder() {
        let path = |text: &str| RepoPath::new(text).unwrap();
        let sets = [Patterns::parse(b"**/api/*.ts", &path("own")).unwrap()];
        let index = Index::new(&sets);
        let mut walk = index.walk();

        for folder in ["", "x", "x/y"] {
            assert!(walk.enter(&path(folder)), "{folder}");
        }
    }
}
