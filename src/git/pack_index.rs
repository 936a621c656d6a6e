//! Where an object is in a pack, by its index.

use std::cmp::Ordering;

use gix_hash::oid;
use gix_pack::index::{EntryIndex, File};

/// More than a search needs where ids are spread as those of a hash are, in an index of any size.
const MOST_GUESSES: usize = 16;

/// The number of an id in the index.
///
/// Ids are spread evenly, so that an id says where to look: that takes a few places, where halving an index of 300,000
/// takes a dozen, most of them far from each other in memory. Whoever makes ids that are not even, gets the halving.
pub(super) fn find(index: &File<impl gix_pack::FileData>, id: &oid) -> Option<EntryIndex> {
    let wanted = leading(id);
    let (mut low, mut high) = (0, index.num_objects());
    let (mut least, mut most) = (0, u64::from(u32::MAX));
    for _ in 0..MOST_GUESSES {
        if low == high {
            return None;
        }
        let share = (wanted - least) * u64::from(high - low) / (most - least + 1);
        let guess = low + u32::try_from(share).expect("a share of a number is no larger");
        let there = index.oid_at_index(guess);
        match id.cmp(there) {
            Ordering::Equal => return Some(guess),
            Ordering::Less => (high, most) = (guess, leading(there)),
            Ordering::Greater => (low, least) = (guess + 1, leading(there)),
        }
    }
    index.lookup(id)
}

/// The first four bytes, as a number.
fn leading(id: &oid) -> u64 {
    id.as_bytes().first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An index of version 2 (gitformat-pack(5)) with these ids in order; what is behind them is of no interest here.
    fn index(ids: &[[u8; 20]]) -> File<Vec<u8>> {
        let mut data = b"\xfftOc\0\0\0\x02".to_vec();
        for first in 0..=255 {
            let so_many = u32::try_from(ids.iter().filter(|id| id[0] <= first).count()).unwrap();
            data.extend(so_many.to_be_bytes());
        }
        data.extend(ids.concat());
        data.extend(vec![0; ids.len() * 8 + 40]);
        File::from_data(data, "an.idx".into(), gix_hash::Kind::Sha1).unwrap()
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
        let index = index(&ids);

        for id in &ids {
            let found = find(&index, oid::from_bytes_unchecked(id));
            assert_eq!(found, index.lookup(oid::from_bytes_unchecked(id)));
            assert!(found.is_some());
            let mut other = *id;
            other[19] ^= 1;
            assert_eq!(find(&index, oid::from_bytes_unchecked(&other)), None, "{other:?}");
        }
    }

    #[test]
    fn nothing_is_found_in_an_index_of_nothing() {
        assert_eq!(find(&index(&[]), oid::from_bytes_unchecked(&[7; 20])), None);
    }
}
