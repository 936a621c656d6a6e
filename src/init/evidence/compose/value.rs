//! Values of Compose files, their variables replaced, and how those of a later file are merged with those of an earlier one.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::interpolation::Text;
use crate::init::evidence::SourceLocation;
use crate::model::RepoPath;

/// A file that values come from.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SourceFile {
    pub(super) path: RepoPath,
    /// What its relative paths are relative to.
    pub(super) folder: RepoPath,
}

/// Where a value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) file: Rc<SourceFile>,
    pub(super) line: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) at: Origin,
    /// `!override`: what earlier files say is not merged with it.
    pub(super) replaces: bool,
    pub(super) kind: Kind,
}

pub(super) type Map = BTreeMap<String, Value>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `!reset`: as if no earlier file said anything.
    Reset,
    Null,
    /// A name without a value, which the environment gives.
    Inherited,
    Text(Text),
    /// A text whose value is the default of a variable that no file sets.
    Default {
        text: Text,
        variable: String,
    },
    List(Vec<Value>),
    Map(Map),
}

impl Origin {
    pub(super) fn location(&self) -> SourceLocation {
        SourceLocation::new(&self.file.path, self.line)
    }
}

impl Value {
    pub(super) fn new(at: Origin, kind: Kind) -> Self {
        Self { at, replaces: false, kind }
    }

    /// What `later` says, and what this says where that says nothing.
    pub(super) fn merged_with(self, later: Self) -> Self {
        if later.replaces {
            return later;
        }
        match (self.kind, later.kind) {
            (kind @ (Kind::Text(_) | Kind::Default { .. } | Kind::List(_) | Kind::Map(_)), Kind::Null) => {
                Self { kind, ..self }
            }
            (Kind::Map(mut map), Kind::Map(more)) => {
                merge(&mut map, more);
                Self { kind: Kind::Map(map), ..self }
            }
            (Kind::List(mut list), Kind::List(more)) => {
                list.extend(more);
                Self { kind: Kind::List(list), ..self }
            }
            (_, kind) => Self { kind, ..later },
        }
    }

    /// The member of a map, if it has that and it isn't null.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let Kind::Map(map) = &self.kind else { return None };
        map.get(key).filter(|value| !matches!(value.kind, Kind::Null | Kind::Reset))
    }

    /// The members of a map that earlier files have or this one adds.
    pub(super) fn members(&self) -> impl Iterator<Item = (&str, &Self)> {
        let map = if let Kind::Map(map) = &self.kind { Some(map) } else { None };
        let members = map.into_iter().flatten().map(|(name, value)| (name.as_str(), value));
        members.filter(|(_, value)| value.kind != Kind::Reset)
    }

    pub(super) fn list(&self) -> &[Self] {
        if let Kind::List(list) = &self.kind { list } else { &[] }
    }

    pub(super) fn text(&self) -> Option<&Text> {
        if let Kind::Text(text) | Kind::Default { text, .. } = &self.kind { Some(text) } else { None }
    }

    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>()
            + match &self.kind {
                Kind::Reset | Kind::Null | Kind::Inherited => 0,
                Kind::Text(text) => text.bytes(),
                Kind::Default { text, variable } => text.bytes() + variable.len(),
                Kind::List(list) => list.iter().map(Self::bytes).sum(),
                Kind::Map(map) => map.iter().map(|(name, value)| name.len() + value.bytes()).sum(),
            }
    }
}

/// Merges the members of a later map with those of an earlier one.
pub(super) fn merge(map: &mut Map, later: Map) {
    for (name, value) in later {
        let merged = match map.remove(&name) {
            Some(earlier) => earlier.merged_with(value),
            None => value,
        };
        map.insert(name, merged);
    }
}
