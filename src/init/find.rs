//! The files that say what is built.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::dockerfiles::{self, LeftOut, LeftOutKind};
use super::evidence::yaml::YamlError;
use super::evidence::{Build, Strength, bake, build_manifest, commands, compose, skaffold};
use super::{Ignored, InitError, SourceLocation, links};
use crate::git::{Entry, EntryKind, GitError, Snapshot};
use crate::model::{FileMode, ObjectId, RepoPath};
use crate::workspace::PATTERN_FILE;

/// How many files with commands are read.
const MAX_COMMAND_FILES: usize = 20_000;

/// Where things are, each in path order.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Symbolic links included.
    dockerfiles: Vec<RepoPath>,
    left_out: BTreeMap<RepoPath, LeftOutKind>,
    compose: Vec<RepoPath>,
    bake: Vec<RepoPath>,
    manifests: Vec<RepoPath>,
    commands: Vec<CommandFile>,
    skaffold: Vec<RepoPath>,
    pub(super) pattern_files: BTreeSet<RepoPath>,
}

/// A file that can have commands.
#[derive(Clone, Debug)]
struct CommandFile {
    path: RepoPath,
    kind: commands::Kind,
    id: ObjectId,
}

/// The Compose files of a tree, in path order, but for code from elsewhere and data of tests.
///
/// # Errors
/// [`GitError`] when a tree can't be read.
pub fn compose_files(snapshot: &Snapshot<'_>) -> Result<Vec<RepoPath>, GitError> {
    let mut files = Vec::new();
    let mut enter = |folder: &RepoPath| {
        dockerfiles::left_out_folder(&String::from_utf8_lossy(folder.as_bytes())).is_none()
    };
    snapshot.walk(&mut enter, &mut |file| {
        let can_be_read = file.mode.is_regular() || file.mode == FileMode::Symlink;
        if can_be_read && std::str::from_utf8(file.path.file_name()).is_ok_and(compose::is_name) {
            files.push(file.path.clone());
        }
    })?;
    snapshot.fetch_from_promisor(files.iter().cloned())?;
    Ok(files)
}

pub(super) fn files(snapshot: &Snapshot<'_>) -> Result<Found, InitError> {
    let mut found = Found::default();
    let mut candidates: Vec<(RepoPath, FileMode, ObjectId)> = Vec::new();
    snapshot.walk(&mut |_| true, &mut |file| {
        let Ok(name) = std::str::from_utf8(file.path.file_name()) else { return };
        let folders = String::from_utf8_lossy(file.path.parent_bytes());
        let is_ours = dockerfiles::left_out_folder(&folders).is_none();
        let is_file = matches!(file.mode, FileMode::Regular | FileMode::Executable);
        if is_file && name.ends_with(PATTERN_FILE) {
            found.pattern_files.insert(file.path.clone());
        } else if (is_file || file.mode == FileMode::Symlink) && dockerfiles::is_dockerfile(name) {
            candidates.push((file.path.clone(), file.mode, file.id));
        } else if !is_ours {
        } else if compose::is_name(name) {
            // Its reader says which links it does not follow.
            found.compose.push(file.path.clone());
        } else if !is_file {
        } else if build_manifest::NAMES.contains(&name) {
            found.manifests.push(file.path.clone());
        } else if skaffold::NAMES.contains(&name) {
            found.skaffold.push(file.path.clone());
        } else if bake::is_bake_file(name) {
            found.bake.push(file.path.clone());
        } else if let Some(kind) = commands::Kind::of(file.path, file.mode) {
            found.commands.push(CommandFile { path: file.path.clone(), kind, id: file.id });
        }
    })?;
    let read = found.compose.iter().chain(&found.manifests).cloned();
    let read = read.chain(candidates.iter().map(|(path, ..)| path.clone()));
    let commands = found.commands.iter().take(MAX_COMMAND_FILES).map(|file| file.path.clone());
    snapshot.fetch_from_promisor(read.chain(commands))?;
    for (path, mode, id) in candidates {
        let by_path = dockerfiles::left_out(&path);
        let kind = match by_path {
            None if mode != FileMode::Symlink && is_for_windows(snapshot, &path, id)? => {
                Some(LeftOutKind::Windows)
            }
            by_path => by_path,
        };
        match kind {
            Some(kind) => {
                found.left_out.insert(path, kind);
            }
            None => found.dockerfiles.push(path),
        }
    }
    Ok(found)
}

fn is_for_windows(snapshot: &Snapshot<'_>, path: &RepoPath, id: ObjectId) -> Result<bool, GitError> {
    let text = text(snapshot, path, id)?;
    Ok(text.is_some_and(|text| dockerfiles::is_for_windows(&text)))
}

/// The content of a file, unless that is larger than anybody writes.
fn text(snapshot: &Snapshot<'_>, path: &RepoPath, id: ObjectId) -> Result<Option<Vec<u8>>, GitError> {
    if snapshot.blob_bytes(id, path)? > commands::MAX_BYTES {
        return Ok(None);
    }
    snapshot.blob(id, path).map(Some)
}

/// What is built, by whoever says most of it first; Dockerfiles that nobody names come last.
pub(super) fn builds(
    snapshot: &Snapshot<'_>,
    found: &Found,
    ignored: &mut Vec<Ignored>,
) -> Result<Vec<Build>, InitError> {
    let mut builds: Vec<Build> = Vec::new();
    let readers: [(&[RepoPath], Reader); 2] =
        [(&found.manifests, build_manifest::builds), (&found.skaffold, skaffold::builds)];
    for (paths, read) in readers {
        for path in paths {
            let text = snapshot.read(path)?.unwrap_or_default();
            match read(path, &text, ignored) {
                Ok(found) => builds.extend(found),
                Err(error) => {
                    ignored.push(Ignored { at: SourceLocation::whole(path), why: error.to_string() });
                }
            }
        }
    }
    builds.extend(bake::builds(snapshot, &found.bake, ignored)?);
    builds.extend(compose::builds(snapshot, &found.compose, ignored)?);
    let is_usable = |build: &Build| found.left_out.get(&build.dockerfile) != Some(&LeftOutKind::Windows);
    builds.extend(commanded(snapshot, found, ignored)?.into_iter().filter(is_usable));
    let mut builds = links::follow(snapshot, builds, ignored)?;
    let named = named(&builds);
    let unnamed = found.dockerfiles.iter().filter(|path| !named.contains(*path));
    let unnamed = unnamed.map(|path| Build {
        strength: Strength::File,
        ..Build::of(path.clone(), SourceLocation::whole(path))
    });
    let mut unnamed = links::follow(snapshot, unnamed.collect(), ignored)?;
    // A file that has links is built by those names.
    let linked: BTreeSet<RepoPath> =
        unnamed.iter().filter(|build| build.link.is_some()).map(|build| build.dockerfile.clone()).collect();
    unnamed.retain(|build| build.link.is_some() || !linked.contains(&build.dockerfile));
    builds.extend(unnamed);
    Ok(builds)
}

/// The Dockerfiles that are left out, where no build names them.
pub(super) fn left_out(found: &Found, builds: &[Build]) -> Vec<LeftOut> {
    let named = named(builds);
    let files = found.left_out.iter().filter(|(path, _)| !named.contains(*path));
    dockerfiles::counted(files.map(|(path, kind)| (path, *kind)))
}

/// The Dockerfiles of builds, and the links to them.
fn named(builds: &[Build]) -> BTreeSet<RepoPath> {
    builds
        .iter()
        .flat_map(|build| [Some(&build.dockerfile), build.link.as_ref()])
        .flatten()
        .cloned()
        .collect()
}

/// What commands build.
fn commanded(
    snapshot: &Snapshot<'_>,
    found: &Found,
    ignored: &mut Vec<Ignored>,
) -> Result<Vec<Build>, GitError> {
    let tree = commands::Tree { snapshot, dockerfiles: &found.dockerfiles };
    let mut builds = Vec::new();
    // Many scripts can build the same: the first one counts.
    let mut known = BTreeSet::new();
    let mut seen: BTreeSet<RepoPath> = found.commands.iter().map(|file| file.path.clone()).collect();
    let mut waiting: VecDeque<CommandFile> = found.commands.iter().cloned().collect();
    for _ in 0..MAX_COMMAND_FILES {
        let Some(CommandFile { path, kind, id }) = waiting.pop_front() else { return Ok(builds) };
        let Some(text) = text(snapshot, &path, id)? else { continue };
        let more = commands::builds(&tree, &path, kind, &text, ignored)?;
        builds.extend(more.into_iter().filter(|build| known.insert(statement(build))));
        for included in commands::included(kind, &text) {
            if let Some(Entry { kind: EntryKind::File(FileMode::Regular | FileMode::Executable), id }) =
                snapshot.entry(&included)?
                && seen.insert(included.clone())
            {
                waiting.push_back(CommandFile { path: included, kind, id });
            }
        }
    }
    if let Some(file) = waiting.front() {
        let why = format!("only {MAX_COMMAND_FILES} files were searched for commands that build images");
        ignored.push(Ignored { at: SourceLocation::whole(&file.path), why });
    }
    Ok(builds)
}

/// All that one command says.
type Statement = (RepoPath, Option<RepoPath>, Option<String>, Vec<String>, BTreeMap<String, Option<String>>);

fn statement(build: &Build) -> Statement {
    let Build { dockerfile, context, target, images, build_args, .. } = build;
    (dockerfile.clone(), context.clone(), target.clone(), images.clone(), build_args.clone())
}

type Reader = fn(&RepoPath, &[u8], &mut Vec<Ignored>) -> Result<Vec<Build>, YamlError>;
