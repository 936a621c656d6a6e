//! Makes sense of what the engine says while it builds.
//!
//! BuildKit reports vertices of its graph; one is reported again whenever something about it
//! changes, so they are merged by digest. A vertex that runs or copies is a step; the others
//! (loading the Dockerfile, resolving parents, exporting) are work without a number.
//!
//! A vertex that fails need not fail the build: a cache source that does not exist is reported as a
//! failed import, and the build continues.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use bollard_buildkit_proto::google::protobuf::Timestamp;
use bollard_buildkit_proto::moby::buildkit::v1::{StatusResponse, Vertex};

use super::{EngineError, Progress, Step, StepLabel};

/// How much of a step's output is kept in case it fails.
const TAIL_LINES: usize = 20;
const MAX_LINE_BYTES: usize = 4096;

/// The build check of the engine's frontend that compares the platform of a base image. Its name begins the warning.
const BASE_PLATFORM_RULE: &str = "InvalidBaseImagePlatform:";

/// What is known so far of one build.
#[derive(Default)]
pub(super) struct Trace {
    vertices: HashMap<String, Seen>,
    /// The warning about a base image of another platform.
    other_platform: Option<String>,
}

#[derive(Default)]
struct Seen {
    name: String,
    /// Seconds and nanoseconds.
    started: Option<(i64, i32)>,
    done: bool,
    cached: bool,
    failed: Option<Failure>,
    tail: Tail,
}

struct Failure {
    message: String,
    /// Seconds and nanoseconds: the failure that came first is the cause of the others.
    at: (i64, i32),
}

impl Trace {
    /// Takes in one report and tells what is new in it.
    pub(super) fn update(&mut self, status: StatusResponse, on_progress: &(dyn Fn(Progress) + Send + Sync)) {
        for vertex in status.vertexes {
            self.see(vertex, on_progress);
        }
        for warning in status.warnings {
            let text = String::from_utf8_lossy(&warning.short).into_owned();
            if text.starts_with(BASE_PLATFORM_RULE) {
                self.other_platform.get_or_insert_with(|| text.clone());
            }
            let url = Some(warning.url).filter(|url| !url.is_empty());
            on_progress(Progress::Warning { text, url });
        }
        for log in status.logs {
            let Some(seen) = self.vertices.get_mut(&log.vertex) else { continue };
            seen.tail.push(&log.msg);
            on_progress(Progress::Log {
                step: seen.name.clone(),
                text: String::from_utf8_lossy(&log.msg).into_owned(),
            });
        }
    }

    fn see(&mut self, vertex: Vertex, on_progress: &(dyn Fn(Progress) + Send + Sync)) {
        let seen = self.vertices.entry(vertex.digest).or_default();
        seen.name = vertex.name;
        seen.cached |= vertex.cached;
        let is_told = !is_internal(&seen.name);
        if let (Some(started), None) = (&vertex.started, seen.started) {
            seen.started = Some((started.seconds, started.nanos));
            if is_told {
                on_progress(Progress::StepStarted { step: seen.name.clone() });
            }
        }
        let Some(completed) = vertex.completed else { return };
        if !vertex.error.is_empty() {
            let at = (completed.seconds, completed.nanos);
            seen.failed.get_or_insert(Failure { message: vertex.error, at });
        } else if !seen.done {
            seen.done = true;
            if is_told {
                let took = vertex.started.map_or(Duration::ZERO, |started| between(&started, &completed));
                on_progress(Progress::StepDone { step: seen.name.clone(), cached: seen.cached, took });
            }
        }
    }

    /// The engine's warning about a base image of another platform than the one that is built for.
    pub(super) fn other_platform(&mut self) -> Option<String> {
        self.other_platform.take()
    }

    /// Why the layers could not be kept in a registry, for which no build fails.
    pub(super) fn failed_cache_export(&self) -> Option<&str> {
        let exports = self.vertices.values().filter(|seen| is_cache_export(&seen.name));
        exports.filter_map(|seen| Some(seen.failed.as_ref()?.message.as_str())).next()
    }

    /// Which kept layers could not be read from a registry, and why. Those that were never kept are among them.
    pub(super) fn failed_cache_imports(&self) -> impl Iterator<Item = (&str, &str)> {
        let imports = self.vertices.values().filter(|seen| is_cache_import(&seen.name));
        imports.filter_map(|seen| Some((seen.name.as_str(), seen.failed.as_ref()?.message.as_str())))
    }

    /// Whether the engine does anything, its own work included.
    pub(super) fn is_busy(&self) -> bool {
        self.vertices.values().any(|seen| seen.started.is_some() && !seen.done && seen.failed.is_none())
    }

    /// Whether something is known that has not started. BuildKit says that it has only when its turn has come.
    pub(super) fn is_waiting(&self) -> bool {
        self.vertices.values().any(|seen| seen.started.is_none() && !seen.done && seen.failed.is_none())
    }

    /// The step that started last of those that are not done.
    pub(super) fn running(&self) -> Option<String> {
        let is_running = |seen: &&Seen| !seen.done && seen.failed.is_none() && !is_internal(&seen.name);
        let running = self.vertices.values().filter(is_running);
        let (_, name) = running.filter_map(|seen| Some((seen.started?, &seen.name))).max()?;
        Some(name.clone())
    }

    /// The steps that are done, by name.
    pub(super) fn steps(self) -> Vec<Step> {
        let is_step = |name: &str| StepLabel::parse(name).is_some_and(|label| label.is_step());
        let done = self.vertices.into_values().filter(|seen| seen.done && is_step(&seen.name));
        let mut steps: Vec<Step> = done.map(|seen| Step { name: seen.name, cached: seen.cached }).collect();
        steps.sort_by(|one, other| one.name.cmp(&other.name));
        steps
    }

    /// The error of a build that failed; `message` is the engine's own, for a failure outside of any step.
    ///
    /// The failed step is the one whose error the engine's message repeats. Where it repeats none or
    /// several, it is the earliest of them: the others were cancelled because of it.
    pub(super) fn failure(self, message: String) -> EngineError {
        let failed = self
            .vertices
            .into_values()
            .filter(|seen| !is_cache_import(&seen.name) && !is_cache_export(&seen.name))
            .filter_map(|mut seen| Some((seen.failed.take()?, seen)));
        let order = |(failure, seen): &(Failure, Seen)| {
            let is_repeated = message.contains(&failure.message);
            (!is_repeated, failure.at, seen.name.clone())
        };
        match failed.min_by_key(order) {
            Some((failure, seen)) => EngineError::BuildFailed {
                step: Some(seen.name),
                log_tail: seen.tail.into_lines(),
                message: failure.message,
            },
            None => EngineError::BuildFailed { step: None, log_tail: Vec::new(), message },
        }
    }
}

/// The last lines of an output that comes in pieces.
#[derive(Default)]
struct Tail {
    lines: VecDeque<Vec<u8>>,
    /// Whether the last line may go on.
    is_open: bool,
}

impl Tail {
    fn push(&mut self, output: &[u8]) {
        for piece in output.split_inclusive(|&byte| byte == b'\n') {
            if !self.is_open {
                self.lines.push_back(Vec::new());
                if self.lines.len() > TAIL_LINES {
                    self.lines.pop_front();
                }
            }
            let text = piece.strip_suffix(b"\n").unwrap_or(piece);
            if let Some(line) = self.lines.back_mut() {
                let room = MAX_LINE_BYTES.saturating_sub(line.len());
                line.extend_from_slice(&text[..text.len().min(room)]);
            }
            self.is_open = text.len() == piece.len();
        }
    }

    fn into_lines(self) -> Vec<String> {
        self.lines
            .iter()
            .map(|line| String::from_utf8_lossy(line).trim_end_matches('\r').to_owned())
            .collect()
    }
}

/// Whether a vertex reads a cache source. The engine builds without a source that cannot be read.
fn is_cache_import(name: &str) -> bool {
    name.starts_with("importing cache manifest from ")
}

/// Whether a vertex writes the layers of all stages to a registry.
fn is_cache_export(name: &str) -> bool {
    name.starts_with("exporting cache to ")
}

fn is_internal(name: &str) -> bool {
    name.starts_with("[internal]")
}

/// Zero when the clock went back.
fn between(started: &Timestamp, completed: &Timestamp) -> Duration {
    let nanoseconds = |time: &Timestamp| i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos);
    let took = (nanoseconds(completed) - nanoseconds(started)).max(0);
    u64::try_from(took).map_or(Duration::MAX, Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use bollard_buildkit_proto::moby::buildkit::v1::{VertexLog, VertexWarning};

    use super::*;

    fn vertex(digest: &str, name: &str) -> Vertex {
        Vertex { digest: digest.to_owned(), name: name.to_owned(), ..Vertex::default() }
    }

    fn at(seconds: i64) -> Option<Timestamp> {
        Some(Timestamp { seconds, nanos: 0 })
    }

    fn failed(digest: &str, name: &str, time: i64, error: &str) -> Vertex {
        Vertex { completed: at(time), error: error.to_owned(), ..vertex(digest, name) }
    }

    fn report(trace: &mut Trace, vertexes: Vec<Vertex>, logs: Vec<VertexLog>) -> Vec<Progress> {
        let reported = std::sync::Mutex::new(Vec::new());
        let status = StatusResponse { vertexes, logs, ..StatusResponse::default() };
        trace.update(status, &|progress| reported.lock().unwrap().push(progress));
        reported.into_inner().unwrap()
    }

    #[test]
    fn what_is_known_and_has_not_started_waits_for_its_turn() {
        let mut trace = Trace::default();
        let states = |trace: &Trace| (trace.is_busy(), trace.is_waiting());
        assert_eq!(states(&trace), (false, false));

        report(&mut trace, vec![vertex("a", "[1/1] RUN make")], vec![]);
        assert_eq!(states(&trace), (false, true));
        report(&mut trace, vec![Vertex { started: at(1), ..vertex("a", "[1/1] RUN make") }], vec![]);
        assert_eq!(states(&trace), (true, false));
        let done = Vertex { started: at(1), completed: at(2), ..vertex("a", "[1/1] RUN make") };
        report(&mut trace, vec![done], vec![]);
        assert_eq!(states(&trace), (false, false));
    }

    #[test]
    fn a_step_that_is_reported_often_counts_once() {
        let mut trace = Trace::default();
        let started = Vertex { started: at(10), ..vertex("a", "[2/2] RUN x") };
        let done = Vertex { completed: at(12), cached: true, ..started.clone() };

        let reported = report(&mut trace, vec![started.clone(), started, done.clone(), done], vec![]);

        let step = "[2/2] RUN x".to_owned();
        let took = Duration::from_secs(2);
        assert_eq!(
            reported,
            [Progress::StepStarted { step: step.clone() }, Progress::StepDone { step, cached: true, took }]
        );
        assert_eq!(trace.running(), None);
        assert_eq!(trace.steps(), [Step { name: "[2/2] RUN x".to_owned(), cached: true }]);
    }

    #[test]
    fn the_first_failure_is_the_cause() {
        let mut trace = Trace::default();
        report(
            &mut trace,
            vec![
                failed("b", "[b 2/2] RUN b", 20, "canceled"),
                failed("a", "[a 2/2] RUN a", 19, "exit code: 3"),
            ],
            vec![],
        );

        let EngineError::BuildFailed { step, message, .. } = trace.failure("all".to_owned()) else {
            panic!()
        };

        assert_eq!(step.as_deref(), Some("[a 2/2] RUN a"));
        assert_eq!(message, "exit code: 3");
    }

    // issue 14: E8
    #[test]
    fn a_warning_is_reported_and_one_about_the_base_images_platform_is_kept() {
        let mut trace = Trace::default();
        let warning = |short: &str, url: &str| VertexWarning {
            short: short.as_bytes().to_vec(),
            url: url.to_owned(),
            ..VertexWarning::default()
        };
        let platform = "InvalidBaseImagePlatform: Base image a was pulled with platform \"linux/amd64\", \
            expected \"linux/arm64\" for current build (line 1)";
        let warnings =
            vec![warning("FromAsCasing: no match (line 2)", "https://a.example/x"), warning(platform, "")];
        let reported = std::sync::Mutex::new(Vec::new());

        let status = StatusResponse { warnings, ..StatusResponse::default() };
        trace.update(status, &|progress| reported.lock().unwrap().push(progress));

        let warning = |text: &str, url: Option<&str>| Progress::Warning {
            text: text.to_owned(),
            url: url.map(str::to_owned),
        };
        assert_eq!(
            reported.into_inner().unwrap(),
            [
                warning("FromAsCasing: no match (line 2)", Some("https://a.example/x")),
                warning(platform, None)
            ]
        );
        assert_eq!(trace.other_platform().as_deref(), Some(platform));
    }

    // issue 14: E5
    #[test]
    fn a_cache_source_that_does_not_exist_is_not_the_cause() {
        let mut trace = Trace::default();
        let import = "importing cache manifest from r.example/api:branch-main";
        report(
            &mut trace,
            vec![
                failed("i", import, 10, "not found"),
                failed("s", "[2/2] RUN x", 20, "executor failed running [/bin/sh -c x]: exit code: 3"),
            ],
            vec![],
        );

        let error = trace.failure("executor failed running [/bin/sh -c x]: exit code: 3".to_owned());

        assert_eq!(error.step(), Some("[2/2] RUN x"));
        assert_eq!(error.exit_code(), Some(3));

        let mut trace = Trace::default();
        report(&mut trace, vec![failed("i", import, 10, "not found")], vec![]);

        let error = trace.failure("dockerfile parse error line 2".to_owned());

        assert_eq!(error.step(), None);
        assert_eq!(error.to_string(), "the build failed: dockerfile parse error line 2");
    }

    #[test]
    fn a_step_whose_error_the_engine_repeats_is_the_cause_though_another_failed_earlier() {
        let mut trace = Trace::default();
        report(
            &mut trace,
            vec![
                failed("o", "[auth] r.example/api:pull", 10, "denied"),
                failed("s", "[2/2] RUN x", 20, "exit code: 3"),
            ],
            vec![],
        );

        let error = trace.failure("failed to solve: exit code: 3".to_owned());

        assert_eq!(error.step(), Some("[2/2] RUN x"));
    }

    #[test]
    fn the_tail_is_the_last_lines_however_they_came() {
        let mut tail = Tail::default();
        for number in 0..30 {
            tail.push(format!("line {number}").as_bytes());
            tail.push(b" goes on\r\n");
        }
        tail.push(&[b'x'; 10_000]);

        let lines = tail.into_lines();

        assert_eq!(lines.len(), TAIL_LINES);
        assert_eq!(lines[0], "line 11 goes on");
        assert_eq!(lines[TAIL_LINES - 1].len(), MAX_LINE_BYTES);
    }
}
