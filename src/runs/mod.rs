//! Runs of `build` that are kept in the clone: what was done, when, and everything that the builds printed.
//!
//! ```text
//! <git folder>/chinampa/runs/
//!   12/
//!     run.json    `chinampa.run/1`, written when the run starts and again when it ends
//!     api.log     everything that the build of `api` printed, written while it happens
//! ```
//!
//! A run holds a lock on its folder as long as it lasts, so that no other run removes it, and so that a run that
//! was killed is told from one that still runs. A log is locked as long as it grows. A folder that can't be written is one warning: it never fails a build.

mod document;
mod entry;
mod error;
mod folder;
mod log;
mod recorder;
mod rotation;
mod start;
mod store;
#[cfg(test)]
mod tests;

pub use document::{PlatformBuilder, Project, ProjectOutcome, ProjectStep, Run, RunState};
pub use error::RunsError;
pub use folder::is_growing;
pub use log::read_tail;
pub use recorder::Recorder;
pub use start::Start;
pub use store::{Kept, Store, remove_earlier};
