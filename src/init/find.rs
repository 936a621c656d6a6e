//! The files that say what is built.

use std::collections::BTreeSet;

use super::evidence::{Build, Strength, build_manifest, compose};
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
    manifests: Vec<RepoPath>,
    pub(super) pattern_files: BTreeSet<RepoPath>,
}

pub(super) fn files(snapshot: &Snapshot<'_>) -> Result<Found, InitError> {
    let mut found = Found::default();
    let is_ours = |folder: &RepoPath| !OF_OTHERS.contains(&folder.file_name());
    snapshot.walk(&mut |folder| is_ours(folder), &mut |file| {
        let Ok(name) = std::str::from_utf8(file.path.file_name()) else { return };
        // Its reader says what it does not follow.
        if compose::is_name(name) {
            found.compose.push(file.path.clone());
            return;
        }
        if !matches!(file.mode, FileMode::Regular | FileMode::Executable) {
            return;
        }
        if name.ends_with(PATTERN_FILE) {
            found.pattern_files.insert(file.path.clone());
        } else if is_dockerfile(name) {
            found.dockerfiles.push(file.path.clone());
        } else if build_manifest::NAMES.contains(&name) {
            found.manifests.push(file.path.clone());
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
    for path in &found.manifests {
        let text = snapshot.read(path)?.unwrap_or_default();
        match build_manifest::builds(path, &text, ignored) {
            Ok(found) => builds.extend(found),
            Err(error) => ignored.push(Ignored { at: SourceLocation::whole(path), why: error.to_string() }),
        }
    }
    builds.extend(compose::builds(snapshot, &found.compose, ignored)?);
    let named: BTreeSet<RepoPath> = builds.iter().map(|build| build.dockerfile.clone()).collect();
    let unnamed = found.dockerfiles.iter().filter(|path| !named.contains(*path));
    builds.extend(unnamed.map(|path| Build {
        strength: Strength::File,
        ..Build::of(path.clone(), SourceLocation::whole(path))
    }));
    Ok(builds)
}
