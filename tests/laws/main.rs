//! Laws that hold for whatever comes, tried on generated cases.
//!
//! A case that fails is printed, shrunk, with the seed that makes it again. `PROPTEST_CASES` says how many
//! cases each law is tried on instead of its own number.

#![expect(clippy::unwrap_used, reason = "a preparation that fails, fails the test")]

#[path = "../support/world.rs"]
pub mod world;

mod diff;
mod graphs;
mod infer;
mod inputs;
mod order;
mod patterns;
mod plan;
mod simulate;

use proptest::test_runner::Config;

fn config(cases: u32) -> Config {
    Config { cases, failure_persistence: None, ..Config::default() }
}
