//! Makes what `cli` writes of what happened: text for people, JSON for programs. Decides nothing, and prints nothing.

pub mod answers;
pub mod ci_log;
mod counted;
mod critical_path;
pub mod deploy_event;
pub mod deployment;
pub mod doctor;
pub mod drawing;
pub mod environment;
pub mod environment_summary;
mod escape;
pub mod failure_hints;
pub mod graph;
pub mod html;
pub mod ignore_changes;
pub mod images;
pub mod init;
pub mod inputs;
pub mod job;
pub mod json;
pub mod junit;
pub mod lint;
pub mod live;
pub mod live_deployment;
pub mod lock;
pub mod next_deployment;
pub mod permissions;
pub mod plain;
pub mod prune;
pub mod registry_probe;
mod replaced;
pub mod runs;
pub mod simulation;
mod size;
pub mod step_summary;
pub mod styled;
pub mod summary;
#[cfg(test)]
mod tests;
pub mod text;
pub mod time;
pub mod trace;
pub mod twice;
pub mod untracked;
pub mod why;
pub mod why_not;

use std::collections::BTreeMap;

use crate::model::{InputDigest, ProjectName};

/// The input digest of each project, and how many files it has.
pub type Digests = BTreeMap<ProjectName, (InputDigest, usize)>;
