//! Trees as git stores them: `<mode> <name>NUL<id>` for each entry, in git's order. The format says how long an id is.

use std::cmp::Ordering;

use super::GitError;
use crate::model::{FileMode, ObjectFormat, ObjectId, RepoPath};

/// One entry of a raw tree.
#[derive(Clone, Copy, Debug)]
pub struct RawEntry<'t> {
    /// As it is written: git wrote modes in more than one way.
    pub mode: &'t [u8],
    /// One component of a path, checked.
    pub name: &'t [u8],
    pub kind: EntryKind,
    pub id: ObjectId,
}

/// A folder, or a file of some mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    Folder,
    File(FileMode),
}

impl RawEntry<'_> {
    pub(super) fn path_in(&self, folder: &RepoPath) -> RepoPath {
        folder.join_component(self.name)
    }

    /// Git's order of entries: a folder counts as if its name ended with `/`.
    pub fn git_order(&self, other: &Self) -> Ordering {
        let common = self.name.len().min(other.name.len());
        let end = |entry: &Self| {
            let folder_end = if entry.kind == EntryKind::Folder { b'/' } else { 0 };
            entry.name.get(common).copied().unwrap_or(folder_end)
        };
        self.name[..common]
            .cmp(&other.name[..common])
            .then_with(|| end(self).cmp(&end(other)))
            .then_with(|| self.name.len().cmp(&other.name.len()))
    }
}

/// Reads the entries of a raw tree, as they come; `folder` is for messages.
///
/// Nothing of a repository is asked: the bytes of a tree object, without its header, are enough. After an
/// error there are no more entries.
///
/// # Errors
/// [`GitError::MalformedTree`] for what is no entry, and for names that git itself would refuse.
pub fn entries<'t>(
    tree: &'t [u8],
    format: ObjectFormat,
    folder: &RepoPath,
) -> impl Iterator<Item = Result<RawEntry<'t>, GitError>> {
    raw_entries(tree, format)
        .map(|entry| entry.map_err(|reason| GitError::MalformedTree { folder: folder.clone(), reason }))
}

/// The same without a folder to name.
pub(super) fn raw_entries(
    tree: &[u8],
    format: ObjectFormat,
) -> impl Iterator<Item = Result<RawEntry<'_>, &'static str>> {
    let mut rest = tree;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let split = split_entry(rest, format);
        rest = split.as_ref().map_or(&[], |(_, after)| after);
        Some(split.map(|(entry, _)| entry))
    })
}

fn split_entry(tree: &[u8], format: ObjectFormat) -> Result<(RawEntry<'_>, &[u8]), &'static str> {
    let space = tree.iter().position(|&byte| byte == b' ').ok_or("an entry has no mode")?;
    let (mode, rest) = (&tree[..space], &tree[space + 1..]);
    let end = rest.iter().position(|&byte| matches!(byte, 0 | b'/')).ok_or("a name does not end")?;
    let (name, after) = (&rest[..end], &rest[end + 1..]);
    if matches!(name, b"" | b"." | b"..") || rest[end] == b'/' {
        return Err("an entry has a name that could leave its folder");
    }
    let (id, rest) = after.split_at_checked(format.id_bytes()).ok_or("an object id is cut off")?;
    let id = ObjectId::from_slice(id).ok_or("an object id is cut off")?;
    Ok((RawEntry { mode, name, kind: entry_kind(mode)?, id }, rest))
}

fn entry_kind(mode: &[u8]) -> Result<EntryKind, &'static str> {
    match mode {
        b"40000" | b"040000" => Ok(EntryKind::Folder),
        b"120000" => Ok(EntryKind::File(FileMode::Symlink)),
        b"160000" => Ok(EntryKind::File(FileMode::Submodule)),
        [b'1', b'0', b'0', permissions @ ..] if permissions.len() == 3 => {
            let owner_executes = matches!(permissions[0], b'1' | b'3' | b'5' | b'7');
            Ok(EntryKind::File(if owner_executes { FileMode::Executable } else { FileMode::Regular }))
        }
        _ => Err("an entry has a mode that git does not know"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(entries: &[(&str, &str)], format: ObjectFormat) -> Vec<u8> {
        let mut tree = Vec::new();
        for (mode, name) in entries {
            tree.extend_from_slice(format!("{mode} {name}\0").as_bytes());
            tree.extend_from_slice(&vec![7; format.id_bytes()]);
        }
        tree
    }

    fn read(tree: &[u8], format: ObjectFormat) -> Result<Vec<EntryKind>, GitError> {
        entries(tree, format, &RepoPath::default()).map(|entry| entry.map(|entry| entry.kind)).collect()
    }

    #[test]
    fn every_mode_is_read_and_an_unknown_one_is_an_error() {
        use FileMode::{Executable, Regular, Submodule, Symlink};
        let modes = ["100644", "100755", "100664", "120000", "160000", "40000"];
        let expected = [Regular, Executable, Regular, Symlink, Submodule].map(EntryKind::File);
        for format in [ObjectFormat::Sha1, ObjectFormat::Sha256] {
            let tree = raw(&modes.map(|mode| (mode, "a")), format);

            let kinds = read(&tree, format).unwrap();

            assert_eq!(kinds[..5], expected);
            assert_eq!(kinds[5], EntryKind::Folder);
            assert!(read(&raw(&[("777", "a")], format), format).is_err());
        }
    }

    #[test]
    fn a_hostile_tree_is_an_error_and_never_a_panic() {
        for format in [ObjectFormat::Sha1, ObjectFormat::Sha256] {
            for name in ["", ".", "..", "a/b"] {
                assert!(read(&raw(&[("100644", name)], format), format).is_err(), "{name:?} was accepted");
            }
            let whole = raw(&[("100644", "a"), ("40000", "b")], format);
            for cut in 1..whole.len() {
                let _ = read(&whole[..cut], format);
            }
        }
    }

    #[test]
    fn a_folder_sorts_as_if_its_name_ended_with_a_slash() {
        let entry = |name, kind| RawEntry { mode: b"", name, kind, id: ObjectId::Sha1([0; 20]) };
        let file = EntryKind::File(FileMode::Regular);

        assert_eq!(entry(b"a", EntryKind::Folder).git_order(&entry(b"a.b", file)), Ordering::Greater);
        assert_eq!(entry(b"a", file).git_order(&entry(b"a.b", file)), Ordering::Less);
        assert_eq!(entry(b"a", file).git_order(&entry(b"a", EntryKind::Folder)), Ordering::Less);
    }
}
