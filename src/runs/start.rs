//! What is known of a run when it starts.

use crate::model::BranchName;
use crate::plan::Plan;

/// The plan of a run, and where and how it is executed.
#[derive(Clone, Copy, Debug)]
pub struct Start<'s> {
    pub plan: &'s Plan,
    pub workspace: &'s str,
    pub branch: Option<&'s BranchName>,
    pub is_trusted: bool,
    /// Whether it builds into the engine alone, as `build --local` does.
    pub is_local: bool,
    /// Maximum number of projects that are built in parallel.
    pub slots: usize,
}
