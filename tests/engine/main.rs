//! Builds on the machine's own Docker engine.
#![expect(clippy::unwrap_used, reason = "tests say by their line where they can't go on")]

#[path = "../support/bed.rs"]
pub mod bed;

mod build;
mod cache;
mod connection;
mod context;
mod failure;
mod registry;
mod store;
mod support;
