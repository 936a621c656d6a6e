//! What a shell's text is made of.

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Word(Word),
    /// The end of a line, `;` or `&`.
    End,
    And,
    Or,
    Pipe,
    Open,
    Close,
    /// `<`: the next word is a file.
    Input,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) pieces: Vec<Piece>,
    /// From 0.
    pub(super) line: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Unquoted text can be a keyword.
    Text { text: String, is_quoted: bool },
    /// `$name` or `${name<change>}`.
    Variable { name: String, change: String, is_quoted: bool },
    /// `${{ name }}`
    Template(String),
    /// `$(…)` or backticks.
    Command { text: String, line: usize, is_quoted: bool },
    /// An unquoted `*` or `?`.
    Glob,
}

impl Word {
    /// The text of a word without quotes and variables.
    pub(super) fn plain(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [Piece::Text { text, is_quoted: false }] => Some(text),
            _ => None,
        }
    }

    /// Whether it begins as `NAME=…` does; with `+=` too.
    pub(super) fn is_assignment(&self) -> bool {
        let Some(Piece::Text { text, is_quoted: false }) = self.pieces.first() else { return false };
        text.split_once('=').is_some_and(|(name, _)| is_name(name.strip_suffix('+').unwrap_or(name)))
    }
}

pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|letter: char| letter.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
