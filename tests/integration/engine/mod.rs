//! Builds on the Docker engines of the test bed.

pub(crate) mod bridge;
mod build;
mod cache;
mod connection;
mod context;
mod failure;
mod inferred;
mod inline_cache;
mod private;
mod proxies;
mod registry;
mod shared_steps;
mod ssh;
mod stamps;
mod store;
mod support;
mod tls;
