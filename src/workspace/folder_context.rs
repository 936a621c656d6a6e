//! A folder that a Dockerfile uses by the name of a named context.

use crate::dockerignore::DockerIgnore;
use crate::model::RepoPath;

/// A folder that is a named context: its committed files, without those that its own `.dockerignore` leaves out, are inputs of the
/// project, and are in an image of their own when it is built.
#[derive(Clone, Debug)]
pub struct FolderContext {
    /// From the repository root.
    pub folder: RepoPath,
    /// Of the manifest, where a context is this folder.
    pub line: usize,
    pub ignore: DockerIgnore,
}

impl FolderContext {
    /// Whether a file is in the folder and its `.dockerignore` leaves it there.
    pub fn takes(&self, path: &RepoPath) -> bool {
        let path = path.relative_to(&self.folder).filter(|path| !path.is_root());
        path.is_some_and(|path| !self.ignore.ignores(&path))
    }

    /// Whether a submodule is in the folder and its `.dockerignore` may leave a part of it there.
    pub fn takes_submodule(&self, path: &RepoPath) -> bool {
        let path = path.relative_to(&self.folder).filter(|path| !path.is_root());
        path.is_some_and(|path| !self.ignore.ignores_all_of(&path))
    }

    pub fn ignore_file(&self) -> RepoPath {
        ignore_file(&self.folder)
    }
}

/// What leaves files out of a folder.
pub(super) fn ignore_file(folder: &RepoPath) -> RepoPath {
    folder.join_component(b".dockerignore")
}
