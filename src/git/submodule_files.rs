//! The files of a submodule at the commit that a tree names, those of nested ones included.
//!
//! They are read from the submodule's own repository: the one that is checked out, else the one below `modules` in the git folder.
//! Which of them gives the files makes no difference, because the commit's id says what they are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use thiserror::Error;

use super::submodules::{GITMODULES, MAX_SUBMODULES_DEEP};
use super::tree::Snapshot;
use super::{Blobs, Download, GitError, LfsError, LfsObject, Repository, is_attributes_file, program};
use crate::model::{CommitId, ErrorKind, FileMode, ObjectId, RepoPath};

/// One file of a submodule.
#[derive(Debug)]
pub struct SubmoduleFile {
    /// From the root of the outermost repository.
    pub path: RepoPath,
    /// Never that of a submodule.
    pub mode: FileMode,
    pub content: SubmoduleContent,
}

/// Where the content of such a file is, or the target of a link.
#[derive(Debug)]
pub enum SubmoduleContent {
    Blob { blobs: Blobs, id: ObjectId },
    Lfs(LfsObject),
    Link(Vec<u8>),
}

/// Whether what a submodule lacks is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubmoduleFetch {
    Allowed,
    NotAsked,
    /// What is fetched stays in a clone that others may use.
    Untrusted,
}

/// What is done about what is missing.
#[derive(Clone, Copy, Debug)]
pub struct Fetching {
    pub submodules: SubmoduleFetch,
    pub lfs: Download,
}

/// Why the files of a submodule can't be read.
#[derive(Debug, Error)]
pub enum SubmoduleError {
    #[error("the submodule `{path}` is not here: {trouble}")]
    Missing {
        path: RepoPath,
        trouble: &'static str,
        /// Brings it.
        command: String,
        fetch: SubmoduleFetch,
    },
    #[error("cannot fetch the submodule `{path}`")]
    Fetch { path: RepoPath, source: GitError },
    #[error("the submodule `{path}` lies in more than {MAX_SUBMODULES_DEEP} others")]
    TooDeep { path: RepoPath },
    #[error("cannot read the submodule `{path}`")]
    Read { path: RepoPath, source: GitError },
    #[error(transparent)]
    Lfs(#[from] LfsError),
}

impl SubmoduleError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Missing { .. } | Self::Fetch { .. } => ErrorKind::Environment,
            Self::TooDeep { .. } => ErrorKind::Input,
            Self::Read { source, .. } => source.kind(),
            Self::Lfs(error) => error.kind(),
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { command, fetch, .. } => Some(match fetch {
                SubmoduleFetch::NotAsked => format!("`{command}` brings it, and so does `--fetch`"),
                SubmoduleFetch::Allowed => format!("`{command}` brings it"),
                SubmoduleFetch::Untrusted => {
                    format!("`{command}` brings it; a run that is not trusted fetches nothing")
                }
            }),
            Self::Fetch { source, .. } | Self::Read { source, .. } => source.hint(),
            Self::TooDeep { .. } => None,
            Self::Lfs(error) => error.hint(),
        }
    }
}

impl Snapshot<'_> {
    /// The paths of the submodules that `.gitmodules` names. Only of these git knows where they are fetched from.
    ///
    /// # Errors
    /// [`GitError::Read`] when git can't read the file.
    pub fn submodules_with_names(&self) -> Result<BTreeSet<RepoPath>, GitError> {
        let named = gitmodules(self)?.into_iter();
        Ok(named.filter_map(|named| RepoPath::new(named.path).ok()).collect())
    }

    /// The files of the submodule at `path` that `keep` wants, in path order.
    ///
    /// # Errors
    /// [`SubmoduleError::Missing`] when it is not initialised, or its repository lacks the commit.
    pub fn submodule_files(
        &self,
        path: &RepoPath,
        commit: CommitId,
        fetching: Fetching,
        keep: &dyn Fn(&RepoPath) -> bool,
    ) -> Result<Vec<SubmoduleFile>, SubmoduleError> {
        let mut reader = Reader { fetching, keep, files: Vec::new() };
        reader.submodule(self, &RepoPath::default(), path, commit, 0)?;
        Ok(reader.files)
    }
}

struct Reader<'k> {
    fetching: Fetching,
    keep: &'k dyn Fn(&RepoPath) -> bool,
    files: Vec<SubmoduleFile>,
}

impl Reader<'_> {
    /// Adds the files of the submodule at `path` in `outer`, which itself is at `above`.
    fn submodule(
        &mut self,
        outer: &Snapshot<'_>,
        above: &RepoPath,
        path: &RepoPath,
        commit: CommitId,
        depth: usize,
    ) -> Result<(), SubmoduleError> {
        let whole = above.join(path);
        if depth >= MAX_SUBMODULES_DEEP {
            return Err(SubmoduleError::TooDeep { path: whole });
        }
        let read = |source| SubmoduleError::Read { path: whole.clone(), source };
        let repository = self.repository(outer, above, path, commit)?;
        let snapshot = repository.snapshot(commit).map_err(read)?;
        let mut found: Vec<(RepoPath, FileMode, ObjectId)> = Vec::new();
        let mut attributes = BTreeMap::new();
        snapshot
            .walk(&mut |_| true, &mut |file| {
                if is_attributes_file(file.path) && file.mode.is_regular() {
                    attributes.insert(file.path.clone(), file.id);
                }
                if file.mode == FileMode::Submodule || (self.keep)(&whole.join(file.path)) {
                    found.push((file.path.clone(), file.mode, file.id));
                }
            })
            .map_err(read)?;
        let blobs = found.iter().filter(|(_, mode, _)| *mode != FileMode::Submodule).map(|(_, _, id)| *id);
        repository.fetch_from_promisor(blobs).map_err(read)?;
        let attributes = snapshot.attributes(&attributes).map_err(read)?;
        let mut filters = attributes.lookup();
        let lfs = repository.lfs_store(self.fetching.lfs).map_err(read)?;
        for (inner, mode, id) in found {
            let path = whole.join(&inner);
            let blob = || SubmoduleContent::Blob { blobs: repository.blobs(), id };
            let content = match mode {
                FileMode::Submodule => {
                    self.submodule(&snapshot, &whole, &inner, CommitId(id), depth + 1)?;
                    continue;
                }
                FileMode::Symlink => SubmoduleContent::Link(snapshot.blob(id, &inner).map_err(read)?),
                FileMode::Regular | FileMode::Executable if filters.is_lfs(&inner) => {
                    lfs.object(id, &path)?.map_or_else(blob, SubmoduleContent::Lfs)
                }
                FileMode::Regular | FileMode::Executable => blob(),
            };
            self.files.push(SubmoduleFile { path, mode, content });
        }
        Ok(())
    }

    /// The repository that has the commit.
    fn repository(
        &self,
        outer: &Snapshot<'_>,
        above: &RepoPath,
        path: &RepoPath,
        commit: CommitId,
    ) -> Result<Repository, SubmoduleError> {
        let whole = above.join(path);
        let read = |source| SubmoduleError::Read { path: whole.clone(), source };
        let not_fetched = |source| SubmoduleError::Fetch { path: whole.clone(), source };
        let may_fetch = self.fetching.submodules == SubmoduleFetch::Allowed;
        let mut found = locate(outer, path).map_err(read)?;
        if found.is_none() && may_fetch && outer.repository().work_dir().is_some() {
            initialise(outer.repository(), path).map_err(not_fetched)?;
            found = locate(outer, path).map_err(read)?;
        }
        let Some(repository) = found else {
            return Err(self.is_missing(above, whole, "it is not initialised"));
        };
        if !repository.has(commit) && may_fetch {
            fetch(&repository, commit).map_err(not_fetched)?;
        }
        if repository.has(commit) {
            return Ok(repository);
        }
        Err(self.is_missing(above, whole, "its repository lacks the commit"))
    }

    fn is_missing(&self, above: &RepoPath, path: RepoPath, trouble: &'static str) -> SubmoduleError {
        let (recursive, named) = if above.is_root() { ("", &path) } else { (" --recursive", above) };
        let named = named.to_string();
        let is_plain = |char: char| char.is_ascii_alphanumeric() || "/._-+@".contains(char);
        let named =
            if named.chars().all(is_plain) && !named.starts_with('-') { &format!(" {named}") } else { "" };
        let command = format!("git submodule update --init{recursive}{named}");
        SubmoduleError::Missing { path, trouble, command, fetch: self.fetching.submodules }
    }
}

/// The submodule's repository, if it is there: checked out, or below `modules` under the name that `.gitmodules` gives it.
fn locate(outer: &Snapshot<'_>, path: &RepoPath) -> Result<Option<Repository>, GitError> {
    let repository = outer.repository();
    if let Some(folder) = repository.work_dir().map(|root| root.join(path.to_os_path()))
        // Without this, the outer repository would be found.
        && folder.join(".git").exists()
    {
        return repository.open_another(&folder).map(Some);
    }
    let Some(name) = name(outer, path)? else { return Ok(None) };
    let folders =
        [repository.git_dir(), repository.common_dir()].map(|folder| folder.join("modules").join(&name));
    match folders.iter().find(|folder| folder.join("HEAD").is_file()) {
        Some(folder) => repository.open_another_git_dir(folder).map(Some),
        None => Ok(None),
    }
}

/// The name of a submodule, which its repository has below `modules`. A name that leads elsewhere is none.
fn name(outer: &Snapshot<'_>, path: &RepoPath) -> Result<Option<PathBuf>, GitError> {
    let named = gitmodules(outer)?.into_iter().find(|named| named.path == path.as_bytes());
    // What is checked for a path of the repository holds for it, too: it leads down from `modules`.
    Ok(named
        .and_then(|named| RepoPath::new(named.name).ok())
        .filter(|name| !name.is_root())
        .map(|name| name.to_os_path()))
}

/// An entry of `.gitmodules`, as it is written.
struct NamedSubmodule {
    name: Vec<u8>,
    path: Vec<u8>,
}

fn gitmodules(outer: &Snapshot<'_>) -> Result<Vec<NamedSubmodule>, GitError> {
    let Some(id) = outer.file(&RepoPath::new(GITMODULES).expect("the name of a file is a path"))? else {
        return Ok(Vec::new());
    };
    let mut git = outer.repository().git();
    git.args(["config", "--no-includes", "-z", &format!("--blob={id}")]);
    git.args(["--get-regexp", r"^submodule\..*\.path$"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = git.output().map_err(GitError::NoGit)?;
    // 1: none is there.
    if !output.status.success() && output.status.code() != Some(1) {
        return Err(GitError::Read { what: format!("`{GITMODULES}`"), source: program::words(&output) });
    }
    let entries = output.stdout.split(|&byte| byte == 0).filter_map(|entry| {
        let end = entry.iter().position(|&byte| byte == b'\n')?;
        let name = entry[..end].strip_prefix(b"submodule.")?.strip_suffix(b".path")?;
        Some(NamedSubmodule { name: name.to_owned(), path: entry[end + 1..].to_owned() })
    });
    Ok(entries.collect())
}

/// Fetches one commit.
fn fetch(repository: &Repository, commit: CommitId) -> Result<(), GitError> {
    tracing::info!(%commit, "git fetches a submodule's commit");
    let mut git = repository.git();
    git.args(["fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-auto-maintenance"]);
    if repository.is_shallow() {
        git.arg("--depth=1");
    }
    run(git.args(["--", "origin", &commit.to_string()]), &format!("{commit}"))
}

/// Lets git clone a submodule and check it out, as the outer repository's settings and `protocol.allow` let it.
fn initialise(outer: &Repository, path: &RepoPath) -> Result<(), GitError> {
    let root = outer.work_dir().unwrap_or(Path::new("."));
    tracing::info!(%path, "git fetches a submodule");
    let mut git = outer.git();
    git.arg("--work-tree").arg(root).current_dir(root).args(["-c", "core.hooksPath=/dev/null"]);
    run(
        git.args(["submodule", "--quiet", "update", "--init", "--"]).arg(path.to_os_path()),
        &path.to_string(),
    )
}

fn run(git: &mut Command, what: &str) -> Result<(), GitError> {
    // As git itself does where a URL comes from a repository: only protocols that `protocol.allow` lets.
    git.env("GIT_PROTOCOL_FROM_USER", "0").env("GIT_TERMINAL_PROMPT", "0");
    let output = git.stdout(Stdio::null()).stderr(Stdio::piped()).output().map_err(GitError::NoGit)?;
    if output.status.success() {
        return Ok(());
    }
    // `git submodule` retries, and says so in the end.
    let said = String::from_utf8_lossy(&output.stderr);
    let trouble = said.lines().find(|line| line.starts_with("fatal: ")).unwrap_or(&said);
    Err(GitError::Fetch { what: format!("`{what}`"), source: program::last_line(trouble).into() })
}
