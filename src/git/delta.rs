//! Objects that are written as what differs from another one (gitformat-pack(5), "Deltified representation").

/// Makes an object of at most so many bytes from its base: pieces of the base, and pieces of the delta itself.
///
/// `None` for what is no delta of this base.
pub(super) fn apply(base: &[u8], delta: &[u8], most_bytes: usize) -> Option<Vec<u8>> {
    let (base_size, read) = delta_size(delta)?;
    let (size, more) = delta_size(&delta[read..])?;
    if base_size != base.len() || size > most_bytes {
        return None;
    }
    let mut rest = &delta[read + more..];
    let mut content = Vec::with_capacity(size);
    while let Some((&instruction, after)) = rest.split_first() {
        rest = after;
        let piece = if instruction & 0x80 != 0 {
            let start = given_bytes(&mut rest, instruction, 0..4)?;
            let length = given_bytes(&mut rest, instruction, 4..7)?;
            let length = if length == 0 { 0x1_0000 } else { length };
            base.get(start..start.checked_add(length)?)?
        } else {
            let (literal, after) = rest.split_at_checked(usize::from(instruction))?;
            rest = after;
            literal
        };
        if piece.is_empty() || content.len() + piece.len() > size {
            return None;
        }
        content.extend_from_slice(piece);
    }
    (content.len() == size).then_some(content)
}

/// A number of which only those bytes are written whose bits are set in the instruction, the lowest first.
fn given_bytes(rest: &mut &[u8], instruction: u8, bits: std::ops::Range<u8>) -> Option<usize> {
    let mut number = 0;
    for (place, bit) in bits.enumerate() {
        if instruction & (1 << bit) != 0 {
            let (&byte, after) = rest.split_first()?;
            number |= usize::from(byte) << (8 * place);
            *rest = after;
        }
    }
    Some(number)
}

/// Seven bits a byte, the lowest first.
fn delta_size(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut size = 0;
    for (read, &byte) in bytes.iter().enumerate().take(8) {
        size |= usize::from(byte & 0x7f) << (7 * read);
        if byte & 0x80 == 0 {
            return Some((size, read + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A delta of ten bytes: the first three of the base, then four of its own, then three more of the base.
    const DELTA: &[u8] = &[6, 10, 0x90, 3, 4, b'w', b'x', b'y', b'z', 0x91, 3, 3];

    fn with(place: usize, byte: u8) -> Vec<u8> {
        let mut delta = DELTA.to_vec();
        delta[place] = byte;
        delta
    }

    #[test]
    fn an_object_is_made_of_pieces_of_the_base_and_of_the_delta() {
        assert_eq!(apply(b"abcdef", DELTA, 10).as_deref(), Some(&b"abcwxyzdef"[..]));
    }

    #[test]
    fn an_object_that_would_not_have_the_size_that_its_delta_says_is_none() {
        for size in [9, 11] {
            assert_eq!(apply(b"abcdef", &with(1, size), 100), None, "{size}");
        }
        assert_eq!(apply(b"abcdef", DELTA, 9), None, "more than there may be");
    }

    #[test]
    fn a_delta_is_applied_to_the_base_that_it_was_made_for_alone() {
        assert_eq!(apply(b"abcdefg", DELTA, 10), None, "a longer one");
        assert_eq!(apply(b"abcde", &with(0, 5), 10), None, "a piece that the base doesn't have");
    }

    #[test]
    fn a_delta_that_is_cut_off_makes_nothing() {
        for end in 0..DELTA.len() {
            assert_eq!(apply(b"abcdef", &DELTA[..end], 10), None, "{end}");
        }
    }
}
