//! What each project is made from, how that differs from a base, and the digest that names it
//! (`docs/input-digest.md`).

mod compare;
mod definition;
mod digest;
mod filters;
mod index;
mod list;
mod matching;
mod taken_by;
mod untracked;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, BufRead as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use thiserror::Error;

pub use compare::{Difference, LockedChange, ParentChange, differences, relocked};
pub use digest::digests;
pub use filters::{LfsChange, filtered, lfs_changes};
pub use index::{InputIndex, Projects};
pub use list::{ListedInput, list};
pub use matching::matching;
pub use taken_by::TakenBy;
pub use untracked::{UntrackedInput, untracked};

use crate::git::{EntryKind, GitError, Snapshot, WalkedFile, is_attributes_file};
use crate::model::{ErrorKind, FileMode, ObjectId, ProjectName, RepoPath};
use crate::patterns::Index;
use crate::workspace::{Project, Workspace};

/// With fewer, a walk has ended sooner than a thread has opened the repository.
const MIN_PROJECTS_FOR_THREADS: usize = 200;

/// How much of an extra input is read at once.
const READ_BYTES: usize = 64 << 10;

/// One file that a project is made from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InputFile {
    pub path: RepoPath,
    pub mode: FileMode,
    pub content: InputContent,
}

/// What names a file's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum InputContent {
    Committed(ObjectId),
    /// Committed with Git LFS by what `.gitattributes` say: where this blob is a pointer, the build gets what it points to.
    Lfs(ObjectId),
    /// Not committed, in the work tree: the SHA-256 of the file, or of a link's target.
    Extra([u8; 32]),
    /// A folder in which every file is ignored: an engine gets it without any. Its mode is that of a submodule, which is such a
    /// folder where it is not initialised.
    EmptyFolder,
}

/// The inputs of some projects, by name.
pub type InputFiles = BTreeMap<ProjectName, Vec<InputFile>>;

/// Why inputs could not be read.
#[derive(Debug, Error)]
pub enum InputsError {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("`{project}` has `extra_inputs`, which are files of the work tree, and there is none")]
    NoWorkTree { project: ProjectName },
    #[error("cannot read the extra input `{path}`")]
    Extra {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl InputsError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Git(error) => error.kind(),
            Self::NoWorkTree { .. } => ErrorKind::Input,
            Self::Extra { .. } => ErrorKind::Environment,
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Git(error) => error.hint(),
            Self::NoWorkTree { .. } => Some("run it in a clone that has a work tree".to_owned()),
            Self::Extra { .. } => None,
        }
    }
}

/// Finds the files of the `selected` projects in one walk, sorted by path.
///
/// # Errors
/// [`InputsError`] when a tree or an extra input can't be read.
pub fn files(
    workspace: &Workspace,
    selected: &BTreeSet<ProjectName>,
    snapshot: &Snapshot<'_>,
    work_dir: Option<&Path>,
) -> Result<InputFiles, InputsError> {
    let projects: Vec<(&ProjectName, &Project)> =
        workspace.projects.iter().filter(|(name, _)| selected.contains(*name)).collect();
    let Found { mut files, ignoring_folders, attributes } = found(workspace, &projects, snapshot)?;
    filters::mark(&mut files, &snapshot.attributes(&attributes)?);
    complete(&projects, &mut files, work_dir)?;
    files.iter_mut().zip(ignoring_folders).for_each(|(files, folders)| add_empty(files, folders));
    Ok(projects.into_iter().map(|(name, _)| name.clone()).zip(files).collect())
}

/// Adds what is not committed, and sorts.
fn complete(
    projects: &Projects<'_>,
    files: &mut [Vec<InputFile>],
    work_dir: Option<&Path>,
) -> Result<(), InputsError> {
    for ((name, project), files) in projects.iter().zip(files) {
        if !project.extra_inputs.lines().is_empty() {
            let work_dir = work_dir.ok_or_else(|| InputsError::NoWorkTree { project: (*name).clone() })?;
            files.extend(extra(project, work_dir)?);
        }
        // What is committed sorts before an extra input of the same path, and wins.
        files.sort_unstable_by(|one, other| (&one.path, &one.content).cmp(&(&other.path, &other.content)));
        files.dedup_by(|one, other| one.path == other.path);
    }
    Ok(())
}

/// Adds those of the folders that have no input below them.
fn add_empty(files: &mut Vec<InputFile>, folders: BTreeSet<RepoPath>) {
    let is_empty = |folder: &RepoPath| {
        let below = [folder.as_bytes(), b"/"].concat();
        let first = files.partition_point(|file| file.path.as_bytes() < below.as_slice());
        !files.get(first).is_some_and(|file| file.path.is_within(folder))
    };
    let (mode, content) = (FileMode::Submodule, InputContent::EmptyFolder);
    let empty = folders.into_iter().filter(is_empty).map(|path| InputFile { path, mode, content });
    let empty: Vec<InputFile> = empty.collect();
    if !empty.is_empty() {
        files.extend(empty);
        files.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    }
}

/// What a walk over the folders of inputs found.
struct Found {
    /// The committed inputs, for each project in the given order, whatever `.gitattributes` say of them.
    files: Vec<Vec<InputFile>>,
    /// Folders that a build gets even if every file in them is ignored, and in which one is, for each project.
    ignoring_folders: Vec<BTreeSet<RepoPath>>,
    /// The `.gitattributes` in these folders.
    attributes: BTreeMap<RepoPath, ObjectId>,
}

fn found(workspace: &Workspace, projects: &Projects<'_>, snapshot: &Snapshot<'_>) -> Result<Found, GitError> {
    let index = InputIndex::new(projects, &workspace.rebuild_all);
    let empty = || Found {
        files: vec![Vec::new(); projects.len()],
        ignoring_folders: vec![BTreeSet::new(); projects.len()],
        attributes: BTreeMap::new(),
    };
    let walk = |snapshot: &Snapshot<'_>, entries: &[(RepoPath, EntryKind)]| {
        let Found { mut files, mut ignoring_folders, mut attributes } = empty();
        // A walk tells of a folder here and of its files there.
        let walk = RefCell::new(index.walk());
        let mut enter = |path: &RepoPath| walk.borrow_mut().enter(path);
        let mut visit = |file: WalkedFile<'_>| {
            if is_attributes_file(file.path) && file.mode.is_regular() {
                attributes.insert(file.path.clone(), file.id);
            }
            let take = |project: usize, _: TakenBy<'_>| {
                let content = InputContent::Committed(file.id);
                files[project].push(InputFile { path: file.path.clone(), mode: file.mode, content });
            };
            if file.mode == FileMode::Submodule {
                index.matches_submodule(file.path, take);
            } else {
                let ignored = |number: usize, by: TakenBy<'_>| {
                    let (_, project) = projects[number];
                    let above = std::iter::successors(file.path.parent(), RepoPath::parent);
                    let kept = above.filter(|folder| by.keeps_folder(project, folder));
                    ignoring_folders[number].extend(kept);
                };
                walk.borrow_mut().matches(file.path, take, ignored);
            }
        };
        for (path, _) in entries {
            snapshot.walk_from(path, &mut enter, &mut visit)?;
        }
        Ok(Found { files, ignoring_folders, attributes })
    };
    let entries = snapshot.children(&RepoPath::default())?;
    let min_entries = if projects.len() < MIN_PROJECTS_FOR_THREADS { entries.len().max(1) } else { 1 };
    let mut all = empty();
    for found in snapshot.in_parallel(&entries, min_entries, walk)? {
        all.files.iter_mut().zip(found.files).for_each(|(files, found)| files.extend(found));
        let folders = all.ignoring_folders.iter_mut().zip(found.ignoring_folders);
        folders.for_each(|(folders, found)| folders.extend(found));
        all.attributes.extend(found.attributes);
    }
    Ok(all)
}

/// Files of the work tree that a project's `extra_inputs` take. Links are not followed.
fn extra(project: &Project, work_dir: &Path) -> Result<Vec<InputFile>, InputsError> {
    let patterns = &project.extra_inputs;
    let index = Index::new([patterns]);
    let mut found = Vec::new();
    let mut waiting = vec![RepoPath::default()];
    while let Some(folder) = waiting.pop() {
        let failed = |source| InputsError::Extra { path: work_dir.join(folder.to_os_path()), source };
        for entry in fs::read_dir(work_dir.join(folder.to_os_path())).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = folder.join_component(entry.file_name().as_encoded_bytes());
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_dir() {
                if entry.file_name() != ".git" && index.can_match_below(&path) {
                    waiting.push(path);
                }
            } else if patterns
                .decide(&path)
                .is_some_and(|line| taken_by::is_extra_input(project, line, &path))
            {
                let (mode, sha256) = read_extra(&entry.path(), kind)
                    .map_err(|source| InputsError::Extra { path: entry.path(), source })?;
                found.push(InputFile { path, mode, content: InputContent::Extra(sha256) });
            }
        }
    }
    Ok(found)
}

fn read_extra(path: &Path, kind: fs::FileType) -> io::Result<(FileMode, [u8; 32])> {
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::PermissionsExt as _;
    if kind.is_symlink() {
        let target = fs::read_link(path)?;
        return Ok((FileMode::Symlink, Sha256::digest(target.as_os_str().as_bytes()).into()));
    }
    if !kind.is_file() {
        return Err(io::Error::other("it is neither a file nor a link"));
    }
    let file = fs::File::open(path)?;
    let executable = file.metadata()?.permissions().mode() & 0o100 != 0;
    let mut hash = Sha256::new();
    let mut content = io::BufReader::with_capacity(READ_BYTES, file);
    loop {
        let chunk = content.fill_buf()?;
        if chunk.is_empty() {
            break;
        }
        hash.update(chunk);
        let bytes = chunk.len();
        content.consume(bytes);
    }
    Ok((if executable { FileMode::Executable } else { FileMode::Regular }, hash.finalize().into()))
}
