//! The lines of a pattern file that take some packages of a workspace.
//!
//! There are two forms. Where the image has only what is built, all that is not named stays out, and a build fails that misses it:
//!
//! ```text
//! !**                      the workspace, without
//! *                        the files in its root,
//! .cargo/                  the folders of tools,
//! services/api/            the packages that are needed,
//! crates/core/
//! crates/*/Cargo.toml      and what the tool reads of the others
//! ```
//!
//! Where the image has the workspace itself, nothing would fail that misses a file before somebody runs it. So only the packages that
//! are not needed stay out: `**`, then `!crates/*/`.

use std::collections::BTreeSet;

use super::NarrowError;
use super::files::Files;
use super::graph::{Package, PackageGraph};
use super::ignored::Ignore;
use super::manifests::MemberGlob;
use crate::git::GitError;
use crate::infer::CopiedPath;
use crate::model::RepoPath;
use crate::patterns::Pattern;

/// Folders in the root that tools read, whatever is built.
const TOOL_FOLDERS: [&str; 7] = [".cargo", ".config", ".sqlx", ".yarn", "buildSrc", "gradle", "patches"];

/// A file with more lines than this is not proposed.
const MAX_LINES: usize = 2_000;

/// Links that lead to links are followed as often.
const MAX_ROUNDS: usize = 8;

pub(super) struct Lines<'l> {
    graph: &'l PackageGraph,
    files: &'l Files<'l>,
    lines: Vec<Line>,
}

struct Line {
    sign: Sign,
    path: CopiedPath,
    pattern: Pattern,
    /// Whether it stays if it matches nothing: it is about files that are not there yet.
    is_kept: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    Take,
    LeaveOut,
}

impl<'l> Lines<'l> {
    pub(super) fn new(
        graph: &'l PackageGraph,
        files: &'l Files<'l>,
        needed: &BTreeSet<RepoPath>,
        is_in_image: bool,
    ) -> Result<Self, NarrowError> {
        let mut lines = Self { graph, files, lines: Vec::new() };
        let takes_rest = is_in_image
            || needed.iter().any(|folder| *folder == graph.root && graph.packages[folder].is_whole());
        let are_whole = graph.packages.values().all(Package::is_whole);
        if is_in_image && !are_whole {
            return Err(NarrowError::uncertain(
                "the image has the workspace itself, and may use any file of it",
            ));
        }
        let root = CopiedPath::Folder(graph.root.clone());
        if takes_rest {
            lines.push(Sign::Take, root);
        } else {
            lines.push(Sign::LeaveOut, root);
            lines.push(Sign::Take, CopiedPath::Glob { folder: graph.root.clone(), glob: "*".to_owned() });
            for name in TOOL_FOLDERS {
                lines.add_named(&CopiedPath::Folder(graph.root.join_component(name.as_bytes())));
            }
        }
        lines.packages(needed, takes_rest);
        for package in needed.iter().map(|folder| &graph.packages[folder]) {
            let more = package.content.iter().skip(usize::from(package.is_whole()));
            more.for_each(|taken| lines.add_named(taken));
        }
        graph.shared.iter().for_each(|taken| lines.add_named(taken));
        Ok(lines)
    }

    /// Takes the folders of packages that are needed and are left out so far, and leaves out the others that are taken.
    fn packages(&mut self, needed: &BTreeSet<RepoPath>, takes_rest: bool) {
        let packages = &self.graph.packages;
        let whole = || packages.iter().filter(|(_, package)| package.is_whole()).map(|(folder, _)| folder);
        let groups: Vec<&MemberGlob> = if takes_rest { self.groups(needed) } else { Vec::new() };
        for glob in &groups {
            self.push(Sign::LeaveOut, glob.below(""));
        }
        for folder in whole().filter(|folder| **folder != self.graph.root) {
            let is_grouped = groups.iter().any(|glob| glob.matches(folder));
            let above = folder.parent().and_then(|parent| self.graph.package_of(&parent));
            let is_taken = match above.filter(|above| **above != self.graph.root) {
                _ if is_grouped => false,
                Some(above) => needed.contains(above),
                None => takes_rest,
            };
            match (needed.contains(folder), is_taken) {
                (true, false) => self.push(Sign::Take, CopiedPath::Folder(folder.clone())),
                (false, true) => self.push(Sign::LeaveOut, CopiedPath::Folder(folder.clone())),
                _ => {}
            }
        }
    }

    /// The globs of members that mean packages alone, and some that are not needed.
    fn groups(&self, needed: &BTreeSet<RepoPath>) -> Vec<&'l MemberGlob> {
        let root = &self.graph.root;
        let is_group = |glob: &&MemberGlob| {
            let mut folders = BTreeSet::new();
            for path in self.files.in_folder(root) {
                folders.extend(path.parent().filter(|folder| glob.matches(folder)));
            }
            let are_packages =
                folders.iter().all(|folder| self.graph.package_of(folder).is_some_and(|at| at != root));
            let is_one =
                |folder: &RepoPath| self.graph.packages.contains_key(folder) && !needed.contains(folder);
            glob.is_wild() && are_packages && folders.iter().any(is_one)
        };
        self.graph.members.iter().filter(is_group).collect()
    }

    /// Takes what the Dockerfile takes besides the workspace, with what may be there one day.
    pub(super) fn add_source(&mut self, source: &CopiedPath) {
        let is_file_there = matches!(source, CopiedPath::File(path) if self.takes(path));
        let is_inside = match source {
            CopiedPath::File(_) => false,
            CopiedPath::Folder(path) | CopiedPath::Glob { folder: path, .. } => self.takes_all_of(path),
        };
        if !is_file_there && !is_inside {
            self.push(Sign::Take, source.clone());
            self.lines.last_mut().expect("it was pushed").is_kept = true;
        }
    }

    /// Takes what is named, as far as it is there and not taken yet.
    pub(super) fn add_named(&mut self, taken: &CopiedPath) {
        if self.lines.len() < MAX_LINES
            && self.files.matching(taken).into_iter().any(|path| !self.takes(path))
        {
            self.push(Sign::Take, taken.clone());
        }
    }

    /// Takes what the links lead to that are taken.
    pub(super) fn follow_links(&mut self) -> Result<(), GitError> {
        for _ in 0..MAX_ROUNDS {
            let before = self.lines.len();
            let targets = self.files.links(|path| self.takes(path))?;
            targets.iter().for_each(|target| self.add_named(target));
            if self.lines.len() == before {
                break;
            }
        }
        Ok(())
    }

    /// Whether a file of the workspace is not taken.
    pub(super) fn leave_out_some(&self) -> bool {
        self.files.paths().any(|path| !self.takes(path))
    }

    fn takes(&self, path: &RepoPath) -> bool {
        let last = self.lines.iter().rev().find(|line| line.pattern.matches(path));
        last.is_some_and(|line| line.sign == Sign::Take)
    }

    /// Whether a line takes a folder, and none behind it leaves out something there.
    fn takes_all_of(&self, folder: &RepoPath) -> bool {
        let takes = |line: &Line| {
            line.sign == Sign::Take
                && matches!(&line.path, CopiedPath::Folder(taken) if folder.is_within(taken))
        };
        let last = self.lines.iter().rposition(takes);
        let overlaps = |line: &Line| {
            let of_line = folder_of(&line.path);
            line.sign == Sign::LeaveOut && (of_line.is_within(folder) || folder.is_within(of_line))
        };
        last.is_some_and(|last| !self.lines[last..].iter().any(overlaps))
    }

    fn push(&mut self, sign: Sign, path: CopiedPath) {
        let pattern = match &path {
            CopiedPath::File(path) => Pattern::of_path(path),
            CopiedPath::Folder(path) => Pattern::of_folder(path),
            CopiedPath::Glob { folder, glob } => {
                Pattern::of_glob(folder, glob).unwrap_or_else(|_| Pattern::of_folder(folder))
            }
        };
        self.lines.push(Line { sign, path, pattern, is_kept: false });
    }

    /// The lines of a file in `folder`, without those that do nothing, and without what `ignore` leaves out.
    pub(super) fn written(mut self, folder: &RepoPath, ignore: &Ignore) -> Result<Vec<String>, NarrowError> {
        let ignored = ignore.globs.iter().map(|glob| (glob, true));
        for (glob, is_ignored) in self.graph.left_out.iter().map(|glob| (glob, false)).chain(ignored) {
            let mut taken = self.files.matching(glob);
            taken.retain(|path| self.takes(path));
            if !taken.is_empty() && taken.iter().all(|path| !is_ignored || ignore.leaves_out(path)) {
                self.push(Sign::LeaveOut, glob.clone());
            }
        }
        let files = self.files;
        let is_used = |line: &&Line| {
            let paths = files.matching(&line.path);
            let is_outside = !folder_of(&line.path).is_within(&files.root);
            match line.sign {
                Sign::Take => line.is_kept || is_outside || paths.iter().any(|path| !ignore.leaves_out(path)),
                Sign::LeaveOut => !paths.is_empty(),
            }
        };
        let text = |line: &Line| match line.sign {
            Sign::Take => line.path.line(folder),
            Sign::LeaveOut => format!("!{}", line.path.line(folder)),
        };
        let lines: Vec<String> = self.lines.iter().filter(is_used).map(text).collect();
        if self.lines.len() >= MAX_LINES {
            return Err(NarrowError::uncertain(format!("its files would need {MAX_LINES} lines")));
        }
        let is_strange =
            |line: &String| line.contains(|letter: char| letter.is_control() || letter == '\u{fffd}');
        if lines.iter().any(is_strange) {
            return Err(NarrowError::uncertain("a path of it can't stand in a pattern file"));
        }
        Ok(lines)
    }
}

fn folder_of(path: &CopiedPath) -> &RepoPath {
    match path {
        CopiedPath::File(path) | CopiedPath::Folder(path) | CopiedPath::Glob { folder: path, .. } => path,
    }
}
