//! Where an object is in a pack, by its index.

use std::cmp::Ordering;
use std::ops::{Deref, Range};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use gix_hash::oid;
use gix_pack::MMap;
use gix_pack::index::{EntryIndex, File};

/// More than a search needs where ids are spread as those of a hash are, in an index of any size.
const MAX_GUESSES: usize = 16;

/// The index of one pack.
pub(super) struct PackIndex<D = MMap> {
    file: File<D>,
    /// How many ids begin with a byte that is no greater (gitformat-pack(5)); none in an
    /// index of version 1, which is rare.
    fan: Vec<u32>,
}

impl PackIndex {
    /// `None` for what can't be read, or is no index.
    pub(super) fn open(path: &Path) -> Option<Self> {
        let mut start = [0; 8 + 256 * 4];
        let fan = std::fs::File::open(path).ok()?.read_exact_at(&mut start, 0);
        let file = File::at(path, gix_hash::Kind::Sha1).ok()?;
        Some(Self::new(file, if fan.is_ok() { &start } else { &[] }))
    }

    /// Where an object begins in the pack.
    pub(super) fn offset_of(&self, id: &oid) -> Option<u64> {
        Some(self.file.pack_offset_at_index(self.find(id)?))
    }

    /// The same for several objects, in less time than for one after the other.
    pub(super) fn offsets_of(&self, ids: &[&oid]) -> Vec<Option<u64>> {
        let found = self.find_all(ids);
        found.into_iter().map(|found| Some(self.file.pack_offset_at_index(found?))).collect()
    }
}

impl<D: Deref<Target = [u8]>> PackIndex<D> {
    fn new(file: File<D>, start: &[u8]) -> Self {
        let numbers = start.strip_prefix(b"\xfftOc\0\0\0\x02").unwrap_or_default().as_chunks().0;
        Self { file, fan: numbers.iter().map(|number| u32::from_be_bytes(*number)).collect() }
    }

    /// The number of an id in the index.
    ///
    /// Ids are spread evenly, so that an id says where to look: that takes a few places, where halving an index of 300,000
    /// takes a dozen, most of them far from each other in memory. Whoever makes ids that are not even, gets the halving.
    fn find(&self, id: &oid) -> Option<EntryIndex> {
        let mut search = self.search(id, 0)?;
        for _ in 0..MAX_GUESSES {
            search.look(&self.file);
            if let Some(end) = search.narrow(&self.file) {
                return end;
            }
        }
        self.file.lookup(id)
    }

    /// The same for several ids, a guess for each in turn.
    fn find_all(&self, ids: &[&oid]) -> Vec<Option<EntryIndex>> {
        let mut found = vec![None; ids.len()];
        let mut searches: Vec<Search<'_>> =
            ids.iter().enumerate().filter_map(|(slot, id)| self.search(id, slot)).collect();
        for _ in 0..MAX_GUESSES {
            // Nothing is decided here, so that the processor gets all of it from memory at the same time.
            searches.iter_mut().for_each(|search| search.look(&self.file));
            searches.retain_mut(|search| match search.narrow(&self.file) {
                Some(end) => {
                    found[search.slot] = end;
                    false
                }
                None => true,
            });
        }
        for search in searches {
            found[search.slot] = self.file.lookup(search.id);
        }
        found
    }

    /// Begins to search for an id; `None` where it is known at once that it isn't there.
    fn search<'i>(&self, id: &'i oid, slot: usize) -> Option<Search<'i>> {
        let (low, high, least, most) = match self.with_first_byte(id.first_byte()) {
            Some(Range { start, end }) => {
                let least = u64::from(id.first_byte()) << 24;
                (start, end, least, least + 0x00ff_ffff)
            }
            None => (0, self.file.num_objects(), 0, u32::MAX.into()),
        };
        let mut search = Search { id, slot, low, high, least, most, guess: 0, there: 0 };
        search.aim().then_some(search)
    }

    /// The numbers of the ids that begin with a byte.
    fn with_first_byte(&self, byte: u8) -> Option<Range<u32>> {
        let start =
            byte.checked_sub(1).map_or(Some(0), |before| self.fan.get(usize::from(before)).copied())?;
        let end = *self.fan.get(usize::from(byte))?;
        (start <= end && end <= self.file.num_objects()).then_some(start..end)
    }
}

/// Between which numbers an id is, if it is there.
struct Search<'i> {
    id: &'i oid,
    /// Which of the ids that are searched for it is.
    slot: usize,
    low: u32,
    high: u32,
    /// What those before and behind them begin with.
    least: u64,
    most: u64,
    /// Where it should be, and what the one there begins with.
    guess: u32,
    there: u64,
}

impl Search<'_> {
    /// Guesses where the id is; whether there is a place left.
    fn aim(&mut self) -> bool {
        if self.low == self.high {
            return false;
        }
        let share =
            (leading(self.id) - self.least) * u64::from(self.high - self.low) / (self.most - self.least + 1);
        self.guess = self.low + u32::try_from(share).expect("a share of a number is no larger");
        true
    }

    fn look<D: Deref<Target = [u8]>>(&mut self, file: &File<D>) {
        self.there = leading(file.oid_at_index(self.guess));
    }

    /// Takes what was seen into account; returns what came of the search once that is known.
    fn narrow<D: Deref<Target = [u8]>>(&mut self, file: &File<D>) -> Option<Option<EntryIndex>> {
        let order = leading(self.id).cmp(&self.there);
        match order.then_with(|| self.id.cmp(file.oid_at_index(self.guess))) {
            Ordering::Equal => return Some(Some(self.guess)),
            Ordering::Less => (self.high, self.most) = (self.guess, self.there),
            Ordering::Greater => (self.low, self.least) = (self.guess + 1, self.there),
        }
        if self.aim() { None } else { Some(None) }
    }
}

/// The first four bytes, as a number.
fn leading(id: &oid) -> u64 {
    id.as_bytes().first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An index of version 2 (gitformat-pack(5)) with these ids in order; what is behind them is of no interest here.
    fn index(ids: &[[u8; 20]]) -> PackIndex<Vec<u8>> {
        let mut data = b"\xfftOc\0\0\0\x02".to_vec();
        for first in 0..=255 {
            let so_many = u32::try_from(ids.iter().filter(|id| id[0] <= first).count()).unwrap();
            data.extend(so_many.to_be_bytes());
        }
        data.extend(ids.concat());
        data.extend(vec![0; ids.len() * 8 + 40]);
        let start = data.clone();
        PackIndex::new(File::from_data(data, "an.idx".into(), gix_hash::Kind::Sha1).unwrap(), &start[..1032])
    }

    /// Ids that are spread evenly, then some that are not: a run of neighbours, and the least and the greatest.
    fn ids() -> Vec<[u8; 20]> {
        use sha2::{Digest as _, Sha256};
        let even = |number: u32| *Sha256::digest(number.to_be_bytes()).first_chunk().unwrap();
        let mut ids: Vec<[u8; 20]> = (0..3000).map(even).collect();
        for number in 0..500_u16 {
            let mut id = [0x77; 20];
            id[18..].copy_from_slice(&(2 * number).to_be_bytes());
            ids.push(id);
        }
        ids.extend([[0; 20], [0xff; 20]]);
        ids.sort_unstable();
        ids
    }

    #[test]
    fn an_id_is_found_where_halving_finds_it_and_another_is_not() {
        let ids = ids();
        let with_fan = index(&ids);
        let without = PackIndex { fan: Vec::new(), ..index(&ids) };
        assert_eq!(with_fan.fan.len(), 256);

        for index in [with_fan, without] {
            for id in &ids {
                let found = index.find(oid::from_bytes_unchecked(id));
                assert_eq!(found, index.file.lookup(oid::from_bytes_unchecked(id)));
                assert!(found.is_some());
                let mut other = *id;
                other[19] ^= 1;
                assert_eq!(index.find(oid::from_bytes_unchecked(&other)), None, "{other:?}");
            }
            check_all_at_once(&index, &ids);
        }
    }

    fn check_all_at_once(index: &PackIndex<Vec<u8>>, ids: &[[u8; 20]]) {
        let mut others: Vec<[u8; 20]> = ids.to_vec();
        others.iter_mut().step_by(3).for_each(|id| id[19] ^= 1);
        let others: Vec<&oid> = others.iter().map(|id| oid::from_bytes_unchecked(id)).collect();

        let found = index.find_all(&others);

        assert_eq!(found, others.iter().map(|id| index.find(id)).collect::<Vec<_>>());
        assert!(found.contains(&None) && found.iter().flatten().count() > ids.len() / 2);
    }

    #[test]
    fn nothing_is_found_in_an_index_of_nothing() {
        assert_eq!(index(&[]).find(oid::from_bytes_unchecked(&[7; 20])), None);
    }
}
