//! What the commands around deployments have in common: the deploy registry, and who does the work.

use std::time::Duration;

use super::CommandContext;
use super::repository_context::RepositoryContext;
use super::{ensure_terraform, registries};
use crate::config::{EnvironmentName, RegistryKind};
use crate::deploy::gate::Relation;
use crate::deploy::{
    self, AwsScope, DeployChoice, DeployError, DeployRequest, History, LiveOperations, LockRequest,
    OnDeployEvent, ServiceTimeouts, Services, TerraformCredentials, TerraformRunner,
};
use crate::error::Error;
use crate::git::{GitError, Snapshot};
use crate::inputs;
use crate::lease::ClaimId;
use crate::model::{AwsIdentity, CommitId, ProjectName};
use crate::registry::Registry;
use crate::registry::copy::{Copies, CosignTags};
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

    pub(super) async fn registries(&self, name: &EnvironmentName) -> Result<Registries, Error> {
        let (target, _) = deploy::target(&self.workspace, name)?;
        let environment = &self.command.environment;
        Ok(Registries {
            cache: registries::registry(&self.workspace.cache, environment).await?,
            target: registries::registry(target, environment).await?,
        })
    }

    pub(super) fn operations<'o>(
        &'o self,
        registries: &'o Registries,
        request: &DeployRequest,
        on_event: &'o OnDeployEvent<'o>,
    ) -> Result<LiveOperations<'o>, Error> {
        let environment = &self.command.environment;
        let program = ensure_terraform::program(environment)?;
        let scope = self.aws_scope(&request.environment)?;
        let identity = self.workspace.terraform.over(&scope.identity);
        let credentials = TerraformCredentials {
            scope: AwsScope { region: scope.region.clone(), identity },
            providers: environment.aws.clone(),
        };
        let folder = environment.temporary_folder();
        Ok(LiveOperations {
            cache: &*registries.cache,
            target: &*registries.target,
            // A new signature of an old image is of interest where signatures are.
            copies: Copies::new(match request.required.is_empty() {
                true => CosignTags::OfNew,
                false => CosignTags::OfAll,
            }),
            services: Services::new(scope, environment.aws.clone(), ServiceTimeouts::default()),
            terraform: TerraformRunner::new(program, self.snapshot, folder, request, credentials),
            on_event,
        })
    }

    /// How commits are related; history that is cut off here is fetched where that is wanted.
    pub(super) fn relation(&self) -> impl Fn(CommitId, CommitId) -> Result<Relation, GitError> {
        let fetch = self.command.options.fetch_base;
        let history = if fetch { History::Fetched } else { History::AsItIs };
        move |deployed, commit| deploy::relation(&self.repo.repository, deployed, commit, history)
    }

    /// Services are where and whose the environment's registry is, else where `AWS_REGION` says.
    fn aws_scope(&self, environment: &EnvironmentName) -> Result<AwsScope, Error> {
        let (target, _) = deploy::target(&self.workspace, environment)?;
        Ok(match &target.kind {
            RegistryKind::Ecr(ecr) => {
                AwsScope { region: Some(ecr.region.clone()), identity: ecr.identity.clone() }
            }
            RegistryKind::Oci { .. } | RegistryKind::Engine => {
                AwsScope { region: self.command.environment.aws_region()?, identity: AwsIdentity::default() }
            }
        })
    }
}

/// Reads the manifest alone, which says where records are.
pub(super) fn workspace(command: &CommandContext) -> Result<Workspace, Error> {
    let CommandContext { options, environment, .. } = command;
    let repo = RepositoryContext::new(options, environment, super::repository_context::Uncommitted::LeftOut)?;
    Ok(Workspace::read(&repo.snapshot(), &repo.source)?)
}
