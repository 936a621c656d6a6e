//! Ctrl-C and SIGTERM.
//!
//! Where nothing is held, a signal ends the process at once, also in the middle of work that never looks up. Around work that holds
//! something (a lock, a running build, a program, files that have to be removed), [`Signals::orderly`] lets that come to an
//! orderly end instead; a second signal ends it at once.
//!
//! A program that is started gets the system's own way with signals, whatever this process was started with: a handler is not
//! inherited, and what is ignored would be.

use std::io::{self, Read as _};
use std::ops::Deref;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

use crate::exit::Exit;
use crate::interruption::Interruption;

pub(super) struct Signals {
    /// Whether the next signal ends the process.
    is_armed: Arc<AtomicBool>,
    /// Gets a byte for each signal. Taken by the first who wants to know.
    pipe: Mutex<Option<UnixStream>>,
    interruption: Interruption,
}

impl Signals {
    /// Handles both signals from here on.
    pub(super) fn install() -> io::Result<Self> {
        let (pipe, sender) = UnixStream::pair()?;
        let is_armed = Arc::new(AtomicBool::new(true));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal arms what ends the process on the second.
            flag::register_conditional_shutdown(
                signal,
                Exit::Interrupted.code().into(),
                Arc::clone(&is_armed),
            )?;
            flag::register(signal, Arc::clone(&is_armed))?;
            low_level::pipe::register(signal, sender.try_clone()?)?;
        }
        Ok(Self { is_armed, pipe: Mutex::new(Some(pipe)), interruption: Interruption::new() })
    }

    /// From here until it is dropped, the first signal is a request, and only the second ends the process.
    ///
    /// # Errors
    /// When no thread can be started to wait for it: signals end the process as before.
    pub(super) fn orderly(&self) -> io::Result<Orderly<'_>> {
        let mut pipe = self.pipe.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut signals) = pipe.take() {
            let interruption = self.interruption.clone();
            std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
                match signals.read_exact(&mut [0]) {
                    Ok(()) => interruption.request(),
                    Err(error) => tracing::info!(%error, "signals can't be waited for"),
                }
            })?;
        }
        drop(pipe);
        if !self.interruption.is_requested() {
            self.is_armed.store(false, Ordering::SeqCst);
        }
        Ok(Orderly(self))
    }
}

/// Work that is asked to stop, and not ended, by the first signal.
pub(super) struct Orderly<'s>(&'s Signals);

impl Deref for Orderly<'_> {
    type Target = Interruption;

    fn deref(&self) -> &Interruption {
        &self.0.interruption
    }
}

impl Drop for Orderly<'_> {
    fn drop(&mut self) {
        self.0.is_armed.store(true, Ordering::SeqCst);
    }
}
