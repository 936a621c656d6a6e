//! Access to the variables and files in which a CI describes its run.

use std::ops::RangeInclusive;
use std::str::FromStr;

use thiserror::Error;

use super::{Source, Sourced};
use crate::model::{BranchName, CommitId, printable};

/// Where a CI describes its run.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "functions have nothing to show")]
pub struct CiEnvironment<'e> {
    /// The value of an environment variable.
    pub variable: &'e dyn Fn(&str) -> Option<String>,
    /// The text of a file that a variable names.
    pub file: &'e dyn Fn(&str) -> Option<String>,
}

impl CiEnvironment<'_> {
    /// A variable that is neither empty nor a placeholder for "no value".
    pub(super) fn get(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !is_placeholder(value))
    }

    pub(super) fn first(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.get(name))
    }

    /// The values of all of these variables; nothing where one has none. Zero is a value.
    pub(super) fn joined(&self, names: &[&str]) -> Option<String> {
        let values: Option<Vec<String>> = names.iter().map(|name| self.text_of(name)).collect();
        values.map(|values| values.join("-"))
    }

    /// A variable that is not empty, whatever else it holds.
    pub(super) fn set(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }

    /// A variable that is not empty, and may be zero.
    pub(super) fn text_of(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.trim().is_empty())
    }

    pub(super) fn is(&self, name: &str, value: &str) -> bool {
        (self.variable)(name).is_some_and(|set| set.eq_ignore_ascii_case(value))
    }

    /// The text of the file that a variable names.
    pub(super) fn file_at(&self, name: &str) -> Option<String> {
        (self.file)(&self.get(name)?)
    }

    pub(super) fn text(&self, name: &'static str) -> Option<Sourced<String>> {
        Some(Sourced { value: self.get(name)?, source: Source::Variable(name) })
    }

    /// A variable that holds a whole commit id; anything else counts as absent.
    pub(super) fn commit(&self, name: &'static str) -> Option<Sourced<CommitId>> {
        self.text(name)?.try_map(|text| text.parse().ok())
    }

    /// A variable that holds a commit id, or at least its first seven digits.
    pub(super) fn abbreviated_commit(&self, name: &'static str) -> Option<Sourced<String>> {
        self.text(name)?.try_map(|text| abbreviated_commit(&text))
    }

    /// A variable that holds a range of commits, `<older>..<newer>` or with three dots: the older one.
    pub(super) fn start_of_range(&self, name: &'static str) -> Option<Sourced<String>> {
        self.text(name)?.try_map(|text| abbreviated_commit(text.split_once("..")?.0))
    }

    /// A variable that holds a branch, with or without `refs/heads/`.
    pub(super) fn branch(&self, name: &'static str) -> Option<Sourced<BranchName>> {
        self.text(name)?
            .try_map(|name| Some(BranchName::new(name.strip_prefix("refs/heads/").unwrap_or(&name))))
    }

    /// A variable of our own that a person or a script has set: what can't be read would otherwise take something for another thing.
    ///
    /// # Errors
    /// [`InvalidCiVariable`] for any other text than a value, nothing, and what CIs write for nothing.
    pub(super) fn given<T: FromStr>(
        &self,
        variable: &'static str,
        expected: &'static str,
    ) -> Result<Option<T>, InvalidCiVariable> {
        let given = self.get(variable).filter(|value| !value.trim().eq_ignore_ascii_case("false"));
        let read = given.map(|value| {
            let invalid = |_| InvalidCiVariable { variable, value: printable(&value), expected };
            value.trim().parse().map_err(invalid)
        });
        read.transpose()
    }

    /// The number of a pull request. The word `false` stands for "none" in some CIs.
    pub(super) fn number(&self, name: &str) -> Option<PullRequestNumber> {
        self.get(name)?.parse().ok()
    }
}

/// A variable of our own that holds something else than it is for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{variable}` is `{value}`, and {expected} is expected")]
pub struct InvalidCiVariable {
    variable: &'static str,
    value: String,
    expected: &'static str,
}

/// The digits of a commit id, which may be a SHA-256.
const ID_DIGITS: RangeInclusive<usize> = 7..=64;

/// A text, if it is a commit id or at least its first seven digits.
pub(super) fn abbreviated_commit(text: &str) -> Option<String> {
    let is_id = ID_DIGITS.contains(&text.len()) && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    (is_id && !is_placeholder(text)).then(|| text.to_owned())
}

/// The number of a pull request, or of a merge request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PullRequestNumber(u64);

impl PullRequestNumber {
    /// The branch that stands for the pull request: never the name of a branch of a fork.
    pub fn branch(self) -> BranchName {
        BranchName::new(format!("pull/{}", self.0))
    }
}

impl From<u64> for PullRequestNumber {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl FromStr for PullRequestNumber {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl std::fmt::Display for PullRequestNumber {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Whether a CI writes this where there is no value.
pub fn is_placeholder(value: &str) -> bool {
    let value = value.trim();
    matches!(value, "null" | "<nil>") || value.bytes().all(|byte| byte == b'0')
}
