//! Finds in a tree what one source of `COPY`, `ADD` or a mount names, as BuildKit does.

use std::collections::{HashSet, VecDeque};

use super::wildcard::{self, AnyCharacter};
use super::{CopiedPath, Follows, Resolution};
use crate::dockerfile::{self, Copy, CopyKind};
use crate::git::{EntryKind, GitError, Snapshot};
use crate::model::{FileMode, RepoPath};
use crate::patterns::{Pattern, Patterns};

/// How many links one path may lead through, as in an engine.
const MAX_LINKS: usize = 255;

/// What begins the addresses of files and repositories that `ADD` fetches. Any other address is the path of a file.
const SCHEMES: [&str; 4] = ["http://", "https://", "git://", "ssh://"];

/// Whether `ADD` fetches it from somewhere, whatever its variables are.
pub(super) fn is_remote(source: &dockerfile::Source) -> bool {
    let text = match &source.path {
        Some(path) => path.as_str(),
        None => source.written.split('$').next().unwrap_or_default(),
    };
    SCHEMES.iter().any(|scheme| text.starts_with(scheme)) || is_ssh_address(text)
}

/// `user@host:path`
fn is_ssh_address(text: &str) -> bool {
    let Some((user, rest)) = text.split_once('@') else { return false };
    let Some((host, _)) = rest.split_once(':') else { return false };
    let is_name = |text: &str, more: &[char]| {
        !text.is_empty()
            && text.chars().all(|letter| letter.is_ascii_alphanumeric() || more.contains(&letter))
    };
    is_name(user, &['-', '_']) && is_name(host, &['-', '.'])
}

/// What a source takes, and what of the tree that follows from.
pub(super) struct Resolved {
    pub(super) resolution: Resolution,
    pub(super) takes: Vec<CopiedPath>,
    pub(super) patterns: Patterns,
    pub(super) follows: Follows,
}

pub(super) struct Resolver<'r> {
    context: &'r RepoPath,
    snapshot: &'r Snapshot<'r>,
}

impl<'r> Resolver<'r> {
    pub(super) fn new(context: &'r RepoPath, snapshot: &'r Snapshot<'r>) -> Self {
        Self { context, snapshot }
    }

    pub(super) fn takes(&self, source: &dockerfile::Source, copy: &Copy) -> Result<Resolved, GitError> {
        let mut found = Found::default();
        let Some(path) = &source.path else {
            // A value can lead anywhere: `a/$B` is `c` where `B` is `../c`.
            found.takes.push(CopiedPath::Folder(self.context.clone()));
            return Ok(found.resolved(Resolution::UnknownVariable));
        };
        let parts = clean(path.split('/'), |part| part.as_bytes());
        let fixed = match copy.kind {
            CopyKind::Mount => parts.len(),
            CopyKind::Copy | CopyKind::Add => {
                parts.iter().position(|part| wildcard::is_wild(part)).unwrap_or(parts.len())
            }
        };
        let (folders, wild) = parts.split_at(fixed);
        let place = self.follow(folders.iter().map(|part| part.as_bytes()), &mut found)?;
        if wild.is_empty() {
            let resolution = if place.is_there { Resolution::There } else { Resolution::Missing };
            found.takes.extend(place.path);
            return Ok(found.resolved(resolution));
        }
        let globs = |any: AnyCharacter| -> Option<Vec<String>> {
            let glob = |part: &&str| {
                let stands_for_folders = copy.has_parents && *part == "**";
                if stands_for_folders { Some("**".to_owned()) } else { wildcard::glob(part, any) }
            };
            wild.iter().map(glob).collect()
        };
        let folder = match place.path {
            Some(CopiedPath::Folder(folder) | CopiedPath::File(folder)) => folder,
            Some(CopiedPath::Glob { .. }) | None => self.context.clone(),
        };
        match globs(AnyCharacter::Kept).zip(globs(AnyCharacter::Star)) {
            Some((globs, wide)) => self.wild(folder, &globs, &wide, found),
            None => {
                found.takes.push(CopiedPath::Folder(folder));
                Ok(found.resolved(Resolution::BadWildcard))
            }
        }
    }

    /// `None` for what can't be the path of a file.
    fn path(&self, parts: &[Vec<u8>]) -> Option<RepoPath> {
        Some(self.context.join(&RepoPath::new(parts.join(&b'/')).ok()?))
    }

    /// What is at the end of a path; the links that it leads through go to `found`.
    fn follow<'p>(
        &self,
        parts: impl Iterator<Item = &'p [u8]>,
        found: &mut Found,
    ) -> Result<Followed, GitError> {
        let mut rest: VecDeque<Vec<u8>> = parts.map(<[u8]>::to_vec).collect();
        let mut place: Vec<Vec<u8>> = Vec::new();
        let mut links = 0;
        while let Some(part) = rest.pop_front() {
            place.push(part);
            let Some(path) = self.path(&place) else { return Ok(Followed::nowhere(None)) };
            found.follows.paths.push(path.clone());
            match self.snapshot.entry(&path)?.map(|entry| (entry.kind, entry.id)) {
                Some((EntryKind::Folder, _)) => {}
                Some((EntryKind::File(FileMode::Symlink), id)) => {
                    found.takes.push(CopiedPath::File(path.clone()));
                    links += 1;
                    if links > MAX_LINKS || (rest.is_empty() && !found.ends.insert(path.clone())) {
                        return Ok(Followed::nowhere(None));
                    }
                    let target = self.snapshot.blob(id, &path)?;
                    place.pop();
                    // As in the engine, the context is the root that a link can't leave.
                    let from = if target.starts_with(b"/") { Vec::new() } else { std::mem::take(&mut place) };
                    place.clear();
                    let target = target.split(|&byte| byte == b'/').map(<[u8]>::to_vec);
                    let whole = from.into_iter().chain(target).chain(std::mem::take(&mut rest));
                    rest = clean(whole, |part| part.as_slice()).into();
                }
                Some((EntryKind::File(FileMode::Submodule), _)) if !rest.is_empty() => {
                    // What is in it, its commit says.
                    found.takes.push(CopiedPath::File(path));
                    return Ok(Followed::nowhere(None));
                }
                Some((EntryKind::File(_), _)) if rest.is_empty() => {
                    return Ok(Followed { path: Some(CopiedPath::File(path)), is_there: true });
                }
                Some((EntryKind::File(_), _)) | None => return Ok(self.missing(place, rest, found)),
            }
        }
        Ok(Followed { path: self.path(&place).map(CopiedPath::Folder), is_there: true })
    }

    /// A path that ends before its last part. In another tree it may go on, through links.
    fn missing(&self, mut place: Vec<Vec<u8>>, rest: VecDeque<Vec<u8>>, found: &mut Found) -> Followed {
        for part in rest {
            place.push(part);
            found.follows.paths.extend(self.path(&place));
        }
        Followed::nowhere(self.path(&place).map(CopiedPath::File))
    }

    /// What wildcards below a folder match: files as they are, folders with everything in them.
    fn wild(
        &self,
        folder: RepoPath,
        globs: &[String],
        wide: &[String],
        mut found: Found,
    ) -> Result<Resolved, GitError> {
        self.look(&folder, globs, &mut found)?;
        let whole = globs.join("/");
        found.follows.wildcards = Pattern::of_glob(&folder, &whole).into_iter().collect();
        let resolution =
            if found.files || found.folders { Resolution::There } else { Resolution::MatchesNothing };
        let glob = |glob: String| CopiedPath::Glob { folder: folder.clone(), glob };
        // `*` matches whatever is there, so that is the whole folder, with what it will hold one day.
        match globs {
            [last] if last == "*" || last == "**" => found.takes.push(CopiedPath::Folder(folder)),
            [before @ .., last] if last == "*" || last == "**" => {
                found.takes.push(glob(format!("{}/", before.join("/"))));
            }
            _ => {
                let all = [glob(whole.clone()), glob(format!("{whole}/"))];
                let shown = if found.has_others { wide.join("/") } else { whole };
                let [files, folders] = [glob(shown.clone()), glob(format!("{shown}/"))];
                let (has_files, has_folders) = (found.files, found.folders);
                // What is a file here may be a folder elsewhere.
                let patterns = found.takes.iter().chain(&all).map(pattern).collect();
                found.takes.extend((has_files || !has_folders).then_some(files));
                found.takes.extend(has_folders.then_some(folders));
                return Ok(Resolved { patterns, ..found.resolved(resolution) });
            }
        }
        Ok(found.resolved(resolution))
    }

    fn look(&self, folder: &RepoPath, globs: &[String], found: &mut Found) -> Result<(), GitError> {
        let Some((glob, below)) = globs.split_first() else { return Ok(()) };
        if !found.looked.insert((folder.clone(), below.len())) {
            return Ok(());
        }
        let is_any_depth = glob == "**";
        if is_any_depth && !below.is_empty() {
            self.look(folder, below, found)?;
        }
        let name_pattern = Pattern::of_glob(&RepoPath::default(), glob).ok();
        let matches = |path: &RepoPath| {
            let name = RepoPath::new(path.file_name()).unwrap_or_default();
            is_any_depth || name_pattern.as_ref().is_some_and(|pattern| pattern.matches(&name))
        };
        for (path, kind) in self.snapshot.children(folder)? {
            if !matches(&path) {
                continue;
            }
            found.has_others |= !path.file_name().is_ascii();
            match kind {
                EntryKind::Folder if is_any_depth && !below.is_empty() => self.look(&path, globs, found)?,
                EntryKind::Folder if !below.is_empty() => self.look(&path, below, found)?,
                EntryKind::Folder => found.folders = true,
                EntryKind::File(_) if !below.is_empty() => {}
                EntryKind::File(mode) => {
                    found.files = true;
                    if mode == FileMode::Symlink {
                        self.take_target(&path, found)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn take_target(&self, link: &RepoPath, found: &mut Found) -> Result<(), GitError> {
        let Some(own) = link.relative_to(self.context) else { return Ok(()) };
        let target = self.follow(own.components(), found)?;
        found.takes.extend(target.path);
        Ok(())
    }
}

/// What a path leads to.
struct Followed {
    /// Where nothing is there, the path that something would have.
    path: Option<CopiedPath>,
    is_there: bool,
}

impl Followed {
    fn nowhere(path: Option<CopiedPath>) -> Self {
        Self { path, is_there: false }
    }
}

/// What was come by.
#[derive(Default)]
struct Found {
    /// Links on the way, and what they lead to.
    takes: Vec<CopiedPath>,
    follows: Follows,
    files: bool,
    folders: bool,
    /// Whether a wildcard found a name beyond ASCII.
    has_others: bool,
    /// Links that a path ended at: what these lead to is known.
    ends: HashSet<RepoPath>,
    /// Folders that were looked into, with how many wildcards were left.
    looked: HashSet<(RepoPath, usize)>,
}

impl Found {
    fn resolved(self, resolution: Resolution) -> Resolved {
        let Self { takes, follows, .. } = self;
        Resolved { resolution, patterns: takes.iter().map(pattern).collect(), takes, follows }
    }
}

/// What takes these paths, in any tree: more where it can't be said.
fn pattern(takes: &CopiedPath) -> Pattern {
    match takes {
        CopiedPath::File(path) => Pattern::of_path(path),
        CopiedPath::Folder(path) => Pattern::of_folder(path),
        CopiedPath::Glob { folder, glob } => {
            Pattern::of_glob(folder, glob).unwrap_or_else(|_| Pattern::of_folder(folder))
        }
    }
}

/// Resolves `.` and `..`; like an engine, never to something above the context.
fn clean<P>(parts: impl IntoIterator<Item = P>, bytes: impl Fn(&P) -> &[u8]) -> Vec<P> {
    let mut clean = Vec::new();
    for part in parts {
        match bytes(&part) {
            b"" | b"." => {}
            b".." => {
                clean.pop();
            }
            _ => clean.push(part),
        }
    }
    clean
}
