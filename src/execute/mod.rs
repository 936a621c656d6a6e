//! Does what a plan says, dependencies first, and reports how it went. Decides nothing.
//!
//! A project that is built is pushed first and tagged last, its cache tag the very last, so that
//! what has a cache tag is whole. When a project fails, what needs it is blocked; everything else
//! goes on.

mod attest;
mod build;
mod builder;
mod cache_login;
mod contents;
mod daemon;
mod dispatch;
mod ended;
mod error;
mod failed_line;
mod folders;
mod forecast;
mod job;
mod labels;
mod lasting;
mod local;
mod names;
mod offers;
mod others;
mod pool;
mod prepare;
mod prepare_error;
mod progress;
mod publish;
mod push;
mod record;
mod report;
mod schedule;
mod seat;
mod shard;
mod steps;
mod subject;
mod timings;
mod triggers;
mod twice;
mod untrusted;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::num::NonZeroUsize;
use std::pin::{Pin, pin};
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt};

pub use attest::attest_reused;
pub use builder::{Builder, Publication, PublishEvent, Published};
pub use contents::{Contents, FoundContent, FoundFile};
pub use dispatch::{BuilderLoad, Candidate, Choice, Spot, choose};
pub use error::ExecuteError;
pub use forecast::Forecast;
pub use job::{Backend, Destination, Job, LayerCache, Pins, Pull, Tags, Task, TaskVariant, Work};
pub use names::LocalRun;
pub use pool::{BuilderPool, PoolMember};
pub use prepare::{Preparation, Secrets, prepare};
pub use prepare_error::PrepareError;
pub use record::{Recording, RecordingError, record};
pub use report::{BuildReport, DockerfileLine, Event, Failure, LostBuilder, Outcome, ProjectReport};
pub use schedule::{Durations, urgencies};
pub use shard::{CLAIM_LEASE, Shard};
pub use twice::{Comparison, DifferentImage, TwiceReport};
pub use untrusted::UntrustedRun;

use job::PullSource;
use offers::Offers;
use others::Others;
use progress::{Pending, Progress};
use report::Needed;
use seat::Seat;
use shard::Seen;
use subject::Subject;

use crate::attest::Attestor;
use crate::engine::{Engine, InlineCacheFault};
use crate::graph::ProjectGraph;
use crate::lease::Claim;
use crate::model::{ErrorKind, ImageRef, ProjectName};
use crate::record::Builders;
use crate::registry::{Registry, RegistryError};

/// Where and how jobs are executed.
pub struct Executor<'a> {
    pub graph: &'a ProjectGraph,
    pub registry: &'a dyn Registry,
    /// Maximum number of projects that are built in parallel.
    pub parallelism: NonZeroUsize,
    /// Whether nothing more is started after a failure.
    pub fail_fast: bool,
    pub durations: &'a Durations,
    /// Which builders made the last image of each project.
    pub last_builders: &'a BTreeMap<ProjectName, Builders>,
    /// What other jobs share the builds; `None` where this process builds alone.
    pub shard: Option<&'a Shard<'a>>,
    /// What is said of the images that are built; `None` where nothing is.
    pub attestor: Option<&'a Attestor>,
    pub on_event: &'a (dyn Fn(Event) + Send + Sync),
}

impl std::fmt::Debug for Executor<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Executor").field("parallelism", &self.parallelism).finish_non_exhaustive()
    }
}

type Running<'a> = Pin<Box<dyn Future<Output = Step> + 'a>>;

/// A look at what other jobs do.
type Look<'a> = Pin<Box<dyn Future<Output = Result<Seen, RegistryError>> + 'a>>;

/// What came of something that was started.
enum Step {
    Finished {
        project: ProjectName,
        outcome: Outcome,
        took: Duration,
    },
    /// Another job builds it.
    Taken {
        project: ProjectName,
        subject: Subject,
        claim: Claim,
    },
}

impl Executor<'_> {
    /// Executes all jobs, or as many as can be until `interrupted` is ready. Where other jobs share the builds, this waits for
    /// theirs.
    ///
    /// Failures are in the report, never lost: there is no other way out of this function.
    pub async fn execute(&self, jobs: &[Job], interrupted: impl Future<Output = ()>) -> BuildReport {
        let mut interrupted = pin!(interrupted);
        let started = Instant::now();
        let mut progress = Progress::new(self.graph, jobs, self.durations);
        let mut running: FuturesUnordered<Running<'_>> = FuturesUnordered::new();
        let mut others = self.shard.map(Others::new);
        let mut offers = Offers::new(self, jobs);
        let estimated = self.estimate(jobs);
        let mut look: Option<Look<'_>> = None;
        let mut is_interrupted = false;
        let mut stops_starting = false;
        loop {
            let freed = offers.start_round();
            while offers.has_room(running.len()) && !stops_starting {
                let ready = match &others {
                    None => progress.next_ready(|ready, _, done| offers.fits(ready, done), 1, |_| 0),
                    Some(others) => others.next_ready(&mut progress, &mut offers),
                };
                let Some((job, work)) = ready else { break };
                let seats = offers.take(&job.project);
                running.push(match work {
                    Pending::Pull(pull) => self.pull(&job.project, pull),
                    Pending::Build(task) => {
                        let needs = progress.images_of_needs(job);
                        progress.temporary_names.extend(temporary_names(task, &needs));
                        match self.shard {
                            None => self.build(&job.project, task, needs, seats),
                            Some(shard) => {
                                self.build_unless_others_do(shard, &job.project, task, needs, seats)
                            }
                        }
                    }
                });
            }
            if let Some(others) = &others
                && look.is_none()
                && offers.has_room(running.len())
                && !stops_starting
            {
                look = others.look(&progress);
            }
            if stops_starting {
                look = None;
            }
            if running.is_empty() && look.is_none() {
                break;
            }
            tokio::select! {
                biased;
                Some(step) = running.next() => match step {
                    Step::Finished { project, outcome, took } => {
                        stops_starting |= self.stops_after(&outcome, jobs);
                        self.finish(&mut progress, &project, outcome, took);
                    }
                    Step::Taken { project, subject, claim } => {
                        progress.put_back(&project);
                        if let Some(others) = &mut others {
                            others.on_taken(project, subject, claim, self.on_event);
                        }
                    }
                },
                seen = async { look.as_mut().expect("it is there").await }, if look.is_some() => {
                    look = None;
                    let Some(others) = &mut others else { continue };
                    for (project, outcome) in others.on_look(seen, &progress, self) {
                        stops_starting |= self.stops_after(&outcome, jobs);
                        self.finish(&mut progress, &project, outcome, Duration::ZERO);
                    }
                }
                () = &mut interrupted => {
                    is_interrupted = true;
                    break;
                }
                () = freed.wait(offers.wait()), if !stops_starting => {}
            }
        }
        // Dropping what runs makes the engine stop it.
        drop((running, look));
        for (name, engine) in std::mem::take(&mut progress.temporary_names) {
            // An image that a container uses, for example, can't be removed. What was built from it is as it is.
            if let Err(error) = engine.untag(&name).await {
                tracing::warn!(image = %name, "the image of a dependency keeps a name in the engine: {error}");
            }
        }
        for project in progress.unfinished() {
            self.finish(&mut progress, &project, Outcome::Cancelled, Duration::ZERO);
        }
        let projects = progress.done;
        let built: Vec<(&ProjectName, &Task)> =
            jobs.iter().filter_map(|job| built_by(job, &projects)).collect();
        if let Some(shard) = self.shard {
            shard.leave(built.iter().copied()).await;
        }
        let inline_cache_fault = inline_cache_fault(built.iter().map(|(_, task)| *task));
        let took = started.elapsed();
        let saved = self.saved(&projects, took);
        let lost_builders = builders(jobs).map(BuilderPool::lost).unwrap_or_default();
        BuildReport { projects, is_interrupted, took, estimated, saved, inline_cache_fault, lost_builders }
    }

    /// How long the run will take; `None` if nothing is built, or that would be a guess.
    pub fn estimate(&self, jobs: &[Job]) -> Option<Duration> {
        let builds = jobs.iter().filter(|job| matches!(job.work, Work::Build(_)));
        let builds: BTreeSet<ProjectName> = builds.map(|job| job.project.clone()).collect();
        let estimated = self.forecast().remaining(&BTreeMap::new(), &builds);
        estimated.filter(|_| !builds.is_empty() && self.shard.is_none())
    }

    /// Whether nothing more is started after an outcome. Without a builder nothing can be. Where jobs share the builds, one whose engine can't be used leaves the rest to
    /// the others.
    fn stops_after(&self, outcome: &Outcome, jobs: &[Job]) -> bool {
        let is_unusable =
            matches!(outcome, Outcome::Failed(failure) if failure.kind == ErrorKind::Environment);
        let stops = self.fail_fast || has_no_builder(jobs);
        outcome.is_failure() && stops || is_unusable && self.shard.is_some()
    }

    /// How much longer it would have taken to build every image.
    fn saved(&self, projects: &BTreeMap<ProjectName, ProjectReport>, took: Duration) -> Option<Duration> {
        let mut builds = BTreeMap::new();
        for (project, report) in projects {
            let duration = match &report.outcome {
                Outcome::Built { .. } => report.took,
                Outcome::Reused { .. } | Outcome::Pulled { .. } => self.durations.get(project)?,
                Outcome::BuiltElsewhere { .. }
                | Outcome::Failed(_)
                | Outcome::Blocked { .. }
                | Outcome::Cancelled => return None,
            };
            builds.insert(project, duration);
        }
        self.forecast().whole(&builds).checked_sub(took).filter(|saved| !saved.is_zero())
    }

    /// How long builds will take.
    fn forecast(&self) -> Forecast<'_> {
        Forecast { graph: self.graph, durations: self.durations, parallelism: self.parallelism }
    }

    fn pull<'s>(&'s self, project: &'s ProjectName, pull: &'s Pull) -> Running<'s> {
        // Where the engine is the cache, the image only gets another name.
        if let PullSource::Registry { image } = &pull.source {
            (self.on_event)(Event::Pulling { project: project.clone(), image: image.clone() });
        }
        Box::pin(async move {
            let started = Instant::now();
            let outcome = local::pull(pull, self.registry).await;
            let outcome = outcome.unwrap_or_else(|error| Outcome::Failed(error.failure()));
            Step::Finished { project: project.clone(), outcome, took: started.elapsed() }
        })
    }

    fn build<'s>(
        &'s self,
        project: &'s ProjectName,
        task: &'s Task,
        needs: BTreeMap<ProjectName, Needed>,
        seats: Vec<Seat<'s>>,
    ) -> Running<'s> {
        Box::pin(async move {
            let (outcome, took) = self.outcome(project, task, &needs, seats).await;
            Step::Finished { project: project.clone(), outcome, took }
        })
    }

    /// Builds now, and tells how that ended and how long it took.
    async fn outcome(
        &self,
        project: &ProjectName,
        task: &Task,
        needs: &BTreeMap<ProjectName, Needed>,
        seats: Vec<Seat<'_>>,
    ) -> (Outcome, Duration) {
        (self.on_event)(Event::Started { project: project.clone() });
        let started = Instant::now();
        let outcome = build::build(self, project, task, needs, seats).await;
        let failed = |error: ExecuteError| Failure { at: failed_line::of(task, &error), ..error.failure() };
        (outcome.unwrap_or_else(|error| Outcome::Failed(failed(error))), started.elapsed())
    }

    /// Notes an outcome, and the blocking of everything that waited for it in vain.
    fn finish(&self, progress: &mut Progress<'_>, project: &ProjectName, outcome: Outcome, took: Duration) {
        let is_failure = outcome.is_failure();
        (self.on_event)(Event::Finished { project: project.clone(), outcome: outcome.clone(), took });
        progress.finish(project, outcome, took);
        if is_failure {
            for dependent in progress.waiting_on(project) {
                let outcome = Outcome::Blocked { by: project.clone() };
                (self.on_event)(Event::Finished {
                    project: dependent.clone(),
                    outcome: outcome.clone(),
                    took: Duration::ZERO,
                });
                progress.finish(&dependent, outcome, Duration::ZERO);
            }
        }
    }
}

/// The builders of a run, which all of its tasks share; `None` where an engine builds.
pub fn builders(jobs: &[Job]) -> Option<&BuilderPool> {
    jobs.iter().find_map(|job| match &job.work {
        Work::Build(task) => task.backend.builders().map(|builders| &**builders),
        Work::Reuse { .. } | Work::Pull(_) => None,
    })
}

/// Whether all builders are lost, so that nothing more can be built.
fn has_no_builder(jobs: &[Job]) -> bool {
    builders(jobs).is_some_and(BuilderPool::is_exhausted)
}

/// The task of a job that built something.
fn built_by<'j>(
    job: &'j Job,
    projects: &BTreeMap<ProjectName, ProjectReport>,
) -> Option<(&'j ProjectName, &'j Task)> {
    match &job.work {
        Work::Build(task) if matches!(projects[&job.project].outcome, Outcome::Built { .. }) => {
            Some((&job.project, task))
        }
        Work::Build(_) | Work::Reuse { .. } | Work::Pull(_) => None,
    }
}

/// Why images are built without inline cache that should have it.
fn inline_cache_fault<'j>(mut built: impl Iterator<Item = &'j Task>) -> Option<InlineCacheFault> {
    built.find_map(|task| {
        task.backend.engine()?.inline_cache_fault().filter(|_| task.request.inline_cache).cloned()
    })
}

/// The names that images have for this build, and for as long as the run lasts.
fn temporary_names<'t>(
    task: &'t Task,
    needs: &BTreeMap<ProjectName, Needed>,
) -> impl Iterator<Item = (ImageRef, &'t dyn Engine)> {
    let engine = task.backend.engine().map(|engine| &**engine);
    local::parents(task, needs).into_keys().filter_map(move |name| Some((name, engine?)))
}

#[cfg(test)]
mod tests;
