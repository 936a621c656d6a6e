use clap::{Args, ValueEnum};

use super::registry_probe::ProbedRepository;
use super::repository_context::{RepositoryContext, Uncommitted};
use super::{CommandContext, diagnosis, registry_probe};
use crate::config::EnvironmentName;
use crate::error::Error;
use crate::exit::Exit;
use crate::permissions::{self, PolicyRequest, Purpose};
use crate::report::permissions as documents;
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Try what a registry can do, in a repository that is for this alone, and look at nothing else.
    #[arg(long, value_name = "HOST[/REPOSITORY]", conflicts_with = "aws_policy")]
    registry: Option<ProbedRepository>,
    /// Print the least IAM policy that this repository needs, and look at nothing.
    #[arg(long, value_enum, value_name = "PURPOSE")]
    aws_policy: Option<AwsPolicy>,
    /// Name of the environment in `projects.toml`, for the policies `deploy` and `status`.
    #[arg(short, long, value_name = "NAME", requires = "aws_policy")]
    environment: Option<EnvironmentName>,
    /// ARN of whoever runs the commands, for the trust policies of roles [default: the account of the cache].
    #[arg(long, value_name = "ARN", requires = "aws_policy")]
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
    /// `status`, with its preview of the next deployment, and `history`.
    Status,
    /// `doctor`, without `--aws-policy`.
    Doctor,
    /// `prune`.
    Prune,
    /// `prune --deploy`.
    PruneDeploy,
}

pub(super) fn run(command: &CommandContext, arguments: &Arguments) -> Result<Exit, Error> {
    match (&arguments.registry, arguments.aws_policy) {
        (Some(place), _) => registry_probe::run(command, place),
        (None, Some(policy)) => print_policies(command, arguments, policy.purpose()),
        (None, None) => diagnosis::run(command),
    }
}

fn print_policies(command: &CommandContext, arguments: &Arguments, purpose: Purpose) -> Result<Exit, Error> {
    let CommandContext { options, environment, output } = command;
    let repo = RepositoryContext::new(options, environment, Uncommitted::Included)?;
    let snapshot = repo.snapshot();
    let workspace = Workspace::read(&snapshot, &repo.source)?;
    let policies = permissions::policies(PolicyRequest {
        workspace: &workspace,
        snapshot: &snapshot,
        purpose,
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
            Self::Doctor => Purpose::Doctor,
            Self::Prune => Purpose::Prune,
            Self::PruneDeploy => Purpose::PruneDeploy,
        }
    }
}
