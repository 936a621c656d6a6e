//! Opens a file beneath a folder without following a link.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, openat, statat};
use rustix::io::Errno;

use crate::model::RepoPath;

const READ: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// Opens a file beneath a folder. No component of the path may be a symbolic link: [`Errno::LOOP`].
#[cfg(target_os = "linux")]
pub(super) fn open_beneath(folder: BorrowedFd<'_>, path: &RepoPath) -> Result<OwnedFd, Errno> {
    use rustix::fs::{ResolveFlags, openat2};
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    match openat2(folder, path.as_bytes(), READ, Mode::empty(), resolve) {
        // A kernel before 5.6, and the filters of some containers.
        Err(Errno::NOSYS | Errno::PERM) => open_each(folder, path),
        opened => opened,
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn open_beneath(folder: BorrowedFd<'_>, path: &RepoPath) -> Result<OwnedFd, Errno> {
    open_each(folder, path)
}

/// The same by one step for each component.
fn open_each(folder: BorrowedFd<'_>, path: &RepoPath) -> Result<OwnedFd, Errno> {
    let open = |folder: BorrowedFd<'_>, name: &[u8], flags: OFlags| {
        openat(folder, name, READ | OFlags::NOFOLLOW | flags, Mode::empty()).map_err(|error| {
            // Where a folder is wanted, a link is said to be none.
            let is_link = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)
                .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink);
            if is_link { Errno::LOOP } else { error }
        })
    };
    let components: Vec<&[u8]> = path.components().collect();
    let Some((name, folders)) = components.split_last() else { return Err(Errno::ISDIR) };
    let mut here: Option<OwnedFd> = None;
    for component in folders {
        let folder = here.as_ref().map_or(folder, AsFd::as_fd);
        here = Some(open(folder, component, OFlags::DIRECTORY)?);
    }
    open(here.as_ref().map_or(folder, AsFd::as_fd), name, OFlags::empty())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::fs::symlink;

    use super::*;

    fn path(text: &str) -> RepoPath {
        RepoPath::new(text).unwrap()
    }

    // issue 12: S2
    #[test]
    fn a_file_is_opened_beneath_the_folder_and_no_link_is_followed() {
        let outside = tempfile::tempdir().unwrap();
        let root = outside.path().join("root");
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::write(outside.path().join("secret"), "").unwrap();
        fs::write(root.join("a/b/file"), "").unwrap();
        symlink("../../secret", root.join("a/out")).unwrap();
        symlink("b/file", root.join("a/in")).unwrap();
        symlink("b", root.join("a/folder")).unwrap();
        symlink("/proc/self/environ", root.join("a/absolute")).unwrap();
        let folder = File::open(&root).unwrap();
        for open in [open_beneath, open_each] {
            let open = |text| open(folder.as_fd(), &path(text)).map(drop);

            assert_eq!(open("a/b/file"), Ok(()));
            for link in ["a/out", "a/in", "a/folder/file", "a/absolute"] {
                assert_eq!(open(link), Err(Errno::LOOP), "{link}");
            }
            assert_eq!(open("a/none"), Err(Errno::NOENT));
            assert_eq!(open("a/b/file/x"), Err(Errno::NOTDIR));
        }
    }
}
