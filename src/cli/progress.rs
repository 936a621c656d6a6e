//! Shows running builds on standard error.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::options::ProgressKind;
use super::output::Output;
use crate::engine::Progress;
use crate::execute::{Event, Job};
use crate::model::{ProjectName, printable_lines, printable_log};
use crate::report::{json, text};

/// How often a spinner turns.
const TICK: Duration = Duration::from_millis(120);

/// Up to so many columns names are padded, so that what stands behind them begins in one column.
const MAX_NAME_COLUMNS: usize = 24;

pub(super) enum Display<'o> {
    /// A line for each running build, above which finished ones stay.
    Tty {
        bars: MultiProgress,
        /// How many columns names take.
        name_columns: usize,
        running: Mutex<BTreeMap<ProjectName, ProgressBar>>,
    },
    Lines {
        output: &'o Output,
        is_json: bool,
    },
    Nothing,
}

impl<'o> Display<'o> {
    pub(super) fn new(output: &'o Output, jobs: &[Job]) -> Self {
        let longest = jobs.iter().map(|job| job.project.as_str().len()).max().unwrap_or_default();
        match output.progress {
            ProgressKind::Tty => Self::Tty {
                bars: MultiProgress::new(),
                name_columns: longest.min(MAX_NAME_COLUMNS),
                running: Mutex::default(),
            },
            ProgressKind::Json => Self::Lines { output, is_json: true },
            ProgressKind::Auto | ProgressKind::Plain => Self::Lines { output, is_json: false },
            ProgressKind::None => Self::Nothing,
        }
    }

    pub(super) fn on_event(&self, event: &Event) {
        match self {
            Self::Nothing => {}
            Self::Lines { output, is_json: true } => output.event(&json::event(event)),
            Self::Lines { output, is_json: false } => {
                if let Some(line) = text::event(event) {
                    output.status(&line);
                }
            }
            Self::Tty { bars, name_columns, running } => {
                let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
                show(bars, *name_columns, &mut running, event);
            }
        }
    }

    /// Takes what is still shown away.
    pub(super) fn finish(&self) {
        if let Self::Tty { bars, .. } = self
            && let Err(error) = bars.clear()
        {
            tracing::debug!(%error, "the terminal is gone");
        }
    }
}

fn show(
    bars: &MultiProgress,
    name_columns: usize,
    running: &mut BTreeMap<ProjectName, ProgressBar>,
    event: &Event,
) {
    match event {
        Event::Started { project } | Event::Pulling { project, .. } => {
            let style = ProgressStyle::with_template("{spinner} {prefix} {wide_msg} {elapsed}");
            let bar = bars.add(ProgressBar::new_spinner());
            bar.set_style(style.expect("the template is valid"));
            bar.set_prefix(format!("{:name_columns$}", project.as_str()));
            bar.enable_steady_tick(TICK);
            if let Event::Pulling { image, .. } = event {
                bar.set_message(printable_log(&format!("pulling {image}")));
            }
            running.insert(project.clone(), bar);
        }
        Event::Progress { project, progress: Progress::StepStarted { step } } => {
            if let Some(bar) = running.get(project) {
                bar.set_message(printable_log(step));
            }
        }
        Event::Pushing { project, image } => {
            if let Some(bar) = running.get(project) {
                bar.set_message(printable_log(&format!("pushing {image}")));
            }
        }
        Event::Progress { progress: Progress::Warning { .. }, .. } | Event::RetryingPush { .. } => {
            println(bars, event);
        }
        Event::Progress { .. } => {}
        Event::Finished { project, .. } => {
            if let Some(bar) = running.remove(project) {
                bar.finish_and_clear();
            }
            println(bars, event);
        }
    }
}

/// Prints an event above the running builds.
fn println(bars: &MultiProgress, event: &Event) {
    if let Some(line) = text::event(event)
        && let Err(error) = bars.println(printable_lines(&line))
    {
        tracing::debug!(%error, "the terminal is gone");
    }
}
