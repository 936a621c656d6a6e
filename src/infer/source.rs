//! Finds in a tree what one source of `COPY`, `ADD` or a mount names, as BuildKit does.

use std::collections::VecDeque;

use super::wildcard;
use super::{CopiedPath, Resolution};
use crate::dockerfile::{self, Copy, CopyKind, Dockerfile};
use crate::git::{EntryKind, GitError, Snapshot};
use crate::model::{FileMode, RepoPath};
use crate::patterns::Patterns;

/// How many links one path may lead through.
const MAX_LINKS: usize = 40;

/// What the flags of a `COPY` or `ADD` change about its sources.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flags {
    /// `--parents`: `**` stands for folders.
    parents: bool,
    pub(super) exclude: bool,
}

impl Flags {
    pub(super) fn of(dockerfile: &Dockerfile, copy: &Copy) -> Self {
        let mut flags = Self::default();
        let mut instructions = dockerfile.instructions().iter();
        let instruction = instructions.find(|instruction| instruction.first_line == copy.line);
        for flag in instruction.into_iter().flat_map(|instruction| &instruction.flags) {
            flags.parents |= flag == "--parents" || flag == "--parents=true";
            flags.exclude |= flag.starts_with("--exclude=");
        }
        flags
    }
}

/// Whether `ADD` fetches it from somewhere.
pub(super) fn is_remote(path: &str) -> bool {
    path.contains("://") || path.starts_with("git@")
}

pub(super) struct Resolver<'r> {
    context: &'r RepoPath,
    snapshot: &'r Snapshot<'r>,
}

impl<'r> Resolver<'r> {
    pub(super) fn new(context: &'r RepoPath, snapshot: &'r Snapshot<'r>) -> Self {
        Self { context, snapshot }
    }

    pub(super) fn takes(
        &self,
        source: &dockerfile::Source,
        kind: CopyKind,
        flags: Flags,
    ) -> Result<(Resolution, Vec<CopiedPath>), GitError> {
        let Some(path) = &source.path else {
            return Ok((Resolution::UnknownVariable, vec![self.before_variable(&source.written)]));
        };
        let parts = clean(path.split('/'));
        let is_wild = |part: &&str| wildcard::is_wild(part);
        let fixed = match kind {
            CopyKind::Mount => parts.len(),
            CopyKind::Copy | CopyKind::Add => parts.iter().position(is_wild).unwrap_or(parts.len()),
        };
        let mut found = Found::default();
        let (folders, wild) = parts.split_at(fixed);
        let place = self.follow(folders, &mut found)?;
        if wild.is_empty() {
            return Ok(match place {
                Some(place) => {
                    found.takes.push(place);
                    (Resolution::There, found.takes)
                }
                None => (Resolution::Missing, self.path(folders).map(CopiedPath::File).into_iter().collect()),
            });
        }
        let globs: Option<Vec<String>> = wild
            .iter()
            .map(|part| {
                let stands_for_folders = flags.parents && *part == "**";
                if stands_for_folders { Some("**".to_owned()) } else { wildcard::glob(part) }
            })
            .collect();
        let folder = match place {
            Some(CopiedPath::Folder(folder)) => folder,
            _ => self.path(folders).unwrap_or_default(),
        };
        let Some(globs) = globs else {
            return Ok((Resolution::BadWildcard, vec![CopiedPath::Folder(folder)]));
        };
        self.wild(folder, &globs, found)
    }

    /// Everything in the folder that is named before the first variable: what comes after can be anything.
    fn before_variable(&self, written: &str) -> CopiedPath {
        let certain = written.split('$').next().unwrap_or_default();
        let folders = certain.rsplit_once('/').map_or("", |(folders, _)| folders);
        let parts = clean(folders.split('/'));
        let is_plain = !parts.iter().any(|part| wildcard::is_wild(part));
        let folder = if is_plain { self.path(&parts) } else { None };
        CopiedPath::Folder(folder.unwrap_or_else(|| self.context.clone()))
    }

    fn path(&self, parts: &[&str]) -> Option<RepoPath> {
        Some(self.context.join(&RepoPath::new(parts.join("/")).ok()?))
    }

    /// What is at the end of a path; the links that it leads through go to `found`. `None`: nothing is there.
    fn follow(&self, parts: &[&str], found: &mut Found) -> Result<Option<CopiedPath>, GitError> {
        let mut rest: VecDeque<String> = parts.iter().map(|&part| part.to_owned()).collect();
        let mut place: Vec<String> = Vec::new();
        let mut links = 0;
        while let Some(part) = rest.pop_front() {
            place.push(part);
            let names: Vec<&str> = place.iter().map(String::as_str).collect();
            let Some(path) = self.path(&names) else { return Ok(None) };
            let Some(entry) = self.snapshot.entry(&path)? else { return Ok(None) };
            match entry.kind {
                EntryKind::Folder => {}
                EntryKind::File(FileMode::Symlink) if links < MAX_LINKS => {
                    links += 1;
                    let target = self.snapshot.blob(entry.id, &path)?;
                    found.takes.push(CopiedPath::File(path));
                    let Ok(target) = String::from_utf8(target) else { return Ok(None) };
                    place.pop();
                    // As in the engine, the context is the root that a link can't leave.
                    let from = if target.starts_with('/') { Vec::new() } else { std::mem::take(&mut place) };
                    place.clear();
                    let whole = from.iter().map(String::as_str).chain(target.split('/'));
                    let whole = clean(whole.chain(rest.iter().map(String::as_str)));
                    rest = whole.into_iter().map(str::to_owned).collect();
                }
                EntryKind::File(FileMode::Symlink) => return Ok(None),
                EntryKind::File(_) => return Ok(rest.is_empty().then_some(CopiedPath::File(path))),
            }
        }
        let names: Vec<&str> = place.iter().map(String::as_str).collect();
        Ok(self.path(&names).map(CopiedPath::Folder))
    }

    /// What wildcards below a folder match: files as they are, folders with everything in them.
    fn wild(
        &self,
        folder: RepoPath,
        globs: &[String],
        mut found: Found,
    ) -> Result<(Resolution, Vec<CopiedPath>), GitError> {
        self.look(&folder, globs, &mut found)?;
        let resolution =
            if found.files || found.folders { Resolution::There } else { Resolution::MatchesNothing };
        // `*` matches whatever is there, so that is the whole folder, with what it will hold one day.
        let (glob, is_whole) = match globs {
            [before @ .., last] if last == "*" || last == "**" => (before.join("/"), true),
            _ => (globs.join("/"), false),
        };
        let mut takes = found.takes;
        match (is_whole, glob.is_empty()) {
            (true, true) => takes.push(CopiedPath::Folder(folder)),
            (true, false) => takes.push(CopiedPath::Glob { folder, glob: format!("{glob}/") }),
            (false, _) => {
                if found.files || !found.folders {
                    takes.push(CopiedPath::Glob { folder: folder.clone(), glob: glob.clone() });
                }
                if found.folders {
                    takes.push(CopiedPath::Glob { folder, glob: format!("{glob}/") });
                }
            }
        }
        Ok((resolution, takes))
    }

    fn look(&self, folder: &RepoPath, globs: &[String], found: &mut Found) -> Result<(), GitError> {
        let Some((glob, below)) = globs.split_first() else { return Ok(()) };
        if glob == "**" && !below.is_empty() {
            self.look(folder, below, found)?;
        }
        let name_matches = |name: &RepoPath| {
            glob == "**"
                || Patterns::from_list([(format!("./{glob}"), 1)])
                    .is_ok_and(|patterns| patterns.decide(name).is_some())
        };
        for (path, kind) in self.snapshot.children(folder)? {
            let name = RepoPath::new(path.file_name()).unwrap_or_default();
            if !name_matches(&name) {
                continue;
            }
            match kind {
                EntryKind::Folder if glob == "**" && !below.is_empty() => self.look(&path, globs, found)?,
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
        let Ok(own) = std::str::from_utf8(own.as_bytes()) else { return Ok(()) };
        let parts: Vec<&str> = own.split('/').collect();
        if let Some(target) = self.follow(&parts, found)? {
            found.takes.push(target);
        }
        Ok(())
    }
}

/// What was come by.
#[derive(Default)]
struct Found {
    /// Links on the way, and what they lead to.
    takes: Vec<CopiedPath>,
    files: bool,
    folders: bool,
}

/// Resolves `.` and `..`; like an engine, never to something above the context.
fn clean<'p>(parts: impl Iterator<Item = &'p str>) -> Vec<&'p str> {
    let mut clean = Vec::new();
    for part in parts {
        match part {
            "" | "." => {}
            ".." => {
                clean.pop();
            }
            part => clean.push(part),
        }
    }
    clean
}
