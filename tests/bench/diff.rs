//! Times how long changes take to be found, without the start of a process: `scripts/bench` compares it with `git diff`.
//!
//! usage: cargo bench --bench diff -- ROUNDS REPOSITORY

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark is run by hand and prints what it measured"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use chinampa::internals::git::Repository;

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Prints the median of the milliseconds. One round before them warms the caches and is not counted.
fn main() {
    // Cargo adds `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [rounds, repository] = &arguments[..] else { panic!("usage: ROUNDS REPOSITORY") };
    let rounds: usize = rounds.parse().unwrap();
    let mut times: Vec<Duration> = (0..=rounds).map(|_| diff(repository.as_ref())).skip(1).collect();
    times.sort_unstable();
    println!("{:.3}", times[times.len() / 2].as_secs_f64() * 1000.0);
}

/// Opens the repository and finds what changed since the tag `base`.
fn diff(folder: &Path) -> Duration {
    let begun = Instant::now();
    let repository = Repository::open(folder).unwrap();
    let [base, head] =
        ["base", "HEAD"].map(|revision| repository.snapshot(repository.commit(revision).unwrap()).unwrap());
    let changes = base.changes_to(&head).unwrap();
    let took = begun.elapsed();
    assert!(!changes.is_empty());
    took
}
