//! Which project a reference of a Dockerfile may be, and how sure that is.

use std::collections::{BTreeMap, BTreeSet};

use super::candidates::Candidate;
use super::names::Given;
use super::official::is_official;
use super::{Proposal, SourceLocation, Undecided};
use crate::dockerfile::{Dockerfile, Parent};
use crate::model::{ImageName, ImagePrefix, ImageRef, ProjectName, RepositoryName, TaggedImage};
use crate::workspace::is_called_like;

/// A reference of a candidate's Dockerfile that may be another candidate.
pub(super) struct Reference<'c> {
    pub(super) dependent: usize,
    pub(super) parent: &'c Parent,
    pub(super) image: TaggedImage,
    pub(super) project: usize,
    pub(super) basis: Basis,
}

/// Why a reference may be a project.
pub(super) enum Basis {
    /// Somebody builds the project under this name; with the tag, where others are built under the same name.
    BuiltAs { with_tag: bool },
    /// It is called like the project.
    Name,
}

pub(super) enum Verdict {
    Own,
    External,
    /// It is taken for a project: an image that was built once too often is better than one that is stale.
    Undecided,
}

pub(super) struct Resolver<'c> {
    candidates: &'c [Candidate],
    names: &'c [ProjectName],
    /// The names that several would have.
    shared: &'c BTreeMap<String, Vec<usize>>,
    repositories: Vec<Option<RepositoryName>>,
    /// What somebody builds, by name.
    built: BTreeMap<ImageName, Vec<(ImageRef, usize)>>,
    /// What the names of images that somebody builds begin with.
    prefixes: BTreeSet<String>,
}

impl<'c> Resolver<'c> {
    pub(super) fn new(candidates: &'c [Candidate], Given { names, shared }: &'c Given) -> Self {
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
        Self { candidates, names, shared, repositories, built, prefixes }
    }

    /// The references of one candidate's Dockerfile that may be other candidates.
    pub(super) fn references(&self, dependent: usize) -> Vec<Reference<'c>> {
        let reference = |(parent, image): (&'c Parent, TaggedImage)| {
            let (project, basis) = self.candidate(&image, dependent)?;
            (project != dependent).then_some(Reference { dependent, parent, image, project, basis })
        };
        self.images(dependent).filter_map(reference).collect()
    }

    /// Those that are no candidate, as far as their names tell.
    fn foreign(&self, dependent: usize) -> impl Iterator<Item = (&'c Parent, TaggedImage)> {
        self.images(dependent).filter(move |(_, image)| self.candidate(image, dependent).is_none())
    }

    /// The images that one candidate's Dockerfile takes something from, each once.
    fn images(&self, dependent: usize) -> impl Iterator<Item = (&'c Parent, TaggedImage)> {
        let candidate = &self.candidates[dependent];
        let needed = |dockerfile: &'c Dockerfile| {
            dockerfile.parents_needed_for(candidate.target.as_ref()).unwrap_or_default()
        };
        let mut seen = BTreeSet::new();
        let parents = candidate.reading.dockerfiles().flat_map(needed);
        let parents = parents.filter(move |parent| {
            let is_context = candidate.build.contexts.contains_key(&parent.reference);
            !is_context && seen.insert(&parent.reference)
        });
        parents.filter_map(|parent| Some((parent, TaggedImage::new(parent.reference.parse().ok()?)?)))
    }

    fn candidate(&self, image: &TaggedImage, dependent: usize) -> Option<(usize, Basis)> {
        self.built_as(image).or_else(|| self.called_like(image, dependent))
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
    pub(super) fn agreeing(&self, references: &[Reference<'_>]) -> BTreeMap<String, BTreeSet<usize>> {
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

    /// The other projects that would have the name of a reference, as a part of a sentence.
    pub(super) fn namesakes(&self, reference: &Reference<'_>) -> String {
        let places = self.shared.get(last_name(&reference.image.name())).into_iter().flatten();
        let others = places.filter(|&&place| place != reference.project);
        let others: Vec<String> = others.take(3).map(|&place| format!("`{}`", self.names[place])).collect();
        if others.is_empty() { String::new() } else { format!(", and could be {}", others.join(" or ")) }
    }

    /// Says of each reference that is no project's name that it may be one of several whose names had to be longer.
    pub(super) fn report_ambiguous(&self, proposal: &mut Proposal) {
        for (dependent, candidate) in self.candidates.iter().enumerate() {
            for (parent, image) in self.foreign(dependent) {
                let name = image.name();
                let Some(places) = self.shared.get(last_name(&name)) else { continue };
                let is_official = !name.as_str().contains('/') && is_official(name.as_str());
                let is_upstream = |&place: &usize| place == dependent || self.is_built_on(place, &name);
                if is_official || places.iter().any(is_upstream) {
                    continue;
                }
                let shown = places.iter().take(3).map(|&place| format!("`{}`", self.names[place]));
                let more = if places.len() > 3 { " or another one" } else { "" };
                let says = format!(
                    "`{}` is taken for an image from elsewhere; if it is the project {}{more}, list it in `images` of that project",
                    parent.reference,
                    shown.collect::<Vec<_>>().join(" or ")
                );
                let at = SourceLocation::new(&candidate.build.dockerfile, parent.line);
                proposal.undecided.push(Undecided { at, says });
            }
        }
    }

    pub(super) fn verdict(
        &self,
        reference: &Reference<'_>,
        agreeing: &BTreeMap<String, BTreeSet<usize>>,
    ) -> Verdict {
        if matches!(reference.basis, Basis::BuiltAs { .. }) || self.is_listed(reference) {
            return Verdict::Own;
        }
        let name = reference.image.name();
        let is_bare = !name.as_str().contains('/');
        let is_upstream = self.is_built_on(reference.project, &name);
        if is_upstream || is_bare && is_official(name.as_str()) {
            return Verdict::External;
        }
        if self.shared.contains_key(last_name(&name)) {
            return Verdict::Undecided;
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
    pub(super) fn location(&self, candidates: &[Candidate]) -> SourceLocation {
        SourceLocation::new(&candidates[self.dependent].build.dockerfile, self.parent.line)
    }

    pub(super) fn prefix(&self, names: &[ProjectName]) -> Option<ImagePrefix> {
        prefix_of(&self.image.name(), &names[self.project])?.parse().ok()
    }
}

fn last_name(name: &ImageName) -> &str {
    name.as_str().rsplit('/').next().unwrap_or_default()
}

/// What stands before the name of the project, which is its repository too, where the image ends in that.
fn prefix_of<'n>(name: &'n ImageName, project: &ProjectName) -> Option<&'n str> {
    let prefix = name.as_str().strip_suffix(project.as_str())?;
    prefix.ends_with('/').then_some(prefix)
}
