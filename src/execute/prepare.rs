//! From a plan to jobs: what is reused, and for each build its request to the engine.
//!
//! The context holds the committed files that the project's patterns take and its
//! `.dockerignore` leaves, and nothing else.

mod primed;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::build::pinned;
use super::cache_login::CacheLogin;
use super::contents::{Contents, FoundContent, FoundFile};
use super::job::{Backend, Destination, Job, LayerCache, Pins, Task, TaskVariant, Work};
use super::labels;
use super::local;
use super::prepare_error::PrepareError;
use super::untrusted;
use crate::dockerfile::foreign_frontend;
use crate::dockerignore::DockerIgnore;
use crate::engine::{
    BuildRequest, Content, Context, ContextFile, ContextReuse, Logins, SshAgent, check_link,
};
use crate::git::{Download, Fetching, Repository, Snapshot, SubmoduleFetch};
use crate::inputs::InputFile;
use crate::model::{BranchName, CommitId, ImageRef, ProjectName, RepoPath, Secret};
use crate::observe::{Observations, Observed, Zone};
use crate::plan::{Action, Build, Plan, Step};
use crate::registry::{Registry, Storage};
use crate::workspace::{FolderContext, ImageRole, Project, Variant, Workspace};

/// The values of each project's secrets, by their ids.
pub type Secrets = BTreeMap<ProjectName, BTreeMap<String, Secret>>;

/// What the jobs of a run have in common.
#[derive(Clone, Copy)]
pub struct Preparation<'p> {
    pub repository: &'p Repository,
    pub snapshot: &'p Snapshot<'p>,
    pub workspace: &'p Workspace,
    pub registry: &'p dyn Registry,
    pub destination: &'p Destination,
    pub zone: Zone,
    /// The branch whose newest images are offered as layer caches, besides the default branch's.
    pub branch_to_read: Option<&'p BranchName>,
    /// Of the projects that are built and have some.
    pub secrets: &'p Secrets,
    /// What the projects' `ssh` stands for, if one of those that are built has any. An untrusted run forwards none.
    pub ssh_agent: Option<&'p SshAgent>,
    /// Whether external base images are pulled even if the engine has them.
    pub pull: bool,
    /// Whether submodules that are missing are fetched. An untrusted run fetches none.
    pub fetch_submodules: SubmoduleFetch,
    /// For base images of registries other than the cache. An untrusted run uses none of them.
    pub logins: &'p Logins,
    /// Build arguments for the proxies that commands need here. They are no inputs, and an untrusted run gets none.
    pub proxies: &'p BTreeMap<String, Secret>,
}

impl std::fmt::Debug for Preparation<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Preparation").field("destination", &self.destination).finish_non_exhaustive()
    }
}

/// Makes a job of each step. `connect` is asked for what builds, and the registry for credentials, only where something is
/// built.
///
/// # Errors
/// [`PrepareError`] when a context can't be what the project declares, and what `connect` fails with.
pub async fn prepare<E: From<PrepareError>>(
    plan: &Plan,
    observed: &Observations,
    preparation: Preparation<'_>,
    connect: impl AsyncFnOnce() -> Result<Backend, E>,
) -> Result<Vec<Job>, E> {
    let is_local = matches!(preparation.destination, Destination::Local(_));
    let needs_engine = |step: &Step| match step.action {
        Action::Build(_) => true,
        Action::Reuse(_) => is_local,
        Action::Keep(_) => false,
    };
    let builder = match plan.steps.iter().any(needs_engine) {
        false => None,
        true => Some(TaskBuilder::new(plan.head, preparation, connect().await?).await?),
    };
    let builder = || builder.as_ref().expect("there is one where a step needs the engine");
    let job = |step: &Step| {
        let project = &step.impact.project;
        let work = match &step.action {
            Action::Keep(id) => {
                let repository = &preparation.workspace.projects[project].repository;
                Work::Reuse { image: ImageRef::local(repository), digest: *id }
            }
            Action::Reuse(image) if is_local => {
                let engine = builder().backend.engine().expect("the engine makes local builds");
                let project = &preparation.workspace.projects[project];
                Work::Pull(Box::new(local::pull_of(project, image, preparation.registry, engine)))
            }
            Action::Reuse(image) => {
                let digest = image.digest;
                let pinned = pinned(preparation.registry, &image.repository, &image.tag, digest);
                Work::Reuse { image: pinned, digest }
            }
            Action::Build(build) => {
                Work::Build(Box::new(builder().task(project, &observed.projects[project], build)?))
            }
        };
        // What is there already waits for nothing.
        let needs = if let Work::Build(_) = work { step.impact.needs.clone() } else { Vec::new() };
        Ok(Job { project: project.clone(), needs, work })
    };
    plan.steps.iter().map(job).collect::<Result<_, PrepareError>>().map_err(E::from)
}

/// Makes the tasks of the projects that are built.
struct TaskBuilder<'p> {
    preparation: Preparation<'p>,
    commit: CommitId,
    commit_seconds: u64,
    backend: Backend,
    logins: Logins,
    contents: Contents<'p>,
}

impl<'p> TaskBuilder<'p> {
    async fn new(
        commit: CommitId,
        preparation: Preparation<'p>,
        backend: Backend,
    ) -> Result<Self, PrepareError> {
        let Preparation { registry, .. } = preparation;
        // What keeps the login from being known is said before anything is built.
        registry.login().await.map_err(PrepareError::Credentials)?;
        // A pull request must not read with the logins of this machine what its author can't.
        let logins = match preparation.destination {
            Destination::Shared(_) | Destination::Local(_) => preparation.logins.clone(),
            Destination::Untrusted(_) => Logins::none(),
        };
        let logins = match registry.oci() {
            Some(oci) => logins.with_cache(oci.host(), Arc::new(CacheLogin::new(oci))),
            None => logins,
        };
        let fetching = match preparation.destination {
            Destination::Shared(_) | Destination::Local(_) => {
                Fetching { submodules: preparation.fetch_submodules, lfs: Download::Allowed }
            }
            Destination::Untrusted(_) => {
                Fetching { submodules: SubmoduleFetch::Untrusted, lfs: Download::Untrusted }
            }
        };
        let contents = Contents::new(preparation.snapshot, fetching)?;
        let commit_seconds = preparation.repository.commit_time(commit)?.try_into().unwrap_or_default();
        Ok(Self { preparation, commit, commit_seconds, backend, logins, contents })
    }

    /// The platforms that are built.
    fn variants(&self, name: &ProjectName) -> Result<&'p [Variant], PrepareError> {
        let workspace = self.preparation.workspace;
        let project = &workspace.projects[name];
        match self.preparation.destination {
            Destination::Shared(_) | Destination::Untrusted(_) => Ok(&project.variants),
            Destination::Local(_) => {
                let own = self.backend.engine().and_then(|engine| engine.platform());
                local::variant_to_build(workspace, name, own).map(std::slice::from_ref)
            }
        }
    }

    fn task(&self, name: &ProjectName, observed: &Observed, build: &Build) -> Result<Task, PrepareError> {
        let Preparation { registry, workspace, destination, zone, secrets, ssh_agent, pull, proxies, .. } =
            self.preparation;
        let project = &workspace.projects[name];
        let config = &project.config;
        let variants = self.variants(name)?.iter().map(|variant| self.variant(project, variant));
        let mut variants: Vec<TaskVariant> = variants.collect::<Result<_, _>>()?;
        if let Destination::Untrusted(_) = destination {
            check_frontends(name, &variants)?;
        }
        let is_untrusted = matches!(destination, Destination::Untrusted(_));
        let is_local = matches!(destination, Destination::Local(_));
        let stays_in_engine = is_untrusted || is_local || registry.storage() == Storage::Engine;
        let agents =
            ssh_agent.into_iter().flat_map(|agent| config.ssh.iter().map(|id| (id.clone(), agent.clone())));
        let files = &observed.files;
        self.contents.fetch(files)?;
        let ignore = self.ignore(project)?.unwrap_or_default();
        let folders: BTreeMap<RepoPath, Context> = project
            .folders
            .iter()
            .map(|FolderContext { folder, ignore, .. }| {
                Ok((folder.clone(), self.context(name, folder, ignore, files)?))
            })
            .collect::<Result<_, PrepareError>>()?;
        let has_folders = !folders.is_empty();
        let has_builders = self.backend.builders().is_some();
        // Builders keep the layers of all stages instead.
        let inline_cache = !stays_in_engine && workspace.cache.inline_cache && !has_builders;
        let cache_from = self.cache_from(name, &variants);
        if has_builders && workspace.cache.inline_cache {
            variants.iter_mut().for_each(|variant| variant.layers = self.layers(name, variant));
        }
        let is_on_branch = matches!(destination, Destination::Shared(tags) if tags.branch.is_some());
        if !inline_cache || !is_on_branch || self.has_inline_cache_fault() {
            // Without inline cache, stages prime nothing, and they are found by the name of their branch alone.
            variants.iter_mut().for_each(|variant| variant.stages.clear());
        }
        let mut context = self.context(name, &config.context.value, &ignore, files)?;
        if let Some(inferred) = project.inputs.inferred() {
            context.add_folders(inferred.folders());
        }
        let request = BuildRequest {
            context,
            reuse: self.reuse(name),
            dockerfile: Vec::new(),
            target: config.target.clone(),
            platform: None,
            build_args: config.build_args.clone(),
            proxies: proxies.clone(),
            labels: labels::labels(self.preparation.repository, self.commit, name, observed.digest)?,
            secrets: secrets.get(name).cloned().unwrap_or_default(),
            ssh: agents.collect(),
            cache_from,
            inline_cache,
            // A parent that only the engine has, of ours or a folder, would be looked for in a registry of others.
            pull: pull
                && !has_folders
                && (!stays_in_engine || variants.iter().all(|variant| variant.parents.is_empty())),
            no_cache: false,
            logins: self.logins.clone(),
        };
        let request = if is_untrusted { untrusted::without_privileges(request) } else { request };
        Ok(Task {
            backend: self.backend.clone(),
            // A local image has one name, wherever the cache would keep it.
            repository: if is_local { project.repository.clone() } else { zone.repository(workspace, name) },
            request,
            has_written_inputs: has_written_inputs(project),
            dockerfile: config.dockerfile.value.clone(),
            folders,
            variants,
            digest: observed.digest,
            commit_seconds: self.commit_seconds,
            destination: destination.clone(),
            // A taint is of the images that protected branches read.
            taints: if zone == Zone::Protected && !is_local { build.taints.clone() } else { Vec::new() },
            taints_repository: workspace.taints.clone(),
        })
    }

    fn variant(&self, project: &Project, variant: &Variant) -> Result<TaskVariant, PrepareError> {
        let stages = match self.preparation.registry.storage() {
            // The engine's own layer cache keeps every stage.
            Storage::Engine => Vec::new(),
            Storage::Remote => {
                let stages = variant.dockerfile.stages_needed_for(project.config.target.as_ref());
                let file = || project.config.dockerfile.value.clone();
                let stages = stages.map_err(|source| PrepareError::Dockerfile { file: file(), source })?;
                stages.into_iter().filter_map(|stage| stage.name.clone()).collect()
            }
        };
        let parents =
            variant.own_parents().map(|(reference, project)| (reference.to_owned(), project.clone()));
        let folders = variant.folders().map(|(reference, folder)| (reference.to_owned(), folder.clone()));
        Ok(TaskVariant {
            platform: variant.platform.clone(),
            dockerfile: variant.dockerfile.clone(),
            parents: parents.collect(),
            folders: folders.collect(),
            pins: pins(variant),
            stages,
            layers: LayerCache::default(),
        })
    }

    /// The inputs of a project in a folder, without those that are ignored there.
    fn context(
        &self,
        name: &ProjectName,
        folder: &RepoPath,
        ignore: &DockerIgnore,
        files: &[InputFile],
    ) -> Result<Context, PrepareError> {
        let mut context = Context::default();
        let in_context = |path: &RepoPath| {
            path.relative_to(folder).filter(|path| !path.is_root() && !ignore.ignores(path))
        };
        for file in files.iter().filter(|file| file.path.is_within(folder)) {
            for FoundFile { path: whole, mode, content } in
                self.contents.files(name, file, &|path| in_context(path).is_some())?
            {
                let Some(path) = in_context(&whole) else { continue };
                let content = match content {
                    FoundContent::File(content) => content,
                    FoundContent::Link(target) => {
                        check_link(&whole, &target)
                            .map_err(|source| PrepareError::Context { project: name.clone(), source })?;
                        Content::Bytes(target.into())
                    }
                };
                context.files.push(ContextFile { path, mode, content });
            }
        }
        Ok(context)
    }

    /// An untrusted run leaves no files in the engine that another one would take for its own.
    fn reuse(&self, name: &ProjectName) -> ContextReuse {
        let folder = || self.preparation.repository.common_dir().join("chinampa/contexts");
        match self.preparation.destination {
            Destination::Shared(_) | Destination::Local(_) => {
                ContextReuse::Project { stamps: folder().join(name.as_str()) }
            }
            Destination::Untrusted(run) => ContextReuse::Run(run.to_string()),
        }
    }

    fn ignore(&self, project: &Project) -> Result<Option<DockerIgnore>, PrepareError> {
        for file in project.ignore_files() {
            if let Some(text) = self.preparation.snapshot.read(&file)? {
                let ignore = DockerIgnore::parse(&text);
                return ignore.map(Some).map_err(|source| PrepareError::DockerIgnore { file, source });
            }
        }
        Ok(None)
    }

    fn has_inline_cache_fault(&self) -> bool {
        self.backend.engine().is_some_and(|engine| engine.inline_cache_fault().is_some())
    }
}

/// What the lock file pins.
fn pins(variant: &Variant) -> Pins {
    let mut pins = Pins::default();
    for image in &variant.external {
        let Some(pinned) = image.pinned() else { continue };
        let pins = match image.role {
            ImageRole::Parent => &mut pins.parents,
            ImageRole::Trigger => &mut pins.triggers,
            ImageRole::Frontend => &mut pins.frontends,
        };
        pins.insert(image.reference.clone(), pinned);
    }
    pins
}

/// Whether a pattern file says what the inputs are, or they are the whole context.
fn has_written_inputs(project: &Project) -> bool {
    project.takes_whole_context() || project.inputs.pattern_file().is_some()
}

/// # Errors
/// [`PrepareError::Frontend`] for a Dockerfile that names a program of its own to be read by.
fn check_frontends(project: &ProjectName, variants: &[TaskVariant]) -> Result<(), PrepareError> {
    let texts = variants.iter().map(|variant| variant.dockerfile.with_parents(|_| None));
    match texts.into_iter().find_map(|text| foreign_frontend(&text)) {
        Some((_, frontend)) => Err(PrepareError::Frontend { project: project.clone(), frontend }),
        None => Ok(()),
    }
}
