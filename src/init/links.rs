//! Symbolic links to Dockerfiles: the link gives a name and a folder, the file is what is built.

use std::collections::BTreeSet;

use super::Ignored;
use super::evidence::{Build, Strength, resolve};
use crate::git::{Entry, EntryKind, GitError, Snapshot};
use crate::model::{FileMode, RepoPath};

/// As many links are followed as Linux follows.
const MAX_LINKS: usize = 40;

/// Puts the file in place of each link to a Dockerfile. A link that no file is behind is ignored, and of two links in one folder to
/// one file that nobody names, one counts.
pub(super) fn follow(
    snapshot: &Snapshot<'_>,
    builds: Vec<Build>,
    ignored: &mut Vec<Ignored>,
) -> Result<Vec<Build>, GitError> {
    let mut followed = Vec::new();
    let mut seen: BTreeSet<(RepoPath, RepoPath)> = BTreeSet::new();
    for build in builds {
        if !is_link(snapshot, &build.dockerfile)? {
            followed.push(build);
            continue;
        }
        let link = build.dockerfile.clone();
        let Some(file) = target(snapshot, &link)? else {
            let why = format!("the symbolic link `{link}` leads to no file of the repository");
            ignored.push(Ignored { at: build.found, why });
            continue;
        };
        let folder = link.parent().unwrap_or_default();
        if build.strength < Strength::File || seen.insert((folder, file.clone())) {
            followed.push(Build { dockerfile: file, link: Some(link), ..build });
        }
    }
    Ok(followed)
}

fn is_link(snapshot: &Snapshot<'_>, path: &RepoPath) -> Result<bool, GitError> {
    let entry = snapshot.entry(path)?;
    Ok(matches!(entry, Some(Entry { kind: EntryKind::File(FileMode::Symlink), .. })))
}

/// The regular file of the repository behind a link.
fn target(snapshot: &Snapshot<'_>, link: &RepoPath) -> Result<Option<RepoPath>, GitError> {
    let mut path = link.clone();
    for _ in 0..MAX_LINKS {
        match snapshot.entry(&path)? {
            Some(Entry { kind: EntryKind::File(FileMode::Symlink), id }) => {
                let text = snapshot.blob(id, &path)?;
                let folder = path.parent().unwrap_or_default();
                let next = std::str::from_utf8(&text).ok().and_then(|text| resolve(&folder, text));
                match next {
                    Some(next) => path = next,
                    None => return Ok(None),
                }
            }
            Some(Entry { kind: EntryKind::File(FileMode::Regular | FileMode::Executable), .. }) => {
                return Ok(Some(path));
            }
            _ => return Ok(None),
        }
    }
    Ok(None)
}
