use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use super::Call;
use super::opened::{self, Opened, Uncommitted};
use super::output::Output;
use super::plan::{Planning, selection};
use super::progress::Display;
use super::{ensure_terraform, registries, wait_for};
use crate::ci::Switches;
use crate::config::SecretSource;
use crate::deploy::{self, Validated, Validation};
use crate::engine::Engine;
use crate::error::Error;
use crate::execute::{Durations, Executor};
use crate::exit::Exit;
use crate::git::Snapshot;
use crate::inputs::InputFiles;
use crate::model::{Credentials, Host, ImageRef, ProjectName, RepoPath, Secret, Tag};
use crate::plan::{Action, Force, Plan, Step};
use crate::record::{ARTIFACT_TYPE, BuildRecord};
use crate::registry::Registry;
use crate::report::json::{BuildJson, PlanJson};
use crate::report::{BuildReport, text};
use crate::task::{Maker, Tags, Task};
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

pub(super) fn run(call: &Call, arguments: &Arguments) -> Result<Exit, Error> {
    let Call { options, environment, output } = call;
    let opened = Opened::new(options, environment, Uncommitted::Included)?;
    if opened.is_dirty && environment.is_ci && !arguments.allow_dirty {
        return Err(Error::DirtyInCi);
    }
    let snapshot = opened.snapshot();
    let workspace = Workspace::read(&snapshot, &opened.source)?;
    let selected = selection(&workspace, &arguments.projects)?;
    let force = force(&workspace, arguments, &opened.switches(&workspace)?)?;
    let planning =
        Planning { options, environment, opened: &opened, snapshot: &snapshot, workspace: &workspace };
    wait_for(async {
        let cache = registries::registry(&workspace.cache, environment).await?;
        let (plan, files) = planning.ask(&*cache, &selected, &force).await?;
        if arguments.dry_run {
            if options.json {
                output.json(&PlanJson::new(&plan));
            } else {
                output.answer(&text::plan(&plan));
            }
            return Ok(Exit::Done);
        }
        output.story(&text::base(&plan));
        if let (true, Some(host), false) = (opened.is_dirty, host(&*cache, &workspace), arguments.allow_dirty)
        {
            return Err(Error::DirtyPush { host: host.to_string() });
        }
        if validate_terraform(call, &snapshot, &workspace, &plan).await? == Validated::Interrupted {
            return Ok(Exit::Interrupted);
        }
        let building = Building { planning: &planning, arguments, cache: &*cache, output };
        let mut report = building.execute(&plan, &files).await?;
        // What was built is there, whether that can be recorded or not: it is reported first.
        let recorded = building.record(&report).await;
        report.record = recorded.as_ref().ok().cloned().flatten();
        if options.json {
            output.json(&BuildJson::new(&report));
        } else {
            output.answer(&text::build(&report));
        }
        recorded.map(|_| exit(&report))
    })
}

/// Checks what a deployment would apply, before anything is built for it.
async fn validate_terraform(
    call: &Call,
    snapshot: &Snapshot<'_>,
    workspace: &Workspace,
    plan: &Plan,
) -> Result<Validated, Error> {
    // Where nothing is deployed, nothing is applied.
    if workspace.deploy.is_none() {
        return Ok(Validated::Valid);
    }
    let validation = Validation {
        program: ensure_terraform::program(&call.environment)?,
        variables: call.environment.terraform_variables(),
        temporary: call.environment.temporary_folder(),
    };
    let built = plan.steps.iter().filter(|step| step.action == Action::Build);
    let built = built.map(|step| step.project.clone()).collect();
    let on_valid = |project: &ProjectName, folder: &RepoPath| {
        call.output.story(&format!("{project}: the Terraform configuration in {folder} is valid"));
    };
    let validated =
        deploy::validate_terraform(&validation, snapshot, workspace, &built, interrupted(), &on_valid);
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
fn force(workspace: &Workspace, arguments: &Arguments, switches: &Switches) -> Result<Force, Error> {
    let all = || workspace.projects.keys().cloned().collect();
    if switches.rebuild_all || arguments.force && arguments.projects.is_empty() {
        return Ok(Force::Only(all()));
    }
    let mut forced: BTreeSet<ProjectName> = BTreeSet::new();
    if arguments.force {
        for name in &arguments.projects {
            forced.insert(opened::project(workspace, name)?);
        }
    }
    for repository in &switches.rebuild {
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

struct Building<'b> {
    planning: &'b Planning<'b>,
    arguments: &'b Arguments,
    cache: &'b dyn Registry,
    output: &'b Output,
}

impl Building<'_> {
    async fn execute(&self, plan: &Plan, files: &InputFiles) -> Result<BuildReport, Error> {
        let workspace = self.planning.workspace;
        let tasks = self.tasks(plan, files).await?;
        // A plan without a build needs no engine, so it doesn't ask for one.
        let engine = match tasks.is_empty() {
            true => None,
            false => Some(registries::engine(self.planning.environment).await?),
        };
        let durations_file = self.planning.opened.repository.common_dir().join("chinampa/durations.json");
        let mut durations = read_durations(&durations_file);
        let display = Display::new(self.output, plan);
        let repositories: BTreeMap<_, _> = workspace
            .projects
            .iter()
            .map(|(name, project)| (name.clone(), project.repository.clone()))
            .collect();
        let executor = Executor {
            graph: &workspace.graph,
            repositories: &repositories,
            tasks: &tasks,
            registry: self.cache,
            engine: engine.as_ref().map(|engine| engine as &dyn Engine),
            jobs: self.jobs(),
            fail_fast: self.arguments.fail_fast,
            durations: &durations,
            tell: &|event| display.tell(&event),
        };
        let report = executor.execute(plan, interrupted()).await;
        display.finish();
        durations.learn(&report);
        write_durations(&durations_file, &durations);
        Ok(report)
    }

    async fn tasks(&self, plan: &Plan, files: &InputFiles) -> Result<BTreeMap<ProjectName, Task>, Error> {
        let Planning { opened, snapshot, workspace, .. } = *self.planning;
        let builds: Vec<&Step> = plan.steps.iter().filter(|step| step.action == Action::Build).collect();
        if builds.is_empty() {
            // Nobody is asked for a password that nobody needs.
            return Ok(BTreeMap::new());
        }
        let clean = |tags: Tags| if opened.is_dirty { Tags::default() } else { tags };
        let maker = Maker {
            repository: &opened.repository,
            snapshot,
            registry: self.cache,
            commit: opened.head.commit,
            default_branch: &workspace.settings.default_branch,
            tags: clean(Tags { commit: Some(opened.head.commit), branch: opened.head.branch.clone() }),
            credentials: self.credentials().await?,
            pull: self.arguments.pull,
        };
        let tasks = builds.into_iter().filter_map(|step| {
            let name = &step.project;
            let (project, inputs) = (workspace.projects.get(name)?, step.inputs?);
            let task = self.secrets(name, project).and_then(|secrets| {
                Ok(maker.task(
                    name,
                    project,
                    inputs.digest,
                    files.get(name).map_or(&[], Vec::as_slice),
                    secrets,
                )?)
            });
            Some(task.map(|task| (name.clone(), task)))
        });
        tasks.collect()
    }

    /// What parents and cached layers of the cache are pulled with.
    async fn credentials(&self) -> Result<BTreeMap<Host, Credentials>, Error> {
        let host = host(self.cache, self.planning.workspace);
        let credentials = self.cache.credentials().await?;
        Ok(host.zip(credentials).into_iter().collect())
    }

    fn secrets(&self, name: &ProjectName, project: &Project) -> Result<BTreeMap<String, Secret>, Error> {
        let secret = |(id, source): (&String, &SecretSource)| {
            let (value, from) = match source {
                SecretSource::Env(variable) => (
                    self.planning.environment.secret(variable),
                    format!("the variable `{variable}`, which is not set"),
                ),
                SecretSource::File(path) => {
                    let file = self.planning.opened.repository.path_in_work_tree(path);
                    let value = file.and_then(|file| fs::read_to_string(file).ok());
                    (value.map(Secret::new), format!("the file `{path}`, which can't be read"))
                }
            };
            let missing = || Error::Secret { id: id.clone(), project: name.clone(), from };
            Ok((id.clone(), value.ok_or_else(missing)?))
        };
        project.config.secrets.iter().map(secret).collect()
    }

    fn jobs(&self) -> NonZeroUsize {
        let processors = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        self.arguments.jobs.unwrap_or(processors)
    }

    /// Writes the build record when every project of the graph has its image of a commit.
    async fn record(&self, report: &BuildReport) -> Result<Option<ImageRef>, Error> {
        let Planning { opened, workspace, .. } = *self.planning;
        let is_whole = report.is_complete() && report.plan.steps.len() == workspace.projects.len();
        if !is_whole || opened.is_dirty {
            return Ok(None);
        }
        let record = BuildRecord {
            commit: opened.head.commit,
            branch: opened.head.branch.as_ref().map(ToString::to_string),
            projects: report.recorded_images(|name| workspace.projects[name].repository.clone()),
        };
        let commit_tag = Tag::commit(&opened.head.commit);
        let tags: Vec<Tag> =
            [commit_tag.clone()].into_iter().chain(opened.head.branch.as_ref().map(Tag::branch)).collect();
        let repository = &workspace.records;
        self.cache.ensure_repository(repository).await.map_err(Error::Record)?;
        let content = record.to_bytes()?.into();
        self.cache.put_artifact(repository, ARTIFACT_TYPE, content, &tags).await.map_err(Error::Record)?;
        Ok(Some(self.cache.image(repository, &commit_tag)))
    }
}

/// Ready when a person presses Ctrl-C, or the CI ends the job.
pub(super) async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(error) => {
            tracing::info!(%error, "SIGTERM can't be waited for");
            std::future::pending::<()>().await;
        }
    }
}

/// What earlier runs took. Only a hint, so a file that can't be read is as good as none.
fn read_durations(file: &PathBuf) -> Durations {
    fs::read(file).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

fn write_durations(file: &PathBuf, durations: &Durations) {
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
