//! What `build` does with a plan: checks first, then jobs, then the record.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use super::durations_file::DurationsFile;
use super::ecr_logins::EcrLogins;
use super::environment::NamedLogin;
use super::observations::CacheToRead;
use super::progress::Display;
use super::repository_context::RepositoryContext;
use super::signals::Signals;
use super::{CommandContext, builders, ensure_terraform, registries};
use crate::attest::Attestor;
use crate::ci::{Branch, Trust};
use crate::config::{RegistryKind, SecretSource};
use crate::deploy::{self, Validated, Validation};
use crate::docker::{AddressError, DockerConfig};
use crate::engine::{Logins, SshAgent};
use crate::error::Error;
use crate::execute::{
    self, Backend, BuildReport, Destination, Durations, Executor, Forecast, Job, LocalRun, Preparation,
    Recording, Secrets, Shard, Tags, UntrustedRun,
};
use crate::git::{Snapshot, SubmoduleFetch};
use crate::interruption::Interruption;
use crate::model::{CommitId, ImageRef, ProjectName, RepoPath, Secret, Tag};
use crate::observe::{BuildRecords, LocalRequest, Observations, Zone};
use crate::plan::Plan;
use crate::registry::{Registry, Storage};
use crate::report::text;
use crate::runs::Recorder;
use crate::secrets::{AwsSecrets, SecretReader};
use crate::workspace::Workspace;

/// A tree that is built, and where its images go.
pub(super) struct BuildContext<'c> {
    pub(super) command: &'c CommandContext,
    pub(super) repo: &'c RepositoryContext,
    snapshot: &'c Snapshot<'c>,
    pub(super) workspace: &'c Workspace,
    pub(super) zone: Zone,
    pub(super) destination: Destination,
}

/// What limits the use of builders.
#[derive(Clone, Copy, Debug)]
pub(super) struct BuilderLimits {
    /// How long a build may be without progress.
    pub(super) stall_timeout: Duration,
    /// Maximum number of builds at a time, else that of all slots.
    pub(super) jobs: Option<NonZeroUsize>,
}

/// How builds run beside each other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule<'s> {
    pub(super) parallelism: NonZeroUsize,
    pub(super) fail_fast: bool,
    /// What other jobs share the builds.
    pub(super) shard: Option<&'s Shard<'s>>,
    /// What is said of the images.
    pub(super) attestor: Option<&'s Attestor>,
}

impl<'c> BuildContext<'c> {
    pub(super) fn new(
        command: &'c CommandContext,
        repo: &'c RepositoryContext,
        snapshot: &'c Snapshot<'c>,
        workspace: &'c Workspace,
        is_local: bool,
    ) -> Result<Self, Error> {
        let zone = repo.zone(snapshot, workspace)?;
        let destination = destination(repo, is_local);
        Ok(Self { command, repo, snapshot, workspace, zone, destination })
    }

    /// Asks git and the cache for all that a plan needs, and first the engine of a local build.
    pub(super) async fn observe(
        &self,
        selected: &BTreeSet<ProjectName>,
        registry: &dyn Registry,
        local: Option<LocalRequest<'_>>,
    ) -> Result<Observations, Error> {
        let cache = CacheToRead { registry, zone: self.zone, local };
        self.repo.observe(self.command, self.snapshot, self.workspace, selected, cache).await
    }

    /// Refuses uncommitted changes in a CI, which builds commits.
    pub(super) fn check_dirty_in_ci(&self) -> Result<(), Error> {
        let is_in_ci = self.command.environment.ci.is_ci();
        if self.repo.is_dirty && is_in_ci { Err(Error::DirtyInCi) } else { Ok(()) }
    }

    /// Refuses to name images for deployers that nobody but this engine has.
    pub(super) fn check_can_be_pulled(&self, image_options: &[&'static str]) -> Result<(), Error> {
        match (&self.workspace.cache.kind, image_options.first()) {
            (RegistryKind::Engine, Some(option)) => Err(Error::NotPulled { option }),
            _ => Ok(()),
        }
    }

    /// Refuses to push images of uncommitted changes.
    pub(super) fn check_dirty_push(&self, cache: &dyn Registry) -> Result<(), Error> {
        // Without a host, images stay in the engine.
        match cache.image(&self.workspace.records, &Tag::latest()).host {
            Some(host) if self.repo.is_dirty => Err(Error::DirtyPush { host: host.to_string() }),
            _ => Ok(()),
        }
    }

    /// Says which of the usual names and outputs this run doesn't write, and why.
    pub(super) fn say_what_is_not_written(&self, image_options: &[&str]) {
        let output = &self.command.output;
        if let Destination::Untrusted(_) = self.destination {
            for option in image_options {
                output
                    .status(&format!("the file of `{option}` is not written: its images stay in the engine"));
            }
        }
        match (&self.repo.trust, self.repo.context.branch()) {
            (Trust::Untrusted { why }, _) => output.status(&format!(
                "this run is not trusted: {why}. Images stay in the engine, and there are no secrets and no ssh agent"
            )),
            (Trust::Trusted, Branch::Unknown { why }) if self.command.environment.ci.is_ci() => {
                output.status(&format!("nothing is named after a branch: {why}"));
            }
            (Trust::Trusted, _) => {}
        }
    }

    /// Checks what a deployment would apply, before anything is built for it.
    pub(super) async fn validate_terraform(
        &self,
        signals: &Signals,
        plan: &Plan,
    ) -> Result<Validated, Error> {
        let environment = &self.command.environment;
        // Where nothing is deployed, nothing is applied.
        if self.workspace.deploy.is_none() {
            return Ok(Validated::Valid);
        }
        let validation = Validation {
            program: ensure_terraform::program(environment)?,
            variables: environment.terraform_variables(),
            temporary: environment.temporary_folder(),
        };
        let built = plan.builds().map(|step| step.impact.project.clone()).collect();
        let on_valid = |project: &ProjectName, folder: &RepoPath| {
            let output = &self.command.output;
            output.status(&format!("{project}: the Terraform configuration in {folder} is valid"));
        };
        // Terraform is ended, and the commit's files are removed.
        let orderly = signals.orderly().map_err(Error::Start)?;
        let interrupted = orderly.requested();
        let validated = deploy::validate_terraform(
            &validation,
            self.snapshot,
            self.workspace,
            &built,
            interrupted,
            &on_valid,
        );
        Ok(validated.await?)
    }

    pub(super) async fn prepare(
        &self,
        cache: &dyn Registry,
        plan: &Plan,
        observed: &Observations,
        pull: bool,
        fetch_submodules: SubmoduleFetch,
        limits: BuilderLimits,
    ) -> Result<Vec<Job>, Error> {
        let ssh_agent = self.ssh_agent(plan)?;
        let preparation = Preparation {
            repository: &self.repo.repository,
            snapshot: self.snapshot,
            workspace: self.workspace,
            registry: cache,
            destination: &self.destination,
            zone: self.zone,
            branch_to_read: self.repo.context.branch_to_read(),
            secrets: &self.secrets(plan).await?,
            ssh_agent: ssh_agent.as_ref(),
            pull,
            fetch_submodules,
            logins: &self.logins()?,
            proxies: &self.proxies(plan)?,
        };
        let connect = async || {
            let is_pushed =
                matches!(self.destination, Destination::Shared(_)) && cache.storage() == Storage::Remote;
            let configs = match is_pushed {
                true => builders::configured(self.command, self.repo, self.workspace)?,
                // An engine keeps what is not pushed.
                false => Vec::new(),
            };
            if configs.is_empty() {
                let engine = registries::engine(&self.command.environment).await?;
                return Ok::<_, Error>(Backend::Engine(Arc::new(engine)));
            }
            let folder = self.repo.repository.work_dir();
            let pool = builders::connect(&configs, folder, limits.stall_timeout, limits.jobs).await?;
            Ok(Backend::Builders(pool))
        };
        execute::prepare(plan, observed, preparation, connect).await
    }

    pub(super) async fn execute(
        &self,
        cache: &dyn Registry,
        jobs: &[Job],
        schedule: Schedule<'_>,
        durations: &mut DurationsFile,
        recorder: &Recorder,
        interruption: &Interruption,
    ) -> BuildReport {
        let graph = &self.workspace.graph;
        let durations_before = durations.durations.clone();
        let display = self.display(jobs, schedule, &durations_before);
        let executor = Executor {
            graph,
            registry: cache,
            parallelism: schedule.parallelism,
            fail_fast: schedule.fail_fast,
            durations: &durations_before,
            last_builders: &durations.builders,
            shard: schedule.shard,
            attestor: schedule.attestor,
            on_event: &|event| {
                recorder.on_event(&event);
                display.on_event(&event);
            },
        };
        if let Some(estimated) = executor.estimate(jobs).and_then(text::estimate) {
            self.command.output.status(&estimated);
        }
        let report = display.show_while(executor.execute(jobs, interruption.requested())).await;
        recorder.stop();
        if self.repo.trust.is_trusted() {
            durations.update(&report);
        }
        report
    }

    /// Shows builds while they run.
    pub(super) fn display<'d>(
        &'d self,
        jobs: &[Job],
        schedule: Schedule<'_>,
        durations: &'d Durations,
    ) -> Display<'d> {
        let CommandContext { output, environment, .. } = self.command;
        let graph = &self.workspace.graph;
        let forecast = Forecast { graph, durations, parallelism: schedule.parallelism };
        Display::new(output, environment.ci_log(), jobs, forecast)
    }

    /// How long builds took: on this machine, else where the last complete build ran.
    pub(super) fn durations(&self, observed: &Observations) -> DurationsFile {
        let mut durations = DurationsFile::read(&self.repo.repository);
        if let Some(record) = observed.records.newest(self.workspace, self.zone, &self.repo.context) {
            durations.durations.complete(&record.durations);
            durations.builders.clone_from(&record.builders);
        }
        durations
    }

    /// Writes the build record, unless the images stay in the engine for this run or this machine alone; returns where it is.
    pub(super) async fn record(
        &self,
        cache: &dyn Registry,
        plan: &Plan,
        report: &BuildReport,
        records: &BuildRecords,
        durations: &Durations,
    ) -> Result<Option<ImageRef>, Error> {
        if let Destination::Local(_) | Destination::Untrusted(_) = self.destination {
            return Ok(None);
        }
        let recording = Recording {
            registry: cache,
            workspace: self.workspace,
            zone: self.zone,
            branch: self.repo.head.branch.as_ref(),
            plan,
            report,
            records,
            before: records.newest(self.workspace, self.zone, &self.repo.context),
            durations,
        };
        execute::record(recording, |recorded| self.may_move_record(recorded)).await
    }

    /// A branch's record moves to descendants only, so that a build of an older commit, run again, doesn't move it back.
    fn may_move_record(&self, recorded: CommitId) -> Result<bool, Error> {
        let moves = self.repo.may_move_record(&self.command.options, recorded)?;
        if let (Err(why), Some(branch)) = (&moves, self.repo.context.branch_name()) {
            let recorded = recorded.short();
            let output = &self.command.output;
            output.status(&format!("the build record of `{branch}` stays at {recorded}: {why}"));
        }
        Ok(moves.is_ok())
    }

    /// The logins that variables have, what the user has logged in to with the docker CLI, and the registries of ECR.
    fn logins(&self) -> Result<Logins, Error> {
        let environment = &self.command.environment;
        let mut logins = match environment.docker_config() {
            Some(path) => Logins::of(DockerConfig::new(path)),
            None => Logins::none(),
        };
        for (host, _) in environment.registry_logins()?.iter() {
            match environment.login(host) {
                Ok(NamedLogin::Known(login)) => logins = logins.with_variables(host, Ok(login.into())),
                Ok(NamedLogin::None | NamedLogin::Withheld) => {}
                // A build may need other registries only: it matters once an image of this one can't be had.
                Err(error) => logins = logins.with_variables(host, Err(error.to_string())),
            }
        }
        let Workspace { cache, deploy, environments, .. } = &self.workspace;
        let of_environments = environments.values().filter_map(|environment| environment.registry.as_ref());
        let registries = std::iter::once(cache).chain(deploy).chain(of_environments);
        let named = registries.filter_map(|registry| match &registry.kind {
            RegistryKind::Ecr(ecr) => Some((**ecr).clone()),
            RegistryKind::Oci { .. } | RegistryKind::Engine => None,
        });
        let ecr = EcrLogins::new(environment.allowed_hosts()?, environment.aws.clone(), named);
        Ok(logins.with_source(Arc::new(ecr)))
    }

    /// The proxies that the docker CLI would hand to builds; none where nothing is built, which needs no engine.
    fn proxies(&self, plan: &Plan) -> Result<BTreeMap<String, Secret>, Error> {
        let environment = &self.command.environment;
        match environment.docker_config() {
            Some(path) if plan.builds().next().is_some() => {
                let proxies = DockerConfig::new(path).proxy_arguments(environment.engine()?.host());
                Ok(proxies.map_err(AddressError::Config)?)
            }
            _ => Ok(BTreeMap::new()),
        }
    }

    /// The user's ssh agent, if a project that is built has `ssh`; none for an untrusted run.
    fn ssh_agent(&self, plan: &Plan) -> Result<Option<SshAgent>, Error> {
        let mut projects = plan.builds().map(|step| &step.impact.project);
        let with_ssh = projects.find(|name| !self.workspace.projects[*name].config.ssh.is_empty());
        match with_ssh {
            Some(project) if self.repo.trust.is_trusted() => {
                let agent = SshAgent::find(self.command.environment.ssh_auth_sock());
                agent.map(Some).map_err(|source| Error::SshAgent { project: project.clone(), source })
            }
            _ => Ok(None),
        }
    }

    fn has_aws_secrets(&self, plan: &Plan) -> bool {
        let mut projects = plan.builds().map(|step| &self.workspace.projects[&step.impact.project]);
        let is_of_aws = |source: &SecretSource| matches!(source, SecretSource::Aws(_));
        projects.any(|project| project.config.secrets.values().any(is_of_aws))
    }

    /// The secrets of the projects that are built; none for an untrusted run.
    async fn secrets(&self, plan: &Plan) -> Result<Secrets, Error> {
        let environment = &self.command.environment;
        let access = environment.secret_access(&self.repo.trust);
        let variable = |name: &str| environment.secret(name);
        // As the images are: in the region of the cache, else where `AWS_REGION` says.
        let region = match &self.workspace.cache.kind {
            RegistryKind::Ecr(ecr) => Some(ecr.region.clone()),
            RegistryKind::Oci { .. } | RegistryKind::Engine if self.has_aws_secrets(plan) => {
                environment.aws_region()?
            }
            RegistryKind::Oci { .. } | RegistryKind::Engine => None,
        };
        let aws = AwsSecrets::new(region, environment.aws.clone());
        let mut reader = SecretReader { access, variable: &variable, snapshot: self.snapshot, aws };
        let mut secrets = Secrets::new();
        for step in plan.builds() {
            let name = &step.impact.project;
            let values = reader.read(name, &self.workspace.projects[name].config.secrets).await?;
            secrets.insert(name.clone(), values);
        }
        Ok(secrets)
    }
}

/// Nothing that is named after a commit or a branch is made of uncommitted work, and nothing that others see by an untrusted run.
/// An untrusted run builds locally in any case, and leaves no name that a local build looks for.
fn destination(repo: &RepositoryContext, is_local: bool) -> Destination {
    match &repo.trust {
        Trust::Untrusted { .. } => Destination::Untrusted(UntrustedRun::new()),
        Trust::Trusted if is_local => Destination::Local(LocalRun::new()),
        Trust::Trusted if repo.is_dirty => Destination::Shared(Tags::default()),
        Trust::Trusted => {
            Destination::Shared(Tags { commit: Some(repo.head.commit), branch: repo.head.branch.clone() })
        }
    }
}

pub(super) fn processors() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}
