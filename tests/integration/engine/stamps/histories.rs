//! Random histories of builds on a real engine: edits, builds at the same time, killed ones, copied and restored stamps.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};

use chinampa::internals::engine::Engine as _;
use futures_util::future::{join, poll_fn};
use tokio::sync::Notify;

use super::copying;
use crate::engine::support::{self, Repository, TestEngine, request_of, unique};
use crate::support::engines::{BedEngine, on_each_engine};
use crate::support::is_soak;

on_each_engine!(async no_history_puts_a_stale_file_into_an_image);

/// How many histories are tried, and in the soak.
const HISTORIES: [usize; 2] = [2, 100];

/// Numbers that follow from a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }
}

/// Clones of a repository with one project, built on one engine.
struct Clones<'e> {
    engine: &'e TestEngine,
    repository: Repository,
    folder: tempfile::TempDir,
    /// Makes contents that the engine has not seen.
    nonce: String,
    files: Vec<BTreeMap<&'static str, usize>>,
    backup: Vec<(&'static str, Vec<u8>)>,
}

impl Clones<'_> {
    fn stamps(&self, clone: usize) -> PathBuf {
        self.folder.path().join(clone.to_string())
    }

    /// All contents have the same size.
    fn content(&self, version: usize) -> String {
        format!("{}{version}", self.nonce)
    }

    async fn build(&self, clone: usize, files: &BTreeMap<&'static str, usize>) {
        let context = files.iter().map(|(path, version)| self.repository.file(path, self.content(*version)));
        let request = request_of(&self.stamps(clone), &copying(), context.collect());

        let image = support::build(self.engine, &request).await.unwrap();

        let found = image.files("/app").await;
        for (path, version) in files {
            let content = String::from_utf8_lossy(&found[path.as_bytes()].content);
            assert_eq!(content, self.content(*version), "{path} of clone {clone}");
        }
    }

    /// Ends a build after so many reports of the engine, as if its process were killed.
    async fn kill(&self, clone: usize, reports: usize) {
        let files = self.files[clone].iter();
        let context = files.map(|(path, version)| self.repository.file(path, self.content(*version)));
        let dockerfile = format!("{}RUN exec sleep 1000\n", copying());
        let request = request_of(&self.stamps(clone), &dockerfile, context.collect());
        let (reported, is_enough) = (AtomicUsize::new(0), Notify::new());
        let count = |_| {
            if reported.fetch_add(1, Ordering::Relaxed) + 1 == reports {
                is_enough.notify_one();
            }
        };
        let mut building = pin!(self.engine.build(&request, &count));
        if reports == 0 {
            // Not even an answer of the engine.
            poll_fn(|task| {
                assert!(building.as_mut().poll(task).is_pending());
                std::task::Poll::Ready(())
            })
            .await;
            return;
        }
        tokio::select! {
            built = &mut building => panic!("a step that sleeps has ended: {built:?}"),
            () = is_enough.notified() => {}
        }
    }

    async fn step(&mut self, random: &mut Random) {
        let clone = random.below(2);
        let path = ["a", "b", "folder/c"][random.below(3)];
        let before = self.files[clone].clone();
        self.files[clone].insert(path, random.below(4));
        match random.below(8) {
            0 => {
                self.files[clone].remove(path);
            }
            // Two processes build what was there before and what is there now. Were it the same, one would remove the image
            // of the other.
            1 | 2 if before != self.files[clone] => {
                join(self.build(clone, &before), self.build(clone, &self.files[clone])).await;
            }
            3 => self.kill(clone, random.below(4)).await,
            4 => {
                let read = |name| fs::read(self.stamps(clone).join(name)).map(|content| (name, content));
                self.backup = ["table", "seal"].into_iter().filter_map(|name| read(name).ok()).collect();
            }
            5 => {
                fs::create_dir_all(self.stamps(clone)).unwrap();
                // The kernel's clock for files ticks once in some milliseconds; nobody restores faster than that.
                wait_for_tick(&self.stamps(clone));
                for (name, content) in &self.backup {
                    fs::write(self.stamps(clone).join(name), content).unwrap();
                }
            }
            _ => {}
        }
        self.build(clone, &self.files[clone]).await;
    }
}

/// Waits until a file that is written now gets another time than one before.
fn wait_for_tick(folder: &Path) {
    let write = || {
        fs::write(folder.join("clock"), "").unwrap();
        fs::metadata(folder.join("clock")).unwrap().modified().unwrap()
    };
    let before = write();
    while write() == before {}
}

async fn no_history_puts_a_stale_file_into_an_image(on: BedEngine) {
    let engine = support::connect(on).await;
    for history in 0..HISTORIES[usize::from(is_soak())] {
        let seed = u64::from_str_radix(&unique(), 16).unwrap();
        std::io::stderr().write_all(format!("history {history}: seed {seed}\n").as_bytes()).unwrap();
        let mut random = Random(seed);
        let files = vec![[("a", 0), ("b", 0), ("folder/c", 0)].into(); 2];
        let mut clones = Clones {
            engine: &engine,
            repository: Repository::new(),
            folder: tempfile::tempdir().unwrap(),
            nonce: unique(),
            files,
            backup: Vec::new(),
        };
        for _ in 0..6 {
            clones.step(&mut random).await;
        }
    }
}
