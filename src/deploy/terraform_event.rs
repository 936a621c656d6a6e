//! What happens while Terraform runs.

use std::fmt;

use crate::model::RepoPath;
use crate::program::Line;

/// What Terraform is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TerraformStep {
    Init,
    Validate,
    Plan,
    Apply,
}

/// Something that happened while Terraform ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TerraformEvent {
    Started { folder: RepoPath, step: TerraformStep },
    Line { folder: RepoPath, step: TerraformStep, line: Line },
}

/// Gets the events.
pub type OnTerraformEvent<'t> = dyn Fn(TerraformEvent) + Send + Sync + 't;

impl fmt::Display for TerraformStep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Init => "init",
            Self::Validate => "validate",
            Self::Plan => "plan",
            Self::Apply => "apply",
        })
    }
}
