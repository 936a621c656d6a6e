//! Lists of pattern sets: by the paths, and by the names of components, that they are filed under.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::index::folders_above;

/// Sets by the paths that they are filed under.
#[derive(Debug)]
pub(super) struct ByPath<'a> {
    /// Those paths, and all folders above them.
    places: HashMap<&'a [u8], Place, RandomState>,
    lists: Lists,
}

/// What is known of one path.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    /// The sets that are filed under it. Thousands of places are found sooner in half the memory that `usize` would take.
    list: Option<u32>,
    pub(super) below: Below,
}

/// Which sets are filed under paths below a folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Below {
    #[default]
    None,
    Only(u32),
    Several,
}

/// What [`ByPath`] is made from.
pub(super) struct Filing<'a> {
    places: HashMap<&'a [u8], Place, RandomState>,
    lists: u32,
    /// Each list with each set in it, some more than once.
    numbered: Vec<(u32, u32)>,
}

impl<'a> Filing<'a> {
    pub(super) fn with_capacity(about: usize) -> Self {
        let places = HashMap::with_capacity_and_hasher(about, RandomState::default());
        Self { places, lists: 0, numbered: Vec::with_capacity(about) }
    }

    pub(super) fn file(&mut self, path: &'a [u8], set: usize) {
        let set = number(set);
        let list = *self.places.entry(path).or_default().list.get_or_insert(self.lists);
        self.lists = self.lists.max(list + 1);
        self.numbered.push((list, set));
        for folder in folders_above(path) {
            let below = &mut self.places.entry(folder).or_default().below;
            match *below {
                Below::None => *below = Below::Only(set),
                Below::Only(other) if other != set => *below = Below::Several,
                // So it is for all folders above.
                Below::Only(_) | Below::Several => break,
            }
        }
    }

    pub(super) fn finish(self) -> ByPath<'a> {
        ByPath { places: self.places, lists: Lists::new(self.numbered) }
    }
}

impl ByPath<'_> {
    pub(super) fn place(&self, path: &[u8]) -> Option<Place> {
        self.places.get(path).copied()
    }

    pub(super) fn get(&self, path: &[u8]) -> Option<&[usize]> {
        self.places.get(path).and_then(|place| self.at(*place))
    }

    pub(super) fn at(&self, place: Place) -> Option<&[usize]> {
        place.list.map(|list| self.lists.get(list))
    }
}

/// Sets by the names of components that they need.
#[derive(Debug)]
pub(super) struct ByComponent<'a> {
    names: HashMap<&'a [u8], u32, RandomState>,
    lists: Lists,
}

impl<'a> ByComponent<'a> {
    pub(super) fn new(filed: &[(&'a [u8], usize)]) -> Self {
        let mut names: HashMap<&[u8], u32, RandomState> = HashMap::default();
        let list = |&(name, set): &(&'a [u8], usize)| {
            let next = number(names.len());
            (*names.entry(name).or_insert(next), number(set))
        };
        let numbered = filed.iter().map(list).collect();
        Self { names, lists: Lists::new(numbered) }
    }

    pub(super) fn get(&self, name: &[u8]) -> Option<&[usize]> {
        self.names.get(name).map(|&list| self.lists.get(list))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

/// Lists of sets, all in one: to make each by itself takes longer where there are thousands.
#[derive(Debug)]
struct Lists {
    /// Where each begins, and where the last one ends.
    starts: Vec<usize>,
    sets: Vec<usize>,
}

impl Lists {
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
