//! Compose files with all that they include and extend, as one model.
//!
//! What can't be found or read is noted where it is named, and the rest goes on: Compose would stop there, but what is said
//! elsewhere is still what the repository builds.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use super::extends;
use super::include::import;
use super::interpolation::Environment;
use super::loader::{Loaded, Loader, Model, Services, Unit};
use super::value::{self, Map, Origin};
use crate::git::GitError;
use crate::init::evidence::{Ignored, SourceLocation};
use crate::model::RepoPath;

/// What each file counts at least, be it empty: it may be included again and again.
const BYTES_OF_FILE: usize = 16 << 10;

impl Loader<'_> {
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
}
