//! `logs --follow`: prints the log of a build while it grows.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::time::Duration;

use super::CommandContext;
use crate::error::Error;
use crate::exit::Exit;
use crate::report::runs::log_lines;
use crate::runs::{Kept, RunState, Store, is_growing};

/// How often the log is looked at.
const DELAY: Duration = Duration::from_millis(200);

/// Prints the log of a project from a run, or from the newest run that builds it, until its build ends.
pub(super) fn follow(
    command: &CommandContext,
    store: &Store,
    project: &str,
    run: Option<u64>,
) -> Result<Exit, Error> {
    let is_about_it = |kept: &Kept| {
        let is_running = kept.run.state == RunState::Running;
        kept.log(project).is_some() || (is_running && kept.run.project(project).is_some())
    };
    let found = match run {
        Some(number) => Some(store.read(number)?).filter(is_about_it),
        None => store.newest(None, is_about_it)?,
    };
    let Some(mut kept) = found else {
        command.output.status(&format!("no run that is kept here builds or built `{project}`"));
        return Ok(Exit::No);
    };
    let mut has_said = false;
    loop {
        if let Some(log) = kept.log(project) {
            print(command, store, kept.number, &log)?;
            return Ok(Exit::Done);
        }
        if kept.run.state != RunState::Running {
            let outcome = kept.run.project(project).map(|project| project.outcome.label());
            let outcome = outcome.unwrap_or("not there");
            command
                .output
                .status(&format!("run {} built nothing for `{project}`: it is {outcome}", kept.number));
            return Ok(Exit::No);
        }
        if !has_said {
            command.output.status(&format!("run {} has not started to build `{project}` yet", kept.number));
            has_said = true;
        }
        std::thread::sleep(DELAY);
        kept = store.read(kept.number)?;
    }
}

/// Prints whole lines of a log until it is closed.
fn print(command: &CommandContext, store: &Store, run: u64, path: &Path) -> Result<(), Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let mut file = BufReader::new(File::open(path).map_err(failed)?);
    let mut line = Vec::new();
    let mut is_empty = true;
    loop {
        // Asked first: what is written before a log is closed is read below.
        let mut is_over = !is_growing(path).map_err(failed)?;
        while file.read_until(b'\n', &mut line).map_err(failed)? > 0 && line.ends_with(b"\n") {
            is_empty = false;
            command.output.stdout(&log_lines(&String::from_utf8_lossy(&line)));
            line.clear();
        }
        if is_over && is_empty {
            // It may have been made just now.
            is_over = store.read(run)?.run.state != RunState::Running;
        }
        if is_over {
            command.output.stdout(&log_lines(&String::from_utf8_lossy(&line)));
            return Ok(());
        }
        std::thread::sleep(DELAY);
    }
}
