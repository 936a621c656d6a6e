//! Builds the container images of a monorepo, and only those whose inputs changed.
//!
//! ```text
//! config ─► git ─► observe ─► plan ─► execute ─► report
//! (toml)   (trees)  (reads)   (pure)   (writes)   (events)
//! ```
//!
//! A subcommand is a prefix of that line. Planning asks nothing, because observing has asked;
//! executing decides nothing, because the plan has decided. Only `cli` reads the environment and
//! writes to standard output and standard error. Imports go towards [`model`] only; `tests/layers.rs`
//! holds the table.

pub mod aws;
pub mod ci;
pub mod cli;
pub mod config;
pub mod deploy;
pub mod docker;
pub mod dockerfile;
pub mod dockerignore;
pub mod engine;
pub mod error;
pub mod execute;
pub mod exit;
pub mod git;
pub mod graph;
pub mod infer;
pub mod init;
pub mod inputs;
pub mod interruption;
pub mod lint;
pub mod model;
pub mod observe;
pub mod patterns;
pub mod plan;
pub mod record;
pub mod registry;
pub mod report;
pub mod secrets;
pub mod simulate;
mod tls;
pub mod workspace;
