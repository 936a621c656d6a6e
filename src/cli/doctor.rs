use clap::{Args, ValueEnum};

use super::CommandContext;
use super::repository_context::{RepositoryContext, Uncommitted};
use crate::config::EnvironmentName;
use crate::error::Error;
use crate::exit::Exit;
use crate::permissions::{self, PolicyRequest, Purpose};
use crate::report::permissions as documents;
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Print the least IAM policy that this repository needs.
    #[arg(long, value_enum, value_name = "PURPOSE", required = true)]
    aws_policy: AwsPolicy,
    /// Name of the environment in `projects.toml`, for `deploy` and `status`.
    #[arg(short, long, value_name = "NAME")]
    environment: Option<EnvironmentName>,
    /// ARN of whoever runs the commands, for the trust policies of roles [default: the account of the cache].
    #[arg(long, value_name = "ARN")]
    principal: Option<String>,
}

/// What the policy is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum AwsPolicy {
    /// Builds; with `[trust]`, those of protected branches.
    Build,
    /// Builds of branches that are not protected.
    Unprotected,
    /// Builds of untrusted pull requests.
    Untrusted,
    /// Deployments to an environment.
    Deploy,
    /// Commands that only read the cache, and `build --local`.
    Local,
    /// `taint` and `untaint`.
    Taint,
    /// `status` and `history`.
    Status,
}

pub(super) fn run(command: &CommandContext, arguments: &Arguments) -> Result<Exit, Error> {
    let CommandContext { options, environment, output } = command;
    let repo = RepositoryContext::new(options, environment, Uncommitted::Included)?;
    let snapshot = repo.snapshot();
    let workspace = Workspace::read(&snapshot, &repo.source)?;
    let policies = permissions::policies(PolicyRequest {
        workspace: &workspace,
        snapshot: &snapshot,
        purpose: arguments.aws_policy.purpose(),
        environment: arguments.environment.as_ref(),
        region: environment.aws_region()?.as_ref(),
        principal: arguments.principal.as_deref(),
    })?;
    for note in &policies.notes {
        output.status(&format!("note: {note}"));
    }
    command.print(|| documents::json(&policies), || documents::text(&policies));
    Ok(Exit::Done)
}

impl AwsPolicy {
    fn purpose(self) -> Purpose {
        match self {
            Self::Build => Purpose::Build,
            Self::Unprotected => Purpose::Unprotected,
            Self::Untrusted => Purpose::Untrusted,
            Self::Deploy => Purpose::Deploy,
            Self::Local => Purpose::Local,
            Self::Taint => Purpose::Taint,
            Self::Status => Purpose::Status,
        }
    }
}
