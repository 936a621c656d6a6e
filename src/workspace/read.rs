//! Reads what the manifest names, on several threads where there is much of it.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use super::parents::Names;
use super::{PATTERN_FILE, Project, Workspace, WorkspaceError};
use crate::config::{Located, Manifest, ManifestErrors, Problem, ProjectConfig};
use crate::dockerfile::Dockerfile;
use crate::git::{GitError, Snapshot};
use crate::graph::ProjectGraph;
use crate::model::{ProjectName, RepoPath, RepositoryName};
use crate::patterns::{Patterns, PatternsError};
use crate::threads;

/// Fewer projects are read sooner than a thread has opened the repository.
const LEAST_PROJECTS_A_THREAD: usize = 100;

/// What a thread takes at once.
const PROJECTS_AT_ONCE: usize = 25;

pub(super) fn workspace(
    snapshot: &Snapshot<'_>,
    manifest: Manifest,
    file: String,
) -> Result<Workspace, WorkspaceError> {
    let names = Names::new(&manifest);
    snapshot.fetch_promised(manifest.projects.values().flat_map(|config| {
        [config.dockerfile.value.clone(), config.path.value.join_component(PATTERN_FILE.as_bytes())]
    }))?;
    let (found, mut problems) = read_all(snapshot, &manifest, &names, &file)?;
    let mut reader =
        Reader { snapshot, manifest: &manifest, names: &names, file: &file, problems: Vec::new() };
    let rebuild_all = reader.listed(&manifest.workspace.rebuild_all);
    let records = reader.repository(&manifest.workspace.name.builds_repository(), 1);
    problems.append(&mut reader.problems);
    let graph = graph(&manifest, &found, &file).map_err(|cycles| problems.extend(cycles));
    let (Ok(graph), Some(records), true) = (graph, records, problems.is_empty()) else {
        problems.sort_by(|one, other| (&one.file, one.line).cmp(&(&other.file, other.line)));
        return Err(WorkspaceError::Invalid(ManifestErrors { problems, more: 0 }));
    };
    let Manifest { workspace: settings, cache, deploy, environments, projects } = manifest;
    let found = found.into_iter().map(|found| found.expect("what was not read is a problem"));
    let projects = projects.into_iter().zip(found);
    let projects = projects.map(|((name, config), found)| (name, found.with(config))).collect();
    let manifest_file = file;
    Ok(Workspace {
        settings,
        cache,
        deploy,
        environments,
        manifest_file,
        projects,
        graph,
        rebuild_all,
        records,
    })
}

type AllFound = (Vec<Option<Found>>, Vec<Problem>);

/// Reads all projects, in the manifest's order; `None` where a problem was noted.
fn read_all<'m>(
    snapshot: &Snapshot<'_>,
    manifest: &'m Manifest,
    names: &Names<'m>,
    file: &str,
) -> Result<AllFound, GitError> {
    let projects: Vec<(&ProjectName, &ProjectConfig)> =
        manifest.projects.iter().map(|(name, config)| (name, &**config)).collect();
    let read = |snapshot: &Snapshot<'_>, projects: &[(&ProjectName, &ProjectConfig)]| {
        let mut reader = Reader { snapshot, manifest, names, file, problems: Vec::new() };
        let found = reader.projects(projects)?;
        Ok((found, reader.problems))
    };
    let most_threads = projects.len() / LEAST_PROJECTS_A_THREAD;
    // How many processors there are is a dozen calls, so it is asked only where it matters.
    let threads = if most_threads > 1 { threads::processors().min(most_threads) } else { 1 };
    let chunks: Vec<_> = projects.chunks(PROJECTS_AT_ONCE).collect();
    let (open, tree) = (snapshot.repository().for_another_thread(), snapshot.tree());
    let all = threads::share(
        &chunks,
        threads,
        |queue| queue.each(|projects| read(snapshot, projects)),
        |queue| {
            let repository = open()?;
            let snapshot = repository.snapshot_of_tree(tree);
            queue.each(|projects| read(&snapshot, projects))
        },
    )?;
    let (mut found, mut problems) = (Vec::with_capacity(projects.len()), Vec::new());
    for (mut of_chunk, mut of_chunk_problems) in all {
        found.append(&mut of_chunk);
        problems.append(&mut of_chunk_problems);
    }
    Ok((found, problems))
}

fn graph(manifest: &Manifest, found: &[Option<Found>], file: &str) -> Result<ProjectGraph, Vec<Problem>> {
    let needs = manifest.projects.iter().zip(found).filter_map(|((name, config), found)| {
        let listed = config.needs.iter().map(|need| &need.value);
        Some((name, found.as_ref()?.parents.values().chain(listed)))
    });
    ProjectGraph::new(needs).map_err(|cycles| {
        let problem = |cycle: &crate::graph::Cycle| Problem {
            file: file.to_owned(),
            line: manifest.projects[&cycle.path[0]].line,
            message: cycle.to_string(),
            hint: None,
        };
        cycles.iter().map(problem).collect()
    })
}

/// What a project's entry names; the entry itself is added when all are read.
struct Found {
    repository: RepositoryName,
    patterns: Patterns,
    pattern_file: RepoPath,
    dockerfile: Box<Dockerfile>,
    parents: BTreeMap<String, ProjectName>,
    foreign_parents: BTreeSet<String>,
    extra_inputs: Patterns,
}

/// Where a project's patterns stand, and the contents of its files that are there.
struct Files {
    pattern_file: RepoPath,
    patterns: Option<Vec<u8>>,
    dockerfile: Option<Vec<u8>>,
}

struct Reader<'r, 'm> {
    snapshot: &'r Snapshot<'r>,
    manifest: &'m Manifest,
    names: &'r Names<'m>,
    file: &'r str,
    problems: Vec<Problem>,
}

impl Found {
    fn with(self, config: Box<ProjectConfig>) -> Project {
        let Self { repository, patterns, pattern_file, dockerfile, parents, foreign_parents, extra_inputs } =
            self;
        Project {
            config,
            repository,
            patterns,
            pattern_file,
            dockerfile,
            parents,
            foreign_parents,
            extra_inputs,
        }
    }
}

impl Reader<'_, '_> {
    fn problem(&mut self, file: &str, line: usize, message: String) {
        self.problems.push(Problem { file: file.to_owned(), line, message, hint: None });
    }

    /// Reads what each project's entry names; `None` where a problem was noted.
    fn projects(
        &mut self,
        projects: &[(&ProjectName, &ProjectConfig)],
    ) -> Result<Vec<Option<Found>>, GitError> {
        let folders = projects.iter().flat_map(|(_, config)| [&config.path.value, &config.context.value]);
        self.snapshot.read_folders(folders)?;
        let pattern_file = |config: &ProjectConfig| config.path.value.join_component(PATTERN_FILE.as_bytes());
        let pattern_files: Vec<RepoPath> = projects.iter().map(|(_, config)| pattern_file(config)).collect();
        let dockerfiles = projects.iter().map(|(_, config)| &config.dockerfile.value);
        // The two of a project are neighbours in most packs.
        let files: Vec<&RepoPath> = pattern_files.iter().zip(dockerfiles).flat_map(<[_; 2]>::from).collect();
        let mut texts = self.snapshot.read_all(&files)?.map(Result::transpose);
        projects
            .iter()
            .zip(&pattern_files)
            .map(|((name, config), pattern_file)| {
                let mut text = || texts.next().flatten().transpose();
                let (patterns, dockerfile) = (text()?, text()?);
                self.project(name, config, Files { pattern_file: pattern_file.clone(), patterns, dockerfile })
            })
            .collect()
    }

    /// The same of one project.
    fn project(
        &mut self,
        name: &ProjectName,
        config: &ProjectConfig,
        files: Files,
    ) -> Result<Option<Found>, GitError> {
        let before = self.problems.len();
        let context =
            Some(("context", &config.context)).filter(|_| config.context.value != config.path.value);
        for (key, folder) in [("path", &config.path)].into_iter().chain(context) {
            if !self.snapshot.has_folder(&folder.value)? {
                let message =
                    format!("`{key}` of `{name}`: there is no folder `{}` in this commit", folder.value);
                self.problem(self.file, folder.line, message);
            }
        }
        if self.problems.len() > before {
            return Ok(None);
        }
        let Files { pattern_file, patterns, dockerfile } = files;
        let patterns = match patterns {
            Some(text) => Patterns::parse(&text, &config.path.value)
                .unwrap_or_else(|errors| self.bad_patterns(&pattern_file.to_string(), 1, &errors)),
            None => Patterns::whole_folder(&config.path.value),
        };
        let patterns = if config.hermetic { patterns } else { patterns.and_folder(&config.context.value) };
        let repository = self.repository(&config.repository, config.line);
        let extra_inputs = self.listed(&config.extra_inputs);
        let Some(dockerfile) = self.dockerfile(name, config, dockerfile) else {
            return Ok(None);
        };
        let (parents, foreign_parents) = self.parents(name, config, &dockerfile);
        let Some(repository) = repository.filter(|_| self.problems.len() == before) else {
            return Ok(None);
        };
        Ok(Some(Found {
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
        text: Option<Vec<u8>>,
    ) -> Option<Box<Dockerfile>> {
        let path = &config.dockerfile.value;
        let Some(text) = text else {
            let message = format!("`{name}` has no Dockerfile: there is no file `{path}` in this commit");
            self.problem(self.file, config.dockerfile.line, message);
            return None;
        };
        match Dockerfile::parse(&text, &config.build_args, config.platforms.first()) {
            Ok(dockerfile) => Some(Box::new(dockerfile)),
            Err(error) => {
                self.problem_of(&path.to_string(), error.line().unwrap_or(1), &error);
                None
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
                    match self.names.project(name, &parent.reference) {
                        Some(project) => {
                            ours.insert(parent.reference.clone(), project.clone());
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
}
