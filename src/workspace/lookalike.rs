//! External images that are called like a project.

use std::collections::BTreeMap;
use std::fmt;

use super::Variant;
use super::images::Names;
use crate::config::{Problem, ProjectConfig};
use crate::model::{ImageRef, ProjectName, RepositoryName, StageName, TaggedImage};

/// An external image of a Dockerfile whose last name is that of another project or of its repository, so that it may have been
/// meant as that project's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lookalike {
    /// The line of the Dockerfile that names it first.
    pub line: usize,
    /// As it stands there, with variables filled in.
    pub reference: String,
    pub project: ProjectName,
    key: OwnImageKey,
}

/// The key of the manifest that makes an image a project's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum OwnImageKey {
    /// This entry in `own_images` of the workspace.
    OwnImages(String),
    /// This entry in `images` of the project.
    Images { project: ProjectName, image: String },
}

impl Lookalike {
    /// What to write into the manifest, whichever is meant; `dependent` is the project whose Dockerfile it is.
    pub fn hint(&self, dependent: &ProjectName) -> String {
        let Self { reference, project, key, .. } = self;
        format!(
            "{key} makes it the project `{project}`; `external = [\"{reference}\"]` in `[projects.{dependent}]` says that it is another image"
        )
    }

    /// That `needs` of `dependent` lists the project: the image would hold what somebody pushed one day, and each change of the
    /// project would build it again for nothing. `None` where it doesn't.
    pub(super) fn problem(
        &self,
        dependent: &ProjectName,
        config: &ProjectConfig,
        manifest: &str,
    ) -> Option<Problem> {
        let Self { reference, line, project, .. } = self;
        let need = config.needs.iter().find(|need| need.value == *project)?;
        Some(Problem {
            file: config.dockerfile.value.to_string(),
            line: *line,
            message: format!(
                "`{reference}` is an image from elsewhere, but `needs` of `{dependent}` lists the project `{project}` ({manifest}:{})",
                need.line
            ),
            hint: Some(self.hint(dependent)),
        })
    }
}

impl OwnImageKey {
    /// The key for an image that is called like the project or its repository.
    fn new(image: &ImageRef, project: &ProjectName, repository: &RepositoryName) -> Self {
        let name = image.name();
        match name.strip_suffix(repository.as_str()) {
            Some(prefix) if prefix.ends_with('/') => Self::OwnImages(prefix.to_owned()),
            _ => Self::Images { project: project.clone(), image: name },
        }
    }
}

/// Whether an image has the name of a project, or the repository of one, as its last names.
pub fn is_called_like(image: &TaggedImage, (project, repository): (&ProjectName, &RepositoryName)) -> bool {
    let path = image.repository.as_str();
    let before = path.strip_suffix(repository.as_str());
    before.is_some_and(|before| before.is_empty() || before.ends_with('/'))
        || path.rsplit('/').next() == Some(project.as_str())
}

/// As it is written: the key, its value, and where it belongs.
impl fmt::Display for OwnImageKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OwnImages(prefix) => write!(formatter, "`own_images = [\"{prefix}\"]` in `[workspace]`"),
            Self::Images { project, image } => {
                write!(formatter, "`images = [\"{image}\"]` in `[projects.{project}]`")
            }
        }
    }
}

impl<'m> Names<'m> {
    /// The external images of `dependent`'s Dockerfile that are called like another project, each once, by their lines.
    pub(super) fn lookalikes(
        &self,
        dependent: &ProjectName,
        config: &ProjectConfig,
        variants: &[Variant],
    ) -> Vec<Lookalike> {
        let mut found: BTreeMap<&str, Lookalike> = BTreeMap::new();
        for variant in variants {
            let of_target = variant.dockerfile.parents_needed_for(config.target.as_ref()).unwrap_or_default();
            for parent in of_target {
                // What a trigger names may be a stage of a later build.
                let may_be_stage = parent.in_trigger && parent.reference.parse::<StageName>().is_ok();
                if may_be_stage || found.contains_key(parent.reference.as_str()) {
                    continue;
                }
                let lookalike = self.lookalike(dependent, config, &parent.reference, parent.line);
                found.extend(lookalike.map(|lookalike| (parent.reference.as_str(), lookalike)));
            }
        }
        let mut found: Vec<Lookalike> = found.into_values().collect();
        found.sort();
        found
    }

    /// What is listed in `external` has its answer, and so has a reference with a digest.
    fn lookalike(
        &self,
        dependent: &ProjectName,
        config: &ProjectConfig,
        reference: &str,
        line: usize,
    ) -> Option<Lookalike> {
        let image: ImageRef = reference.parse().ok()?;
        let tagged = TaggedImage::new(image.clone())?;
        let is_external = config.external.iter().any(|external| external.matches(&tagged));
        if is_external || config.context(reference).is_some() || self.project(config, reference).is_some() {
            return None;
        }
        let candidates = self.called_like(tagged.repository.as_str());
        let is_needed = |project: &&ProjectName| config.needs.iter().any(|need| need.value == **project);
        let needed = candidates.iter().copied().find(is_needed);
        let is_own = candidates.contains(&dependent);
        let project = needed.or_else(|| candidates.first().copied().filter(|_| !is_own))?;
        let repository = &self.config(project)?.repository;
        let key = OwnImageKey::new(&image, project, repository);
        Some(Lookalike { line, reference: reference.to_owned(), project: project.clone(), key })
    }

    /// The projects whose repository a repository elsewhere ends in, and the one with its last name.
    fn called_like(&self, repository: &str) -> Vec<&'m ProjectName> {
        let after_slashes = repository.match_indices('/').map(|(at, _)| &repository[at + 1..]);
        let ends: Vec<&str> = std::iter::once(repository).chain(after_slashes).collect();
        let last = ends.last().and_then(|last| self.named(last));
        ends.into_iter().filter_map(|end| self.with_repository(end)).chain(last).collect()
    }
}
