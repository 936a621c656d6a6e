//! `[environments.*]`: which commits may be deployed where, and with which account, region and role.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::ci;
use super::fields::Item;
use super::lists;
use super::overrides::{self, Deploy};
use super::registry::RegistryConfig;
use crate::model::AttestationKind;

pub(super) const KEYS: &[&str] = &[
    "branch",
    "tag",
    "account",
    "region",
    "host",
    "endpoint",
    "profile",
    "role_arn",
    "external_id",
    "prefix",
    "approval",
    "contexts",
    "require",
];

/// Which commits may be deployed to an environment, and where its images are promoted to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentConfig {
    pub rule: EnvironmentRule,
    /// `[deploy]` with what the environment says over it; `None` where there is no `[deploy]`.
    pub registry: Option<RegistryConfig>,
    /// Whether a generated pipeline waits for a person before it deploys there.
    pub approval: bool,
    /// Contexts of CircleCI that the job which deploys there gets besides those of `[ci]`.
    pub contexts: Vec<String>,
    /// What an image must have so that it is deployed there.
    pub require: BTreeSet<AttestationKind>,
}

/// Which commits may be deployed to an environment: those that either pattern allows. One is there at least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentRule {
    /// Of the environment's table, from 1.
    pub line: usize,
    pub branch: Option<RefPattern>,
    pub tag: Option<RefPattern>,
}

/// The name of an environment, the end of its deploy tag.
///
/// 1 to 63 of `a-z A-Z 0-9 . _ -`, the first a letter or a digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvironmentName(String);

impl EnvironmentName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EnvironmentName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A text that is not an environment's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not an environment name: up to 63 letters, digits, `.`, `_` and `-`, the first a letter or a digit"
)]
pub struct InvalidEnvironmentName(String);

impl FromStr for EnvironmentName {
    type Err = InvalidEnvironmentName;

    fn from_str(text: &str) -> Result<Self, InvalidEnvironmentName> {
        let is_name = text.len() <= 63
            && text.starts_with(|first: char| first.is_ascii_alphanumeric())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        if is_name { Ok(Self(text.to_owned())) } else { Err(InvalidEnvironmentName(text.to_owned())) }
    }
}

/// A glob over names of branches or tags; `*` and `?` stop at `/`, `**` does not.
#[derive(Clone)]
pub struct RefPattern {
    text: String,
    matcher: GlobSet,
}

/// The longest pattern, in bytes.
const LONGEST_PATTERN: usize = 255;

/// A text that is not a pattern for branches or tags.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRefPattern {
    #[error("a branch, a tag or a pattern of at most {LONGEST_PATTERN} bytes is expected")]
    Length,
    #[error("bad glob: {0}")]
    Glob(String),
}

impl RefPattern {
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the name of a branch or a tag, without `refs/…/`, is one of those meant.
    pub fn matches(&self, name: &str) -> bool {
        self.matcher.is_match(name)
    }
}

impl FromStr for RefPattern {
    type Err = InvalidRefPattern;

    fn from_str(text: &str) -> Result<Self, InvalidRefPattern> {
        if !(1..=LONGEST_PATTERN).contains(&text.len()) {
            return Err(InvalidRefPattern::Length);
        }
        let bad_glob = |error: globset::Error| InvalidRefPattern::Glob(error.kind().to_string());
        let glob = GlobBuilder::new(text)
            .literal_separator(true)
            .backslash_escape(true)
            .build()
            .map_err(bad_glob)?;
        // A set of one: compiling a lone glob panics where it is too large.
        let matcher = GlobSetBuilder::new().add(glob).build().map_err(bad_glob)?;
        Ok(Self { text: text.to_owned(), matcher })
    }
}

impl PartialEq for RefPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for RefPattern {}

impl fmt::Debug for RefPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RefPattern({:?})", self.text)
    }
}

pub(super) fn read(item: Item<'_>, deploy: Deploy<'_>) -> Option<(EnvironmentName, EnvironmentConfig)> {
    let name = item.key().parse().map_err(|error: InvalidEnvironmentName| item.wrong(error)).ok();
    let fields = item.fields(KEYS)?;
    let [branch, tag] = ["branch", "tag"].map(|key| fields.item(key));
    if branch.is_none() && tag.is_none() {
        fields.wrong("a `branch` or a `tag` is missing: no commit could ever be deployed there", None);
    }
    let [branch, tag] = [branch, tag].map(|item| item.and_then(|item| item.parse()));
    let registry = overrides::read(&fields, deploy);
    let approval = fields.item("approval").and_then(|item| item.flag()).unwrap_or(false);
    let require = fields.item("require").map(|item| lists::sorted_once(item, Item::parse));
    let require = require.unwrap_or_default().into_iter().collect();
    let rule = EnvironmentRule { line: item.line(), branch, tag };
    let contexts = fields.item("contexts").map(|item| ci::plain_names(&item)).unwrap_or_default();
    Some((name?, EnvironmentConfig { rule, registry, approval, contexts, require }))
}
