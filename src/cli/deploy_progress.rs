//! Shows a deployment on standard error while it lasts.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::options::ProgressKind;
use super::output::Output;
use super::progress;
use super::terminal::Drawn;
use crate::deploy::DeployEvent;
use crate::report::deployment;
use crate::report::live_deployment::LiveDeployment;

pub(super) struct DeployDisplay<'o> {
    output: &'o Output,
    started: Instant,
    /// `None` where there is no terminal: then each event is a line.
    drawing: Option<Mutex<Drawing>>,
}

/// What is drawn, and when it was.
struct Drawing {
    live: LiveDeployment,
    drawn: Drawn,
}

impl<'o> DeployDisplay<'o> {
    /// Of a deployment that changes something: a dry run has lines that are read afterwards.
    pub(super) fn new(output: &'o Output, is_dry_run: bool) -> Self {
        let drawing = (output.progress == ProgressKind::Tty && !is_dry_run)
            .then(|| Mutex::new(Drawing { live: LiveDeployment::new(), drawn: Drawn::default() }));
        Self { output, started: Instant::now(), drawing }
    }

    /// Shows what happens while the work lasts, and takes away what was drawn when it is done.
    pub(super) async fn show_while<T>(&self, work: impl Future<Output = T>) -> T {
        match &self.drawing {
            Some(drawing) => progress::show_while(work, || self.draw(drawing)).await,
            None => work.await,
        }
    }

    pub(super) fn on_event(&self, event: &DeployEvent) {
        match &self.drawing {
            Some(drawing) => {
                let mut drawing = drawing.lock().unwrap_or_else(PoisonError::into_inner);
                drawing.live.on_event(event, self.started.elapsed());
                drawing.drawn.outdate();
            }
            None => {
                if let Some(line) = deployment::event(event) {
                    self.output.status(&line);
                }
            }
        }
    }

    fn draw(&self, drawing: &Mutex<Drawing>) {
        let now = self.started.elapsed();
        let mut drawing = drawing.lock().unwrap_or_else(PoisonError::into_inner);
        let Drawing { live, drawn } = &mut *drawing;
        drawn.redraw(now, self.output.stderr_styles(), |columns, lines| live.frame(now, columns, lines));
    }
}
