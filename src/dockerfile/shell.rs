//! Quotes, escapes and variables, as BuildKit's shell-like lexer reads them.
//!
//! Everything is bounded: values that name each other could otherwise grow without end, and
//! `${a:-${b:-…}}` would need a stack as deep as the file is long.

use std::iter::Peekable;
use std::str::Chars;

use super::pattern::Pattern;
use super::shell_error::{MAX_DEPTH, MAX_TEXT_BYTES, ShellError};
use super::words::Words;

/// What is known of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Set(String),
    Unset,
    /// Only the engine will know.
    Unknown,
}

/// A text after expansion.
#[derive(Debug, Default)]
pub(super) struct Expanded {
    /// Without quotes. Variables without a value are empty.
    pub(super) text: String,
    /// Variables that have no value.
    pub(super) unset: Vec<String>,
    /// Variables that make the text uncertain.
    pub(super) unknown: Vec<String>,
}

/// Takes quotes and escapes away and fills variables in.
pub(super) fn expand(
    text: &str,
    escape: char,
    value_of: &dyn Fn(&str) -> Value,
) -> Result<Expanded, ShellError> {
    let is_special = |character: char| "'\"$<".contains(character) || character == escape;
    if !text.contains(is_special) {
        return Ok(Expanded { text: text.to_owned(), ..Expanded::default() });
    }
    let mut lexer = Lexer { escape, style: Style::Expand, value_of, ..Lexer::new(text) };
    let (text, _) = lexer.until(None, false)?;
    Ok(Expanded { text, unset: lexer.unset, unknown: lexer.unknown })
}

/// The words of a text without quotes and escapes; variables stay as they are written.
pub(super) fn unquote(text: &str) -> Result<Vec<String>, ShellError> {
    Lexer { style: Style::Unquote, ..Lexer::new(text) }.until(None, false).map(|(_, words)| words)
}

/// Only finds where words begin and end.
pub(super) fn split(text: &str) -> Result<Vec<String>, ShellError> {
    Lexer { style: Style::Split, ..Lexer::new(text) }.until(None, true).map(|(_, words)| words)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Expand,
    Unquote,
    Split,
}

struct Lexer<'a> {
    characters: Peekable<Chars<'a>>,
    escape: char,
    style: Style,
    value_of: &'a dyn Fn(&str) -> Value,
    depth: usize,
    unset: Vec<String>,
    unknown: Vec<String>,
}

impl<'a> Lexer<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            characters: text.chars().peekable(),
            escape: '\\',
            style: Style::Expand,
            value_of: &|_| Value::Unset,
            depth: 0,
            unset: Vec::new(),
            unknown: Vec::new(),
        }
    }

    /// Reads up to `stop`, which is taken, or to the end.
    fn until(&mut self, stop: Option<char>, keep_escapes: bool) -> Result<(String, Vec<String>), ShellError> {
        let mut words = Words::default();
        while let Some(&next) = self.characters.peek() {
            if stop == Some(next) {
                self.characters.next();
                return Ok(words.finish());
            }
            match next {
                '\'' => words.push_quoted(&self.single_quoted()?),
                '"' => words.push_quoted(&self.double_quoted(keep_escapes)?),
                '$' => words.push(&self.variable()?),
                '<' => words.push_quoted(&self.less_than()),
                _ => {
                    self.characters.next();
                    if next != self.escape {
                        words.push(next.encode_utf8(&mut [0; 4]));
                        continue;
                    }
                    if keep_escapes {
                        words.push_quoted(next.encode_utf8(&mut [0; 4]));
                    }
                    if let Some(escaped) = self.characters.next() {
                        words.push_quoted(escaped.encode_utf8(&mut [0; 4]));
                    }
                }
            }
            if words.text.len() > MAX_TEXT_BYTES {
                return Err(ShellError::TooLong);
            }
        }
        match stop {
            Some(stop) => Err(ShellError::Unmatched(if stop == '}' { '{' } else { stop })),
            None => Ok(words.finish()),
        }
    }

    /// `<<` takes the spaces after it along, so that `<< EOF` is one word.
    fn less_than(&mut self) -> String {
        self.characters.next();
        if self.characters.next_if_eq(&'<').is_none() {
            return "<".to_owned();
        }
        let mut text = "<<".to_owned();
        while let Some(space) = self.characters.next_if(|next| matches!(next, ' ' | '\t')) {
            text.push(space);
        }
        text
    }

    fn single_quoted(&mut self) -> Result<String, ShellError> {
        self.characters.next();
        let mut text = String::new();
        loop {
            match self.characters.next() {
                None => return Err(ShellError::Unmatched('\'')),
                Some('\'') => return Ok(self.with_quotes(text, '\'')),
                Some(other) => text.push(other),
            }
        }
    }

    fn double_quoted(&mut self, keep_escapes: bool) -> Result<String, ShellError> {
        self.characters.next();
        let mut text = String::new();
        loop {
            match self.characters.peek().copied() {
                None => return Err(ShellError::Unmatched('"')),
                Some('"') => {
                    self.characters.next();
                    return Ok(self.with_quotes(text, '"'));
                }
                Some('$') => text.push_str(&self.variable()?),
                Some(mut next) => {
                    self.characters.next();
                    if next == self.escape {
                        if keep_escapes {
                            text.push(next);
                        }
                        let escape = self.escape;
                        let escaped =
                            self.characters.next_if(|&after| after == '"' || after == '$' || after == escape);
                        next = escaped.unwrap_or(next);
                    }
                    text.push(next);
                }
            }
            if text.len() > MAX_TEXT_BYTES {
                return Err(ShellError::TooLong);
            }
        }
    }

    fn with_quotes(&self, text: String, quote: char) -> String {
        if self.style == Style::Split { format!("{quote}{text}{quote}") } else { text }
    }

    /// `$name`, `${name}` and `${name<modifier>…}`.
    fn variable(&mut self) -> Result<String, ShellError> {
        self.characters.next();
        if self.characters.next_if_eq(&'{').is_none() {
            let name = self.name();
            return Ok(match self.look_up(&name) {
                _ if name.is_empty() => "$".to_owned(),
                Some(value) => value,
                None if self.keeps_unset() => format!("${name}"),
                None => String::new(),
            });
        }
        if self.depth == MAX_DEPTH {
            return Err(ShellError::TooDeep);
        }
        self.depth += 1;
        let text = self.braced();
        self.depth -= 1;
        text
    }

    fn braced(&mut self) -> Result<String, ShellError> {
        if matches!(self.characters.peek(), Some('{' | '}' | ':')) {
            return Err(ShellError::NoName);
        }
        let name = self.name();
        let mut modifier = self.characters.next().ok_or(ShellError::Unmatched('{'))?;
        if modifier == '}' {
            let value = self.look_up(&name);
            return Ok(value.unwrap_or_else(|| self.unset_text(&name, "")));
        }
        if modifier == '/' {
            return self.replaced(&name);
        }
        let colon = if modifier == ':' { ":" } else { "" };
        if modifier == ':' {
            modifier = self.characters.next().ok_or(ShellError::Unmatched('{'))?;
        }
        if !matches!(modifier, '-' | '+' | '?' | '#' | '%') {
            return Err(ShellError::UnknownModifier(format!("{colon}{modifier}")));
        }
        let (word, _) = self.until(Some('}'), matches!(modifier, '#' | '%'))?;
        let value = self.look_up(&name);
        if value.is_none() && self.keeps_unset() {
            return Ok(self.unset_text(&name, &format!("{colon}{modifier}{word}")));
        }
        let usable = value.clone().filter(|value| colon.is_empty() || !value.is_empty());
        match modifier {
            '-' => Ok(usable.unwrap_or(word)),
            '+' => Ok(usable.map_or_else(String::new, |_| word)),
            '?' if self.unknown.contains(&name) => Ok(String::new()),
            '?' => usable.ok_or_else(|| {
                let empty = if value.is_some() { "must not be empty" } else { "must be set" };
                ShellError::Required { name, message: if word.is_empty() { empty.to_owned() } else { word } }
            }),
            _ => {
                let (pattern, longest) = match word.strip_prefix(modifier) {
                    Some(rest) => (rest, true),
                    None => (word.as_str(), false),
                };
                let pattern = Pattern::parse(pattern)?;
                let value = value.unwrap_or_default();
                if modifier == '#' {
                    pattern.without_prefix(&value, longest)
                } else {
                    pattern.without_suffix(&value, longest)
                }
            }
        }
    }

    /// `${name/pattern/replacement}`, or with `//` for all occurrences.
    fn replaced(&mut self, name: &str) -> Result<String, ShellError> {
        let all = self.characters.next_if_eq(&'/').is_some();
        let (pattern, _) = self.until(Some('/'), true)?;
        let (replacement, _) = self.until(Some('}'), true)?;
        let value = self.look_up(name);
        if value.is_none() && self.keeps_unset() {
            return Ok(self.unset_text(name, &format!("/{pattern}/{replacement}")));
        }
        let replaced = Pattern::parse(&pattern)?.replaced(&value.unwrap_or_default(), &replacement, all)?;
        if replaced.len() > MAX_TEXT_BYTES {
            return Err(ShellError::TooLong);
        }
        Ok(replaced)
    }

    fn keeps_unset(&self) -> bool {
        self.style != Style::Expand
    }

    fn unset_text(&self, name: &str, rest: &str) -> String {
        if self.keeps_unset() { format!("${{{name}{rest}}}") } else { String::new() }
    }

    fn look_up(&mut self, name: &str) -> Option<String> {
        if name.is_empty() {
            return None;
        }
        match (self.value_of)(name) {
            Value::Set(value) => return Some(value),
            Value::Unset => self.unset.push(name.to_owned()),
            Value::Unknown => self.unknown.push(name.to_owned()),
        }
        None
    }

    /// Letters, digits and `_`; or digits alone; or one of the shell's special parameters.
    fn name(&mut self) -> String {
        let mut name = String::new();
        if let Some(special) = self.characters.next_if(|next| "@*#?-$!0".contains(*next)) {
            name.push(special);
            return name;
        }
        let only_digits = self.characters.peek().is_some_and(|next| next.is_numeric());
        while let Some(next) = self
            .characters
            .next_if(|next| next.is_numeric() || (!only_digits && (next.is_alphabetic() || *next == '_')))
        {
            name.push(next);
        }
        name
    }
}
