//! Which images of Dockerfiles are projects, and what the manifest has to say so that they are taken for them.

use std::collections::{BTreeMap, BTreeSet};

use super::candidates::Candidate;
use super::official::is_official;
use super::{FillIn, Guess, Proposal, SourceLocation, Undecided};
use crate::dockerfile::{Dockerfile, Parent};
use crate::model::{
    ImageName, ImagePattern, ImagePrefix, ImageRef, ProjectName, RepositoryName, TaggedImage,
};
use crate::workspace::is_called_like;

/// What the entry of one project says of images.
#[derive(Debug, Default)]
pub(super) struct Images {
    /// What it is called besides in Dockerfiles.
    pub(super) images: BTreeSet<ImagePattern>,
    /// What is no project though it is called like one.
    pub(super) external: BTreeSet<ImagePattern>,
    /// The projects that its Dockerfile starts from or takes something from.
    pub(super) parents: BTreeSet<ProjectName>,
}

/// A reference of a candidate's Dockerfile that may be another candidate.
struct Reference<'c> {
    dependent: usize,
    parent: &'c Parent,
    image: TaggedImage,
    project: usize,
    basis: Basis,
}

/// Why a reference may be a project.
enum Basis {
    /// Somebody builds the project under this name; with the tag, where others are built under the same name.
    BuiltAs { with_tag: bool },
    /// It is called like the project.
    Name,
}

/// Resolves all references of all candidates; what is concluded and what is not sure goes to the proposal.
pub(super) fn resolve(
    proposal: &mut Proposal,
    candidates: &[Candidate],
    names: &[ProjectName],
) -> Vec<Images> {
    let resolver = Resolver::new(candidates, names);
    let references: Vec<Reference<'_>> =
        (0..candidates.len()).flat_map(|dependent| resolver.references(dependent)).collect();
    let agreeing = resolver.agreeing(&references);
    let mut images: Vec<Images> = candidates.iter().map(|_| Images::default()).collect();
    let (mut own, mut external): (Vec<&Reference<'_>>, Vec<&Reference<'_>>) = Default::default();
    for reference in &references {
        let verdict = resolver.verdict(reference, &agreeing);
        if let Verdict::Undecided = verdict {
            let at = reference.location(candidates);
            let project = &names[reference.project];
            let says = format!(
                "`{}` is taken to be the project `{project}`; if it is another image, list it in `external` of `{}`",
                reference.parent.reference, names[reference.dependent]
            );
            proposal.undecided.push(Undecided { at, says });
        }
        match verdict {
            Verdict::Own | Verdict::Undecided => own.push(reference),
            Verdict::External => external.push(reference),
        }
    }
    let foreign: BTreeSet<ImageName> = external.iter().map(|reference| reference.image.name()).collect();
    for reference in external {
        let pattern = ImagePattern { name: reference.image.name(), tag: None };
        images[reference.dependent].external.insert(pattern);
    }
    for reference in own {
        images[reference.dependent].parents.insert(names[reference.project].clone());
        if reference.parent.reference == names[reference.project].as_str() {
            continue;
        }
        let prefix = reference.prefix(names).filter(|prefix| {
            let begins = |project: &ProjectName| {
                let repository: Option<RepositoryName> = project.as_str().parse().ok();
                repository.and_then(|repository| prefix.name(&repository).ok())
            };
            !matches!(reference.basis, Basis::BuiltAs { with_tag: true })
                && !names.iter().filter_map(begins).any(|name| foreign.contains(&name))
        });
        match prefix {
            Some(prefix) => {
                let is_project = format!("`{}` is a project", reference.parent.reference);
                if proposal.own_images.insert(prefix.clone()) {
                    let at = reference.location(candidates);
                    match &proposal.known {
                        Some(known) if known.own_images.contains(&prefix) => {}
                        // What is there stays as it is.
                        Some(_) => {
                            let says = format!("`own_images`: add `{prefix}`, so that {is_project}");
                            proposal.to_fill_in.push(FillIn { at, says });
                        }
                        None => {
                            let says = format!("`own_images` has `{prefix}`: {is_project}");
                            proposal.guesses.push(Guess { at, says });
                        }
                    }
                }
            }
            None => {
                let with_tag = matches!(reference.basis, Basis::BuiltAs { with_tag: true });
                let tag = with_tag.then(|| reference.image.tag.clone());
                images[reference.project].images.insert(ImagePattern { name: reference.image.name(), tag });
            }
        }
    }
    images
}

enum Verdict {
    Own,
    External,
    /// It is taken for a project: an image that was built once too often is better than one that is stale.
    Undecided,
}

struct Resolver<'c> {
    candidates: &'c [Candidate],
    names: &'c [ProjectName],
    repositories: Vec<Option<RepositoryName>>,
    /// What somebody builds, by name.
    built: BTreeMap<ImageName, Vec<(ImageRef, usize)>>,
    /// What the names of images that somebody builds begin with.
    prefixes: BTreeSet<String>,
}

impl<'c> Resolver<'c> {
    fn new(candidates: &'c [Candidate], names: &'c [ProjectName]) -> Self {
        let mut built: BTreeMap<ImageName, Vec<(ImageRef, usize)>> = BTreeMap::new();
        let mut prefixes = BTreeSet::new();
        for (at, candidate) in candidates.iter().enumerate() {
            for image in &candidate.build.images {
                let Ok(reference) = image.parse::<ImageRef>() else { continue };
                let Some(tagged) = TaggedImage::new(reference.clone()) else { continue };
                let name = tagged.name();
                prefixes.extend(prefix_of(&name, &names[at]).map(str::to_owned));
                built.entry(name).or_default().push((reference, at));
            }
        }
        let repositories = names.iter().map(|name| name.as_str().parse().ok()).collect();
        Self { candidates, names, repositories, built, prefixes }
    }

    /// The references of one candidate's Dockerfile that may be other candidates, each once.
    fn references(&self, dependent: usize) -> Vec<Reference<'c>> {
        let candidate = &self.candidates[dependent];
        let mut seen = BTreeSet::new();
        let mut references = Vec::new();
        let needed = |dockerfile: &'c Dockerfile| {
            dockerfile.parents_needed_for(candidate.target.as_ref()).unwrap_or_default()
        };
        for parent in candidate.reading.dockerfiles().flat_map(needed) {
            let is_context = candidate.build.contexts.contains_key(&parent.reference);
            if is_context || !seen.insert(&parent.reference) {
                continue;
            }
            let Ok(image) = parent.reference.parse::<ImageRef>() else { continue };
            let Some(image) = TaggedImage::new(image) else { continue };
            let found = self.built_as(&image).or_else(|| self.called_like(&image, dependent));
            let Some((project, basis)) = found.filter(|(project, _)| *project != dependent) else { continue };
            references.push(Reference { dependent, parent, image, project, basis });
        }
        references
    }

    /// The candidate that somebody builds under this name.
    fn built_as(&self, image: &TaggedImage) -> Option<(usize, Basis)> {
        let built = self.built.get(&image.name())?;
        let projects: BTreeSet<usize> = built.iter().map(|(_, at)| *at).collect();
        if let [only] = Vec::from_iter(&projects)[..] {
            return Some((*only, Basis::BuiltAs { with_tag: false }));
        }
        let has_tag = |reference: &ImageRef| {
            reference.tag.as_ref().map_or(image.tag.as_str() == "latest", |tag| *tag == image.tag)
        };
        let (_, project) = built.iter().find(|(reference, _)| has_tag(reference))?;
        Some((*project, Basis::BuiltAs { with_tag: true }))
    }

    fn called_like(&self, image: &TaggedImage, dependent: usize) -> Option<(usize, Basis)> {
        let is_like = |at: &usize| {
            let repository = self.repositories[*at].as_ref();
            repository.is_some_and(|repository| is_called_like(image, (&self.names[*at], repository)))
        };
        // A Dockerfile that names its own image builds on an older one, or on the image that it is called after.
        if is_like(&dependent) {
            return None;
        }
        let project =
            (0..self.names.len()).filter(is_like).max_by_key(|at| self.names[*at].as_str().len())?;
        Some((project, Basis::Name))
    }

    /// The projects that references name behind each prefix.
    fn agreeing(&self, references: &[Reference<'_>]) -> BTreeMap<String, BTreeSet<usize>> {
        let mut agreeing: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        for Reference { image, project, .. } in references {
            let name = image.name();
            if let Some(prefix) = prefix_of(&name, &self.names[*project])
                && !self.is_built_on(*project, &name)
            {
                agreeing.entry(prefix.to_owned()).or_default().insert(*project);
            }
        }
        agreeing
    }

    fn verdict(&self, reference: &Reference<'_>, agreeing: &BTreeMap<String, BTreeSet<usize>>) -> Verdict {
        if matches!(reference.basis, Basis::BuiltAs { .. }) || self.is_listed(reference) {
            return Verdict::Own;
        }
        let name = reference.image.name();
        let is_bare = !name.as_str().contains('/');
        let is_upstream = self.is_built_on(reference.project, &name);
        if is_upstream || is_bare && is_official(name.as_str()) {
            return Verdict::External;
        }
        match prefix_of(&name, &self.names[reference.project]) {
            None if is_bare => Verdict::Own,
            Some(prefix) if self.prefixes.contains(prefix) => Verdict::Own,
            Some(prefix) if agreeing.get(prefix).is_some_and(|projects| projects.len() > 1) => Verdict::Own,
            None | Some(_) => Verdict::Undecided,
        }
    }

    /// Whether somebody wrote that the one needs the other.
    fn is_listed(&self, reference: &Reference<'_>) -> bool {
        let needed = &self.candidates[reference.project].build;
        let is_it = |wished: &String| {
            needed.name.as_ref() == Some(wished)
                || needed.aliases.contains(wished)
                || self.names[reference.project].as_str() == wished
        };
        self.candidates[reference.dependent].build.needs.iter().any(is_it)
    }

    /// Whether a candidate's own Dockerfile takes an image of this name: then it is called after it.
    fn is_built_on(&self, project: usize, name: &ImageName) -> bool {
        let parents = self.candidates[project].reading.dockerfiles().flat_map(Dockerfile::parents);
        let images = parents.filter_map(|parent| TaggedImage::new(parent.reference.parse().ok()?));
        { images }.any(|image| image.name() == *name)
    }
}

impl Reference<'_> {
    fn location(&self, candidates: &[Candidate]) -> SourceLocation {
        SourceLocation::new(&candidates[self.dependent].build.dockerfile, self.parent.line)
    }

    fn prefix(&self, names: &[ProjectName]) -> Option<ImagePrefix> {
        prefix_of(&self.image.name(), &names[self.project])?.parse().ok()
    }
}

/// What stands before the name of the project, which is its repository too, where the image ends in that.
fn prefix_of<'n>(name: &'n ImageName, project: &ProjectName) -> Option<&'n str> {
    let prefix = name.as_str().strip_suffix(project.as_str())?;
    prefix.ends_with('/').then_some(prefix)
}
