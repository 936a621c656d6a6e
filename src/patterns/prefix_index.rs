//! Posting lists of pattern sets: by the prefix, and by the name of a component, that their patterns can't match without.

use std::collections::HashMap;

/// Sets by a path that is a prefix of all that one of their patterns matches.
#[derive(Debug)]
pub(super) struct PrefixIndex<'a> {
    /// Those prefixes, and all folders above them.
    nodes: HashMap<&'a [u8], Node>,
    lists: PostingLists,
}

/// What the index knows of one path.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Node {
    /// The sets that have it as a prefix. Thousands of nodes are found sooner in half the memory that `usize` would take.
    list: Option<u32>,
    pub(super) descendants: Descendants,
}

/// Which sets have a prefix below a folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Descendants {
    #[default]
    None,
    Only(u32),
    Several,
}

/// Builds a [`PrefixIndex`].
pub(super) struct PrefixIndexBuilder<'a> {
    nodes: HashMap<&'a [u8], Node>,
    lists: u32,
    /// Each list with each set in it, some more than once.
    numbered: Vec<(u32, u32)>,
}

impl<'a> PrefixIndexBuilder<'a> {
    pub(super) fn with_capacity(about: usize) -> Self {
        let nodes = HashMap::with_capacity(about);
        Self { nodes, lists: 0, numbered: Vec::with_capacity(about) }
    }

    pub(super) fn insert(&mut self, path: &'a [u8], set: usize) {
        let set = number(set);
        let list = *self.nodes.entry(path).or_default().list.get_or_insert(self.lists);
        self.lists = self.lists.max(list + 1);
        self.numbered.push((list, set));
        for folder in folders_above(path) {
            let descendants = &mut self.nodes.entry(folder).or_default().descendants;
            match *descendants {
                Descendants::None => *descendants = Descendants::Only(set),
                Descendants::Only(other) if other != set => *descendants = Descendants::Several,
                // So it is for all folders above.
                Descendants::Only(_) | Descendants::Several => break,
            }
        }
    }

    pub(super) fn finish(self) -> PrefixIndex<'a> {
        PrefixIndex { nodes: self.nodes, lists: PostingLists::new(self.numbered) }
    }
}

impl PrefixIndex<'_> {
    pub(super) fn node(&self, path: &[u8]) -> Option<Node> {
        self.nodes.get(path).copied()
    }

    pub(super) fn get(&self, path: &[u8]) -> Option<&[usize]> {
        self.nodes.get(path).and_then(|node| self.at(*node))
    }

    pub(super) fn at(&self, node: Node) -> Option<&[usize]> {
        node.list.map(|list| self.lists.get(list))
    }
}

/// Sets by the name of a component that one of their patterns needs.
#[derive(Debug)]
pub(super) struct ComponentIndex<'a> {
    names: HashMap<&'a [u8], u32>,
    lists: PostingLists,
}

impl<'a> ComponentIndex<'a> {
    pub(super) fn new(sets: &[(&'a [u8], usize)]) -> Self {
        let mut names: HashMap<&[u8], u32> = HashMap::default();
        let list = |&(name, set): &(&'a [u8], usize)| {
            let next = number(names.len());
            (*names.entry(name).or_insert(next), number(set))
        };
        let numbered = sets.iter().map(list).collect();
        Self { names, lists: PostingLists::new(numbered) }
    }

    pub(super) fn get(&self, name: &[u8]) -> Option<&[usize]> {
        self.names.get(name).map(|&list| self.lists.get(list))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

/// PostingLists of sets, all in one: to make each by itself takes longer where there are thousands.
#[derive(Debug)]
struct PostingLists {
    /// Where each begins, and where the last one ends.
    starts: Vec<usize>,
    sets: Vec<usize>,
}

impl PostingLists {
    /// From numbers of lists, without a gap, each with a set that is in it; in the lists, each set is once.
    fn new(mut numbered: Vec<(u32, u32)>) -> Self {
        // Sorted but for lists that several sets are in, so that a stable sort has little to do.
        numbered.sort();
        numbered.dedup();
        let lists = numbered.last().map_or(0, |(list, _)| *list as usize + 1);
        let mut starts = Vec::with_capacity(lists + 1);
        for (at, (list, _)) in numbered.iter().enumerate() {
            if starts.len() == *list as usize {
                starts.push(at);
            }
        }
        starts.push(numbered.len());
        Self { starts, sets: numbered.into_iter().map(|(_, set)| set as usize).collect() }
    }

    /// The sets of one list, ascending.
    fn get(&self, list: u32) -> &[usize] {
        let list = list as usize;
        &self.sets[self.starts[list]..self.starts[list + 1]]
    }
}

fn number(at: usize) -> u32 {
    u32::try_from(at).expect("there is memory for fewer patterns")
}

/// From the folder that holds `path` to the root, which is empty; none for the root itself.
pub(super) fn folders_above(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let parent = |path: &[u8]| path.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
    let first = (!path.is_empty()).then(|| &path[..parent(path)]);
    std::iter::successors(first, move |path| (!path.is_empty()).then(|| &path[..parent(path)]))
}

pub(super) fn here_and_above(folder: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::once(folder).chain(folders_above(folder))
}
