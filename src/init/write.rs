//! Writes files so that either all of them are there, or things are as they were.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile, TempPath};

use super::{Existing, InitError, NewFile};

/// Writes each file below `root`, next to its place first, then all into their places.
///
/// # Errors
/// [`InitError::AlreadyThere`] for a file that is there, unless it may be replaced; [`InitError::Write`] when one
/// can't be written. In both cases what was there is there again, and nothing else is.
pub fn write(root: &Path, files: &[NewFile]) -> Result<(), InitError> {
    let mut waiting = Vec::new();
    for NewFile { path, content, existing } in files {
        let target = root.join(path.to_os_path());
        let failed = |source| InitError::Write { path: target.clone(), source };
        if *existing == Existing::Keep && fs::symlink_metadata(&target).is_ok() {
            return Err(InitError::AlreadyThere { path: path.clone() });
        }
        waiting.push((prepared(&target, content).map_err(failed)?, target, *existing));
    }
    let mut done: Vec<Done> = Vec::new();
    for (file, target, existing) in waiting {
        match Done::put(file, &target, existing) {
            Ok(one) => done.push(one),
            Err(source) => {
                done.into_iter().rev().for_each(Done::undo);
                return Err(InitError::Write { path: target, source });
            }
        }
    }
    Ok(())
}

fn prepared(target: &Path, content: &[u8]) -> io::Result<TempPath> {
    let folder = target.parent().unwrap_or(Path::new("."));
    let mut builder = Builder::new();
    // The mode of any new file: the user's mask takes away what others may not.
    builder.prefix(".chinampa-").permissions(fs::Permissions::from_mode(0o666));
    let mut file: NamedTempFile = builder.tempfile_in(folder)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    Ok(file.into_temp_path())
}

/// A file that is in its place, and how to remove it again.
struct Done {
    target: PathBuf,
    before: Option<TempPath>,
}

impl Done {
    fn put(file: TempPath, target: &Path, existing: Existing) -> io::Result<Self> {
        let mut before = None;
        if existing == Existing::Replace && fs::symlink_metadata(target).is_ok() {
            let folder = target.parent().unwrap_or(Path::new("."));
            let place = Builder::new().prefix(".chinampa-").tempfile_in(folder)?.into_temp_path();
            fs::rename(target, &place)?;
            before = Some(place);
        }
        let done = Self { target: target.to_owned(), before };
        match file.persist_noclobber(target) {
            Ok(()) => Ok(done),
            Err(error) => {
                done.restore();
                Err(error.error)
            }
        }
    }

    fn undo(self) {
        // What can't be removed is replaced by what was there, where something was.
        let _ = fs::remove_file(&self.target);
        self.restore();
    }

    fn restore(self) {
        if let Some(before) = self.before {
            // It was renamed there a moment ago; where it can't come back, it stays there and is not removed.
            if let Err(error) = before.persist(&self.target) {
                let _ = error.path.keep();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RepoPath;

    fn file(path: &str, content: &str, existing: Existing) -> NewFile {
        NewFile { path: RepoPath::new(path).unwrap(), content: content.into(), existing }
    }

    fn names(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn nothing_is_written_where_one_file_is_there_already() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("b"), "old").unwrap();

        let files = [file("a", "1", Existing::Replace), file("b", "2", Existing::Keep)];
        let result = write(root.path(), &files);

        assert!(matches!(result, Err(InitError::AlreadyThere { .. })));
        assert_eq!(names(root.path()), ["b"]);
        assert_eq!(fs::read(root.path().join("b")).unwrap(), b"old");
    }

    #[test]
    fn what_was_replaced_is_back_when_a_later_file_cannot_be_written() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("a"), "old").unwrap();
        fs::create_dir_all(root.path().join("b/full")).unwrap();
        let some = || vec![file("a", "1", Existing::Replace), file("c", "3", Existing::Keep)];
        // One whose folder is missing, and one whose place a folder has.
        for last in ["missing/d", "b"] {
            let files = [some(), vec![file(last, "4", Existing::Replace)]].concat();

            let result = write(root.path(), &files);

            assert!(matches!(result, Err(InitError::Write { .. })), "{last}");
            assert_eq!(names(root.path()), ["a", "b"], "{last}");
            assert_eq!(fs::read(root.path().join("a")).unwrap(), b"old", "{last}");
        }
        write(root.path(), &some()).unwrap();
        assert_eq!(fs::read(root.path().join("a")).unwrap(), b"1");
        assert_eq!(names(root.path()), ["a", "b", "c"]);
    }
}
