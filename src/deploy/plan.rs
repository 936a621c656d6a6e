//! Decides what a deployment does. Pure: a dry run prints the plan, a deployment executes it.
//!
//! Nothing counts as done that isn't known to be: a project of which the record knows nothing for
//! sure is deployed with all that it has.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use super::gate::{self, GateError};
use super::observed::{Observed, StoredRecord};
use super::reason::{ApplyReason, RestartReason, UnknownReason};
use super::request::{Apply, DeployRequest, ProjectRequest};
use super::service_fingerprint::service_fingerprint;
use super::{OwnedAttribute, ServiceState, TerraformRoot};
use crate::config::{EnvironmentName, ServiceConfig, WorkspaceName};
use crate::model::{CommitId, ManifestDigest, ProjectName, RepositoryName, Tag};
use crate::record::{AppliedSettings, DeployedProject, DeployedRecord, ProjectState, RecordedImage};

/// What is done to deploy a commit to an environment.
#[derive(Clone, Debug)]
pub struct DeployPlan {
    pub workspace: WorkspaceName,
    pub environment: EnvironmentName,
    pub commit: CommitId,
    /// Where the record is kept.
    pub records: RepositoryName,
    /// The record that this was decided by.
    pub basis: Option<StoredRecord>,
    /// The git tags of the commit that can be tags of an image.
    pub versions: Vec<Tag>,
    /// In an order in which no project comes before one that it needs.
    pub projects: Vec<ProjectDeployment>,
    /// What was deployed and this commit does not deploy. It is left alone.
    pub retired: BTreeSet<ProjectName>,
}

/// What is done for one project.
#[derive(Clone, Debug)]
pub struct ProjectDeployment {
    pub name: ProjectName,
    /// In the cache.
    pub source: RepositoryName,
    /// Without the deploy registry's prefix.
    pub repository: RepositoryName,
    /// With it.
    pub destination: RepositoryName,
    pub inputs: crate::model::InputDigest,
    pub image: ImageChange,
    /// The project's tags besides the commit's, the version's and the environment's.
    pub tags: Vec<Tag>,
    /// All folders, those that have nothing to apply too.
    pub terraform: Vec<TerraformWork>,
    /// Folders that were applied and that this commit does not have. What they made is left alone.
    pub left_terraform: Vec<String>,
    /// Of all services, in the order in which they are restarted.
    pub services: Vec<ServiceWork>,
    /// What is recorded when all of it is done.
    pub settings: AppliedSettings,
}

/// The image that the environment runs, and the one that it is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageChange {
    /// `None` when the project was never deployed.
    pub old: Option<ManifestDigest>,
    pub new: ManifestDigest,
}

/// What is done with one Terraform folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TerraformWork {
    Apply { root: TerraformRoot, reason: ApplyReason },
    Unchanged { root: TerraformRoot },
}

/// What is done with one service of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceWork {
    Restart {
        service: ServiceConfig,
        reason: RestartReason,
        /// It isn't there: Terraform that is applied before has to create it.
        is_missing: bool,
    },
    Unchanged {
        service: ServiceConfig,
    },
}

/// Decides about a deployment.
///
/// # Errors
/// [`GateError`] when the commit may not be deployed.
pub fn plan(request: &DeployRequest, observed: &Observed) -> Result<DeployPlan, GateError> {
    let DeployRequest { environment, candidate, .. } = request;
    gate::check_rule(environment, &request.rule, candidate)?;
    for (deployed, relation) in &observed.relations {
        gate::check_relation(environment, *deployed, candidate.commit, *relation, request.rollback)?;
    }
    let record = observed.deployed.as_ref().map(|stored| &stored.record);
    let mut projects = Vec::new();
    for project in &request.projects {
        let image = &observed.images[&project.name];
        let states = observed.services.get(&project.name).map(Vec::as_slice).unwrap_or_default();
        let deployment = decide(request, project, image, record, states);
        check_services(&deployment, states, &projects)?;
        projects.push(deployment);
    }
    let is_deployed = |name: &ProjectName| projects.iter().any(|project| project.name == *name);
    let recorded = record.filter(|_| request.is_whole).into_iter().flat_map(DeployedRecord::current);
    let retired = recorded.map(|(name, _)| name).filter(|name| !is_deployed(name)).cloned().collect();
    Ok(DeployPlan {
        workspace: request.workspace.clone(),
        environment: environment.clone(),
        commit: candidate.commit,
        records: request.deployed_records.clone(),
        basis: observed.deployed.clone(),
        versions: candidate.tags.iter().filter_map(|tag| tag.parse().ok()).collect(),
        projects,
        retired,
    })
}

fn decide(
    request: &DeployRequest,
    project: &ProjectRequest,
    image: &RecordedImage,
    record: Option<&DeployedRecord>,
    states: &[ServiceState],
) -> ProjectDeployment {
    let known = known(&project.name, record);
    let image_change = ImageChange {
        old: record.and_then(|record| record.projects.get(&project.name)).map(|it| it.image.image),
        new: image.image,
    };
    let is_new_image = image_change.old != Some(image_change.new);
    let terraform = project.terraform.iter().map(|root| {
        let applied = known.settings().and_then(|it| it.terraform.get(&root.folder.path.to_string()));
        let reason = if request.apply == Apply::All {
            Some(ApplyReason::Requested)
        } else if let Some(reason) = known.unknown() {
            Some(ApplyReason::Unknown(reason))
        } else if is_new_image {
            Some(ApplyReason::ImageChanged)
        } else if applied.is_none() {
            Some(ApplyReason::New)
        } else if applied != Some(&root.fingerprint) {
            Some(ApplyReason::FilesChanged)
        } else {
            root.reads_elsewhere.clone().map(ApplyReason::ReadsElsewhere)
        };
        match reason {
            Some(reason) => TerraformWork::Apply { root: root.clone(), reason },
            None => TerraformWork::Unchanged { root: root.clone() },
        }
    });
    let terraform: Vec<TerraformWork> = terraform.collect();
    let settings = AppliedSettings {
        terraform: project.terraform.iter().map(|it| (it.folder.path.to_string(), it.fingerprint)).collect(),
        service: service_fingerprint(&project.services),
    };
    let is_applied = terraform.iter().any(|work| work.applied().is_some());
    let reason = |service: &ServiceConfig, state: Option<&ServiceState>| {
        if let Some(reason) = known.unknown() {
            Some(RestartReason::Unknown(reason))
        } else if is_new_image {
            Some(RestartReason::ImageChanged)
        } else if known.settings().map(|it| it.service) != Some(settings.service) {
            Some(RestartReason::SettingsChanged)
        } else if is_applied && !service.service.is_task() {
            Some(RestartReason::TerraformApplied)
        } else {
            observed_reason(state, &image_change)
        }
    };
    let services = project.services.iter().enumerate().map(|(index, service)| {
        let (state, service) = (states.get(index), service.clone());
        let is_missing = matches!(state, Some(ServiceState::Missing { .. }));
        match reason(&service, state) {
            Some(reason) => ServiceWork::Restart { service, reason, is_missing },
            None => ServiceWork::Unchanged { service },
        }
    });
    let services = services.collect();
    let folders = known.settings().into_iter().flat_map(|settings| settings.terraform.keys());
    let is_gone =
        |folder: &&String| !project.terraform.iter().any(|it| it.folder.path.to_string() == **folder);
    ProjectDeployment {
        left_terraform: folders.filter(is_gone).cloned().collect(),
        name: project.name.clone(),
        source: project.source.clone(),
        repository: project.repository.clone(),
        destination: project.destination.clone(),
        inputs: image.inputs,
        image: image_change,
        tags: project.tags.clone(),
        terraform,
        services,
        settings,
    }
}

/// What a service's own answer asks for, where the record says that it runs the image.
fn observed_reason(state: Option<&ServiceState>, image: &ImageChange) -> Option<RestartReason> {
    let digest = image.new.to_string();
    match state? {
        ServiceState::Runs { image } if image.ends_with(&digest) => None,
        ServiceState::Runs { image } => Some(RestartReason::RunsAnother { image: image.clone() }),
        ServiceState::GivenUp { reason, .. } => Some(RestartReason::GivenUp { reason: reason.clone() }),
        ServiceState::Missing { .. } => Some(RestartReason::Missing),
        ServiceState::Unknown => None,
    }
}

/// A service that isn't there must be created by Terraform that is applied before.
fn check_services(
    deployment: &ProjectDeployment,
    states: &[ServiceState],
    before: &[ProjectDeployment],
) -> Result<(), GateError> {
    let applied = || {
        let all = before.iter().chain([deployment]).flat_map(|project| &project.terraform);
        all.filter_map(TerraformWork::applied)
    };
    for (work, state) in deployment.services.iter().zip(states) {
        let (ServiceWork::Restart { service, .. }, ServiceState::Missing { service: label }) = (work, state)
        else {
            continue;
        };
        let is_created = service.service.is_created_if_missing()
            || applied().any(|root| root.creates.may_create(&service.service));
        if !is_created {
            return Err(GateError::NoService { project: deployment.name.clone(), service: label.clone() });
        }
    }
    Ok(())
}

/// What the record knows of a project.
enum Known<'r> {
    Applied(&'r AppliedSettings),
    Unknown(UnknownReason),
}

fn known<'r>(project: &ProjectName, record: Option<&'r DeployedRecord>) -> Known<'r> {
    let Some(record) = record else { return Known::Unknown(UnknownReason::NeverDeployed) };
    if let Some(it) = record.in_progress.as_ref().filter(|it| it.projects.contains(project)) {
        return Known::Unknown(UnknownReason::InProgress { commit: it.commit });
    }
    match record.projects.get(project) {
        None => Known::Unknown(UnknownReason::NeverDeployed),
        Some(DeployedProject { state: ProjectState::Applied(settings), .. }) => Known::Applied(settings),
        Some(DeployedProject { state: ProjectState::ImageOnly, .. }) => {
            Known::Unknown(UnknownReason::OlderRecord)
        }
        Some(DeployedProject { state: ProjectState::Uncertain, .. }) => {
            Known::Unknown(UnknownReason::Unfinished)
        }
        Some(DeployedProject { state: ProjectState::Retired, .. }) => Known::Unknown(UnknownReason::Retired),
    }
}

impl<'r> Known<'r> {
    fn settings(&self) -> Option<&'r AppliedSettings> {
        match self {
            Self::Applied(settings) => Some(settings),
            Self::Unknown(_) => None,
        }
    }

    fn unknown(&self) -> Option<UnknownReason> {
        match self {
            Self::Applied(_) => None,
            Self::Unknown(reason) => Some(*reason),
        }
    }
}

impl TerraformWork {
    pub fn root(&self) -> &TerraformRoot {
        match self {
            Self::Apply { root, .. } | Self::Unchanged { root } => root,
        }
    }

    /// The folder, where it is applied.
    pub fn applied(&self) -> Option<&TerraformRoot> {
        match self {
            Self::Apply { root, .. } => Some(root),
            Self::Unchanged { .. } => None,
        }
    }
}

impl ServiceWork {
    pub fn service(&self) -> &ServiceConfig {
        match self {
            Self::Restart { service, .. } | Self::Unchanged { service } => service,
        }
    }
}

impl ImageChange {
    pub fn is_change(&self) -> bool {
        self.old != Some(self.new)
    }
}

impl ProjectDeployment {
    /// Whether anything that runs is changed: Terraform or a service.
    pub fn has_steps(&self) -> bool {
        self.terraform.iter().any(|work| work.applied().is_some())
            || self.services.iter().any(|work| matches!(work, ServiceWork::Restart { .. }))
    }

    /// What Terraform sets back that this deployment sets, and what it left alone, as a sentence for each.
    pub fn warnings(&self) -> Vec<String> {
        let services = self.services.iter().map(ServiceWork::service);
        let is_set = |owned: &&OwnedAttribute| services.clone().any(|it| owned.is_set_by(&it.service));
        let owned = self.terraform.iter().flat_map(|work| &work.root().owned).filter(is_set);
        let owned = owned.map(|it| format!("{}:{}: {}", it.file, it.line, it.warning()));
        let left = self.left_terraform.iter().map(|folder| {
            format!("{folder}: Terraform was applied there, and this commit has no such folder; what it made is left alone")
        });
        owned.chain(left).collect()
    }

    /// Whether the environment runs all of it already.
    pub fn is_unchanged(&self) -> bool {
        !self.image.is_change() && !self.has_steps()
    }
}

impl DeployPlan {
    /// `<workspace>-<environment>`
    pub fn deploy_tag(&self) -> String {
        super::request::deploy_tag(&self.workspace, &self.environment)
    }

    pub fn record(&self) -> Option<&DeployedRecord> {
        self.basis.as_ref().map(|stored| &stored.record)
    }

    /// The projects that are changed.
    pub fn changed(&self) -> BTreeSet<ProjectName> {
        let changed = self.projects.iter().filter(|project| !project.is_unchanged());
        changed.map(|project| project.name.clone()).collect()
    }

    /// Whether the environment runs all of this very commit already, and its record says so.
    pub fn is_nothing(&self) -> bool {
        let is_recorded = self
            .record()
            .is_some_and(|record| record.commit == Some(self.commit) && record.in_progress.is_none());
        is_recorded && self.retired.is_empty() && self.projects.iter().all(ProjectDeployment::is_unchanged)
    }

    /// The tags that an image gets once and keeps: the versions', and the commit's where the image is new here.
    pub fn fixed_tags(&self, project: &ProjectDeployment) -> Vec<Tag> {
        let commit = self.commit.to_string().parse().expect("a commit id is a tag");
        let commit = project.image.is_change().then_some(commit);
        commit.into_iter().chain(self.versions.iter().cloned()).collect()
    }

    /// The tags that move from deployment to deployment, the environment's last.
    pub fn moving_tags(&self, project: &ProjectDeployment) -> Vec<Tag> {
        project.tags.iter().cloned().chain([self.environment_tag()]).collect()
    }

    /// The tag that says what the environment runs.
    pub fn environment_tag(&self) -> Tag {
        self.deploy_tag().parse().expect("both names leave room in a tag")
    }
}
