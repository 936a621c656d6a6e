//! What the commands around deployments have in common: the deploy registry, and who does the work.

use std::time::Duration;

use super::CommandContext;
use super::repository_context::RepositoryContext;
use super::{ensure_terraform, registries};
use crate::config::RegistryKind;
use crate::deploy::gate::Relation;
use crate::deploy::{
    self, AwsEndpoint, ClaimId, DeployChoice, DeployError, DeployRequest, History, LiveOperations,
    LockRequest, OnDeployEvent, ServiceTimeouts, Services, TerraformRunner,
};
use crate::error::Error;
use crate::git::{GitError, Snapshot};
use crate::inputs;
use crate::model::{CommitId, ProjectName, Region};
use crate::registry::Registry;
use crate::registry::copy::Copies;
use crate::workspace::Workspace;

/// A commit that may be deployed.
pub(super) struct DeployContext<'c> {
    command: &'c CommandContext,
    repo: &'c RepositoryContext,
    snapshot: &'c Snapshot<'c>,
    pub(super) workspace: Workspace,
}

/// Where images come from, and where they go.
pub(super) struct Registries {
    pub(super) cache: Box<dyn Registry>,
    pub(super) target: Box<dyn Registry>,
}

impl<'c> DeployContext<'c> {
    pub(super) fn new(
        command: &'c CommandContext,
        repo: &'c RepositoryContext,
        snapshot: &'c Snapshot<'c>,
    ) -> Result<Self, Error> {
        let workspace = Workspace::read(snapshot, &repo.source)?;
        Ok(Self { command, repo, snapshot, workspace })
    }

    pub(super) fn request(&self, choice: &DeployChoice<'_>) -> Result<DeployRequest, Error> {
        let workspace = &self.workspace;
        let (_, rule) = deploy::target(workspace, choice.environment)?;
        let candidate = deploy::candidate(&self.repo.repository, &self.repo.context, rule)?;
        deploy::gate::check_rule(choice.environment, rule, &candidate).map_err(DeployError::from)?;
        let all = || workspace.projects.keys().collect::<Vec<&ProjectName>>();
        let selected = choice.named.map_or_else(all, |named| named.iter().collect());
        let with_needs = workspace.graph.with_needs(selected).into_iter().cloned().collect();
        let work_dir = self.repo.repository.work_dir();
        let files = inputs::files(workspace, &with_needs, self.snapshot, work_dir)?;
        let digests = inputs::digests(workspace, &files);
        Ok(DeployRequest::read(workspace, self.snapshot, &digests, candidate, choice)?)
    }

    /// The claim to the environment's lock.
    pub(super) fn lock_request(&self, request: &DeployRequest, wait: Duration) -> Result<LockRequest, Error> {
        let environment = &self.command.environment;
        Ok(LockRequest {
            commit: request.commit(),
            by: environment.who(),
            id: ClaimId::random(),
            lease: environment.lock_lease()?,
            wait,
        })
    }

    pub(super) async fn registries(&self) -> Result<Registries, Error> {
        let target = self.workspace.deploy.as_ref().ok_or(DeployError::NoDeployRegistry)?;
        let environment = &self.command.environment;
        Ok(Registries {
            cache: registries::registry(&self.workspace.cache, environment).await?,
            target: registries::registry(target, environment).await?,
        })
    }

    pub(super) async fn operations<'o>(
        &'o self,
        registries: &'o Registries,
        request: &DeployRequest,
        on_event: &'o OnDeployEvent<'o>,
    ) -> Result<LiveOperations<'o>, Error> {
        let environment = &self.command.environment;
        let program = ensure_terraform::program(environment)?;
        Ok(LiveOperations {
            cache: &*registries.cache,
            target: &*registries.target,
            copies: Copies::default(),
            services: self.services().await?,
            terraform: TerraformRunner::new(program, self.snapshot, environment.temporary_folder(), request),
            on_event,
        })
    }

    /// How commits are related; history that is cut off here is fetched where that is wanted.
    pub(super) fn relation(&self) -> impl Fn(CommitId, CommitId) -> Result<Relation, GitError> {
        let fetch = self.command.options.fetch_base;
        let history = if fetch { History::Fetched } else { History::AsItIs };
        move |deployed, commit| deploy::relation(&self.repo.repository, deployed, commit, history)
    }

    /// Services are in the region of the deploy registry, else where `AWS_REGION` says.
    async fn services(&self) -> Result<Services, Error> {
        let named = self.command.environment.aws_region()?;
        let target = self.workspace.deploy.as_ref().map(|target| &target.kind);
        let (region, endpoint): (Option<&Region>, _) = match target {
            Some(RegistryKind::Ecr(ecr)) => (Some(&ecr.region), ecr.endpoint.as_deref()),
            Some(RegistryKind::Oci { .. } | RegistryKind::Engine) | None => (named.as_ref(), None),
        };
        let allowed = self.command.environment.allowed_hosts()?;
        let endpoint = endpoint.map(|url| allowed.endpoint(url)).transpose().map_err(Error::Endpoint)?;
        let endpoint = endpoint.as_ref();
        let place = region.map(|region| AwsEndpoint { region, endpoint });
        Ok(Services::new(place, ServiceTimeouts::default()).await)
    }
}

/// Reads the manifest alone, which says where records are.
pub(super) fn workspace(command: &CommandContext) -> Result<Workspace, Error> {
    let CommandContext { options, environment, .. } = command;
    let repo = RepositoryContext::new(options, environment, super::repository_context::Uncommitted::LeftOut)?;
    Ok(Workspace::read(&repo.snapshot(), &repo.source)?)
}
