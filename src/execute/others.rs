//! What other jobs of the run do, while this one executes its own jobs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::build::pinned;
use super::ended::{Ended, How};
use super::job::{Job, Task};
use super::offers::Offers;
use super::progress::{Done, Pending, Progress, Ready};
use super::report::{Event, Needed, Outcome};
use super::seat::Seat;
use super::shard::{Seen, Shard, Turn};
use super::subject::Subject;
use super::{Executor, Look, Running, Step};
use crate::lease::Claim;
use crate::model::{ManifestDigest, ProjectName, Tag, random_bits};
use crate::registry::RegistryError;

/// Among how many of the most urgent projects a job chooses at random, so that jobs that start at once don't all claim the same one.
const CHOICES: usize = 8;

/// What this job knows of the others.
pub(super) struct Others<'s> {
    shard: &'s Shard<'s>,
    seen: Seen,
    /// When it looked last.
    looked: Option<Instant>,
    /// The projects that were said to be built by others.
    said: BTreeSet<ProjectName>,
}

impl<'s> Others<'s> {
    pub(super) fn new(shard: &'s Shard<'s>) -> Self {
        Self { shard, seen: Seen::default(), looked: None, said: BTreeSet::new() }
    }

    /// Takes a project that nobody builds as far as is known; none if this was not looked at lately.
    pub(super) fn next_ready<'p>(
        &self,
        progress: &mut Progress<'p>,
        offers: &mut Offers<'p>,
    ) -> Option<(&'p Job, Pending<'p>)> {
        if !self.is_fresh() {
            return None;
        }
        let now = self.shard.clock.now();
        let is_free = |ready: Ready<'p>, work: Pending<'p>, done: &Done| match work {
            Pending::Build(task) => {
                self.seen.claim(&self.shard.subject(task), now).is_none() && offers.fits(ready, done)
            }
            Pending::Pull(_) => true,
        };
        let any = |count: usize| usize::try_from(random_bits() % count as u64).unwrap_or_default();
        progress.next_ready(is_free, CHOICES, any)
    }

    /// Looks at what others do with the projects that wait: at once, or after a pause if it was looked at lately. `None` if no project
    /// waits.
    pub(super) fn look(&self, progress: &Progress<'_>) -> Option<Look<'s>> {
        let subjects: BTreeSet<Subject> =
            progress.waiting_builds().map(|(_, task)| self.shard.subject(task)).collect();
        if subjects.is_empty() {
            return None;
        }
        let pause = if self.is_fresh() { self.shard.pause() } else { Duration::ZERO };
        let (shard, before) = (self.shard, self.seen.clone());
        Some(Box::pin(async move {
            shard.clock.sleep(pause).await;
            shard.look(&before, &subjects).await
        }))
    }

    /// Takes over what was seen; returns what is over for projects that wait.
    pub(super) fn on_look(
        &mut self,
        seen: Result<Seen, RegistryError>,
        progress: &Progress<'_>,
        executor: &Executor<'_>,
    ) -> Vec<(ProjectName, Outcome)> {
        self.looked = Some(Instant::now());
        match seen {
            Ok(seen) => self.seen = seen,
            // What is known counts as long as its claims do.
            Err(error) => tracing::warn!("cannot see what other jobs build: {error}"),
        }
        let mut over = Vec::new();
        for (project, task) in progress.waiting_builds() {
            let subject = self.shard.subject(task);
            if let Some(ended) = self.seen.end(&subject) {
                over.push((project.clone(), executor.elsewhere(task, ended)));
            } else if let Some(claim) = self.seen.claim(&subject, self.shard.clock.now()) {
                let by = claim.by.clone();
                self.say(project, by, executor.on_event);
            }
        }
        over
    }

    /// Notes that another job has claimed what this one wanted to.
    pub(super) fn on_taken(
        &mut self,
        project: ProjectName,
        subject: Subject,
        claim: Claim,
        on_event: &(dyn Fn(Event) + Send + Sync),
    ) {
        self.say(&project, claim.by.clone(), on_event);
        self.seen.meet(subject, claim);
    }

    fn say(&mut self, project: &ProjectName, by: String, on_event: &(dyn Fn(Event) + Send + Sync)) {
        if self.said.insert(project.clone()) {
            on_event(Event::Claimed { project: project.clone(), by });
        }
    }

    fn is_fresh(&self) -> bool {
        self.looked.is_some_and(|looked| looked.elapsed() < self.shard.max_pause())
    }
}

impl Executor<'_> {
    /// Builds a project if no other job does or has.
    pub(super) fn build_unless_others_do<'s>(
        &'s self,
        shard: &'s Shard<'s>,
        project: &'s ProjectName,
        task: &'s Task,
        needs: BTreeMap<ProjectName, Needed>,
        seats: Vec<Seat<'s>>,
    ) -> Running<'s> {
        Box::pin(async move {
            let finished = |outcome, took| Step::Finished { project: project.clone(), outcome, took };
            let subject = shard.subject(task);
            let lease = match shard.claim(&subject).await {
                Ok(Turn::Ours(lease)) => Some(lease),
                Ok(Turn::Theirs(claim)) => return Step::Taken { project: project.clone(), subject, claim },
                Ok(Turn::Over(ended)) => return finished(self.elsewhere(task, &ended), Duration::ZERO),
                Err(error) => {
                    tracing::warn!("`{project}` is built without a claim, perhaps not here alone: {error}");
                    None
                }
            };
            let build = async {
                let (outcome, took) = match self.built_since(shard, project, task).await {
                    Some(digest) => (self.built_elsewhere(task, digest, None, None), Duration::ZERO),
                    None => self.outcome(project, task, &needs, seats).await,
                };
                if let Some(ended) = Ended::of(&shard.by, &outcome, took) {
                    shard.end(&subject, &ended).await;
                }
                finished(outcome, took)
            };
            match lease {
                None => build.await,
                Some(lease) => {
                    let step = lease.keep(build).await;
                    shard.release(lease).await;
                    step
                }
            }
        })
    }

    /// The image that somebody has built since it was planned to build it.
    async fn built_since(
        &self,
        shard: &Shard<'_>,
        project: &ProjectName,
        task: &Task,
    ) -> Option<ManifestDigest> {
        if shard.rebuilt.contains(project) {
            return None;
        }
        let found = self.registry.find(&task.repository, &Tag::cache(&task.digest)).await;
        found.unwrap_or_else(|error| {
            tracing::warn!("cannot see whether somebody has built `{project}` meanwhile: {error}");
            None
        })
    }

    fn elsewhere(&self, task: &Task, ended: &Ended) -> Outcome {
        match &ended.how {
            How::Built { image, took } => self.built_elsewhere(task, *image, Some(ended.by.clone()), *took),
            How::Failed(failure) => Outcome::Failed((**failure).clone()),
        }
    }

    fn built_elsewhere(
        &self,
        task: &Task,
        digest: ManifestDigest,
        by: Option<String>,
        took: Option<Duration>,
    ) -> Outcome {
        let image = pinned(self.registry, &task.repository, &Tag::cache(&task.digest), digest);
        Outcome::BuiltElsewhere { image, digest, by, took }
    }
}
