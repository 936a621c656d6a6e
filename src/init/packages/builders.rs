//! The tools that build workspaces of packages, and what is known of each.

use super::commands::{Command, Scope};
use super::files::Files;
use super::graph::PackageGraph;
use super::{NarrowError, cargo, dotnet, go, gradle, node};
use crate::model::RepoPath;

/// A kind of workspace, by the tool that builds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Builder {
    Cargo,
    DotNet,
    Go,
    Gradle,
    Node,
}

impl Builder {
    pub(super) const ALL: [Self; 5] = [Self::Cargo, Self::DotNet, Self::Go, Self::Gradle, Self::Node];

    /// The names of its programs.
    fn tools(self) -> &'static [&'static str] {
        match self {
            Self::Cargo => &["cargo"],
            Self::DotNet => &["dotnet"],
            Self::Go => &["go"],
            Self::Gradle => &["gradle", "gradlew"],
            Self::Node => &[
                "bun", "bunx", "corepack", "lerna", "node", "npm", "npx", "nx", "pnpm", "pnpx", "turbo",
                "yarn",
            ],
        }
    }

    pub(super) fn is_run_by(self, commands: &[Command]) -> bool {
        commands.iter().any(|command| command.program().is_some_and(|program| self.has_tool(program)))
    }

    fn has_tool(self, program: &str) -> bool {
        self.tools().contains(&program)
    }

    /// Whether a text can run one of its programs.
    pub(super) fn is_named_in(self, text: &str) -> bool {
        self.tools().iter().any(|tool| text.contains(tool))
    }

    /// The packages of the workspace at the root of `files`; `None` where there is none, or it has only one.
    pub(super) fn packages(
        self,
        files: &Files<'_>,
        commands: &[Command],
    ) -> Result<Option<PackageGraph>, NarrowError> {
        match self {
            Self::Cargo => cargo::packages(files),
            Self::DotNet => dotnet::packages(files, commands),
            Self::Go => go::packages(files, commands),
            Self::Gradle => gradle::packages(files),
            Self::Node => node::packages(files),
        }
    }

    /// What a command builds.
    pub(super) fn scope(
        self,
        graph: &PackageGraph,
        files: &Files<'_>,
        command: &Command,
    ) -> Result<Scope, NarrowError> {
        let program = command.program().unwrap_or_default();
        if self.has_tool(program) {
            return match self {
                Self::Cargo => cargo::scope(graph, files, command),
                Self::DotNet => dotnet::scope(graph, files, command),
                Self::Go => go::scope(graph, files, command),
                Self::Gradle => gradle::scope(graph, command),
                Self::Node => node::scope(graph, files, command),
            };
        }
        let others = Self::ALL.into_iter().filter(|other| *other != self);
        if command.folder.is_some() && { others }.any(|other| other.has_tool(program)) && !installs(command) {
            return Err(command.unclear("is a tool of another kind"));
        }
        command.foreign_scope(files)
    }

    /// The package that holds a Dockerfile.
    pub(super) fn own_package<'g>(
        self,
        graph: &'g PackageGraph,
        dockerfile: &RepoPath,
    ) -> Option<&'g RepoPath> {
        let folder = dockerfile.parent()?;
        match self {
            Self::Cargo | Self::DotNet | Self::Gradle | Self::Node => {
                graph.package_of(&folder).filter(|package| **package != graph.root)
            }
            // Only packages that are built are known.
            Self::Go => None,
        }
    }
}

/// Whether a command installs a program from elsewhere.
fn installs(command: &Command) -> bool {
    let is_global = |word: &str| matches!(word, "-g" | "--global" | "--version") || word.rfind('@') > Some(0);
    command.arguments().any(is_global)
}
