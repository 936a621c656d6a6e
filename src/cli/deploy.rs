use std::collections::BTreeSet;
use std::time::Duration;

use clap::Args;

use super::CommandContext;
use super::attestations;
use super::deploy_progress::DeployDisplay;
use super::deployment::DeployContext;
use super::repository_context::{RepositoryContext, Uncommitted};
use super::selection;
use super::signals::Signals;
use super::wait_for_copies;
use crate::config::EnvironmentName;
use crate::deploy::gate::Rollback;
use crate::deploy::{self, Apply, DeployChoice, Endpoints};
use crate::error::Error;
use crate::exit::Exit;
use crate::lease::SystemClock;
use crate::model::ProjectName;
use crate::report::deployment::{self, DeployJson};
use crate::report::summary;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Projects to deploy [default: all].
    projects: Vec<String>,
    /// Name of the environment in `projects.toml`.
    #[arg(short, long, value_name = "NAME")]
    environment: EnvironmentName,
    /// Show the deployment plan, with `terraform plan`, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Allow a commit that is an ancestor of the deployed one.
    #[arg(long)]
    rollback: bool,
    /// Apply Terraform for every project, even if nothing changed, to correct drift.
    #[arg(long)]
    apply_all: bool,
    /// Maximum time to wait for another deployment to the environment.
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = humantime::parse_duration)]
    wait: Duration,
}

pub(super) fn run(command: &CommandContext, signals: &Signals, arguments: &Arguments) -> Result<Exit, Error> {
    let CommandContext { options, environment, output } = command;
    environment.check_trust("deploy")?;
    let repo = RepositoryContext::new(options, environment, Uncommitted::LeftOut)?;
    let snapshot = repo.snapshot();
    let context = DeployContext::new(command, &repo, &snapshot)?;
    let named = arguments.projects.iter().map(|name| selection::project(&repo, &context.workspace, name));
    let named = named.collect::<Result<BTreeSet<ProjectName>, _>>()?;
    let request = context.request(&DeployChoice {
        environment: &arguments.environment,
        named: Some(&named).filter(|named| !named.is_empty()),
        rollback: if arguments.rollback { Rollback::Allowed } else { Rollback::Refused },
        apply: if arguments.apply_all { Apply::All } else { Apply::Changed },
    })?;
    let is_dry_run = arguments.dry_run || repo.directives(&context.workspace)?.dry_deploy;
    let verifier = attestations::verifier(command)?;
    let lock = context.lock_request(&request, arguments.wait)?;
    let display = DeployDisplay::new(output, is_dry_run);
    let on_event = |event| display.on_event(&event);
    wait_for_copies(async {
        let registries = context.registries(&request.environment).await?;
        let operations = context.operations(&registries, &request, &on_event)?;
        let (cache, target) = (&*registries.cache, &*registries.target);
        let relation = &context.relation();
        let verifier = verifier.as_ref();
        let endpoints = Endpoints { cache, target, operations: &operations, relation, verifier };
        let orderly = signals.orderly().map_err(Error::Start)?;
        if is_dry_run {
            let done = deploy::dry_run(&request, endpoints, orderly.requested(), |plan| {
                if !options.json {
                    output.stdout(&deployment::plan(plan));
                }
            });
            let done = done.await?;
            if options.json {
                output.json(&DeployJson::of_dry_run(&done));
            }
            return done.error.map_or(Ok(Exit::Done), |error| Err(error.into()));
        }
        let work = deploy::deploy(&request, &lock, endpoints, &SystemClock, orderly.requested(), &on_event);
        let report = display.show_while(work).await?;
        command
            .print_summary(|| DeployJson::of_report(&report), |layout| summary::deployment(&report, layout));
        match (report.kind(), report.error) {
            (_, Some(error)) => Err(error.into()),
            (kind, None) => Ok(kind.map_or(Exit::Done, Exit::from)),
        }
    })
}
