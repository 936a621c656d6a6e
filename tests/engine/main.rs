//! Builds on the machine's own Docker engine.

mod build;
mod cache;
mod context;
mod failure;
mod registry;
mod support;
