//! The patterns of `${name#…}`, `${name%…}` and `${name/…/…}`: `*`, `?` and `\`.

use regex::{NoExpand, Regex};

use super::shell_error::ShellError;

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

    pub(super) fn without_prefix(&self, value: &str, longest: bool) -> Result<String, ShellError> {
        let end = regex(self.0.iter(), "^", longest)?.find(value).map_or(0, |found| found.end());
        Ok(value[end..].to_owned())
    }

    pub(super) fn without_suffix(&self, value: &str, longest: bool) -> Result<String, ShellError> {
        let reversed: String = value.chars().rev().collect();
        let length = regex(self.0.iter().rev(), "^", longest)?.find(&reversed).map_or(0, |found| found.end());
        Ok(value[..value.len() - length].to_owned())
    }

    pub(super) fn replaced(&self, value: &str, replacement: &str, all: bool) -> Result<String, ShellError> {
        let limit = if all { 0 } else { 1 };
        Ok(regex(self.0.iter(), "", true)?.replacen(value, limit, NoExpand(replacement)).into_owned())
    }
}

fn regex<'a>(parts: impl Iterator<Item = &'a Part>, start: &str, longest: bool) -> Result<Regex, ShellError> {
    let mut text = start.to_owned();
    for part in parts {
        match part {
            Part::Any => text.push_str(if longest { ".*" } else { ".*?" }),
            Part::One => text.push('.'),
            Part::Literal(character) => text.push_str(&regex::escape(character.encode_utf8(&mut [0; 4]))),
        }
    }
    Regex::new(&text).map_err(|_| ShellError::PatternTooLarge)
}
