//! Which folder is the build context of a Dockerfile, where nobody says it.
//!
//! The folders above a Dockerfile are compared: first by how much of what `COPY`, `ADD` and mounts name is missing there, then by
//! the files that the text names otherwise (`RUN go build ./cmd/tool`, `CMD ["node", "server.js"]`, the manifest of a package
//! manager that it runs). Where these leave more than one, it is undecided, and the nearest folder is taken.

use super::named_files::NamedFiles;
use super::names::is_in_generic_folder;
use super::{Guess, InitError, Proposal, SourceLocation, Undecided};
use crate::dockerfile::Dockerfile;
use crate::git::{EntryKind, Snapshot};
use crate::infer::{self, Resolution, Source};
use crate::model::{RepoPath, StageName};

/// The root of a build context, and what a Dockerfile takes from it.
pub(super) struct Context {
    pub(super) folder: RepoPath,
    pub(super) sources: Vec<Source>,
    basis: Basis,
}

#[derive(Debug, PartialEq, Eq)]
enum Basis {
    /// Somebody wrote it, or the Dockerfile takes nothing from it.
    Explicit,
    /// Only there is what the Dockerfile names.
    Inferred,
    /// It could be any of these as well.
    Ambiguous(Vec<RepoPath>),
}

/// The Dockerfile whose context is looked for.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) path: &'a RepoPath,
    pub(super) dockerfile: &'a Dockerfile,
    pub(super) target: Option<&'a StageName>,
    pub(super) snapshot: &'a Snapshot<'a>,
}

impl Context {
    /// Notes where the context comes from, unless somebody wrote it.
    pub(super) fn report(&self, dockerfile: &RepoPath, proposal: &mut Proposal) {
        let at = SourceLocation::whole(dockerfile);
        match &self.basis {
            Basis::Explicit => {}
            Basis::Inferred if Some(&self.folder) == dockerfile.parent().as_ref() => {}
            Basis::Inferred => {
                let says = format!("the context is `{}`: what it names is there", self.folder);
                proposal.guesses.push(Guess { at, says });
            }
            Basis::Ambiguous(others) => {
                let shown: Vec<String> = others.iter().take(2).map(|other| format!("`{other}`")).collect();
                let more = if others.len() > 2 { " and other folders above" } else { "" };
                let others = shown.join(if more.is_empty() { " and " } else { ", " }) + more;
                let says =
                    format!("`context` is taken to be `{}`; nothing tells it from {others}", self.folder);
                proposal.undecided.push(Undecided { at, says });
            }
        }
    }
}

impl Subject<'_> {
    /// The context that somebody wrote.
    ///
    /// # Errors
    /// [`InitError::Infer`] when the tree can't be read.
    pub(super) fn with(&self, folder: &RepoPath) -> Result<Context, InitError> {
        Ok(Context { folder: folder.clone(), sources: self.sources(folder)?, basis: Basis::Explicit })
    }

    /// Concludes the context from the Dockerfile and the tree.
    ///
    /// # Errors
    /// [`InitError`] when the tree can't be read.
    pub(super) fn decide(&self) -> Result<Context, InitError> {
        let own = self.path.parent().unwrap_or_default();
        let own_sources = self.sources(&own)?;
        if own_sources.is_empty() {
            return Ok(Context { folder: own, sources: own_sources, basis: Basis::Explicit });
        }
        let mut choices = vec![(own.clone(), own_sources)];
        for folder in std::iter::successors(own.parent(), RepoPath::parent) {
            let sources = self.sources(&folder)?;
            choices.push((folder, sources));
        }
        let missing = |sources: &[Source]| {
            sources.iter().filter(|source| source.resolution == Resolution::Missing).count()
        };
        let least = choices.iter().map(|(_, sources)| missing(sources)).min().unwrap_or(0);
        choices.retain(|(_, sources)| missing(sources) == least);
        let takes_all =
            choices.iter().any(|(folder, sources)| sources.iter().any(|source| source.takes_all_of(folder)));
        if choices.len() > 1 && takes_all && self.has_only_dockerfiles(&own)? {
            choices.retain(|(folder, _)| *folder != own);
        }
        let files = NamedFiles::of(self.dockerfile);
        let mut best: Vec<(RepoPath, Vec<Source>)> = Vec::new();
        let mut most = 0;
        for (folder, sources) in choices {
            // What a line names and a folder holds says more than that the folder can be copied whole.
            let named = sources
                .iter()
                .filter(|source| source.resolution == Resolution::There && !source.takes_all_of(&folder));
            let found = named.count() + files.found_in(&folder, self.snapshot)?;
            if found > most {
                best.clear();
                most = found;
            }
            if found == most {
                best.push((folder, sources));
            }
        }
        let others: Vec<RepoPath> = best.iter().skip(1).map(|(folder, _)| folder.clone()).collect();
        let (folder, sources) = best.into_iter().next().expect("a file lies in a folder");
        // The nearest of several that hold what is named: others further up have files of the same names.
        let basis = if others.is_empty() || most > 0 { Basis::Inferred } else { Basis::Ambiguous(others) };
        Ok(Context { folder, sources, basis })
    }

    fn sources(&self, context: &RepoPath) -> Result<Vec<Source>, InitError> {
        infer::sources(self.dockerfile, self.target, context, self.snapshot)
            .map_err(|source| InitError::Infer { dockerfile: self.path.clone(), source })
    }

    /// Whether nobody would copy what is beside the Dockerfile: there are other Dockerfiles, and what tells about them.
    fn has_only_dockerfiles(&self, folder: &RepoPath) -> Result<bool, InitError> {
        if is_in_generic_folder(self.path) {
            return Ok(true);
        }
        for (path, kind) in self.snapshot.children(folder)? {
            let name = String::from_utf8_lossy(path.file_name()).to_lowercase();
            let is_about = name.contains("dockerfile")
                || name.contains("containerfile")
                || name.ends_with(".md")
                || name.starts_with('.');
            if kind == EntryKind::Folder || !is_about {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
