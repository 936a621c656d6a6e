//! The line of a deployment: lock, observe, plan, run. A dry run observes and plans, and takes no lock.

use std::cell::Cell;

use super::lock::LockRequest;
use super::observe::{Endpoints, observe};
use super::plan::{DeployPlan, plan};
use super::result::{DeployEvent, DeployReport, DryRun, OnDeployEvent};
use super::run::Run;
use super::{DeployError, DeployRequest, EnvironmentLock, LockClaims, LockError, gate};
use crate::interruption::Interruption;
use crate::lease::{Claim, Clock};

/// Deploys a commit. Everything about it is decided under the lock of its environment.
///
/// When `interrupted` is ready, the step that is under way comes to its end, or is dropped where
/// that leaves nothing behind; then what runs is recorded and the lock is given back.
///
/// # Errors
/// [`DeployError`] when nothing that runs was changed. What went wrong later is in the report.
pub async fn deploy(
    request: &DeployRequest,
    lock: &LockRequest,
    endpoints: Endpoints<'_>,
    clock: &dyn Clock,
    interrupted: impl Future<Output = ()>,
    on_event: &OnDeployEvent<'_>,
) -> Result<DeployReport, DeployError> {
    // Whatever runs, this commit may not be deployed there.
    gate::check_rule(&request.environment, &request.rule, &request.candidate)?;
    let interruption = Interruption::new();
    let mut work = std::pin::pin!(deploy_locked(request, lock, endpoints, clock, &interruption, on_event));
    tokio::select! {
        biased;
        done = &mut work => return done,
        () = interrupted => interruption.request(),
    }
    work.await
}

async fn deploy_locked(
    request: &DeployRequest,
    lock_request: &LockRequest,
    endpoints: Endpoints<'_>,
    clock: &dyn Clock,
    interruption: &Interruption,
    on_event: &OnDeployEvent<'_>,
) -> Result<DeployReport, DeployError> {
    let interrupted = || DeployError::Lock(LockError::Interrupted);
    let records = &request.deployed_records;
    let ensured = interruption.unless_requested(endpoints.target.ensure_repository(records)).await;
    ensured.ok_or_else(interrupted)??;
    let claims =
        LockClaims { registry: endpoints.target, repository: records, environment: &request.environment };
    let on_wait = |holder: &Claim| on_event(DeployEvent::Waiting { holder: holder.clone() });
    let lock = EnvironmentLock::acquire(claims, clock, lock_request, interruption, &on_wait).await?;
    let work = async {
        let observed = interruption.unless_requested(observe(request, endpoints)).await;
        let plan = plan(request, &observed.ok_or_else(interrupted)??)?;
        let run = Run {
            plan: &plan,
            lock: &lock,
            endpoints,
            clock,
            by: &lock_request.by,
            interruption,
            on_event,
            stored: Cell::new(plan.basis.as_ref().map(|stored| stored.digest)),
        };
        run.run().await
    };
    let done = lock.keep(work).await;
    // What went wrong before says more than a lock that could not be given back.
    match (done, lock.release().await) {
        (Ok(mut report), Err(error)) => {
            report.error.get_or_insert(error.into());
            Ok(report)
        }
        (done, _) => done,
    }
}

/// Plans a deployment without a lock, and writes and runs nothing.
///
/// # Errors
/// [`DeployError`] for all that a deployment would end with before it changes anything.
pub async fn preview(request: &DeployRequest, endpoints: Endpoints<'_>) -> Result<DeployPlan, DeployError> {
    gate::check_rule(&request.environment, &request.rule, &request.candidate)?;
    Ok(plan(request, &observe(request, endpoints).await?)?)
}

/// Plans a deployment without a lock, and writes nothing. Terraform plans what would be applied.
///
/// `on_plan` gets the plan before Terraform is run.
///
/// # Errors
/// [`DeployError`] for all that a deployment would end with before it has a plan. What goes wrong later is in the result.
pub async fn dry_run(
    request: &DeployRequest,
    endpoints: Endpoints<'_>,
    interrupted: impl Future<Output = ()>,
    on_plan: impl FnOnce(&DeployPlan),
) -> Result<DryRun, DeployError> {
    let mut interrupted = std::pin::pin!(interrupted);
    let plan = tokio::select! {
        biased;
        plan = preview(request, endpoints) => plan?,
        () = &mut interrupted => return Err(LockError::Interrupted.into()),
    };
    on_plan(&plan);
    let error = tokio::select! {
        biased;
        planned = terraform_plans(&plan, endpoints) => planned.err(),
        () = interrupted => Some(LockError::Interrupted.into()),
    };
    Ok(DryRun { plan, error })
}

async fn terraform_plans(plan: &DeployPlan, endpoints: Endpoints<'_>) -> Result<(), DeployError> {
    let mut is_ready = false;
    for project in &plan.projects {
        for root in project.terraform.iter().filter_map(|work| work.applied()) {
            if !is_ready {
                endpoints.operations.prepare_terraform().await?;
                is_ready = true;
            }
            let planned = endpoints.operations.plan_terraform(project, root);
            planned.await.map_err(|source| DeployError::Plan {
                project: project.name.clone(),
                source: source.into(),
            })?;
        }
    }
    Ok(())
}
