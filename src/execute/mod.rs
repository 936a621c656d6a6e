//! Does what the plan says, needs first, and reports how it went. Decides nothing.
//!
//! A project that is built is pushed first and tagged last, its cache tag the very last, so that
//! what has a cache tag is whole. When a project fails, what needs it is blocked; everything else
//! goes on.

mod project;
mod schedule;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::num::NonZeroUsize;
use std::pin::{Pin, pin};
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};
use futures_util::stream::{FuturesUnordered, StreamExt};

pub use project::ExecuteError;
pub use schedule::Durations;

use crate::engine::Engine;
use crate::graph::ProjectGraph;
use crate::model::{ImageRef, ProjectName, RepositoryName};
use crate::plan::{Action, Plan, Step};
use crate::registry::Registry;
use crate::report::{BuildReport, Event, Outcome, ProjectReport};
use crate::task::Task;

/// Where and how a plan is executed.
pub struct Executor<'a> {
    pub graph: &'a ProjectGraph,
    /// The repository of each project that is planned.
    pub repositories: &'a BTreeMap<ProjectName, RepositoryName>,
    /// What to build for each project that the plan builds.
    pub tasks: &'a BTreeMap<ProjectName, Task>,
    pub registry: &'a dyn Registry,
    /// May be missing where the plan builds nothing.
    pub engine: Option<&'a dyn Engine>,
    /// How many projects are built at once at most.
    pub jobs: NonZeroUsize,
    /// Whether nothing more is started after a failure.
    pub fail_fast: bool,
    pub durations: &'a Durations,
    pub tell: &'a (dyn Fn(Event) + Send + Sync),
}

impl std::fmt::Debug for Executor<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Executor").field("jobs", &self.jobs).finish_non_exhaustive()
    }
}

type Running<'a> = Pin<Box<dyn Future<Output = (ProjectName, Outcome, Duration)> + 'a>>;

impl Executor<'_> {
    /// Executes all steps of `plan`, or as many as can be until `interrupted` is ready.
    ///
    /// Failures are in the report, never lost: there is no other way out of this function.
    pub async fn execute(&self, plan: &Plan, interrupted: impl Future<Output = ()>) -> BuildReport {
        let mut interrupted = pin!(interrupted);
        let mut progress = Progress::new(self.graph, plan, self.durations);
        let mut running: FuturesUnordered<Running<'_>> = FuturesUnordered::new();
        let mut is_interrupted = false;
        let mut stops_starting = false;
        for step in &plan.steps {
            if let (Action::Reuse(found), Some(repository)) =
                (&step.action, self.repositories.get(&step.project))
            {
                let image = project::pinned(self.registry, repository, &found.tag, found.digest);
                progress.finish(
                    &step.project,
                    Outcome::Reused { image, digest: found.digest },
                    Duration::ZERO,
                );
            }
        }
        loop {
            while running.len() < self.jobs.get() && !stops_starting {
                let Some(step) = progress.next_ready() else { break };
                running.push(self.run(step, progress.images_of_needs(step)));
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
        for project in progress.unfinished() {
            self.finish(&mut progress, &project, Outcome::Cancelled, Duration::ZERO);
        }
        BuildReport { plan: plan.clone(), projects: progress.done, is_interrupted, record: None }
    }

    fn run<'s>(&'s self, step: &'s Step, needs: BTreeMap<ProjectName, ImageRef>) -> Running<'s> {
        (self.tell)(Event::Started { project: step.project.clone() });
        Box::pin(async move {
            let started = Instant::now();
            let outcome = match self.tasks.get(&step.project) {
                Some(task) => project::build(self, step, task, &needs).await,
                None => Err(ExecuteError::NotPlanned),
            };
            let outcome = outcome.unwrap_or_else(|error| Outcome::failed(&error, error.log_tail()));
            (step.project.clone(), outcome, started.elapsed())
        })
    }

    /// Notes an outcome, and the blocking of everything that waited for it in vain.
    fn finish(&self, progress: &mut Progress<'_>, project: &ProjectName, outcome: Outcome, took: Duration) {
        let is_failure = outcome.is_failure();
        (self.tell)(Event::Finished { project: project.clone(), outcome: outcome.clone(), took });
        progress.finish(project, outcome, took);
        if is_failure {
            for dependent in progress.waiting_on(project) {
                let outcome = Outcome::Blocked { by: project.clone() };
                (self.tell)(Event::Finished {
                    project: dependent.clone(),
                    outcome: outcome.clone(),
                    took: Duration::ZERO,
                });
                progress.finish(&dependent, outcome, Duration::ZERO);
            }
        }
    }
}

/// Which steps are done, and which can start.
struct Progress<'p> {
    graph: &'p ProjectGraph,
    /// Builds that have not started, the most urgent first.
    waiting: Vec<&'p Step>,
    started: BTreeSet<ProjectName>,
    done: BTreeMap<ProjectName, ProjectReport>,
}

impl<'p> Progress<'p> {
    fn new(graph: &'p ProjectGraph, plan: &'p Plan, durations: &Durations) -> Self {
        let builds: Vec<&Step> = plan.steps.iter().filter(|step| step.action == Action::Build).collect();
        let waiting = schedule::most_urgent_first(graph, builds, durations);
        Self { graph, waiting, started: BTreeSet::new(), done: BTreeMap::new() }
    }

    /// Takes the most urgent build all whose needs have an image.
    fn next_ready(&mut self) -> Option<&'p Step> {
        let has_image =
            |need: &ProjectName| self.done.get(need).is_some_and(|report| report.image().is_some());
        let position = self.waiting.iter().position(|step| step.needs.iter().all(has_image))?;
        let step = self.waiting.remove(position);
        self.started.insert(step.project.clone());
        Some(step)
    }

    fn images_of_needs(&self, step: &Step) -> BTreeMap<ProjectName, ImageRef> {
        let image = |need: &ProjectName| Some((need.clone(), self.done.get(need)?.image()?.clone()));
        step.needs.iter().filter_map(image).collect()
    }

    fn finish(&mut self, project: &ProjectName, outcome: Outcome, took: Duration) {
        self.waiting.retain(|step| step.project != *project);
        self.started.remove(project);
        self.done.insert(project.clone(), ProjectReport { outcome, took });
    }

    /// Builds that have not started and need an image that `project` owes them, in graph order.
    ///
    /// What is reused has its image, so nothing that needs only that waits for `project`.
    fn waiting_on(&self, project: &ProjectName) -> Vec<ProjectName> {
        let waiting: BTreeSet<&ProjectName> = self.waiting.iter().map(|step| &step.project).collect();
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
        self.waiting.iter().map(|step| &step.project).chain(&self.started).cloned().collect()
    }
}

#[cfg(test)]
mod tests;
