//! What is to be deployed where, as far as the commit itself says it. Nothing here depends on what runs.

use std::collections::{BTreeMap, BTreeSet};

use super::gate::{Candidate, Rollback};
use super::{DeployError, TerraformRoot, terraform_folders};
use crate::config::{EnvironmentName, EnvironmentRule, RegistryConfig, ServiceConfig, WorkspaceName};
use crate::git::Snapshot;
use crate::model::{AttestationKind, CommitId, InputDigest, ProjectName, RepositoryName, Tag};
use crate::workspace::Workspace;

/// A commit that is to be deployed to an environment.
#[derive(Clone, Debug)]
pub struct DeployRequest {
    pub workspace: WorkspaceName,
    pub environment: EnvironmentName,
    pub rule: EnvironmentRule,
    pub candidate: Candidate,
    /// Where the cache keeps build records.
    pub build_records: RepositoryName,
    /// Where the deploy registry keeps deployed records and claims to locks.
    pub deployed_records: RepositoryName,
    /// What has to be built: the selected projects, those that are never deployed too.
    pub built: Vec<BuiltProject>,
    /// What is deployed, in an order in which no project comes before one that it needs.
    pub projects: Vec<ProjectRequest>,
    /// Whether that is all that the commit deploys.
    pub is_whole: bool,
    pub rollback: Rollback,
    pub apply: Apply,
    /// What each image must have.
    pub required: BTreeSet<AttestationKind>,
}

/// A project that must have its image.
#[derive(Clone, Debug)]
pub struct BuiltProject {
    pub name: ProjectName,
    pub inputs: InputDigest,
    /// In the cache.
    pub repository: RepositoryName,
}

/// A project that is deployed.
#[derive(Clone, Debug)]
pub struct ProjectRequest {
    pub name: ProjectName,
    /// In the cache.
    pub source: RepositoryName,
    /// Without the deploy registry's prefix.
    pub repository: RepositoryName,
    /// With it.
    pub destination: RepositoryName,
    /// Besides the commit's, the version's and the environment's.
    pub tags: Vec<Tag>,
    pub terraform: Vec<TerraformRoot>,
    /// Tasks that run once are first.
    pub services: Vec<ServiceConfig>,
}

/// What Terraform is applied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Apply {
    /// What changed.
    Changed,
    /// Everything, as what was applied may have been changed by others.
    All,
}

/// What a person asked for.
#[derive(Clone, Debug)]
pub struct DeployChoice<'c> {
    pub environment: &'c EnvironmentName,
    /// The projects that were named; `None`: all.
    pub named: Option<&'c BTreeSet<ProjectName>>,
    pub rollback: Rollback,
    pub apply: Apply,
}

impl DeployRequest {
    /// Reads what the commit says of the selected projects.
    ///
    /// # Errors
    /// [`DeployError::UnknownEnvironment`], [`DeployError::NoDeployRegistry`],
    /// [`DeployError::NeverDeployed`] for a project that was named, and [`DeployError::Terraform`]
    /// for folders that can't be applied.
    pub fn read(
        workspace: &Workspace,
        snapshot: &Snapshot<'_>,
        digests: &BTreeMap<ProjectName, InputDigest>,
        candidate: Candidate,
        choice: &DeployChoice<'_>,
    ) -> Result<Self, DeployError> {
        let (target, rule) = target(workspace, choice.environment)?;
        let name = &workspace.settings.name;
        let deploy_tag = deploy_tag(name, choice.environment);
        let mut folders = terraform_folders(snapshot, workspace)?;
        let (mut built, mut projects) = (Vec::new(), Vec::new());
        for (project, inputs) in workspace.deploy_order.iter().filter_map(|it| digests.get_key_value(it)) {
            if choice.named.is_some_and(|named| !named.contains(project)) {
                continue;
            }
            let config = &workspace.projects[project].config;
            let source = &workspace.projects[project].repository;
            built.push(BuiltProject { name: project.clone(), inputs: *inputs, repository: source.clone() });
            if !config.is_deployed {
                match choice.named {
                    Some(_) => return Err(DeployError::NeverDeployed { project: project.clone() }),
                    None => continue,
                }
            }
            let root = |folder: super::TerraformFolder| {
                let key = folder.backend_key(&deploy_tag, config.repository.as_str());
                TerraformRoot::read(snapshot, folder, key)
            };
            let terraform = folders.remove(project).unwrap_or_default();
            projects.push(ProjectRequest {
                name: project.clone(),
                source: source.clone(),
                repository: config.repository.clone(),
                destination: config.repository.with_prefix(&target.prefix)?,
                tags: config.tags.clone(),
                terraform: terraform.into_iter().map(root).collect::<Result<_, _>>()?,
                services: config.services.clone(),
            });
        }
        Ok(Self {
            workspace: name.clone(),
            environment: choice.environment.clone(),
            rule: rule.clone(),
            candidate,
            build_records: workspace.records.clone(),
            deployed_records: name.builds_repository().with_prefix(&target.prefix)?,
            built,
            projects,
            is_whole: choice.named.is_none(),
            rollback: choice.rollback,
            apply: choice.apply,
            required: workspace
                .environments
                .get(choice.environment)
                .map(|config| config.require.clone())
                .unwrap_or_default(),
        })
    }

    pub fn commit(&self) -> CommitId {
        self.candidate.commit
    }

    /// `<workspace>-<environment>`
    pub fn deploy_tag(&self) -> String {
        deploy_tag(&self.workspace, &self.environment)
    }
}

/// The registry that an environment is deployed to, and its rule.
///
/// # Errors
/// [`DeployError::NoDeployRegistry`], [`DeployError::UnknownEnvironment`]
pub fn target<'w>(
    workspace: &'w Workspace,
    environment: &EnvironmentName,
) -> Result<(&'w RegistryConfig, &'w EnvironmentRule), DeployError> {
    if workspace.deploy.is_none() {
        return Err(DeployError::NoDeployRegistry);
    }
    let config = workspace.environments.get(environment).ok_or_else(|| DeployError::UnknownEnvironment {
        name: environment.clone(),
        known: workspace.environments.keys().cloned().collect(),
    })?;
    let target = config.registry.as_ref().ok_or(DeployError::NoDeployRegistry)?;
    Ok((target, &config.rule))
}

/// `<workspace>-<environment>`
pub fn deploy_tag(workspace: &WorkspaceName, environment: &EnvironmentName) -> String {
    format!("{workspace}-{environment}")
}
