//! Texts of which parts are known only when a command runs.

use std::collections::BTreeMap;
use std::fmt;

/// A longer value is unknown: no path or reference is longer.
const MAX_BYTES: usize = 4096;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Text(String),
    /// What it comes from, as somebody wrote it: `$1`.
    Unknown(String),
    Folder(Folder),
}

/// A folder that has no name of its own in a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Folder {
    /// The one in which the script is started.
    Start,
    /// The root of the repository.
    Root,
    /// The one that holds the script.
    Own,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Value(Vec<Part>);

impl Value {
    pub(super) fn text(text: &str) -> Self {
        let mut value = Self::default();
        value.push(Part::Text(text.to_owned()));
        value
    }

    pub(super) fn unknown(from: impl Into<String>) -> Self {
        Self(vec![Part::Unknown(from.into())])
    }

    pub(super) fn folder(folder: Folder) -> Self {
        Self(vec![Part::Folder(folder)])
    }

    pub(super) fn push(&mut self, part: Part) {
        match (self.0.last_mut(), part) {
            (_, Part::Text(text)) if text.is_empty() => {}
            (Some(Part::Text(before)), Part::Text(text)) => before.push_str(&text),
            (_, part) => self.0.push(part),
        }
    }

    /// Appends `other`; what gets too long is unknown from then on.
    pub(super) fn extend(&mut self, other: &Self) {
        for part in &other.0 {
            self.push(part.clone());
        }
        if self.bytes() > MAX_BYTES {
            *self = Self::unknown("…");
        }
    }

    fn bytes(&self) -> usize {
        let length = |part: &Part| match part {
            Part::Text(text) | Part::Unknown(text) => text.len() + 1,
            Part::Folder(_) => 1,
        };
        self.0.iter().map(length).sum()
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text, where all of it is known.
    pub(super) fn as_text(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// What the text begins with, as far as it is known.
    pub(super) fn known_start(&self) -> &str {
        match self.0.first() {
            Some(Part::Text(text)) => text,
            _ => "",
        }
    }

    /// Whether something unknown is in it.
    pub(super) fn has_unknown(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Unknown(_)))
    }

    /// The value without the first `bytes` of its known start.
    pub(super) fn without_start(&self, bytes: usize) -> Self {
        let mut value = Self::text(&self.known_start()[bytes..]);
        self.0.iter().skip(1).for_each(|part| value.push(part.clone()));
        value
    }

    /// `NAME` and the value of `NAME=value`, where the name is known.
    pub(super) fn split_at_equals(&self) -> Option<(String, Self)> {
        let (name, _) = self.known_start().split_once('=')?;
        Some((name.to_owned(), self.without_start(name.len() + 1)))
    }

    /// The fields that the shell makes of it: what is between spaces of its texts.
    pub(super) fn split_at_spaces(&self) -> Vec<Self> {
        let mut fields = vec![Self::default()];
        for part in &self.0 {
            let Part::Text(text) = part else {
                fields.last_mut().expect("never empty").push(part.clone());
                continue;
            };
            for (number, field) in text.split([' ', '\t', '\n']).enumerate() {
                if number > 0 {
                    fields.push(Self::default());
                }
                fields.last_mut().expect("never empty").push(Part::Text(field.to_owned()));
            }
        }
        fields.retain(|field| !field.is_empty());
        fields
    }

    /// What `dirname` says of it.
    pub(super) fn parent(&self) -> Self {
        let mut parts = self.0.clone();
        if let Some(Part::Text(text)) = parts.last_mut() {
            text.truncate(text.trim_end_matches('/').len());
        }
        while let Some(last) = parts.pop() {
            if let Part::Text(text) = &last
                && let Some(slash) = text.rfind('/')
            {
                let kept = text[..slash].trim_end_matches('/').to_owned();
                parts.push(Part::Text(kept));
                return parts.into_iter().collect();
            }
            if let Part::Folder(_) = last {
                return Self::unknown(self.to_string());
            }
        }
        // A value that is unknown as a whole can have folders in it.
        if let [Part::Unknown(from)] = self.0.as_slice() {
            return Self::unknown(format!("folder of {from}"));
        }
        Self::text(".")
    }

    /// What `basename` says of it.
    pub(super) fn file_name(&self) -> Self {
        if let [Part::Unknown(from)] = self.0.as_slice() {
            return Self::unknown(format!("name of {from}"));
        }
        let mut name = Vec::new();
        for part in self.0.iter().rev() {
            match part {
                Part::Text(text) if name.is_empty() && text.trim_end_matches('/').is_empty() => {}
                Part::Text(text) => {
                    let text = if name.is_empty() { text.trim_end_matches('/') } else { text };
                    name.push(Part::Text(text.rsplit('/').next().unwrap_or_default().to_owned()));
                    if text.contains('/') {
                        break;
                    }
                }
                part => name.push(part.clone()),
            }
        }
        name.into_iter().rev().collect()
    }

    /// The path that it names, seen from `directory`, which is anchored.
    pub(super) fn seen_from(&self, directory: &Self) -> Self {
        let is_absolute = matches!(self.0.first(), Some(Part::Folder(_)))
            || self.known_start().starts_with(['/', '~'])
            || self.known_start().contains("://");
        if is_absolute {
            return self.clone();
        }
        let mut path = directory.clone();
        path.push(Part::Text("/".to_owned()));
        path.extend(self);
        path
    }

    /// The text of a script that stands for it.
    pub(super) fn to_script(&self) -> String {
        let script = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Unknown(from) if from.starts_with("${{") => from.clone(),
            Part::Unknown(from) => format!("${{{{ {from} }}}}"),
            Part::Folder(Folder::Start) => ".".to_owned(),
            Part::Folder(Folder::Root) => "${{ github.workspace }}".to_owned(),
            Part::Folder(Folder::Own) => "${{ CURDIR }}".to_owned(),
        };
        self.0.iter().map(script).collect()
    }

    /// The value with `bindings` in place of what was unknown.
    pub(super) fn bound(&self, bindings: &BTreeMap<String, String>) -> Self {
        let mut value = Self::default();
        for part in &self.0 {
            value.push(match part {
                Part::Unknown(from) if bindings.contains_key(from) => Part::Text(bindings[from].clone()),
                part => part.clone(),
            });
        }
        value
    }
}

impl FromIterator<Part> for Value {
    fn from_iter<I: IntoIterator<Item = Part>>(parts: I) -> Self {
        let mut value = Self::default();
        parts.into_iter().for_each(|part| value.push(part));
        value
    }
}

/// As somebody wrote it.
impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.0 {
            match part {
                Part::Text(text) | Part::Unknown(text) => formatter.write_str(text)?,
                Part::Folder(_) => formatter.write_str(".")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{text, unknown, value};
    use super::*;

    #[test]
    fn a_folder_and_a_name_are_those_of_dirname_and_basename() {
        for (path, folder, name) in [
            (value(&[text("a/b/c")]), "a/b", "c"),
            (value(&[text("a/b/")]), "a", "b"),
            (value(&[text("a")]), ".", "a"),
            (value(&[text("a/"), unknown("$x"), text("/Dockerfile")]), "a/$x", "Dockerfile"),
            (value(&[text("a/x-"), unknown("$x")]), "a", "x-$x"),
            (value(&[unknown("$x"), text(".y")]), ".", "$x.y"),
            (value(&[Part::Folder(Folder::Own), text("/build.sh")]), ".", "build.sh"),
            (value(&[unknown("$x")]), "folder of $x", "name of $x"),
        ] {
            assert_eq!(path.parent().to_string(), folder, "{path}");
            assert_eq!(path.file_name().to_string(), name, "{path}");
        }
    }
}
