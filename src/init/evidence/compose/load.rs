//! Compose files with all that they include and extend, as one model.
//!
//! What can't be found or read is noted where it is named, and the rest goes on: Compose would stop there, but what is said
//! elsewhere is still what the repository builds.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use super::convert::{Budget, Converter, Layer};
use super::dotenv;
use super::extends::{self, Services};
use super::interpolation::{Environment, Text};
use super::value::{self, Kind, Map, Origin, SourceFile, Value};
use crate::git::{Entry, EntryKind, GitError, Snapshot};
use crate::init::evidence::yaml::{Node, YamlError};
use crate::init::evidence::{Ignored, SourceLocation, resolve};
use crate::model::{FileMode, RepoPath};

/// Files that include files.
const MAX_LEVELS: usize = 32;

/// What each file counts at least, be it empty: it may be included again and again.
const BYTES_OF_FILE: usize = 4096;

const ENVIRONMENT_FILE: &[u8] = b".env";

/// What Compose would build, deploy and run if it was given some files.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) services: Map,
    pub(super) secrets: Map,
}

/// A model, and what was said and read on the way.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) model: Model,
    /// Of the project, which gives arguments without a value theirs.
    pub(super) environment: Environment,
    pub(super) notes: Vec<Ignored>,
    pub(super) included: BTreeSet<RepoPath>,
    /// Services that are extended from another file, with that file.
    pub(super) extended: BTreeSet<(RepoPath, String)>,
}

/// Reads files of one tree, each once.
pub(super) struct Loader<'s> {
    snapshot: &'s Snapshot<'s>,
    budget: Budget,
    parsed: HashMap<RepoPath, Result<Rc<[Rc<Node>]>, String>>,
}

/// Files that are merged with each other, and what they have in common.
pub(super) struct Unit {
    folder: RepoPath,
    environment: Environment,
    /// Those that services are extended from, once they are read.
    extended: HashMap<RepoPath, Services>,
}

impl<'s> Loader<'s> {
    pub(super) fn new(snapshot: &'s Snapshot<'s>) -> Self {
        Self { snapshot, budget: Budget::new(), parsed: HashMap::new() }
    }

    pub(super) fn is_exhausted(&self) -> bool {
        self.budget.is_exhausted()
    }

    /// Reads files as `docker compose -f <first> -f <second>` does: in the folder of the first, each over those before it.
    ///
    /// # Errors
    /// [`GitError`] where the tree can't be read.
    pub(super) fn project(&mut self, files: &[RepoPath]) -> Result<Loaded, GitError> {
        let mut loaded = Loaded {
            model: Model::default(),
            environment: Environment::default(),
            notes: Vec::new(),
            included: BTreeSet::new(),
            extended: BTreeSet::new(),
        };
        let folder = files.first().and_then(RepoPath::parent).unwrap_or_default();
        let file = folder.join_component(ENVIRONMENT_FILE);
        if self.snapshot.entry(&file)?.is_some() {
            let at = SourceLocation::whole(&file);
            loaded.environment = self.environment(&[file], &Environment::default(), at, &mut loaded.notes)?;
        }
        let mut unit = Unit { folder, environment: loaded.environment.clone(), extended: HashMap::new() };
        loaded.model = self.unit(files, None, &mut unit, &mut Vec::new(), &mut loaded)?;
        Ok(loaded)
    }

    /// `named` is where the files are named, unless they were found.
    fn unit(
        &mut self,
        files: &[RepoPath],
        named: Option<&Origin>,
        unit: &mut Unit,
        including: &mut Vec<RepoPath>,
        loaded: &mut Loaded,
    ) -> Result<Model, GitError> {
        let mut model = Model::default();
        including.extend(files.first().cloned());
        for path in files {
            if !self.budget.spend(BYTES_OF_FILE) {
                break;
            }
            let documents = match self.documents(path)? {
                Ok(documents) => documents,
                Err(why) => {
                    loaded.notes.push(match named {
                        None => Ignored { at: SourceLocation::whole(path), why },
                        Some(named) => {
                            let why = format!("nothing is included of `{path}`: {why}");
                            Ignored { at: named.location(), why }
                        }
                    });
                    continue;
                }
            };
            for document in documents.iter() {
                let mut layer = self.layer(path, document, unit, &mut loaded.notes);
                let services = std::mem::take(&mut layer.services);
                layer.services = self.all_extended(services, path, unit, loaded)?;
                for include in std::mem::take(&mut layer.includes) {
                    let included = self.included(&include, unit, including, loaded)?;
                    import(&mut layer.services, included.services, "service", &include, &mut loaded.notes);
                    import(&mut layer.secrets, included.secrets, "secret", &include, &mut loaded.notes);
                }
                value::merge(&mut model.services, layer.services);
                value::merge(&mut model.secrets, layer.secrets);
            }
        }
        including.pop();
        Ok(model)
    }

    fn layer(&mut self, path: &RepoPath, document: &Node, unit: &Unit, notes: &mut Vec<Ignored>) -> Layer {
        let file = Rc::new(SourceFile { path: path.clone(), folder: unit.folder.clone() });
        let environment = &unit.environment;
        Converter { file, environment, budget: &mut self.budget, notes }.layer(document)
    }

    /// Each service with what it extends; those whose `extends` leads nowhere are left out.
    fn all_extended(
        &mut self,
        services: Map,
        path: &RepoPath,
        unit: &mut Unit,
        loaded: &mut Loaded,
    ) -> Result<Map, GitError> {
        let mut all = Map::new();
        let services = Services { path: path.clone(), services: Rc::new(services) };
        for (name, service) in services.services.iter() {
            match extends::resolved(self, &services, name, unit, loaded)? {
                Ok(resolved) => {
                    all.insert(name.clone(), resolved);
                }
                Err(why) => {
                    let why = format!("service `{name}` is left out: {why}");
                    loaded.notes.push(Ignored { at: service.at.location(), why });
                }
            }
        }
        Ok(all)
    }

    /// The services of another file, for `extends`; the inner error says why there are none.
    pub(super) fn services_of(
        &mut self,
        path: &RepoPath,
        unit: &mut Unit,
        notes: &mut Vec<Ignored>,
    ) -> Result<Result<Services, String>, GitError> {
        if let Some(services) = unit.extended.get(path) {
            return Ok(Ok(services.clone()));
        }
        let documents = match self.documents(path)? {
            Ok(documents) => documents,
            Err(why) => return Ok(Err(format!("`{path}`, which it extends: {why}"))),
        };
        let folder = path.parent().unwrap_or_default();
        let there = Unit { folder, environment: unit.environment.clone(), extended: HashMap::new() };
        let mut all = Map::new();
        for document in documents.iter() {
            value::merge(&mut all, self.layer(path, document, &there, notes).services);
        }
        let services = Services { path: path.clone(), services: Rc::new(all) };
        unit.extended.insert(path.clone(), services.clone());
        Ok(Ok(services))
    }

    pub(super) fn spend(&mut self, bytes: usize) -> bool {
        self.budget.spend(bytes)
    }

    /// What an element of `include` stands for; nothing where that can't be read.
    fn included(
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

    fn documents(&mut self, path: &RepoPath) -> Result<Result<Rc<[Rc<Node>]>, String>, GitError> {
        if let Some(parsed) = self.parsed.get(path) {
            return Ok(parsed.clone());
        }
        let parsed = self.content(path)?.and_then(|content| {
            let documents = Node::documents(&content).and_then(|documents| match documents.len() {
                0 => Err(YamlError::Empty),
                _ => Ok(documents.into()),
            });
            documents.map_err(|error| error.to_string())
        });
        self.parsed.insert(path.clone(), parsed.clone());
        Ok(parsed)
    }

    /// The inner error says why there is none.
    fn content(&self, path: &RepoPath) -> Result<Result<Vec<u8>, String>, GitError> {
        Ok(match self.snapshot.entry(path)? {
            None => Err("there is no such file".to_owned()),
            Some(Entry { kind: EntryKind::File(FileMode::Symlink), .. }) => {
                Err("it is a symbolic link, which is not followed".to_owned())
            }
            Some(Entry { kind: EntryKind::File(FileMode::Regular | FileMode::Executable), id }) => {
                Ok(self.snapshot.blob(id, path)?)
            }
            Some(_) => Err("it is no file".to_owned()),
        })
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

/// Adds what was included; what is there already stays.
fn import(map: &mut Map, included: Map, what: &str, include: &Value, notes: &mut Vec<Ignored>) {
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
