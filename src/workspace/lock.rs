//! `projects.lock` in a tree, and what it lacks.

use std::collections::BTreeSet;

use super::{ExternalImage, LOCK_FILE, NeededManifest, Variant};
use crate::config::{LockFile, ManifestErrors, Problem, ProjectConfig};
use crate::git::{Entry, EntryKind, GitError, Snapshot};
use crate::model::{FileMode, RepoPath};

/// Reads the lock file of a tree; `None` where there is none.
///
/// # Errors
/// [`GitError`] when the object database fails. What is wrong with the file is the inner error.
pub(super) fn read(snapshot: &Snapshot<'_>) -> Result<Result<Option<LockFile>, ManifestErrors>, GitError> {
    let path = RepoPath::new(LOCK_FILE).expect("the lock file's name is a path");
    if let Some(Entry { kind: EntryKind::File(FileMode::Symlink), .. }) = snapshot.entry(&path)? {
        let message = "it is a symbolic link, which is not followed: commit the file itself there".to_owned();
        let problem = Problem { file: LOCK_FILE.to_owned(), line: 1, message, hint: None };
        return Ok(Err(ManifestErrors { problems: vec![problem], more: 0 }));
    }
    let text = snapshot.read(&path)?;
    Ok(text.map(|text| LockFile::parse(&text, LOCK_FILE)).transpose())
}

/// What a project names that the lock file lacks, once a line.
pub(super) fn unlocked(config: &ProjectConfig, lock: &LockFile, variants: &[Variant]) -> Vec<Problem> {
    let mut reported = BTreeSet::new();
    let mut problems = Vec::new();
    let all = variants.iter().flat_map(|variant| &variant.external);
    for ExternalImage { reference, image, line, manifest, .. } in all.filter(|image| image.pin.is_none()) {
        let message = match (lock.get(image), manifest) {
            (Some(_), NeededManifest::Of(platform)) => {
                format!("`{LOCK_FILE}` has no manifest of `{reference}` for {platform}")
            }
            _ => format!("`{reference}` is not in `{LOCK_FILE}`"),
        };
        if reported.insert((*line, message.clone())) {
            let (file, line) = (config.dockerfile.value.to_string(), *line);
            let hint = Some("`chinampa lock` adds it".to_owned());
            problems.push(Problem { file, line, message, hint });
        }
    }
    problems
}
