//! The files that say what is built.

use std::collections::BTreeSet;

use super::evidence::yaml::YamlError;
use super::evidence::{Build, bake, build_manifest, compose, skaffold};
use super::{Ignored, InitError, SourceLocation};
use crate::git::Snapshot;
use crate::model::{FileMode, RepoPath};
use crate::workspace::PATTERN_FILE;

/// Folders in which others' files are kept: their Dockerfiles are not ours to build.
const OF_OTHERS: &[&[u8]] = &[b"node_modules", b"vendor"];

/// Where things are, each in path order.
#[derive(Debug, Default)]
pub(super) struct Found {
    dockerfiles: Vec<RepoPath>,
    compose: Vec<RepoPath>,
    bake: Vec<RepoPath>,
    manifests: Vec<RepoPath>,
    skaffold: Vec<RepoPath>,
    pub(super) pattern_files: BTreeSet<RepoPath>,
}

pub(super) fn files(snapshot: &Snapshot<'_>) -> Result<Found, InitError> {
    let mut found = Found::default();
    let is_ours = |folder: &RepoPath| !OF_OTHERS.contains(&folder.file_name());
    snapshot.walk(&mut |folder| is_ours(folder), &mut |file| {
        if !matches!(file.mode, FileMode::Regular | FileMode::Executable) {
            return;
        }
        let Ok(name) = std::str::from_utf8(file.path.file_name()) else { return };
        if name.ends_with(PATTERN_FILE) {
            found.pattern_files.insert(file.path.clone());
        } else if is_dockerfile(name) {
            found.dockerfiles.push(file.path.clone());
        } else if compose::NAMES.contains(&name) {
            found.compose.push(file.path.clone());
        } else if build_manifest::NAMES.contains(&name) {
            found.manifests.push(file.path.clone());
        } else if skaffold::NAMES.contains(&name) {
            found.skaffold.push(file.path.clone());
        } else if bake::is_bake_file(name) {
            found.bake.push(file.path.clone());
        }
    })?;
    Ok(found)
}

/// `Dockerfile`, `Dockerfile.<name>` or `<name>.Dockerfile`.
fn is_dockerfile(name: &str) -> bool {
    !name.ends_with(".dockerignore")
        && (name == "Dockerfile"
            || name.starts_with("Dockerfile.")
            || name.to_lowercase().ends_with(".dockerfile"))
}

/// What is built, by whoever says most of it first; Dockerfiles that nobody names come last.
pub(super) fn builds(
    snapshot: &Snapshot<'_>,
    found: &Found,
    ignored: &mut Vec<Ignored>,
) -> Result<Vec<Build>, InitError> {
    let mut builds: Vec<Build> = Vec::new();
    let readers: [(&[RepoPath], Reader); 3] = [
        (&found.manifests, build_manifest::builds),
        (&found.compose, compose::builds),
        (&found.skaffold, skaffold::builds),
    ];
    for (paths, read) in readers {
        for path in paths {
            let text = snapshot.read(path)?.unwrap_or_default();
            match read(path, &text, ignored) {
                Ok(found) => builds.extend(found),
                Err(error) => {
                    ignored.push(Ignored { at: SourceLocation::file(path), why: error.to_string() });
                }
            }
        }
    }
    builds.extend(bake::builds(snapshot, &found.bake, ignored)?);
    let named: BTreeSet<RepoPath> = builds.iter().map(|build| build.dockerfile.clone()).collect();
    let unnamed = found.dockerfiles.iter().filter(|path| !named.contains(*path));
    builds.extend(unnamed.map(|path| Build::of(path.clone(), SourceLocation::file(path))));
    Ok(builds)
}

type Reader = fn(&RepoPath, &[u8], &mut Vec<Ignored>) -> Result<Vec<Build>, YamlError>;
