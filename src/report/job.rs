//! What came of a command that runs once for each content.

use std::time::Duration;

use serde::Serialize;

use super::time;
use crate::model::{Fingerprint, ProjectName, printable};
use crate::once::Ended;
use crate::record::JobRecord;

/// What came of a command.
#[derive(Debug)]
pub enum JobOutcome<'j> {
    /// It was run for the same content before, and passed.
    Skipped(&'j JobRecord),
    Ran {
        ended: Ended,
        took: Duration,
        /// `None` if the outcome was recorded, else why not.
        not_recorded: Option<&'j str>,
    },
}

/// `chinampa.job/1`
#[derive(Debug, Serialize)]
pub struct JobJson<'j> {
    schema: &'static str,
    project: &'j ProjectName,
    name: &'j str,
    outcome: &'static str,
    exit_code: Option<i64>,
    seconds: f64,
    key: Option<Fingerprint>,
    recorded: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    earlier: Option<EarlierJson>,
}

/// The run that passed before.
#[derive(Debug, Serialize)]
struct EarlierJson {
    commit: String,
    by: String,
    at: String,
    seconds: f64,
}

impl<'j> JobJson<'j> {
    /// `key` is `None` if what the command can read is not known.
    pub fn new(
        project: &'j ProjectName,
        name: &'j str,
        key: Option<Fingerprint>,
        outcome: &JobOutcome<'_>,
    ) -> Self {
        let schema = "chinampa.job/1";
        match outcome {
            JobOutcome::Skipped(record) => Self {
                schema,
                project,
                name,
                outcome: "skipped",
                exit_code: None,
                seconds: 0.0,
                key,
                recorded: true,
                earlier: Some(EarlierJson {
                    commit: record.commit.to_string(),
                    by: record.by.clone(),
                    at: record.at.to_string(),
                    seconds: record.took.as_secs_f64(),
                }),
            },
            JobOutcome::Ran { ended, took, not_recorded } => Self {
                schema,
                project,
                name,
                outcome: match ended {
                    Ended::Exited { code: 0 } => "passed",
                    Ended::Exited { .. } | Ended::Killed { .. } => "failed",
                    Ended::Interrupted => "interrupted",
                },
                exit_code: match ended {
                    Ended::Exited { code } => Some(*code),
                    Ended::Killed { .. } | Ended::Interrupted => None,
                },
                seconds: took.as_secs_f64(),
                key,
                recorded: not_recorded.is_none(),
                earlier: None,
            },
        }
    }
}

/// The same in one line.
pub fn text(project: &ProjectName, name: &str, outcome: &JobOutcome<'_>) -> String {
    let job = format!("`{}` of `{project}`", printable(name));
    match outcome {
        JobOutcome::Skipped(JobRecord { commit, by, at, .. }) => {
            format!(
                "{job} is skipped: it passed for the same content at {at}, for commit {} by {by}",
                commit.short()
            )
        }
        JobOutcome::Ran { ended, took, not_recorded } => {
            let took = time::measured(*took);
            match ended {
                Ended::Exited { code: 0 } => match not_recorded {
                    None => format!("{job} passed in {took}"),
                    Some(why) => format!("{job} passed in {took}, which is not recorded: {why}"),
                },
                Ended::Exited { code } => format!("{job} failed after {took}: exit code {code}"),
                Ended::Killed { signal } => format!("{job} failed after {took}: signal {signal}"),
                Ended::Interrupted => format!("{job} was interrupted after {took}"),
            }
        }
    }
}
