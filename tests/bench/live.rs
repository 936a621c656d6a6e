//! Measures the processor time of the live display: 50 projects that run at once and print much, on a wide terminal.
//!
//! usage: cargo bench --bench live -- SECONDS

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark is run by hand and prints what it measured"
)]

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use chinampa::internals::engine::Progress;
use chinampa::internals::execute::{Durations, Event, Forecast};
use chinampa::internals::graph::ProjectGraph;
use chinampa::internals::model::ProjectName;
use chinampa::internals::report::Live;

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PROJECTS: usize = 50;

/// From one drawing to the next, as the program draws.
const TICK: Duration = Duration::from_millis(100);

/// How many pieces of output each project prints from one drawing to the next: 50 a second, as a compiler does.
const LINES: usize = 5;

/// A step takes so many drawings.
const STEP: usize = 20;

const SIZE: (usize, usize) = (199, 120);

/// Prints how much of one core the display took, in per cent.
fn main() {
    // Cargo adds `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [seconds] = &arguments[..] else { panic!("usage: SECONDS") };
    let drawings = seconds.parse::<usize>().unwrap() * 10;
    let names: Vec<ProjectName> = (0..PROJECTS).map(|it| format!("service-{it}").parse().unwrap()).collect();
    let graph =
        names.iter().map(|name| (name.clone(), Vec::new())).collect::<BTreeMap<_, Vec<ProjectName>>>();
    let graph = ProjectGraph::new(&graph).unwrap();
    let durations = Durations::default();
    let parallelism = NonZeroUsize::new(PROJECTS).unwrap();
    let mut live = Live::new(&[], Forecast { graph: &graph, durations: &durations, parallelism });
    let mut terminal = OpenOptions::new().write(true).open("/dev/null").unwrap();

    let begun = Instant::now();
    for project in &names {
        live.on_event(&Event::Started { project: project.clone() }, Duration::ZERO);
    }
    let before = processor_time();
    for drawing in 0..drawings {
        for project in &names {
            for progress in progress(drawing) {
                let event = Event::Progress { project: project.clone(), progress };
                live.on_event(&event, begun.elapsed());
            }
        }
        let frame = live.frame(begun.elapsed(), SIZE.0, SIZE.1);
        terminal.write_all(frame.ansi().as_bytes()).unwrap();
        let next = TICK * u32::try_from(drawing + 1).unwrap();
        std::thread::sleep(next.saturating_sub(begun.elapsed()));
    }
    let took = processor_time() - before;
    println!("{:.3}", took.as_secs_f64() / begun.elapsed().as_secs_f64() * 100.0);
}

/// What the build of a project tells from one drawing to the next.
fn progress(drawing: usize) -> Vec<Progress> {
    let step = |number: usize| format!("[build {number}/9] RUN cargo build --release --locked");
    let now = drawing / STEP;
    let mut progress = Vec::new();
    if drawing.is_multiple_of(STEP) {
        if now > 0 {
            progress.push(Progress::StepDone { step: step(now - 1), cached: false, took: TICK });
        }
        progress.push(Progress::StepStarted { step: step(now) });
    }
    let line = |number| {
        let text =
            format!("   Compiling a-crate-with-a-name v0.{drawing}.{number} (/src/crates/number-{number})\n");
        Progress::Log { step: step(now), text }
    };
    progress.extend((0..LINES).map(line));
    progress
}

/// Of this thread, the only one: the first number is in nanoseconds.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}
