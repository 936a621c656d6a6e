//! The CIs by the names that users give.

use clap::ValueEnum;

use crate::pipeline;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum System {
    #[value(name = "circleci")]
    CircleCi,
    #[value(name = "github")]
    GitHub,
    #[value(name = "gitlab")]
    GitLab,
    Buildkite,
    #[value(name = "codebuild")]
    CodeBuild,
}

impl From<System> for pipeline::System {
    fn from(system: System) -> Self {
        match system {
            System::CircleCi => Self::CircleCi,
            System::GitHub => Self::GitHub,
            System::GitLab => Self::GitLab,
            System::Buildkite => Self::Buildkite,
            System::CodeBuild => Self::CodeBuild,
        }
    }
}
