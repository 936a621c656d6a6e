//! Laws that hold for whatever comes, tried on generated cases.
//!
//! Each law says the seed of its cases, also where it holds. A case that fails is shrunk and shown.
//!
//! ```text
//! PROPTEST_RNG_SEED=<seed> cargo test --test integration <law>       the same cases again
//! PROPTEST_CASES=<number> cargo test --test integration <law>        more cases, or fewer
//! make soak SOAK=<law>                                               ten times as many
//! ```

#[path = "../../fuzz/any_bytes.rs"]
mod any_bytes;

mod adoption;
mod affected;
mod ancestry;
mod attributes;
mod changes;
mod corpus;
mod deploy;
mod diff;
mod graphs;
mod infer;
mod inputs;
mod lifecycle;
mod order;
mod own_images;
mod packages;
mod patterns;
mod plan;
mod schedule;
mod simulate;
mod stamps;
mod work_tree;

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::Write as _;

use proptest::test_runner::{Config, RngSeed};

use crate::support::is_soak;

/// The cases of the law that runs in this thread, ten times as many in the soak. Its seed is written past what keeps
/// a test's words back.
fn config(cases: u32) -> Config {
    config_of([cases, 10 * cases])
}

/// The same with a number for the soak.
fn config_of(cases: [u32; 2]) -> Config {
    let defaults = Config::default();
    let seed = match defaults.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => RandomState::new().build_hasher().finish(),
    };
    let cases = match std::env::var_os("PROPTEST_CASES") {
        Some(_) => defaults.cases,
        None => cases[usize::from(is_soak())],
    };
    let thread = std::thread::current();
    let law = thread.name().filter(|name| name.contains("::")).unwrap_or("<law>");
    let again =
        format!("PROPTEST_RNG_SEED={seed} PROPTEST_CASES={cases} cargo test --test integration {law}");
    let seed_line = format!("seed: {seed} ({cases} cases; again: {again})\n");
    std::io::stderr().write_all(seed_line.as_bytes()).unwrap();
    Config {
        cases,
        // What is rejected does not count as a case.
        max_global_rejects: 4 * cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(seed),
        ..defaults
    }
}
