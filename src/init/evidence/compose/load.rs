//! Compose files with all that they include and extend, as one model.
//!
//! What can't be found or read is noted where it is named, and the rest goes on: Compose would stop there, but what is said
//! elsewhere is still what the repository builds.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use super::convert::{Budget, Converter, Layer};
use super::extends::{self, Services};
use super::include::import;
use super::interpolation::Environment;
use super::value::{self, Map, Origin, SourceFile};
use crate::git::{Entry, EntryKind, GitError, Snapshot};
use crate::init::evidence::yaml::{Node, YamlError};
use crate::init::evidence::{Ignored, SourceLocation};
use crate::model::{FileMode, RepoPath};

/// What each file counts at least, be it empty: it may be included again and again.
const BYTES_OF_FILE: usize = 16 << 10;

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

/// The documents of a file, or why there are none.
type Documents = Result<Rc<[Rc<Node>]>, String>;

/// Reads files of one tree, each once.
pub(super) struct Loader<'s> {
    pub(super) snapshot: &'s Snapshot<'s>,
    pub(super) budget: Budget,
    parsed: HashMap<RepoPath, Documents>,
}

/// Files that are merged with each other, and what they have in common.
pub(super) struct Unit {
    pub(super) folder: RepoPath,
    pub(super) environment: Environment,
    /// Those that services are extended from, once they are read.
    pub(super) extended: HashMap<RepoPath, Services>,
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
        loaded.environment = self.default_environment(&folder, &mut loaded.notes)?;
        let mut unit = Unit { folder, environment: loaded.environment.clone(), extended: HashMap::new() };
        loaded.model = self.unit(files, None, &mut unit, &mut Vec::new(), &mut loaded)?;
        Ok(loaded)
    }

    /// `named` is where the files are named, unless they were found.
    pub(super) fn unit(
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

    fn documents(&mut self, path: &RepoPath) -> Result<Documents, GitError> {
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
    pub(super) fn content(&self, path: &RepoPath) -> Result<Result<Vec<u8>, String>, GitError> {
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
