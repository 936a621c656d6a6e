//! What `init` wrote, guessed and left alone.

use std::fmt;

use serde::Serialize;

use crate::init::Proposal;
use crate::model::RepoPath;

/// A proposal that was written.
#[derive(Debug, Serialize)]
pub struct Initialised<'p> {
    schema: &'static str,
    workspace: String,
    default_branch: String,
    written: Vec<String>,
    #[serde(flatten)]
    proposal: &'p Proposal,
}

impl<'p> Initialised<'p> {
    pub fn new(proposal: &'p Proposal, written: &[(RepoPath, Vec<u8>)]) -> Self {
        let branch = proposal.default_branch.as_ref();
        Self {
            schema: "chinampa.init/1",
            workspace: proposal.workspace.to_string(),
            default_branch: branch.map_or_else(|| "main".to_owned(), ToString::to_string),
            written: written.iter().map(|(path, _)| path.to_string()).collect(),
            proposal,
        }
    }
}

/// A paragraph for each project, then a line for each file, guess, and thing that was left alone.
impl fmt::Display for Initialised<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Proposal { projects, kept, guesses, ignored, .. } = self.proposal;
        for (name, project) in projects {
            writeln!(formatter, "project `{name}` in `{}`", project.path)?;
            writeln!(formatter, "  because {}: {}", project.found.at, project.found.says)?;
        }
        self.written.iter().try_for_each(|path| writeln!(formatter, "wrote `{path}`"))?;
        kept.iter().try_for_each(|path| writeln!(formatter, "kept `{path}`"))?;
        guesses.iter().try_for_each(|guess| writeln!(formatter, "guessed {}: {}", guess.at, guess.says))?;
        ignored.iter().try_for_each(|ignored| writeln!(formatter, "ignored {}: {}", ignored.at, ignored.why))
    }
}
