//! Shows running builds on standard error.

use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};
use tokio::time::MissedTickBehavior;

use super::options::ProgressKind;
use super::output::Output;
use super::terminal::{self, Drawn, Size};
use crate::engine::Progress;
use crate::execute::{Event, Forecast, Job, Work};
use crate::report::ci_log::{CiLog, Line};
use crate::report::live::Live;
use crate::report::plain::Plain;
use crate::report::styled::{Role, StyledLine};
use crate::report::{json, text};

/// The least time from one drawing to the next.
const TICK: Duration = Duration::from_millis(100);

pub(super) struct Display<'o> {
    output: &'o Output,
    started: Instant,
    kind: Kind<'o>,
}

enum Kind<'o> {
    /// Lines at the bottom of the terminal.
    Tty(Box<Mutex<Drawing<'o>>>),
    Plain(Mutex<Plain>),
    Json,
    Nothing,
}

/// What is drawn, and when it was.
struct Drawing<'o> {
    live: Live<'o>,
    drawn: Drawn,
}

impl<'o> Display<'o> {
    pub(super) fn new(
        output: &'o Output,
        ci_log: Option<CiLog>,
        jobs: &[Job],
        forecast: Forecast<'o>,
    ) -> Self {
        let parallelism = forecast.parallelism.get();
        let kind = match output.progress {
            ProgressKind::Tty => {
                let live = Live::new(jobs, forecast);
                Kind::Tty(Box::new(Mutex::new(Drawing { live, drawn: Drawn::default() })))
            }
            ProgressKind::Json => Kind::Json,
            ProgressKind::Auto | ProgressKind::Plain => {
                let builds = jobs.iter().filter(|job| !matches!(job.work, Work::Reuse { .. })).count();
                Kind::Plain(Mutex::new(Plain::new(ci_log, builds.min(parallelism))))
            }
            ProgressKind::None => Kind::Nothing,
        };
        Self { output, started: Instant::now(), kind }
    }

    /// Shows what happens while the work lasts, and takes away what was drawn when it is done.
    pub(super) async fn show_while<T>(&self, work: impl Future<Output = T>) -> T {
        show_while(work, || self.on_tick()).await
    }

    pub(super) fn on_event(&self, event: &Event) {
        let now = self.started.elapsed();
        match &self.kind {
            Kind::Nothing => {}
            Kind::Json => self.output.event(&json::event(event)),
            Kind::Plain(plain) => {
                let mut plain = plain.lock().unwrap_or_else(PoisonError::into_inner);
                self.write(plain.on_event(event, now));
            }
            Kind::Tty(drawing) => {
                let mut drawing = drawing.lock().unwrap_or_else(PoisonError::into_inner);
                drawing.live.on_event(event, now);
                drawing.drawn.outdate();
                if let (Some(role), Some(line)) = (role_above(event), text::event(event)) {
                    let line = StyledLine::new().text(role, &line).fit(Size::of_stderr().columns);
                    terminal::write_line_above(&line, self.output.stderr_styles());
                }
            }
        }
    }

    fn on_tick(&self) {
        let now = self.started.elapsed();
        match &self.kind {
            Kind::Nothing | Kind::Json => {}
            Kind::Plain(plain) => {
                let mut plain = plain.lock().unwrap_or_else(PoisonError::into_inner);
                self.write(plain.on_silence(now));
            }
            Kind::Tty(drawing) => {
                let mut drawing = drawing.lock().unwrap_or_else(PoisonError::into_inner);
                let Drawing { live, drawn } = &mut *drawing;
                drawn.redraw(now, self.output.stderr_styles(), |columns, lines| {
                    live.frame(now, columns, lines)
                });
            }
        }
    }

    fn write(&self, lines: Vec<Line>) {
        for line in lines {
            match line {
                Line::Text(line) => self.output.status(&line),
                Line::Command(line) => self.output.ci_command(&line),
            }
        }
    }
}

/// Draws again and again while the work lasts, and takes away what was drawn when it is done.
pub(super) async fn show_while<T>(work: impl Future<Output = T>, on_tick: impl Fn()) -> T {
    let mut work = pin!(work);
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let done = loop {
        match select(work.as_mut(), pin!(ticks.tick())).await {
            Either::Left((done, _)) => break done,
            Either::Right(_) => on_tick(),
        }
    };
    terminal::clear();
    done
}

/// What an event is to the reader if it is worth a line that stays above what is drawn.
fn role_above(event: &Event) -> Option<Role> {
    match event {
        Event::Progress { progress: Progress::Warning { .. }, .. } | Event::RetryingPush { .. } => {
            Some(Role::Warning)
        }
        Event::Finished { outcome, .. } => outcome.is_failure().then_some(Role::Failure),
        Event::Claimed { .. }
        | Event::Started { .. }
        | Event::Progress { .. }
        | Event::Pulling { .. }
        | Event::Pushing { .. } => None,
    }
}
