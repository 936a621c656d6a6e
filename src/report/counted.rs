//! Numbers with the noun that they count.

use std::fmt::Display;

/// `1 image`, `2 images`. The plural of the noun ends in `s`.
pub(super) fn counted<N: Display + PartialEq + From<u8>>(count: N, noun: &str) -> String {
    let ending = if count == N::from(1) { "" } else { "s" };
    format!("{count} {noun}{ending}")
}
