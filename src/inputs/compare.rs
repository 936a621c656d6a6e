//! How the definitions of projects differ from those of a base: the one comparison of two manifests.

use std::collections::{BTreeMap, BTreeSet};

use super::definition::{Field, fields};
use crate::model::{ManifestDigest, Platform, ProjectName, TaggedImage};
use crate::workspace::{Base, BaseProject, ParentImage, Project, Variant, Workspace};

/// How a project is defined otherwise than in the base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// The base has no project of this name.
    New,
    /// What the base says of it can't be read.
    Unreadable { why: String },
    /// Its entry differs in these keys. Sorted, never empty.
    Keys(Vec<String>),
    /// It is built for the default platform, which is another since `[cache]` became a registry, or none any more.
    DefaultPlatform {
        /// `None` for the engine's own.
        now: Option<Platform>,
    },
    /// References of its Dockerfile stand for something else, or only one of the two has them. Never empty.
    Parents(Vec<ParentChange>),
    /// Its lock file says otherwise which external images its Dockerfile means. Never empty.
    Locked(Vec<LockedChange>),
}

/// An external image that a Dockerfile names before and now, and that isn't locked as it was.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LockedChange {
    /// As the lock file names it.
    pub image: TaggedImage,
    /// What was used, by the manifests that input digests cover. Empty where no lock file said it.
    pub before: BTreeSet<ManifestDigest>,
    /// What is used. Empty where no lock file says it.
    pub now: BTreeSet<ManifestDigest>,
}

/// One image reference of a Dockerfile that is not what it was.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ParentChange {
    pub reference: String,
    /// Where it is written, in the newer Dockerfile if it is there: `file:line`.
    pub source: String,
    /// `None` where the Dockerfile of the base does not name it.
    pub before: Option<ParentImage>,
    /// `None` where the Dockerfile does not name it any more.
    pub now: Option<ParentImage>,
}

/// Compares each project that the base may define otherwise; those that differ in nothing are left out.
pub fn differences<'w>(
    workspace: &'w Workspace,
    base: &Base<'w>,
) -> BTreeMap<&'w ProjectName, Vec<Difference>> {
    let compare = |(name, before): (&&'w ProjectName, &BaseProject)| {
        let project = workspace.projects.get(*name)?;
        let differences = match before {
            BaseProject::New => vec![Difference::New],
            BaseProject::Unreadable(why) => vec![Difference::Unreadable { why: why.clone() }],
            BaseProject::Read(before) => {
                let differences = between(before, project, base.is_rebuild_all_same);
                match base.is_default_platform_other {
                    true => with_default_platform(differences, before, project),
                    false => differences,
                }
            }
        };
        (!differences.is_empty()).then_some((*name, differences))
    };
    base.redefined.iter().filter_map(compare).collect()
}

/// The projects whose input digests differ between two readings of one tree that have other lock files: those with other images,
/// and all that need them.
pub fn relocked(before: &Workspace, now: &Workspace) -> BTreeSet<ProjectName> {
    let is_relocked = |(name, project): &(&ProjectName, &Project)| {
        before.projects.get(*name).is_none_or(|before| !between(before, project, true).is_empty())
    };
    let changed = now.projects.iter().filter(is_relocked).map(|(name, _)| name);
    let affected = now.graph.set_with_dependents(&now.graph.set(changed));
    let affected = now.graph.nodes().filter(|node| affected.contains(*node));
    affected.map(|node| node.name().clone()).collect()
}

/// Tells a default of `platforms` that follows from `[cache]` from one that somebody wrote.
fn with_default_platform(differences: Vec<Difference>, before: &Project, now: &Project) -> Vec<Difference> {
    let now = match (&before.config.platforms[..], &now.config.platforms[..]) {
        ([], [one]) => Some(one.clone()),
        ([_], []) => None,
        _ => return differences,
    };
    let mut compared = Vec::new();
    for difference in differences {
        match difference {
            Difference::Keys(mut keys) if keys.iter().any(|key| key == "platforms") => {
                keys.retain(|key| key != "platforms");
                compared.push(Difference::DefaultPlatform { now: now.clone() });
                compared.extend((!keys.is_empty()).then_some(Difference::Keys(keys)));
            }
            other => compared.push(other),
        }
    }
    compared
}

fn between(before: &Project, now: &Project, is_rebuild_all_same: bool) -> Vec<Difference> {
    let (old, new) = (fields(before), fields(now));
    let [old, new]: [BTreeSet<&Field<'_>>; 2] = [&old, &new].map(|fields| fields.iter().collect());
    let mut keys: BTreeSet<String> = now.config.differing_keys(&before.config).into_iter().collect();
    let (mut references, mut frontends) = (BTreeSet::new(), BTreeSet::new());
    for field in old.symmetric_difference(&new) {
        match field {
            Field::Parent { reference, .. } => drop(references.insert(*reference)),
            Field::Frontend { reference, .. } => drop(frontends.insert(*reference)),
            // One that comes from the Dockerfile is compared by its reference.
            Field::Need(_) => {}
            field => drop(keys.insert(key(field))),
        }
    }
    keys.extend((!is_rebuild_all_same).then(|| "rebuild_all".to_owned()));
    let (mut parents, mut locked) = (BTreeSet::new(), Vec::new());
    for change in references.into_iter().flat_map(|reference| parent_changes(reference, before, now)) {
        match LockedChange::of_parent(&change, before, now) {
            Some(change) => locked.push(change),
            None => drop(parents.insert(change)),
        }
    }
    locked.extend(frontends.into_iter().filter_map(|reference| frontend_change(reference, before, now)));
    let keys = (!keys.is_empty()).then(|| Difference::Keys(keys.into_iter().collect()));
    let parents = (!parents.is_empty()).then(|| Difference::Parents(parents.into_iter().collect()));
    let locked = (!locked.is_empty()).then(|| Difference::Locked(LockedChange::once_an_image(locked)));
    keys.into_iter().chain(parents).chain(locked).collect()
}

impl LockedChange {
    /// One change for each image, in their order: an image may differ on several platforms, and in several places.
    fn once_an_image(changes: Vec<Self>) -> Vec<Self> {
        let mut all: BTreeMap<TaggedImage, Self> = BTreeMap::new();
        for change in changes {
            let of_image = all.entry(change.image.clone()).or_insert_with(|| Self {
                image: change.image.clone(),
                before: BTreeSet::new(),
                now: BTreeSet::new(),
            });
            of_image.before.extend(change.before);
            of_image.now.extend(change.now);
        }
        all.into_values().collect()
    }

    /// `None` where the reference stood or stands for something else than an external image, or is new, or is not used any more.
    fn of_parent(change: &ParentChange, before: &Project, now: &Project) -> Option<Self> {
        let manifests = |project: &Project, image: &Option<ParentImage>| match image {
            // A trigger's image is a parent only where it is pinned.
            None => names_external(project, &change.reference).then(BTreeSet::new),
            Some(ParentImage::External) => Some(BTreeSet::new()),
            Some(ParentImage::Locked(manifests)) => Some(manifests.clone()),
            Some(ParentImage::Project(_) | ParentImage::Folder(_)) => None,
        };
        let (before, now) = (manifests(before, &change.before)?, manifests(now, &change.now)?);
        Some(Self { image: change.reference.parse().ok()?, before, now })
    }
}

/// Whether its Dockerfile names this image by a tag, whatever for.
fn names_external(project: &Project, reference: &str) -> bool {
    let mut external = project.variants.iter().flat_map(|variant| &variant.external);
    external.any(|image| image.reference == reference)
}

/// How a frontend is locked otherwise. One that only one of the two Dockerfiles names is told by that file or the entry.
fn frontend_change(reference: &str, before: &Project, now: &Project) -> Option<LockedChange> {
    if !names_external(before, reference) || !names_external(now, reference) {
        return None;
    }
    let manifests = |project: &Project| {
        let frontends = project.variants.iter().flat_map(Variant::pinned_frontends);
        let named = frontends.filter(|frontend| frontend.reference == reference);
        named.filter_map(|frontend| Some(frontend.pin?.covered)).collect()
    };
    Some(LockedChange { image: reference.parse().ok()?, before: manifests(before), now: manifests(now) })
}

/// The key of the manifest that a field comes from.
fn key(field: &Field<'_>) -> String {
    match field {
        Field::Context(_) => "context".to_owned(),
        Field::Hermetic(_) => "hermetic".to_owned(),
        Field::Dockerfile(_) => "dockerfile".to_owned(),
        Field::Target(_) => "target".to_owned(),
        Field::Platform(_) => "platforms".to_owned(),
        Field::BuildArg { name, .. } => format!("build_args.{name}"),
        Field::Secret { id, .. } => format!("secrets.{id}"),
        Field::Ssh(_) => "ssh".to_owned(),
        Field::Need(_) | Field::Parent { .. } => "needs".to_owned(),
        Field::Frontend { .. } => "build_args".to_owned(),
    }
}

/// What a reference stands for before and now, once for each way in which platforms differ.
///
/// A platform that only one of the two has is a difference by itself. It is not compared again by a reference that stands for
/// the same image on a platform of the other.
fn parent_changes(reference: &str, before: &Project, now: &Project) -> BTreeSet<ParentChange> {
    let platforms = before.variants.iter().chain(&now.variants).map(|variant| &variant.platform);
    let platforms: BTreeSet<_> = platforms.collect();
    let change = |platform| {
        let [old, new] = [before, now].map(|project| {
            let variant = project.variants.iter().find(|variant| &variant.platform == platform);
            (project, variant)
        });
        let image = |(_, variant): (&Project, Option<&Variant>)| variant?.parents.get(reference).cloned();
        let (before, now) = (image(old), image(new));
        let is_known_to = |(project, variant): (&Project, Option<&Variant>), image: &Option<ParentImage>| {
            let mut images = project.variants.iter().map(|variant| variant.parents.get(reference));
            variant.is_none() && images.any(|other| other == image.as_ref())
        };
        if before == now || is_known_to(old, &now) || is_known_to(new, &before) {
            return None;
        }
        let (project, variant) = if now.is_some() { new } else { old };
        let line = variant.and_then(|variant| variant.line_of(reference)).unwrap_or(1);
        let source = format!("{}:{line}", project.config.dockerfile.value);
        Some(ParentChange { reference: reference.to_owned(), source, before, now })
    };
    platforms.into_iter().filter_map(change).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::patterns::Patterns;
    use crate::workspace::InputRules;

    /// The project `api` with these lines in its entry, without a Dockerfile that was read.
    fn project(entry: &str) -> Project {
        let text = format!("[workspace]\nname = 'shop'\n[projects.api]\npath = 'api'\n{entry}\n");
        let manifest = config::parse(text.as_bytes(), "projects.toml").unwrap();
        let (_, config) = manifest.projects.into_iter().next().unwrap();
        Project {
            inputs: InputRules::Patterns { file: config.path.value.clone(), patterns: Patterns::default() },
            whole_context: None,
            variants: Box::new([]),
            lookalikes: Box::new([]),
            repository: config.repository.clone(),
            extra_inputs: Patterns::default(),
            folders: Box::new([]),
            folder_patterns: Patterns::default(),
            config,
        }
    }

    #[test]
    fn a_difference_names_the_key_that_it_comes_from_and_no_other() {
        for (entry, key) in [
            ("context = 'elsewhere'", "context"),
            ("hermetic = false", "hermetic"),
            ("dockerfile = 'Dockerfile.prod'", "dockerfile"),
            ("target = 'runtime'", "target"),
            ("platforms = ['linux/arm64']", "platforms"),
            ("build_args = { PROFILE = 'release' }", "build_args.PROFILE"),
            ("secrets = { npmrc = { env = 'NPMRC' } }", "secrets.npmrc"),
            ("ssh = ['default']", "ssh"),
        ] {
            let keys = Difference::Keys(vec![key.to_owned()]);

            assert_eq!(between(&project(""), &project(entry), true), [keys], "{entry}");
        }
    }

    #[test]
    fn a_platform_that_follows_from_the_cache_is_not_a_key_that_somebody_changed() {
        let (engine, registry) = (project(""), project("platforms = ['linux/amd64']"));
        let both = project("platforms = ['linux/amd64']\ntarget = 'x'");
        let compared =
            |before: &Project, now: &Project| with_default_platform(between(before, now, true), before, now);
        let amd64 = || Difference::DefaultPlatform { now: Some("linux/amd64".parse().unwrap()) };

        assert_eq!(compared(&engine, &registry), [amd64()]);
        assert_eq!(compared(&registry, &engine), [Difference::DefaultPlatform { now: None }]);
        assert_eq!(compared(&engine, &both), [amd64(), Difference::Keys(vec!["target".to_owned()])]);
        assert_eq!(compared(&registry, &both), [Difference::Keys(vec!["target".to_owned()])]);
    }

    #[test]
    fn what_every_project_is_rebuilt_for_is_a_key_too() {
        let keys = Difference::Keys(vec!["rebuild_all".to_owned()]);

        assert_eq!(between(&project(""), &project(""), false), [keys]);
        assert_eq!(between(&project(""), &project(""), true), []);
    }
}
