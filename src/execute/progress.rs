//! Which jobs of a run are done, which wait, and which can start.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::job::{Job, Pull, Task, Work};
use super::report::{Needed, Outcome, ProjectReport};
use super::schedule::{self, Durations};
use crate::engine::Engine;
use crate::graph::ProjectGraph;
use crate::model::{ImageRef, ProjectName};

/// What a job that is not done at once does.
#[derive(Clone, Copy)]
pub(super) enum Pending<'p> {
    Pull(&'p Pull),
    Build(&'p Task),
}

/// What is done.
pub(super) type Done = BTreeMap<ProjectName, ProjectReport>;

/// A job all whose dependencies have an image.
#[derive(Clone, Copy)]
pub(super) struct Ready<'p> {
    pub(super) job: &'p Job,
    /// From its start to the end of the last build that waits for it.
    pub(super) urgency: Duration,
    /// How long it is expected to take.
    pub(super) takes: Duration,
}

/// Which jobs are done, and which can start.
pub(super) struct Progress<'p> {
    graph: &'p ProjectGraph,
    /// Jobs that have not started, the most urgent first.
    waiting: Vec<(&'p Job, Pending<'p>)>,
    urgencies: BTreeMap<&'p ProjectName, Duration>,
    /// How long each is expected to take.
    times: BTreeMap<&'p ProjectName, Duration>,
    started: BTreeMap<ProjectName, (&'p Job, Pending<'p>)>,
    /// What is taken from images in the engine when all is over.
    pub(super) temporary_names: BTreeMap<ImageRef, &'p dyn Engine>,
    pub(super) done: Done,
}

impl<'p> Progress<'p> {
    pub(super) fn new(graph: &'p ProjectGraph, jobs: &'p [Job], durations: &Durations) -> Self {
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
        let estimate = durations.estimator();
        let times = pending.iter().map(|(job, _)| (&job.project, estimate(&job.project))).collect();
        let urgencies = schedule::urgencies(graph, &times);
        let mut waiting = pending;
        // Stable: of equal ones, dependencies stay first.
        waiting.sort_by_key(|(job, _)| Reverse(urgencies[&job.project]));
        Self {
            graph,
            waiting,
            urgencies,
            times,
            started: BTreeMap::new(),
            temporary_names: BTreeMap::new(),
            done,
        }
    }

    /// Takes one of the most urgent jobs all whose dependencies have an image: `choose` is given up to `choices` of them that
    /// `is_free`, and picks one.
    pub(super) fn next_ready(
        &mut self,
        mut is_free: impl FnMut(Ready<'p>, Pending<'p>, &Done) -> bool,
        choices: usize,
        choose: impl FnOnce(usize) -> usize,
    ) -> Option<(&'p Job, Pending<'p>)> {
        let has_image =
            |need: &ProjectName| self.done.get(need).is_some_and(|report| report.image().is_some());
        let (urgencies, times) = (&self.urgencies, &self.times);
        let mut is_ready = |(job, work): &(&'p Job, Pending<'p>)| {
            let (urgency, takes) = (urgencies[&job.project], times[&job.project]);
            job.needs.iter().all(has_image) && is_free(Ready { job, urgency, takes }, *work, &self.done)
        };
        let positions = self.waiting.iter().enumerate().filter(|(_, waiting)| is_ready(waiting));
        let positions: Vec<usize> = positions.map(|(position, _)| position).take(choices).collect();
        let chosen = if positions.is_empty() { return None } else { choose(positions.len()) };
        let ready = self.waiting.remove(positions[chosen]);
        self.started.insert(ready.0.project.clone(), ready);
        Some(ready)
    }

    /// Lets a job that was started wait again, as another process does it.
    pub(super) fn put_back(&mut self, project: &ProjectName) {
        if let Some(job) = self.started.remove(project) {
            self.waiting.insert(0, job);
        }
    }

    /// The builds that have not started.
    pub(super) fn waiting_builds(&self) -> impl Iterator<Item = (&'p ProjectName, &'p Task)> {
        self.waiting.iter().filter_map(|(job, work)| match work {
            Pending::Build(task) => Some((&job.project, *task)),
            Pending::Pull(_) => None,
        })
    }

    pub(super) fn images_of_needs(&self, job: &Job) -> BTreeMap<ProjectName, Needed> {
        let image = |need: &ProjectName| Some((need.clone(), self.done.get(need)?.needed()?));
        job.needs.iter().filter_map(image).collect()
    }

    pub(super) fn finish(&mut self, project: &ProjectName, outcome: Outcome, took: Duration) {
        self.waiting.retain(|(job, _)| job.project != *project);
        self.started.remove(project);
        self.done.insert(project.clone(), ProjectReport::new(outcome, took));
    }

    /// Builds that have not started and need an image that `project` owes them, in graph order.
    ///
    /// What is reused has its image, so nothing that needs only that waits for `project`.
    pub(super) fn waiting_on(&self, project: &ProjectName) -> Vec<ProjectName> {
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

    pub(super) fn unfinished(&self) -> Vec<ProjectName> {
        self.waiting.iter().map(|(job, _)| &job.project).chain(self.started.keys()).cloned().collect()
    }
}
