use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use clap::Args;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::Call;
use super::opened::{self, Opened, Uncommitted};
use super::signals::Signals;
use super::{ensure_terraform, registries, wait_for_copies};
use crate::config::{EnvironmentName, RegistryConfig, RegistryKind};
use crate::deploy::gate::{self, Candidate, Rollback};
use crate::deploy::{
    self, AwsPlace, Checkout, Intents, Lock, Part, PartOutcome, PartResult, Rollout, ServicePatience,
    Services, TellDeploy, Terraform,
};
use crate::error::Error;
use crate::exit::Exit;
use crate::git::Snapshot;
use crate::inputs;
use crate::interruption::Interruption;
use crate::model::{InputDigest, ProjectName, Region, RepositoryName, Tag};
use crate::record::{BuildRecord, DEPLOYED_ARTIFACT_TYPE, DeployedRecord, RecordedImage};
use crate::registry::{Registry, copy};
use crate::report::deployment::{self, DeployJson};
use crate::workspace::Workspace;

/// How many images are promoted at once; each sends several blobs at once.
const IMAGES_AT_ONCE: usize = 4;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The projects to deploy; none named: all.
    projects: Vec<String>,
    /// Where to, as `projects.toml` names it.
    #[arg(short, long, value_name = "NAME")]
    environment: EnvironmentName,
    /// Shows all that would be done, and writes nothing; Terraform plans.
    #[arg(long)]
    dry_run: bool,
    /// Allows a commit that is older than the one that is deployed.
    #[arg(long)]
    rollback: bool,
    /// How long to wait for another deployment to this environment.
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = humantime::parse_duration)]
    wait: Duration,
}

pub(super) fn run(call: &Call, signals: &Signals, arguments: &Arguments) -> Result<Exit, Error> {
    let Call { options, environment, .. } = call;
    environment.check_trust("deploy")?;
    let opened = Opened::new(options, environment, Uncommitted::LeftOut)?;
    let snapshot = opened.snapshot();
    let workspace = Workspace::read(&snapshot, &opened.source)?;
    let target = workspace.deploy.as_ref().ok_or(Error::NoDeployRegistry)?;
    let rule =
        workspace.environments.get(&arguments.environment).ok_or_else(|| Error::UnknownEnvironment {
            name: arguments.environment.clone(),
            known: workspace.environments.keys().cloned().collect(),
        })?;
    let candidate = deploy::candidate(&opened.repository, &opened.context, rule)?;
    gate::check_rule(&arguments.environment, rule, &candidate)?;
    let selected = if arguments.projects.is_empty() {
        workspace.projects.keys().cloned().collect()
    } else {
        arguments.projects.iter().map(|name| opened::project(&workspace, name)).collect::<Result<_, _>>()?
    };
    let is_dry_run = arguments.dry_run || opened.directives(&workspace)?.dry_deploy;
    let deploying = Deploying {
        call,
        signals,
        arguments,
        is_dry_run,
        opened: &opened,
        snapshot: &snapshot,
        workspace: &workspace,
        target,
    };
    wait_for_copies(deploying.run(&candidate, &selected))
}

struct Deploying<'d> {
    call: &'d Call,
    signals: &'d Signals,
    arguments: &'d Arguments,
    /// Asked for on the command line, or by the commit's message.
    is_dry_run: bool,
    opened: &'d Opened,
    snapshot: &'d Snapshot<'d>,
    workspace: &'d Workspace,
    target: &'d RegistryConfig,
}

impl Deploying<'_> {
    async fn run(&self, candidate: &Candidate, selected: &BTreeSet<ProjectName>) -> Result<Exit, Error> {
        let environment = &self.call.environment;
        let cache = registries::registry(&self.workspace.cache, environment).await?;
        let target = registries::registry(self.target, environment).await?;
        let images = self.images(&*cache, selected).await?;
        let records = self.in_target(&self.workspace.settings.name.builds_repository())?;

        let before = self.deployed(&*target, &records).await?;
        self.check_course(before.as_ref())?;
        let tell: &TellDeploy<'_> =
            &|project, event| self.call.output.story(&deployment::event(project, &event));
        let mut rollout = self.rollout(&*target, candidate, &images, before.as_ref(), tell).await?;
        if self.is_dry_run {
            return self.dry_run(&rollout).await;
        }
        let commit = self.opened.head.commit;
        let is_same = before.as_ref().is_some_and(|record| record.commit == commit);
        if is_same && rollout.parts.iter().all(Part::is_unchanged) {
            return Ok(self.report_nothing(&rollout));
        }

        target.ensure_repository(&records).await?;
        let name = self.arguments.environment.as_str();
        let intents = Intents { registry: &*target, repository: &records, environment: name };
        let lock = intents.lock(commit, self.arguments.wait).await?;
        let orderly = self.signals.orderly().map_err(Error::Start)?;
        let done = self.locked(&orderly, &lock, &*cache, &*target, &records, &mut rollout).await;
        // What went wrong before says more than a right that could not be given back.
        let released = lock.release().await;
        let exit = done?;
        released?;
        Ok(exit)
    }

    /// What must be done by one deployment at a time.
    async fn locked(
        &self,
        interruption: &Interruption,
        lock: &Lock<'_>,
        cache: &dyn Registry,
        target: &dyn Registry,
        records: &RepositoryName,
        rollout: &mut Rollout<'_>,
    ) -> Result<Exit, Error> {
        // Another one may have been faster.
        let before = self.deployed(target, records).await?;
        self.check_course(before.as_ref())?;
        for part in &mut rollout.parts {
            part.runs = runs(before.as_ref(), part.project);
        }
        tokio::select! {
            promoted = self.promote(cache, target, rollout) => promoted?,
            error = lock.keep() => return Err(error.into()),
            () = interruption.requested() => return Ok(Exit::Interrupted),
        }
        let mut results = Vec::new();
        let stopped = tokio::select! {
            () = rollout.run(&mut results) => None,
            error = lock.keep() => Some(Err(error.into())),
            () = interruption.requested() => Some(Ok(Exit::Interrupted)),
        };
        let record = rollout.record(before.as_ref(), &results);
        let tags = [Tag::deployed(self.arguments.environment.as_str())];
        let content = record.to_bytes()?.into();
        let recorded = target.put_artifact(records, DEPLOYED_ARTIFACT_TYPE, content, &tags).await;
        let kept = self.keep_in_cache(cache, rollout, &results).await;
        self.report(rollout, &results, false);
        recorded.map_err(Error::DeployedRecord)?;
        kept?;
        let has_failed = results.iter().any(|result| matches!(result.outcome, PartOutcome::Failed(_)));
        stopped.unwrap_or(Ok(if has_failed { Exit::Failed } else { Exit::Done }))
    }

    /// Sends what the deploy registry lacks: all images, then all tags.
    async fn promote(
        &self,
        cache: &dyn Registry,
        target: &dyn Registry,
        rollout: &Rollout<'_>,
    ) -> Result<(), Error> {
        let copies = rollout.parts.iter().map(|part| async {
            for adjustment in target.ensure_repository(&part.destination).await? {
                self.call.output.story(&format!("{}: {adjustment}", part.destination));
            }
            let source = &self.workspace.projects[part.project].repository;
            let (from, to) = (copy::Side::new(cache, source)?, copy::Side::new(target, &part.destination)?);
            let copied = copy::image(&from, &to, &part.image).await?;
            self.call.output.story(&deployment::promoted(part.project, &rollout.image(part), &copied));
            Ok::<_, Error>(())
        });
        stream::iter(copies).buffer_unordered(IMAGES_AT_ONCE).try_collect::<()>().await?;
        Ok(rollout.tag().await?)
    }

    /// Gives what runs now a tag in the cache, which keeps it from being cleaned up there.
    async fn keep_in_cache(
        &self,
        cache: &dyn Registry,
        rollout: &Rollout<'_>,
        results: &[PartResult],
    ) -> Result<(), Error> {
        let tags = [Tag::deployed(self.arguments.environment.as_str())];
        for (part, result) in rollout.parts.iter().zip(results) {
            if matches!(result.outcome, PartOutcome::Deployed | PartOutcome::Unchanged) {
                let repository = &self.workspace.projects[part.project].repository;
                cache.tag(repository, &part.image, &tags).await?;
            }
        }
        Ok(())
    }

    /// The image of each project, by the build record or by what the cache has.
    async fn images(
        &self,
        cache: &dyn Registry,
        selected: &BTreeSet<ProjectName>,
    ) -> Result<BTreeMap<ProjectName, RecordedImage>, Error> {
        let workspace = self.workspace;
        let with_needs = workspace.graph.with_needs(selected).into_iter().cloned().collect();
        let files = inputs::files(workspace, &with_needs, self.snapshot, self.opened.repository.work_dir())?;
        let digests: BTreeMap<ProjectName, InputDigest> = inputs::digests(workspace, &files)
            .into_iter()
            .filter(|(name, _)| selected.contains(name))
            .collect();
        let commit = self.opened.head.commit;
        let document = cache.artifact(&workspace.records, &Tag::commit(&commit)).await?;
        let record = document.map(|document| BuildRecord::from_bytes(&document)).transpose()?;
        let questions = digests.iter().map(|(name, digest)| async {
            let repository = &workspace.projects[name].repository;
            let image = cache.find(repository, &Tag::cache(digest)).await?;
            let recorded =
                |image| RecordedImage { repository: repository.to_string(), inputs: *digest, image };
            Ok::<_, Error>(image.map(|image| (name.clone(), recorded(image))))
        });
        let found: Vec<_> = stream::iter(questions).buffer_unordered(32).try_collect().await?;
        let found = found.into_iter().flatten().collect();
        Ok(gate::check_built(commit, &digests, record.as_ref(), &found)?)
    }

    /// What the environment runs; `None` before its first deployment.
    async fn deployed(
        &self,
        target: &dyn Registry,
        records: &RepositoryName,
    ) -> Result<Option<DeployedRecord>, Error> {
        registries::deployed(target, records, &self.arguments.environment).await
    }

    fn check_course(&self, before: Option<&DeployedRecord>) -> Result<(), Error> {
        let commit = self.opened.head.commit;
        let deployed = before.map(|record| record.commit);
        let course = deploy::course(&self.opened.repository, deployed, commit)?;
        let rollback = if self.arguments.rollback { Rollback::Allowed } else { Rollback::Refused };
        Ok(gate::check_course(&self.arguments.environment, deployed, commit, course, rollback)?)
    }

    async fn rollout<'r>(
        &'r self,
        target: &'r dyn Registry,
        candidate: &Candidate,
        images: &BTreeMap<ProjectName, RecordedImage>,
        before: Option<&DeployedRecord>,
        tell: &'r TellDeploy<'r>,
    ) -> Result<Rollout<'r>, Error> {
        let workspace = self.workspace;
        let mut parts = Vec::new();
        for project in workspace.graph.order() {
            let Some(image) = images.get(project) else { continue };
            let config = &workspace.projects[project].config;
            parts.push(Part {
                project,
                inputs: image.inputs,
                image: image.image,
                repository: &config.repository,
                destination: self.in_target(&config.repository)?,
                tags: &config.tags,
                terraform: deploy::terraform_folders(self.snapshot, config)?,
                service: config.service.as_ref(),
                runs: runs(before, project),
            });
        }
        let mut rollout = Rollout {
            workspace: &workspace.settings.name,
            environment: &self.arguments.environment,
            commit: self.opened.head.commit,
            versions: candidate.tags.iter().filter_map(|tag| tag.parse().ok()).collect(),
            parts,
            registry: target,
            terraform: None,
            services: self.services().await?,
            tell,
        };
        let needs_terraform = |part: &Part<'_>| !part.is_unchanged() && !part.terraform.is_empty();
        if rollout.parts.iter().any(needs_terraform) {
            let program = ensure_terraform::program(&self.call.environment).await?;
            let checkout = Checkout::new(self.snapshot, &self.call.environment.temporary_folder())?;
            let terraform = Terraform::for_deployment(program, &rollout.deploy_tag(), rollout.commit);
            rollout.terraform = Some((terraform, checkout));
        }
        Ok(rollout)
    }

    /// Looks for AWS's services in the region of the deploy registry, else where `AWS_REGION` says.
    async fn services(&self) -> Result<Services, Error> {
        let named = self.call.environment.aws_region()?;
        let (region, endpoint): (Option<&Region>, _) = match &self.target.kind {
            RegistryKind::Ecr(ecr) => (Some(&ecr.region), ecr.endpoint.as_deref()),
            _ => (named.as_ref(), None),
        };
        let allowed = self.call.environment.allowed_hosts()?;
        let endpoint = endpoint.map(|url| allowed.endpoint(url)).transpose().map_err(Error::Endpoint)?;
        let endpoint = endpoint.as_ref();
        let place = region.map(|region| AwsPlace { region, endpoint });
        Ok(Services::new(place, ServicePatience::default()).await)
    }

    fn in_target(&self, repository: &RepositoryName) -> Result<RepositoryName, Error> {
        Ok(repository.with_prefix(&self.target.prefix)?)
    }

    async fn dry_run(&self, rollout: &Rollout<'_>) -> Result<Exit, Error> {
        if !self.call.options.json {
            self.call.output.answer(&deployment::dry_run(rollout));
        }
        if let Err((project, source)) = rollout.plan().await {
            return Err(Error::DeployPlan { project, source });
        }
        if self.call.options.json {
            self.report(rollout, &rollout.foreseen(), true);
        }
        Ok(Exit::Done)
    }

    fn report_nothing(&self, rollout: &Rollout<'_>) -> Exit {
        if self.call.options.json {
            self.report(rollout, &rollout.foreseen(), false);
        } else {
            let nothing = deployment::nothing_to_do(rollout, self.opened.head.commit);
            self.call.output.answer(&format!("{nothing}\n"));
        }
        Exit::Done
    }

    fn report(&self, rollout: &Rollout<'_>, results: &[PartResult], dry_run: bool) {
        if self.call.options.json {
            self.call.output.json(&DeployJson::new(rollout, results, dry_run));
        } else {
            self.call.output.answer(&deployment::results(rollout, results));
        }
    }
}

fn runs(before: Option<&DeployedRecord>, project: &ProjectName) -> Option<crate::model::ManifestDigest> {
    before.and_then(|record| record.projects.get(project)).map(|image| image.image)
}
