//! What each project is made from, and the digest that names it (`docs/input-digest.md`).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::git::{GitError, Part, Snapshot, WalkedFile};
use crate::model::{ErrorKind, FileMode, InputDigest, ObjectId, ProjectName, RepoPath};
use crate::patterns::{Index, Patterns};
use crate::threads::processors;
use crate::workspace::{Project, Workspace};

/// The format that the digest is of; another format gives other digests.
const FORMAT: &str = "chinampa-inputs/1";

/// Fewer projects are looked at sooner than a thread has begun.
const LEAST_PROJECTS_A_THREAD: usize = 100;

/// Parts of a tree differ in size: with several, no thread waits long for another.
const PARTS_A_THREAD: usize = 16;

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
    /// Not committed, in the work tree: the SHA-256 of the file, or of a link's target.
    Extra([u8; 32]),
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
    let mut files = committed(workspace, &projects, snapshot)?;
    let a_thread = projects.len().div_ceil(processors()).max(LEAST_PROJECTS_A_THREAD);
    if projects.len() <= a_thread {
        complete(&projects, &mut files, snapshot, work_dir)?;
    } else {
        let (open, tree) = (snapshot.repository().for_another_thread(), snapshot.tree());
        let open = &open;
        thread::scope(|scope| {
            let chunks = projects.chunks(a_thread).zip(files.chunks_mut(a_thread));
            let running: Vec<_> = chunks
                .map(|(projects, files)| {
                    scope.spawn(move || complete(projects, files, &open()?.snapshot_of_tree(tree), work_dir))
                })
                .collect();
            running.into_iter().try_for_each(|thread| thread.join().expect("reading inputs does not panic"))
        })?;
    }
    Ok(projects.into_iter().map(|(name, _)| name.clone()).zip(files).collect())
}

/// Adds what no pattern has to take, and sorts.
fn complete(
    projects: &[(&ProjectName, &Project)],
    files: &mut [Vec<InputFile>],
    snapshot: &Snapshot<'_>,
    work_dir: Option<&Path>,
) -> Result<(), InputsError> {
    for ((name, project), files) in projects.iter().zip(files) {
        for path in project.ignore_files().into_iter().chain([project.config.dockerfile.value.clone()]) {
            files.extend(committed_file(snapshot, path)?);
        }
        if !project.extra_inputs.lines().is_empty() {
            let work_dir = work_dir.ok_or_else(|| InputsError::NoWorkTree { project: (*name).clone() })?;
            files.extend(extra(&project.extra_inputs, work_dir)?);
        }
        // What is committed sorts before an extra input of the same path, and wins.
        files.sort_unstable_by(|one, other| (&one.path, &one.content).cmp(&(&other.path, &other.content)));
        files.dedup_by(|one, other| one.path == other.path);
    }
    Ok(())
}

/// The committed files that patterns take, for each project in the given order; of a large tree on several threads.
fn committed(
    workspace: &Workspace,
    projects: &[(&ProjectName, &Project)],
    snapshot: &Snapshot<'_>,
) -> Result<Vec<Vec<InputFile>>, GitError> {
    let takers = Takers {
        own: Index::new(projects.iter().map(|(_, project)| &project.patterns)),
        workspace,
        projects,
    };
    let threads = processors().min(projects.len() / LEAST_PROJECTS_A_THREAD);
    if threads <= 1 {
        return takers.files(&snapshot.parts(1)?, &AtomicUsize::new(0), snapshot);
    }
    let parts = snapshot.parts(threads * PARTS_A_THREAD)?;
    let (open, tree, next) =
        (snapshot.repository().for_another_thread(), snapshot.tree(), AtomicUsize::new(0));
    let found: Vec<Result<Vec<Vec<InputFile>>, GitError>> = thread::scope(|scope| {
        let walk = || takers.files(&parts, &next, &open()?.snapshot_of_tree(tree));
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(walk)).collect();
        running.into_iter().map(|thread| thread.join().expect("a walk does not panic")).collect()
    });
    let mut files = vec![Vec::new(); projects.len()];
    for found in found {
        for (files, found) in files.iter_mut().zip(found?) {
            files.extend(found);
        }
    }
    Ok(files)
}

/// Who takes which files.
struct Takers<'t> {
    own: Index<'t>,
    workspace: &'t Workspace,
    projects: &'t [(&'t ProjectName, &'t Project)],
}

impl Takers<'_> {
    /// The files of those parts that are next as long as there are some.
    fn files(
        &self,
        parts: &[Part],
        next: &AtomicUsize,
        snapshot: &Snapshot<'_>,
    ) -> Result<Vec<Vec<InputFile>>, GitError> {
        let of_all = Index::new([&self.workspace.rebuild_all]);
        let mut files = vec![Vec::new(); self.projects.len()];
        // A walk tells of a folder here and of its files there.
        let own = RefCell::new(self.own.walk());
        let mut enter = |path: &RepoPath| own.borrow_mut().enter(path) || of_all.can_match_below(path);
        let mut visit = |file: WalkedFile<'_>| {
            let input = || {
                let content = InputContent::Committed(file.id);
                InputFile { path: file.path.clone(), mode: file.mode, content }
            };
            own.borrow_mut().matches(file.path, |project, _| files[project].push(input()));
            of_all.matches(file.path, |_, _| files.iter_mut().for_each(|files| files.push(input())));
        };
        while let Some(part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
            snapshot.walk_part(part, &mut enter, &mut visit)?;
        }
        Ok(files)
    }
}

fn committed_file(snapshot: &Snapshot<'_>, path: RepoPath) -> Result<Option<InputFile>, GitError> {
    let Some(entry) = snapshot.entry(&path)? else { return Ok(None) };
    Ok(match entry.kind {
        crate::git::EntryKind::File(mode) => {
            Some(InputFile { path, mode, content: InputContent::Committed(entry.id) })
        }
        crate::git::EntryKind::Folder => None,
    })
}

/// Files of the work tree that patterns take. Links are not followed.
fn extra(patterns: &Patterns, work_dir: &Path) -> Result<Vec<InputFile>, InputsError> {
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
            } else if patterns.decide(&path).is_some() {
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
    let mut file = fs::File::open(path)?;
    let executable = file.metadata()?.permissions().mode() & 0o100 != 0;
    let mut hash = Sha256::new();
    io::copy(&mut file, &mut hash)?;
    Ok((if executable { FileMode::Executable } else { FileMode::Regular }, hash.finalize().into()))
}

/// The digest of each project whose files are given; what a project needs must be among them.
pub fn digests(workspace: &Workspace, files: &InputFiles) -> BTreeMap<ProjectName, InputDigest> {
    let own: Vec<(&ProjectName, &Project, &Vec<InputFile>)> = workspace
        .graph
        .order()
        .filter_map(|name| Some((name, workspace.projects.get(name)?, files.get(name)?)))
        .collect();
    let a_thread = own.len().div_ceil(processors()).max(LEAST_PROJECTS_A_THREAD);
    // What a project is made from by itself is most of the work, and the same whatever it needs.
    let begun: Vec<Fields> = thread::scope(|scope| {
        let begin = |own: &[(&ProjectName, &Project, &Vec<InputFile>)]| {
            own.iter().map(|(_, project, files)| begin(project, files)).collect::<Vec<Fields>>()
        };
        let running: Vec<_> = own.chunks(a_thread).map(|own| scope.spawn(move || begin(own))).collect();
        running.into_iter().flat_map(|thread| thread.join().expect("a digest does not panic")).collect()
    });
    let mut digests: BTreeMap<ProjectName, InputDigest> = BTreeMap::new();
    for ((name, project, _), fields) in own.into_iter().zip(begun) {
        let needs: Vec<(&ProjectName, InputDigest)> = workspace
            .graph
            .needs(name)
            .into_iter()
            .filter_map(|need| Some((need, *digests.get(need)?)))
            .collect();
        digests.insert(name.clone(), finish(fields, project, &needs));
    }
    digests
}

/// SHA-256 over fields, each preceded by its length in bytes as eight bytes, most significant first: those that say
/// nothing of other projects, which come first.
fn begin(project: &Project, files: &[InputFile]) -> Fields {
    let mut fields = Fields(Sha256::new());
    fields.add([FORMAT]);
    for file in files {
        let mode = file.mode.as_octal().as_bytes();
        match file.content {
            InputContent::Committed(id) => {
                fields.add_bytes([b"file", mode, file.path.as_bytes(), id.to_string().as_bytes()]);
            }
            InputContent::Extra(sha256) => {
                let hash = InputDigest::from_bytes(sha256).to_string();
                fields.add_bytes([b"extra", mode, file.path.as_bytes(), hash.as_bytes()]);
            }
        }
    }
    let config = &project.config;
    fields.add_bytes([b"context", config.context.value.as_bytes()]);
    fields.add(["hermetic", if config.hermetic { "true" } else { "false" }]);
    fields.add_bytes([b"dockerfile", config.dockerfile.value.as_bytes()]);
    fields.add(["target", config.target.as_ref().map_or("", |target| target.as_str())]);
    config.platforms.iter().for_each(|platform| fields.add(["platform", &platform.to_string()]));
    config.build_args.iter().for_each(|(name, value)| fields.add(["build-arg", name, value]));
    config.secrets.keys().for_each(|id| fields.add(["secret", id]));
    fields
}

fn finish(mut fields: Fields, project: &Project, needs: &[(&ProjectName, InputDigest)]) -> InputDigest {
    needs.iter().for_each(|(name, digest)| fields.add(["need", name.as_str(), &digest.to_string()]));
    project.parents.iter().for_each(|(parent, name)| fields.add(["own-parent", parent, name.as_str()]));
    project.foreign_parents.iter().for_each(|parent| fields.add(["parent", parent]));
    InputDigest::from_bytes(fields.0.finalize().into())
}

struct Fields(Sha256);

impl Fields {
    fn add<const N: usize>(&mut self, fields: [&str; N]) {
        self.add_bytes(fields.map(str::as_bytes));
    }

    fn add_bytes<const N: usize>(&mut self, fields: [&[u8]; N]) {
        for field in fields {
            self.0.update((field.len() as u64).to_be_bytes());
            self.0.update(field);
        }
    }
}
