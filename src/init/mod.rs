//! Proposes a `projects.toml` and pattern files for a repository that has none.
//!
//! In three steps: [`evidence`] is what files say of images that are built; [`candidates`] are these images, each once and with its
//! Dockerfile and its context; [`projects`] are what the manifest says of them. Nothing is decided silently: what was concluded is a
//! [`Guess`], what could be otherwise is [`Undecided`], what only a person knows is a [`FillIn`], and what is written somewhere
//! and not used is [`Ignored`]. Each says where.

mod candidates;
mod context;
mod dockerfiles;
mod error;
mod evidence;
mod fill_in;
mod find;
mod links;
mod manifest;
mod named_files;
mod names;
mod official;
mod packages;
mod pattern_files;
mod projects;
mod references;
mod request;
mod resolver;
mod roles;
mod tags;
#[cfg(test)]
mod tests;
mod usable;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer};

pub use dockerfiles::LeftOut;
pub use error::InitError;
pub use evidence::bake;
pub use evidence::compose::builds as compose_builds;
pub use evidence::{Build, Ignored, NamedContext, SecretFrom, SourceLocation};
pub use find::compose_files;
pub use names::workspace_name;
pub use request::{DefaultBranch, DefaultBranchSource, Known, Request};
pub use usable::propose_usable;
pub use write::write;

use crate::config::{ContextSource, WorkspaceName};
use crate::git::Snapshot;
use crate::model::{BranchName, ImagePattern, ImagePrefix, Platform, ProjectName, RepoPath, Tag};
use crate::workspace::MANIFEST;

/// What would be written, and what of it nobody said.
#[derive(Clone, Debug, Serialize)]
pub struct Proposal {
    #[serde(skip)]
    pub workspace: WorkspaceName,
    /// Where it is not `main`.
    #[serde(skip)]
    pub default_branch: Option<BranchName>,
    /// What the names of projects begin with in Dockerfiles.
    #[serde(skip)]
    own_images: BTreeSet<ImagePrefix>,
    pub projects: BTreeMap<ProjectName, Project>,
    /// The lines of each pattern file that would be written.
    #[serde(skip)]
    pattern_files: BTreeMap<RepoPath, Vec<String>>,
    /// The texts of Dockerfiles that stand in other files, and would be written to files of their own.
    #[serde(skip)]
    dockerfiles: BTreeMap<RepoPath, String>,
    /// What the manifest says already.
    #[serde(skip)]
    known: Option<Known>,
    /// What becomes of pattern files that are there.
    #[serde(skip)]
    existing: Existing,
    /// Pattern files that are there and stay as they are.
    #[serde(serialize_with = "shown")]
    pub kept: Vec<RepoPath>,
    pub undecided: Vec<Undecided>,
    pub to_fill_in: Vec<FillIn>,
    pub guesses: Vec<Guess>,
    pub ignored: Vec<Ignored>,
    /// Dockerfiles that are nobody's images, by kind.
    pub left_out: Vec<LeftOut>,
    /// How many builds `--exclude` leaves out.
    pub excluded: usize,
}

/// One project, as its entry says it.
#[derive(Clone, Debug, Serialize)]
pub struct Project {
    #[serde(serialize_with = "one_shown")]
    pub path: RepoPath,
    #[serde(serialize_with = "one_shown")]
    pub context: RepoPath,
    /// From the repository root.
    #[serde(serialize_with = "one_shown")]
    pub dockerfile: RepoPath,
    pub target: Option<String>,
    /// What it is called besides in Dockerfiles.
    #[serde(serialize_with = "shown")]
    pub images: BTreeSet<ImagePattern>,
    /// What is no project in its Dockerfile.
    #[serde(serialize_with = "shown")]
    pub external: BTreeSet<ImagePattern>,
    pub needs: Vec<ProjectName>,
    /// What its Dockerfile starts from or takes something from.
    #[serde(skip)]
    parents: BTreeSet<ProjectName>,
    #[serde(serialize_with = "shown")]
    pub platforms: Vec<Platform>,
    pub build_args: BTreeMap<String, String>,
    /// Whether its Dockerfile can't be read without a platform.
    #[serde(skip)]
    needs_platform: bool,
    /// Arguments without a value.
    #[serde(skip)]
    to_fill_in: BTreeSet<String>,
    #[serde(skip)]
    contexts: BTreeMap<String, ContextSource>,
    #[serde(skip)]
    secrets: BTreeMap<String, SecretFrom>,
    #[serde(skip)]
    ssh: Vec<String>,
    /// The tags that a deployment moves besides.
    #[serde(serialize_with = "shown")]
    pub tags: BTreeSet<Tag>,
    #[serde(rename = "deploy")]
    pub is_deployed: bool,
    /// Where it was found.
    pub found: Guess,
}

/// What could be otherwise: one choice was made, and a person has to look at it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Undecided {
    pub at: SourceLocation,
    pub says: String,
}

/// What only a person knows: the manifest says where it goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FillIn {
    pub at: SourceLocation,
    pub says: String,
}

/// What was concluded, and from what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Guess {
    pub at: SourceLocation,
    pub says: String,
}

/// What becomes of a file that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    Keep,
    Replace,
}

/// A file that would be written.
#[derive(Clone, Debug)]
pub struct NewFile {
    pub path: RepoPath,
    pub content: Vec<u8>,
    /// Where it may not be replaced, nothing at all is written.
    pub existing: Existing,
}

/// Looks at a tree and says what could be written for it.
///
/// # Errors
/// [`InitError::NothingToBuild`] where there is no Dockerfile, [`InitError::Git`] and [`InitError::Infer`] where
/// the tree can't be read.
pub fn propose(snapshot: &Snapshot<'_>, request: Request) -> Result<Proposal, InitError> {
    let Request { workspace, default_branch, existing, excluded, unusable, known } = request;
    let found = find::files(snapshot)?;
    let mut proposal = Proposal {
        workspace,
        default_branch: default_branch
            .as_ref()
            .map(|branch| branch.name.clone())
            .filter(|name| name.to_string() != "main"),
        own_images: BTreeSet::new(),
        projects: BTreeMap::new(),
        pattern_files: BTreeMap::new(),
        dockerfiles: BTreeMap::new(),
        known,
        existing,
        kept: Vec::new(),
        undecided: Vec::new(),
        to_fill_in: Vec::new(),
        guesses: Vec::new(),
        ignored: Vec::new(),
        left_out: Vec::new(),
        excluded: 0,
    };
    if proposal.known.is_none() {
        proposal.note_workspace(default_branch.as_ref());
    }
    let mut builds = find::builds(snapshot, &found, &mut proposal.ignored)?;
    proposal.left_out = find::left_out(&found, &builds);
    let all = builds.len();
    builds.retain(|build| excluded.decide(&build.dockerfile).is_none());
    proposal.excluded = all - builds.len();
    if let Some(known) = &proposal.known {
        builds.retain(|build| !known.dockerfiles.contains(&build.dockerfile));
    }
    for build in builds.extract_if(.., |build| unusable.contains_key(&build.found)) {
        let why = format!("it can't be used: {}", unusable[&build.found]);
        proposal.ignored.push(Ignored { at: build.found, why });
    }
    let candidates = candidates::candidates(&mut proposal, snapshot, builds)?;
    let paths = projects::fill(&mut proposal, snapshot, &candidates)?;
    pattern_files::fill(&mut proposal, snapshot, &found.pattern_files, &candidates, &paths, existing)?;
    if proposal.projects.is_empty() && proposal.known.is_none() {
        let Proposal { ignored, left_out, excluded, .. } = proposal;
        return Err(InitError::NothingToBuild { ignored, left_out, excluded });
    }
    Ok(proposal)
}

impl Proposal {
    /// How many projects the manifest has, where it builds all that was found already: then nothing is written.
    pub fn known_projects(&self) -> Option<usize> {
        self.known.as_ref().filter(|_| self.projects.is_empty()).map(|known| known.names.len())
    }

    /// What would be written, the manifest last.
    pub fn files(&self) -> Vec<NewFile> {
        if self.known_projects().is_some() {
            return Vec::new();
        }
        let is_update = self.known.is_some();
        let files = self.contents(manifest::Empty::Kept).into_iter();
        let file = |(path, content): (RepoPath, Vec<u8>)| {
            // Nobody's Dockerfile is replaced, whatever is asked for.
            let existing = match () {
                () if self.dockerfiles.contains_key(&path) => Existing::Keep,
                () if is_update && path == manifest_path() => Existing::Replace,
                () => self.existing,
            };
            NewFile { path, content, existing }
        };
        files.map(file).collect()
    }

    /// The same with something in the place of each value that is to be filled in: so it can be checked.
    pub fn contents_filled_in(&self) -> Vec<(RepoPath, Vec<u8>)> {
        self.contents(manifest::Empty::FilledIn)
    }

    fn contents(&self, empty: manifest::Empty) -> Vec<(RepoPath, Vec<u8>)> {
        let patterns = self.pattern_files.iter();
        let patterns = patterns.map(|(path, lines)| (path.clone(), (lines.join("\n") + "\n").into_bytes()));
        let dockerfiles =
            self.dockerfiles.iter().map(|(path, text)| (path.clone(), text.clone().into_bytes()));
        let text = match &self.known {
            None => manifest::text(self, empty).into_bytes(),
            Some(known) => [&known.text, manifest::projects(self, empty).as_bytes()].concat(),
        };
        patterns.chain(dockerfiles).chain([(manifest_path(), text)]).collect()
    }

    /// Whether an image can be built for several platforms.
    fn holds_platforms(&self) -> bool {
        self.known.as_ref().is_some_and(|known| !known.is_cached_in_engine)
    }

    fn note_workspace(&mut self, branch: Option<&DefaultBranch>) {
        let at = SourceLocation::whole(&manifest_path());
        let says = format!("the workspace is called `{}`, after the repository", self.workspace);
        self.guesses.push(Guess { at: at.clone(), says });
        let Some(DefaultBranch { name, source }) = branch else { return };
        match source {
            DefaultBranchSource::Origin | DefaultBranchSource::CommonName if name.to_string() == "main" => {}
            DefaultBranchSource::Origin => {
                let says = format!("`default_branch` is `{name}`, the HEAD of `origin`");
                self.guesses.push(Guess { at, says });
            }
            DefaultBranchSource::CommonName => {
                let says = format!("`default_branch` is `{name}`: there is no `main`");
                self.guesses.push(Guess { at, says });
            }
            DefaultBranchSource::CheckedOut => {
                let says = format!("`default_branch` is taken to be `{name}`, which is checked out");
                self.undecided.push(Undecided { at, says });
            }
        }
    }
}

/// Where the manifest is.
fn manifest_path() -> RepoPath {
    RepoPath::new(MANIFEST).expect("the manifest's name is a path")
}

fn one_shown<S: Serializer>(path: &RepoPath, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(path)
}

fn shown<'a, T, S>(values: &'a T, serializer: S) -> Result<S::Ok, S::Error>
where
    &'a T: IntoIterator<Item: ToString>,
    S: Serializer,
{
    serializer.collect_seq(values.into_iter().map(|value| value.to_string()))
}

impl Project {
    /// The projects that it is built from.
    fn dependencies(&self) -> impl Iterator<Item = &ProjectName> {
        let contexts = self.contexts.values().filter_map(|context| match context {
            ContextSource::Project(project) => Some(project),
            ContextSource::Folder(_) => None,
        });
        contexts.chain(&self.needs).chain(&self.parents)
    }
}
