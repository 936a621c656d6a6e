//! Reads what the manifest names.

mod rules;
mod triggers;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use super::folder_context::ignore_file;
use super::images::Names;
use super::input_rules::pattern_files;
use super::{
    FolderContext, InputRules, Lookalike, Project, Unlocked, Variant, Workspace, WorkspaceError,
    ignore_files, lock,
};
use crate::config::{
    ContextSource, Located, LockFile, Manifest, ManifestErrors, Problem, ProjectConfig, UNPROTECTED,
};
use crate::dockerfile::Trigger;
use crate::dockerignore::DockerIgnore;
use crate::git::{Entry, EntryKind, GitError, Snapshot};
use crate::graph::{Cycle, ProjectGraph};
use crate::model::{FileMode, ProjectName, RepoPath, RepositoryName};
use crate::patterns::{Pattern, Patterns, PatternsError};

/// Fewer projects are read sooner than a thread has opened the repository.
const MIN_PROJECTS_PER_THREAD: usize = 100;

pub(super) fn workspace(
    snapshot: &Snapshot<'_>,
    manifest: Manifest,
    file: String,
    lock: Result<Option<LockFile>, ManifestErrors>,
    unlocked: Unlocked,
) -> Result<Workspace, WorkspaceError> {
    let (lock, lock_problems) = match lock {
        Ok(lock) => (lock, Vec::new()),
        Err(ManifestErrors { problems, .. }) => (None, problems),
    };
    let names = Names::new(&manifest);
    let locking = Locking { lock: lock.as_ref(), unlocked };
    snapshot.fetch_from_promisor(manifest.projects.values().flat_map(|config| files_of(config)))?;
    let all: Vec<_> = manifest.projects.iter().map(|(name, config)| (name, &**config)).collect();
    let found = read_all(snapshot, &all, &names, locking, &file)?;
    let mut reader = Reader::new(snapshot, &names, locking, &file);
    let rebuild_all = reader.listed(&manifest.workspace.rebuild_all);
    let records = reader.repository(&manifest.workspace.name.builds_repository(), 1);
    let taints = reader.repository(&manifest.workspace.name.taints_repository(), 1);
    let claims = reader.repository(&manifest.workspace.name.claims_repository(), 1);
    if manifest.trust.is_some() {
        reader.check_unprotected(&manifest);
    }
    let mut problems = reader.problems;
    problems.extend(lock_problems);
    problems.extend(found.iter().filter_map(|found| found.as_ref().err()).flatten().cloned());
    let graph = graph(&manifest, &found, &file).and_then(|graph| {
        let deploy_order = deploy_order(&manifest, &graph, &file)?;
        Ok((graph, deploy_order))
    });
    let graph = graph.map_err(|cycles| problems.extend(cycles));
    let repositories = records.zip(taints).zip(claims);
    let (Ok((graph, deploy_order)), Some(((records, taints), claims)), true) =
        (graph, repositories, problems.is_empty())
    else {
        problems.sort_by(|one, other| (&one.file, one.line).cmp(&(&other.file, other.line)));
        return Err(WorkspaceError::Invalid(ManifestErrors { problems, more: 0 }));
    };
    let Manifest {
        workspace: settings,
        cache,
        deploy,
        environments,
        terraform,
        trust,
        builders,
        ci,
        projects,
    } = manifest;
    let found = found.into_iter().map(|found| found.expect("there is no problem"));
    let projects = projects.into_iter().zip(found);
    let projects = projects.map(|((name, config), found)| (name, found.with(config))).collect();
    let manifest_file = file;
    Ok(Workspace {
        settings,
        cache,
        deploy,
        environments,
        terraform,
        trust,
        builders,
        ci,
        manifest_file,
        lock,
        projects,
        graph,
        deploy_order,
        rebuild_all,
        records,
        taints,
        claims,
    })
}

/// What external images are pinned by.
#[derive(Clone, Copy)]
pub(super) struct Locking<'l> {
    pub(super) lock: Option<&'l LockFile>,
    pub(super) unlocked: Unlocked,
}

/// Reads these projects, in their order, each with its problems where it has some.
pub(super) fn read_all(
    snapshot: &Snapshot<'_>,
    projects: &[(&ProjectName, &ProjectConfig)],
    names: &Names<'_>,
    locking: Locking<'_>,
    file: &str,
) -> Result<Vec<Result<Found, Vec<Problem>>>, GitError> {
    let read = |snapshot: &Snapshot<'_>, projects: &[(&ProjectName, &ProjectConfig)]| {
        let mut reader = Reader::new(snapshot, names, locking, file);
        let mut read = |(name, config): &(&ProjectName, &ProjectConfig)| {
            let found = reader.project(name, config)?;
            Ok(found.ok_or_else(|| std::mem::take(&mut reader.problems)))
        };
        projects.iter().map(&mut read).collect::<Result<Vec<_>, GitError>>()
    };
    Ok(snapshot.in_parallel(projects, MIN_PROJECTS_PER_THREAD, read)?.into_iter().flatten().collect())
}

/// The files that say what a project is, wherever they are.
pub(super) fn files_of(config: &ProjectConfig) -> Vec<RepoPath> {
    let mut files = pattern_files(config);
    files.push(config.dockerfile.value.clone());
    files.extend(ignore_files(config));
    files
}

fn graph(
    manifest: &Manifest,
    found: &[Result<Found, Vec<Problem>>],
    file: &str,
) -> Result<ProjectGraph, Vec<Problem>> {
    let needs = manifest.projects.iter().zip(found).filter_map(|((name, config), found)| {
        let listed = config.needs.iter().map(|need| &need.value);
        let parents = found.as_ref().ok()?.variants.iter().flat_map(Variant::own_parents);
        Some((name, parents.map(|(_, project)| project).chain(listed)))
    });
    ProjectGraph::new(needs).map_err(|cycles| problems_of(cycles, manifest, file, ""))
}

/// All projects, each after what it needs and what `deploy_after` lists.
fn deploy_order(
    manifest: &Manifest,
    graph: &ProjectGraph,
    file: &str,
) -> Result<Vec<ProjectName>, Vec<Problem>> {
    if manifest.projects.values().all(|config| config.deploy_after.is_empty()) {
        return Ok(graph.order().cloned().collect());
    }
    let earlier = manifest.projects.iter().map(|(name, config)| {
        let listed = config.deploy_after.iter().map(|earlier| &earlier.value);
        (name, graph.needs(name).into_iter().chain(listed).collect::<Vec<_>>())
    });
    let earlier: Vec<(&ProjectName, Vec<&ProjectName>)> = earlier.collect();
    let graph = ProjectGraph::new(earlier.iter().map(|(name, earlier)| (*name, earlier.iter().copied())));
    let graph = graph.map_err(|cycles| problems_of(cycles, manifest, file, "with `deploy_after`, "))?;
    Ok(graph.order().cloned().collect())
}

fn problems_of(cycles: Vec<Cycle>, manifest: &Manifest, file: &str, before: &str) -> Vec<Problem> {
    let problem = |cycle: Cycle| Problem {
        file: file.to_owned(),
        line: manifest.projects[&cycle.path[0]].line,
        message: format!("{before}{cycle}"),
        hint: None,
    };
    cycles.into_iter().map(problem).collect()
}

/// What a project's entry names; the entry itself is added when all are read.
pub(super) struct Found {
    repository: RepositoryName,
    inputs: InputRules,
    whole_context: Option<FolderContext>,
    variants: Box<[Variant]>,
    lookalikes: Box<[Lookalike]>,
    extra_inputs: Patterns,
    folders: Box<[FolderContext]>,
}

struct Reader<'r, 'm> {
    snapshot: &'r Snapshot<'r>,
    names: &'r Names<'m>,
    locking: Locking<'r>,
    file: &'r str,
    problems: Vec<Problem>,
    /// Of images of the workspace, which several projects may start from.
    triggers: BTreeMap<ProjectName, Vec<Trigger>>,
}

impl Found {
    pub(super) fn with(self, config: Box<ProjectConfig>) -> Project {
        let Self { repository, inputs, whole_context, variants, lookalikes, extra_inputs, folders } = self;
        let contexts = folders.iter().chain(&whole_context);
        let folder_patterns = contexts.map(|context| Pattern::of_folder(&context.folder)).collect();
        Project {
            config,
            repository,
            inputs,
            whole_context,
            variants,
            lookalikes,
            extra_inputs,
            folders,
            folder_patterns,
        }
    }
}

impl<'r, 'm> Reader<'r, 'm> {
    fn new(snapshot: &'r Snapshot<'r>, names: &'r Names<'m>, locking: Locking<'r>, file: &'r str) -> Self {
        Self { snapshot, names, locking, file, problems: Vec::new(), triggers: BTreeMap::new() }
    }

    fn problem(&mut self, file: &str, line: usize, message: String) {
        self.problems.push(Problem { file: file.to_owned(), line, message, hint: None });
    }

    /// Notes that the tree lacks `path`, which the manifest names.
    fn missing(&mut self, line: usize, message: String, path: &RepoPath) {
        let is_untracked = self.snapshot.repository().is_untracked(path);
        let hint = is_untracked.then(|| format!("git does not track it: `git add {path}`"));
        self.problems.push(Problem { file: self.file.to_owned(), line, message, hint });
    }

    /// Reads what a project's entry names; `None` where a problem was noted.
    fn project(&mut self, name: &ProjectName, config: &ProjectConfig) -> Result<Option<Found>, GitError> {
        let before = self.problems.len();
        let context =
            Some(("context", &config.context)).filter(|_| config.context.value != config.path.value);
        let folders = [("path", &config.path)].into_iter().chain(context);
        let folders = folders.map(|(key, folder)| (key.to_owned(), &folder.value, folder.line));
        let contexts = config.contexts.iter().filter_map(|(name, source)| match &source.value {
            ContextSource::Folder(folder) => Some((format!("contexts.{name}"), folder, source.line)),
            ContextSource::Project(_) => None,
        });
        for (key, folder, line) in folders.chain(contexts) {
            if !self.snapshot.has_folder(folder)? {
                let message = format!("`{key}` of `{name}`: there is no folder `{folder}` in this commit");
                self.missing(line, message, folder);
            }
        }
        if self.problems.len() > before {
            return Ok(None);
        }
        self.refuse_links(config)?;
        let repository = self.repository(&config.repository, config.line);
        let extra_inputs = self.listed(&config.extra_inputs);
        let dockerfile = self.snapshot.read(&config.dockerfile.value)?;
        let variants = self.variants(name, config, dockerfile)?;
        let lookalikes = self.names.lookalikes(name, config, &variants);
        let stale = lookalikes.iter().filter_map(|lookalike| lookalike.problem(name, config, self.file));
        self.problems.extend(stale);
        if let Locking { lock: Some(lock), unlocked: Unlocked::Refused } = self.locking {
            self.problems.extend(lock::unlocked(config, lock, &variants));
        }
        let folders = self.folders(config, &variants)?;
        let whole_context = if config.hermetic { None } else { self.context(config)? };
        let inputs = self.input_rules(name, config, &variants)?;
        let (Some(repository), Some(inputs), true) = (repository, inputs, self.problems.len() == before)
        else {
            return Ok(None);
        };
        let lookalikes = lookalikes.into();
        Ok(Some(Found { repository, inputs, whole_context, variants, lookalikes, extra_inputs, folders }))
    }

    /// A link in place of a file that is read would be taken for no file at all.
    fn refuse_links(&mut self, config: &ProjectConfig) -> Result<(), GitError> {
        let of_contexts = config.folders().map(|(folder, _)| ignore_file(folder));
        for path in files_of(config).into_iter().chain(of_contexts) {
            if let Some(Entry { kind: EntryKind::File(FileMode::Symlink), .. }) =
                self.snapshot.entry(&path)?
            {
                let message = "it is a symbolic link, which is not followed: commit the file itself there";
                self.problem(&path.to_string(), 1, message.to_owned());
            }
        }
        Ok(())
    }

    /// A repository's whole name in the cache.
    fn repository(&mut self, repository: &RepositoryName, line: usize) -> Option<RepositoryName> {
        match repository.with_prefix(&self.names.cache().prefix) {
            Ok(repository) => Some(repository),
            Err(error) => {
                self.problem(self.file, line, format!("`repository` with the cache's `prefix`: {error}"));
                None
            }
        }
    }

    /// Branches that aren't protected have repositories of their own, and no project has one of those.
    fn check_unprotected(&mut self, manifest: &Manifest) {
        let records = manifest.workspace.name.builds_repository();
        let of_projects = manifest.projects.values().map(|config| (&config.repository, config.line));
        for (repository, line) in of_projects.chain([(&records, 1)]) {
            if repository.as_str().starts_with(UNPROTECTED) {
                let problem = format!("`{repository}`: `[trust]` keeps `{UNPROTECTED}` for other branches");
                self.problem(self.file, line, problem);
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

    /// The folders that the Dockerfile uses as named contexts.
    fn folders(
        &mut self,
        config: &ProjectConfig,
        variants: &[Variant],
    ) -> Result<Box<[FolderContext]>, GitError> {
        let used: BTreeSet<&RepoPath> =
            variants.iter().flat_map(Variant::folders).map(|(_, folder)| folder).collect();
        let mut folders = Vec::with_capacity(used.len());
        for folder in used {
            let line =
                config.folders().find(|(named, _)| *named == folder).map_or(config.line, |(_, line)| line);
            let file = ignore_file(folder);
            let text = self.snapshot.read(&file)?.unwrap_or_default();
            match DockerIgnore::parse(&text) {
                Ok(ignore) => folders.push(FolderContext { folder: folder.clone(), line, ignore }),
                Err(error) => self.problem_of(&file.to_string(), error.line, &error),
            }
        }
        Ok(folders.into())
    }

    /// The Dockerfile for each platform; none where a problem was noted.
    fn variants(
        &mut self,
        name: &ProjectName,
        config: &ProjectConfig,
        text: Option<Vec<u8>>,
    ) -> Result<Box<[Variant]>, GitError> {
        let path = &config.dockerfile.value;
        let Some(text) = text else {
            let message = format!("`{name}` has no Dockerfile: there is no file `{path}` in this commit");
            self.missing(config.dockerfile.line, message, path);
            return Ok(Box::default());
        };
        let engine_platform = config.platforms.is_empty().then_some(None);
        let platforms = config.platforms.iter().map(Some).chain(engine_platform);
        let mut variants = Vec::with_capacity(config.platforms.len().max(1));
        for platform in platforms {
            let dockerfile = match self.dockerfile(name, config, platform, &text)? {
                Ok(dockerfile) => dockerfile,
                Err(error) => {
                    self.problem_of(&path.to_string(), error.line().unwrap_or(1), &error);
                    return Ok(Box::default());
                }
            };
            let resolve = |reference: &str| self.names.resolve(name, config, reference);
            match Variant::new(platform.cloned(), dockerfile, config, self.locking.lock, resolve) {
                Ok(variant) => variants.push(variant),
                Err(error) => {
                    self.problem(self.file, config.line, format!("`target` of `{name}`: {error}"));
                    return Ok(Box::default());
                }
            }
        }
        Ok(variants.into())
    }
}
