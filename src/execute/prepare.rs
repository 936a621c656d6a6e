//! From a plan to jobs: what is reused, and for each build its request to the engine.
//!
//! The context holds the committed files that the project's patterns take and its
//! `.dockerignore` leaves, and nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::build::pinned;
use super::contents::{Contents, FoundContent, FoundFile};
use super::job::{Destination, Job, Task, TaskVariant, Work};
use super::prepare_error::PrepareError;
use super::untrusted;
use crate::dockerignore::DockerIgnore;
use crate::engine::{
    BuildRequest, Content, Context, ContextFile, ContextReuse, Engine, Logins, SshAgent, check_link,
};
use crate::git::{Download, Fetching, GitError, Repository, Snapshot, SubmoduleFetch};
use crate::inputs::InputFile;
use crate::model::{
    BranchName, CommitId, ImageRef, InputDigest, ProjectName, RepoPath, Secret, StageName, Tag,
};
use crate::observe::{Observations, Observed, Zone};
use crate::plan::{Action, Build, Plan, Step};
use crate::registry::{Registry, Storage};
use crate::workspace::{FolderContext, PatternFile, Project, Variant, Workspace};

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

/// Makes a job of each step. `connect` is asked for the engine, and the registry for credentials, only where something is
/// built.
///
/// # Errors
/// [`PrepareError`] when a context can't be what the project declares, and what `connect` fails with.
pub async fn prepare<E: From<PrepareError>>(
    plan: &Plan,
    observed: &Observations,
    preparation: Preparation<'_>,
    connect: impl AsyncFnOnce() -> Result<Arc<dyn Engine>, E>,
) -> Result<Vec<Job>, E> {
    let builder = match plan.builds().next() {
        None => None,
        Some(_) => Some(TaskBuilder::new(plan.head, preparation, connect().await?).await?),
    };
    let job = |step: &Step| {
        let project = &step.impact.project;
        let work = match &step.action {
            Action::Reuse(image) => {
                let digest = image.digest;
                let pinned = pinned(preparation.registry, &image.repository, &image.tag, digest);
                Work::Reuse { image: pinned, digest }
            }
            Action::Build(build) => {
                let builder = builder.as_ref().expect("there is one where a step builds");
                Work::Build(Box::new(builder.task(project, &observed.projects[project], build)?))
            }
        };
        Ok(Job { project: project.clone(), needs: step.impact.needs.clone(), work })
    };
    plan.steps.iter().map(job).collect::<Result<_, PrepareError>>().map_err(E::from)
}

/// Makes the tasks of the projects that are built.
struct TaskBuilder<'p> {
    preparation: Preparation<'p>,
    commit: CommitId,
    engine: Arc<dyn Engine>,
    logins: Logins,
    contents: Contents<'p>,
}

impl<'p> TaskBuilder<'p> {
    async fn new(
        commit: CommitId,
        preparation: Preparation<'p>,
        engine: Arc<dyn Engine>,
    ) -> Result<Self, PrepareError> {
        let Preparation { registry, workspace, .. } = preparation;
        let host = registry.image(&workspace.records, &Tag::latest()).host;
        let login = registry.login().await.map_err(PrepareError::Credentials)?;
        // A pull request must not read with the logins of this machine what its author can't.
        let logins = match preparation.destination {
            Destination::Shared(_) => preparation.logins.clone(),
            Destination::Untrusted(_) => Logins::none(),
        };
        let logins = match host.zip(login) {
            Some((host, login)) => logins.with_cache(&host, login),
            None => logins,
        };
        let fetching = match preparation.destination {
            Destination::Shared(_) => {
                Fetching { submodules: preparation.fetch_submodules, lfs: Download::Allowed }
            }
            Destination::Untrusted(_) => {
                Fetching { submodules: SubmoduleFetch::Untrusted, lfs: Download::Untrusted }
            }
        };
        let contents = Contents::new(preparation.snapshot, fetching)?;
        Ok(Self { preparation, commit, engine, logins, contents })
    }

    fn task(&self, name: &ProjectName, observed: &Observed, build: &Build) -> Result<Task, PrepareError> {
        let Preparation { registry, workspace, destination, zone, secrets, ssh_agent, pull, proxies, .. } =
            self.preparation;
        let project = &workspace.projects[name];
        let config = &project.config;
        let mut variants: Vec<TaskVariant> = project
            .variants
            .iter()
            .map(|variant| self.variant(project, variant))
            .collect::<Result<_, _>>()?;
        if let Destination::Untrusted(_) = destination {
            check_frontends(name, &variants)?;
        }
        let is_untrusted = matches!(destination, Destination::Untrusted(_));
        let stays_in_engine = is_untrusted || registry.storage() == Storage::Engine;
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
        let inline_cache = !stays_in_engine && workspace.cache.inline_cache;
        let cache_from = self.cache_from(name, &variants);
        if !inline_cache || self.engine.inline_cache_fault().is_some() {
            // Without inline cache, stages prime nothing.
            variants.iter_mut().for_each(|variant| variant.stages.clear());
        }
        let request = BuildRequest {
            context: self.context(name, &config.context.value, &ignore, files)?,
            reuse: self.reuse(name),
            dockerfile: Vec::new(),
            target: config.target.clone(),
            platform: None,
            build_args: config.build_args.clone(),
            proxies: proxies.clone(),
            labels: self.labels(name, observed.digest)?,
            secrets: secrets.get(name).cloned().unwrap_or_default(),
            ssh: agents.collect(),
            cache_from,
            inline_cache,
            // A parent that only the engine has, of ours or a folder, would be looked for in a registry of others.
            pull: pull
                && !has_folders
                && (!stays_in_engine || variants.iter().all(|variant| variant.parents.is_empty())),
            logins: self.logins.clone(),
        };
        let request = if is_untrusted { untrusted::without_privileges(request) } else { request };
        Ok(Task {
            engine: self.engine.clone(),
            repository: zone.repository(workspace, name),
            request,
            has_written_inputs: has_written_inputs(project),
            dockerfile: config.dockerfile.value.clone(),
            folders,
            variants,
            digest: observed.digest,
            destination: destination.clone(),
            // A taint is of the images that protected branches read.
            taints: if zone == Zone::Protected { build.taints.clone() } else { Vec::new() },
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
            stages,
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
            Destination::Shared(_) => ContextReuse::Project { stamps: folder().join(name.as_str()) },
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

    /// The newest images of the branch and of the default branch, with their stages.
    fn cache_from(&self, project: &ProjectName, variants: &[TaskVariant]) -> Vec<ImageRef> {
        let Preparation { registry, workspace, branch_to_read, zone, .. } = self.preparation;
        if registry.storage() == Storage::Engine {
            return Vec::new();
        }
        let mut branches: Vec<(Zone, &BranchName)> =
            branch_to_read.into_iter().map(|branch| (zone, branch)).collect();
        let default_branch = (Zone::Protected, &workspace.settings.default_branch);
        if !branches.contains(&default_branch) {
            branches.push(default_branch);
        }
        let mut stages: Vec<&StageName> = Vec::new();
        for stage in variants.iter().flat_map(|variant| &variant.stages) {
            if !stages.contains(&stage) {
                stages.push(stage);
            }
        }
        let images = branches.into_iter().flat_map(|(zone, branch)| {
            let repository = zone.repository(workspace, project);
            let of_stages = stages.iter().map(|stage| Tag::branch_stage(branch, stage));
            let tags: Vec<Tag> = [Tag::branch(branch)].into_iter().chain(of_stages).collect();
            tags.into_iter().map(move |tag| registry.image(&repository, &tag))
        });
        images.collect()
    }

    /// After the OCI image specification, § Pre-Defined Annotation Keys.
    fn labels(&self, name: &ProjectName, digest: InputDigest) -> Result<BTreeMap<String, String>, GitError> {
        let created = std::time::UNIX_EPOCH
            + std::time::Duration::from_secs(
                u64::try_from(self.preparation.repository.commit_time(self.commit)?).unwrap_or_default(),
            );
        let mut labels = BTreeMap::from([
            ("org.opencontainers.image.revision".to_owned(), self.commit.to_string()),
            ("org.opencontainers.image.version".to_owned(), self.commit.short()),
            (
                "org.opencontainers.image.created".to_owned(),
                humantime::format_rfc3339_seconds(created).to_string(),
            ),
            ("dev.chinampa.inputs".to_owned(), digest.to_string()),
            ("dev.chinampa.project".to_owned(), name.to_string()),
        ]);
        if let Some(url) = self.preparation.repository.origin_url() {
            labels.insert("org.opencontainers.image.source".to_owned(), url);
        }
        Ok(labels)
    }
}

/// Whether a pattern file says what the inputs are, or they are the whole context.
fn has_written_inputs(project: &Project) -> bool {
    let config = &project.config;
    let is_whole_context = !config.hermetic || config.context.value.is_within(&config.path.value);
    is_whole_context || matches!(project.pattern_file, PatternFile::There(_))
}

/// # Errors
/// [`PrepareError::Frontend`] for a Dockerfile that names a program of its own to be read by.
fn check_frontends(project: &ProjectName, variants: &[TaskVariant]) -> Result<(), PrepareError> {
    let texts = variants.iter().map(|variant| variant.dockerfile.with_parents(|_| None));
    match texts.into_iter().find_map(|text| untrusted::foreign_frontend(&text)) {
        Some(frontend) => Err(PrepareError::Frontend { project: project.clone(), frontend }),
        None => Ok(()),
    }
}
