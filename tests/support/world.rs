//! A real repository in a folder of its own, and the shipped binary run in it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Options of `git init` for repositories of each format, the usual one first.
pub const FORMATS: [&[&str]; 4] = [
    &[],
    &["--ref-format=reftable"],
    &["--object-format=sha256"],
    &["--object-format=sha256", "--ref-format=reftable"],
];

/// A git repository that a test writes. Removed when it is dropped.
#[derive(Debug)]
pub struct World {
    folder: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

/// What the binary answered.
#[derive(Debug)]
pub struct Answer {
    pub stdout: String,
    pub stderr: String,
    pub exit: i32,
}

impl World {
    /// An empty repository on the branch `main`, without a commit.
    pub fn new() -> Self {
        Self::of_format(&[])
    }

    /// The same in a repository of this format: options of `git init`.
    pub fn of_format(format: &[&str]) -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap(), environment: Vec::new() };
        world.git_with(&[&["init", "-q", "-b", "main", "--template="], format].concat());
        world
    }

    /// A clone of `source`'s `main`, of the same format.
    pub fn clone_of(source: &Path) -> Self {
        Self::cloned_in_format(&source.display().to_string(), source, &[])
    }

    /// A clone with these options, which keeps its references as `source` does.
    pub fn cloned_in_format(url: &str, source: &Path, options: &[&str]) -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap(), environment: Vec::new() };
        let references =
            world.git_with(&["-C", &source.display().to_string(), "rev-parse", "--show-ref-format"]);
        let references = format!("--ref-format={references}");
        world.git_with(&[&["clone", "-q", &references], options, &[url, "."]].concat());
        world
    }

    /// What `git clone` makes with these arguments.
    pub fn cloned(arguments: &[&str]) -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap(), environment: Vec::new() };
        world.git_with(&[&["clone", "-q"], arguments, &["."]].concat());
        world
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn file(&self, path: &str) -> PathBuf {
        self.path().join(path)
    }

    /// Writes a file, with the folders that it is in.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) -> &Self {
        let file = self.file(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, content).unwrap();
        self
    }

    pub fn remove(&self, path: &str) -> &Self {
        std::fs::remove_file(self.file(path)).unwrap();
        self
    }

    /// Commits everything that is in the folder and returns the commit's id.
    pub fn commit(&self) -> String {
        self.git(["add", "-A"]);
        self.git(["commit", "-q", "--allow-empty", "-m", "change"]);
        self.git(["rev-parse", "HEAD"])
    }

    /// Runs git, which must succeed, and returns what it wrote, trimmed.
    pub fn git<const N: usize>(&self, arguments: [&str; N]) -> String {
        self.git_with(&arguments)
    }

    /// The same with any number of arguments.
    pub fn git_with(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args([
                "-c",
                "user.name=test",
                "-c",
                "user.email=test@example.com",
                "-c",
                "protocol.file.allow=always",
            ])
            .args(arguments)
            .current_dir(self.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Sets a variable for all that is run after this.
    pub fn set(&mut self, name: &str, value: &str) -> &mut Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the same variables as in another world.
    pub fn set_all_of(&mut self, other: &Self) {
        self.environment.extend(other.environment.iter().cloned());
    }

    /// The binary, ready to be run in the repository with nothing of this process's environment
    /// but what it needs to run at all.
    pub fn command<const N: usize>(&self, arguments: [&str; N]) -> Command {
        self.command_of(&arguments)
    }

    /// The same with any number of arguments.
    pub fn command_of(&self, arguments: &[&str]) -> Command {
        self.program(env!("CARGO_BIN_EXE_chinampa"), arguments)
    }

    /// Any other program, ready to be run as the binary would be.
    pub fn program(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.path())
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs the binary to its end.
    pub fn run<const N: usize>(&self, arguments: [&str; N]) -> Answer {
        self.command(arguments).output().unwrap().into()
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl From<Output> for Answer {
    fn from(output: Output) -> Self {
        Self {
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            exit: output.status.code().unwrap_or(-1),
        }
    }
}

/// Both streams and the exit status, for snapshots.
impl fmt::Display for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (mark, stream) in [("", &self.stdout), ("stderr: ", &self.stderr)] {
            for line in stream.lines() {
                writeln!(formatter, "{mark}{line}")?;
            }
        }
        write!(formatter, "[exit: {}]", self.exit)
    }
}

impl Answer {
    /// The answer as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }
}
