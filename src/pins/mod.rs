//! Resolves external images at their registries: what `projects.lock` should have, and what of it is behind its tag.
//!
//! What is locked already is never moved but by [`update`]: a platform that it lacks is looked up in the index that it has.

mod error;
mod used;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _};

pub use error::PinError;
pub use used::{UsedImage, used};

use crate::config::{LockFile, LockedImage};
use crate::model::{Host, ImagePattern, ImageRef, ManifestDigest, Platform, ProjectName, TaggedImage};
use crate::registry::{Named, OciRegistry, Registry, RegistryError, ResolvedImage};
use crate::workspace::Workspace;

/// How many references are resolved at once.
const AT_ONCE: usize = 8;

/// A lock file, and how it differs from the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relocked {
    pub lock: LockFile,
    /// Of all references that one of the two has.
    pub changes: BTreeMap<TaggedImage, PinChange>,
}

/// What became of one reference of a lock file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PinChange {
    Added {
        now: ManifestDigest,
    },
    /// Its tag stands for another image now.
    Moved {
        before: ManifestDigest,
        now: ManifestDigest,
    },
    /// It is the same image, and other platforms of it are needed.
    Platforms {
        now: ManifestDigest,
    },
    /// No project names it any more.
    Removed {
        before: ManifestDigest,
    },
    Unchanged {
        now: ManifestDigest,
    },
}

/// How a locked reference and its tag are to each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagState {
    pub image: TaggedImage,
    pub locked: ManifestDigest,
    /// What its tag stands for now.
    pub now: ManifestDigest,
    /// When that image was made, as it says itself; asked for only where it is another one.
    pub created: Option<String>,
    /// Who uses it.
    pub projects: BTreeSet<ProjectName>,
}

impl Relocked {
    fn new(before: Option<&LockFile>, lock: LockFile) -> Self {
        let mut changes = BTreeMap::new();
        for (image, LockedImage { digest, .. }) in before.into_iter().flat_map(LockFile::images) {
            if lock.get(image).is_none() {
                changes.insert(image.clone(), PinChange::Removed { before: *digest });
            }
        }
        for (image, locked) in lock.images() {
            let now = locked.digest;
            let change = match before.and_then(|before| before.get(image)) {
                None => PinChange::Added { now },
                Some(before) if before.digest != now => PinChange::Moved { before: before.digest, now },
                Some(before) if before != locked => PinChange::Platforms { now },
                Some(_) => PinChange::Unchanged { now },
            };
            changes.insert(image.clone(), change);
        }
        Self { lock, changes }
    }
}

impl TagState {
    pub fn is_behind(&self) -> bool {
        self.locked != self.now
    }
}

/// What the lock file should have: what it lacks is resolved, what no project names is left out, and all else stays.
///
/// `connect` gives the registry at a host.
///
/// # Errors
/// [`PinError`] for the first reference, in their order, that can't be resolved, and what `connect` fails with.
pub async fn lock<E: From<PinError>>(
    workspace: &Workspace,
    connect: impl AsyncFn(&Host) -> Result<Arc<dyn Registry>, E>,
) -> Result<Relocked, E> {
    let before = workspace.lock.as_ref();
    let questions = questions(used(workspace), before);
    let lock = resolve(questions, &connect, Moving::Stays).await?;
    Ok(Relocked::new(before, lock))
}

/// The same, and what the tags stand for now is taken: of the chosen references, and then all others stay as they are; of all
/// where none is chosen.
///
/// # Errors
/// As [`lock`], [`PinError::NotUsed`] for a chosen reference that no project names, and [`PinError::NoLockFile`] where one is
/// chosen and there is no lock file yet.
pub async fn update<E: From<PinError>>(
    workspace: &Workspace,
    chosen: &[ImagePattern],
    connect: impl AsyncFn(&Host) -> Result<Arc<dyn Registry>, E>,
) -> Result<Relocked, E> {
    let before = workspace.lock.as_ref();
    let mut used = used(workspace);
    if !chosen.is_empty() {
        let before = before.ok_or(PinError::NoLockFile)?;
        if let Some(unknown) = chosen.iter().find(|chosen| !used.keys().any(|image| chosen.matches(image))) {
            return Err(PinError::NotUsed { image: unknown.clone() }.into());
        }
        used.retain(|image, _| chosen.iter().any(|chosen| chosen.matches(image)));
        let questions = questions(used, Some(before));
        let updated = resolve(questions, &connect, Moving::Follows).await?;
        let all = before.images().chain(updated.images());
        let all: LockFile = all.map(|(image, locked)| (image.clone(), locked.clone())).collect();
        return Ok(Relocked::new(Some(before), all));
    }
    let questions = questions(used, before);
    let lock = resolve(questions, &connect, Moving::Follows).await?;
    Ok(Relocked::new(before, lock))
}

/// Asks what the tags of locked references stand for now, of those that the `selected` projects use.
///
/// # Errors
/// [`PinError`] for the first reference, in their order, that can't be asked for, or whose tag is gone; [`PinError::NoLockFile`]
/// where there is none. What `connect` fails with.
pub async fn tag_states<E: From<PinError>>(
    workspace: &Workspace,
    selected: &BTreeSet<ProjectName>,
    connect: impl AsyncFn(&Host) -> Result<Arc<dyn Registry>, E>,
) -> Result<Vec<TagState>, E> {
    let lock = workspace.lock.as_ref().ok_or(PinError::NoLockFile)?;
    let used = used(workspace).into_iter().filter_map(|(image, used)| {
        let projects: BTreeSet<ProjectName> = used.projects.intersection(selected).cloned().collect();
        let locked = lock.get(&image).filter(|_| !projects.is_empty())?;
        Some((image, locked.digest, projects))
    });
    in_order(used, async |(image, locked, projects)| {
        let reference = image.in_registry();
        let registry = connect(host_of(&reference)).await?;
        let failed = |source| PinError::Registry { image: Box::new(image.clone()), source };
        let tag = &image.tag;
        let found = registry.find(&reference.repository, tag).await.map_err(failed)?;
        let now = found.ok_or_else(|| PinError::Gone { image: Box::new(image.clone()) })?;
        let created = match registry.oci().filter(|_| now != locked) {
            Some(oci) => oci.describe(&reference.repository, &now).await.map_err(failed)?.created,
            None => None,
        };
        Ok::<_, E>(TagState { image: image.clone(), locked, now, created, projects })
    })
    .await
}

/// Whether what is locked follows its tag.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Moving {
    Stays,
    Follows,
}

/// An image, how it is used, and what is locked of it.
type Question = (TaggedImage, UsedImage, Option<LockedImage>);

fn questions(
    used: BTreeMap<TaggedImage, UsedImage>,
    before: Option<&LockFile>,
) -> impl Iterator<Item = Question> {
    used.into_iter().map(move |(image, used)| {
        let old = before.and_then(|before| before.get(&image)).cloned();
        (image, used, old)
    })
}

async fn resolve<E: From<PinError>>(
    questions: impl Iterator<Item = Question>,
    connect: &impl AsyncFn(&Host) -> Result<Arc<dyn Registry>, E>,
    moving: Moving,
) -> Result<LockFile, E> {
    let resolved = in_order(questions, async |(image, used, old)| {
        let has_all = old.as_ref().is_some_and(|old| has_all(old, &used.platforms));
        if let (Some(old), Moving::Stays, true) = (&old, moving, has_all) {
            return Ok::<_, E>((image, only(old, &used.platforms)));
        }
        let reference = image.in_registry();
        let registry = connect(host_of(&reference)).await?;
        let question = Resolving { image: &image, reference: &reference, used: &used };
        let locked = match (old, moving) {
            (Some(old), Moving::Stays) => question.resolve(&*registry, Some(old.digest)).await?,
            (None, _) => question.resolve(&*registry, None).await?,
            (Some(old), Moving::Follows) => {
                // Registries count those who fetch manifests, and not those who only ask for digests.
                let found = registry.find(&reference.repository, &image.tag).await;
                match found.map_err(|source| question.failed(source))? {
                    None => return Err(question.not_there().into()),
                    Some(now) if now == old.digest && has_all => only(&old, &used.platforms),
                    Some(now) => question.resolve(&*registry, Some(now)).await?,
                }
            }
        };
        Ok((image, locked))
    });
    Ok(resolved.await?.into_iter().collect())
}

/// One reference that is resolved.
struct Resolving<'q> {
    image: &'q TaggedImage,
    reference: &'q ImageRef,
    used: &'q UsedImage,
}

impl Resolving<'_> {
    /// By this digest, or by the tag.
    async fn resolve(
        &self,
        registry: &dyn Registry,
        digest: Option<ManifestDigest>,
    ) -> Result<LockedImage, PinError> {
        let repository = &self.reference.repository;
        let oci: &OciRegistry = registry
            .oci()
            .ok_or_else(|| self.failed(RegistryError::NotARegistry { repository: repository.clone() }))?;
        let named = match &digest {
            Some(digest) => Named::Digest(digest),
            None => Named::Tag(&self.image.tag),
        };
        let resolved = oci.resolve(repository, named).await.map_err(|source| self.failed(source))?;
        let resolved: ResolvedImage = resolved.ok_or_else(|| self.not_there())?;
        let platforms =
            self.used.platforms.iter().map(|(platform, place)| match resolved.manifest(platform) {
                Some(manifest) => Ok((platform.clone(), manifest)),
                None => Err(PinError::NoPlatform {
                    image: Box::new(self.image.clone()),
                    platform: Box::new(platform.clone()),
                    place: place.clone(),
                }),
            });
        Ok(LockedImage { digest: resolved.digest, platforms: platforms.collect::<Result<_, _>>()? })
    }

    fn not_there(&self) -> PinError {
        PinError::NotThere { image: Box::new(self.image.clone()), place: self.used.place.clone() }
    }

    fn failed(&self, source: RegistryError) -> PinError {
        PinError::Registry { image: Box::new(self.image.clone()), source }
    }
}

/// Answers several questions at once; of several errors, that of the first question is reported each time.
async fn in_order<Q, A, E>(
    questions: impl Iterator<Item = Q>,
    answer: impl AsyncFn(Q) -> Result<A, E>,
) -> Result<Vec<A>, E> {
    let answers: Vec<Result<A, E>> =
        stream::iter(questions).map(|question| answer(question)).buffered(AT_ONCE).collect().await;
    answers.into_iter().collect()
}

fn has_all(locked: &LockedImage, platforms: &BTreeMap<Platform, String>) -> bool {
    platforms.keys().all(|platform| locked.platforms.contains_key(platform))
}

/// What is locked, without platforms that nobody needs any more.
fn only(locked: &LockedImage, platforms: &BTreeMap<Platform, String>) -> LockedImage {
    let needed = locked.platforms.iter().filter(|(platform, _)| platforms.contains_key(*platform));
    let platforms = needed.map(|(platform, digest)| (platform.clone(), *digest)).collect();
    LockedImage { digest: locked.digest, platforms }
}

fn host_of(reference: &ImageRef) -> &Host {
    reference.host.as_ref().expect("a reference to a registry has its host")
}
