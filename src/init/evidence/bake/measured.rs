//! Lists and objects that know what is in them.
//!
//! Parts of values are shared, so that a small file can make one that no memory holds if it is written out. That is why lists and
//! objects know their size, and why none is larger or deeper than a limit: whoever walks through a value comes to an end.

use std::collections::BTreeMap;
use std::ops::Deref;

use super::value::{Unknown, Value};

/// The largest value, in elements and bytes of texts.
const MAX_SIZE: usize = 1 << 20;

/// How deep values nest.
const MAX_LEVELS: usize = 64;

/// A collection that knows what is in it.
#[derive(Debug)]
pub(super) struct Measured<T> {
    content: T,
    measure: Measure,
}

#[derive(Clone, Copy, Debug)]
struct Measure {
    size: usize,
    levels: usize,
    is_known: bool,
}

impl Measured<Vec<Value>> {
    pub(super) fn list(elements: Vec<Value>) -> Result<Self, Unknown> {
        let measure = Measure::of(0, elements.iter())?;
        Ok(Self { content: elements, measure })
    }
}

impl Measured<BTreeMap<String, Value>> {
    pub(super) fn object(members: BTreeMap<String, Value>) -> Result<Self, Unknown> {
        let measure = Measure::of(members.keys().map(String::len).sum(), members.values())?;
        Ok(Self { content: members, measure })
    }
}

impl<T> Measured<T> {
    pub(super) fn size(&self) -> usize {
        self.measure.size
    }

    pub(super) fn levels(&self) -> usize {
        self.measure.levels
    }

    pub(super) fn is_known(&self) -> bool {
        self.measure.is_known
    }
}

impl Measure {
    /// Of a collection of `values`, whose keys have `key_bytes`.
    fn of<'v>(key_bytes: usize, values: impl Iterator<Item = &'v Value>) -> Result<Self, Unknown> {
        let mut measure = Self { size: 1 + key_bytes, levels: 1, is_known: true };
        for value in values {
            measure.size += value.size();
            measure.levels = measure.levels.max(1 + value.levels());
            measure.is_known &= value.is_known();
        }
        if measure.size > MAX_SIZE || measure.levels > MAX_LEVELS {
            return Err(Unknown::new("a value is too large"));
        }
        Ok(measure)
    }
}

impl<T> Deref for Measured<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.content
    }
}
