//! Trees, written into a repository by this process.

use std::collections::BTreeMap;
use std::path::Path;

use chinampa::internals::git::Repository;
use chinampa::internals::model::ObjectId;

/// What a path holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    File {
        content: String,
        executable: bool,
    },
    Link(String),
    /// A submodule, by the one digit that its commit is made of.
    Submodule(u8),
}

/// A bare repository, and a folder that stands for the work tree with files that are not committed.
pub(crate) struct Store {
    _folder: tempfile::TempDir,
    work_dir: std::path::PathBuf,
    git: git2::Repository,
    repository: Repository,
}

impl Store {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let git = git2::Repository::init_bare(folder.path().join("git")).unwrap();
        let work_dir = folder.path().join("work");
        std::fs::create_dir_all(work_dir.join("p0/dist")).unwrap();
        std::fs::write(work_dir.join("p0/dist/app"), "built").unwrap();
        let repository = Repository::open(git.path()).unwrap();
        Self { _folder: folder, work_dir, git, repository }
    }

    pub(crate) fn repository(&self) -> &Repository {
        &self.repository
    }

    pub(crate) fn work_dir(&self) -> &Path {
        &self.work_dir
    }

    /// Writes a tree of these files. Where one path is within another, the shorter one is left out.
    pub(crate) fn write(&self, files: &BTreeMap<String, Entry>) -> ObjectId {
        let paths: Vec<(Vec<&str>, &Entry)> =
            files.iter().map(|(path, entry)| (path.split('/').collect(), entry)).collect();
        ObjectId::Sha1(self.folder(&paths).as_bytes().try_into().unwrap())
    }

    /// Not by `git2::Repository::blob`, which writes a file and removes it again where the blob is there already.
    fn blob(&self, content: &str) -> git2::Oid {
        self.git.odb().unwrap().write(git2::ObjectType::Blob, content.as_bytes()).unwrap()
    }

    fn folder(&self, files: &[(Vec<&str>, &Entry)]) -> git2::Oid {
        let mut builder = self.git.treebuilder(None).unwrap();
        let mut folders: BTreeMap<&str, Vec<(Vec<&str>, &Entry)>> = BTreeMap::new();
        for (path, entry) in files {
            match path.as_slice() {
                [name] => {
                    let (id, mode) = match entry {
                        Entry::File { content, executable } => {
                            let mode = if *executable { 0o100_755 } else { 0o100_644 };
                            (self.blob(content), mode)
                        }
                        Entry::Link(target) => (self.blob(target), 0o120_000),
                        Entry::Submodule(digit) => (git2::Oid::from_bytes(&[*digit; 20]).unwrap(), 0o160_000),
                    };
                    builder.insert(name, id, mode).unwrap();
                }
                [folder, rest @ ..] => folders.entry(folder).or_default().push((rest.to_vec(), entry)),
                [] => unreachable!("a path has a name"),
            }
        }
        for (name, files) in folders {
            builder.insert(name, self.folder(&files), 0o040_000).unwrap();
        }
        builder.write().unwrap()
    }
}
