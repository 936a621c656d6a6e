//! The runs that are kept in the clone, and their logs.

use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use crate::model::{printable, printable_log};
use crate::runs::{Kept, ProjectOutcome, Run};

/// `chinampa.runs/1`
#[derive(Debug, Serialize)]
pub struct RunsJson<'r> {
    schema: &'static str,
    runs: Vec<RunJson<'r>>,
}

#[derive(Debug, Serialize)]
struct RunJson<'r> {
    number: u64,
    state: &'static str,
    started: &'r str,
    seconds: Option<f64>,
    head: &'r str,
    dirty: bool,
    branch: Option<&'r str>,
    built: usize,
    reused: usize,
    pulled: usize,
    failed: Vec<&'r str>,
    blocked: usize,
    folder: String,
}

/// `chinampa.log/1`
#[derive(Debug, Serialize)]
pub struct LogsJson {
    schema: &'static str,
    run: u64,
    logs: Vec<LogJson>,
}

#[derive(Debug, Serialize)]
struct LogJson {
    project: String,
    outcome: &'static str,
    path: String,
    log: String,
}

/// `chinampa.report/1`
#[derive(Debug, Serialize)]
pub struct ReportJson {
    schema: &'static str,
    run: u64,
    path: String,
}

impl ReportJson {
    /// Where the page of a run was written to.
    pub fn new(run: u64, path: &Path) -> Self {
        Self { schema: "chinampa.report/1", run, path: path.display().to_string() }
    }
}

impl<'r> RunsJson<'r> {
    /// The runs, newest first.
    pub fn new(runs: &'r [Kept]) -> Self {
        let run = |Kept { number, folder, run }: &'r Kept| RunJson {
            number: *number,
            state: run.state.label(),
            started: &run.started,
            seconds: run.seconds,
            head: &run.head,
            dirty: run.dirty,
            branch: run.branch.as_deref(),
            built: run.count(ProjectOutcome::Built),
            reused: run.count(ProjectOutcome::Reused),
            pulled: run.count(ProjectOutcome::Pulled),
            failed: failed(run).collect(),
            blocked: run.count(ProjectOutcome::Blocked),
            folder: folder.display().to_string(),
        };
        Self { schema: "chinampa.runs/1", runs: runs.iter().map(run).collect() }
    }
}

impl LogsJson {
    /// The logs of one run: for each project its file and its text.
    pub fn new(run: &Kept, logs: Vec<(String, String)>) -> Self {
        let log = |(project, log): (String, String)| LogJson {
            outcome: run.run.project(&project).map_or("unfinished", |project| project.outcome.label()),
            path: run.log(&project).map(|path| path.display().to_string()).unwrap_or_default(),
            project,
            log,
        };
        Self { schema: "chinampa.log/1", run: run.number, logs: logs.into_iter().map(log).collect() }
    }
}

/// One line a run, newest first, in columns.
pub fn list(runs: &[Kept]) -> String {
    let rows: Vec<[String; 5]> = runs.iter().map(row).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths = [0, 1, 2, 3].map(width);
    let mut text = String::new();
    for [number, started, took, commit, what] in &rows {
        let [numbers, starts, times, commits] = widths;
        writeln!(text, "{number:>numbers$}  {started:<starts$}  {took:>times$}  {commit:<commits$}  {what}")
            .expect("a string takes any text");
    }
    text
}

fn row(Kept { number, run, .. }: &Kept) -> [String; 5] {
    let took = match run.seconds {
        Some(seconds) => format!("{seconds:.1} s"),
        None => run.state.label().to_owned(),
    };
    let dirty = if run.dirty { "+" } else { "" };
    let branch = run.branch.as_deref().map(|branch| format!(" {}", printable(branch))).unwrap_or_default();
    let commit = format!("{}{dirty}{branch}", printable(short(&run.head)));
    [number.to_string(), printable(&run.started), took, commit, what(run)]
}

/// How it ended: counts, and the projects that failed.
fn what(run: &Run) -> String {
    let mut parts = Vec::new();
    for outcome in [ProjectOutcome::Built, ProjectOutcome::Pulled, ProjectOutcome::Reused] {
        if let count @ 1.. = run.count(outcome) {
            parts.push(format!("{count} {}", outcome.label()));
        }
    }
    let worse = [ProjectOutcome::Blocked, ProjectOutcome::Cancelled, ProjectOutcome::Unfinished];
    for outcome in worse {
        if let count @ 1.. = run.count(outcome) {
            parts.push(format!("{count} {}", outcome.label()));
        }
    }
    let failed: Vec<String> = failed(run).map(printable).collect();
    if !failed.is_empty() {
        parts.push(format!("{} failed: {}", failed.len(), failed.join(", ")));
    }
    parts.join(", ")
}

fn failed(run: &Run) -> impl Iterator<Item = &str> {
    let failed = run.projects.iter().filter(|project| project.outcome == ProjectOutcome::Failed);
    failed.map(|project| project.name.as_str())
}

/// What stands above the log of a project where there are several.
pub fn heading(project: &str, outcome: ProjectOutcome) -> String {
    format!("==> {}: {} <==\n", printable(project), outcome.label())
}

/// Lines of a log, as a terminal may show them.
pub fn log_lines(lines: &str) -> String {
    lines.lines().map(|line| printable_log(line) + "\n").collect()
}

/// A commit's id as people write it.
pub(super) fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}
