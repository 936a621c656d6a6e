use std::sync::Mutex;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use super::output::{MAX_LINE_BYTES, TAIL_LINES};
use super::*;

/// A shell that can trap SIGINT, though the tests may run in the background of a script, where it is ignored.
fn shell_command(script: &str) -> Command {
    let mut command = Command::new("env");
    command.args(["--default-signal=INT", "sh", "-c", script]);
    command
}

async fn shell(script: &str) -> (Result<(), ProgramError>, Vec<Line>) {
    let lines = Mutex::new(Vec::new());
    let command = shell_command(script);
    let result = run(command, Stop::Interrupt, None, &|line| lines.lock().unwrap().push(line)).await;
    (result, lines.into_inner().unwrap())
}

#[tokio::test]
async fn lines_come_from_both_streams_and_need_no_newline_at_the_end() {
    let (result, lines) = shell("echo one; printf two; echo three >&2").await;

    assert!(result.is_ok());
    let texts = |stream| -> Vec<&str> {
        let of_stream = lines.iter().filter(|line| line.stream == stream);
        of_stream.map(|line| line.text.as_str()).collect()
    };
    assert_eq!(texts(Stream::Stdout), ["one", "two"]);
    assert_eq!(texts(Stream::Stderr), ["three"]);
}

#[tokio::test]
async fn a_failure_has_the_last_lines_and_no_more() {
    let (result, _) = shell("seq 100 >&2; exit 3").await;

    let error = result.unwrap_err();
    assert_eq!(error.to_string(), "`env` failed: exit status: 3");
    assert_eq!(error.log_tail().len(), TAIL_LINES);
    assert_eq!(error.log_tail().last().unwrap(), "100");
}

#[tokio::test]
async fn a_program_that_takes_too_long_is_stopped_and_its_last_lines_are_told() {
    let script = "trap 'echo stopping; exit 0' TERM; echo waiting for a person; while :; do sleep 0.05; done";
    let (command, timeout) = (shell_command(script), Duration::from_secs(2));

    let error = run(command, Stop::Terminate, Some(timeout), &|_| {}).await.unwrap_err();

    assert_eq!(error.to_string(), "`env` did not end within 2s and was stopped");
    assert_eq!(error.log_tail()[0], "waiting for a person");
    assert!(error.log_tail().contains(&"stopping".to_owned()), "{:?}", error.log_tail());
}

#[tokio::test]
async fn what_a_program_has_started_ends_before_it_counts_as_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let ended = folder.path().join("ended");
    let child =
        format!("trap 'sleep 0.5; touch {}; exit' TERM; while :; do sleep 0.05; done", ended.display());
    // It holds no output open, for which is waited in any case.
    let script = format!("sh -c \"{child}\" >/dev/null 2>&1 & wait");

    let stopped = run(shell_command(&script), Stop::Terminate, Some(Duration::from_secs(1)), &|_| {}).await;

    assert!(matches!(stopped, Err(ProgramError::TimedOut { .. })), "{stopped:?}");
    assert!(ended.exists());
}

#[tokio::test]
async fn an_endless_line_is_told_in_pieces() {
    let (result, lines) = shell("head -c 40000 /dev/zero | tr '\\0' x").await;

    assert!(result.is_ok());
    let lengths: Vec<usize> = lines.iter().map(|line| line.text.len()).collect();
    assert_eq!(lengths, [MAX_LINE_BYTES, MAX_LINE_BYTES, 40_000 - 2 * MAX_LINE_BYTES]);
}

#[tokio::test]
async fn something_left_running_does_not_hold_up_the_end() {
    let (result, lines) = shell("sleep 600 & echo $!").await;

    assert!(result.is_ok());
    let id = lines[0].text.parse().ok().and_then(Pid::from_raw).unwrap();
    kill_process(id, Signal::KILL).unwrap();
}

#[tokio::test]
async fn a_program_that_nobody_waits_for_is_interrupted_and_may_clean_up() {
    let folder = tempfile::tempdir().unwrap();
    let cleaned = folder.path().join("cleaned");
    let (ready, started) = tokio::sync::oneshot::channel();
    let ready = Mutex::new(Some(ready));
    let script = format!(
        "trap 'sleep 0.3; echo stopping; touch {}; exit 1' INT; echo ready; while :; do sleep 0.05; done",
        cleaned.display()
    );
    let command = shell_command(&script);
    let on_line = |_| {
        if let Some(ready) = ready.lock().unwrap().take() {
            ready.send(()).unwrap();
        }
    };

    tokio::select! {
        _ = run(command, Stop::Interrupt, None, &on_line) => panic!("it ended by itself"),
        _ = started => {}
    }

    assert!(cleaned.exists());
}

/// What a program that writes to files says.
#[tokio::test]
async fn what_a_script_has_started_is_terminated_with_it() {
    let (ready, started) = tokio::sync::oneshot::channel();
    let ready = Mutex::new(Some(ready));
    let on_line = |line: Line| {
        let id = line.text.parse().ok().and_then(Pid::from_raw).unwrap();
        ready.lock().unwrap().take().unwrap().send(id).unwrap();
    };

    let id = tokio::select! {
        _ = run(shell_command("sleep 600 & echo $!; wait"), Stop::Terminate, None, &on_line) => panic!("it ended by itself"),
        id = started => id.unwrap(),
    };

    let deadline = Instant::now() + Duration::from_secs(10);
    while is_alive(id) {
        assert!(Instant::now() < deadline, "it goes on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Whether a process is more than an entry that nobody has waited for.
fn is_alive(id: Pid) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/stat", id.as_raw_nonzero())).unwrap_or_default();
    status.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'))
}

async fn shell_to_its_end(
    script: &str,
    interruption: &Interruption,
) -> (Result<(), ProgramError>, Vec<Line>) {
    let (folder, lines) = (tempfile::tempdir().unwrap(), Mutex::new(Vec::new()));
    let command = shell_command(script);
    let on_line = |line| lines.lock().unwrap().push(line);
    let result = run_to_its_end(command, folder.path(), interruption, &on_line).await;
    (result, lines.into_inner().unwrap())
}

#[tokio::test]
async fn what_a_program_writes_to_files_is_told_too() {
    let (result, lines) =
        shell_to_its_end("echo one; echo two >&2; printf three; exit 3", &Interruption::new()).await;

    let mut texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
    texts.sort_unstable();
    assert_eq!(texts, ["one", "three", "two"]);
    assert_eq!(result.unwrap_err().log_tail().len(), 3);
}

#[tokio::test]
async fn a_program_that_must_come_to_its_end_is_interrupted_once_and_waited_for() {
    let interruption = Interruption::new();
    let script = "trap 'echo asked; asked=1' INT; echo ready; \
                  until [ \"$asked\" ]; do sleep 0.05; done; sleep 0.3; echo written; exit 1";
    let (folder, lines) = (tempfile::tempdir().unwrap(), Mutex::new(Vec::new()));
    let command = shell_command(script);
    let on_line = |line: Line| {
        if line.text == "ready" {
            interruption.request();
        }
        lines.lock().unwrap().push(line.text);
    };

    let result = run_to_its_end(command, folder.path(), &interruption, &on_line).await;

    assert!(result.is_err());
    assert_eq!(lines.into_inner().unwrap(), ["ready", "asked", "written"]);
}
