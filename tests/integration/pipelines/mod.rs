//! Generated pipelines: valid for each CI, within its limits, and as fast as its format allows.

mod commands;
mod continuation;
mod formats;
mod limits;
mod makespan;
pub(crate) mod read;
mod retries;
mod simulated;
