//! What one tree says of its projects: `projects.toml`, pattern files and Dockerfiles, read together.
//!
//! All problems of all files are reported at once, each with its file and line.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use crate::config::{
    self, Located, Manifest, ManifestErrors, Problem, ProjectConfig, RegistryConfig, RegistryKind,
};
use crate::dockerfile::Dockerfile;
use crate::git::{EntryKind, GitError, Snapshot};
use crate::graph::ProjectGraph;
use crate::model::{ImageRef, ProjectName, RepoPath, RepositoryName};
use crate::patterns::{Patterns, PatternsError};

/// The manifest's name in a repository.
pub const MANIFEST: &str = "projects.toml";

/// A project's pattern file, in its folder.
pub const PATTERN_FILE: &str = ".rebuild_patterns";

/// All projects of a tree.
#[derive(Debug)]
pub struct Workspace {
    pub manifest: Manifest,
    /// How messages name the manifest.
    pub manifest_file: String,
    pub projects: BTreeMap<ProjectName, Project>,
    pub graph: ProjectGraph,
    /// Inputs of every project.
    pub rebuild_all: Patterns,
    /// Where build records are kept.
    pub records: RepositoryName,
}

/// One project, read whole.
#[derive(Debug)]
pub struct Project {
    pub config: ProjectConfig,
    /// Its pattern file's, and the whole context where that isn't hermetic.
    pub patterns: Patterns,
    /// Where the patterns stand, whether the file is there or not.
    pub pattern_file: RepoPath,
    pub dockerfile: Dockerfile,
    /// Where the cache keeps its images.
    pub repository: RepositoryName,
    /// Which project each image reference of the Dockerfile stands for, as it is written there.
    pub parents: BTreeMap<String, ProjectName>,
    /// Image references of the Dockerfile that are not ours, sorted.
    pub foreign_parents: BTreeSet<String>,
    /// Files that are inputs though they are not committed.
    pub extra_inputs: Patterns,
}

/// Where the manifest is taken from.
#[derive(Clone, Debug)]
pub enum ManifestSource {
    /// `projects.toml` of the tree.
    Tree,
    /// A file that was read already, for any tree.
    File { name: String, text: Vec<u8> },
}

/// Why a tree's projects can't be used.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    #[error("there is no `{MANIFEST}` in the root of the repository")]
    NoManifest,
    #[error("the projects can't be used as they are described")]
    Invalid(#[source] ManifestErrors),
    #[error(transparent)]
    Git(#[from] GitError),
}

/// Reads the manifest alone.
///
/// # Errors
/// [`WorkspaceError`] when it isn't there or has problems.
pub fn manifest(
    snapshot: &Snapshot<'_>,
    source: &ManifestSource,
) -> Result<(Manifest, String), WorkspaceError> {
    let (text, file) = match source {
        ManifestSource::File { name, text } => (text.clone(), name.clone()),
        ManifestSource::Tree => {
            let path = RepoPath::new(MANIFEST).expect("the manifest's name is a path");
            (snapshot.read(&path)?.ok_or(WorkspaceError::NoManifest)?, MANIFEST.to_owned())
        }
    };
    let manifest = config::parse(&text, &file).map_err(WorkspaceError::Invalid)?;
    Ok((manifest, file))
}

impl Workspace {
    /// Reads the manifest and what it names.
    ///
    /// # Errors
    /// [`WorkspaceError`]; all problems that were found are in one [`ManifestErrors`].
    pub fn read(snapshot: &Snapshot<'_>, source: &ManifestSource) -> Result<Self, WorkspaceError> {
        let (manifest, manifest_file) = manifest(snapshot, source)?;
        let mut reader = Reader { snapshot, manifest: &manifest, file: &manifest_file, problems: Vec::new() };
        let mut projects = BTreeMap::new();
        for (name, config) in &manifest.projects {
            if let Some(project) = reader.project(name, config)? {
                projects.insert(name.clone(), project);
            }
        }
        let rebuild_all = reader.listed(&manifest.workspace.rebuild_all);
        let records: Option<RepositoryName> = format!("{}-builds", manifest.workspace.name).parse().ok();
        let records = records.and_then(|records| reader.repository(&records, 1));
        let graph = reader.graph(&projects);
        let mut problems = reader.problems;
        match (graph, records) {
            (Some(graph), Some(records)) if problems.is_empty() => {
                Ok(Self { manifest, manifest_file, projects, graph, rebuild_all, records })
            }
            _ => {
                problems.sort_by(|one, other| (&one.file, one.line).cmp(&(&other.file, other.line)));
                Err(WorkspaceError::Invalid(ManifestErrors { problems, more: 0 }))
            }
        }
    }

    /// Where a line of the manifest is, as messages say it.
    pub fn manifest_line(&self, line: usize) -> String {
        format!("{}:{line}", self.manifest_file)
    }
}

impl Project {
    /// The `.dockerignore` files that a build may use: the Dockerfile's own, else the context's.
    pub fn ignore_files(&self) -> [RepoPath; 2] {
        let own = [self.config.dockerfile.value.as_bytes(), b".dockerignore"].concat();
        let own = RepoPath::new(own).expect("a path with more letters is a path");
        [own, self.config.context.value.join_component(b".dockerignore")]
    }
}

struct Reader<'r> {
    snapshot: &'r Snapshot<'r>,
    manifest: &'r Manifest,
    file: &'r str,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn problem(&mut self, file: &str, line: usize, message: String) {
        self.problems.push(Problem { file: file.to_owned(), line, message, hint: None });
    }

    /// Reads what a project's entry names; `None` when a problem was noted.
    fn project(&mut self, name: &ProjectName, config: &ProjectConfig) -> Result<Option<Project>, GitError> {
        let before = self.problems.len();
        for (key, folder) in [("path", &config.path), ("context", &config.context)] {
            let is_folder =
                self.snapshot.entry(&folder.value)?.is_some_and(|entry| entry.kind == EntryKind::Folder);
            if !is_folder {
                let message =
                    format!("`{key}` of `{name}`: there is no folder `{}` in this commit", folder.value);
                self.problem(self.file, folder.line, message);
            }
        }
        if self.problems.len() > before {
            return Ok(None);
        }
        let pattern_file = config.path.value.join_component(PATTERN_FILE.as_bytes());
        let patterns = match self.snapshot.read(&pattern_file)? {
            Some(text) => self.patterns(&pattern_file.to_string(), &text, &config.path.value),
            None => Patterns::whole_folder(&config.path.value),
        };
        let patterns = if config.hermetic { patterns } else { patterns.and_folder(&config.context.value) };
        let repository = self.repository(&config.repository, config.line);
        let extra_inputs = self.listed(&config.extra_inputs);
        let Some(dockerfile) = self.dockerfile(name, config)? else {
            return Ok(None);
        };
        let (parents, foreign_parents) = self.parents(name, config, &dockerfile);
        let Some(repository) = repository.filter(|_| self.problems.len() == before) else {
            return Ok(None);
        };
        Ok(Some(Project {
            config: config.clone(),
            repository,
            patterns,
            pattern_file,
            dockerfile,
            parents,
            foreign_parents,
            extra_inputs,
        }))
    }

    /// A repository's whole name in the cache.
    fn repository(&mut self, repository: &RepositoryName, line: usize) -> Option<RepositoryName> {
        match repository.with_prefix(&self.manifest.cache.prefix) {
            Ok(repository) => Some(repository),
            Err(error) => {
                self.problem(self.file, line, format!("`repository` with the cache's `prefix`: {error}"));
                None
            }
        }
    }

    fn patterns(&mut self, file: &str, text: &[u8], folder: &RepoPath) -> Patterns {
        Patterns::parse(text, folder).unwrap_or_else(|errors| self.bad_patterns(file, 1, &errors))
    }

    fn listed(&mut self, list: &[Located<String>]) -> Patterns {
        let first = list.first().map_or(1, |item| item.line);
        let list = list.iter().map(|item| (item.value.clone(), item.line));
        Patterns::from_list(list).unwrap_or_else(|errors| self.bad_patterns(self.file, first, &errors))
    }

    fn bad_patterns(&mut self, file: &str, line: usize, errors: &[PatternsError]) -> Patterns {
        for error in errors {
            self.problem_of(file, error.line().unwrap_or(line), error);
        }
        Patterns::default()
    }

    /// Notes an error that says its own line, which the problem says too.
    fn problem_of(&mut self, file: &str, line: usize, error: &dyn Error) {
        let mut message = error.to_string();
        if let Some(rest) = message.strip_prefix(&format!("line {line}: ")) {
            message = rest.to_owned();
        }
        if let Some(source) = error.source() {
            message = format!("{message}: {source}");
        }
        self.problem(file, line, message);
    }

    fn dockerfile(
        &mut self,
        name: &ProjectName,
        config: &ProjectConfig,
    ) -> Result<Option<Dockerfile>, GitError> {
        let path = &config.dockerfile.value;
        let Some(text) = self.snapshot.read(path)? else {
            let message = format!("`{name}` has no Dockerfile: there is no file `{path}` in this commit");
            self.problem(self.file, config.dockerfile.line, message);
            return Ok(None);
        };
        match Dockerfile::parse(&text, &config.build_args, config.platforms.first()) {
            Ok(dockerfile) => Ok(Some(dockerfile)),
            Err(error) => {
                self.problem_of(&path.to_string(), error.line().unwrap_or(1), &error);
                Ok(None)
            }
        }
    }

    /// Tells the Dockerfile's parents that are projects from those that are not.
    fn parents(
        &mut self,
        name: &ProjectName,
        config: &ProjectConfig,
        dockerfile: &Dockerfile,
    ) -> (BTreeMap<String, ProjectName>, BTreeSet<String>) {
        let (mut ours, mut foreign) = (BTreeMap::new(), BTreeSet::new());
        match dockerfile.parents_needed_for(config.target.as_ref()) {
            Ok(parents) => {
                for parent in parents {
                    match project_of(self.manifest, name, &parent.reference) {
                        Some(project) => {
                            ours.insert(parent.reference.clone(), project);
                        }
                        None => {
                            foreign.insert(parent.reference.clone());
                        }
                    }
                }
            }
            Err(error) => self.problem(self.file, config.line, format!("`target` of `{name}`: {error}")),
        }
        (ours, foreign)
    }

    fn graph(&mut self, projects: &BTreeMap<ProjectName, Project>) -> Option<ProjectGraph> {
        let needs = projects.iter().map(|(name, project)| {
            let listed = project.config.needs.iter().map(|need| need.value.clone());
            (name.clone(), project.parents.values().cloned().chain(listed).collect())
        });
        match ProjectGraph::new(&needs.collect()) {
            Ok(graph) => Some(graph),
            Err(cycles) => {
                for cycle in cycles {
                    let line = self.manifest.projects[&cycle.path[0]].line;
                    self.problem(self.file, line, cycle.to_string());
                }
                None
            }
        }
    }
}

/// The project that an image reference of `dependent`'s Dockerfile stands for, if it is one of ours.
///
/// A bare name is the project of that name, `<host>/<prefix><repository>` the project with that
/// repository, where the host is that of the cache or the deploy registry. The engine's own store
/// has no host; there a repository is ours only if a prefix tells it from images such as `node`.
fn project_of(manifest: &Manifest, dependent: &ProjectName, reference: &str) -> Option<ProjectName> {
    if let Ok(name) = reference.parse::<ProjectName>()
        && name != *dependent
        && manifest.projects.contains_key(&name)
    {
        return Some(name);
    }
    let image: ImageRef = reference.parse().ok()?;
    let registries = [Some(&manifest.cache), manifest.deploy.as_ref()];
    registries.into_iter().flatten().find_map(|registry| {
        let repository = repository_in(registry, &image)?;
        manifest
            .projects
            .iter()
            .find(|(_, project)| project.repository.as_str() == repository)
            .map(|(name, _)| name.clone())
    })
}

fn repository_in<'i>(registry: &RegistryConfig, image: &'i ImageRef) -> Option<&'i str> {
    let is_here = match (&registry.kind, &image.host) {
        (RegistryKind::Engine, None) => !registry.prefix.is_empty(),
        (RegistryKind::Ecr(ecr), Some(host)) if registry.host().is_none() => ecr.may_be_at(host),
        (_, Some(host)) => registry.host().as_ref() == Some(host),
        (_, None) => false,
    };
    if is_here { image.repository.as_str().strip_prefix(registry.prefix.as_str()) } else { None }
}
