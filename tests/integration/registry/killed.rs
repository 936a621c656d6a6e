//! A registry of the test's own, killed in the middle of a promotion and started again.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use chinampa::internals::model::RepositoryName;

use crate::registry::promote::logged_in;
use crate::registry::{image, new_repository, upstream};

/// Debian's `docker-registry`, with its data and its access log in a folder of its own.
struct OwnRegistry {
    folder: tempfile::TempDir,
    port: u16,
    process: Option<Child>,
}

impl OwnRegistry {
    fn new() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let config = format!(
            "version: 0.1\nlog: {{ level: warn, accesslog: {{ disabled: false }} }}\n\
             storage: {{ filesystem: {{ rootdirectory: \"{}\" }} }}\nhttp: {{ addr: \"127.0.0.1:{port}\" }}\n",
            data.display()
        );
        fs::write(folder.path().join("config.yml"), config).unwrap();
        Self { folder, port, process: None }
    }

    fn host(&self) -> String {
        format!("localhost:{}", self.port)
    }

    /// Starts it, with an empty access log, and waits until it listens.
    fn start(&mut self) {
        let log = fs::File::create(self.log()).unwrap();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(self.folder.path().join("config.yml")).stdout(log).stderr(Stdio::null());
        self.process = Some(command.spawn().unwrap());
        until("the registry listens", || std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok());
    }

    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("access.log")
    }

    /// The links of the repository's blobs, with their sizes: each blob is linked there when it is whole.
    fn links(&self, repository: &RepositoryName) -> Vec<(PathBuf, u64)> {
        let links = format!("data/docker/registry/v2/repositories/{repository}/_layers/sha256");
        let entries = fs::read_dir(self.folder.path().join(links)).into_iter().flatten();
        let links = entries.map(|entry| entry.unwrap().path().join("link"));
        links.filter_map(|link| Some((link.clone(), fs::metadata(link).ok()?.len()))).collect()
    }

    /// How many blobs the repository has.
    fn blobs(&self, repository: &RepositoryName) -> usize {
        self.links(repository).iter().filter(|(_, bytes)| *bytes > 0).count()
    }

    /// Removes the links that it was killed over. It makes a file and then writes it, and answers 500 to whoever asks for a
    /// blob whose link is empty, so that nobody could promote that blob any more.
    fn repair(&self, repository: &RepositoryName) {
        for (link, _) in self.links(repository).iter().filter(|(_, bytes)| *bytes == 0) {
            fs::remove_file(link).unwrap();
        }
    }
}

impl Drop for OwnRegistry {
    fn drop(&mut self) {
        self.kill();
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "waited for a minute until {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[tokio::test]
async fn what_a_killed_registry_had_whole_is_not_sent_again() {
    const LAYERS: usize = 12;
    let repository = new_repository();
    let made = image::push(&repository, &[4 << 20; LAYERS]).await;
    let mut registry = OwnRegistry::new();
    registry.start();
    let world = logged_in(&[]);
    let from = format!("{}/{repository}@{}", upstream(), made.digest);
    let to = format!("{}/{repository}:v1", registry.host());
    let mut command = world.command(["promote", &from, &to]);
    let interrupted = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();

    until("a blob is whole", || registry.blobs(&repository) > 0);
    registry.kill();
    let answer: crate::support::world::Answer = interrupted.wait_with_output().unwrap().into();
    let whole = registry.blobs(&repository);
    registry.repair(&repository);

    assert_eq!(answer.exit, 3, "{answer}");
    assert!(answer.stderr.contains("no whole answer from the registry"), "{answer}");
    assert!((1..=LAYERS).contains(&whole), "{whole} blobs");
    registry.start();

    let copied = &world.run(["promote", &from, &to, "--json"]).json()["copied"];

    let numbers =
        ["blobs_sent", "blobs_skipped"].map(|key| usize::try_from(copied[key].as_u64().unwrap()).unwrap());
    assert_eq!(numbers.iter().sum::<usize>(), LAYERS + 1, "{copied}");
    assert!(numbers[1] >= 1 && numbers[1] <= whole, "{whole} were whole, {copied}");
    let log = fs::read_to_string(registry.log()).unwrap();
    let uploads = log.lines().filter(|line| line.contains("\"POST /v2/")).count();
    assert_eq!(uploads, numbers[0], "{log}");
}
