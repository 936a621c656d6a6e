use clap::Args;

use super::CommandContext;
use super::attestations;
use super::deployment::DeployContext;
use super::environment_records::EnvironmentRecords;
use super::repository_context::{RepositoryContext, Uncommitted};
use super::wait_for;
use crate::config::EnvironmentName;
use crate::deploy::gate::Rollback;
use crate::deploy::{self, Apply, DeployChoice, DeployError, DeployPlan, Endpoints};
use crate::error::Error;
use crate::exit::Exit;
use crate::lease::Claim;
use crate::model::{CommitId, Timestamp};
use crate::record::DeployedRecord;
use crate::report::deployment::causes;
use crate::report::environment::{self, StatusJson};
use crate::report::environment_summary::{self, EnvironmentsJson, Summary};
use crate::report::next_deployment::{NextDeployment, Preview};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Name of the environment in `projects.toml` [default: a line for each].
    #[arg(short, long, value_name = "NAME")]
    environment: Option<EnvironmentName>,
}

/// What the deploy registry has of an environment, and what a deployment would change.
struct Observed {
    record: Option<DeployedRecord>,
    /// Those that have not expired.
    claims: Vec<Claim>,
    next: NextDeployment,
}

pub(super) fn run(command: &CommandContext, arguments: &Arguments) -> Result<Exit, Error> {
    let repo = RepositoryContext::new(&command.options, &command.environment, Uncommitted::LeftOut)?;
    let snapshot = repo.snapshot();
    let context = DeployContext::new(command, &repo, &snapshot)?;
    let head = repo.head.commit;
    match &arguments.environment {
        Some(name) => one(command, &context, head, name)?,
        None => all(command, &context, head)?,
    }
    Ok(Exit::Done)
}

fn one(
    command: &CommandContext,
    context: &DeployContext<'_>,
    head: CommitId,
    name: &EnvironmentName,
) -> Result<(), Error> {
    let now = Timestamp::now();
    let Observed { record, claims, next } = wait_for(observe(command, context, head, name, now))?;
    let record = record.ok_or_else(|| DeployError::NothingDeployed { environment: name.clone() })?;
    command.print_summary(
        || StatusJson::new(&record, &claims, &next),
        |layout| environment::status(&record, &claims, &next, now, layout),
    );
    Ok(())
}

/// An environment that can't be read doesn't hide the others. If none can be read, that is an error.
fn all(command: &CommandContext, context: &DeployContext<'_>, head: CommitId) -> Result<(), Error> {
    let now = Timestamp::now();
    let environments = wait_for(async {
        let (mut environments, mut trouble) = (Vec::new(), Vec::new());
        for name in context.workspace.environments.keys() {
            environments.push(match observe(command, context, head, name, now).await {
                Ok(Observed { record, claims, next }) => {
                    let record = record.unwrap_or_else(|| DeployedRecord::new(name.clone()));
                    Summary::new(&record, &claims, &next, now)
                }
                Err(error) => {
                    let summary = Summary::unknown(name, head, causes(&error));
                    trouble.push(error);
                    summary
                }
            });
        }
        match trouble.into_iter().next() {
            Some(error) if environments.iter().all(Summary::is_unknown) => Err(error),
            _ => Ok(environments),
        }
    })?;
    command.print_summary(
        || EnvironmentsJson::new(&environments),
        |layout| environment_summary::all(&environments, layout),
    );
    Ok(())
}

async fn observe(
    command: &CommandContext,
    context: &DeployContext<'_>,
    head: CommitId,
    name: &EnvironmentName,
    now: Timestamp,
) -> Result<Observed, Error> {
    let records = EnvironmentRecords::open(&command.environment, &context.workspace, name).await?;
    let claims = records.claims().list().await.map_err(DeployError::from)?.into_iter();
    let claims = claims.map(|(_, claim)| claim).filter(|claim| !claim.has_expired(now)).collect();
    let record = records.find().await?.map(|stored| stored.record);
    let next = NextDeployment { commit: head, outcome: preview(plan(command, context, name).await) };
    Ok(Observed { record, claims, next })
}

/// Plans a deployment of the commit as `deploy` does. Takes no lock, runs no Terraform and writes nothing.
async fn plan(
    command: &CommandContext,
    context: &DeployContext<'_>,
    environment: &EnvironmentName,
) -> Result<DeployPlan, Error> {
    // The commit says which services are asked, and whom the run has credentials for.
    command.environment.check_trust("plan deployments")?;
    let request = context.request(&DeployChoice {
        environment,
        named: None,
        rollback: Rollback::Refused,
        apply: Apply::Changed,
    })?;
    let registries = context.registries(environment).await?;
    let on_event = |_| {};
    let operations = context.operations(&registries, &request, &on_event)?;
    let (cache, target) = (&*registries.cache, &*registries.target);
    let (relation, verifier) = (&context.relation(), attestations::verifier(command)?);
    let verifier = verifier.as_ref();
    let endpoints = Endpoints { cache, target, operations: &operations, relation, verifier };
    Ok(deploy::preview(&request, endpoints).await?)
}

/// What is said of the plan. Without one, what runs is still known.
fn preview(planned: Result<DeployPlan, Error>) -> Preview {
    let error = match planned {
        Ok(plan) => return Preview::Planned(Box::new(plan)),
        Err(error) => error,
    };
    let causes = causes(&error);
    match error {
        Error::Deploy(DeployError::Gate(_)) => Preview::Refused(causes),
        _ => Preview::Unknown(causes),
    }
}
