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

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

/// As many cases as `PROPTEST_CASES` says, else 1,024.
fn config() -> Config {
    let cases = match std::env::var("PROPTEST_CASES") {
        Ok(cases) => cases.parse().expect("PROPTEST_CASES is a number"),
        Err(_) => 1024,
    };
    Config { cases, failure_persistence: None, ..Config::default() }
}

/// Tries a law of which each try judges `batch` cases, or costs as much; `proptest!` would read
/// `PROPTEST_CASES` once more and try it that often.
fn for_all<S: Strategy>(batch: u32, cases: S, law: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let config = Config { cases: u32::div_ceil(config().cases, batch), ..config() };
    if let Err(error) = TestRunner::new(config).run(&cases, law) {
        panic!("{error}");
    }
}
