use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use super::folder::{Limits, RunFolder, log_name};
use super::log::{LogLine, LogLines};
use super::rotation::{Bounds, rotate};
use super::*;
use crate::engine::Progress;
use crate::execute::{BuildReport, Event, Failure, Outcome, ProjectReport};
use crate::model::{CommitId, ErrorKind, InputDigest, ProjectName};
use crate::observe::{Base, Reason};
use crate::plan::{Action, Build, Plan, ProjectImpact, Step};

const LIMITS: Limits = Limits { of_file: 1_000, of_run: 10_000 };

fn name(name: &str) -> ProjectName {
    name.parse().unwrap()
}

fn plan(projects: &[&str]) -> Plan {
    let step = |project: &&str| Step {
        impact: ProjectImpact {
            project: name(project),
            is_changed: true,
            is_affected: true,
            needs: Vec::new(),
            reasons: Vec::new(),
        },
        digest: InputDigest::from_bytes([1; 32]),
        files: 1,
        action: Action::Build(Build { reasons: vec![Reason::NoImage], taints: Vec::new() }),
    };
    Plan {
        head: "1".repeat(40).parse::<CommitId>().unwrap(),
        is_dirty: false,
        base: Base::Unknown { why: "a shallow clone".to_owned() },
        steps: projects.iter().map(step).collect(),
    }
}

fn start(plan: &Plan) -> Start<'_> {
    Start { plan, workspace: "shop", branch: None, is_trusted: true, is_local: false, slots: 2 }
}

fn progress(project: &str, progress: Progress) -> Event {
    Event::Progress { project: name(project), progress }
}

fn log(project: &str, text: &str) -> Event {
    progress(project, Progress::Log { step: "[2/2] RUN make".to_owned(), text: text.to_owned() })
}

fn failed() -> Outcome {
    Outcome::Failed(Failure {
        causes: vec!["it failed".to_owned(), "exit code: 2".to_owned()],
        step: Some("[2/2] RUN make".to_owned()),
        message: None,
        at: None,
        exit_code: Some(2),
        log_tail: Vec::new(),
        hint: None,
        kind: ErrorKind::Failed,
        is_of_build: true,
    })
}

fn report(projects: &[(&str, Outcome)]) -> BuildReport {
    let project = |(project, outcome): &(&str, Outcome)| {
        (name(project), ProjectReport::new(outcome.clone(), Duration::from_secs(1)))
    };
    BuildReport {
        projects: projects.iter().map(project).collect(),
        is_interrupted: false,
        took: Duration::from_secs(1),
        estimated: None,
        saved: None,
        inline_cache_fault: None,
        lost_builders: Vec::new(),
    }
}

/// The lines of a log without their times.
fn without_times(log: &str) -> Vec<String> {
    let line = |line: &str| {
        let (time, rest) = line.trim_start().split_once(' ').unwrap();
        assert!(time.parse::<f64>().is_ok(), "{line}");
        rest.to_owned()
    };
    log.lines().map(line).collect()
}

#[test]
fn a_run_keeps_all_that_its_builds_print_and_how_they_ended() {
    let folder = tempfile::tempdir().unwrap();
    let (store, plan) = (Store::of(folder.path()), plan(&["api"]));
    let recorder = Recorder::new(&start(&plan), &store, None).unwrap();
    let step = "[2/2] RUN make".to_owned();

    recorder.on_event(&Event::Started { project: name("api") });
    recorder.on_event(&progress("api", Progress::StepStarted { step: step.clone() }));
    recorder.on_event(&log("api", "one\ntw"));
    let while_it_runs = store.newest(None, |_| true).unwrap().unwrap();
    let part = fs::read_to_string(while_it_runs.log("api").unwrap()).unwrap();
    recorder.on_event(&log("api", "o"));
    recorder.on_event(&Event::Finished {
        project: name("api"),
        outcome: failed(),
        took: Duration::from_secs(1),
    });
    let mut report = report(&[("api", failed())]);
    recorder.finish(&mut report);

    assert_eq!(while_it_runs.run.state, RunState::Running);
    assert_eq!(without_times(&part), ["#1 [2/2] RUN make", "#1 | one"]);
    let kept = store.read(1).unwrap();
    let whole = fs::read_to_string(kept.log("api").unwrap()).unwrap();
    assert_eq!(
        without_times(&whole),
        ["#1 [2/2] RUN make", "#1 | one", "#1 | two", "#1 FAILED", "failed: it failed: exit code: 2"]
    );
    assert_eq!(kept.run.state, RunState::Failed);
    assert_eq!(report.projects[&name("api")].log, kept.log("api"));
    let api = kept.run.project("api").unwrap();
    assert_eq!((api.outcome, api.slot, api.reasons.len()), (ProjectOutcome::Failed, Some(0), 1));
    assert!(api.steps[0].failed && api.failure.as_ref().unwrap().exit_code == Some(2), "{api:?}");
}

#[test]
fn what_a_second_build_prints_is_added_to_the_log_and_the_document_is_about_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let (store, plan) = (Store::of(folder.path()), plan(&["api"]));
    let recorder = Recorder::new(&start(&plan), &store, None).unwrap();
    let build = |text: &str, outcome: Outcome| {
        recorder.on_event(&Event::Started { project: name("api") });
        recorder.on_event(&log("api", text));
        recorder.on_event(&Event::Finished { project: name("api"), outcome, took: Duration::ZERO });
    };

    build("first\n", Outcome::Cancelled);
    recorder.stop();
    recorder.start_second_builds();
    build("second\n", failed());
    recorder.finish(&mut report(&[("api", Outcome::Cancelled)]));

    let kept = store.read(1).unwrap();
    let lines = without_times(&fs::read_to_string(kept.log("api").unwrap()).unwrap());
    let step = "#1 [2/2] RUN make";
    let second = ["built again, without the layer cache", step, "#1 | second", "#1 FAILED"];
    let last = "failed: it failed: exit code: 2";
    assert_eq!(lines, [&[step, "#1 | first", "cancelled"], &second[..], &[last]].concat());
    let api = kept.run.project("api").unwrap();
    assert!(
        api.outcome == ProjectOutcome::Cancelled && api.failure.is_none() && api.steps.len() <= 1,
        "{api:?}"
    );
}

#[test]
fn runs_at_one_time_have_folders_of_their_own_that_others_can_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let (store, plan) = (Store::of(folder.path()), plan(&["api"]));

    let recorders = [(); 3].map(|()| Recorder::new(&start(&plan), &store, None).unwrap());
    for recorder in &recorders {
        recorder.on_event(&Event::Started { project: name("api") });
    }

    assert_eq!(store.numbers().unwrap(), [1, 2, 3]);
    for kept in store.all().unwrap() {
        let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&kept.folder), 0o700);
        assert_eq!(mode(&kept.log("api").unwrap()), 0o600);
        assert_eq!(mode(&kept.folder.join("run.json")), 0o600);
    }
}

#[test]
fn a_run_that_ended_without_a_word_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    let (store, plan) = (Store::of(folder.path()), plan(&["api"]));

    drop(Recorder::new(&start(&plan), &store, None).unwrap());

    assert_eq!(store.read(1).unwrap().run.state, RunState::Killed);
}

#[test]
fn the_oldest_runs_are_removed_and_those_that_go_on_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut open = Vec::new();
    for number in 1..=6 {
        let (made, mut run) = RunFolder::next(folder.path(), LIMITS).unwrap();
        run.open_log("api").unwrap();
        run.append("api", &"x".repeat(100)).unwrap();
        assert_eq!(made, number);
        if number == 2 {
            open.push(run);
        }
    }

    rotate(folder.path(), 6, Bounds { runs: 4, bytes: 250 }).unwrap();

    assert_eq!(super::folder::numbers(folder.path()).unwrap(), [2, 5, 6]);
}

#[test]
fn a_log_ends_at_its_limit_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = RunFolder::named(folder.path(), LIMITS).unwrap();
    run.open_log("api").unwrap();

    for _ in 0..100 {
        run.append("api", &format!("{}\n", "x".repeat(99))).unwrap();
    }

    let log = fs::read_to_string(folder.path().join(log_name("api"))).unwrap();
    assert_eq!(log.matches("x\n").count(), 10);
    assert!(log.ends_with("this log reached the limit: the rest is not kept\n"), "{log}");
}

#[test]
fn a_folder_that_can_not_be_written_fails_nothing() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("chinampa"), "in the way").unwrap();
    let (store, plan) = (Store::of(folder.path()), plan(&["api"]));

    let recorder = Recorder::new(&start(&plan), &store, None).unwrap();
    recorder.on_event(&Event::Started { project: name("api") });
    let mut report = report(&[("api", failed())]);
    let run = recorder.finish(&mut report);

    assert_eq!((run.number, run.state), (None, RunState::Failed));
    assert_eq!(report.projects[&name("api")].log, None);
}

#[test]
fn lines_are_whole_however_they_come_and_progress_that_is_overwritten_is_a_line_each() {
    let mut lines = LogLines::new();
    let at = Duration::from_millis(1_500);
    let step = "[2/2] RUN make";

    let mut text = lines.line(at, &LogLine::StepStarted { step });
    for piece in ["10 %\r", "20 %\r\nfirst\r\n", "\nlast", " word"] {
        text += &lines.output(at, step, piece);
    }
    text += &lines.line(at, &LogLine::StepDone { step, took: at });
    text += &lines.output(at, step, "a step of that name once more\n");

    assert_eq!(
        without_times(&text),
        [
            "#1 [2/2] RUN make",
            "#1 | 10 %",
            "#1 | 20 %",
            "#1 | first",
            "#1 | ",
            "#1 | last word",
            "#1 DONE 1.5 s",
            "#2 [2/2] RUN make",
            "#2 | a step of that name once more"
        ]
    );
}
