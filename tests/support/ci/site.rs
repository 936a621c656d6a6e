//! Where a simulated CI runs: the repository that it clones, the programs that its machines have, and folders for its jobs.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Event;

/// What all runs of a repository's pipelines have in common. Removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Site {
    folder: tempfile::TempDir,
    docker_config: PathBuf,
    folders: AtomicUsize,
    /// What the CI keeps for jobs, by name.
    secrets: Vec<(String, String)>,
}

impl Site {
    /// Serves a copy of this repository; its machines have logged in as this configuration of Docker says.
    pub(crate) fn new(repository: &Path, docker_config: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (docker_config, folders) = (docker_config.to_owned(), AtomicUsize::new(0));
        let site = Self { folder, docker_config, folders, secrets: Vec::new() };
        let (source, bare) = (repository.display().to_string(), site.bare().display().to_string());
        git(site.folder.path(), &["clone", "-q", "--mirror", "--template=", &source, &bare]);
        // As the services that host repositories do.
        for setting in ["uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"] {
            git(&site.bare(), &["config", setting, "true"]);
        }
        fs::create_dir_all(site.tools()).unwrap();
        fs::create_dir_all(site.outbox()).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_chinampa"), site.tools().join("chinampa")).unwrap();
        site
    }

    /// Keeps these secrets for the jobs.
    pub(crate) fn with_secrets<const N: usize>(mut self, secrets: [(&str, String); N]) -> Self {
        self.secrets = secrets.map(|(name, value)| (name.to_owned(), value)).into();
        self
    }

    /// The secrets that a job of this run may have. A run of a fork has none.
    pub(super) fn secrets(&self, event: &Event) -> Vec<(String, String)> {
        match event {
            Event::Push { .. } | Event::Tag { .. } => self.secrets.clone(),
            Event::ForkPullRequest { .. } => Vec::new(),
        }
    }

    /// Takes over what is new in the repository.
    pub(crate) fn update(&self) {
        git(&self.bare(), &["remote", "update"]);
    }

    /// A file of a commit.
    pub(super) fn file(&self, commit: &str, path: &str) -> String {
        git(&self.bare(), &["show", &format!("{commit}:{path}")])
    }

    fn bare(&self) -> PathBuf {
        self.folder.path().join("repository.git")
    }

    /// As machines clone it.
    pub(super) fn url(&self) -> String {
        format!("file://{}", self.bare().display())
    }

    pub(super) fn docker_config(&self) -> &Path {
        &self.docker_config
    }

    /// The folder of the program under test, and of those that a CI brings along.
    pub(super) fn tools(&self) -> PathBuf {
        self.folder.path().join("tools")
    }

    /// Puts a program into every machine, in place of another one.
    pub(crate) fn install(&self, name: &str, script: &str) {
        let file = self.tools().join(name);
        // It may be the link to the program under test.
        let _ = fs::remove_file(&file);
        fs::write(&file, format!("#!/usr/bin/env bash\nset -eu\n{script}")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Forgets what an earlier run has left there.
    pub(super) fn empty_outbox(&self) {
        fs::remove_dir_all(self.outbox()).unwrap();
        fs::create_dir_all(self.outbox()).unwrap();
    }

    /// Where such programs leave what a CI would be sent.
    pub(super) fn outbox(&self) -> PathBuf {
        self.folder.path().join("outbox")
    }

    /// An empty folder for a job.
    pub(super) fn new_folder(&self) -> PathBuf {
        let number = self.folders.fetch_add(1, Ordering::Relaxed);
        let folder = self.folder.path().join(format!("job-{number}"));
        fs::create_dir_all(&folder).unwrap();
        folder
    }
}

/// Runs git, which must succeed, and returns what it wrote.
pub(super) fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut git = Command::new("git");
    git.args(arguments).current_dir(folder);
    let output = git.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
