//! Which images are never promoted: those that only others are built from, and those that tests run in.

use std::collections::BTreeSet;

use super::candidates::Candidate;
use super::{Guess, Project, Proposal};
use crate::model::ProjectName;

/// Words in the names of images that tests run in.
const TESTS: &[&str] = &["test", "tests", "e2e", "devcontainer"];

/// Words in the names of images that others are built from.
const BASES: &[&str] = &["base", "builder", "build", "toolchain", "sdk", "common"];

/// Sets `deploy = false` where it is said or concluded.
pub(super) fn assign(
    proposal: &mut Proposal,
    candidates: &[Candidate],
    names: &[ProjectName],
    projects: &mut [Project],
) {
    let needed: BTreeSet<ProjectName> =
        projects.iter().flat_map(|project| project.dependencies().cloned()).collect();
    for ((candidate, name), project) in candidates.iter().zip(names).zip(projects) {
        let words: Vec<&str> = name.as_str().split(['-', '_', '.']).collect();
        let has_one_of = |known: &[&str]| words.iter().any(|word| known.contains(word));
        let why = if has_one_of(TESTS) {
            "it is named as one for tests"
        } else if needed.contains(name) && (has_one_of(BASES) || !candidate.runs_something()) {
            "only others are built from it"
        } else {
            continue;
        };
        project.is_deployed = false;
        project.tags.clear();
        let says = format!("`deploy` of `{name}` is `false`: {why}");
        proposal.guesses.push(Guess { at: candidate.build.found.clone(), says });
    }
}

impl Candidate {
    /// Whether the Dockerfile says what a container runs.
    fn runs_something(&self) -> bool {
        let instructions = self.reading.dockerfile.instructions();
        instructions.iter().any(|instruction| matches!(instruction.keyword.as_str(), "CMD" | "ENTRYPOINT"))
    }
}
