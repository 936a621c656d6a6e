use insta::assert_snapshot;

use super::*;
use crate::execute::{DockerfileLine, Failure};
use crate::model::{ErrorKind, ImageRef, ManifestDigest, RepoPath};

fn name(text: &str) -> ProjectName {
    text.parse().unwrap()
}

/// What is written of events, each at its time in seconds, as the terminal or the CI gets it.
fn written(plain: &mut Plain, events: Vec<(f64, Event)>) -> String {
    let lines = events.iter().flat_map(|(at, event)| plain.on_event(event, Duration::from_secs_f64(*at)));
    shown(lines.collect())
}

fn shown(lines: Vec<Line>) -> String {
    let line = |line: Line| match line {
        Line::Text(line) => crate::model::printable_lines(&line),
        Line::Command(line) => format!("COMMAND {}", line.replace('\u{1b}', "^").replace('\r', "<cr>")),
    };
    lines.into_iter().map(line).collect::<Vec<_>>().join("\n")
}

fn started(project: &str) -> Event {
    Event::Started { project: name(project) }
}

fn step_started(project: &str, step: &str) -> Event {
    Event::Progress { project: name(project), progress: Progress::StepStarted { step: step.to_owned() } }
}

fn step_done(project: &str, step: &str, cached: bool) -> Event {
    let took = Duration::from_millis(1500);
    Event::Progress {
        project: name(project),
        progress: Progress::StepDone { step: step.to_owned(), cached, took },
    }
}

fn log(project: &str, step: &str, text: &str) -> Event {
    let progress = Progress::Log { step: step.to_owned(), text: text.to_owned() };
    Event::Progress { project: name(project), progress }
}

fn finished(project: &str, outcome: Outcome) -> Event {
    Event::Finished { project: name(project), outcome, took: Duration::from_secs(4) }
}

fn built() -> Outcome {
    Outcome::Built {
        image: "shop/api:1".parse::<ImageRef>().unwrap(),
        of_platforms: BTreeMap::new(),
        digest: ManifestDigest::of(b""),
        steps: 2,
        cached_steps: 1,
        builders: BTreeMap::new(),
    }
}

fn failed(step: &str) -> Outcome {
    Outcome::Failed(Failure {
        causes: Vec::new(),
        step: Some(step.to_owned()),
        message: Some("exit code: 2".to_owned()),
        at: Some(DockerfileLine { file: RepoPath::new("web/Dockerfile").unwrap(), line: 3 }),
        exit_code: Some(2),
        log_tail: Vec::new(),
        hint: None,
        kind: ErrorKind::Failed,
        is_of_build: true,
    })
}

const MAKE: &str = "[2/2] RUN make";
const TEST: &str = "[2/2] RUN test";

/// Two projects at once, whose outputs come in turn; one of them fails.
fn two_at_once() -> Vec<(f64, Event)> {
    vec![
        (0.0, started("api")),
        (0.1, started("web")),
        (0.1, step_done("api", "[1/2] COPY . .", true)),
        (0.2, step_started("api", MAKE)),
        (0.2, step_started("web", TEST)),
        (1.0, log("api", MAKE, "compiling a\ncompi")),
        (1.1, log("web", TEST, "::error::test one\n##[group]x\n")),
        (1.2, log("api", MAKE, "ling b\n")),
        (1.3, log("web", TEST, "10 %\r20 %\r\n\u{1b}[31mno end")),
        (2.0, step_done("api", MAKE, false)),
        (3.0, finished("web", failed(TEST))),
        (12.5, finished("api", built())),
    ]
}

#[test]
fn the_output_of_a_step_is_written_whole_with_the_times_at_which_it_came() {
    assert_snapshot!(written(&mut Plain::new(None, 2), two_at_once()), @r"
     0.0s api: building
     0.1s web: building
     0.1s api: [1/2] COPY . . CACHED
     2.0s api: [2/2] RUN make 1.5 s
     1.0s api | compiling a
     1.2s api | compiling b
     3.0s web: failed after 4.0 s at web/Dockerfile:3: exit code 2 in [2/2] RUN test
     1.1s web | ::error::test one
     1.1s web | \u{23}#[group]x
     1.3s web | 20 %
     3.0s web | no end
    12.5s api: built in 4.0 s, 1 of 2 steps cached
    ");
}

#[test]
fn github_folds_a_project_that_did_not_fail_and_obeys_no_line_of_a_log() {
    assert_snapshot!(written(&mut Plain::new(Some(CiLog::GitHub), 2), two_at_once()), @r"
       0.0s api: building
       0.1s web: building
       3.0s web: failed after 4.0 s at web/Dockerfile:3: exit code 2 in [2/2] RUN test
       1.1s web | ::error::test one
       1.1s web | \u{23}#[group]x
       1.3s web | 20 %
       3.0s web | no end
    COMMAND ::group::api: built in 4.0 s, 1 of 2 steps cached
       0.1s api: [1/2] COPY . . CACHED
       2.0s api: [2/2] RUN make 1.5 s
       1.0s api | compiling a
       1.2s api | compiling b
    COMMAND ::endgroup::
    ");
}

#[test]
fn gitlab_folds_sections_that_have_the_times_of_their_projects() {
    let ci_log = CiLog::GitLab { started: 1_700_000_000 };

    assert_snapshot!(written(&mut Plain::new(Some(ci_log), 2), two_at_once()), @r"
       0.0s api: building
       0.1s web: building
       3.0s web: failed after 4.0 s at web/Dockerfile:3: exit code 2 in [2/2] RUN test
       1.1s web | ::error::test one
       1.1s web | \u{23}#[group]x
       1.3s web | 20 %
       3.0s web | no end
    COMMAND ^[0Ksection_start:1700000000:chinampa_api[collapsed=true]<cr>^[0Kapi: built in 4.0 s, 1 of 2 steps cached
       0.1s api: [1/2] COPY . . CACHED
       2.0s api: [2/2] RUN make 1.5 s
       1.0s api | compiling a
       1.2s api | compiling b
    COMMAND ^[0Ksection_end:1700000012:chinampa_api<cr>^[0K
    ");
}

#[test]
fn buildkite_opens_the_group_of_what_failed() {
    assert_snapshot!(written(&mut Plain::new(Some(CiLog::Buildkite), 2), two_at_once()), @r"
       0.0s api: building
       0.1s web: building
    COMMAND +++ web: failed after 4.0 s at web/Dockerfile:3: exit code 2 in [2/2] RUN test
       3.0s web: failed after 4.0 s at web/Dockerfile:3: exit code 2 in [2/2] RUN test
       1.1s web | ::error::test one
       1.1s web | \u{23}#[group]x
       1.3s web | 20 %
       3.0s web | no end
    COMMAND --- api: built in 4.0 s, 1 of 2 steps cached
       0.1s api: [1/2] COPY . . CACHED
       2.0s api: [2/2] RUN make 1.5 s
       1.0s api | compiling a
       1.2s api | compiling b
    ");
}

#[test]
fn a_project_that_is_built_alone_shows_its_output_as_it_comes() {
    let mut plain = Plain::new(Some(CiLog::GitHub), 1);

    let first = written(
        &mut plain,
        vec![(0.0, started("api")), (0.2, step_started("api", MAKE)), (1.0, log("api", MAKE, "one\ntw"))],
    );
    let rest =
        written(&mut plain, vec![(2.0, log("api", MAKE, "o\nthree")), (3.0, step_done("api", MAKE, false))]);

    assert_snapshot!(first, @"
    0.0s api: building
    1.0s api | one
    ");
    assert_snapshot!(rest, @"
    2.0s api | two
    3.0s api: [2/2] RUN make 1.5 s
    3.0s api | three
    ");
}

#[test]
fn the_output_of_a_failed_step_that_another_one_came_between_is_written_again_as_a_whole() {
    let other = "[stage-1 2/2] RUN other";
    let events = vec![
        (0.0, started("web")),
        (0.1, log("web", TEST, "one\n")),
        (0.2, log("web", other, "other\n")),
        (0.3, log("web", TEST, "two\n")),
        (0.4, finished("web", failed(TEST))),
    ];

    assert_snapshot!(written(&mut Plain::new(None, 1), events), @"
    0.0s web: building
    0.1s web | one
    0.2s web | other
    0.3s web | two
    0.4s web: failed after 4.0 s at web/Dockerfile:3: exit code 2 in [2/2] RUN test
    0.1s web | one
    0.3s web | two
    ");
}

#[test]
fn what_ran_when_a_build_was_interrupted_is_written() {
    let events = vec![
        (0.0, started("api")),
        (0.0, started("web")),
        (1.0, log("api", MAKE, "half of it\n")),
        (2.0, finished("api", Outcome::Cancelled)),
        (2.0, finished("web", Outcome::Cancelled)),
    ];

    assert_snapshot!(written(&mut Plain::new(None, 2), events), @"
    0.0s api: building
    0.0s web: building
    2.0s api: [2/2] RUN make did not end
    1.0s api | half of it
    2.0s api: cancelled
    2.0s web: cancelled
    ");
}

#[test]
fn after_half_a_minute_without_a_line_what_runs_is_named() {
    let mut plain = Plain::new(None, 2);
    written(&mut plain, vec![(0.0, started("api")), (0.0, started("web")), (5.0, step_started("api", MAKE))]);
    let mut silence = |at: u64| shown(plain.on_silence(Duration::from_secs(at)));

    assert_eq!(silence(29), "");
    assert_snapshot!(silence(31), @"
    31.0s api still running [2/2] RUN make, 26 s
    31.0s web still running, 31 s
    ");
    assert_eq!(silence(60), "");
    assert_snapshot!(silence(61), @"
    61.0s api still running [2/2] RUN make, 56 s
    61.0s web still running, 1 min 1 s
    ");
}

#[test]
fn what_is_kept_of_an_output_is_limited_and_nothing_of_it_is_lost() {
    for ci_log in [None, Some(CiLog::GitHub)] {
        let mut plain = Plain::new(ci_log, 2);
        let line = "x".repeat(1 << 16);
        let mut events = vec![(0.0, started("api"))];
        events.extend((0..24).map(|number| (1.0, log("api", MAKE, &format!("{number} {line}\n")))));
        events.push((2.0, finished("api", built())));

        let text = written(&mut plain, events);

        for number in 0..24 {
            assert!(text.contains(&format!("api | {number} x")), "{number} is lost");
        }
    }
}
