//! Every read that a deployment's plan needs: the commit's images, what the environment runs by its
//! record, how the two commits are related, and what the services themselves answer.

use std::collections::BTreeMap;

use futures_util::future::join;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::gate::Relation;
use super::observed::{Observed, StoredRecord};
use super::operations::Operations;
use super::{DeployError, DeployRequest, Deployment, ServiceState, gate, requirements};
use crate::attest::Verifier;
use crate::config::EnvironmentName;
use crate::git::GitError;
use crate::model::{CommitId, ProjectName, RepositoryName, Tag};
use crate::record::{BuildRecord, DeployedRecord, RecordedImage};
use crate::registry::Registry;

/// How many questions are under way at once.
const MAX_CONCURRENT_READS: usize = 32;

/// How a commit is related to one that is deployed.
pub type RelationOf<'r> = dyn Fn(CommitId, CommitId) -> Result<Relation, GitError> + 'r;

/// Where a deployment reads and writes.
#[derive(Clone, Copy)]
pub struct Endpoints<'e> {
    pub cache: &'e dyn Registry,
    pub target: &'e dyn Registry,
    pub operations: &'e dyn Operations,
    pub relation: &'e RelationOf<'e>,
    /// What says whether signatures are those that they should be; without it, what is required must be there.
    pub verifier: Option<&'e Verifier>,
}

impl std::fmt::Debug for Endpoints<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Endpoints").finish_non_exhaustive()
    }
}

/// Asks all of it. Changes nothing.
///
/// # Errors
/// [`DeployError::Gate`] when an image is missing: then there is nothing to ask the services about.
/// Any other [`DeployError`] when something could not be read.
pub async fn observe(request: &DeployRequest, endpoints: Endpoints<'_>) -> Result<Observed, DeployError> {
    // Of several errors the same one is reported each time.
    let (images, deployed) =
        join(images(request, endpoints.cache), deployed(request, endpoints.target)).await;
    let (images, deployed) = (images?, deployed?);
    let digest_of = |project: &ProjectName| images.get(project).map(|image| image.image);
    requirements::check(request, endpoints.cache, endpoints.verifier, digest_of).await?;
    let mut relations = BTreeMap::new();
    for commit in deployed.iter().flat_map(|stored| stored.record.commits()) {
        relations.insert(commit, (endpoints.relation)(commit, request.commit())?);
    }
    let services = services(request, endpoints, &images).await?;
    Ok(Observed { images, deployed, relations, services })
}

/// The image of each project, by the build record or by what the cache has.
async fn images(
    request: &DeployRequest,
    cache: &dyn Registry,
) -> Result<BTreeMap<ProjectName, RecordedImage>, DeployError> {
    let commit = request.commit();
    let tag = Tag::commit(&commit);
    let record = async {
        let document = cache.artifact(&request.build_records, &tag).await?;
        Ok::<_, DeployError>(document.map(|document| BuildRecord::from_bytes(&document)).transpose()?)
    };
    let questions = request.built.iter().map(|built| async {
        let image = cache.find(&built.repository, &Tag::cache(&built.inputs)).await?;
        let repository = built.repository.to_string();
        let recorded = |image| RecordedImage { repository, inputs: built.inputs, image };
        Ok::<_, DeployError>(image.map(|image| (built.name.clone(), recorded(image))))
    });
    let found = stream::iter(questions).buffer_unordered(MAX_CONCURRENT_READS).try_collect::<Vec<_>>();
    let (record, found) = join(record, found).await;
    let (record, found) = (record?, found?.into_iter().flatten().collect());
    let inputs = request.built.iter().map(|built| (built.name.clone(), built.inputs)).collect();
    Ok(gate::check_built(commit, &inputs, record.as_ref(), &found)?)
}

/// What the environment runs, by its record.
async fn deployed(
    request: &DeployRequest,
    target: &dyn Registry,
) -> Result<Option<StoredRecord>, DeployError> {
    read_record(target, &request.deployed_records, &request.environment).await
}

/// Reads the deployed record of an environment; `None` before its first deployment.
///
/// # Errors
/// [`DeployError::Registry`] and [`DeployError::Record`] when it can't be read.
pub async fn read_record(
    target: &dyn Registry,
    repository: &RepositoryName,
    environment: &EnvironmentName,
) -> Result<Option<StoredRecord>, DeployError> {
    let tag = Tag::deployed(environment.as_str());
    // Should the record change between the two, then writing the next one is refused.
    let Some(digest) = target.find(repository, &tag).await? else { return Ok(None) };
    let Some(document) = target.artifact(repository, &tag).await? else { return Ok(None) };
    Ok(Some(StoredRecord { record: DeployedRecord::from_bytes(&document)?, digest }))
}

async fn services(
    request: &DeployRequest,
    endpoints: Endpoints<'_>,
    images: &BTreeMap<ProjectName, RecordedImage>,
) -> Result<BTreeMap<ProjectName, Vec<ServiceState>>, DeployError> {
    let with_services = request.projects.iter().filter(|project| !project.services.is_empty());
    let questions = with_services.filter_map(|project| {
        let image = images.get(&project.name)?;
        Some(async move {
            let tag = Tag::commit(&request.commit());
            let image = endpoints.target.image(&project.destination, &tag).pinned(image.image);
            let deployment = Deployment {
                workspace: &request.workspace,
                environment: &request.environment,
                project: &project.name,
                repository: &project.repository,
                commit: request.commit(),
                image: &image,
            };
            let mut states = Vec::new();
            for service in &project.services {
                let asked = endpoints.operations.service_state(service, &deployment).await;
                states.push(asked.map_err(|source| DeployError::Plan {
                    project: project.name.clone(),
                    source: source.into(),
                })?);
            }
            Ok((project.name.clone(), states))
        })
    });
    stream::iter(questions).buffer_unordered(MAX_CONCURRENT_READS).try_collect().await
}
