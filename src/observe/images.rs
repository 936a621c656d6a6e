//! What the cache has, asked for many projects at once.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::{Image, ObserveError, Zone};
use crate::config::Strategy;
use crate::model::{InputDigest, ProjectName, RepositoryName, Tag};
use crate::registry::Registry;
use crate::workspace::Workspace;

/// How many questions are under way at once.
const AT_ONCE: usize = 32;

/// What the cache has.
pub(super) struct Images {
    pub(super) by_digest: BTreeMap<ProjectName, Image>,
    pub(super) of_default_branch: BTreeMap<ProjectName, Image>,
    pub(super) tainted: BTreeSet<ProjectName>,
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
    let repository = |name: &ProjectName| workspace.projects[name].repository.clone();
    let mut by_digest = BTreeMap::new();
    for zone in zone.readable() {
        let missing = digests.iter().filter(|(name, _)| !by_digest.contains_key(*name));
        let questions: Vec<_> = missing
            .map(|(name, digest)| (name, zone.repository(workspace, name), Tag::cache(digest)))
            .collect();
        by_digest.extend(find(registry, questions.into_iter()).await?);
    }
    let tainted = digests.keys().map(|name| (name, repository(name), Tag::tainted()));
    let of_default_branch = match workspace.settings.strategy {
        Strategy::Digest => BTreeMap::new(),
        Strategy::Diff => {
            let tag = Tag::branch(&workspace.settings.default_branch);
            find(registry, digests.keys().map(|name| (name, repository(name), tag.clone()))).await?
        }
    };
    Ok(Images {
        by_digest,
        of_default_branch,
        tainted: find(registry, tainted).await?.into_keys().collect::<BTreeSet<_>>(),
    })
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
