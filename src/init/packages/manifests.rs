//! Manifests as trees of values, and the globs by which a workspace names its packages.

use serde_json::Value;
use toml::de::{DeTable, DeValue};

use super::NarrowError;
use super::files::Files;
use crate::infer::CopiedPath;
use crate::model::{RepoPath, printable};
use crate::patterns::Pattern;

/// More globs than this name no packages that people have.
const MAX_GLOBS: usize = 200;

/// Reads a TOML file that has to be there.
pub(super) fn toml(files: &Files<'_>, path: &RepoPath) -> Result<Value, NarrowError> {
    let text = files.manifest(path)?;
    let table = DeTable::parse(&text).map_err(|error| unreadable(path, error.message()))?;
    Ok(value_of_table(table.get_ref()))
}

/// Reads a JSON file that has to be there.
pub(super) fn json(files: &Files<'_>, path: &RepoPath) -> Result<Value, NarrowError> {
    serde_json::from_str(&files.manifest(path)?).map_err(|error| unreadable(path, &error.to_string()))
}

pub(super) fn unreadable(path: &RepoPath, why: &str) -> NarrowError {
    NarrowError::uncertain(format!("`{path}` can't be read: {}", printable(why)))
}

/// Dates and numbers mean nothing here. The parser bounds how deep tables are nested.
fn value_of(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Boolean(is_true) => Value::Bool(*is_true),
        DeValue::Array(values) => values.iter().map(|value| value_of(value.get_ref())).collect(),
        DeValue::Table(table) => value_of_table(table),
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Datetime(_) => Value::Null,
    }
}

fn value_of_table(table: &DeTable<'_>) -> Value {
    table.iter().map(|(key, value)| (key.get_ref().to_string(), value_of(value.get_ref()))).collect()
}

/// The texts of a list; `None` where it is none, or has something else in it.
pub(super) fn texts(list: &Value) -> Option<Vec<&str>> {
    list.as_array()?.iter().map(Value::as_str).collect()
}

/// The members of a table; none where it is none.
pub(super) fn members(table: &Value) -> impl Iterator<Item = (&str, &Value)> {
    table.as_object().into_iter().flatten().map(|(key, value)| (key.as_str(), value))
}

/// A glob of folders below the workspace's root.
#[derive(Clone, Debug)]
pub(super) struct MemberGlob {
    root: RepoPath,
    /// Of what stands before a path in one of its folders: empty, or with a `/` at its end.
    folders: String,
    /// Of a file called `x` in these folders.
    pattern: Pattern,
}

impl MemberGlob {
    /// The globs of a list.
    ///
    /// # Errors
    /// [`NarrowError::Uncertain`] for a form that tools understand and lines of pattern files don't, and for a list that nobody
    /// writes.
    pub(super) fn all<'w>(
        root: &RepoPath,
        written: impl IntoIterator<Item = &'w str>,
    ) -> Result<Vec<Self>, NarrowError> {
        let globs: Vec<Self> =
            { written.into_iter() }.map(|glob| Self::new(root, glob)).collect::<Result<_, _>>()?;
        if globs.len() > MAX_GLOBS {
            return Err(NarrowError::uncertain(format!(
                "it names its packages by more than {MAX_GLOBS} globs"
            )));
        }
        Ok(globs)
    }

    fn new(root: &RepoPath, written: &str) -> Result<Self, NarrowError> {
        let glob = written.trim_start_matches("./").trim_end_matches('/');
        let is_strange = |part: &str| matches!(part, "" | "." | "..");
        let is_root = matches!(glob, "" | ".");
        let is_known =
            is_root || !(glob.split('/').any(is_strange) || glob.contains(['(', ')', '\\', '!', '#', '^']));
        let folders = if is_root { String::new() } else { format!("{glob}/") };
        // A file of any name: so `a/**` means the folder `a` as well.
        match Pattern::of_glob(root, &format!("{folders}x")) {
            Ok(pattern) if is_known => Ok(Self { root: root.clone(), folders, pattern }),
            _ => {
                let why = format!("nobody knows which folders `{}` means", printable(written));
                Err(NarrowError::uncertain(why))
            }
        }
    }

    /// Whether it can mean several folders.
    pub(super) fn is_wild(&self) -> bool {
        self.folders.contains(['*', '?', '[', '{'])
    }

    pub(super) fn matches(&self, folder: &RepoPath) -> bool {
        self.pattern.matches(&folder.join_component(b"x"))
    }

    /// What is at `path` in each of its folders; `path` may be a glob as well.
    pub(super) fn below(&self, path: &str) -> CopiedPath {
        CopiedPath::Glob { folder: self.root.clone(), glob: format!("{}{path}", self.folders) }
    }
}
