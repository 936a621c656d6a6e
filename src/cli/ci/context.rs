//! The tree that a pipeline is made for, and what the cache has of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use crate::cli::CommandContext;
use crate::cli::observations::CacheToRead;
use crate::cli::repository_context::{RepositoryContext, Uncommitted};
use crate::cli::{registries, selection, wait_for};
use crate::config::{
    CiJob, EnvironmentConfig, EnvironmentName, RefPattern, RegistryKind, SecretSource, Strategy,
};
use crate::error::Error;
use crate::model::ProjectName;
use crate::pipeline::github::{Triggers, Workflow};
use crate::pipeline::starter::{self, Starter};
use crate::pipeline::{Deployment, Pipeline, Reference, Request, Setup, System};
use crate::plan;
use crate::workspace::Workspace;

/// What pipelines are made from.
pub(super) struct CiInputs {
    pub(super) repo: RepositoryContext,
    pub(super) workspace: Workspace,
    /// The path of the manifest from the repository root, if an option names one.
    manifest: Option<String>,
    settings: BTreeMap<ProjectName, CiJob>,
    secrets: BTreeMap<ProjectName, BTreeSet<String>>,
}

/// The projects that get a job, and how long their builds took.
#[derive(Default)]
pub(super) struct Builds {
    pub(super) projects: BTreeSet<ProjectName>,
    durations: BTreeMap<ProjectName, Duration>,
}

impl CiInputs {
    /// # Errors
    /// [`Error::DiffInPipeline`] where jobs could not tell what others have built, [`Error::ManifestOutside`] where they could not
    /// find the manifest, and those of reading the projects.
    pub(super) fn read(command: &CommandContext) -> Result<Self, Error> {
        let repo = RepositoryContext::new(&command.options, &command.environment, Uncommitted::Included)?;
        let workspace = Workspace::read(&repo.snapshot(), &repo.source)?;
        if workspace.settings.strategy == Strategy::Diff {
            return Err(Error::DiffInPipeline);
        }
        let settings =
            workspace.projects.iter().map(|(name, project)| (name.clone(), project.config.ci.clone()));
        let settings = settings.collect();
        let secrets = workspace
            .projects
            .iter()
            .map(|(name, project)| (name.clone(), variables(&project.config.secrets)));
        let secrets = secrets.collect();
        let manifest = command.options.manifest.as_deref();
        let manifest = manifest.map(|manifest| path_in_repository(&repo, manifest)).transpose()?;
        Ok(Self { repo, workspace, manifest, settings, secrets })
    }

    /// What every job begins with.
    pub(super) fn setup(&self) -> Setup {
        Setup::new(&self.workspace.ci, self.manifest.as_deref())
    }

    /// The pipeline of an untrusted run.
    pub(super) fn untrusted(&self) -> Pipeline {
        Pipeline::untrusted(self.setup(), self.reference())
    }

    pub(super) fn trusted(&self, builds: &Builds, deployments: &[Deployment]) -> Pipeline {
        Pipeline::trusted(Request {
            workspace: &self.workspace.settings.name,
            graph: &self.workspace.graph,
            builds: &builds.projects,
            durations: &builds.durations,
            setup: &self.setup(),
            job: &self.workspace.ci.job,
            settings: &self.settings,
            secrets: &self.secrets,
            deployments,
            reference: self.reference(),
        })
    }

    /// The workflow of GitHub Actions, which is the same for all commits with this manifest.
    pub(super) fn workflow(&self) -> Result<Workflow, Error> {
        let environments = self.environments();
        let deployments: Vec<Deployment> = environments.map(deployment).collect();
        let default_branch = self.workspace.settings.default_branch.as_str();
        let mut triggers = Triggers { branches: [default_branch.to_owned()].into(), ..Triggers::default() };
        for (_, environment) in self.environments() {
            let rule = &environment.rule;
            triggers.branches.extend(rule.branch.iter().map(|pattern| filter(pattern.as_str())));
            triggers.tags.extend(rule.tag.iter().map(|pattern| filter(pattern.as_str())));
        }
        Ok(Workflow::new(&self.trusted(&self.all(), &deployments), &triggers)?)
    }

    /// The files that a CI begins with.
    pub(super) fn starter(&self, system: System) -> Starter {
        let Workspace { settings, ci, cache, .. } = &self.workspace;
        let of_default = |environment: &EnvironmentConfig| {
            let branch = environment.rule.branch.as_ref();
            environment.approval
                && branch.is_some_and(|pattern| pattern.matches(settings.default_branch.as_str()))
        };
        let approvals = self.environments().filter(|(_, environment)| of_default(environment));
        let approvals: Vec<EnvironmentName> = approvals.map(|(name, _)| name.clone()).collect();
        let patterns = self.environments().filter_map(|(_, environment)| environment.rule.branch.as_ref());
        let branches = patterns.map(RefPattern::as_str).chain([settings.default_branch.as_str()]).collect();
        let request = starter::Request {
            workspace: settings.name.as_str(),
            default_branch: settings.default_branch.as_str(),
            branches: &branches,
            cache_prefix: &cache.prefix,
            setup: &self.setup(),
            job: &ci.job,
            approvals: &approvals,
            has_tag_rules: self.environments().any(|(_, environment)| environment.rule.tag.is_some()),
        };
        Starter::new(system, request)
    }

    /// What is to be set up so that jobs can log in to the registries of the manifest.
    pub(super) fn login_notes(&self, system: System) -> Vec<String> {
        let registries = self.environments().filter_map(|(_, environment)| environment.registry.as_ref());
        let registries = registries.chain([&self.workspace.cache]);
        let hosts = registries.filter_map(|registry| match &registry.kind {
            RegistryKind::Oci { host, .. } => Some(host.clone()),
            RegistryKind::Ecr(_) | RegistryKind::Engine => None,
        });
        starter::login_notes(system, &self.workspace.ci.logins, &hosts.collect())
    }

    pub(super) fn all(&self) -> Builds {
        Builds { projects: self.workspace.projects.keys().cloned().collect(), ..Builds::default() }
    }

    /// Asks the cache, and the commit's message.
    pub(super) fn to_build(&self, command: &CommandContext) -> Result<Builds, Error> {
        let Self { repo, workspace, .. } = self;
        let snapshot = repo.snapshot();
        let zone = repo.zone(&snapshot, workspace)?;
        let forced = selection::forced(repo, workspace, None, &repo.directives(workspace)?)?;
        wait_for(async {
            let cache = registries::registry(&workspace.cache, &command.environment).await?;
            let cache = CacheToRead { registry: &*cache, zone, local: None };
            let all = workspace.projects.keys().cloned().collect();
            let observed = repo.observe(command, &snapshot, workspace, &all, cache).await?;
            let plan = plan::make(&workspace.graph, &observed, workspace.settings.strategy, &forced);
            let projects = plan.builds().map(|step| step.impact.project.clone()).collect();
            let newest = observed.records.newest(workspace, zone, &repo.context);
            Ok(Builds {
                projects,
                durations: newest.map(|record| record.durations.clone()).unwrap_or_default(),
            })
        })
    }

    /// The environments that the branch or the tag of this run may be deployed to.
    pub(super) fn deployments(&self) -> Vec<Deployment> {
        let context = &self.repo.context;
        let is_allowed = |environment: &EnvironmentConfig| {
            let rule = &environment.rule;
            let by_branch = rule.branch.as_ref().zip(context.branch_name());
            let by_tag = rule.tag.as_ref().zip(context.tag());
            by_branch.is_some_and(|(pattern, branch)| pattern.matches(branch.as_str()))
                || by_tag.is_some_and(|(pattern, tag)| pattern.matches(tag))
        };
        self.environments().filter(|(_, environment)| is_allowed(environment)).map(deployment).collect()
    }

    /// Those that something can be deployed to.
    fn environments(&self) -> impl Iterator<Item = (&EnvironmentName, &EnvironmentConfig)> {
        self.workspace.environments.iter().filter(|(_, environment)| environment.registry.is_some())
    }

    fn reference(&self) -> Reference {
        if self.repo.context.tag().is_some() { Reference::Tag } else { Reference::Branch }
    }
}

/// The path of a file from the repository root.
fn path_in_repository(repo: &RepositoryContext, path: &Path) -> Result<String, Error> {
    let canonical =
        |path: &Path| path.canonicalize().map_err(|source| Error::Read { path: path.to_owned(), source });
    let file = canonical(path)?;
    let root = repo.repository.work_dir().map(canonical).transpose()?;
    let inside = root.and_then(|root| file.strip_prefix(root).ok()?.to_str().map(str::to_owned));
    inside.ok_or_else(|| Error::ManifestOutside { path: path.display().to_string() })
}

/// The variables from which secrets come.
fn variables(secrets: &BTreeMap<String, SecretSource>) -> BTreeSet<String> {
    let variable = |source: &SecretSource| match source {
        SecretSource::Env(variable) => Some(variable.clone()),
        SecretSource::File(_) | SecretSource::Aws(_) => None,
    };
    secrets.values().filter_map(variable).collect()
}

fn deployment((name, environment): (&EnvironmentName, &EnvironmentConfig)) -> Deployment {
    Deployment {
        environment: name.clone(),
        approval: environment.approval,
        contexts: environment.contexts.clone(),
    }
}

/// A pattern as GitHub's filters have it; one that could mean something else there is any name: the plan looks closer.
fn filter(pattern: &str) -> String {
    let is_same = pattern.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._/*-".contains(&byte));
    if is_same { pattern.to_owned() } else { "**".to_owned() }
}
