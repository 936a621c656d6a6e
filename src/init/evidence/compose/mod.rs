//! Compose files: which services are built, and from what. What a service needs to run, it need not to be built.
//!
//! They are read as `docker compose` reads them, all profiles on: a folder's default file with its override, or the files
//! that `COMPOSE_FILE` of its `.env` names, then each other file that no file includes. A file that leaves to another what a service is, as `compose.prod.yaml` with
//! `build: {target: prod}`, is read over the folder's default file, as with `-f compose.yaml -f compose.prod.yaml`; then
//! the services count that it changes. A service that files extend as a pattern of theirs is not read once more by itself.

mod convert;
mod dotenv;
mod entries;
mod extends;
mod include;
mod interpolation;
mod load;
mod loader;
mod number;
mod service;
mod sources;
mod value;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

pub(in crate::init) use entries::is_name;

use self::loader::{Loaded, Loader, Model};
use self::value::Value;
use super::{Build, Ignored, SourceLocation};
use crate::git::{GitError, Snapshot};
use crate::model::RepoPath;

/// The images that the Compose files of a tree build; what can't be used goes to `ignored`.
///
/// # Errors
/// [`GitError`] where the tree can't be read.
pub fn builds(
    snapshot: &Snapshot<'_>,
    files: &[RepoPath],
    ignored: &mut Vec<Ignored>,
) -> Result<Vec<Build>, GitError> {
    let mut loader = Loader::new(snapshot);
    let mut projects: Vec<Project> = Vec::new();
    let mut included: BTreeSet<RepoPath> = BTreeSet::new();
    let mut folders = Vec::new();
    for folder in entries::by_folder(files) {
        folders.push(match loader.named_files(&folder.folder)? {
            Some(named) => folder.with_default(named),
            None => folder,
        });
    }
    for folder in folders.iter().filter(|folder| !folder.default.is_empty()) {
        projects.push(Project::default_of(&mut loader, &folder.default)?);
    }
    included.extend(projects.iter().flat_map(|project| project.loaded.included.iter().cloned()));
    for folder in &folders {
        for file in &folder.others {
            if !included.contains(file) {
                let project = Project::other(&mut loader, file, folder.default.first())?;
                included.extend(project.loaded.included.iter().cloned());
                projects.push(project);
            }
        }
    }
    let extended: BTreeSet<(RepoPath, String)> =
        projects.iter().flat_map(|project| project.loaded.extended.iter().cloned()).collect();
    let mut builds = Vec::new();
    let mut notes = Vec::new();
    // One that was included by a file after it is no project of its own, unless it includes that file too.
    for project in projects.iter().filter(|project| !project.is_within(&included)) {
        notes.extend(project.loaded.notes.iter().cloned());
        builds.extend(project.builds(&extended, &mut notes));
    }
    if loader.is_exhausted()
        && let Some(file) = files.first()
    {
        let why = "the Compose files of the repository stand for more than is read: some are left out";
        notes.push(Ignored { at: SourceLocation::whole(file), why: why.to_owned() });
    }
    // A file that several include says the same each time.
    let notes: BTreeSet<(SourceLocation, String)> =
        notes.into_iter().map(|note| (note.at, note.why)).collect();
    ignored.extend(notes.into_iter().map(|(at, why)| Ignored { at, why }));
    Ok(builds)
}

/// Files that are read together.
struct Project {
    /// The last of them, which it is about.
    file: RepoPath,
    loaded: Loaded,
    /// What counts of it, in the order of the file.
    services: Vec<(String, Value)>,
    is_default: bool,
}

impl Project {
    fn default_of(loader: &mut Loader<'_>, files: &[RepoPath]) -> Result<Self, GitError> {
        let loaded = loader.project(files)?;
        let services = in_order(&loaded.model);
        let file = files.first().cloned().unwrap_or_default();
        Ok(Self { file, loaded, services, is_default: true })
    }

    /// Reads `file` over `base`, if it is meant so, or else by itself.
    fn other(loader: &mut Loader<'_>, file: &RepoPath, base: Option<&RepoPath>) -> Result<Self, GitError> {
        let alone = loader.project(std::slice::from_ref(file))?;
        let file = file.clone();
        let Some(base) = base else {
            let services = in_order(&alone.model);
            return Ok(Self { file, loaded: alone, services, is_default: false });
        };
        let below = loader.project(std::slice::from_ref(base))?;
        if !is_overlay(&alone.model, &below.model) {
            let services = in_order(&alone.model);
            return Ok(Self { file, loaded: alone, services, is_default: false });
        }
        let mut loaded = loader.project(&[base.clone(), file.clone()])?;
        // What is wrong with the base is said of the base.
        loaded.notes.retain(|note| !below.notes.contains(note));
        let mut services = Vec::new();
        for (name, own) in in_order(&alone.model) {
            let Some(merged) = loaded.model.services.get(&name) else { continue };
            if below.model.services.get(&name) != Some(merged) {
                services.push((name, extends::moved_to(merged.clone(), &own)));
            }
        }
        Ok(Self { file, loaded, services, is_default: false })
    }

    fn is_within(&self, included: &BTreeSet<RepoPath>) -> bool {
        included.contains(&self.file) && !self.loaded.included.contains(&self.file)
    }

    fn builds(&self, extended: &BTreeSet<(RepoPath, String)>, notes: &mut Vec<Ignored>) -> Vec<Build> {
        let is_pattern =
            |name: &str| !self.is_default && extended.contains(&(self.file.clone(), name.to_owned()));
        let services = self.services.iter().filter(|(name, _)| !is_pattern(name));
        services.filter_map(|(name, service)| service::build(name, service, &self.loaded, notes)).collect()
    }
}

/// The services, those of one file in the order of that file.
fn in_order(model: &Model) -> Vec<(String, Value)> {
    let services = model.services.iter();
    let mut services: Vec<(String, Value)> =
        services.map(|(name, service)| (name.clone(), service.clone())).collect();
    services.sort_by_cached_key(|(_, service)| service.at.location());
    services
}

/// Whether a file leaves to `base` what some service is: Compose would refuse it alone, or build another folder.
fn is_overlay(alone: &Model, base: &Model) -> bool {
    alone.services.iter().any(|(name, service)| {
        let Some(below) = base.services.get(name) else { return false };
        match service.get("build") {
            None => service.get("image").is_none(),
            Some(build) => below.get("build").is_some() && build.get("context").is_none(),
        }
    })
}
