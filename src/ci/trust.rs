//! Whether what a run builds comes from people who may write to the repository.

use super::run::{Event, Origin};
use super::{CiContext, System};

/// Whether a run may use secrets, and write where others read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    Trusted,
    Untrusted {
        /// As in "pull request 7 comes from a fork".
        why: String,
    },
}

impl Trust {
    pub fn is_trusted(&self) -> bool {
        matches!(self, Self::Trusted)
    }
}

impl CiContext {
    /// Decides on the whole run, whatever commit is checked out.
    ///
    /// `CHINAMPA_TRUST` comes first. Else a pull request is trusted only if its CI says that it comes from a branch of the
    /// repository itself; everything that isn't a pull request is trusted.
    pub fn trust(&self) -> Trust {
        let untrusted = |why: String| Trust::Untrusted { why };
        match self.given.trust.as_deref() {
            Some("trusted") => return Trust::Trusted,
            Some("untrusted") => return untrusted("`CHINAMPA_TRUST` says so".to_owned()),
            Some(other) => {
                let why = format!("`CHINAMPA_TRUST` is `{other}`, and neither `trusted` nor `untrusted`");
                return untrusted(why);
            }
            None => {}
        }
        let Event::PullRequest(pull_request) = &self.run.event else { return Trust::Trusted };
        let name = match pull_request.number {
            Some(number) => format!("pull request {number}"),
            None => "the pull request".to_owned(),
        };
        match &pull_request.origin {
            Origin::SameRepository(_) => Trust::Trusted,
            Origin::Fork => untrusted(format!("{name} comes from a fork")),
            Origin::Unknown => {
                let ci = match self.system {
                    System::Known(name) => name,
                    System::None | System::Unknown => "the CI",
                };
                untrusted(format!("{ci} doesn't say whether {name} comes from a fork"))
            }
        }
    }
}
