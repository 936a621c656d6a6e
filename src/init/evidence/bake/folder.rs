//! The folder that bake is run in. Contexts are relative to it, not to the file, and the file does not say it.

use super::Look;
use crate::git::{EntryKind, GitError};
use crate::init::evidence::resolve;
use crate::model::RepoPath;

/// What a target takes from the folder, as it is written.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) context: String,
    /// Relative to the context; `None` where the file has the Dockerfile's text.
    pub(super) dockerfile: Option<String>,
}

/// A folder, and what is doubtful about it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RunFolder {
    pub(super) path: RepoPath,
    pub(super) doubt: Option<String>,
}

/// The folder above the file, or its own, from which most of what the targets take is there.
///
/// Among equals it is the file's own folder, then the root, then the nearest of the others.
pub(super) fn run_folder(own: &RepoPath, taken: &[Taken], look: Look<'_>) -> Result<RunFolder, GitError> {
    let mut folders = vec![own.clone()];
    if !own.is_root() {
        folders.push(RepoPath::default());
        let above = std::iter::successors(own.parent(), RepoPath::parent);
        folders.extend(above.filter(|folder| !folder.is_root()));
    }
    let mut counts = Vec::new();
    for folder in &folders {
        let mut count = 0_usize;
        for taken in taken {
            count += usize::from(is_there(folder, taken, look)?);
        }
        counts.push(count);
    }
    let most = counts.iter().copied().max().unwrap_or(0);
    let best = counts.iter().position(|count| *count == most).unwrap_or(0);
    let doubt = match (folders.len(), most) {
        (1, _) => None,
        (_, 0) if taken.is_empty() => None,
        (_, 0) => Some(format!(
            "no Dockerfile of its targets is there, as seen from `{own}` or from a folder above"
        )),
        _ if best == 0 && counts[1] == most => {
            Some(format!("its paths are there as seen from `{own}` and from the root: read from `{own}`"))
        }
        _ => None,
    };
    Ok(RunFolder { path: folders.swap_remove(best), doubt })
}

fn is_there(folder: &RepoPath, taken: &Taken, look: Look<'_>) -> Result<bool, GitError> {
    let Some(context) = resolve(folder, &taken.context) else { return Ok(false) };
    match &taken.dockerfile {
        None => Ok(look(&context)? == Some(EntryKind::Folder)),
        Some(dockerfile) => match resolve(&context, dockerfile) {
            Some(dockerfile) => Ok(matches!(look(&dockerfile)?, Some(EntryKind::File(_)))),
            None => Ok(false),
        },
    }
}
