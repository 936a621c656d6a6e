//! A process that is stopped, with what it has started, when nobody waits for it any more.

use std::process::ExitStatus;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process_group};
use tokio::process::Child;

/// How long a program that was asked to stop may take before it is killed.
pub(super) const GRACE_PERIOD: Duration = Duration::from_secs(30);

/// How often it is looked whether what was stopped has ended.
const STOP_PAUSE: Duration = Duration::from_millis(20);

/// How a program is asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// SIGINT for the program alone: Terraform ends its providers itself.
    Interrupt,
    /// SIGTERM for the program and what it has started, such as that of a script.
    Terminate,
}

/// A program that runs, and is stopped when nobody waits for it any more.
pub(super) struct Running {
    child: Child,
    /// Its id, and that of its group.
    id: Option<Pid>,
    stop: Stop,
    /// How long it may take to stop before it is killed; `None`: as long as it wants.
    grace_period: Option<Duration>,
    is_over: bool,
}

impl Running {
    pub(super) fn new(child: Child, stop: Stop, grace_period: Option<Duration>) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Self { child, id, stop, grace_period, is_over: false }
    }

    /// Waits for the program, and for what it has started if that is stopped with it.
    pub(super) async fn ended(&mut self, is_stopped: bool) -> std::io::Result<ExitStatus> {
        let status = self.child.wait().await?;
        while is_stopped && self.has_left_something() {
            tokio::time::sleep(STOP_PAUSE).await;
        }
        self.is_over = true;
        Ok(status)
    }

    pub(super) fn send_stop(&self) {
        let Some(id) = self.id else { return };
        let sent = match self.stop {
            Stop::Interrupt => kill_process(id, Signal::INT),
            Stop::Terminate => kill_process_group(id, Signal::TERM),
        };
        tracing::info!(?id, stop = ?self.stop, ?sent, "a program is asked to stop");
    }

    pub(super) fn kill(&mut self) {
        let killed = self.id.map(|id| kill_process_group(id, Signal::KILL));
        self.is_over = true;
        tracing::info!(?killed, "a program that did not stop is killed");
    }

    /// Whether something that it has started and that is stopped with it still runs.
    fn has_left_something(&self) -> bool {
        self.stop == Stop::Terminate && self.id.is_some_and(is_group_alive)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        self.send_stop();
        let deadline = self.grace_period.map(|grace_period| Instant::now() + grace_period);
        while matches!(self.child.try_wait(), Ok(None)) || self.has_left_something() {
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                self.kill();
                return;
            }
            std::thread::sleep(STOP_PAUSE);
        }
    }
}

/// Whether a process of this group runs. One that has ended and that nobody waits for does not: in a container, that may be so for ever.
fn is_group_alive(group: Pid) -> bool {
    if test_kill_process_group(group).is_err() {
        return false;
    }
    let Ok(processes) = std::fs::read_dir("/proc") else { return true };
    let stats =
        processes.filter_map(|process| std::fs::read_to_string(process.ok()?.path().join("stat")).ok());
    // The name of the program, which is in parentheses, may have anything in it ("/proc/pid/stat", proc_pid_stat(5)).
    { stats }.any(|stat| {
        let mut fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
        let (state, _parent, of) = (fields.next(), fields.next(), fields.next());
        of == Some(&group.as_raw_nonzero().to_string()) && !matches!(state, Some("Z" | "X"))
    })
}
