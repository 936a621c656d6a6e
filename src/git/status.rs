//! Uncommitted work as git itself sees it: dirty is what `git status` lists, and its tree is that of `git commit -a`.

use std::fs;
use std::io;
use std::path::Path;

use super::program::WorkTreeGit;
use super::uncommitted::WorkTree;
use super::{GitError, ObjectId, Repository};

/// Whether programs may run that git's configuration names as filters of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filters {
    Run,
    /// All but git-lfs: they may be programs of the repository.
    NotRun,
}

/// How git-lfs installs itself.
const LFS: [&[u8]; 2] = [b"git-lfs clean -- %f", b"git-lfs filter-process"];

/// What `git status` puts before the path of a conflict.
const CONFLICTS: [&[u8]; 7] = [b"DD", b"AU", b"UD", b"UA", b"DU", b"AA", b"UU"];

impl Repository {
    /// Asks git what is uncommitted below `root`; `why` says for what git is needed, should it not be there.
    ///
    /// # Errors
    /// [`GitError::NeedsGit`], [`GitError::Conflicts`], [`GitError::FilterNotRun`], and [`GitError::Read`] when git fails.
    pub(super) fn uncommitted_of_git(
        &self,
        root: &Path,
        head_tree: ObjectId,
        filters: Filters,
        why: &str,
    ) -> Result<WorkTree, GitError> {
        let mut git = WorkTreeGit::new(self, root, why);
        let left_out = match filters {
            Filters::Run => Vec::new(),
            Filters::NotRun => leave_out_filters(&mut git)?,
        };
        let status = ["-c", "status.renames=false", "status", "--porcelain", "-z", "--untracked-files=no"];
        let listed = git.answer(&status, &[])?;
        let changed: Vec<&[u8]> = listed.split(|&byte| byte == 0).filter(|line| !line.is_empty()).collect();
        if changed.iter().any(|line| line.get(..2).is_some_and(|state| CONFLICTS.contains(&state))) {
            return Err(GitError::Conflicts);
        }
        if changed.is_empty() {
            return Ok(WorkTree { tree: head_tree, is_dirty: false });
        }
        if !left_out.is_empty() {
            check_filters(&git, &changed, &left_out)?;
        }
        let tree = self.tree_by_git(&git, &["add", "--update"])?;
        Ok(WorkTree { tree, is_dirty: true })
    }

    /// The tree that a commit would have after git added files to a copy of the index.
    pub(super) fn tree_by_git(&self, git: &WorkTreeGit<'_>, add: &[&str]) -> Result<ObjectId, GitError> {
        let not_copied = |source: io::Error| GitError::Read {
            what: "the index, to copy it,".to_owned(),
            source: source.into(),
        };
        let folder = tempfile::tempdir().map_err(not_copied)?;
        let index = folder.path().join("index");
        copy_index(&self.git_dir().join("index"), &index).map_err(not_copied)?;
        let strictly = ["-c", "add.ignoreErrors=false"];
        git.answer_with_index(&index, &[&strictly, add].concat())?;
        let tree = git.answer_with_index(&index, &["write-tree"])?;
        let tree = String::from_utf8_lossy(&tree);
        tree.trim().parse().map_err(|_| GitError::Read {
            what: "the work tree".to_owned(),
            source: format!("git wrote `{}` instead of a tree's id", tree.trim()).into(),
        })
    }
}

/// Copies an index with the time at which it was written, by which git tells which files may have changed since.
fn copy_index(from: &Path, to: &Path) -> io::Result<()> {
    let written = match from.metadata() {
        Ok(metadata) => metadata.modified()?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    fs::copy(from, to)?;
    fs::File::options().append(true).open(to)?.set_modified(written)
}

/// Takes the programs of all filters but git-lfs's out of git's settings; the names of the filters.
fn leave_out_filters(git: &mut WorkTreeGit<'_>) -> Result<Vec<Vec<u8>>, GitError> {
    let configured = git.found(&["config", "--null", "--get-regexp", r"^filter\..*\.(clean|process)$"])?;
    let mut left_out = Vec::new();
    for setting in configured.split(|&byte| byte == 0) {
        let mut parts = setting.splitn(2, |&byte| byte == b'\n');
        let (Some(key), Some(program)) = (parts.next(), parts.next()) else { continue };
        let name = key.strip_prefix(b"filter.").and_then(|key| key.rsplitn(2, |&byte| byte == b'.').nth(1));
        let Some(name) = name.filter(|_| !LFS.contains(&program)) else { continue };
        let filter = String::from_utf8_lossy(name).into_owned();
        if filter.as_bytes() != name || filter.contains('=') {
            return Err(GitError::FilterNotRun { file: ".".to_owned(), filter });
        }
        for (key, value) in [("clean", ""), ("process", ""), ("required", "false")] {
            git.set(format!("filter.{filter}.{key}={value}"));
        }
        left_out.push(name.to_owned());
    }
    Ok(left_out)
}

/// Refuses changes of which only a filter that was left out could tell what they are.
fn check_filters(git: &WorkTreeGit<'_>, changed: &[&[u8]], left_out: &[Vec<u8>]) -> Result<(), GitError> {
    let paths: Vec<&[u8]> = changed.iter().filter_map(|line| line.get(3..)).collect();
    let mut input = paths.join(&0);
    input.push(0);
    let attributes = git.answer(&["check-attr", "--stdin", "-z", "filter"], &input)?;
    let words: Vec<&[u8]> = attributes.split(|&byte| byte == 0).collect();
    for word in words.chunks_exact(3) {
        let (path, filter) = (word[0], word[2]);
        if left_out.iter().any(|name| name == filter) {
            let [file, filter] = [path, filter].map(|word| String::from_utf8_lossy(word).into_owned());
            return Err(GitError::FilterNotRun { file, filter });
        }
    }
    Ok(())
}
