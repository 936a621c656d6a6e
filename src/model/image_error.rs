//! What a text breaks that is no image reference.

use thiserror::Error;

/// A text that is not an image reference, or a part of one that breaks its grammar.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{text}` is not {expected}")]
pub struct InvalidImageRef {
    text: String,
    expected: &'static str,
}

pub(super) fn invalid(text: &str, expected: &'static str) -> InvalidImageRef {
    InvalidImageRef { text: text.to_owned(), expected }
}
