//! Which committed files are inputs of a project.

use super::{FolderContext, PATTERN_FILE, Variant};
use crate::config::ProjectConfig;
use crate::git::Snapshot;
use crate::infer::{self, InferError, Source};
use crate::model::RepoPath;
use crate::patterns::Patterns;

/// What says which committed files are inputs of a project.
#[derive(Clone, Debug)]
pub enum InputRules {
    /// The lines of a pattern file, which are taken at their word.
    Patterns { file: RepoPath, patterns: Patterns },
    /// Nobody wrote a pattern file, so the Dockerfile does.
    Inferred(InferredInputs),
}

/// What a Dockerfile takes, on any of its platforms.
#[derive(Clone, Debug)]
pub struct InferredInputs {
    /// In the order of the Dockerfile.
    pub sources: Box<[Source]>,
    /// What a build can take from at all.
    pub context: FolderContext,
}

impl InputRules {
    pub fn pattern_file(&self) -> Option<&RepoPath> {
        match self {
            Self::Patterns { file, .. } => Some(file),
            Self::Inferred(_) => None,
        }
    }

    /// The lines of the pattern file.
    pub fn patterns(&self) -> Option<&Patterns> {
        match self {
            Self::Patterns { patterns, .. } => Some(patterns),
            Self::Inferred(_) => None,
        }
    }

    pub fn inferred(&self) -> Option<&InferredInputs> {
        match self {
            Self::Patterns { .. } => None,
            Self::Inferred(inferred) => Some(inferred),
        }
    }
}

impl InferredInputs {
    /// Whether a source takes this path, if the context has it.
    pub fn names(&self, path: &RepoPath) -> bool {
        self.sources.iter().any(|source| source.patterns.decide(path).is_some())
    }
}

/// The places of a project's pattern file, of which the first where one is counts.
pub(super) fn pattern_files(config: &ProjectConfig) -> Vec<RepoPath> {
    if let Some(named) = &config.patterns {
        return vec![named.value.clone()];
    }
    let beside = [config.dockerfile.value.as_bytes(), PATTERN_FILE.as_bytes()].concat();
    let beside = RepoPath::new(beside).expect("a path with more letters is a path");
    vec![beside, config.path.value.join_component(PATTERN_FILE.as_bytes())]
}

/// What the Dockerfile takes from the context on any of its platforms.
///
/// # Errors
/// As [`infer::sources`].
pub(super) fn sources(
    config: &ProjectConfig,
    variants: &[Variant],
    snapshot: &Snapshot<'_>,
) -> Result<Vec<Source>, InferError> {
    let mut all: Vec<Source> = Vec::new();
    for variant in variants {
        let (target, context) = (config.target.as_ref(), &config.context.value);
        for source in infer::sources(&variant.dockerfile, target, context, snapshot)? {
            let is_known = |known: &Source| (known.line, &known.takes) == (source.line, &source.takes);
            if !all.iter().any(is_known) {
                all.push(source);
            }
        }
    }
    Ok(all)
}
