//! Workspaces of all kinds, and the pattern files that are proposed for them.

mod cargo;
mod dotnet;
mod go;
mod gradle;
mod node;
mod steps;

use crate::init::tests::World;
use crate::init::{Existing, Proposal, Request, propose, workspace_name};

/// A small workspace, to which a test adds and of which it replaces files.
#[derive(Clone)]
struct Workspace(Vec<(String, String)>);

impl Workspace {
    fn new(files: &[(&str, &str)]) -> Self {
        Self(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect())
    }

    fn with(&self, path: &str, text: &str) -> Self {
        let others = self.0.iter().filter(|(other, _)| other != path).cloned();
        Self(others.chain([(path.to_owned(), text.to_owned())]).collect())
    }

    fn without(&self, path: &str) -> Self {
        Self(self.0.iter().filter(|(other, _)| other != path).cloned().collect())
    }

    fn proposal(&self) -> Proposal {
        let files: Vec<(&str, &str)> =
            self.0.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        let world = World::new(&files);
        let request = Request {
            workspace: workspace_name("shop"),
            default_branch: None,
            existing: Existing::Keep,
            excluded: Default::default(),
            unusable: Default::default(),
            known: None,
        };
        propose(&world.snapshot(), request).unwrap()
    }

    /// The same with the instructions of a Dockerfile that stands at `path`, and copies all.
    fn built(&self, path: &str, steps: &str) -> Self {
        let text = format!(
            "FROM base AS build\nWORKDIR /src\nCOPY . .\n{steps}\nFROM scratch\nCOPY --from=build /out /out\n"
        );
        self.with(path, &text)
    }

    /// The lines of the pattern file that is proposed, without comments.
    fn lines(&self) -> Vec<String> {
        let proposal = self.proposal();
        assert!(proposal.pattern_files.len() < 2, "{:?}", proposal.pattern_files);
        assert!(!proposal.pattern_files.is_empty(), "{:?}", proposal.guesses);
        let lines = proposal.pattern_files.into_values().flatten();
        lines.filter(|line| !line.starts_with("# ")).collect()
    }

    /// Why the whole workspace stays an input.
    fn doubt(&self) -> String {
        let proposal = self.proposal();
        let mut doubts = proposal
            .guesses
            .iter()
            .filter_map(|guess| guess.says.strip_prefix("takes the whole workspace: "));
        let doubt = doubts.next().unwrap_or_else(|| panic!("{:?}", proposal.pattern_files)).to_owned();
        assert!(proposal.pattern_files.is_empty(), "{:?}", proposal.pattern_files);
        doubt
    }
}
