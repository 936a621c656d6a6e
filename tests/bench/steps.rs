//! Times single steps of planning, without the start of a process: `scripts/bench` sets them against git's own times.
//!
//! usage: cargo bench --bench steps -- ROUNDS REPOSITORY…

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark is run by hand and prints what it measured"
)]

use std::cell::RefCell;
use std::path::Path;
use std::time::{Duration, Instant};

use chinampa::internals::git::Repository;
use chinampa::internals::model::RepoPath;
use chinampa::internals::patterns::Index;
use chinampa::internals::workspace::{ManifestSource, Workspace};

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

/// What a walk comes by.
enum Step {
    Folder(RepoPath),
    File(RepoPath),
}

/// Makes the index of all patterns, and asks it for each folder and file of the tree in the order of a walk.
fn matching(folder: &Path, rounds: usize) -> Duration {
    let repository = Repository::open(folder).unwrap();
    let snapshot = repository.snapshot(repository.commit("HEAD").unwrap()).unwrap();
    let steps = RefCell::new(Vec::new());
    let mut enter = |folder: &RepoPath| {
        steps.borrow_mut().push(Step::Folder(folder.clone()));
        true
    };
    snapshot.walk(&mut enter, &mut |file| steps.borrow_mut().push(Step::File(file.path.clone()))).unwrap();
    let steps = steps.into_inner();
    median(rounds, || {
        let workspace = Workspace::read(&snapshot, &ManifestSource::Tree).unwrap();
        let mut taken = 0_usize;
        let begun = Instant::now();
        let index = Index::new(workspace.projects.values().map(|project| &project.patterns));
        let mut walk = index.walk();
        for step in &steps {
            match step {
                Step::Folder(folder) => {
                    walk.enter(folder);
                }
                Step::File(file) => walk.matches(file, |_, _| taken += 1),
            }
        }
        let took = begun.elapsed();
        assert!(taken > steps.len() / 4, "{taken} of {}", steps.len());
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
