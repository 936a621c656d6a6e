//! Paths of which components are known only when a command runs.

use std::collections::BTreeMap;

use super::value::{Folder, Part, Value};
use crate::model::RepoPath;

/// Where repositories are checked out in the containers of some CIs.
const CHECKOUTS: &[&str] = &["/workspace", "/github/workspace", "/drone/src", "~/project", "~/repo"];

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
        let mut rest = path.parts()[rest..].iter().cloned().collect::<Value>();
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

    /// The folder that is known, above all that is not.
    pub(super) fn known_folder(&self) -> Option<RepoPath> {
        let names: Vec<&str> = self.components.iter().map_while(Value::as_text).collect();
        RepoPath::new(names.join("/")).ok()
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
        let mut names = path.components();
        let mut bindings = BTreeMap::new();
        for component in &self.components {
            let name = names.next()?;
            match component.as_text() {
                Some(text) if text.as_bytes() == name => {}
                Some(_) => return None,
                None => {
                    let name = std::str::from_utf8(name).ok()?;
                    bind(component.bound(&bindings).parts(), name, &mut bindings)?;
                }
            }
        }
        if names.next().is_some() {
            return None;
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
    use super::super::tests::{text, unknown, value};
    use super::*;

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
