//! What the cache has, asked for many projects at once.

use std::collections::BTreeMap;

use futures_util::future::try_join;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::{Image, ObserveError, Zone};
use crate::config::Strategy;
use crate::model::{ImageRef, InputDigest, ManifestDigest, ProjectName, RepositoryName, Tag};
use crate::registry::{EngineStore, Registry};
use crate::workspace::Workspace;

/// How many questions are under way at once.
const AT_ONCE: usize = 32;

/// What the cache has.
pub(super) struct Images {
    pub(super) by_digest: BTreeMap<ProjectName, Image>,
    pub(super) of_default_branch: BTreeMap<ProjectName, Image>,
}

/// Asks for the image of each project in `digests`, and for what the strategy needs besides.
///
/// # Errors
/// [`ObserveError::Image`] for the first question that got no answer: trouble is never "not there".
pub(super) async fn images(
    registry: &dyn Registry,
    workspace: &Workspace,
    zone: Zone,
    digests: &BTreeMap<ProjectName, InputDigest>,
) -> Result<Images, ObserveError> {
    let of_default_branch = async {
        match workspace.settings.strategy {
            Strategy::Digest => Ok(BTreeMap::new()),
            Strategy::Diff => {
                let tag = Tag::branch(&workspace.settings.default_branch);
                let repository = |name: &ProjectName| workspace.projects[name].repository.clone();
                find(registry, digests.keys().map(|name| (name, repository(name), tag.clone()))).await
            }
        }
    };
    let by_digest = by_digest(registry, workspace, zone, digests);
    let (by_digest, of_default_branch) = try_join(by_digest, of_default_branch).await?;
    Ok(Images { by_digest, of_default_branch })
}

/// The images that the engine has under the local names of projects and that are of exactly their inputs, by their ids.
///
/// # Errors
/// [`ObserveError::LocalImage`] when the engine can't be asked.
pub(super) async fn local_images(
    engine: &EngineStore,
    workspace: &Workspace,
    digests: &BTreeMap<ProjectName, InputDigest>,
) -> Result<BTreeMap<ProjectName, ManifestDigest>, ObserveError> {
    let answers = stream::iter(digests).map(|(name, digest)| async move {
        let image = ImageRef::local(&workspace.projects[name].repository);
        let found = engine.find_made_from(&image, digest).await;
        let id = found.map_err(|source| ObserveError::LocalImage { project: name.clone(), source })?;
        Ok::<_, ObserveError>(id.map(|id| (name.clone(), id)))
    });
    let found: Vec<Option<_>> = answers.buffer_unordered(AT_ONCE).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

async fn by_digest(
    registry: &dyn Registry,
    workspace: &Workspace,
    zone: Zone,
    digests: &BTreeMap<ProjectName, InputDigest>,
) -> Result<BTreeMap<ProjectName, Image>, ObserveError> {
    let mut found = BTreeMap::new();
    for zone in zone.readable() {
        let missing = digests.iter().filter(|(name, _)| !found.contains_key(*name));
        let questions: Vec<_> = missing
            .map(|(name, digest)| (name, zone.repository(workspace, name), Tag::cache(digest)))
            .collect();
        found.extend(find(registry, questions.into_iter()).await?);
    }
    Ok(found)
}

/// The taints of all projects, as tags of the repository of taints.
///
/// # Errors
/// [`ObserveError::Taints`] when the registry can't be asked.
pub async fn taints(
    registry: &dyn Registry,
    workspace: &Workspace,
) -> Result<BTreeMap<ProjectName, Vec<Tag>>, ObserveError> {
    let repository = &workspace.taints;
    let listed = registry.tags(repository).await.map_err(ObserveError::Taints)?;
    let of_projects = listed.into_iter().filter_map(|tag| {
        let project = workspace.projects.keys().find(|project| tag.is_taint_of(project))?;
        Some((project.clone(), tag))
    });
    let asked = of_projects.map(async |(project, tag)| {
        let is_untagged = registry.is_untagged(repository, &tag).await.map_err(ObserveError::Taints)?;
        Ok::<_, ObserveError>((!is_untagged).then_some((project, tag)))
    });
    let found: Vec<Option<_>> = stream::iter(asked).buffered(AT_ONCE).try_collect().await?;
    let mut taints: BTreeMap<ProjectName, Vec<Tag>> = BTreeMap::new();
    for (project, tag) in found.into_iter().flatten() {
        taints.entry(project).or_default().push(tag);
    }
    Ok(taints)
}

async fn find<'n>(
    registry: &dyn Registry,
    questions: impl Iterator<Item = (&'n ProjectName, RepositoryName, Tag)>,
) -> Result<BTreeMap<ProjectName, Image>, ObserveError> {
    let answers = stream::iter(questions).map(|(name, repository, tag)| async move {
        let found = registry.find(&repository, &tag).await;
        let digest = found.map_err(|source| ObserveError::Image { project: name.clone(), source })?;
        Ok::<_, ObserveError>(digest.map(|digest| (name.clone(), Image { repository, digest, tag })))
    });
    let found: Vec<Option<(ProjectName, Image)>> = answers.buffer_unordered(AT_ONCE).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}
