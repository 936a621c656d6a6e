//! Local builds: the images stay in the engine, each under the one name that people use, `<repository>:local`.
//!
//! That name moves: a build of another work tree may give it to its own image at any time. So nothing is built from it: the
//! images of dependencies get names that only this run has, and lose them at its end.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::ExecuteError;
use super::job::{Destination, Pull, PullSource, Task, TaskVariant};
use super::prepare_error::PrepareError;
use super::report::{Needed, Outcome};
use crate::engine::Engine;
use crate::model::{ImageRef, ManifestDigest, Platform, ProjectName};
use crate::observe::Image;
use crate::registry::{Registry, Storage};
use crate::workspace::{Project, Variant, Workspace};

/// The images of projects that a task of a local build is built from: by which name, and by which id the engine has each.
pub(super) fn parents(
    task: &Task,
    needs: &BTreeMap<ProjectName, Needed>,
) -> BTreeMap<ImageRef, ManifestDigest> {
    let Destination::Local(run) = &task.destination else { return BTreeMap::new() };
    let used = task.variants.iter().flat_map(|variant: &TaskVariant| variant.parents.values());
    let needs = used.filter_map(|project| needs.get(project));
    needs.map(|need| (run.parent(&need.image), need.digest)).collect()
}

/// What a local build makes of a project: its image for the engine's own platform if it is listed, else for the first.
fn variant<'p>(project: &'p Project, own: Option<&Platform>) -> &'p Variant {
    let is_own = |variant: &&Variant| match (&variant.platform, own) {
        (Some(platform), Some(own)) => platform.is_same_as(own),
        _ => false,
    };
    project.variants.iter().find(is_own).unwrap_or(&project.variants[0])
}

/// The same of a project that is built, with dependencies whose images are for the same platform.
///
/// # Errors
/// [`PrepareError::LocalPlatform`] for the first dependency whose image is not.
pub(super) fn variant_to_build<'w>(
    workspace: &'w Workspace,
    project: &ProjectName,
    own: Option<&Platform>,
) -> Result<&'w Variant, PrepareError> {
    let variant = self::variant(&workspace.projects[project], own);
    let Some(platform) = &variant.platform else { return Ok(variant) };
    for (_, need) in variant.own_parents() {
        match &self::variant(&workspace.projects[need], own).platform {
            Some(of_need) if !of_need.is_same_as(platform) => {
                return Err(PrepareError::LocalPlatform {
                    project: project.clone(),
                    platform: Box::new(platform.clone()),
                    need: need.clone(),
                    of_need: Box::new(of_need.clone()),
                });
            }
            _ => {}
        }
    }
    Ok(variant)
}

/// How the engine gets an image of the cache under the project's local name.
pub(super) fn pull_of(
    project: &Project,
    image: &Image,
    registry: &dyn Registry,
    engine: &Arc<dyn Engine>,
) -> Pull {
    let Image { repository, digest, tag } = image;
    let source = match registry.storage() {
        Storage::Engine => PullSource::Engine { id: *digest },
        Storage::Remote => PullSource::Registry { image: registry.image(repository, tag).pinned(*digest) },
    };
    Pull {
        engine: engine.clone(),
        source,
        platform: variant(project, engine.platform()).platform.clone(),
        name: ImageRef::local(&project.repository),
    }
}

/// Gets an image of the cache into the engine, under its local name.
pub(super) async fn pull(pull: &Pull, registry: &dyn Registry) -> Result<Outcome, ExecuteError> {
    let Pull { engine, source, platform, name } = pull;
    match source {
        PullSource::Registry { image } => {
            let login = registry.login().await.map_err(|source| ExecuteError::Repository {
                repository: image.repository.clone(),
                source,
            })?;
            let pulled = engine.pull(image, name, platform.as_ref(), login.as_ref()).await;
            let failed = |source| ExecuteError::Pull { image: image.clone(), source: Box::new(source) };
            let digest = pulled.map_err(failed)?;
            Ok(Outcome::Pulled { image: name.clone(), from: image.clone(), digest })
        }
        PullSource::Engine { id } => {
            let failed = |source| ExecuteError::Name { image: name.clone(), source: Box::new(source) };
            engine.tag(id, name).await.map_err(failed)?;
            Ok(Outcome::Reused { image: name.clone(), digest: *id })
        }
    }
}
