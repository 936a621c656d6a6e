//! A registry in memory that takes a while for each answer: `scripts/latency` measures against it.
//!
//! usage: cargo bench --bench registry -- MILLISECONDS
//!
//! Prints its address, and serves until its standard input ends.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark is run by hand and prints what it measured"
)]

#[path = "../support/memory_registry/mod.rs"]
#[expect(dead_code, reason = "tests use the rest of it")]
mod memory_registry;

use std::time::Duration;

use memory_registry::{MemoryRegistry, Nature};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // Cargo adds `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [milliseconds] = &arguments[..] else { panic!("usage: MILLISECONDS") };
    let latency = Duration::from_millis(milliseconds.parse().unwrap());
    let registry = MemoryRegistry::start(Nature { latency, ..Nature::default() }).await;
    println!("{}", registry.host);
    tokio::task::spawn_blocking(|| std::io::read_to_string(std::io::stdin()).unwrap()).await.unwrap();
}
