//! Why something is applied or restarted.

use std::fmt;

use crate::model::{CommitId, printable};

/// Why Terraform is applied in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApplyReason {
    /// `--apply-all`
    Requested,
    Unknown(UnknownReason),
    ImageChanged,
    /// It was not applied in this folder yet.
    New,
    /// A file of the folder or of its modules, or where its state is kept.
    FilesChanged,
    /// It reads what the fingerprint doesn't cover; why.
    ReadsElsewhere(String),
}

/// Why a service is restarted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestartReason {
    Unknown(UnknownReason),
    ImageChanged,
    /// The `service` table of the manifest.
    SettingsChanged,
    TerraformApplied,
    RunsAnother {
        image: String,
    },
    GivenUp {
        reason: String,
    },
    Missing,
}

/// Why nothing is known of what a project runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownReason {
    NeverDeployed,
    /// A deployment of this commit died while it changed the project.
    InProgress {
        commit: CommitId,
    },
    /// The last deployment of the project failed or was stopped half-way.
    Unfinished,
    /// The record was written by an earlier version, which knew images only.
    OlderRecord,
    /// Commits that were deployed meanwhile did not have the project.
    Retired,
}

impl fmt::Display for ApplyReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requested => formatter.write_str("`--apply-all`"),
            Self::Unknown(reason) => reason.fmt(formatter),
            Self::ImageChanged => formatter.write_str("its image changed"),
            Self::New => formatter.write_str("it was not applied yet"),
            Self::FilesChanged => formatter.write_str("its files changed"),
            Self::ReadsElsewhere(why) => {
                write!(formatter, "it may have changed: {}", printable(why))
            }
        }
    }
}

impl fmt::Display for RestartReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(reason) => reason.fmt(formatter),
            Self::ImageChanged => formatter.write_str("its image changed"),
            Self::SettingsChanged => formatter.write_str("its `service` table changed"),
            Self::TerraformApplied => formatter.write_str("Terraform is applied"),
            Self::RunsAnother { image } => write!(formatter, "it runs {}", printable(image)),
            Self::GivenUp { reason } => {
                write!(formatter, "its last deployment was given up: {}", printable(reason))
            }
            Self::Missing => formatter.write_str("it is not there"),
        }
    }
}

impl fmt::Display for UnknownReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverDeployed => formatter.write_str("it was never deployed here"),
            Self::InProgress { commit } => {
                write!(formatter, "a deployment of {} did not come to its end", commit.short())
            }
            Self::Unfinished => formatter.write_str("its last deployment did not come to its end"),
            Self::Retired => formatter.write_str("commits that were deployed meanwhile did not have it"),
            Self::OlderRecord => formatter.write_str("the record does not say what was applied"),
        }
    }
}
