//! What a build writes besides its answer: marks and a summary for the CI that runs it, and a file for those that show tests.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use serde_json::Value;

use super::CommandContext;
use crate::error::Error;
use crate::execute::BuildReport;
use crate::plan::Plan;
use crate::report::{junit, step_summary};

/// Writes them all; `junit` is the file to write, if one is wanted.
///
/// # Errors
/// [`Error::Write`] for the file that was asked for. What the CI asked for is not worth an error.
pub(super) fn write(
    command: &CommandContext,
    plan: &Plan,
    report: &BuildReport,
    junit: Option<&Path>,
) -> Result<(), Error> {
    let CommandContext { environment, output, .. } = command;
    if let Some(ci_log) = environment.ci_log() {
        for annotation in ci_log.annotations(report) {
            output.ci_command(&annotation);
        }
    }
    if let Some(file) = environment.step_summary() {
        let markdown = step_summary::markdown(plan, report);
        let opened = OpenOptions::new().append(true).create(true).open(&file);
        if let Err(error) = opened.and_then(|mut file| file.write_all(markdown.as_bytes())) {
            tracing::warn!("cannot write `{}`, which `GITHUB_STEP_SUMMARY` names: {error}", file.display());
        }
    }
    match junit {
        Some(path) => fs::write(path, junit::xml(plan, report))
            .map_err(|source| Error::Write { path: path.to_owned(), source }),
        None => Ok(()),
    }
}

/// Writes documents that other programs read, each to its file.
///
/// # Errors
/// [`Error::Write`] for the first that can't be written.
pub(super) fn write_documents<'f>(documents: impl Iterator<Item = (&'f Path, Value)>) -> Result<(), Error> {
    for (path, document) in documents {
        let failed = |source| Error::Write { path: path.to_owned(), source };
        fs::write(path, format!("{document}\n")).map_err(failed)?;
    }
    Ok(())
}
