use clap::Args;

use super::CommandContext;
use super::attestations;
use super::deployment::{self, DeployContext};
use super::environment_records::EnvironmentRecords;
use super::repository_context::{RepositoryContext, Uncommitted};
use super::wait_for;
use crate::config::EnvironmentName;
use crate::deploy::gate::Rollback;
use crate::deploy::{self, Apply, DeployChoice, DeployError, DeployPlan, Endpoints};
use crate::error::Error;
use crate::exit::Exit;
use crate::model::Timestamp;
use crate::report::deployment::causes;
use crate::report::environment::{self, HistoryJson, StatusJson};
use crate::report::next_deployment::{NextDeployment, Preview};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Name of the environment in `projects.toml`.
    #[arg(short, long, value_name = "NAME")]
    environment: EnvironmentName,
}

pub(super) fn run(command: &CommandContext, arguments: &Arguments) -> Result<Exit, Error> {
    let repo = RepositoryContext::new(&command.options, &command.environment, Uncommitted::LeftOut)?;
    let snapshot = repo.snapshot();
    let context = DeployContext::new(command, &repo, &snapshot)?;
    let (stored, claims, planned) = wait_for(async {
        let records =
            EnvironmentRecords::open(&command.environment, &context.workspace, &arguments.environment)
                .await?;
        let claims = records.claims().list().await.map_err(DeployError::from)?;
        let stored = records.read().await?;
        Ok((stored, claims, plan(command, &context, &arguments.environment).await))
    })?;
    let now = Timestamp::now();
    let claims: Vec<_> =
        claims.into_iter().map(|(_, claim)| claim).filter(|claim| !claim.has_expired(now)).collect();
    let next = NextDeployment { commit: repo.head.commit, outcome: preview(planned) };
    command.print(
        || StatusJson::new(&stored.record, &claims, &next),
        || environment::status(&stored.record, &claims, &next),
    );
    Ok(Exit::Done)
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

pub(super) fn history(command: &CommandContext, arguments: &Arguments) -> Result<Exit, Error> {
    let workspace = deployment::workspace(command)?;
    let stored = wait_for(async {
        EnvironmentRecords::open(&command.environment, &workspace, &arguments.environment).await?.read().await
    })?;
    if command.options.json {
        command.output.json(&HistoryJson::new(&stored.record));
    } else {
        command.output.stdout(&environment::history(&stored.record));
    }
    Ok(Exit::Done)
}
