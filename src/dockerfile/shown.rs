//! Text of a Dockerfile in messages.

use crate::model::excerpt;

/// The most characters that a message shows of a text.
const MAX_CHARACTERS: usize = 120;

/// Text from a file, cut and printable: it can't fill or steer a terminal.
pub(super) fn shown(text: &str) -> String {
    excerpt(text, MAX_CHARACTERS)
}
