//! What `doctor` found: one line for each thing that was looked at.

use std::fmt::Write as _;

use serde::Serialize;

use super::counted::counted;
use crate::model::printable;

/// How it is with one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Ok,
    /// Builds work, but slower, or not everywhere.
    Warning,
    /// Something that commands need does not work.
    Error,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    pub state: State,
    /// What it is about, such as `engine` or `cache`.
    pub subject: String,
    pub says: String,
    /// Why, from the outermost cause to the innermost.
    pub causes: Vec<String>,
    /// What to do about it.
    pub fix: Option<String>,
}

impl Check {
    pub fn ok(subject: impl Into<String>, says: impl Into<String>) -> Self {
        Self::new(State::Ok, subject, says)
    }

    pub fn warning(subject: impl Into<String>, says: impl Into<String>) -> Self {
        Self::new(State::Warning, subject, says)
    }

    pub fn error(subject: impl Into<String>, says: impl Into<String>) -> Self {
        Self::new(State::Error, subject, says)
    }

    fn new(state: State, subject: impl Into<String>, says: impl Into<String>) -> Self {
        Self { state, subject: subject.into(), says: says.into(), causes: Vec::new(), fix: None }
    }

    /// The error, its causes, and its hint.
    pub fn of_error(subject: impl Into<String>, error: &dyn std::error::Error, hint: Option<String>) -> Self {
        let causes = std::iter::successors(error.source(), |error| error.source()).map(ToString::to_string);
        Self { causes: causes.collect(), fix: hint, ..Self::error(subject, error.to_string()) }
    }

    /// The same where nothing depends on it.
    pub fn into_ok(self) -> Self {
        Self { state: State::Ok, ..self }
    }

    /// The same with what to do about it.
    pub fn fix(self, fix: impl Into<String>) -> Self {
        Self { fix: Some(fix.into()), ..self }
    }
}

/// `chinampa.doctor/1`
#[derive(Debug, Serialize)]
pub struct DoctorJson<'c> {
    schema: &'static str,
    ok: bool,
    checks: &'c [Check],
}

impl<'c> DoctorJson<'c> {
    pub fn new(checks: &'c [Check]) -> Self {
        Self { schema: "chinampa.doctor/1", ok: !has_error(checks), checks }
    }
}

/// Whether something that commands need does not work.
pub fn has_error(checks: &[Check]) -> bool {
    checks.iter().any(|check| check.state == State::Error)
}

/// A line for each check, with its causes and its fix below, and a total.
pub fn text(checks: &[Check]) -> String {
    let columns = checks.iter().map(|check| check.subject.len()).max().unwrap_or_default();
    let mut text = String::new();
    let mut line = |line: std::fmt::Arguments<'_>| {
        writeln!(text, "{line}").expect("a string can be written to");
    };
    for Check { state, subject, says, causes, fix } in checks {
        let state = state.label();
        line(format_args!("{state:<7}  {subject:<columns$}  {}", printable(says)));
        for cause in causes {
            line(format_args!("{:11}because: {}", "", printable(cause)));
        }
        if let Some(fix) = fix {
            line(format_args!("{:11}fix: {}", "", printable(fix)));
        }
    }
    let count = |state| checks.iter().filter(|check| check.state == state).count();
    let (warnings, errors) = (count(State::Warning), count(State::Error));
    let (checks, warnings) = (counted(checks.len(), "check"), counted(warnings, "warning"));
    line(format_args!("{checks}, {warnings}, {}", counted(errors, "error")));
    text
}

impl State {
    fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}
