//! The program that runs with the images until they change.
//!
//! It has the output of `watch`, and a process group of its own: with Ctrl-C, it is ended from here, once.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::sync::oneshot;

use super::WatchError;
use crate::model::ImageRef;

/// How long it may take to end before it is killed.
const GRACE_PERIOD: Duration = Duration::from_secs(10);

/// How it came to its end.
pub type Ended = io::Result<ExitStatus>;

/// A program that runs, or has ended by itself.
pub struct Program {
    group: Pid,
    ended: oneshot::Receiver<Ended>,
    is_over: bool,
}

impl Program {
    /// Starts it, without a shell; the images are in its environment, and it writes its answer to `stdout`.
    ///
    /// # Errors
    /// [`WatchError::Start`]
    pub fn start(
        name: &OsStr,
        arguments: &[OsString],
        images: &BTreeMap<String, ImageRef>,
        stdout: Stdio,
    ) -> Result<Self, WatchError> {
        let failed = |source| WatchError::Start { program: name.to_string_lossy().into_owned(), source };
        let mut command = Command::new(name);
        command.args(arguments).stdin(Stdio::null()).stdout(stdout).process_group(0);
        command.envs(images.iter().map(|(variable, image)| (variable, image.to_string())));
        let mut child = command.spawn().map_err(failed)?;
        let group = Pid::from_child(&child);
        let (sender, ended) = oneshot::channel();
        // It is waited for on a thread of its own: builds go on meanwhile, each on a runtime of its own.
        let wait = move || drop(sender.send(child.wait()));
        std::thread::Builder::new().name("program".to_owned()).spawn(wait).map_err(failed)?;
        Ok(Self { group, ended, is_over: false })
    }

    /// Waits until it ends by itself. To be asked once.
    pub async fn ended(&mut self) -> Ended {
        let ended = (&mut self.ended).await;
        self.is_over = true;
        ended.map_err(io::Error::other).and_then(|ended| ended)
    }

    /// Asks it to end, and kills it if it doesn't within [`GRACE_PERIOD`].
    ///
    /// # Errors
    /// [`WatchError::End`] when it can't be signalled.
    pub fn end(mut self) -> Result<(), WatchError> {
        if self.is_over {
            return Ok(());
        }
        self.signal(Signal::TERM)?;
        let deadline = std::time::Instant::now() + GRACE_PERIOD;
        while self.ended.try_recv().is_err_and(|error| error == oneshot::error::TryRecvError::Empty) {
            if std::time::Instant::now() >= deadline {
                return self.signal(Signal::KILL);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn signal(&self, signal: Signal) -> Result<(), WatchError> {
        match kill_process_group(self.group, signal) {
            // It has just ended.
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(WatchError::End(error.into())),
        }
    }
}
