//! The committed files that patterns take, whosever inputs they are.

use std::collections::BTreeMap;

use super::{InputContent, InputFile, filters};
use crate::git::{GitError, Snapshot, is_attributes_file};
use crate::patterns::{Index, Patterns};

/// Finds them in one walk, sorted by path; submodules by their own path alone.
///
/// # Errors
/// [`GitError`] when a tree can't be read.
pub fn matching(snapshot: &Snapshot<'_>, patterns: &Patterns) -> Result<Vec<InputFile>, GitError> {
    let index = Index::new([patterns]);
    let (mut files, mut attributes) = (Vec::new(), BTreeMap::new());
    snapshot.walk(&mut |folder| folder.is_root() || index.can_match_below(folder), &mut |file| {
        if is_attributes_file(file.path) && file.mode.is_regular() {
            attributes.insert(file.path.clone(), file.id);
        }
        if patterns.decide(file.path).is_some() {
            let content = InputContent::Committed(file.id);
            files.push(InputFile { path: file.path.clone(), mode: file.mode, content });
        }
    })?;
    let mut all = [files];
    filters::mark(&mut all, &snapshot.attributes(&attributes)?);
    let [mut files] = all;
    files.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}
