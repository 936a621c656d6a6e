//! Bake files of docker buildx: which targets there are, and what each is built from.
//!
//! The process's environment is not read, so that a proposal is the same on each machine. A variable stands for its default;
//! what depends on one without is unknown, and said where it matters.

mod build;
mod definitions;
mod evaluate;
mod folder;
mod images;
mod inherit;
mod json;
mod measured;
mod mounts;
mod names;
mod source;
mod target;
#[cfg(test)]
mod tests;
mod value;

use std::collections::{BTreeMap, BTreeSet};

pub use mounts::Secret;
pub use target::Target;
pub use value::{Text, Unknown};

use super::{Build, Ignored, SourceLocation};
use crate::git::{EntryKind, GitError, Snapshot};
use crate::model::RepoPath;
use definitions::{Definitions, Instance};
use evaluate::{Evaluator, Scope};
use folder::{RunFolder, Taken};

/// The files that bake reads if none is named, in its order.
const DEFAULTS: &[&str] =
    &["docker-bake.json", "docker-bake.hcl", "docker-bake.override.json", "docker-bake.override.hcl"];

/// What is at a path of the repository.
type Look<'l> = &'l dyn Fn(&RepoPath) -> Result<Option<EntryKind>, GitError>;

/// A file with its text.
pub type BakeFile = (RepoPath, Vec<u8>);

/// Whether a file is called as bake files are. Those that bake does not read by itself may turn out to be none.
pub(in crate::init) fn is_bake_file(name: &str) -> bool {
    let ends = |end| name.to_lowercase().strip_suffix(end).is_some_and(|stem| stem.contains("bake"));
    ends(".hcl") || ends(".json")
}

/// The images that bake files build; what can't be used goes to `ignored`.
///
/// The files that bake reads by itself are read together, folder by folder. Any other is read over those of its folder, and
/// adds the targets that they lack.
pub(in crate::init) fn builds(
    snapshot: &Snapshot<'_>,
    paths: &[RepoPath],
    ignored: &mut Vec<Ignored>,
) -> Result<Vec<Build>, GitError> {
    let mut folders: BTreeMap<RepoPath, Vec<BakeFile>> = BTreeMap::new();
    for path in paths {
        let text = snapshot.read(path)?.unwrap_or_default();
        folders.entry(path.parent().unwrap_or_default()).or_default().push((path.clone(), text));
    }
    let look = |path: &RepoPath| Ok(snapshot.entry(path)?.map(|entry| entry.kind));
    let mut builds = Vec::new();
    for (folder, files) in folders {
        builds.extend(of_folder(&folder, files, &look, ignored)?);
    }
    Ok(builds)
}

fn of_folder(
    folder: &RepoPath,
    files: Vec<BakeFile>,
    look: Look<'_>,
    ignored: &mut Vec<Ignored>,
) -> Result<Vec<Build>, GitError> {
    let rank = |path: &RepoPath| DEFAULTS.iter().position(|name| name.as_bytes() == path.file_name());
    let (mut defaults, others): (Vec<BakeFile>, Vec<BakeFile>) =
        files.into_iter().partition(|(path, _)| rank(path).is_some());
    defaults.sort_by_key(|(path, _)| rank(path));
    let mut builds = Vec::new();
    let mut known = BTreeSet::new();
    if let Some(bake) = Bake::read(&defaults, ignored) {
        builds.extend(bake.builds(folder, &known, look, ignored)?);
        known.extend(bake.targets.into_keys());
    }
    for file in others {
        let mut alone = Definitions::default();
        match source::add(&mut alone, &file.0, &file.1) {
            Err(note) => {
                ignored.push(note);
                continue;
            }
            // Something else has such a name.
            Ok(()) if alone.targets.is_empty() => continue,
            Ok(()) => {}
        }
        let path = file.0.clone();
        let own: BTreeSet<String> = alone.targets.into_iter().map(|block| block.label).collect();
        for name in own.intersection(&known) {
            let why = format!("target `{name}` is another form of the one that bake builds by itself");
            ignored.push(Ignored { at: SourceLocation::whole(&path), why });
        }
        let files: Vec<BakeFile> = defaults.iter().cloned().chain([file]).collect();
        let mut notes = Vec::new();
        if let Some(bake) = Bake::read(&files, &mut notes) {
            builds.extend(bake.builds(folder, &known, look, &mut notes)?);
        }
        // What the files before say was said when they were read.
        ignored.extend(notes.into_iter().filter(|note| note.at.file == path));
    }
    Ok(builds)
}

/// What files that are read together define.
#[derive(Debug, Default)]
pub struct Bake {
    /// With what they inherit.
    pub targets: BTreeMap<String, Result<Target, Unknown>>,
    /// As they say it themselves, in the order of the files.
    own: Vec<Target>,
    /// The targets that are in a group.
    grouped: BTreeSet<String>,
}

impl Bake {
    /// Reads files, later ones over earlier ones; `None` if there is nothing to use.
    pub fn read(files: &[BakeFile], ignored: &mut Vec<Ignored>) -> Option<Self> {
        let (path, _) = files.first()?;
        let mut definitions = Definitions::default();
        for (path, text) in files {
            if let Err(note) = source::add(&mut definitions, path, text) {
                ignored.push(note);
                return None;
            }
        }
        let mut evaluator = Evaluator::new(&definitions);
        let instances = match names::instances(&mut evaluator, ignored) {
            Ok(instances) => instances,
            Err(note) => {
                ignored.push(note);
                return None;
            }
        };
        let mut own: Vec<Target> = Vec::new();
        let mut by_name: BTreeMap<String, usize> = BTreeMap::new();
        for instance in &instances {
            let target = target::read(&mut evaluator, instance, ignored);
            match by_name.get(&target.name) {
                Some(position) => own[*position].merge(&target),
                None => {
                    by_name.insert(target.name.clone(), own.len());
                    own.push(target);
                }
            }
        }
        let grouped = grouped(&mut evaluator, &instances, ignored);
        let targets = inherit::resolve(&mut evaluator, &own);
        if evaluator.is_exhausted() {
            let why = "its expressions are too much work to evaluate".to_owned();
            ignored.push(Ignored { at: SourceLocation::whole(path), why });
            return None;
        }
        Some(Self { targets, own, grouped })
    }

    /// The builds of all targets but those in `known`, paths seen from the folder that bake is run in.
    fn builds(
        &self,
        folder: &RepoPath,
        known: &BTreeSet<String>,
        look: Look<'_>,
        ignored: &mut Vec<Ignored>,
    ) -> Result<Vec<Build>, GitError> {
        let linked = self.linked();
        let mut built: Vec<&Target> = Vec::new();
        for own in self.own.iter().filter(|target| !known.contains(&target.name)) {
            let mut ignore = |why: String| ignored.push(Ignored { at: own.at.clone(), why });
            match &self.targets[&own.name] {
                Err(unknown) => {
                    ignore(format!("target `{}` is not known: {}; {}", own.name, unknown.why, build::REMEDY));
                }
                Ok(target) if self.is_template(target, &linked) => {}
                Ok(target) => match images::no_image(target).filter(|_| !linked.contains(&target.name)) {
                    Some(why) => ignore(why),
                    None => built.push(target),
                },
            }
        }
        let taken: Vec<Taken> = built.iter().filter_map(|target| taken(target)).collect();
        let RunFolder { path: run_folder, doubt } = folder::run_folder(folder, &taken, look)?;
        if let Some((why, target)) = doubt.zip(built.first()) {
            ignored.push(Ignored { at: SourceLocation::whole(&target.at.file), why });
        }
        let mut builds = Vec::new();
        for target in built {
            builds.extend(build::build(target, &run_folder, look, ignored)?);
        }
        Ok(builds)
    }
}

/// The names in groups. Where one is that of a block with a matrix, it stands for all of its targets.
fn grouped(
    evaluator: &mut Evaluator<'_>,
    instances: &[Instance<'_>],
    ignored: &mut Vec<Ignored>,
) -> BTreeSet<String> {
    let definitions = evaluator.definitions;
    let mut named = BTreeSet::new();
    // The last group of a name counts.
    let groups: BTreeMap<&str, _> =
        definitions.groups.iter().map(|group| (group.label.as_str(), group)).collect();
    for (name, group) in groups {
        let Some(targets) = group.attributes.get("targets") else { continue };
        let targets = evaluator.value(&targets.value, &Scope::default()).to_list();
        let texts: Vec<Text> = match targets {
            Ok(targets) => targets.iter().map(value::Value::to_text).collect(),
            Err(unknown) => vec![Err(unknown)],
        };
        for text in texts {
            match text {
                Ok(target) => {
                    named.insert(target);
                }
                Err(unknown) => {
                    let why = format!("part of the group `{name}` is not known: {}", unknown.why);
                    ignored.push(Ignored { at: group.at.clone(), why });
                }
            }
        }
    }
    let is_named =
        |instance: &&Instance<'_>| named.contains(&instance.name) || named.contains(&instance.block.label);
    instances.iter().filter(is_named).map(|instance| instance.name.clone()).collect()
}

/// What a target takes from the folder, if its files say it.
fn taken(target: &Target) -> Option<Taken> {
    let text = |text: &Option<Text>, default: &str| match text {
        None => Some(default.to_owned()),
        Some(text) => text.clone().ok(),
    };
    let dockerfile = match target.dockerfile_inline {
        Some(_) => None,
        None => Some(text(&target.dockerfile, "Dockerfile")?),
    };
    Some(Taken { context: text(&target.context, ".")?, dockerfile })
}
