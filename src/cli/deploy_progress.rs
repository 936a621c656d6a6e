//! Shows a deployment on standard error while it lasts.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::options::ProgressKind;
use super::output::Output;
use super::progress;
use super::terminal::Drawn;
use crate::deploy::DeployEvent;
use crate::report::live_deployment::LiveDeployment;
use crate::report::{deploy_event, deployment};

pub(super) struct DeployDisplay<'o> {
    output: &'o Output,
    started: Instant,
    kind: Kind,
}

enum Kind {
    /// Lines at the bottom of the terminal.
    Tty(Mutex<Drawing>),
    /// Each event is a line.
    Lines,
    Json,
    Nothing,
}

/// What is drawn, and when it was.
struct Drawing {
    live: LiveDeployment,
    drawn: Drawn,
}

impl<'o> DeployDisplay<'o> {
    /// Of a deployment that changes something: a dry run has lines that are read afterwards.
    pub(super) fn new(output: &'o Output, is_dry_run: bool) -> Self {
        let kind = match output.progress {
            ProgressKind::Tty if !is_dry_run => {
                Kind::Tty(Mutex::new(Drawing { live: LiveDeployment::new(), drawn: Drawn::default() }))
            }
            ProgressKind::Tty | ProgressKind::Auto | ProgressKind::Plain => Kind::Lines,
            ProgressKind::Json => Kind::Json,
            ProgressKind::None => Kind::Nothing,
        };
        Self { output, started: Instant::now(), kind }
    }

    /// Shows what happens while the work lasts, and takes away what was drawn when it is done.
    pub(super) async fn show_while<T>(&self, work: impl Future<Output = T>) -> T {
        match &self.kind {
            Kind::Tty(drawing) => progress::show_while(work, || self.draw(drawing)).await,
            Kind::Lines | Kind::Json | Kind::Nothing => work.await,
        }
    }

    pub(super) fn on_event(&self, event: &DeployEvent) {
        match &self.kind {
            Kind::Tty(drawing) => {
                let mut drawing = drawing.lock().unwrap_or_else(PoisonError::into_inner);
                drawing.live.on_event(event, self.started.elapsed());
                drawing.drawn.outdate();
            }
            Kind::Json => self.output.event(&deploy_event::json(event)),
            // Nobody could tell why nothing goes on.
            Kind::Nothing if !matches!(event, DeployEvent::Waiting { .. }) => {}
            Kind::Lines | Kind::Nothing => {
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
