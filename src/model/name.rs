//! Names of projects and of stages.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use thiserror::Error;

/// A name that breaks the rule of its kind.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{name}` is not {expected}")]
pub struct InvalidName {
    name: String,
    expected: &'static str,
}

impl InvalidName {
    pub(super) fn new(name: &str, expected: &'static str) -> Self {
        Self { name: name.to_owned(), expected }
    }
}

/// The name of a project: its key below `[projects]`.
///
/// 1 to 128 of `a-z A-Z 0-9 . _ -`, the first a letter or a digit. Shared by its clones, of which there are many.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProjectName(Arc<str>);

impl ProjectName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ProjectName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if !is_plain_name(text) {
            return Err(InvalidName::new(
                text,
                "a project name: up to 128 letters, digits, `.`, `_` and `-`, the first a letter or a digit",
            ));
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for ProjectName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Serialize for ProjectName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// The name of a build stage (`FROM … AS name`), in lower case: Docker ignores case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StageName(Box<str>);

impl StageName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for StageName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let name = text.to_ascii_lowercase();
        let starts_with_letter = name.starts_with(|first: char| first.is_ascii_lowercase());
        if !starts_with_letter || !is_plain_name(&name) {
            return Err(InvalidName::new(
                text,
                "a stage name: a letter, then letters, digits, `.`, `_` and `-`",
            ));
        }
        Ok(Self(name.into()))
    }
}

impl fmt::Display for StageName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn is_plain_name(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_be_options_or_paths_are_refused() {
        for name in ["", "-a", ".a", "a/b", "a b", "ä", &"a".repeat(129)] {
            assert!(name.parse::<ProjectName>().is_err(), "{name:?} was accepted");
        }
    }

    #[test]
    fn stage_names_ignore_case() {
        assert_eq!("Build".parse::<StageName>(), "build".parse());
    }
}
