//! Tells when files of a work tree change, and runs a program until they do.

mod error;
mod files;
mod program;

pub use error::WatchError;
pub use files::{Changed, INDEX, WatchedFiles};
pub use program::{Ended, Program};
