//! How much work one file is worth: a hostile one stops being read, and nobody waits for it.

use std::cell::Cell;

/// Steps for one file: commands, words, variables, and texts, these by their length.
const MAX_STEPS: usize = 200_000;

/// How many bytes of a text are one step.
const BYTES: usize = 20;

pub(super) struct Budget(Cell<usize>);

impl Budget {
    pub(super) fn new() -> Self {
        Self(Cell::new(MAX_STEPS))
    }

    /// Whether there is enough left for so many steps.
    pub(super) fn spend(&self, steps: usize) -> bool {
        let left = self.0.get();
        self.0.set(left.saturating_sub(steps));
        left >= steps && left > 0
    }

    pub(super) fn is_spent(&self) -> bool {
        self.0.get() == 0
    }

    /// Whether there is enough left to look at a text.
    pub(super) fn spend_on(&self, text: &str) -> bool {
        self.spend(1 + text.len() / BYTES)
    }
}
