//! The least permissions that commands need in AWS for one repository, as policies of IAM.
//!
//! `table` says which actions each thing takes. The rest finds out what is done: from `projects.toml`, the Dockerfiles
//! and the Terraform configurations of a commit. Nothing is asked of AWS.

mod arn;
mod collector;
mod document;
mod error;
mod maintenance;
mod registries;
mod services;
mod table;
mod terraform;
#[cfg(test)]
mod tests;

use crate::config::EnvironmentName;
use crate::git::Snapshot;
use crate::model::Region;
use crate::workspace::Workspace;

use self::collector::Collector;
pub use self::document::PolicyDocument;
pub use self::error::PermissionsError;

/// What somebody is allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// `build`; with `[trust]`, that of protected branches.
    Build,
    /// Builds of branches that are not protected.
    Unprotected,
    /// Builds of pull requests that are not trusted.
    Untrusted,
    /// `deploy` and `unlock`.
    Deploy,
    /// Commands that only read the cache, and `build --local`.
    Local,
    /// `taint` and `untaint`.
    Taint,
    /// `status`, with its preview of the next deployment, and `history`.
    Status,
    /// `doctor`.
    Doctor,
    /// `prune`.
    Prune,
    /// `prune --deploy`.
    PruneDeploy,
}

impl Purpose {
    /// Whether it is about one environment.
    pub fn has_environment(self) -> bool {
        matches!(self, Self::Deploy | Self::Status)
    }
}

/// What policies are made for.
#[derive(Clone, Copy, Debug)]
pub struct PolicyRequest<'r> {
    pub workspace: &'r Workspace,
    pub snapshot: &'r Snapshot<'r>,
    pub purpose: Purpose,
    /// Of `deploy` and `status`, and of no other purpose.
    pub environment: Option<&'r EnvironmentName>,
    /// Where AWS's own tools would look.
    pub region: Option<&'r Region>,
    /// Who runs the commands, as an ARN: who may assume roles.
    pub principal: Option<&'r str>,
}

/// The policies of everybody who takes part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsPolicies {
    /// Whoever runs the command first.
    pub principals: Vec<Principal>,
    /// What could not be told, and what the policies leave out.
    pub notes: Vec<String>,
}

/// Somebody whom AWS is asked as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// `job`, `profile <name>`, or the ARN of a role.
    pub name: String,
    /// Twelve digits; `None` where only the credentials know it.
    pub account: Option<String>,
    /// One, unless it would be longer than a managed policy may be.
    pub policies: Vec<PolicyDocument>,
    /// Which actions are for what, in the order of the table.
    pub reasons: Vec<Reason>,
    /// Who may assume the role. `None` for what is no role, and where that is not known.
    pub trust_policy: Option<PolicyDocument>,
}

/// What some actions are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    pub actions: &'static [&'static str],
    pub text: &'static str,
}

/// Makes the policies.
///
/// # Errors
/// [`PermissionsError`]
pub fn policies(request: PolicyRequest<'_>) -> Result<AwsPolicies, PermissionsError> {
    if request.purpose.has_environment() != request.environment.is_some() {
        return Err(match request.environment {
            None => PermissionsError::NoEnvironment,
            Some(_) => PermissionsError::UnusedEnvironment,
        });
    }
    if request.purpose == Purpose::Unprotected && request.workspace.trust.is_none() {
        return Err(PermissionsError::NoTrust);
    }
    let mut collector = Collector::new(request);
    match (request.purpose, request.environment) {
        (Purpose::Build, _) => {
            collector.build()?;
            collector.read_secrets();
        }
        (Purpose::Unprotected, _) => {
            collector.build_unprotected()?;
            collector.read_secrets();
        }
        (Purpose::Untrusted, _) => collector.read_cache()?,
        (Purpose::Local, _) => {
            collector.read_cache()?;
            collector.read_secrets();
        }
        (Purpose::Taint, _) => collector.taint(),
        (Purpose::Deploy, Some(environment)) => {
            let scope = collector.deploy(environment)?;
            collector.restart_services(environment, &scope);
            collector.apply_terraform(environment, &scope)?;
        }
        (Purpose::Doctor, _) => collector.diagnose()?,
        (Purpose::Prune, _) => collector.prune()?,
        (Purpose::PruneDeploy, _) => collector.prune_deploy_registries()?,
        (Purpose::Status, Some(environment)) => {
            let scope = collector.read_environment(environment)?;
            collector.look_at_services(environment, &scope);
        }
        (Purpose::Deploy | Purpose::Status, None) => return Err(PermissionsError::NoEnvironment),
    }
    collector.finish()
}
