//! Where an object is in a pack, by its index.

use std::cmp::Ordering;
use std::ops::{Deref, Range};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use gix_hash::oid;
use gix_pack::MMap;
use gix_pack::index::{EntryIndex, File};

/// More than a search needs where ids are spread as those of a hash are, in an index of any size.
const MOST_GUESSES: usize = 16;

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
        let wanted = leading(id);
        let (mut low, mut high) = (0, self.file.num_objects());
        let (mut least, mut most) = (0, u64::from(u32::MAX));
        if let Some(numbers) = self.with_first_byte(id.first_byte()) {
            (low, high) = (numbers.start, numbers.end);
            least = u64::from(id.first_byte()) << 24;
            most = least + 0x00ff_ffff;
        }
        for _ in 0..MOST_GUESSES {
            if low == high {
                return None;
            }
            let share = (wanted - least) * u64::from(high - low) / (most - least + 1);
            let guess = low + u32::try_from(share).expect("a share of a number is no larger");
            let there = self.file.oid_at_index(guess);
            match id.cmp(there) {
                Ordering::Equal => return Some(guess),
                Ordering::Less => (high, most) = (guess, leading(there)),
                Ordering::Greater => (low, least) = (guess + 1, leading(there)),
            }
        }
        self.file.lookup(id)
    }

    /// The numbers of the ids that begin with a byte.
    fn with_first_byte(&self, byte: u8) -> Option<Range<u32>> {
        let start =
            byte.checked_sub(1).map_or(Some(0), |before| self.fan.get(usize::from(before)).copied())?;
        let end = *self.fan.get(usize::from(byte))?;
        (start <= end && end <= self.file.num_objects()).then_some(start..end)
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
        }
    }

    #[test]
    fn nothing_is_found_in_an_index_of_nothing() {
        assert_eq!(index(&[]).find(oid::from_bytes_unchecked(&[7; 20])), None);
    }
}
