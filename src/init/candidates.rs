//! Evidence to candidates: each image once, whoever builds it, with its Dockerfile and its context.
//!
//! Several files can build one image. What the first of them says holds, and the others add what it leaves open: see [`Strength`]
//! for the order. Where they contradict it, that is undecided.

use std::collections::HashMap;

use super::context::{self, Context};
use super::evidence::{Build, Strength};
use super::fill_in::{self, Reading};
use super::{Ignored, InitError, Proposal, Undecided};
use crate::git::{EntryKind, Snapshot};
use crate::model::{RepoPath, StageName};

/// An image that can be a project of the workspace, and what its Dockerfile says.
pub(super) struct Candidate {
    pub(super) build: Build,
    pub(super) target: Option<StageName>,
    pub(super) reading: Reading,
    pub(super) context: Context,
}

/// The same before its context is looked for.
struct Image {
    build: Build,
    target: Option<StageName>,
    reading: Reading,
}

/// What a further build of a Dockerfile is to an image that is known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Relation {
    Same,
    /// The same but for its context.
    Contradiction,
    /// The same image, made in another way: for development, say.
    Variant,
    /// Another image.
    None,
}

/// Makes candidates of builds, and says what becomes of those that are none.
///
/// # Errors
/// [`InitError`] when a tree can't be read.
pub(super) fn candidates(
    proposal: &mut Proposal,
    snapshot: &Snapshot<'_>,
    builds: Vec<Build>,
) -> Result<Vec<Candidate>, InitError> {
    let mut images: Vec<Image> = Vec::new();
    // Where the images of a Dockerfile are.
    let mut of_dockerfile: HashMap<RepoPath, Vec<usize>> = HashMap::new();
    for build in builds {
        let known = of_dockerfile.entry(build.dockerfile.clone()).or_default();
        let is_known = |&place: &usize| !images[place].build.is_named_elsewhere(&build);
        if build.strength == Strength::File && known.iter().any(is_known) {
            continue;
        }
        let (at, says) = (build.found.clone(), build.says.clone());
        let mut ignore = |why| proposal.ignored.push(Ignored { at: at.clone(), why });
        let new = match Image::read(snapshot, build)? {
            Ok(new) => new,
            Err(why) => {
                ignore(why);
                continue;
            }
        };
        new.reading.unknown_platforms.iter().for_each(|text| ignore(format!("`{text}` is no platform")));
        let mut related = known.iter().map(|&place| (place, images[place].relation(&new)));
        let Some((place, relation)) = related.find(|(_, relation)| *relation != Relation::None) else {
            known.push(images.len());
            images.push(new);
            continue;
        };
        let known = &mut images[place];
        let first = known.build.found.clone();
        match relation {
            Relation::Same => known.build.add(new.build),
            Relation::Contradiction => {
                let shown = |build: &Build| build.context.clone().unwrap_or_default().to_string();
                let (one, other) = (shown(&new.build), shown(&known.build));
                let says = format!("{says} with the context `{one}`, {first} with `{other}`, which is taken");
                proposal.undecided.push(Undecided { at, says });
            }
            Relation::Variant | Relation::None => {
                ignore(format!("{says} in another way than {first}, which is taken"));
            }
        }
    }
    let mut candidates = Vec::new();
    for image in images {
        let at = image.build.found.clone();
        match image.with_context(proposal, snapshot)? {
            Ok(candidate) => candidates.push(candidate),
            Err(why) => proposal.ignored.push(Ignored { at, why }),
        }
    }
    Ok(candidates)
}

impl Image {
    /// Reads what a build names; the inner error says why it can't be used.
    fn read(snapshot: &Snapshot<'_>, build: Build) -> Result<Result<Self, String>, InitError> {
        let path = &build.dockerfile;
        if [&build.context, &build.path].into_iter().flatten().chain([path]).any(|path| !is_text(path)) {
            return Ok(Err("a name that is not UTF-8 can't stand in `projects.toml`".to_owned()));
        }
        let text = match &build.inline {
            Some(text) => match snapshot.read(path)? {
                Some(there) if there != text.as_bytes() => {
                    return Ok(Err(format!(
                        "its Dockerfile would be written to `{path}`, which is another file"
                    )));
                }
                _ => text.clone().into_bytes(),
            },
            None => match snapshot.read(path)? {
                Some(text) => text,
                None => return Ok(Err(format!("there is no file `{path}`"))),
            },
        };
        let reading = match fill_in::read(&text, &build) {
            Ok(reading) => reading,
            Err(error) if build.found.file == *path => return Ok(Err(format!("it can't be used: {error}"))),
            Err(error) => return Ok(Err(format!("`{path}` can't be used: {error}"))),
        };
        let target: Option<StageName> = match build.target.as_deref().map(str::parse).transpose() {
            Ok(target) => target,
            Err(error) => return Ok(Err(format!("`{path}`: {error}"))),
        };
        if let Err(error) = reading.dockerfile.stages_needed_for(target.as_ref()) {
            return Ok(Err(format!("`{path}`: {error}")));
        }
        Ok(Ok(Self { build, target, reading }))
    }

    /// What `new` is to this image, which was found before it and has the same Dockerfile.
    fn relation(&self, new: &Self) -> Relation {
        let (one, other) = (&self.build, &new.build);
        if one.is_named_elsewhere(other) {
            return Relation::None;
        }
        let is_same_file = one.found.file == other.found.file;
        let is_definition = other.strength == Strength::Definition;
        let contradicts = |(name, value): (&String, &Option<String>)| {
            let known = one.build_args.get(name).and_then(Option::as_ref);
            value.as_ref().is_some_and(|value| known.is_some_and(|known| known != value))
        };
        let has_same_args = if is_same_file && is_definition {
            one.build_args == other.build_args
        } else {
            !other.build_args.iter().any(contradicts)
        };
        let has_same_context = match (&one.context, &other.context) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        };
        let has_name_of_its_own = if is_definition {
            one.name != other.name || is_same_file
        } else {
            let known: Vec<&str> = one.images.iter().map(|image| without_tag(image)).collect();
            other.images.iter().any(|image| !known.contains(&without_tag(image))) && !known.is_empty()
        };
        match (self.stage() == new.stage() && has_same_args, has_same_context) {
            (true, true) => Relation::Same,
            _ if has_name_of_its_own => Relation::None,
            (true, false) => Relation::Contradiction,
            (false, _) => Relation::Variant,
        }
    }

    /// The index of the stage that is built.
    fn stage(&self) -> usize {
        let stages = self.reading.dockerfile.stages();
        let named = |target| stages.iter().rposition(|stage| stage.name.as_ref() == Some(target));
        self.target.as_ref().and_then(named).unwrap_or(stages.len() - 1)
    }

    fn with_context(
        self,
        proposal: &mut Proposal,
        snapshot: &Snapshot<'_>,
    ) -> Result<Result<Candidate, String>, InitError> {
        let Self { build, target, reading } = self;
        let subject = context::Subject {
            path: build.named_path(),
            dockerfile: &reading.dockerfile,
            target: target.as_ref(),
            snapshot,
        };
        let context = match &build.context {
            Some(context) if snapshot.entry(context)?.is_none_or(|entry| entry.kind != EntryKind::Folder) => {
                return Ok(Err(format!("there is no folder `{context}`")));
            }
            Some(context) => subject.with(context)?,
            None => subject.decide()?,
        };
        context.report(build.named_path(), proposal);
        Ok(Ok(Candidate { build, target, reading, context }))
    }
}

impl Build {
    /// Whether the one Dockerfile of two builds has symbolic links in several folders, and each build is about a folder of its own.
    fn is_named_elsewhere(&self, other: &Self) -> bool {
        let folder = |build: &Self| build.named_path().parent();
        let is_about = |build: &Self, of: &Self| folder(build) == folder(of) || build.context == folder(of);
        let has_link = self.link.is_some() || other.link.is_some();
        has_link && !is_about(self, other) && !is_about(other, self)
    }

    /// Adds what another build of the same image says besides.
    fn add(&mut self, other: Self) {
        let new_images = other.images.into_iter().filter(|image| !self.images.contains(image));
        let new_images: Vec<String> = new_images.collect();
        self.images.extend(new_images);
        self.aliases.extend(other.name.into_iter().chain(other.aliases));
        self.context = self.context.take().or(other.context);
        self.path = self.path.take().or(other.path);
        for (name, value) in other.build_args {
            let known = self.build_args.entry(name).or_default();
            *known = known.take().or(value);
        }
        for (name, context) in other.contexts {
            self.contexts.entry(name).or_insert(context);
        }
        for (id, secret) in other.secrets {
            self.secrets.entry(id).or_insert(secret);
        }
        let new_ids: Vec<String> = other.ssh.into_iter().filter(|id| !self.ssh.contains(id)).collect();
        self.ssh.extend(new_ids);
        if self.platforms.is_empty() {
            self.platforms = other.platforms;
        }
        self.needs.extend(other.needs);
    }
}

/// A reference without its tag, which varies.
fn without_tag(image: &str) -> &str {
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => image,
    }
}

fn is_text(path: &RepoPath) -> bool {
    std::str::from_utf8(path.as_bytes()).is_ok()
}
