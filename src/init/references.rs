//! Which images of Dockerfiles are projects, and what the manifest has to say so that they are taken for them.

use std::collections::BTreeSet;

use super::candidates::Candidate;
use super::names::Given;
use super::resolver::{Basis, Reference, Resolver, Verdict};
use super::{FillIn, Guess, Proposal, Undecided};
use crate::model::{ImageName, ImagePattern, ProjectName, RepositoryName};

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

/// Resolves all references of all candidates; what is concluded and what is not sure goes to the proposal.
pub(super) fn resolve(proposal: &mut Proposal, candidates: &[Candidate], given: &Given) -> Vec<Images> {
    let names = &given.names;
    let resolver = Resolver::new(candidates, given);
    resolver.report_ambiguous(proposal);
    let references: Vec<Reference<'_>> =
        (0..candidates.len()).flat_map(|dependent| resolver.references(dependent)).collect();
    let agreeing = resolver.agreeing(&references);
    let mut images: Vec<Images> = candidates.iter().map(|_| Images::default()).collect();
    let (mut own, mut external): (Vec<&Reference<'_>>, Vec<&Reference<'_>>) = Default::default();
    for reference in &references {
        let verdict = resolver.verdict(reference, &agreeing);
        if let Verdict::Undecided = verdict {
            let at = reference.location(candidates);
            let says = format!(
                "`{}` is taken to be the project `{}`{}; if it is another image, list it in `external` of `{}`",
                reference.parent.reference,
                names[reference.project],
                resolver.namesakes(reference),
                names[reference.dependent]
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
