//! What is read of one tree: files, each once, with what they add up to.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use super::convert::{Budget, Converter, Layer};
use super::interpolation::Environment;
use super::value::{self, Map, SourceFile};
use crate::git::{Entry, EntryKind, GitError, Snapshot};
use crate::init::evidence::Ignored;
use crate::init::evidence::yaml::{Node, YamlError};
use crate::model::{FileMode, RepoPath};

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

/// The services of a file, as it says them.
#[derive(Clone, Debug)]
pub(super) struct Services {
    pub(super) path: RepoPath,
    pub(super) services: Rc<Map>,
}

impl<'s> Loader<'s> {
    pub(super) fn new(snapshot: &'s Snapshot<'s>) -> Self {
        Self { snapshot, budget: Budget::new(), parsed: HashMap::new() }
    }

    pub(super) fn is_exhausted(&self) -> bool {
        self.budget.is_exhausted()
    }

    pub(super) fn layer(
        &mut self,
        path: &RepoPath,
        document: &Node,
        unit: &Unit,
        notes: &mut Vec<Ignored>,
    ) -> Layer {
        let file = Rc::new(SourceFile { path: path.clone(), folder: unit.folder.clone() });
        let environment = &unit.environment;
        Converter { file, environment, budget: &mut self.budget, notes }.layer(document)
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

    pub(super) fn documents(&mut self, path: &RepoPath) -> Result<Documents, GitError> {
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
