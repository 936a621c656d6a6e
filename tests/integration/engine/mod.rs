//! Builds on the machine's own Docker engine.

pub(crate) mod bridge;
mod build;
mod cache;
mod connection;
mod context;
mod failure;
mod private;
mod proxies;
mod registry;
mod ssh;
mod stamps;
mod store;
mod support;
mod tls;
