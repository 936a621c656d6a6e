//! Builds on the machine's own Docker engine.

mod build;
mod cache;
pub(crate) mod connection;
mod context;
mod failure;
mod registry;
mod store;
mod support;
