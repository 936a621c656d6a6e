//! Writes what fixes itself into the work tree: each file whole or not at all, and only if it is what was
//! looked at.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::Finding;
use super::edit::{self, Edit, EditKind};
use crate::git::{GitError, Snapshot};
use crate::model::{ErrorKind, ProjectName, RepoPath};
use crate::workspace::{MANIFEST, Workspace};

/// Why files could not be written. Those that were written before are whole.
#[derive(Debug, Error)]
pub enum WriteError {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("`{file}` of the work tree is not the file that was looked at")]
    Differs { file: String },
    #[error("`{file}` is or lies behind a symbolic link, and those are not written through")]
    Link { file: String },
    #[error("cannot write `{path}`")]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl WriteError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Git(error) => error.kind(),
            Self::Differs { .. } | Self::Link { .. } => ErrorKind::Input,
            Self::Io { .. } => ErrorKind::Environment,
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Git(error) => error.hint(),
            Self::Differs { .. } => Some("run it again".to_owned()),
            Self::Link { .. } | Self::Io { .. } => None,
        }
    }
}

/// Where the manifest is that was looked at.
#[derive(Clone, Copy, Debug)]
pub enum ManifestFile<'f> {
    /// In the root of the work tree.
    OfTree,
    /// In a file that a person named.
    Named { path: &'f Path, text: &'f [u8] },
}

/// Makes the edits that need no person to decide, and returns those that were made.
///
/// `snapshot` is of the work tree in `work_dir`, and `findings` are of it and of `manifest`. Nothing is written if any of
/// the files can't be.
///
/// # Errors
/// [`WriteError`], one for each of its reasons.
pub fn fix(
    workspace: &Workspace,
    findings: &[Finding],
    snapshot: &Snapshot<'_>,
    work_dir: &Path,
    manifest: ManifestFile<'_>,
) -> Result<Vec<Edit>, WriteError> {
    let mut by_file: BTreeMap<EditedFile, (&ProjectName, Vec<&Edit>)> = BTreeMap::new();
    for finding in findings {
        let edit = finding.suggestion.as_ref().filter(|edit| edit.by_itself);
        let (Some(edit), Some(project)) = (edit, &finding.project) else { continue };
        let file = match &edit.kind {
            EditKind::RemoveNeed { .. } => Some(EditedFile::Manifest),
            _ => workspace.projects[project].inputs.pattern_file().cloned().map(EditedFile::Patterns),
        };
        let Some(file) = file else { continue };
        by_file.entry(file).or_insert((project, Vec::new())).1.push(edit);
    }
    let (mut prepared, mut made) = (Vec::new(), Vec::new());
    for (file, (project, edits)) in by_file {
        let (path, text, edited) = match &file {
            EditedFile::Manifest => {
                let (path, text) = match manifest {
                    ManifestFile::OfTree => {
                        let path = RepoPath::new(MANIFEST).expect("the manifest's name is a path");
                        (work_dir.join(MANIFEST), current(&path, snapshot, work_dir)?)
                    }
                    ManifestFile::Named { path, text } => (path.to_owned(), current_named(path, text)?),
                };
                let edited = needs(&text, &edits);
                (path, text, edited)
            }
            EditedFile::Patterns(path) => {
                let text = current(path, snapshot, work_dir)?;
                let folder = &workspace.projects[project].config.path.value;
                let edited = edit::patterns(&text, folder, &edits);
                (work_dir.join(path.to_os_path()), text, edited)
            }
        };
        let Some((edited, done)) = edited.filter(|(edited, _)| *edited != text) else { continue };
        made.extend(done);
        prepared.push((path, edited));
    }
    for (path, text) in prepared {
        replace(&path, &text).map_err(|source| WriteError::Io { path, source })?;
    }
    Ok(made)
}

/// A file that edits are of.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum EditedFile {
    Patterns(RepoPath),
    Manifest,
}

/// The manifest without some needs; from its end, so that lines keep their numbers.
fn needs(text: &[u8], edits: &[&Edit]) -> Option<(Vec<u8>, Vec<Edit>)> {
    let (mut text, mut made) = (text.to_vec(), Vec::new());
    let mut edits = edits.to_vec();
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.line));
    for edit in edits {
        let EditKind::RemoveNeed { project, need } = &edit.kind else { continue };
        if let Some(edited) = edit::without_need(&text, edit.line?, project, need) {
            text = edited;
            made.insert(0, edit.clone());
        }
    }
    Some((text, made))
}

/// The file of the work tree, if it is a file of its own and says what the snapshot says.
fn current(path: &RepoPath, snapshot: &Snapshot<'_>, work_dir: &Path) -> Result<Vec<u8>, WriteError> {
    let mut place = work_dir.to_owned();
    for name in path.to_os_path().components() {
        place.push(name);
        let there =
            fs::symlink_metadata(&place).map_err(|source| WriteError::Io { path: place.clone(), source })?;
        if there.is_symlink() {
            return Err(WriteError::Link { file: path.to_string() });
        }
    }
    let text = fs::read(&place).map_err(|source| WriteError::Io { path: place, source })?;
    // Git may convert line ends between the two.
    let lines = |text: &[u8]| -> Vec<u8> { text.iter().copied().filter(|&byte| byte != b'\r').collect() };
    match snapshot.read(path)? {
        Some(seen) if lines(&seen) == lines(&text) => Ok(text),
        _ => Err(WriteError::Differs { file: path.to_string() }),
    }
}

/// The same of a file that was named, and that may be anywhere.
fn current_named(path: &Path, seen: &[u8]) -> Result<Vec<u8>, WriteError> {
    let failed = |source| WriteError::Io { path: path.to_owned(), source };
    let file = path.display().to_string();
    if fs::symlink_metadata(path).map_err(failed)?.is_symlink() {
        return Err(WriteError::Link { file });
    }
    let text = fs::read(path).map_err(failed)?;
    if text == seen { Ok(text) } else { Err(WriteError::Differs { file }) }
}

fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text)?;
    file.as_file().set_permissions(fs::metadata(path)?.permissions())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::os::unix::fs::symlink;
    use std::process::Command;

    use super::*;
    use crate::git::Repository;
    use crate::workspace::ManifestSource;

    /// Looks at a project whose pattern file has a line too much, then lets `act` do something, then fixes.
    fn fixed_after(act: impl FnOnce(&Path)) -> (tempfile::TempDir, Result<Vec<Edit>, WriteError>) {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        fs::create_dir(folder.path().join("api")).unwrap();
        write("projects.toml", "workspace.name = 'w'\n[projects.api]\npath = 'api'\n");
        write("api/Dockerfile", "FROM scratch\nCOPY a /\n");
        write("api/a", "");
        write("api/.rebuild_patterns", "./a\n./gone\n");
        for arguments in [&["init", "-q"][..], &["add", "-A"], &["commit", "-qm", "all"]] {
            let mut git = Command::new("git");
            git.args(["-c", "user.name=test", "-c", "user.email=test@example.com"]).args(arguments);
            git.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
            assert!(git.current_dir(folder.path()).status().unwrap().success());
        }
        let repository = Repository::open(folder.path()).unwrap();
        let snapshot = repository.snapshot(repository.head().unwrap().commit).unwrap();
        let workspace = Workspace::read(&snapshot, &ManifestSource::Tree).unwrap();
        let all: BTreeSet<_> = workspace.projects.keys().cloned().collect();
        let lint = crate::lint::check(&workspace, &all, &snapshot).unwrap();

        act(folder.path());

        let fixed = fix(&workspace, &lint.findings, &snapshot, folder.path(), ManifestFile::OfTree);
        (folder, fixed)
    }

    #[test]
    fn a_file_is_replaced_whole_with_its_permissions() {
        use std::os::unix::fs::PermissionsExt as _;
        let (folder, fixed) = fixed_after(|folder| {
            let mode = fs::Permissions::from_mode(0o600);
            fs::set_permissions(folder.join("api/.rebuild_patterns"), mode).unwrap();
        });

        let file = folder.path().join("api/.rebuild_patterns");
        assert_eq!(fixed.unwrap().len(), 1);
        assert_eq!(fs::read_to_string(&file).unwrap(), "./a\n");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path().join("api")).unwrap().count(), 3);
    }

    #[test]
    fn nothing_is_written_through_a_link() {
        let outside = tempfile::tempdir().unwrap();
        let place = outside.path().join("api");

        for link_to in ["api", "api/.rebuild_patterns"] {
            let (_folder, fixed) = fixed_after(|folder| {
                let from = folder.join(link_to);
                let to = outside.path().join(link_to);
                fs::create_dir_all(to.parent().unwrap()).unwrap();
                fs::rename(&from, &to).unwrap();
                symlink(&to, &from).unwrap();
            });

            assert!(matches!(fixed, Err(WriteError::Link { .. })), "{link_to}: {fixed:?}");
            assert_eq!(fs::read_to_string(place.join(".rebuild_patterns")).unwrap(), "./a\n./gone\n");
        }
    }

    #[test]
    fn a_file_that_changed_meanwhile_stays_as_it_is() {
        let (folder, fixed) =
            fixed_after(|folder| fs::write(folder.join("api/.rebuild_patterns"), "./b\n").unwrap());

        assert!(matches!(fixed, Err(WriteError::Differs { .. })), "{fixed:?}");
        assert_eq!(fs::read_to_string(folder.path().join("api/.rebuild_patterns")).unwrap(), "./b\n");
    }

    #[test]
    fn a_file_whose_line_ends_git_converts_keeps_them() {
        let (folder, _) = fixed_after(|folder| {
            fs::write(folder.join("api/.rebuild_patterns"), "./a\r\n./gone\r\n").unwrap();
        });

        assert_eq!(fs::read_to_string(folder.path().join("api/.rebuild_patterns")).unwrap(), "./a\r\n");
    }
}
