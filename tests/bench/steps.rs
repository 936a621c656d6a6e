//! Times single steps of planning, without the start of a process: `scripts/bench` sets them against git's own times.
//!
//! usage: cargo bench --bench steps -- ROUNDS REPOSITORY…

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark is run by hand and prints what it measured"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use chinampa::git::Repository;
use chinampa::model::RepoPath;
use chinampa::patterns::Index;
use chinampa::workspace::{ManifestSource, Workspace};

fn main() {
    // Cargo adds `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let (rounds, repositories) = arguments.split_first().unwrap();
    for repository in repositories {
        let rounds = rounds.parse().unwrap();
        let [diff, matching] =
            [median(rounds, || diff(repository.as_ref())), matching(repository.as_ref(), rounds)];
        println!("{:.3} {:.3} {repository}", milliseconds(diff), milliseconds(matching));
    }
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

/// Makes the index of all patterns, and asks it for each file of the tree, folder by folder as a walk does.
fn matching(folder: &Path, rounds: usize) -> Duration {
    let repository = Repository::open(folder).unwrap();
    let snapshot = repository.snapshot(repository.commit("HEAD").unwrap()).unwrap();
    let mut paths: Vec<RepoPath> = Vec::new();
    snapshot.walk(&mut |_| true, &mut |file| paths.push(file.path.clone())).unwrap();
    median(rounds, || {
        let workspace = Workspace::read(&snapshot, &ManifestSource::Tree).unwrap();
        let mut taken = 0_usize;
        let begun = Instant::now();
        let index = Index::new(workspace.projects.values().map(|project| &project.patterns));
        for files in paths.chunk_by(|one, other| one.parent() == other.parent()) {
            let folder = index.in_folder(&files[0].parent().unwrap());
            files.iter().for_each(|file| folder.matches(file, |_, _| taken += 1));
        }
        let took = begun.elapsed();
        assert!(taken > paths.len() / 4, "{taken} of {}", paths.len());
        took
    })
}

/// One round before them warms the caches and is not counted.
fn median(rounds: usize, mut time: impl FnMut() -> Duration) -> Duration {
    let mut times: Vec<Duration> = (0..=rounds).map(|_| time()).skip(1).collect();
    times.sort_unstable();
    times[times.len() / 2]
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
