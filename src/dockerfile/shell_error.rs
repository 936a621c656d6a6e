//! Why a text with quotes, escapes and variables can't be expanded.

use thiserror::Error;

use super::shown::shown;

/// How deep `${a:-${b}}` may be nested.
pub(super) const MAX_DEPTH: usize = 32;
/// How long an expanded text may be, in bytes.
pub(super) const MAX_TEXT_BYTES: usize = 1 << 20;

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ShellError {
    #[error("a `{0}` has no partner")]
    Unmatched(char),
    #[error("`${{` without a name")]
    NoName,
    #[error("`{}` is not a known modifier", shown(.0))]
    UnknownModifier(String),
    #[error("`{}` {}", shown(.name), shown(.message))]
    Required { name: String, message: String },
    #[error("`\\{}` is not an escape that patterns have", .0.escape_default())]
    PatternEscape(char),
    #[error("a pattern is too large")]
    PatternTooLarge,
    #[error("more than {MAX_DEPTH} substitutions inside each other")]
    TooDeep,
    #[error("more than {MAX_TEXT_BYTES} bytes")]
    TooLong,
}
