//! Documents of IAM: statements that belong together are one, and a document that would be too long for IAM is
//! made shorter, and then split.

use std::collections::BTreeMap;

use serde::Serialize;

/// What a managed policy may have, in characters other than white space ("IAM and AWS STS quotas", IAM User Guide).
pub(super) const MAX_MANAGED_CHARACTERS: usize = 6_144;

/// As many resources of one statement are listed in a document that is too long.
const MAX_LISTED: usize = 4;

/// A policy of IAM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyDocument {
    version: &'static str,
    statement: Vec<Statement>,
}

/// What is allowed, or denied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Statement {
    pub(super) sid: String,
    pub(super) effect: Effect,
    /// Whom a trust policy is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) principal: Option<BTreeMap<&'static str, String>>,
    pub(super) action: OneOrMore,
    #[serde(skip_serializing_if = "OneOrMore::is_empty")]
    pub(super) resource: OneOrMore,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) condition: Conditions,
}

/// By operator and key.
pub(super) type Conditions = BTreeMap<&'static str, BTreeMap<&'static str, String>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) enum Effect {
    Allow,
    Deny,
}

/// Each once, in the order of its insertion. IAM takes one of them without an array.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OneOrMore(pub(super) Vec<String>);

impl OneOrMore {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn sorted(texts: impl IntoIterator<Item = String>) -> Self {
        let mut texts: Vec<String> = texts.into_iter().collect();
        texts.sort();
        texts.dedup();
        Self(texts)
    }

    fn add(&mut self, other: Self) {
        *self = Self::sorted(std::mem::take(&mut self.0).into_iter().chain(other.0));
    }
}

impl Serialize for OneOrMore {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0[..] {
            [one] => one.serialize(serializer),
            several => several.serialize(serializer),
        }
    }
}

/// What became of statements that are more than fit into one document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shortened {
    /// Resources with names of their own were replaced by patterns that have more.
    pub(super) is_widened: bool,
}

impl PolicyDocument {
    pub(super) fn new(statement: Vec<Statement>) -> Self {
        Self { version: "2012-10-17", statement }
    }

    /// As IAM counts them: without white space.
    pub fn characters(&self) -> usize {
        let text = serde_json::to_string(self).expect("a document of texts is JSON");
        text.chars().filter(|character| !character.is_whitespace()).count()
    }
}

/// The documents that say all of this: one, unless that is longer than a managed policy may be.
pub(super) fn documents(statements: Vec<Statement>) -> (Vec<PolicyDocument>, Shortened) {
    let mut merged = merge(statements);
    let mut shortened = Shortened::default();
    if is_too_long(&merged) {
        for statement in &mut merged {
            let widened = widened(&statement.resource.0);
            shortened.is_widened |= widened != statement.resource.0;
            statement.resource = OneOrMore(widened);
        }
        merged = merge(merged);
    }
    let mut parts: Vec<Vec<Statement>> = vec![Vec::new()];
    for statement in merged {
        let last = parts.last_mut().expect("there is one at least");
        last.push(statement);
        if last.len() > 1 && is_too_long(last) {
            let statement = last.pop().expect("it was pushed");
            parts.push(vec![statement]);
        }
    }
    (parts.into_iter().map(PolicyDocument::new).collect(), shortened)
}

fn is_too_long(statements: &[Statement]) -> bool {
    PolicyDocument::new(statements.to_vec()).characters() > MAX_MANAGED_CHARACTERS
}

/// First the actions on the same resources are put together, then the resources of the same actions.
fn merge(statements: Vec<Statement>) -> Vec<Statement> {
    let by_resource = fold(statements, |one, other| one.resource == other.resource, |it| &mut it.action);
    let mut merged = fold(by_resource, |one, other| one.action == other.action, |it| &mut it.resource);
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for statement in &mut merged {
        without_covered(&mut statement.resource.0);
        // Merged once already, it has a number.
        let sid = statement.sid.trim_end_matches(|digit: char| digit.is_ascii_digit()).to_owned();
        let number = seen.entry(sid.clone()).or_default();
        *number += 1;
        statement.sid = if *number == 1 { sid } else { format!("{sid}{number}") };
    }
    merged
}

/// A resource that a pattern of the same statement has is not named besides.
fn without_covered(resources: &mut Vec<String>) {
    let patterns: Vec<String> = resources.iter().filter(|it| it.ends_with('*')).cloned().collect();
    let is_covered = |resource: &String| {
        let covers =
            |pattern: &String| pattern != resource && resource.starts_with(pattern.trim_end_matches('*'));
        patterns.iter().any(covers)
    };
    resources.retain(|resource| !is_covered(resource));
}

fn fold(
    statements: Vec<Statement>,
    fits: impl Fn(&Statement, &Statement) -> bool,
    part: impl Fn(&mut Statement) -> &mut OneOrMore,
) -> Vec<Statement> {
    let sid = |statement: &Statement| {
        statement.sid.trim_end_matches(|digit: char| digit.is_ascii_digit()).to_owned()
    };
    let mut folded: Vec<Statement> = Vec::new();
    for mut statement in statements {
        let known = folded.iter_mut().find(|known| {
            known.effect == statement.effect
                && sid(known) == sid(&statement)
                && known.condition == statement.condition
                && fits(known, &statement)
        });
        match known {
            Some(known) => part(known).add(std::mem::take(part(&mut statement))),
            None => folded.push(statement),
        }
    }
    folded
}

/// In place of many resources of one kind, one pattern: what their names begin with.
fn widened(resources: &[String]) -> Vec<String> {
    let mut kinds: BTreeMap<&str, Vec<&String>> = BTreeMap::new();
    for resource in resources {
        kinds.entry(kind_of(resource)).or_default().push(resource);
    }
    let widen = |(_, resources): (&str, Vec<&String>)| match &resources[..] {
        [first, ..] if resources.len() > MAX_LISTED => vec![format!("{}*", common_start(first, &resources))],
        _ => resources.into_iter().cloned().collect(),
    };
    kinds.into_iter().flat_map(widen).collect()
}

/// All of an ARN before the last part of its name; the name may have a part behind it that stands for anything.
fn kind_of(resource: &str) -> &str {
    let name = resource.trim_end_matches(['*', '?']).trim_end_matches(['/', ':', '-']);
    name.rfind(['/', ':']).map_or("", |end| &name[..=end])
}

fn common_start<'r>(first: &'r str, others: &[&String]) -> &'r str {
    let shared = |other: &&String| first.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let mut length = others.iter().map(shared).min().unwrap_or(first.len());
    while !first.is_char_boundary(length) {
        length -= 1;
    }
    first[..length].trim_end_matches('*')
}
