//! Executes a plan under the lock of its environment: images, tags that stay, the record "in
//! progress", tags that move, then project by project; at the end the record of what runs.
//!
//! Before each step the lock must still be held, and nobody must have asked to stop. A step is
//! never cut off where that could leave something half-written.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::observe::Endpoints;
use super::plan::{DeployPlan, ProjectDeployment, ServiceWork};
use super::result::{DeployEvent, DeployReport, OnDeployEvent, ProjectOutcome, ProjectResult};
use super::{DeployError, Deployment, EnvironmentLock, LockError, ProjectError};
use crate::interruption::Interruption;
use crate::lease::Clock;
use crate::model::{ImageRef, ManifestDigest, ProjectName, RepositoryName, Tag};
use crate::record::{
    DEPLOYED_ARTIFACT_TYPE, DeployedProject, DeployedRecord, DeploymentOutcome, InProgress, ProjectEnd,
    ProjectState, RecordedImage,
};
use crate::registry::{Registry, RegistryError};

/// How many images are promoted at once. How many blobs are sent at once is bounded for all of them together.
const MAX_CONCURRENT_IMAGES: usize = 16;

/// How many tags are written at once.
const MAX_CONCURRENT_TAGS: usize = 32;

/// The execution of one plan.
pub(super) struct Run<'r> {
    pub(super) plan: &'r DeployPlan,
    pub(super) lock: &'r EnvironmentLock<'r>,
    pub(super) endpoints: Endpoints<'r>,
    pub(super) clock: &'r dyn Clock,
    /// Who deploys.
    pub(super) by: &'r str,
    pub(super) interruption: &'r Interruption,
    pub(super) on_event: &'r OnDeployEvent<'r>,
    /// The record that may be written over: the one that was read or written last.
    pub(super) stored: Cell<Option<ManifestDigest>>,
}

/// Why a project did not come to its end.
enum Halt {
    Failed(ProjectError),
    Stopped(LockError),
}

impl Run<'_> {
    /// Does all that the plan says.
    ///
    /// # Errors
    /// [`DeployError`] when something failed before anything that runs was changed, or when what
    /// runs could not be recorded as being changed. What fails later is in the report.
    pub(super) async fn run(&self) -> Result<DeployReport, DeployError> {
        let plan = self.plan;
        let started = Instant::now();
        if plan.is_nothing() {
            return Ok(DeployReport::nothing(plan.clone(), |project| self.old_image(project)));
        }
        (self.on_event)(DeployEvent::Planned {
            images: plan.projects.len(),
            changed: plan.projects.iter().filter(|it| !it.is_unchanged()).map(|it| it.name.clone()).collect(),
        });
        if plan.projects.iter().flat_map(|project| &project.terraform).any(|it| it.applied().is_some()) {
            self.step()?;
            self.endpoints.operations.prepare_terraform().await?;
        }
        self.step()?;
        let promoted = self.interruption.unless_requested(self.promote()).await;
        promoted.unwrap_or(Err(DeployError::Lock(LockError::Interrupted)))?;
        self.tag_all(|project| plan.fixed_tags(project)).await?;
        self.step()?;
        let record = plan.record().cloned();
        let record = record.unwrap_or_else(|| DeployedRecord::new(plan.environment.clone()));
        let record = record.begin(InProgress {
            commit: plan.commit,
            since: self.clock.now(),
            by: self.by.to_owned(),
            projects: plan.changed(),
        });
        self.write(&record).await?;

        let mut results: Vec<ProjectResult> = plan.projects.iter().map(|it| self.expected(it)).collect();
        let moved = async {
            self.tag_all(|project| project.tags.clone()).await?;
            self.move_environment_tags().await
        };
        let (stopped, kept) = match moved.await {
            Ok(kept) => (self.deploy_all(&mut results).await, kept),
            Err(error) => {
                // Of what consists of its tags alone, some may have moved.
                for (project, result) in plan.projects.iter().zip(&mut results) {
                    if !project.is_unchanged() && !project.has_steps() {
                        result.outcome = ProjectOutcome::Interrupted;
                    }
                }
                (Some(error), BTreeSet::new())
            }
        };
        let mut report = DeployReport::new(plan.clone(), results, stopped);
        if let Err(error) = self.conclude(&record, &report, &kept).await {
            report.error.get_or_insert(error);
        }
        report.took = started.elapsed();
        Ok(report)
    }

    /// Writes what runs now, unless the lock is lost: then it is somebody else's to say.
    async fn conclude(
        &self,
        record: &DeployedRecord,
        report: &DeployReport,
        kept: &BTreeSet<ProjectName>,
    ) -> Result<(), DeployError> {
        self.lock.ensure_held()?;
        let ends = self.plan.projects.iter().zip(&report.results);
        let ends = ends.map(|(project, result)| (project.name.clone(), self.end(project, result)));
        let ends = ends.chain(self.plan.retired.iter().map(|name| (name.clone(), ProjectEnd::Retired)));
        let record = record.clone().end(report.recorded_outcome(), self.clock.now(), ends);
        self.write(&record).await?;
        self.keep_in_cache(report, kept).await
    }

    /// Whether the next step may be begun.
    fn step(&self) -> Result<(), LockError> {
        if self.interruption.is_requested() {
            return Err(LockError::Interrupted);
        }
        self.lock.ensure_held()
    }

    /// Sends what the deploy registry lacks. No tag is written.
    async fn promote(&self) -> Result<(), DeployError> {
        let Endpoints { target, operations, .. } = self.endpoints;
        let promotions = self.plan.projects.iter().map(|project| async move {
            self.step()?;
            for change in target.ensure_repository(&project.destination).await? {
                (self.on_event)(DeployEvent::Repository { repository: project.destination.clone(), change });
            }
            self.step()?;
            (self.on_event)(DeployEvent::Promoting { project: project.name.clone() });
            let copied = operations.promote(project).await?;
            let image = self.image(project, project.image.new);
            (self.on_event)(DeployEvent::Promoted { project: project.name.clone(), image, copied });
            Ok::<_, DeployError>(())
        });
        stream::iter(promotions).buffer_unordered(MAX_CONCURRENT_IMAGES).try_collect().await
    }

    /// Lets these tags of all images stand for what is deployed, side by side.
    async fn tag_all(&self, tags: impl Fn(&ProjectDeployment) -> Vec<Tag>) -> Result<(), DeployError> {
        let projects = self.plan.projects.iter();
        let tags = projects.flat_map(|project| tags(project).into_iter().map(move |tag| (project, tag)));
        let target = self.endpoints.target;
        let step = || self.step();
        let tagged = tags.map(|(project, tag)| async move {
            tag_if_needed(target, &project.destination, &project.image.new, &tag, step).await
        });
        // One that fails must not cut off the others: their tags might be written all the same.
        let tagged: Vec<Result<(), DeployError>> =
            stream::iter(tagged).buffer_unordered(MAX_CONCURRENT_TAGS).collect().await;
        tagged.into_iter().collect()
    }

    /// Lets the environment's tag stand for all images. What consists of its tags alone runs then, and is kept in the cache
    /// meanwhile: the two registries have a quota each, and one need not wait for the other. Returns what is kept there.
    async fn move_environment_tags(&self) -> Result<BTreeSet<ProjectName>, DeployError> {
        let tag = self.plan.environment_tag();
        let moved = self.plan.projects.iter().map(|project| async {
            let step = || self.step();
            tag_if_needed(self.endpoints.target, &project.destination, &project.image.new, &tag, step)
                .await?;
            // What fails here is done again at the end, and reported then: it must keep no service from its restart.
            let is_kept = !project.has_steps() && self.keep_one_in_cache(project).await.is_ok();
            Ok(is_kept.then(|| project.name.clone()))
        });
        // One that fails must not cut off the others: their tags might be written all the same.
        let moved: Vec<Result<Option<ProjectName>, DeployError>> =
            stream::iter(moved).buffer_unordered(MAX_CONCURRENT_TAGS).collect().await;
        moved.into_iter().filter_map(Result::transpose).collect()
    }

    /// Deploys project after project and stops at the first that fails. Returns why it was stopped
    /// from outside.
    async fn deploy_all(&self, results: &mut [ProjectResult]) -> Option<DeployError> {
        for (project, result) in self.plan.projects.iter().zip(&mut *results) {
            // Its tags are all that there is to it, and they were moved.
            if !project.is_unchanged() && !project.has_steps() {
                self.succeed(project, result);
                (self.on_event)(DeployEvent::Finished { project: project.name.clone() });
            }
        }
        for (project, result) in self.plan.projects.iter().zip(results) {
            if !project.has_steps() {
                continue;
            }
            if let Err(error) = self.step() {
                return Some(error.into());
            }
            let started = Instant::now();
            (self.on_event)(DeployEvent::Started { project: project.name.clone() });
            let deployed = self.deploy(project).await;
            result.took = started.elapsed();
            (self.on_event)(DeployEvent::Finished { project: project.name.clone() });
            match deployed {
                Ok(()) => self.succeed(project, result),
                Err(Halt::Failed(_)) if self.interruption.is_requested() => {
                    result.outcome = ProjectOutcome::Interrupted;
                    return Some(LockError::Interrupted.into());
                }
                Err(Halt::Failed(error)) => {
                    result.outcome = ProjectOutcome::Failed(error);
                    return None;
                }
                Err(Halt::Stopped(error)) => {
                    result.outcome = ProjectOutcome::Interrupted;
                    return Some(error.into());
                }
            }
        }
        None
    }

    async fn deploy(&self, project: &ProjectDeployment) -> Result<(), Halt> {
        let operations = self.endpoints.operations;
        for root in project.terraform.iter().filter_map(|work| work.applied()) {
            self.step().map_err(Halt::Stopped)?;
            let applied = operations.apply_terraform(project, root, self.interruption).await;
            applied.map_err(|error| Halt::Failed(error.into()))?;
        }
        for work in &project.services {
            let ServiceWork::Restart { service, .. } = work else { continue };
            self.step().map_err(Halt::Stopped)?;
            let image = self.image(project, project.image.new);
            let deployment = Deployment {
                workspace: &self.plan.workspace,
                environment: &self.plan.environment,
                project: &project.name,
                repository: &project.repository,
                commit: self.plan.commit,
                image: &image,
            };
            let (name, config) = (project.name.clone(), service.clone());
            (self.on_event)(DeployEvent::Restarting { project: name, service: config });
            let restart = operations.restart(project, service, &deployment);
            let restarted = self.interruption.unless_requested(restart).await;
            restarted.ok_or(Halt::Stopped(LockError::Interrupted))?.map_err(Halt::Failed)?;
        }
        Ok(())
    }

    fn succeed(&self, project: &ProjectDeployment, result: &mut ProjectResult) {
        result.runs = Some(self.image(project, project.image.new));
        result.outcome = ProjectOutcome::Deployed;
    }

    /// What there is to say of a project before it is touched.
    fn expected(&self, project: &ProjectDeployment) -> ProjectResult {
        let outcome =
            if project.is_unchanged() { ProjectOutcome::Unchanged } else { ProjectOutcome::Skipped };
        let (project, runs) = (project.name.clone(), self.old_image(project));
        ProjectResult { project, runs, outcome, took: Duration::ZERO }
    }

    fn end(&self, project: &ProjectDeployment, result: &ProjectResult) -> ProjectEnd {
        let known = self.plan.record().and_then(|record| record.known(&project.name));
        let at = match &result.outcome {
            ProjectOutcome::Deployed => Some(self.clock.now()),
            ProjectOutcome::Unchanged => known.and_then(|known| known.at),
            ProjectOutcome::Failed(_) | ProjectOutcome::Interrupted => return ProjectEnd::Uncertain,
            ProjectOutcome::Skipped => return ProjectEnd::Untouched,
        };
        ProjectEnd::Deployed(Box::new(DeployedProject {
            image: RecordedImage {
                repository: project.destination.to_string(),
                inputs: project.inputs,
                image: project.image.new,
            },
            commit: self.plan.commit,
            at,
            state: ProjectState::Applied(project.settings.clone()),
        }))
    }

    /// Writes the record over the one that this deployment read or wrote, and over no other.
    async fn write(&self, record: &DeployedRecord) -> Result<(), DeployError> {
        let environment = &self.plan.environment;
        let failed =
            |source: RegistryError| DeployError::WriteRecord { environment: environment.clone(), source };
        let Endpoints { target, .. } = self.endpoints;
        let tag = Tag::deployed(environment.as_str());
        if target.find(&self.plan.records, &tag).await.map_err(failed)? != self.stored.get() {
            return Err(DeployError::RecordChanged { environment: environment.clone() });
        }
        self.lock.ensure_held()?;
        let content = record.to_bytes()?.into();
        let tags = std::slice::from_ref(&tag);
        let written = target.put_artifact(&self.plan.records, DEPLOYED_ARTIFACT_TYPE, content, tags).await;
        self.stored.set(Some(written.map_err(failed)?));
        Ok(())
    }

    /// Gives what runs now, and is not `kept` yet, a tag in the cache, which keeps it from being cleaned up there.
    async fn keep_in_cache(
        &self,
        report: &DeployReport,
        kept: &BTreeSet<ProjectName>,
    ) -> Result<(), DeployError> {
        let running = self.plan.projects.iter().zip(&report.results);
        let running = running.filter(|(project, result)| {
            matches!(result.outcome, ProjectOutcome::Deployed | ProjectOutcome::Unchanged)
                && !kept.contains(&project.name)
        });
        let tagged = running.map(|(project, _)| self.keep_one_in_cache(project));
        stream::iter(tagged).buffer_unordered(MAX_CONCURRENT_TAGS).try_collect().await
    }

    async fn keep_one_in_cache(&self, project: &ProjectDeployment) -> Result<(), DeployError> {
        let tag = Tag::deployed(self.plan.environment.as_str());
        let step = || self.lock.ensure_held();
        tag_if_needed(self.endpoints.cache, &project.source, &project.image.new, &tag, step).await
    }

    fn old_image(&self, project: &ProjectDeployment) -> Option<ImageRef> {
        project.image.old.map(|digest| self.image(project, digest))
    }

    fn image(&self, project: &ProjectDeployment, digest: ManifestDigest) -> ImageRef {
        image(self.endpoints.target, self.plan, project, digest)
    }
}

/// Lets a tag stand for an image. One that does already is left alone: where tags can't be moved, writing it again is
/// refused. `step` says whether the next request may be sent.
async fn tag_if_needed(
    registry: &dyn Registry,
    repository: &RepositoryName,
    digest: &ManifestDigest,
    tag: &Tag,
    step: impl Fn() -> Result<(), LockError>,
) -> Result<(), DeployError> {
    step()?;
    if registry.find(repository, tag).await?.as_ref() != Some(digest) {
        step()?;
        registry.tag(repository, digest, std::slice::from_ref(tag)).await?;
    }
    Ok(())
}

/// An image of a project in the deploy registry, by its digest.
pub(super) fn image(
    target: &dyn Registry,
    plan: &DeployPlan,
    project: &ProjectDeployment,
    digest: ManifestDigest,
) -> ImageRef {
    target.image(&project.destination, &Tag::commit(&plan.commit)).pinned(digest)
}

impl DeployReport {
    /// How the record calls the end of it.
    fn recorded_outcome(&self) -> DeploymentOutcome {
        let has_failed = |it: &ProjectResult| matches!(it.outcome, ProjectOutcome::Failed(_));
        match &self.error {
            Some(DeployError::Lock(LockError::Interrupted)) => DeploymentOutcome::Interrupted,
            Some(_) => DeploymentOutcome::Failed,
            None if self.results.iter().any(has_failed) => DeploymentOutcome::Failed,
            None => DeploymentOutcome::Deployed,
        }
    }
}
