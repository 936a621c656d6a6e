use std::collections::BTreeSet;
use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use clap::Args;

use super::opened::{self, Opened, Uncommitted, selection};
use super::progress::Display;
use super::signals::Signals;
use super::{Call, ensure_terraform, registries, wait_for};
use crate::ci::{Branch, Directives, Trust};
use crate::deploy::{self, Validated, Validation};
use crate::engine::Engine;
use crate::error::Error;
use crate::execute::{
    self, BuildReport, Destination, Durations, Executor, Job, Preparation, Secrets, Tags, UntrustedRun,
};
use crate::exit::Exit;
use crate::git::Snapshot;
use crate::interruption::Interruption;
use crate::model::{CommitId, Host, ImageRef, ProjectName, RepoPath, Tag};
use crate::plan::{self, Force, Plan};
use crate::registry::Registry;
use crate::report::json::{BuildJson, PlanJson};
use crate::report::text;
use crate::secrets::SecretReader;
use crate::workspace::{Project, Workspace};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The projects and what they need; none named: all.
    projects: Vec<String>,
    /// How many projects are built at once [default: the number of processors].
    #[arg(short, long, value_name = "N", value_parser = at_least_one)]
    jobs: Option<NonZeroUsize>,
    /// Starts nothing more after the first failure.
    #[arg(long)]
    fail_fast: bool,
    /// Builds the named projects, or all, though the cache has them.
    #[arg(long)]
    force: bool,
    /// Shows the plan and builds nothing.
    #[arg(long)]
    dry_run: bool,
    /// Takes uncommitted changes along even where they would be pushed.
    #[arg(long)]
    allow_dirty: bool,
    /// Looks parents that the engine has up again in their registry.
    #[arg(long)]
    pull: bool,
}

pub(super) fn run(call: &Call, signals: &Signals, arguments: &Arguments) -> Result<Exit, Error> {
    let Call { options, environment, output } = call;
    let opened = Opened::new(options, environment, Uncommitted::Included)?;
    if opened.is_dirty && environment.ci.is_ci() && !arguments.allow_dirty {
        return Err(Error::DirtyInCi);
    }
    let snapshot = opened.snapshot();
    let workspace = Workspace::read(&snapshot, &opened.source)?;
    let selected = selection(&workspace, &arguments.projects)?;
    let force = force(&workspace, arguments, &opened.directives(&workspace)?)?;
    let zone = opened.zone(&snapshot, &workspace)?;
    wait_for(async {
        let cache = registries::registry(&workspace.cache, environment).await?;
        let observed = opened.observe(call, &snapshot, &workspace, zone, &selected, &*cache).await?;
        let plan = plan::make(&workspace.graph, &observed, workspace.settings.strategy, &force);
        if arguments.dry_run {
            show_plan(call, &plan);
            return Ok(Exit::Done);
        }
        output.story(&text::base(plan.head, plan.is_dirty, &plan.base));
        let destination = destination(&opened);
        match (&opened.trust, opened.context.branch()) {
            (Trust::Untrusted { why }, _) => output.story(&format!(
                "this run is not trusted: {why}. Images stay in the engine, and there are no secrets"
            )),
            (Trust::Trusted, Branch::Unknown { why }) if environment.ci.is_ci() => {
                output.story(&format!("nothing is named after a branch: {why}"));
            }
            (Trust::Trusted, _) => {}
        }
        if let Destination::Shared(_) = destination {
            let host = host(&*cache, &workspace).filter(|_| opened.is_dirty && !arguments.allow_dirty);
            if let Some(host) = host {
                return Err(Error::DirtyPush { host: host.to_string() });
            }
            let validated = validate_terraform(call, signals, &snapshot, &workspace, &plan).await?;
            if validated == Validated::Interrupted {
                return Ok(Exit::Interrupted);
            }
        }
        let preparation = Preparation {
            repository: &opened.repository,
            snapshot: &snapshot,
            workspace: &workspace,
            registry: &*cache,
            destination: &destination,
            zone,
            branch_to_read: opened.context.branch_to_read(),
            secrets: &secrets(call, &opened, &snapshot, &workspace, &plan)?,
            pull: arguments.pull,
        };
        let connect =
            async || Ok::<_, Error>(Arc::new(registries::engine(environment).await?) as Arc<dyn Engine>);
        let jobs = execute::prepare(&plan, &observed, preparation, connect).await?;
        let orderly = signals.orderly().map_err(Error::Start)?;
        let report = execute(call, arguments, &orderly, &opened, &workspace, &*cache, &jobs).await;
        // What was built is there, whether that can be recorded or not: it is reported first.
        let recorded = match destination {
            Destination::Untrusted(_) => Some(Ok(None)),
            Destination::Shared(_) => {
                let may_move = |recorded| may_move_record(call, &opened, recorded);
                let branch = opened.head.branch.as_ref();
                let recorded = execute::record(&*cache, &workspace, zone, &plan, &report, branch, may_move);
                orderly.unless_requested(recorded).await
            }
        };
        let is_interrupted = report.is_interrupted || recorded.is_none();
        let report = BuildReport { is_interrupted, ..report };
        let recorded = recorded.unwrap_or(Ok(None));
        drop(orderly);
        show_report(call, &plan, &report, recorded.as_ref().ok().and_then(Option::as_ref));
        recorded?;
        Ok(exit(&report))
    })
}

fn show_plan(call: &Call, plan: &Plan) {
    if call.options.json {
        call.output.json(&PlanJson::of_plan(plan));
    } else {
        call.output.answer(&text::plan(plan));
    }
}

fn show_report(call: &Call, plan: &Plan, report: &BuildReport, record: Option<&ImageRef>) {
    if call.options.json {
        call.output.json(&BuildJson::new(plan, report, record));
    } else {
        call.output.answer(&text::build(plan, report, record));
    }
}

/// Checks what a deployment would apply, before anything is built for it.
async fn validate_terraform(
    call: &Call,
    signals: &Signals,
    snapshot: &Snapshot<'_>,
    workspace: &Workspace,
    plan: &Plan,
) -> Result<Validated, Error> {
    let environment = &call.environment;
    // Where nothing is deployed, nothing is applied.
    if workspace.deploy.is_none() {
        return Ok(Validated::Valid);
    }
    let validation = Validation {
        program: ensure_terraform::program(environment)?,
        variables: environment.terraform_variables(),
        temporary: environment.temporary_folder(),
    };
    let built = plan.builds().map(|step| step.impact.project.clone()).collect();
    let on_valid = |project: &ProjectName, folder: &RepoPath| {
        call.output.story(&format!("{project}: the Terraform configuration in {folder} is valid"));
    };
    // Terraform is ended, and the commit's files are removed.
    let orderly = signals.orderly().map_err(Error::Start)?;
    let interrupted = orderly.requested();
    let validated =
        deploy::validate_terraform(&validation, snapshot, workspace, &built, interrupted, &on_valid);
    Ok(validated.await?)
}

/// Where images are pushed to; `None` where they stay in the engine.
fn host(cache: &dyn Registry, workspace: &Workspace) -> Option<Host> {
    cache.image(&workspace.records, &Tag::tainted()).host
}

fn at_least_one(number: &str) -> Result<NonZeroUsize, &'static str> {
    number.parse().map_err(|_| "a number from 1 is expected")
}

/// With `--force`, the named projects but not what they need; all when none is named. A commit's message
/// can ask for the same.
fn force(workspace: &Workspace, arguments: &Arguments, directives: &Directives) -> Result<Force, Error> {
    let all = || workspace.projects.keys().cloned().collect();
    if directives.rebuild_all || arguments.force && arguments.projects.is_empty() {
        return Ok(Force::Only(all()));
    }
    let mut forced: BTreeSet<ProjectName> = BTreeSet::new();
    if arguments.force {
        for name in &arguments.projects {
            forced.insert(opened::project(workspace, name)?);
        }
    }
    for repository in &directives.rebuild {
        let built_to = |project: &Project| project.config.repository.as_str() == repository;
        let found = workspace.projects.iter().find(|(_, project)| built_to(project));
        let (name, _) = found.ok_or_else(|| Error::SwitchRepository(repository.clone()))?;
        forced.insert(name.clone());
    }
    Ok(if forced.is_empty() { Force::None } else { Force::Only(forced) })
}

fn exit(report: &BuildReport) -> Exit {
    if report.is_interrupted {
        Exit::Interrupted
    } else if report.is_complete() {
        Exit::Done
    } else {
        Exit::Failed
    }
}

/// Nothing that is named after a commit or a branch is made of uncommitted work, and nothing that others see by an untrusted run.
fn destination(opened: &Opened) -> Destination {
    match &opened.trust {
        Trust::Untrusted { .. } => Destination::Untrusted(UntrustedRun::new()),
        Trust::Trusted if opened.is_dirty => Destination::Shared(Tags::default()),
        Trust::Trusted => {
            Destination::Shared(Tags { commit: Some(opened.head.commit), branch: opened.head.branch.clone() })
        }
    }
}

/// A branch's record moves to descendants only, so that a build of an older commit, run again, doesn't move it back.
fn may_move_record(call: &Call, opened: &Opened, recorded: CommitId) -> Result<bool, Error> {
    let moves = opened.may_move_record(&call.options, recorded)?;
    if let (Err(why), Some(branch)) = (&moves, opened.context.branch_name()) {
        let recorded = recorded.short();
        call.output.story(&format!("the build record of `{branch}` stays at {recorded}: {why}"));
    }
    Ok(moves.is_ok())
}

async fn execute(
    call: &Call,
    arguments: &Arguments,
    interruption: &Interruption,
    opened: &Opened,
    workspace: &Workspace,
    cache: &dyn Registry,
    jobs: &[Job],
) -> BuildReport {
    let durations_file = opened.repository.common_dir().join("chinampa/durations.json");
    let mut durations = read_durations(&durations_file);
    let display = Display::new(&call.output, jobs);
    let executor = Executor {
        graph: &workspace.graph,
        registry: cache,
        parallelism: arguments.jobs.unwrap_or_else(processors),
        fail_fast: arguments.fail_fast,
        durations: &durations,
        on_event: &|event| display.tell(&event),
    };
    let report = executor.execute(jobs, interruption.requested()).await;
    display.finish();
    if opened.trust.is_trusted() {
        durations.learn(&report);
        write_durations(&durations_file, &durations);
    }
    report
}

fn processors() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// The secrets of the projects that are built; none for an untrusted run.
fn secrets(
    call: &Call,
    opened: &Opened,
    snapshot: &Snapshot<'_>,
    workspace: &Workspace,
    plan: &Plan,
) -> Result<Secrets, Error> {
    let access = call.environment.secret_access(&opened.trust);
    let variable = |name: &str| call.environment.secret(name);
    let reader = SecretReader { access, variable: &variable, snapshot };
    let secrets = |name: &ProjectName| {
        let secrets = reader.read(name, &workspace.projects[name].config.secrets)?;
        Ok((name.clone(), secrets))
    };
    plan.builds().map(|step| secrets(&step.impact.project)).collect()
}

/// What earlier runs took. Only a hint, so a file that can't be read is as good as none.
fn read_durations(file: &Path) -> Durations {
    fs::read(file).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

fn write_durations(file: &Path, durations: &Durations) {
    let written = file.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| {
        let text = serde_json::to_vec(durations)?;
        let new = file.with_extension(format!("new-{}", std::process::id()));
        fs::write(&new, text)?;
        fs::rename(&new, file)
    });
    if let Err(error) = written {
        tracing::info!(%error, file = %file.display(), "the durations can't be kept");
    }
}
