//! Tells when files of a work tree have changed, as the operating system reports it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{Config, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::WatchError;

/// Changes that follow each other within this time count as one: editors and git write several files.
const QUIET: Duration = Duration::from_millis(150);

/// After this time a change is told though others follow.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// The paths that changed, below the work tree, and [`INDEX`].
pub type Changed = BTreeSet<PathBuf>;

/// Stands for what git tracks, wherever the index is.
pub const INDEX: &str = ".git/index";

/// A work tree whose changes are collected from the moment that this is made.
pub struct WatchedFiles {
    folder: PathBuf,
    /// Where the index is.
    index: PathBuf,
    events: UnboundedReceiver<notify::Result<Event>>,
    /// What was received and not told yet.
    pending: Changed,
    /// Sends the events for as long as it lives.
    _watcher: RecommendedWatcher,
}

impl WatchedFiles {
    /// # Errors
    /// [`WatchError::Watch`] when the system refuses, usually because there are too many folders.
    pub fn of(folder: &Path, git_dir: &Path) -> Result<Self, WatchError> {
        let failed = |source| WatchError::Watch { folder: folder.to_owned(), source };
        let (sender, events) = unbounded_channel();
        // The receiver goes first when both end.
        let send = move |event| drop(sender.send(event));
        let config = Config::default().with_follow_symlinks(false);
        let mut watcher = RecommendedWatcher::new(send, config).map_err(failed)?;
        watcher.watch(folder, RecursiveMode::Recursive).map_err(failed)?;
        // That of a linked work tree is elsewhere.
        if !git_dir.starts_with(folder) {
            watcher.watch(git_dir, RecursiveMode::NonRecursive).map_err(failed)?;
        }
        Ok(Self {
            folder: folder.to_owned(),
            index: git_dir.join("index"),
            events,
            pending: Changed::new(),
            _watcher: watcher,
        })
    }

    /// Waits until something changed, and then until nothing more does for [`QUIET`], or for [`MAX_WAIT`] in all.
    ///
    /// A wait that is given up loses nothing: the next one tells it.
    ///
    /// # Errors
    /// [`WatchError::Watch`] when the system stops to report, such as for a new folder that is one too many.
    pub async fn changed(&mut self) -> Result<Changed, WatchError> {
        while self.pending.is_empty() {
            self.take(None).await?;
        }
        let deadline = tokio::time::Instant::now() + MAX_WAIT;
        while tokio::time::Instant::now() < deadline {
            if !self.take(Some(QUIET)).await? {
                break;
            }
        }
        Ok(std::mem::take(&mut self.pending))
    }

    /// Takes the next event, if there is one in time.
    async fn take(&mut self, within: Option<Duration>) -> Result<bool, WatchError> {
        let event = match within {
            None => self.events.recv().await,
            Some(time) => match tokio::time::timeout(time, self.events.recv()).await {
                Ok(event) => event,
                Err(_) => return Ok(false),
            },
        };
        let event = event.expect("the watcher lives as long as `self`, and sends until then");
        let event = event.map_err(|source| WatchError::Watch { folder: self.folder.clone(), source })?;
        // The system dropped events: anything may have changed.
        if event.need_rescan() {
            self.pending.insert(PathBuf::from("."));
        }
        // Builds read files, too.
        let is_change =
            matches!(event.kind, EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_));
        let paths = event.paths.iter().filter(|_| is_change).filter_map(|path| self.of_interest(path));
        let paths: Vec<PathBuf> = paths.map(Path::to_owned).collect();
        self.pending.extend(paths);
        Ok(true)
    }

    /// Files of the work tree, and what git tracks of them: `git add` makes a new file an input.
    fn of_interest<'p>(&self, path: &'p Path) -> Option<&'p Path> {
        if path == self.index {
            return Some(Path::new(INDEX));
        }
        path.strip_prefix(&self.folder).ok().filter(|path| !path.starts_with(".git"))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[tokio::test]
    async fn what_is_written_is_a_change_and_what_is_read_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        fs::create_dir_all(root.join(".git")).unwrap();
        fs::create_dir_all(root.join("api/src")).unwrap();
        fs::write(root.join("api/src/old"), "1").unwrap();
        let mut files = WatchedFiles::of(&root, &root.join(".git")).unwrap();

        fs::write(root.join(".git/objects"), "").unwrap();
        fs::read(root.join("api/src/old")).unwrap();
        fs::write(root.join("api/src/new"), "2").unwrap();
        fs::remove_file(root.join("api/src/old")).unwrap();
        let changed = files.changed().await.unwrap();

        assert_eq!(changed, Changed::from(["api/src/new".into(), "api/src/old".into()]));
        fs::read(root.join("api/src/new")).unwrap();
        let next = tokio::time::timeout(2 * QUIET, files.changed()).await;
        assert!(next.is_err(), "{next:?}");
    }

    #[tokio::test]
    async fn a_wait_that_is_given_up_loses_no_change() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let mut files = WatchedFiles::of(&root, &root.join(".git")).unwrap();

        fs::write(root.join("a"), "1").unwrap();
        while files.pending.is_empty() {
            let given_up = tokio::time::timeout(QUIET / 2, files.changed()).await;
            assert!(given_up.is_err(), "{given_up:?}");
        }
        let changed = tokio::time::timeout(Duration::from_secs(30), files.changed()).await;

        assert_eq!(changed.unwrap().unwrap(), Changed::from(["a".into()]));
    }

    #[tokio::test]
    async fn what_is_added_to_the_index_is_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        fs::create_dir_all(root.join(".git")).unwrap();
        let mut files = WatchedFiles::of(&root, &root.join(".git")).unwrap();

        let elsewhere = tempfile::tempdir().unwrap();
        let git_dir = elsewhere.path().canonicalize().unwrap();
        let mut linked = WatchedFiles::of(&root, &git_dir).unwrap();

        // As git does it.
        for folder in [&root.join(".git"), &git_dir] {
            fs::write(folder.join("index.lock"), "a").unwrap();
            fs::rename(folder.join("index.lock"), folder.join("index")).unwrap();
        }

        assert_eq!(files.changed().await.unwrap(), Changed::from([INDEX.into()]));
        assert_eq!(linked.changed().await.unwrap(), Changed::from([INDEX.into()]));
    }

    #[tokio::test]
    async fn files_of_a_new_folder_are_watched() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let mut files = WatchedFiles::of(&root, &root.join(".git")).unwrap();

        fs::create_dir_all(root.join("lib/src")).unwrap();
        assert!(!files.changed().await.unwrap().is_empty());
        fs::write(root.join("lib/src/a"), "1").unwrap();
        let changed = files.changed().await.unwrap();

        assert_eq!(changed, Changed::from(["lib/src/a".into()]));
    }
}
