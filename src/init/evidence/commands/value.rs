//! Texts of which parts are known only when a command runs, and the paths that they are.

use std::collections::BTreeMap;
use std::fmt;

use crate::model::RepoPath;

/// A longer value is unknown: no path or reference is longer.
const MAX_BYTES: usize = 4096;

/// Where repositories are checked out in the containers of some CIs.
const CHECKOUTS: &[&str] = &["/workspace", "/github/workspace", "/drone/src", "~/project", "~/repo"];

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
                let mut value = Self::default();
                parts.into_iter().for_each(|part| value.push(part));
                return value;
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
        let mut value = Self::default();
        name.into_iter().rev().for_each(|part| value.push(part));
        value
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

/// A path below the root of the repository of which components can be unknown, none of them `.` or `..`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PathPattern {
    components: Vec<Value>,
    /// Whether somebody wrote a part of it, beside variables and the folder that it is seen from.
    pub(super) is_written: bool,
}

impl PathPattern {
    /// What an anchored value names, for a script of the folder `own` that is started in `start`.
    ///
    /// `None` where that is outside of the repository.
    pub(super) fn new(path: &Value, start: &RepoPath, own: &RepoPath) -> Option<Self> {
        let (folder, rest) = match path.parts().first() {
            Some(Part::Folder(Folder::Start)) => (start.clone(), 1),
            Some(Part::Folder(Folder::Own)) => (own.clone(), 1),
            Some(Part::Folder(Folder::Root)) => (RepoPath::default(), 1),
            _ => (RepoPath::default(), 0),
        };
        let mut components: Vec<Value> =
            folder.components().map(|name| Value::text(&String::from_utf8_lossy(name))).collect();
        let mut rest = Value(path.parts()[rest..].to_vec());
        if rest.parts().len() == path.parts().len() {
            rest = without_checkout(&rest)?;
        }
        let mut open = Value::default();
        for part in rest.parts() {
            let Part::Text(text) = part else {
                open.push(part.clone());
                continue;
            };
            for (number, name) in text.split('/').enumerate() {
                if number > 0 {
                    Self::add(&mut components, std::mem::take(&mut open))?;
                }
                open.push(Part::Text(name.to_owned()));
            }
        }
        Self::add(&mut components, open)?;
        let is_text =
            |part: &Part| matches!(part, Part::Text(text) if !text.trim_matches(['/', '.']).is_empty());
        let is_written = rest.parts().iter().any(is_text);
        let is_inside =
            |component: &Value| component.parts().iter().all(|part| !matches!(part, Part::Folder(_)));
        components.iter().all(is_inside).then_some(Self { components, is_written })
    }

    fn add(components: &mut Vec<Value>, component: Value) -> Option<()> {
        match component.as_text() {
            Some("" | ".") => {}
            Some("..") => {
                components.pop()?;
            }
            _ => components.push(component),
        }
        Some(())
    }

    pub(super) fn joined(&self, name: &str) -> Self {
        let mut components = self.components.clone();
        components.push(Value::text(name));
        Self { components, is_written: self.is_written }
    }

    pub(super) fn bound(&self, bindings: &BTreeMap<String, String>) -> Self {
        let components = self.components.iter().map(|component| component.bound(bindings)).collect();
        Self { components, is_written: self.is_written }
    }

    /// The path, where all of it is known.
    pub(super) fn known(&self) -> Option<RepoPath> {
        let names: Option<Vec<&str>> = self.components.iter().map(Value::as_text).collect();
        RepoPath::new(names?.join("/")).ok()
    }

    /// What is unknown in it, each once.
    pub(super) fn unknown(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for part in self.components.iter().flat_map(Value::parts) {
            if let Part::Unknown(from) = part
                && !names.contains(&from.as_str())
            {
                names.push(from);
            }
        }
        names
    }

    /// Whether it is one unknown alone.
    pub(super) fn is_unknown(&self) -> bool {
        matches!(self.components.as_slice(), [component] if matches!(component.parts(), [Part::Unknown(_)]))
    }

    pub(super) fn depth(&self) -> usize {
        self.components.len()
    }

    /// What its one unknown stands for where it is `path`; a text without `/`.
    pub(super) fn binding(&self, path: &RepoPath) -> Option<BTreeMap<String, String>> {
        let names: Vec<&[u8]> = path.components().collect();
        if names.len() != self.components.len() {
            return None;
        }
        let mut bindings = BTreeMap::new();
        for (component, name) in self.components.iter().zip(names) {
            let name = std::str::from_utf8(name).ok()?;
            bind(component.bound(&bindings).parts(), name, &mut bindings)?;
        }
        Some(bindings)
    }
}

/// Binds the unknown of one component; `None` where `name` does not fit, or where a second one would be unknown.
fn bind(parts: &[Part], name: &str, bindings: &mut BTreeMap<String, String>) -> Option<()> {
    let (from, before, after) = match parts {
        [Part::Text(text)] => return (text == name).then_some(()),
        [Part::Unknown(from)] => (from, "", ""),
        [Part::Text(before), Part::Unknown(from)] => (from, before.as_str(), ""),
        [Part::Unknown(from), Part::Text(after)] => (from, "", after.as_str()),
        [Part::Text(before), Part::Unknown(from), Part::Text(after)] => {
            (from, before.as_str(), after.as_str())
        }
        _ => return None,
    };
    let bound = name.strip_prefix(before)?.strip_suffix(after)?;
    if bound.is_empty() || !bindings.is_empty() {
        return None;
    }
    bindings.insert(from.clone(), bound.to_owned());
    Some(())
}

/// The value without the folder of a checkout that it begins with; `None` for another absolute path.
fn without_checkout(path: &Value) -> Option<Value> {
    let start = path.known_start();
    if !start.starts_with(['/', '~']) {
        return (!start.contains("://")).then(|| path.clone());
    }
    let below = |folder: &&&str| {
        start.strip_prefix(**folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let folder = CHECKOUTS.iter().find(below)?;
    Some(path.without_start(folder.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(parts: &[Part]) -> Value {
        let mut value = Value::default();
        parts.iter().for_each(|part| value.push(part.clone()));
        value
    }

    fn text(text: &str) -> Part {
        Part::Text(text.to_owned())
    }

    fn unknown(from: &str) -> Part {
        Part::Unknown(from.to_owned())
    }

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

    #[test]
    fn what_one_variable_stands_for_is_found_and_it_stands_for_the_same_everywhere() {
        let path = |text: &str| RepoPath::new(text).unwrap();
        let root = RepoPath::default();
        let pattern = |parts: &[Part]| PathPattern::new(&value(parts), &root, &root).unwrap();
        for (parts, file, bound) in [
            (vec![text("a/"), unknown("$x"), text("/Dockerfile")], "a/api/Dockerfile", Some("api")),
            (vec![text("a/"), unknown("$x"), text("/Dockerfile")], "a/b/api/Dockerfile", None),
            (vec![text("a/Dockerfile."), unknown("$x")], "a/Dockerfile.api", Some("api")),
            (vec![text("a/Dockerfile."), unknown("$x")], "a/Dockerfile.", None),
            (vec![unknown("$x"), text("/Dockerfile."), unknown("$x")], "api/Dockerfile.api", Some("api")),
            (vec![unknown("$x"), text("/Dockerfile."), unknown("$x")], "api/Dockerfile.web", None),
            (vec![unknown("$x"), text("/"), unknown("$y")], "api/Dockerfile", None),
        ] {
            let binding = pattern(&parts).binding(&path(file));

            assert_eq!(binding.and_then(|bound| bound.get("$x").cloned()).as_deref(), bound, "{file}");
        }
    }

    #[test]
    fn a_path_that_leaves_the_repository_is_none() {
        let (start, own) = (RepoPath::new("ops").unwrap(), RepoPath::new("ops/ci").unwrap());
        for (parts, expected) in [
            (vec![Part::Folder(Folder::Start), text("/x/../y")], Some("ops/y")),
            (vec![Part::Folder(Folder::Start), text("/../../y")], None),
            (vec![Part::Folder(Folder::Own), text("/y")], Some("ops/ci/y")),
            (vec![Part::Folder(Folder::Root)], Some(".")),
            (vec![text("/workspace/y")], Some("y")),
            (vec![text("/workspaces/y")], None),
            (vec![text("/etc")], None),
            (vec![text("https://git.example/x.git")], None),
            (vec![Part::Folder(Folder::Root), unknown("$x"), text("/..")], Some(".")),
        ] {
            let path = PathPattern::new(&value(&parts), &start, &own).and_then(|path| path.known());

            assert_eq!(path.map(|path| path.to_string()).as_deref(), expected, "{parts:?}");
        }
    }
}
