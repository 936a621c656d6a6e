//! Candidates to projects: their names, folders, dependencies, and what else their entries say.

use std::collections::{BTreeMap, BTreeSet};

use super::candidates::Candidate;
use super::evidence::{Build, NamedContext, SecretFrom};
use super::names::{self, Given, Wish};
use super::references::{self, Images};
use super::{FillIn, Guess, Ignored, Project, Proposal, SourceLocation};
use super::{roles, tags};
use crate::config::ContextSource;
use crate::dockerfile::SessionMount;
use crate::git::{GitError, Snapshot};
use crate::model::{ImageRef, ProjectName, RepoPath};

/// Makes projects of all candidates; returns their folders, in the order of the candidates.
///
/// # Errors
/// [`GitError`] when the tree can't be read.
pub(super) fn fill(
    proposal: &mut Proposal,
    snapshot: &Snapshot<'_>,
    candidates: &[Candidate],
) -> Result<Vec<RepoPath>, GitError> {
    let given = named(proposal, candidates);
    let paths = paths(proposal, candidates);
    let images = references::resolve(proposal, candidates, &given);
    let names = given.names;
    let by_name = ByName { candidates, names: &names };
    let tags = tags::moving(candidates);
    let mut projects = Vec::new();
    for (at, candidate) in candidates.iter().enumerate() {
        let Candidate { build, target, reading, context } = candidate;
        let needs = by_name.needs(proposal, at, &images[at]);
        let contexts = by_name.contexts(proposal, at);
        fill_ins(proposal, candidate, &names[at]);
        projects.push(Project {
            path: paths[at].clone(),
            context: context.folder.clone(),
            dockerfile: build.dockerfile.clone(),
            target: target.as_ref().map(ToString::to_string),
            images: images[at].images.clone(),
            external: images[at].external.clone(),
            needs,
            parents: images[at].parents.clone(),
            platforms: reading.platforms.clone(),
            needs_platform: reading.needs_platform,
            build_args: reading.all_build_args(),
            to_fill_in: reading.to_fill_in.clone(),
            contexts,
            secrets: secrets(proposal, snapshot, build)?,
            ssh: build.ssh.clone(),
            tags: tags[at].clone(),
            is_deployed: true,
            found: Guess { at: build.found.clone(), says: build.says.clone() },
        });
    }
    inline_dockerfiles(proposal, snapshot, candidates)?;
    roles::assign(proposal, candidates, &names, &mut projects);
    notes(proposal, candidates, &names);
    note_image_names(proposal, candidates);
    proposal.projects.extend(names.into_iter().zip(projects));
    Ok(paths)
}

/// A name for each candidate, which says what it was called before where that can't be a name.
fn named(proposal: &mut Proposal, candidates: &[Candidate]) -> Given {
    let of_images: Vec<Option<String>> =
        candidates.iter().map(|candidate| candidate.build.image_name()).collect();
    // Images that are tags of one repository are told apart by what files call them.
    let is_shared = |name: &Option<String>| of_images.iter().filter(|other| *other == name).count() > 1;
    let said: Vec<Option<String>> = { candidates.iter().zip(&of_images) }
        .map(|(candidate, image)| match (image, &candidate.build.name) {
            (Some(_), Some(name)) if is_shared(image) => Some(name.clone()),
            (image, name) => image.clone().or_else(|| name.clone()),
        })
        .collect();
    let wishes: Vec<Wish<'_>> = { candidates.iter().zip(&said) }
        .map(|(candidate, said)| Wish {
            said: said.as_deref(),
            dockerfile: candidate.build.named_path(),
            target: candidate.target.as_ref(),
        })
        .collect();
    let taken = proposal.known.as_ref().map(|known| known.names.clone()).unwrap_or_default();
    let given = names::give(&proposal.workspace, &taken, &wishes);
    for ((candidate, said), name) in candidates.iter().zip(&said).zip(&given.names) {
        if let Some(said) = said.as_ref().filter(|said| **said != name.as_str()) {
            let says = format!("`{said}` is called `{name}`: a name is lower-case, and one project's alone");
            proposal.guesses.push(Guess { at: candidate.build.found.clone(), says });
        }
    }
    given
}

impl Build {
    /// The last name of the first image that it is built as.
    fn image_name(&self) -> Option<String> {
        let mut images = self.images.iter().filter_map(|image| image.parse::<ImageRef>().ok());
        images.find_map(|image| image.repository.as_str().rsplit('/').next().map(str::to_owned))
    }
}

/// The folder of each project: it holds the Dockerfile, and its pattern file is the project's.
fn paths(proposal: &mut Proposal, candidates: &[Candidate]) -> Vec<RepoPath> {
    let mut contexts: BTreeMap<&RepoPath, usize> = BTreeMap::new();
    for candidate in candidates {
        *contexts.entry(&candidate.context.folder).or_default() += 1;
    }
    let mut paths = Vec::new();
    for Candidate { build, context, .. } in candidates {
        let context = &context.folder;
        let holds_dockerfile = |folder: &RepoPath| build.dockerfile.is_within(folder);
        let own = build.dockerfile.parent().unwrap_or_default();
        if let Some(path) = &build.path
            && !holds_dockerfile(path)
        {
            let why = format!("the folder `{path}` does not hold `{}`", build.dockerfile);
            proposal.ignored.push(Ignored { at: build.found.clone(), why });
        }
        let said = build.path.as_ref().filter(|path| holds_dockerfile(path));
        // In the root, a pattern file would be far from what it is about.
        let is_near = |context: &RepoPath| !context.is_root() || own.is_root();
        let alone = Some(context)
            .filter(|context| contexts[context] == 1 && holds_dockerfile(context) && is_near(context));
        paths.push(said.or(alone).unwrap_or(&own).clone());
    }
    paths
}

/// Finds candidates by what files call them.
struct ByName<'c> {
    candidates: &'c [Candidate],
    names: &'c [ProjectName],
}

impl ByName<'_> {
    /// The project that `wished` means to `dependent`: of the same file before any other.
    fn project(&self, dependent: usize, wished: &str) -> Option<&ProjectName> {
        let file = &self.candidates[dependent].build.found.file;
        let is_called = |build: &Build| {
            build.name.as_deref() == Some(wished) || build.aliases.iter().any(|alias| alias == wished)
        };
        let mut called: Vec<usize> =
            (0..self.candidates.len()).filter(|at| is_called(&self.candidates[*at].build)).collect();
        called.sort_by_key(|at| self.candidates[*at].build.found.file != *file);
        let at = called.into_iter().find(|at| *at != dependent)?;
        Some(&self.names[at])
    }

    /// The dependencies that are written down and that the Dockerfile doesn't name.
    fn needs(&self, proposal: &mut Proposal, dependent: usize, images: &Images) -> Vec<ProjectName> {
        let build = &self.candidates[dependent].build;
        let mut needs = BTreeSet::new();
        for wished in &build.needs {
            match self.project(dependent, wished) {
                Some(need) => {
                    needs.insert(need.clone());
                }
                None => {
                    let name = &self.names[dependent];
                    let why = format!("`{name}` can't need `{wished}`: no other project is called so");
                    proposal.ignored.push(Ignored { at: build.found.clone(), why });
                }
            }
        }
        needs.into_iter().filter(|need| !images.parents.contains(need)).collect()
    }

    /// What named contexts stand for, as the manifest says it.
    fn contexts(&self, proposal: &mut Proposal, dependent: usize) -> BTreeMap<String, ContextSource> {
        let build = &self.candidates[dependent].build;
        let mut contexts = BTreeMap::new();
        for (name, context) in &build.contexts {
            let value = match context {
                NamedContext::Folder(folder) => Ok(ContextSource::Folder(folder.clone())),
                NamedContext::Build(wished) => match self.project(dependent, wished) {
                    Some(project) => Ok(ContextSource::Project(project.clone())),
                    None => Err(format!("the named context `{name}` is `{wished}`, which is no project")),
                },
                NamedContext::Image(image) => Err(format!(
                    "the named context `{name}` is the image `{image}`: name the image in the Dockerfile, as a default of an `ARG`"
                )),
            };
            match value {
                Ok(value) => {
                    contexts.insert(name.clone(), value);
                }
                Err(why) => proposal.ignored.push(Ignored { at: build.found.clone(), why }),
            }
        }
        contexts
    }
}

/// Where the values of secrets come from. A file that git tracks is none.
fn secrets(
    proposal: &mut Proposal,
    snapshot: &Snapshot<'_>,
    build: &Build,
) -> Result<BTreeMap<String, SecretFrom>, GitError> {
    let mut secrets = BTreeMap::new();
    for (id, source) in &build.secrets {
        if let SecretFrom::File(path) = source
            && snapshot.entry(path)?.is_some()
        {
            let why =
                format!("the secret `{id}` is the file `{path}`, which git tracks: everybody can read it");
            proposal.ignored.push(Ignored { at: build.found.clone(), why });
            continue;
        }
        secrets.insert(id.clone(), source.clone());
    }
    Ok(secrets)
}

/// Gives Dockerfiles that stand in other files a file of their own.
fn inline_dockerfiles(
    proposal: &mut Proposal,
    snapshot: &Snapshot<'_>,
    candidates: &[Candidate],
) -> Result<(), GitError> {
    for Candidate { build, .. } in candidates {
        let Some(text) = &build.inline else { continue };
        if snapshot.entry(&build.dockerfile)?.is_some() {
            // It was written before, with this text.
            continue;
        }
        let says = format!("`dockerfile_inline` is written to `{}`", build.dockerfile);
        proposal.guesses.push(Guess { at: build.found.clone(), says });
        proposal.dockerfiles.insert(build.dockerfile.clone(), text.clone());
    }
    Ok(())
}

/// Says which values a person has to fill in.
fn fill_ins(proposal: &mut Proposal, candidate: &Candidate, project: &ProjectName) {
    let Candidate { build, target, reading, .. } = candidate;
    for argument in &reading.to_fill_in {
        let at = build.found.clone();
        let says = format!("`build_args` of `{project}`: give `{argument}` a value");
        proposal.to_fill_in.push(FillIn { at, says });
    }
    for (argument, variable) in &build.defaulted_args {
        let Some(value) = reading.build_args.get(argument) else { continue };
        let value = if value.is_empty() { "empty".to_owned() } else { format!("`{value}`") };
        let says = format!(
            "`build_args` of `{project}`: `{argument}` is {value}, the default of the variable `{variable}`, which no file sets"
        );
        proposal.to_fill_in.push(FillIn { at: build.found.clone(), says });
    }
    if let [_, _, ..] = reading.platforms[..]
        && !proposal.holds_platforms()
    {
        let says = format!(
            "`platforms` of `{project}`: several need a registry as `[cache]`, so they are a comment"
        );
        proposal.to_fill_in.push(FillIn { at: build.found.clone(), says });
    }
    let mounts = reading.dockerfile.mounts_needed_for(target.as_ref()).unwrap_or_default();
    let mut seen = BTreeSet::new();
    for mount in mounts {
        let is_known = match mount.kind {
            SessionMount::Secret => build.secrets.contains_key(&mount.id),
            SessionMount::Ssh => build.ssh.contains(&mount.id),
        };
        if is_known || !seen.insert((mount.kind == SessionMount::Ssh, &mount.id)) {
            continue;
        }
        let says = match mount.kind {
            SessionMount::Secret => format!("`secrets` of `{project}`: say where `{}` comes from", mount.id),
            SessionMount::Ssh => format!("`ssh` of `{project}`: a step mounts the agent `{}`", mount.id),
        };
        let at = SourceLocation::new(&build.dockerfile, mount.line);
        proposal.to_fill_in.push(FillIn { at, says });
    }
}

/// Says how local builds can be called as Compose and others call the images, where all these names begin alike.
fn note_image_names(proposal: &mut Proposal, candidates: &[Candidate]) {
    if proposal.known.is_some() {
        return;
    }
    let mut prefixes: BTreeMap<String, &SourceLocation> = BTreeMap::new();
    for Candidate { build, .. } in candidates {
        for image in build.images.iter().filter_map(|image| image.parse::<ImageRef>().ok()) {
            // With a host, it is a registry's name for it.
            let prefix = image.repository.as_str().rsplit_once('/').filter(|_| image.host.is_none());
            let prefix = prefix.map(|(prefix, _)| format!("{prefix}/")).unwrap_or_default();
            prefixes.entry(prefix).or_insert(&build.found);
        }
    }
    let mut prefixes = prefixes.into_iter();
    let (Some((prefix, at)), None) = (prefixes.next(), prefixes.next()) else { return };
    if prefix.is_empty() || prefix == proposal.workspace.engine_prefix() {
        return;
    }
    let says = format!(
        "images are called `{prefix}…`, and local builds `{}…:local`: to call them alike, write `[cache]` with `kind = \"engine\"` and `prefix = \"{prefix}\"`",
        proposal.workspace.engine_prefix()
    );
    proposal.guesses.push(Guess { at: at.clone(), says });
}

/// Says what was concluded of each candidate, where it is not what everybody would expect.
fn notes(proposal: &mut Proposal, candidates: &[Candidate], names: &[ProjectName]) {
    for (Candidate { build, target, reading, .. }, name) in candidates.iter().zip(names) {
        let stages = reading.dockerfile.stages();
        if let Some(target) = target
            && stages.last().is_some_and(|last| last.name.as_ref() != Some(target))
        {
            let says = format!("`{name}` is built up to the stage `{target}`, which is not the last");
            proposal.guesses.push(Guess { at: build.found.clone(), says });
        }
        if reading.is_platform_assumed {
            let platforms: Vec<String> = reading.platforms.iter().map(|one| format!("`{one}`")).collect();
            let says =
                format!("`platforms` of `{name}` is {}: its Dockerfile asks for one", platforms.join(", "));
            proposal.guesses.push(Guess { at: SourceLocation::whole(&build.dockerfile), says });
        }
    }
}
