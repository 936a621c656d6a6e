//! The shipped binary on the example repository, with real engines and a real registry.

#![expect(clippy::unwrap_used, reason = "a preparation that fails, fails the test")]

#[path = "../support/bed.rs"]
mod bed;
#[path = "../support/proxy.rs"]
pub mod proxy;
#[path = "../support/world.rs"]
pub mod world;

mod commands;
mod contexts;
mod engine_store;
mod identity;
mod monorepo;
mod platforms;
mod support;
mod trouble;
