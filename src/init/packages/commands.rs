//! The commands of a Dockerfile's steps, and what they do with the packages of a workspace.

use super::NarrowError;
use super::files::Files;
use crate::infer::CopiedPath;
use crate::init::evidence::commands::Word;
use crate::init::evidence::resolve;
use crate::model::{RepoPath, printable};

/// Programs that build whatever a file of the repository tells them to.
const RUNNERS: &[&str] = &[
    "ant", "bazel", "bazelisk", "buck2", "earthly", "gmake", "just", "make", "mage", "mvn", "mvnw", "pants",
    "rake", "rush", "sbt", "task",
];

const SHELLS: &[&str] = &["sh", "bash", "ash", "dash", "zsh", "source", "."];

/// A command of a step.
#[derive(Clone, Debug)]
pub(super) struct Command {
    /// Paths of the workspace are as they are seen from the folder.
    pub(super) words: Vec<Word>,
    /// The folder of the workspace in which it runs, from the root of the repository; `None` where that is elsewhere.
    pub(super) folder: Option<RepoPath>,
}

/// What a command builds of a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Nothing that depends on which packages are there.
    Nothing,
    /// Some packages, by their folders.
    Packages(Vec<RepoPath>),
    /// What a script of the repository says.
    Script,
}

impl Command {
    /// The name of its program, without a folder.
    pub(super) fn program(&self) -> Option<&str> {
        let first = self.words.first().filter(|word| word.is_known)?;
        first.text.rsplit('/').next()
    }

    /// The words behind its program.
    pub(super) fn arguments(&self) -> impl Iterator<Item = &str> {
        self.words.iter().skip(1).map(|word| word.text.as_str())
    }

    /// The same command behind the first words, which run it.
    pub(super) fn after(&self, words: usize) -> Self {
        Self { words: self.words.iter().skip(words).cloned().collect(), folder: self.folder.clone() }
    }

    /// The words, and the values in them, that may be paths.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        let words = self.words.iter().filter(|word| word.is_known).map(|word| word.text.as_str());
        let values = words.map(|word| match word.split_once('=') {
            Some((_, value)) => value,
            None if word.starts_with('-') => "",
            None => word,
        });
        values.filter(|value| !value.is_empty() && !value.contains("://"))
    }

    /// Says what is wrong with it.
    pub(super) fn unclear(&self, why: &str) -> NarrowError {
        NarrowError::uncertain(format!("`{}` {why}", printable(&self.to_string())))
    }

    /// What it is to a workspace whose tool it does not run.
    pub(super) fn foreign_scope(&self, files: &Files<'_>) -> Result<Scope, NarrowError> {
        if self.folder.is_none() {
            return Ok(Scope::Nothing);
        }
        let program = self.program().ok_or_else(|| self.unclear("runs a program that is not known"))?;
        if RUNNERS.contains(&program) {
            return Err(self.unclear("may build any package"));
        }
        if SHELLS.contains(&program) {
            return Ok(self.script_scope(files, self.arguments()));
        }
        Ok(self.script_scope(files, self.words.iter().take(1).map(|word| word.text.as_str())))
    }

    /// What it is if the first of `words` that is no option is the path of a script.
    pub(super) fn script_scope<'w>(
        &self,
        files: &Files<'_>,
        mut words: impl Iterator<Item = &'w str>,
    ) -> Scope {
        let script = words.find(|word| !word.starts_with('-'));
        let path = script.zip(self.folder.as_ref()).and_then(|(script, folder)| resolve(folder, script));
        let is_script = path.is_some_and(|path| matches!(files.at(&path), Some(CopiedPath::File(_))));
        if is_script { Scope::Script } else { Scope::Nothing }
    }
}

/// As somebody wrote it.
impl std::fmt::Display for Command {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words: Vec<&str> = self.words.iter().map(|word| word.text.as_str()).collect();
        formatter.write_str(&words.join(" "))
    }
}
