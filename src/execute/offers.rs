//! Which of the ready jobs there is room for: as many as run in parallel where an engine builds, else what the slots of builders fit.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::Duration;

use tokio::sync::futures::Notified;

use super::job::{Job, Work};
use super::pool::{BuilderPool, Request, Room};
use super::progress::{Done, Ready};
use super::report::Outcome;
use super::seat::Seat;
use super::{Executor, builders};
use crate::model::ProjectName;
use crate::record::Builders;

/// What ready jobs want of the builders.
pub(super) struct Offers<'p> {
    pool: Option<&'p BuilderPool>,
    parallelism: NonZeroUsize,
    last_builders: &'p BTreeMap<ProjectName, Builders>,
    /// Of each ready job that has not started.
    requests: BTreeMap<&'p ProjectName, Vec<Request>>,
    /// The time after which there may be room although nothing changed.
    wait: Option<Duration>,
}

/// Tells that builders have room again.
pub(super) struct Freed<'p>(Option<Notified<'p>>);

impl<'p> Offers<'p> {
    pub(super) fn new(executor: &'p Executor<'_>, jobs: &'p [Job]) -> Self {
        let Executor { parallelism, last_builders, .. } = *executor;
        Self { pool: builders(jobs), parallelism, last_builders, requests: BTreeMap::new(), wait: None }
    }

    /// What is freed from here on is told.
    pub(super) fn start_round(&mut self) -> Freed<'p> {
        self.wait = None;
        Freed(self.pool.map(BuilderPool::changed))
    }

    /// Whether one more job may run. Of builders, each slot says that for itself.
    pub(super) fn has_room(&self, running: usize) -> bool {
        self.pool.is_some() || running < self.parallelism.get()
    }

    /// Whether a ready job can start now.
    pub(super) fn fits(&mut self, ready: Ready<'p>, done: &Done) -> bool {
        let (Some(pool), Work::Build(task)) = (self.pool, &ready.job.work) else { return true };
        let requests = self.requests.entry(&ready.job.project).or_insert_with(|| {
            let made_by = made_by(ready.job, done, self.last_builders);
            let platforms = task.variants.iter().map(|variant| variant.platform.as_ref());
            let request =
                |platform| pool.request(platform, ready.urgency, ready.takes, made_by.iter().copied());
            platforms.map(request).collect()
        });
        match pool.room(requests) {
            Room::Now => true,
            Room::Later(wait) => {
                self.wait = [self.wait, wait].into_iter().flatten().min();
                false
            }
        }
    }

    /// A seat for each platform of a job that starts.
    pub(super) fn take(&mut self, project: &ProjectName) -> Vec<Seat<'p>> {
        let requests = self.requests.remove(project).unwrap_or_default();
        self.pool.map(|pool| Seat::all(pool, &requests)).unwrap_or_default()
    }

    pub(super) fn wait(&self) -> Option<Duration> {
        self.wait
    }
}

impl Freed<'_> {
    /// Waits until there may be room: when something is freed, or after `wait`.
    pub(super) async fn wait(self, wait: Option<Duration>) {
        match (self.0, wait) {
            (None, _) => std::future::pending().await,
            (Some(freed), None) => freed.await,
            (Some(freed), Some(wait)) => {
                tokio::time::timeout(wait.max(Duration::from_millis(1)), freed).await.ok();
            }
        }
    }
}

/// Who made the last images of a project and of its dependencies, in this run or before.
fn made_by<'b>(job: &Job, done: &'b Done, last: &'b BTreeMap<ProjectName, Builders>) -> Vec<&'b Builders> {
    let of_need = |need: &ProjectName| match done.get(need).map(|report| &report.outcome) {
        Some(Outcome::Built { builders, .. }) => Some(builders),
        _ => last.get(need),
    };
    last.get(&job.project).into_iter().chain(job.needs.iter().filter_map(of_need)).collect()
}
