//! Narrower than `COPY . .`: the packages of a workspace that an image is built from.
//!
//! An image whose Dockerfile copies a whole workspace is built for each change of any package in it. Where manifests say which
//! packages there are and what each depends on, and the Dockerfile says which of them it builds, a pattern file takes these, what lies
//! in the workspace's root, and the manifests that the package manager reads of all packages.
//!
//! What no manifest says is not in the context then: a build that uses it fails, and is never stale. So whatever is not certain is
//! [`Narrowing::Uncertain`], and the image keeps the whole workspace as its input.

mod builders;
mod cargo;
mod commands;
mod dotnet;
mod files;
mod go;
mod gradle;
mod graph;
mod ignored;
mod image;
mod lines;
mod manifests;
mod node;
mod references;
mod selection;
mod steps;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};

use thiserror::Error;

use super::InitError;
use super::candidates::Candidate;
use crate::git::{GitError, Snapshot};
use crate::infer::{CopiedPath, InferError, Resolution, Source};
use crate::model::{RepoPath, printable};
use builders::Builder;
use files::Files;
use graph::PackageGraph;
use ignored::Ignore;
use lines::Lines;
use steps::Steps;

/// How many dependencies are named; of more, their count is.
const MAX_NAMED: usize = 8;

/// What can be said of the inputs of an image besides what its Dockerfile copies.
pub(super) enum Narrowing {
    /// It takes no workspace as a whole, or builds it with a tool that is not known.
    None,
    /// With the line of the Dockerfile that takes the workspace.
    Certain { line: usize, narrowed: Narrowed },
    /// The same, and why the workspace stays whole.
    Uncertain { line: usize, why: String },
}

/// The inputs of an image that is built from some packages of a workspace.
pub(super) struct Narrowed {
    /// As in "Cargo workspace".
    pub(super) kind: &'static str,
    /// As in "package `api` (api/Cargo.toml) and what it depends on: `core`".
    pub(super) packages: String,
    /// Of a pattern file in the project's folder.
    pub(super) lines: Vec<String>,
}

/// Why nothing is narrowed.
#[derive(Debug, Error)]
enum NarrowError {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error(transparent)]
    Infer(#[from] InferError),
    #[error("{0}")]
    Uncertain(String),
}

impl NarrowError {
    fn uncertain(why: impl Into<String>) -> Self {
        Self::Uncertain(why.into())
    }
}

/// Looks for the packages that images are built from, and keeps what it read of a workspace for the next image.
pub(super) struct Narrower<'s> {
    snapshot: &'s Snapshot<'s>,
    /// By the roots of workspaces.
    files: HashMap<RepoPath, Files<'s>>,
}

impl<'s> Narrower<'s> {
    pub(super) fn new(snapshot: &'s Snapshot<'s>) -> Self {
        Self { snapshot, files: HashMap::new() }
    }

    /// What is known of a candidate whose pattern file is in `folder`.
    ///
    /// # Errors
    /// [`InitError`] when the tree can't be read.
    pub(super) fn narrow(
        &mut self,
        candidate: &Candidate,
        folder: &RepoPath,
    ) -> Result<Narrowing, InitError> {
        for source in &candidate.context.sources {
            let Some(root) = whole_folder(source) else { continue };
            match self.narrowed(candidate, root, folder) {
                Ok(None) => {}
                Ok(Some(narrowed)) => return Ok(Narrowing::Certain { line: source.line, narrowed }),
                Err(NarrowError::Uncertain(why)) => {
                    return Ok(Narrowing::Uncertain { line: source.line, why });
                }
                Err(NarrowError::Git(error)) => return Err(error.into()),
                Err(NarrowError::Infer(source)) => {
                    return Err(InitError::Infer { dockerfile: candidate.build.dockerfile.clone(), source });
                }
            }
        }
        Ok(Narrowing::None)
    }

    /// What is taken of a workspace; `None` where no workspace begins at `root`, or no tool that is known builds it.
    fn narrowed(
        &mut self,
        candidate: &Candidate,
        root: &RepoPath,
        folder: &RepoPath,
    ) -> Result<Option<Narrowed>, NarrowError> {
        let dockerfile = &candidate.reading.dockerfile;
        let runs = dockerfile.instructions().iter().filter(|instruction| instruction.keyword == "RUN");
        let runs: String = runs.flat_map(|instruction| &instruction.arguments).map(String::as_str).collect();
        if !Builder::ALL.iter().any(|builder| builder.is_named_in(&runs)) {
            return Ok(None);
        }
        if !self.files.contains_key(root) {
            self.files.insert(root.clone(), Files::below(self.snapshot, root)?);
        }
        let files = &self.files[root];
        let steps = Steps::read(candidate, files)?;
        let mut workspaces = Vec::new();
        for builder in Builder::ALL.into_iter().filter(|builder| builder.is_run_by(&steps.commands)) {
            workspaces.extend(builder.packages(files, &steps.commands)?.map(|graph| (builder, graph)));
        }
        match workspaces.as_slice() {
            [] => Ok(None),
            [(builder, graph)] => self.lines(candidate, *builder, graph, &steps, folder).map(Some),
            [_, _, ..] => Err(NarrowError::uncertain("it is built by tools of several kinds")),
        }
    }

    fn lines(
        &self,
        candidate: &Candidate,
        builder: Builder,
        graph: &PackageGraph,
        steps: &Steps,
        folder: &RepoPath,
    ) -> Result<Narrowed, NarrowError> {
        let files = &self.files[&graph.root];
        let sources = other_sources(candidate, &graph.root)?;
        let roots = selection::roots(builder, graph, files, steps, &candidate.build)?;
        let mut named = steps.named.clone();
        let needed = graph.closure(&roots, |package| {
            let found = references::of(graph, files, package)?;
            named.extend(found.paths);
            Ok(found.packages)
        })?;
        let mut lines = Lines::new(graph, files, &needed, steps.is_in_image)?;
        sources.iter().for_each(|source| lines.add_source(source));
        named.iter().for_each(|taken| lines.add_named(taken));
        lines.follow_links()?;
        if !lines.leave_out_some() {
            return Err(NarrowError::uncertain("all of it is needed"));
        }
        let ignore = Ignore::read(self.snapshot, candidate)?;
        let packages = says(graph, &roots, &needed);
        Ok(Narrowed { kind: graph.kind, packages, lines: lines.written(folder, &ignore)? })
    }
}

/// The folder that a source takes, if it is one for certain.
fn whole_folder(source: &Source) -> Option<&RepoPath> {
    match source.takes.as_slice() {
        [CopiedPath::Folder(folder)] if source.resolution == Resolution::There => Some(folder),
        _ => None,
    }
}

/// What the Dockerfile takes besides the whole workspace.
fn other_sources(candidate: &Candidate, root: &RepoPath) -> Result<Vec<CopiedPath>, NarrowError> {
    let mut others = Vec::new();
    for source in &candidate.context.sources {
        match source.resolution {
            Resolution::There | Resolution::MatchesNothing => {}
            Resolution::Missing => continue,
            Resolution::UnknownVariable | Resolution::BadWildcard | Resolution::ForeignFrontend => {
                let written = printable(&source.written);
                return Err(NarrowError::uncertain(format!("nobody knows what `{written}` takes")));
            }
        }
        for taken in &source.takes {
            match taken {
                CopiedPath::Folder(folder) if folder == root => {}
                CopiedPath::Folder(folder) if root.is_within(folder) => {
                    return Err(NarrowError::uncertain(format!(
                        "it takes `{folder}` as well, which holds it"
                    )));
                }
                taken => others.push(taken.clone()),
            }
        }
    }
    Ok(others)
}

/// Which packages these are.
fn says(graph: &PackageGraph, roots: &BTreeSet<RepoPath>, needed: &BTreeSet<RepoPath>) -> String {
    let name = |folder: &RepoPath| format!("`{}`", printable(&graph.packages[folder].name));
    let named: Vec<String> = { roots.iter() }
        .map(|folder| format!("{} ({})", name(folder), graph.packages[folder].manifest))
        .collect();
    let others: Vec<String> = needed.difference(roots).map(name).collect();
    let others = match others.len() {
        0 => "no other one".to_owned(),
        1..=MAX_NAMED => format!("what it depends on: {}", others.join(", ")),
        count => {
            let more = count - MAX_NAMED;
            format!("what it depends on: {} and {more} others", others[..MAX_NAMED].join(", "))
        }
    };
    format!("package {} and {others}", named.join(", "))
}
