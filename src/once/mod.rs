//! Runs a command for a project once for each content of what it can read.
//!
//! Where the command runs says what it can read: the project's image, or a checkout of the project's inputs and of declared files.
//! What is run, and all of that, gives a [`key`]; the outcome of a run is stored under it.

mod checkout;
mod container;
mod error;
pub mod key;
mod process;

pub use checkout::Checkout;
pub use container::{ImageRun, ProjectImage};
pub use error::OnceError;
pub use process::{Process, run as run_process};

/// The largest JUnit file that is stored, and that is read from a container.
pub const MAX_JUNIT_BYTES: usize = 4 << 20;

/// How a command came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Exited {
        code: i64,
    },
    /// By a signal of somebody else's.
    Killed {
        signal: i32,
    },
    /// It was asked to end, as this process was.
    Interrupted,
}

impl Ended {
    pub fn is_success(self) -> bool {
        self == Self::Exited { code: 0 }
    }
}

/// A stream of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Stdout,
    Stderr,
}
