//! Lists and objects that know what is in them.
//!
//! Parts of values are shared, so that a small file can make one that no memory holds if it is written out. That is why lists and
//! objects know their size, and why none is larger or deeper than a limit: whoever walks through a value comes to an end.

use std::ops::Deref;

/// The largest value, in elements and bytes of texts.
const MAX_SIZE: usize = 1 << 20;

/// How deep values nest.
const MAX_LEVELS: usize = 64;

/// A collection that knows what is in it.
#[derive(Debug)]
pub(super) struct Measured<T> {
    content: T,
    pub(super) measure: Measure,
}

/// How much there is in a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measure {
    /// How many values it is made of, bytes of texts included.
    pub(super) size: usize,
    /// How many lists and objects lie in each other.
    pub(super) levels: usize,
    pub(super) is_known: bool,
}

/// A collection has more than values may have.
#[derive(Debug)]
pub(super) struct TooLarge;

impl<T> Measured<T> {
    /// `parts` are what the values in it have, and `key_bytes` is the length of its keys.
    pub(super) fn new(content: T, key_bytes: usize, parts: &[Measure]) -> Result<Self, TooLarge> {
        let measure = Measure {
            size: 1 + key_bytes + parts.iter().map(|part| part.size).sum::<usize>(),
            levels: 1 + parts.iter().map(|part| part.levels).max().unwrap_or(0),
            is_known: parts.iter().all(|part| part.is_known),
        };
        if measure.size > MAX_SIZE || measure.levels > MAX_LEVELS {
            return Err(TooLarge);
        }
        Ok(Self { content, measure })
    }
}

impl<T> Deref for Measured<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.content
    }
}
