//! What is known about a commit, as lines for a shell to read.

use std::fmt;

use super::{CiContext, CommitContext, Target};

/// Variables of our own for the later steps of a job.
///
/// `CHINAMPA_COMMIT` says which commit the others are about: in a step that has checked out another one, they don't count.
/// What the environment was told of this very commit stays; what was exported for another one is removed. That a run is
/// untrusted is passed on, never that it is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exports {
    known: Vec<(&'static str, String)>,
    unset: Vec<&'static str>,
}

impl Exports {
    /// `origin` is the address of the clone's `origin`, for where no CI names the repository.
    pub fn new(ci: &CiContext, context: &CommitContext, origin: Option<String>) -> Self {
        let given = ci.given_names();
        let values = [
            ("CHINAMPA_COMMIT", Some(context.commit().to_string())),
            ("CHINAMPA_BRANCH", context.branch_name().map(ToString::to_string)),
            ("CHINAMPA_TAG", context.tag().map(str::to_owned)),
            ("CHINAMPA_PULL_REQUEST", context.pull_request().map(|number| number.to_string())),
            ("CHINAMPA_JOB", ci.job().map(str::to_owned)),
            ("CHINAMPA_REPOSITORY_URL", ci.repository_url().map(str::to_owned).or(origin)),
            ("CHINAMPA_BASE", merge_base(context).filter(|_| !ci.is_base_given())),
            ("CHINAMPA_TRUST", (!ci.trust().is_trusted()).then(|| "untrusted".to_owned())),
        ];
        let unset = values.iter().filter(|(name, value)| value.is_none() && given.contains(name));
        Self {
            unset: unset.map(|(name, _)| *name).collect(),
            known: values.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
        }
    }
}

/// The commit that stands for the base by itself; of other targets the merge-base has to be found first.
fn merge_base(context: &CommitContext) -> Option<String> {
    match context.targets().first()?.value {
        Target::MergeBase(commit) if context.merged_into().is_none() => Some(commit.to_string()),
        _ => None,
    }
}

impl fmt::Display for Exports {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for name in &self.unset {
            writeln!(formatter, "unset {name}")?;
        }
        for (name, value) in &self.known {
            writeln!(formatter, "export {name}={}", quoted(value))?;
        }
        Ok(())
    }
}

/// A word of a shell that is this text and nothing else, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
