//! The library and the shipped binary against real repositories, engines and registries: a module a concern.
//!
//! One program, as each one links the whole crate. `docs/testbed.md` says what the tests run against.

#![expect(clippy::unwrap_used, reason = "a preparation that fails, fails the test")]

#[path = "../support/mod.rs"]
mod support;

mod aws;
mod cli;
mod deploy;
mod end_to_end;
mod engine;
mod laws;
mod oracles;
mod pipelines;
mod registry;
