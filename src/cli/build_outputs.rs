//! What a build says to the CI that runs it besides its answer: marks, and a summary.

use std::fs::OpenOptions;
use std::io::Write as _;

use super::CommandContext;
use crate::execute::{BuildReport, TwiceReport};
use crate::plan::Plan;
use crate::report::step_summary;

/// Writes what the CI has a place for. It asked for nothing of it, so what can't be written is a warning.
pub(super) fn write(
    command: &CommandContext,
    plan: &Plan,
    report: &BuildReport,
    twice: Option<&TwiceReport>,
) {
    let CommandContext { environment, output, .. } = command;
    if let Some(ci_log) = environment.ci_log() {
        for annotation in ci_log.annotations(report) {
            output.ci_command(&annotation);
        }
    }
    if let Some(file) = environment.step_summary() {
        let markdown = step_summary::markdown(plan, report, twice);
        let opened = OpenOptions::new().append(true).create(true).open(&file);
        if let Err(error) = opened.and_then(|mut file| file.write_all(markdown.as_bytes())) {
            tracing::warn!("cannot write `{}`, which `GITHUB_STEP_SUMMARY` names: {error}", file.display());
        }
    }
}
