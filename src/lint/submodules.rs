//! Submodules that are copied and that git can't fetch.

use std::collections::BTreeSet;

use super::walk::{Subject, Taken};
use super::{Code, Finding};
use crate::git::{GitError, Snapshot};
use crate::model::RepoPath;

/// The submodules that any source takes and that `.gitmodules` does not name.
///
/// # Errors
/// [`GitError`] when `.gitmodules` can't be read.
pub(super) fn unnamed(
    subjects: &[Subject<'_>],
    snapshot: &Snapshot<'_>,
) -> Result<BTreeSet<RepoPath>, GitError> {
    let all = || subjects.iter().flat_map(|subject| &subject.taken).flat_map(|taken| &taken.submodules);
    if all().next().is_none() {
        return Ok(BTreeSet::new());
    }
    let named = snapshot.submodules_with_names()?;
    Ok(all().filter(|path| !named.contains(*path)).cloned().collect())
}

/// A finding for each of them and each source of the project that takes it.
pub(super) fn check(subject: &Subject<'_>, unnamed: &BTreeSet<RepoPath>, findings: &mut Vec<Finding>) {
    for (source, Taken { submodules, .. }) in subject.sources.iter().zip(&subject.taken) {
        for path in submodules.iter().filter(|path| unnamed.contains(*path)) {
            findings.push(Finding {
                project: Some(subject.name.clone()),
                file: subject.project.config.dockerfile.value.to_string(),
                line: source.line,
                code: Code::CopiesSubmodule,
                message: format!(
                    "`{path}` is a submodule that `.gitmodules` does not name, so no clone has its files: `git submodule add` names it"
                ),
                suggestion: None,
            });
        }
    }
}
