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
