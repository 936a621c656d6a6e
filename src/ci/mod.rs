//! What a CI says of the commit that it runs for, and of the base, under one set of names.

mod switches;
mod systems;

pub use switches::Switches;

use crate::git::without_credentials;
use crate::model::{BranchName, CommitId};

/// What is known of the commit, from the CI where it says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    pub commit: Option<String>,
    /// Of a pull request from a fork never the name of the fork's branch, which could be that of one here.
    pub branch: Option<String>,
    pub tag: Option<String>,
    pub job: Option<String>,
    /// Without credentials.
    pub repository_url: Option<String>,
    /// What a pull request is to be merged into, the most exact first. Empty for a push.
    pub targets: Vec<Said<Target>>,
    /// The commit that was pushed onto, or built before: its object id, or at least the first seven digits.
    pub previous: Option<Said<String>>,
    /// Whether the sources come from AWS CodePipeline, which hands over files without a repository unless told otherwise.
    pub is_of_codepipeline: bool,
}

/// A value, and which variable gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said<T> {
    pub value: T,
    /// As in "`before` in the file that `GITHUB_EVENT_PATH` names".
    pub by: &'static str,
}

impl Said<String> {
    /// An object id or its first digits, of which git takes no fewer than four; systems write seven or more.
    fn digits(text: &str, by: &'static str) -> Option<Self> {
        let is_id = (7..=40).contains(&text.len()) && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        is_id.then(|| Self { value: text.to_owned(), by })
    }
}

/// What a pull request is to be merged into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Commit(CommitId),
    Branch(BranchName),
}

/// Where a CI says something.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "functions have nothing to show")]
pub struct Sources<'s> {
    /// The value of an environment variable.
    pub variable: &'s dyn Fn(&str) -> Option<String>,
    /// The text of a file that a variable names.
    pub file: &'s dyn Fn(&str) -> Option<String>,
}

impl Sources<'_> {
    /// A variable that is neither empty nor one of the words for nothing.
    fn get(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !is_nothing(value))
    }

    fn first(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.get(name))
    }

    fn digits(&self, name: &str, by: &'static str) -> Option<Said<String>> {
        Said::digits(&self.get(name)?, by)
    }

    /// A variable that holds a whole object id.
    fn target_commit(&self, name: &str, by: &'static str) -> Option<Said<Target>> {
        Some(Said { value: Target::Commit(self.get(name)?.parse().ok()?), by })
    }

    /// A variable that holds a branch, with or without `refs/heads/`.
    fn target_branch(&self, name: &str, by: &'static str) -> Option<Said<Target>> {
        let value = self.get(name)?;
        let branch = BranchName::new(value.strip_prefix("refs/heads/").unwrap_or(&value));
        Some(Said { value: Target::Branch(branch), by })
    }
}

impl Facts {
    /// Asks the CI that sets a variable that no other sets; nothing is known without a CI.
    ///
    /// What is empty, zeros, `null` or `<nil>` counts as absent, and so does a commit that is no object id.
    pub fn read(sources: Sources<'_>) -> Self {
        let system = systems::ALL.iter().find(|(variable, _)| sources.get(variable).is_some());
        let mut facts = system.map(|(_, read)| read(sources)).unwrap_or_default();
        facts.repository_url = facts.repository_url.map(|url| without_credentials(&url));
        facts
    }

    /// Lines for a shell to read, one for each fact that is known.
    pub fn exports(&self) -> String {
        let base = self.merge_base().map(|base| base.to_string());
        let facts = [
            ("CHINAMPA_COMMIT", &self.commit),
            ("CHINAMPA_BRANCH", &self.branch),
            ("CHINAMPA_TAG", &self.tag),
            ("CHINAMPA_JOB", &self.job),
            ("CHINAMPA_REPOSITORY_URL", &self.repository_url),
            ("CHINAMPA_BASE", &base),
        ];
        let known = facts.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        known.map(|(name, value)| format!("export {name}={}\n", quoted(value))).collect()
    }

    /// The commit that stands for the base by itself; of other targets the merge-base has to be found first.
    fn merge_base(&self) -> Option<CommitId> {
        match self.targets.first()? {
            Said { value: Target::Commit(commit), by: systems::GITLAB_MERGE_BASE } => Some(*commit),
            _ => None,
        }
    }
}

/// Whether a CI puts this where there is no value.
pub fn is_nothing(value: &str) -> bool {
    let value = value.trim();
    matches!(value, "null" | "<nil>") || value.bytes().all(|byte| byte == b'0')
}

/// A word of a shell that is this text and nothing else, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests;
