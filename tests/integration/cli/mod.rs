//! The binary as a user meets it: what it answers, what it says when something is wrong, how it ends.

mod answers;
mod bad_input;
mod base;
mod build_progress;
mod builds;
mod ci_environments;
mod ci_events;
mod ci_records;
mod clones;
mod failed_builds;
pub(crate) mod failures;
mod files;
mod full_disk;
mod git_states;
mod hostile;
mod init;
mod lfs;
mod lint;
mod promises;
mod protected;
mod repositories;
mod requests;
mod signals;
mod simulate;
mod submodules;
mod untrusted;
mod words;
