//! Does what a plan says, dependencies first, and reports how it went. Decides nothing.
//!
//! A project that is built is pushed first and tagged last, its cache tag the very last, so that
//! what has a cache tag is whole. When a project fails, what needs it is blocked; everything else
//! goes on.

mod build;
mod contents;
mod error;
mod failed_line;
mod folders;
mod forecast;
mod job;
mod labels;
mod lasting;
mod local;
mod names;
mod prepare;
mod prepare_error;
mod push;
mod record;
mod report;
mod schedule;
mod steps;
mod triggers;
mod untrusted;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::num::NonZeroUsize;
use std::pin::{Pin, pin};
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};
use futures_util::stream::{FuturesUnordered, StreamExt};

pub use forecast::Forecast;
pub use job::{Destination, Job, Pull, Tags, Task, TaskVariant, Work};
pub use names::LocalRun;
pub use prepare::{Preparation, Secrets, prepare};
pub use prepare_error::PrepareError;
pub use record::{Recording, RecordingError, record};
pub use report::{BuildReport, DockerfileLine, Event, Failure, Outcome, ProjectReport};
pub use schedule::Durations;
pub use untrusted::UntrustedRun;

use error::ExecuteError;
use job::PullSource;
use report::Needed;

use crate::engine::{Engine, InlineCacheFault};
use crate::graph::ProjectGraph;
use crate::model::{ImageRef, ProjectName};
use crate::registry::Registry;

/// Where and how jobs are executed.
pub struct Executor<'a> {
    pub graph: &'a ProjectGraph,
    pub registry: &'a dyn Registry,
    /// Maximum number of projects that are built in parallel.
    pub parallelism: NonZeroUsize,
    /// Whether nothing more is started after a failure.
    pub fail_fast: bool,
    pub durations: &'a Durations,
    pub on_event: &'a (dyn Fn(Event) + Send + Sync),
}

impl std::fmt::Debug for Executor<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Executor").field("parallelism", &self.parallelism).finish_non_exhaustive()
    }
}

type Running<'a> = Pin<Box<dyn Future<Output = (ProjectName, Outcome, Duration)> + 'a>>;

impl Executor<'_> {
    /// Executes all jobs, or as many as can be until `interrupted` is ready.
    ///
    /// Failures are in the report, never lost: there is no other way out of this function.
    pub async fn execute(&self, jobs: &[Job], interrupted: impl Future<Output = ()>) -> BuildReport {
        let mut interrupted = pin!(interrupted);
        let started = Instant::now();
        let mut progress = Progress::new(self.graph, jobs, self.durations);
        let mut running: FuturesUnordered<Running<'_>> = FuturesUnordered::new();
        let mut is_interrupted = false;
        let mut stops_starting = false;
        loop {
            while running.len() < self.parallelism.get() && !stops_starting {
                let Some((job, work)) = progress.next_ready() else { break };
                running.push(match work {
                    Pending::Pull(pull) => self.pull(&job.project, pull),
                    Pending::Build(task) => {
                        let needs = progress.images_of_needs(job);
                        progress.temporary_names.extend(temporary_names(task, &needs));
                        self.build(&job.project, task, needs)
                    }
                });
            }
            if running.is_empty() {
                break;
            }
            match select(running.next(), &mut interrupted).await {
                Either::Left((Some((project, outcome, took)), _)) => {
                    stops_starting |= self.fail_fast && outcome.is_failure();
                    self.finish(&mut progress, &project, outcome, took);
                }
                Either::Left((None, _)) => break,
                Either::Right(((), _)) => {
                    is_interrupted = true;
                    break;
                }
            }
        }
        // Dropping what runs makes the engine stop it.
        drop(running);
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
        let built = jobs.iter().filter(|job| matches!(projects[&job.project].outcome, Outcome::Built { .. }));
        let inline_cache_fault = inline_cache_fault(built);
        let took = started.elapsed();
        let saved = self.saved(&projects, took);
        BuildReport { projects, is_interrupted, took, saved, inline_cache_fault }
    }

    /// How much longer it would have taken to build every image.
    fn saved(&self, projects: &BTreeMap<ProjectName, ProjectReport>, took: Duration) -> Option<Duration> {
        let mut builds = BTreeMap::new();
        for (project, report) in projects {
            let duration = match &report.outcome {
                Outcome::Built { .. } => report.took,
                Outcome::Reused { .. } | Outcome::Pulled { .. } => self.durations.get(project)?,
                Outcome::Failed(_) | Outcome::Blocked { .. } | Outcome::Cancelled => return None,
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
        if let PullSource::Registry { image, .. } = &pull.source {
            (self.on_event)(Event::Pulling { project: project.clone(), image: image.clone() });
        }
        Box::pin(async move {
            let started = Instant::now();
            let outcome = local::pull(pull).await;
            let outcome = outcome.unwrap_or_else(|error| Outcome::Failed(error.failure()));
            (project.clone(), outcome, started.elapsed())
        })
    }

    fn build<'s>(
        &'s self,
        project: &'s ProjectName,
        task: &'s Task,
        needs: BTreeMap<ProjectName, Needed>,
    ) -> Running<'s> {
        (self.on_event)(Event::Started { project: project.clone() });
        Box::pin(async move {
            let started = Instant::now();
            let outcome = build::build(self, project, task, &needs).await;
            let failed =
                |error: ExecuteError| Failure { at: failed_line::of(task, &error), ..error.failure() };
            let outcome = outcome.unwrap_or_else(|error| Outcome::Failed(failed(error)));
            (project.clone(), outcome, started.elapsed())
        })
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

/// Why images are built without inline cache that should have it.
fn inline_cache_fault<'j>(built: impl Iterator<Item = &'j Job>) -> Option<InlineCacheFault> {
    let tasks = built.filter_map(|job| match &job.work {
        Work::Build(task) => Some(task),
        Work::Reuse { .. } | Work::Pull(_) => None,
    });
    tasks.filter(|task| task.request.inline_cache).find_map(|task| task.engine.inline_cache_fault().cloned())
}

/// The names that images have for this build, and for as long as the run lasts.
fn temporary_names<'t>(
    task: &'t Task,
    needs: &BTreeMap<ProjectName, Needed>,
) -> impl Iterator<Item = (ImageRef, &'t dyn Engine)> {
    local::parents(task, needs).into_keys().map(|name| (name, &*task.engine))
}

/// What a job that is not done at once does.
#[derive(Clone, Copy)]
enum Pending<'p> {
    Pull(&'p Pull),
    Build(&'p Task),
}

/// Which jobs are done, and which can start.
struct Progress<'p> {
    graph: &'p ProjectGraph,
    /// Jobs that have not started, the most urgent first.
    waiting: Vec<(&'p Job, Pending<'p>)>,
    started: BTreeSet<ProjectName>,
    /// What is taken from images in the engine when all is over.
    temporary_names: BTreeMap<ImageRef, &'p dyn Engine>,
    done: BTreeMap<ProjectName, ProjectReport>,
}

impl<'p> Progress<'p> {
    fn new(graph: &'p ProjectGraph, jobs: &'p [Job], durations: &Durations) -> Self {
        let (mut pending, mut done) = (Vec::new(), BTreeMap::new());
        for job in jobs {
            match &job.work {
                Work::Build(task) => pending.push((job, Pending::Build(task))),
                Work::Pull(pull) => pending.push((job, Pending::Pull(pull))),
                Work::Reuse { image, digest } => {
                    let outcome = Outcome::Reused { image: image.clone(), digest: *digest };
                    done.insert(job.project.clone(), ProjectReport::new(outcome, Duration::ZERO));
                }
            }
        }
        let waiting = schedule::most_urgent_first(graph, pending, durations);
        Self { graph, waiting, started: BTreeSet::new(), temporary_names: BTreeMap::new(), done }
    }

    /// Takes the most urgent job all whose dependencies have an image.
    fn next_ready(&mut self) -> Option<(&'p Job, Pending<'p>)> {
        let has_image =
            |need: &ProjectName| self.done.get(need).is_some_and(|report| report.image().is_some());
        let position = self.waiting.iter().position(|(job, _)| job.needs.iter().all(has_image))?;
        let ready = self.waiting.remove(position);
        self.started.insert(ready.0.project.clone());
        Some(ready)
    }

    fn images_of_needs(&self, job: &Job) -> BTreeMap<ProjectName, Needed> {
        let image = |need: &ProjectName| Some((need.clone(), self.done.get(need)?.needed()?));
        job.needs.iter().filter_map(image).collect()
    }

    fn finish(&mut self, project: &ProjectName, outcome: Outcome, took: Duration) {
        self.waiting.retain(|(job, _)| job.project != *project);
        self.started.remove(project);
        self.done.insert(project.clone(), ProjectReport::new(outcome, took));
    }

    /// Builds that have not started and need an image that `project` owes them, in graph order.
    ///
    /// What is reused has its image, so nothing that needs only that waits for `project`.
    fn waiting_on(&self, project: &ProjectName) -> Vec<ProjectName> {
        let builds = self.waiting.iter().filter(|(_, work)| matches!(work, Pending::Build(_)));
        let waiting: BTreeSet<&ProjectName> = builds.map(|(job, _)| &job.project).collect();
        let mut missing = BTreeSet::from([project]);
        let mut found = Vec::new();
        for name in self.graph.order().filter(|name| waiting.contains(name)) {
            if !self.graph.needs(name).is_disjoint(&missing) {
                missing.insert(name);
                found.push(name.clone());
            }
        }
        found
    }

    fn unfinished(&self) -> Vec<ProjectName> {
        self.waiting.iter().map(|(job, _)| &job.project).chain(&self.started).cloned().collect()
    }
}

#[cfg(test)]
mod tests;
