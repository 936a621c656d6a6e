//! The files of a build, as they are listed for the engine.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::timeout;

use super::super::content::Reader;
use super::super::context::{self, Entry};
use super::super::stamps::{self, Assignment, BuildFiles, FileVersion, Stamp};
use super::super::{BuildRequest, Content, ContentError, Context, ContextFile, ContextReuse};
use crate::model::{FileMode, RepoPath};

/// How long another process may hold the lock of the stamps, which it needs for milliseconds.
const MAX_LOCKED: Duration = Duration::from_secs(5);

/// The two folders that a session serves, and the key under which the engine keeps them.
pub(super) struct Listing {
    pub(super) key: String,
    context: Vec<Arc<Listed>>,
    /// `Dockerfile` and nothing else.
    dockerfile: Vec<Arc<Listed>>,
}

/// A file, link or folder, in the engine's order.
pub(super) struct Listed {
    pub(super) file: File,
    pub(super) stamp: Stamp,
}

pub(super) struct File {
    pub(super) path: RepoPath,
    pub(super) entry: Entry,
    /// In bytes; 0 for a folder.
    pub(super) size: u64,
    /// Where a symbolic link leads; empty for all else.
    pub(super) link: Vec<u8>,
}

impl Listing {
    /// The folder that the engine calls so.
    pub(super) fn folder(&self, name: &[u8]) -> Option<&[Arc<Listed>]> {
        match name {
            b"context" => Some(&self.context),
            b"dockerfile" => Some(&self.dockerfile),
            _ => None,
        }
    }

    /// Reads the sizes of all files, and assigns their stamps.
    ///
    /// # Errors
    /// If a file can't be read, or the context can't be listed.
    pub(super) async fn of(request: &BuildRequest) -> Result<Self, ContentError> {
        let context = request.context.clone();
        let context = finished(spawn_blocking(move || with_sizes(&context)).await)?;
        let dockerfile = with_sizes(&folder_of_dockerfile(&request.dockerfile))?;
        let files = BuildFiles {
            context: context.iter().map(File::version).collect(),
            dockerfile: dockerfile[0].version(),
            platform: request.platform.as_ref().map(ToString::to_string).unwrap_or_default(),
        };
        let Assignment { key, context: stamps, dockerfile: stamp } = assign(&request.reuse, files).await;
        let stamped = |(file, stamp)| Arc::new(Listed { file, stamp });
        Ok(Self {
            key,
            context: context.into_iter().zip(stamps).map(stamped).collect(),
            dockerfile: dockerfile.into_iter().zip([stamp]).map(stamped).collect(),
        })
    }
}

impl File {
    fn version(&self) -> FileVersion {
        FileVersion { path: self.path.clone(), size: self.size, content: self.entry.fingerprint() }
    }
}

fn folder_of_dockerfile(text: &[u8]) -> Context {
    let path = RepoPath::new("Dockerfile").expect("a plain name is a path");
    let content = Content::Bytes(Bytes::copy_from_slice(text));
    Context { files: vec![ContextFile { path, mode: FileMode::Regular, content }] }
}

fn with_sizes(context: &Context) -> Result<Vec<File>, ContentError> {
    let mut reader = Reader::default();
    let entries = context::list(&context.files)?.into_iter();
    let with_size = |(path, entry): (RepoPath, Entry)| {
        let (size, link) = match &entry {
            Entry::Folder => (0, Vec::new()),
            Entry::File { content, .. } => (reader.size(content)?, Vec::new()),
            Entry::Link { content } => {
                let link = reader.read_whole(content)?;
                (link.len() as u64, link)
            }
        };
        Ok(File { path, entry, size, link })
    };
    entries.map(with_size).collect()
}

/// Without a table that can be written, a build reuses the files of equal builds alone.
async fn assign(reuse: &ContextReuse, files: BuildFiles) -> Assignment {
    let folder = match reuse {
        ContextReuse::Run(run) => return Assignment::of_run(run, &files),
        ContextReuse::Project { stamps } => stamps.clone(),
    };
    let files = Arc::new(files);
    let assigned = spawn_blocking({
        let (folder, files) = (folder.clone(), files.clone());
        move || stamps::assign(&folder, &files)
    });
    let error = match timeout(MAX_LOCKED, assigned).await.map(finished) {
        Ok(Ok(assignment)) => return assignment,
        Ok(Err(error)) => error.to_string(),
        Err(_) => "another process holds the lock".to_owned(),
    };
    tracing::debug!(folder = %folder.display(), "the engine gets all files of a changed context: {error}");
    Assignment::of_contents(&files)
}

/// Nobody aborts these tasks.
fn finished<T>(result: Result<T, JoinError>) -> T {
    result.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}
