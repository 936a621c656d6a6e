//! Laws that hold for whatever comes, tried on generated cases.
//!
//! `PROPTEST_CASES` says how many cases each law is tried on; a case that fails is printed, shrunk,
//! with the seed that makes it again.

#![expect(clippy::unwrap_used, reason = "a preparation that fails, fails the test")]

#[path = "../support/world.rs"]
pub mod world;

mod diff;
mod graphs;
mod inputs;
mod order;
mod patterns;
mod plan;

use proptest::test_runner::Config;

/// As many cases as `PROPTEST_CASES` says, else 1,024, taken `batch` at a time.
fn config(batch: u32) -> Config {
    let cases = match std::env::var("PROPTEST_CASES") {
        Ok(cases) => cases.parse().expect("PROPTEST_CASES is a number"),
        Err(_) => 1024,
    };
    Config { cases: u32::div_ceil(cases, batch), failure_persistence: None, ..Config::default() }
}
