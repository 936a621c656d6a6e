//! An engine, as far as it keeps files: how `fsutil` receives a folder, and what BuildKit does with it before and after.

use std::collections::BTreeMap;

use chinampa::internals::engine::Stamp;
use chinampa::internals::model::RepoPath;

use super::{Entry, Kind};

pub(super) struct Engine {
    /// The file system stores times in multiples of so many nanoseconds.
    pub(super) granularity: u32,
    folders: Vec<Folder>,
    next_id: usize,
}

/// The files of one session key. Only one transfer at a time uses it, another one of the same key gets another folder.
struct Folder {
    id: usize,
    name: Name,
    is_busy: bool,
    /// Whether a transfer was complete, after which it is found by its name.
    is_found: bool,
    files: BTreeMap<RepoPath, Kept>,
}

/// `context` or `dockerfile`, and the session key.
type Name = (&'static str, String);

struct Kept {
    entry: Entry,
    nanoseconds: u32,
    /// What the layer cache looks for. Stored when a transfer is complete.
    digest_of: Entry,
}

/// What the client lists and would send.
pub(super) type Listed = Vec<(RepoPath, Entry, Stamp)>;

impl Engine {
    pub(super) fn new(granularity: u32) -> Self {
        Self { granularity, folders: Vec::new(), next_id: 0 }
    }

    /// Begins a transfer; returns its id.
    pub(super) fn start(&mut self, name: &'static str, key: &str) -> usize {
        let name = (name, key.to_owned());
        let reused = |folder: &&mut Folder| folder.name == name && folder.is_found && !folder.is_busy;
        if let Some(folder) = self.folders.iter_mut().find(reused) {
            folder.is_busy = true;
            return folder.id;
        }
        let id = self.next_id;
        self.next_id += 1;
        let folder = Folder { id, name, is_busy: true, is_found: false, files: BTreeMap::new() };
        self.folders.push(folder);
        id
    }

    /// Completes a transfer. Returns the files that the steps of the build see, those that the layer cache takes them for,
    /// and how many were sent.
    pub(super) fn finish(&mut self, id: usize, listed: &Listed) -> (Vec<Entry>, Vec<Entry>, usize) {
        let granularity = self.granularity;
        let folder = self.folder(id);
        let sent = folder.receive(listed, granularity);
        for path in &sent {
            let kept = folder.files.get_mut(path).expect("it was received");
            kept.digest_of = kept.entry;
        }
        folder.files.retain(|path, _| listed.iter().any(|(listed, ..)| listed == path));
        (folder.is_busy, folder.is_found) = (false, true);
        let kept = || folder.files.values();
        (kept().map(|kept| kept.entry).collect(), kept().map(|kept| kept.digest_of).collect(), sent.len())
    }

    /// The client is gone: BuildKit removes the folder.
    pub(super) fn abort(&mut self, id: usize) {
        self.folders.retain(|folder| folder.id != id);
    }

    /// The engine dies when half of the files have come: they stay, but their digests are not stored.
    pub(super) fn die(&mut self, id: usize, listed: &Listed) {
        let granularity = self.granularity;
        let folder = self.folder(id);
        folder.receive(&listed[..listed.len() / 2], granularity);
        folder.is_busy = false;
        if !folder.is_found {
            self.abort(id);
        }
    }

    pub(super) fn prune(&mut self) {
        self.folders.retain(|folder| folder.is_busy);
    }

    fn folder(&mut self, id: usize) -> &mut Folder {
        self.folders.iter_mut().find(|folder| folder.id == id).expect("the transfer goes on")
    }
}

impl Folder {
    fn receive(&mut self, listed: &[(RepoPath, Entry, Stamp)], granularity: u32) -> Vec<RepoPath> {
        let mut sent = Vec::new();
        for (path, entry, stamp) in listed {
            let kept = self.files.get(path);
            if kept.is_some_and(|kept| is_same(kept, *entry, *stamp)) {
                continue;
            }
            let digest_of = kept.map_or(*entry, |kept| kept.digest_of);
            let nanoseconds = stamp.nanoseconds() / granularity * granularity;
            self.files.insert(path.clone(), Kept { entry: *entry, nanoseconds, digest_of });
            sent.push(path.clone());
        }
        sent
    }
}

/// `sameFile` and `compareStat` of `fsutil`. A link's target is in the listing, the content of a file is not.
fn is_same(kept: &Kept, entry: Entry, stamp: Stamp) -> bool {
    kept.entry.size == entry.size
        && kept.nanoseconds == stamp.nanoseconds()
        && kept.entry.kind == entry.kind
        && (entry.kind != Kind::Link || kept.entry.content == entry.content)
}
