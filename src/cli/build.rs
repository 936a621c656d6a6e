use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::Duration;

use clap::Args;

use super::attestations::{self, AttestArguments};
use super::build_context::{BuildContext, BuilderLimits, Schedule, processors};
use super::repository_context::{RepositoryContext, Uncommitted};
use super::run_files::{FinishedRun, RunFiles};
use super::selection::{self, DirectiveScope};
use super::signals::Signals;
use super::troubles::Troubles;
use super::twice::FirstBuilds;
use super::{CommandContext, build_outputs, ignore_changes, registries, untracked, wait_for};
use crate::deploy::Validated;
use crate::error::Error;
use crate::execute::{self, BuildReport, BuilderPool, Destination, ProjectReport, TwiceReport};
use crate::exit::Exit;
use crate::git::{Snapshot, SubmoduleFetch};
use crate::lint;
use crate::model::{ImageRef, ProjectName};
use crate::plan;
use crate::report::json::{BuildJson, PlanJson};
use crate::report::{self, failure_hints, summary, text};
use crate::workspace::Workspace;

#[derive(Debug, Args, Default)]
pub(super) struct Arguments {
    /// Projects to build, with their dependencies [default: all].
    projects: Vec<String>,
    /// Maximum number of projects built in parallel [default: the number of processors].
    #[arg(short, long, value_name = "N", value_parser = at_least_one)]
    jobs: Option<NonZeroUsize>,
    /// How long a builder may make no progress before another one does its work.
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = at_least_a_second)]
    stall_timeout: Duration,
    /// Start no further build after the first failure.
    #[arg(long)]
    fail_fast: bool,
    /// Build the named projects, or all, even if the cache has their images.
    #[arg(long)]
    force: bool,
    /// Projects that directives of the commit message can have rebuilt: `all`, or `named`, which is none without names.
    #[arg(
        long,
        value_name = "PROJECTS",
        value_enum,
        default_value_t,
        hide_default_value = true,
        hide_possible_values = true
    )]
    directives: DirectiveScope,
    /// Show the plan and build nothing.
    #[arg(
        long,
        conflicts_with_all = ["junit", "imagedefinitions", "imagedetail", "logs", "report", "trace"]
    )]
    dry_run: bool,
    /// Build each image a second time without the layer cache, and say what differs.
    #[arg(long, conflicts_with_all = ["local", "shard", "dry_run"])]
    twice: bool,
    /// Share the build with other jobs of the CI's run that do the same: each project is built by one of them.
    #[arg(long)]
    shard: bool,
    /// Build into the engine, as `<repository>:local`: read the cache, push and record nothing.
    #[arg(long)]
    local: bool,
    /// Include uncommitted changes even if the images are pushed.
    #[arg(long)]
    allow_dirty: bool,
    /// Always pull external base images, even if the engine has a copy.
    #[arg(long)]
    pull: bool,
    /// Fetch submodules that are missing, or lack the commit.
    #[arg(long)]
    fetch: bool,
    #[command(flatten)]
    files: RunFiles,
    #[command(flatten)]
    attest: AttestArguments,
}

impl Arguments {
    /// Those of a local build that is made again and again, of one commit and what changes on top of it: its message asked for one.
    pub(super) fn repeated(projects: Vec<String>, jobs: Option<NonZeroUsize>) -> Self {
        Self { projects, jobs, local: true, directives: DirectiveScope::Nothing, ..Self::default() }
    }
}

/// How a build ended, and what its images are called.
pub(super) struct Built {
    pub(super) exit: Exit,
    pub(super) images: BTreeMap<ProjectName, ImageRef>,
}

impl From<Exit> for Built {
    /// Without an image.
    fn from(exit: Exit) -> Self {
        Self { exit, images: BTreeMap::new() }
    }
}

pub(super) fn run(command: &CommandContext, signals: &Signals, arguments: &Arguments) -> Result<Exit, Error> {
    let built = build(command, signals, arguments);
    if let Err(error) = &built
        && let Err(unwritten) = arguments.files.write_not_built(error)
    {
        command.output.error(&unwritten);
    }
    Ok(built?.exit)
}

/// An error is one of before anything was built: what goes wrong later is said, and is in the exit code.
pub(super) fn build(
    command: &CommandContext,
    signals: &Signals,
    arguments: &Arguments,
) -> Result<Built, Error> {
    let CommandContext { options, environment, output } = command;
    let repo = RepositoryContext::new(options, environment, Uncommitted::Included);
    // One of them that is committed is no uncommitted change for that.
    arguments.files.remove_earlier()?;
    let repo = repo?;
    let snapshot = repo.snapshot();
    let workspace = Workspace::read(&snapshot, &repo.source)?;
    let selected = selection::selected(&repo, &workspace, &arguments.projects)?;
    let only = || selection::only(&repo, &workspace, &arguments.projects);
    let only_project = arguments.files.imagedetail.is_some().then(only).transpose()?;
    let named = arguments.force.then_some(&*arguments.projects);
    let directives = selection::directives(&repo, &workspace, arguments.directives, &arguments.projects)?;
    let forced = selection::forced(&repo, &workspace, named, &directives)?;
    let context = BuildContext::new(command, &repo, &snapshot, &workspace, arguments.local)?;
    let shares = arguments.shard.then(|| context.shares(arguments.force)).transpose()?;
    if !matches!(context.destination, Destination::Local(_)) {
        workspace.check_platforms(&selected)?;
    }
    if !arguments.allow_dirty {
        context.check_dirty_in_ci()?;
    }
    context.check_can_be_pulled(&arguments.files.image_options())?;
    wait_for(async {
        let (cache, observed) = match context.destination {
            Destination::Local(_) => context.observe_locally(&selected).await?,
            Destination::Shared(_) | Destination::Untrusted(_) => {
                let cache = registries::registry(&workspace.cache, environment).await?;
                let observed = context.observe(&selected, &*cache, None).await?;
                (cache, observed)
            }
        };
        let cache = &*cache;
        if arguments.twice {
            context.check_comparable(cache)?;
        }
        let attestor = arguments.attest.attestor(command, &repo, cache, &context.destination)?;
        let plan = plan::make(&workspace.graph, &observed, workspace.settings.strategy, &forced);
        let untracked = untracked::find(command, &repo, &snapshot, &workspace, &selected)?;
        if arguments.dry_run {
            untracked::say(command, &untracked);
            ignore_changes::say(command, &repo, &snapshot, &plan)?;
            command.print_summary(
                || PlanJson::of_plan(&plan, &workspace),
                |layout| text::plan(&plan, &workspace, layout),
            );
            return Ok(Exit::Done.into());
        }
        untracked::say(command, &untracked);
        output.status(&text::base(plan.head, plan.is_dirty, &plan.base));
        ignore_changes::say(command, &repo, &snapshot, &plan)?;
        context.say_what_is_not_written(&arguments.files.image_options());
        if let Destination::Shared(_) = context.destination {
            if !arguments.allow_dirty {
                context.check_dirty_push(cache)?;
            }
            if context.validate_terraform(signals, &plan).await? == Validated::Interrupted {
                return Ok(Exit::Interrupted.into());
            }
        }
        let fetch = if arguments.fetch { SubmoduleFetch::Allowed } else { SubmoduleFetch::NotAsked };
        let limits = BuilderLimits { stall_timeout: arguments.stall_timeout, jobs: arguments.jobs };
        let jobs = context.prepare(cache, &plan, &observed, arguments.pull, fetch, limits).await?;
        if let Destination::Local(_) = context.destination {
            context.say_platforms(&jobs);
        }
        let orderly = signals.orderly().map_err(Error::Start)?;
        let mut durations = context.durations(&observed);
        let slots = || execute::builders(&jobs).map(BuilderPool::limit);
        let parallelism = arguments.jobs.or_else(slots).unwrap_or_else(processors);
        let recorder = context.recorder(&plan, parallelism, arguments.files.logs.as_deref())?;
        let mut shard = shares.as_ref().map(|shares| context.shard(shares, cache, &plan, &observed));
        if let Some(shard) = &mut shard {
            shard.join().await?;
        }
        let attestor = attestor.as_ref();
        let fail_fast = arguments.fail_fast;
        let schedule = Schedule { parallelism, fail_fast, shard: shard.as_ref(), attestor };
        let execution = context.execute(cache, &jobs, schedule, &mut durations, &recorder, &orderly);
        let mut report = execution.await;
        // Jobs of one run would all do the same for each reused image.
        if let Some(attestor) = attestor.filter(|_| shard.is_none()) {
            let attesting =
                execute::attest_reused(attestor, cache, &workspace, context.zone, parallelism, &mut report);
            match orderly.unless_requested(attesting).await {
                Some(without) => attestations::say_what_is_missing(command, &without),
                None => report.is_interrupted = true,
            }
        }
        // What was built is there, whether that can be recorded or not: it is reported first.
        let recording = context.record(cache, &plan, &report, &observed.records, &durations.durations);
        let recorded = orderly.unless_requested(recording).await;
        report.is_interrupted |= recorded.is_none();
        let recorded = recorded.unwrap_or(Ok(None));
        let twice = if arguments.twice && !report.is_interrupted {
            let first = FirstBuilds { jobs: &jobs, report: &report };
            let again = context.build_again(cache, first, schedule, &durations, &recorder, &orderly);
            Some(again.await)
        } else {
            None
        };
        report.is_interrupted |= twice.as_ref().is_some_and(|twice| twice.is_interrupted);
        drop(orderly);
        add_hints(&workspace, &snapshot, &mut report);
        let run = recorder.finish(&mut report);
        let record = recorded.as_ref().ok().and_then(Option::as_ref);
        command.print_summary(
            || BuildJson::new(&plan, &workspace, &report, record, twice.as_ref()),
            |layout| {
                let mut text = summary::build(&plan, &workspace, &report, record, layout);
                twice.iter().for_each(|twice| report::twice::rows(&mut text, twice, layout));
                text
            },
        );
        build_outputs::write(command, &plan, &report, twice.as_ref());
        let exit = report.kind().map_or_else(|| exit_of(twice.as_ref()), Exit::from);
        let mut troubles = Troubles::new(output, exit);
        troubles.say(recorded);
        let finished = FinishedRun {
            plan: &plan,
            report: &report,
            twice: twice.as_ref(),
            run: &run,
            store: &context.store(),
            destination: &context.destination,
            only_project: only_project.as_ref(),
        };
        arguments.files.write(&finished, &mut troubles);
        let image =
            |(name, project): (&ProjectName, &ProjectReport)| Some((name.clone(), project.image()?.clone()));
        Ok(Built { exit: troubles.exit(), images: report.projects.iter().filter_map(image).collect() })
    })
}

/// Whether images that were built twice are equal, where that was asked.
fn exit_of(twice: Option<&TwiceReport>) -> Exit {
    match twice {
        Some(twice) if twice.has_failed() => Exit::Failed,
        Some(twice) if !twice.is_equal() => Exit::No,
        Some(_) | None => Exit::Done,
    }
}

/// Adds what `lint` knows of files that builds have missed.
fn add_hints(workspace: &Workspace, snapshot: &Snapshot<'_>, report: &mut BuildReport) {
    let projects = failure_hints::projects_without_a_file(report);
    let findings = match projects.is_empty() {
        true => Vec::new(),
        false => lint::check(workspace, &projects, snapshot).map_or_else(
            |error| {
                tracing::warn!(%error, "cannot tell why files are not in the context");
                Vec::new()
            },
            |lint| lint.findings,
        ),
    };
    failure_hints::add(workspace, &findings, report);
}

fn at_least_a_second(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if duration < Duration::from_secs(1) { Err("at least `1s` is expected".to_owned()) } else { Ok(duration) }
}

pub(super) fn at_least_one(number: &str) -> Result<NonZeroUsize, &'static str> {
    number.parse().map_err(|_| "a number from 1 is expected")
}
