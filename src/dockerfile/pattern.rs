//! The patterns of `${name#…}`, `${name%…}` and `${name/…/…}`: `*`, `?` and `\`.

use std::borrow::Cow;

use regex::{NoExpand, Regex};

use super::shell::ShellError;

pub(super) struct Pattern(Vec<Part>);

enum Part {
    Any,
    One,
    Literal(char),
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, ShellError> {
        let mut parts = Vec::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            parts.push(match character {
                '*' => Part::Any,
                '?' => Part::One,
                '\\' => match characters.next().unwrap_or('\\') {
                    escaped @ ('*' | '?' | '\\' | '}' | '/') => Part::Literal(escaped),
                    other => return Err(ShellError::PatternEscape(other)),
                },
                other => Part::Literal(other),
            });
        }
        Ok(Self(parts))
    }

    pub(super) fn without_prefix(&self, value: &str, longest: bool) -> String {
        let regex = regex(self.0.iter(), "^", longest);
        regex
            .as_ref()
            .and_then(|regex| regex.find(value))
            .map_or(value, |found| &value[found.end()..])
            .to_owned()
    }

    pub(super) fn without_suffix(&self, value: &str, longest: bool) -> String {
        let reversed: String = value.chars().rev().collect();
        let regex = regex(self.0.iter().rev(), "^", longest);
        match regex.as_ref().and_then(|regex| regex.find(&reversed)) {
            Some(found) => value[..value.len() - found.end()].to_owned(),
            None => value.to_owned(),
        }
    }

    pub(super) fn replaced(&self, value: &str, replacement: &str, all: bool) -> String {
        let limit = if all { 0 } else { 1 };
        match regex(self.0.iter(), "", true) {
            Some(regex) => regex.replacen(value, limit, NoExpand(replacement)),
            None => Cow::Borrowed(value),
        }
        .into_owned()
    }
}

/// `None` for a pattern that is too large to be compiled, which then matches nothing.
fn regex<'a>(parts: impl Iterator<Item = &'a Part>, start: &str, longest: bool) -> Option<Regex> {
    let mut text = start.to_owned();
    for part in parts {
        match part {
            Part::Any => text.push_str(if longest { ".*" } else { ".*?" }),
            Part::One => text.push('.'),
            Part::Literal(character) => text.push_str(&regex::escape(character.encode_utf8(&mut [0; 4]))),
        }
    }
    Regex::new(&text).ok()
}
