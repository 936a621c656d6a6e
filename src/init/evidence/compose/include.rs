//! `include`, and the environment files that it and projects have.

use std::collections::{BTreeMap, HashMap};

use super::dotenv;
use super::interpolation::{Environment, Text};
use super::loader::{Loaded, Loader, Model, Unit};
use super::value::{Kind, Map, Value};
use crate::git::GitError;
use crate::init::evidence::{Ignored, SourceLocation, resolve};
use crate::model::RepoPath;

/// Files that include files.
const MAX_LEVELS: usize = 32;

const ENVIRONMENT_FILE: &[u8] = b".env";

impl Loader<'_> {
    /// What an element of `include` stands for; nothing where that can't be read.
    pub(super) fn included(
        &mut self,
        include: &Value,
        unit: &Unit,
        including: &mut Vec<RepoPath>,
        loaded: &mut Loaded,
    ) -> Result<Model, GitError> {
        let at = include.at.location();
        let ignore = |loaded: &mut Loaded, why: String| {
            let why = format!("nothing is included: {why}");
            loaded.notes.push(Ignored { at: include.at.location(), why });
            Ok(Model::default())
        };
        let listed = |key: &str| include.get(key).map(texts).unwrap_or_default();
        let paths = if include.text().is_some() { vec![include.text()] } else { listed("path") };
        let files = match paths.into_iter().map(|path| file(path, &unit.folder)).collect() {
            Ok(files) => files,
            Err(why) => return ignore(loaded, why),
        };
        let files: Vec<RepoPath> = files;
        let Some(first) = files.first() else {
            return ignore(loaded, "no file is named".to_owned());
        };
        loaded.included.extend(files.iter().cloned());
        if including.contains(first) {
            return ignore(loaded, format!("`{first}` includes itself"));
        }
        if including.len() == MAX_LEVELS {
            return ignore(loaded, format!("it is nested more than {MAX_LEVELS} deep"));
        }
        let folder = match include.get("project_directory") {
            None => Ok(first.parent().unwrap_or_default()),
            Some(folder) => file(folder.text(), &unit.folder),
        };
        let folder = match folder {
            Ok(folder) => folder,
            Err(why) => return ignore(loaded, format!("`project_directory`: {why}")),
        };
        let mut environment_files = Vec::new();
        for path in listed("env_file") {
            match file(path, &unit.folder) {
                Ok(path) => environment_files.push(path),
                Err(why) => {
                    let why = format!("`env_file` is not read: {why}");
                    loaded.notes.push(Ignored { at: at.clone(), why });
                }
            }
        }
        let default = folder.join_component(ENVIRONMENT_FILE);
        if include.get("env_file").is_none() && self.snapshot.entry(&default)?.is_some() {
            environment_files.push(default);
        }
        let environment = self.environment(&environment_files, &unit.environment, at, &mut loaded.notes)?;
        let mut there = Unit { folder, environment, extended: HashMap::new() };
        self.unit(&files, Some(&include.at), &mut there, including, loaded)
    }

    /// `outer` with what these files set besides; `at` is where they are named.
    fn environment(
        &mut self,
        files: &[RepoPath],
        outer: &Environment,
        at: SourceLocation,
        notes: &mut Vec<Ignored>,
    ) -> Result<Environment, GitError> {
        let mut variables = BTreeMap::new();
        for path in files {
            let content = self.content(path)?;
            match content.and_then(|content| dotenv::parse(&content, &outer.with(variables.clone()))) {
                Ok(more) => variables.extend(more),
                Err(why) => {
                    let why = format!("`{path}` sets nothing: {why}");
                    notes.push(Ignored { at: at.clone(), why });
                }
            }
            let bytes = variables.iter().map(|(name, value)| name.len() + value.bytes()).sum();
            if !self.budget.spend(bytes) {
                break;
            }
        }
        Ok(if variables.is_empty() { outer.clone() } else { outer.with(variables) })
    }

    /// The files of a folder that its `.env` names, which Compose reads instead of those that it looks for.
    pub(super) fn named_files(&mut self, folder: &RepoPath) -> Result<Option<Vec<RepoPath>>, GitError> {
        // What is wrong with it is noted when the folder's files are read.
        let environment = self.default_environment(folder, &mut Vec::new())?;
        let known = |name: &str| environment.value(name)?.known().filter(|value| !value.is_empty());
        let Some(names) = known("COMPOSE_FILE") else { return Ok(None) };
        let separator = known("COMPOSE_PATH_SEPARATOR").unwrap_or(":");
        let is_here = |file: &RepoPath| file.parent().as_ref() == Some(folder);
        Ok(names.split(separator).map(|name| resolve(folder, name).filter(is_here)).collect())
    }

    /// What the `.env` of a folder sets, if it has one.
    pub(super) fn default_environment(
        &mut self,
        folder: &RepoPath,
        notes: &mut Vec<Ignored>,
    ) -> Result<Environment, GitError> {
        let file = folder.join_component(ENVIRONMENT_FILE);
        if self.snapshot.entry(&file)?.is_none() {
            return Ok(Environment::default());
        }
        let at = SourceLocation::whole(&file);
        self.environment(&[file], &Environment::default(), at, notes)
    }
}

/// A text, or each element of a list.
fn texts(value: &Value) -> Vec<Option<&Text>> {
    match &value.kind {
        Kind::List(list) => list.iter().map(Value::text).collect(),
        _ => vec![value.text()],
    }
}

/// The file or folder that a text names; the error says why there is none.
pub(super) fn file(text: Option<&Text>, folder: &RepoPath) -> Result<RepoPath, String> {
    match text {
        None => Err("it is no text".to_owned()),
        Some(Text::Unknown { written, why }) => Err(format!("`{written}` is not known: {why}")),
        Some(Text::Known(path)) => {
            resolve(folder, path).ok_or_else(|| format!("`{path}` is outside of the repository"))
        }
    }
}

/// Adds the included members. A name that the including file has keeps its value.
pub(super) fn import(map: &mut Map, included: Map, what: &str, include: &Value, notes: &mut Vec<Ignored>) {
    for (name, value) in included {
        match map.get(&name) {
            None => {
                map.insert(name, value);
            }
            Some(there) if *there == value => {}
            Some(there) => {
                let other = there.at.location();
                let why = format!("the {what} `{name}` is not included: {other} has one of that name");
                notes.push(Ignored { at: include.at.location(), why });
            }
        }
    }
}
