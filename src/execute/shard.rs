//! Equal jobs of a run share its builds, with the registry as the queue.
//!
//! A job claims a project before it builds it, and writes down how that ended before it releases the claim. Whoever holds the only
//! claim, and sees no end and no image afterwards, is the only one who builds it: [`crate::lease`]. Claims save work and do no more: what
//! two jobs build of the same inputs is the same, so a job that can't claim builds all the same.
//!
//! All is in one repository, so that one request tells what all other jobs do.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::ended::Ended;
use super::job::Task;
use super::subject::{Subject, subject_of, written};
use crate::lease::{Claim, ClaimId, Claims, Clock, Contest, Lapse, Lease, Terms};
use crate::model::{Fingerprinter, ProjectName, RepositoryName, Tag, Timestamp, random_bits};
use crate::registry::{Registry, RegistryError};

/// How long a claim counts that isn't renewed, unless `CHINAMPA_CLAIM_LEASE` says otherwise.
pub const CLAIM_LEASE: Duration = Duration::from_secs(120);

/// How long a job that has nothing to build waits before it looks again at what others do. Up to as much again is added at random,
/// so that jobs that started at once don't ask at once.
const MAX_PAUSE: Duration = Duration::from_secs(2);

/// How long the older of two claims waits for the younger one to withdraw before it looks again; up to as much again is added at random.
const CONTEST_PAUSE: Duration = Duration::from_millis(200);

/// How often it looks. A younger one that is still there was alone before, by a clock that is ahead of this one.
const MAX_LOOKS: usize = 5;

/// How many documents are read, or deleted, at once.
const AT_ONCE: usize = 16;

/// What is older than this was left behind by jobs of a run that is over.
const MAX_AGE: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// How many of those a job removes at most.
const MAX_REMOVED: usize = 200;

const CLAIM_TYPE: &str = "application/vnd.chinampa.claim.v1+json";

const JOINED_TYPE: &str = "application/vnd.chinampa.claim.joined.v1+text";

const END_TYPE: &str = "application/vnd.chinampa.claim.end.v1+json";

/// One of the equal jobs of a run.
pub struct Shard<'s> {
    pub registry: &'s dyn Registry,
    /// Where the jobs of the run claim projects.
    pub repository: &'s RepositoryName,
    /// What all jobs of the run share, and no other run has.
    pub run: String,
    /// Whether a second attempt at the run has the same name.
    pub attempts_share_name: bool,
    pub commit: String,
    /// How other jobs name this one.
    pub by: String,
    pub id: ClaimId,
    pub lease: Duration,
    pub clock: &'s dyn Clock,
    /// Projects that are built although the cache has an image of their inputs, which therefore tells nothing.
    pub rebuilt: BTreeSet<ProjectName>,
}

impl fmt::Debug for Shard<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Shard").field("run", &self.run).field("by", &self.by).finish_non_exhaustive()
    }
}

/// What other jobs did when this one looked last.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    claims: BTreeMap<Tag, Claim>,
    /// Claims that this job met when it wanted to claim the same, since it looked last.
    met: BTreeMap<Subject, Claim>,
    ends: BTreeMap<Tag, Ended>,
}

/// What becomes of a document where the registry deletes nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WithoutDeletion {
    /// Nobody waits for it.
    Stays,
    IsUntagged,
}

/// What came of a claim.
#[derive(Debug)]
pub(super) enum Turn<'l> {
    /// This job builds.
    Ours(Lease<'l>),
    /// Another one does.
    Theirs(Claim),
    /// Another one has built, or tried to.
    Over(Ended),
}

impl Seen {
    /// The claim of another job that counts.
    pub(super) fn claim(&self, subject: &Subject, now: Timestamp) -> Option<&Claim> {
        let listed = self.claims.iter().filter(|(tag, _)| subject.has_claim(tag)).map(|(_, claim)| claim);
        listed.chain(self.met.get(subject)).find(|claim| !claim.has_expired(now))
    }

    pub(super) fn end(&self, subject: &Subject) -> Option<&Ended> {
        self.ends.iter().find(|(tag, _)| subject.has_end(tag)).map(|(_, ended)| ended)
    }

    pub(super) fn meet(&mut self, subject: Subject, claim: Claim) {
        self.met.insert(subject, claim);
    }
}

impl<'s> Shard<'s> {
    /// Makes sure that there is a place for claims, and removes what runs have left there that are long over.
    ///
    /// Where attempts share a name, each job notes that it has started. One that finds a note of its own is started again, and from then on
    /// its run is the attempt of that number: what failed before is retried.
    ///
    /// # Errors
    /// [`RegistryError`] when the repository can't be made or listed.
    pub async fn join(&mut self) -> Result<(), RegistryError> {
        self.registry.ensure_repository(self.repository).await?;
        let now = self.clock.now();
        let tags = self.registry.tags(self.repository).await?;
        let is_old = |tag: &Tag| written(tag).is_some_and(|at| now.since(at) > MAX_AGE);
        let old = tags.iter().filter(|tag| is_old(tag)).take(MAX_REMOVED).cloned();
        self.remove(old, WithoutDeletion::Stays).await;
        if self.attempts_share_name {
            let job = Fingerprinter::new("job/1").field(&self.by).finish();
            let job = Subject::new(&self.run, job);
            let attempt = tags.iter().filter(|tag| job.has_start(tag)).count() + 1;
            let tag = job.start_tag(now);
            let note = tag.to_string().into();
            self.registry.put_artifact(self.repository, JOINED_TYPE, note, &[tag]).await?;
            if attempt > 1 {
                self.run = format!("{}-attempt-{attempt}", self.run);
            }
        }
        Ok(())
    }

    pub(super) fn subject(&self, task: &Task) -> Subject {
        let what =
            Fingerprinter::new("claim/1").field(task.repository.as_str()).field(task.digest.to_string());
        Subject::new(&self.run, what.finish())
    }

    /// How long this job waits before it looks again.
    pub(super) fn pause(&self) -> Duration {
        jittered(self.max_pause() / 2)
    }

    /// The longest that such a pause is.
    pub(super) fn max_pause(&self) -> Duration {
        2 * MAX_PAUSE.min(self.lease / 10)
    }

    /// Looks at what other jobs do with these subjects. What was seen before is not read again while it counts.
    ///
    /// # Errors
    /// [`RegistryError`] when the registry can't be asked.
    pub(super) async fn look(
        &self,
        before: &Seen,
        subjects: &BTreeSet<Subject>,
    ) -> Result<Seen, RegistryError> {
        let tags = self.registry.tags(self.repository).await?;
        let now = self.clock.now();
        let mut seen = Seen::default();
        let (mut claims, mut ends) = (Vec::new(), Vec::new());
        for tag in tags {
            let Some(subject) = subject_of(&tag).filter(|subject| subjects.contains(subject)) else {
                continue;
            };
            if subject.has_end(&tag) {
                match before.ends.get(&tag) {
                    Some(ended) => drop(seen.ends.insert(tag, ended.clone())),
                    None => ends.push(tag),
                }
            } else if subject.has_claim(&tag) {
                match before.claims.get(&tag).filter(|claim| !claim.has_expired(now)) {
                    Some(claim) => drop(seen.claims.insert(tag, claim.clone())),
                    None => claims.push((subject, tag)),
                }
            }
        }
        let read_end =
            async |tag: Tag| Ok::<_, RegistryError>(self.read_end(&tag).await?.map(|ended| (tag, ended)));
        let read: Vec<Option<(Tag, Ended)>> =
            stream::iter(ends.into_iter().map(read_end)).buffer_unordered(AT_ONCE).try_collect().await?;
        seen.ends.extend(read.into_iter().flatten());
        let read_claim = async |(subject, tag): (Subject, Tag)| {
            let claim = self.claims(&subject).read(&tag).await?;
            Ok::<_, RegistryError>(claim.map(|claim| (tag, claim)))
        };
        let read: Vec<Option<(Tag, Claim)>> =
            stream::iter(claims.into_iter().map(read_claim)).buffer_unordered(AT_ONCE).try_collect().await?;
        seen.claims.extend(read.into_iter().flatten());
        Ok(seen)
    }

    /// Claims a subject. However it ends, a claim that isn't the only one is taken away. What goes wrong is tried once more, as documents
    /// of others come and go.
    ///
    /// # Errors
    /// [`RegistryError`] when the registry can't be asked or written to.
    pub(super) async fn claim(&self, subject: &Subject) -> Result<Turn<'s>, RegistryError> {
        match self.claim_once(subject).await {
            Err(error) => {
                tracing::debug!(%error, "a claim is made once more");
                self.clock.sleep(jittered(CONTEST_PAUSE)).await;
                self.claim_once(subject).await
            }
            turn => turn,
        }
    }

    async fn claim_once(&self, subject: &Subject) -> Result<Turn<'s>, RegistryError> {
        let terms = Terms {
            commit: self.commit.clone(),
            by: self.by.clone(),
            id: self.id.clone(),
            lease: self.lease,
            renewal: self.lease / 5,
            // At worst, two jobs build the same.
            lapse: Lapse::Renewable,
        };
        let lease = Lease::announce(self.claims(subject), self.clock, &terms, self.clock.now()).await?;
        match self.contend(subject, &lease).await {
            Ok(None) => Ok(Turn::Ours(lease)),
            Ok(Some(turn)) => {
                self.release(lease).await;
                Ok(turn)
            }
            Err(error) => {
                lease.withdraw_after(&error).await;
                Err(error)
            }
        }
    }

    /// `None` when the claim is the only one and nothing has ended.
    async fn contend(&self, subject: &Subject, lease: &Lease<'_>) -> Result<Option<Turn<'s>>, RegistryError> {
        for look in 1.. {
            let tags = self.registry.tags(self.repository).await?;
            if let Some(tag) = tags.iter().find(|tag| subject.has_end(tag))
                && let Some(ended) = self.read_end(tag).await?
            {
                return Ok(Some(Turn::Over(ended)));
            }
            match lease.look_among(&tags).await? {
                Contest::Alone { expired } => {
                    lease.remove_expired(&expired).await;
                    return Ok(None);
                }
                Contest::Behind(claim) => return Ok(Some(Turn::Theirs(claim))),
                Contest::Ahead(claim) if look == MAX_LOOKS => return Ok(Some(Turn::Theirs(claim))),
                Contest::Ahead(_) => self.clock.sleep(jittered(CONTEST_PAUSE)).await,
            }
        }
        unreachable!("the last look returns")
    }

    /// Writes down how a build ended. Others find out for themselves if that can't be done: they look for the image, or try too.
    pub(super) async fn end(&self, subject: &Subject, ended: &Ended) {
        let tag = subject.end_tag(self.clock.now(), &ended.how);
        let document = ended.to_bytes(&tag);
        let written = self.registry.put_artifact(self.repository, END_TYPE, document, &[tag]).await;
        if let Err(error) = written {
            tracing::warn!("other jobs are not told how a build ended: {error}");
        }
    }

    pub(super) async fn release(&self, lease: Lease<'_>) {
        if let Err(error) = lease.release().await {
            tracing::info!(%error, "a claim could not be taken away");
        }
    }

    /// Takes away the claims of this job that are left, and the ends of what it `built`, which everybody can see by now.
    ///
    /// What failed stays, for jobs that start later; what was built anew, too, as its image was there before.
    pub(super) async fn leave<'t>(&self, built: impl Iterator<Item = (&'t ProjectName, &'t Task)>) {
        let shown = built.filter(|(project, _)| !self.rebuilt.contains(*project));
        let subjects: BTreeSet<Subject> = shown.map(|(_, task)| self.subject(task)).collect();
        let tags = match self.registry.tags(self.repository).await {
            Ok(tags) => tags,
            Err(error) => return tracing::info!(%error, "the claims of this job can't be taken away"),
        };
        let (of_run, of_job) = (Tag::claims_of_run(&self.run), format!("-{}", self.id));
        let is_claim = |tag: &Tag| tag.as_str().starts_with(&of_run) && tag.as_str().ends_with(&of_job);
        let is_end = |tag: &Tag| subject_of(tag).is_some_and(|it| it.has_end(tag) && subjects.contains(&it));
        let (claims, others): (Vec<Tag>, Vec<Tag>) = tags.into_iter().partition(is_claim);
        self.remove(claims.into_iter(), WithoutDeletion::IsUntagged).await;
        self.remove(others.into_iter().filter(is_end), WithoutDeletion::Stays).await;
    }

    /// Removes documents, as long as the registry lets that be done.
    async fn remove(&self, tags: impl Iterator<Item = Tag>, without_deletion: WithoutDeletion) {
        let remove = async |tag: Tag| {
            let document = match self.registry.find(self.repository, &tag).await? {
                Some(document) => document,
                // Some registries go on to list a tag whose document was deleted while others were.
                None => {
                    let (text, tags) = (tag.to_string().into(), std::slice::from_ref(&tag));
                    self.registry.put_artifact(self.repository, JOINED_TYPE, text, tags).await?
                }
            };
            match self.registry.delete(self.repository, &document).await {
                Err(RegistryError::NoDeletion { .. }) if without_deletion == WithoutDeletion::IsUntagged => {
                    self.registry.untag(self.repository, &tag).await
                }
                deleted => deleted,
            }
        };
        let removed = stream::iter(tags.map(remove)).buffer_unordered(AT_ONCE).try_collect::<()>().await;
        if let Err(error) = removed {
            tracing::info!(%error, "claims stay that are no use any more");
        }
    }

    async fn read_end(&self, tag: &Tag) -> Result<Option<Ended>, RegistryError> {
        let document = self.registry.artifact(self.repository, tag).await?;
        Ok(document.and_then(|document| Ended::from_bytes(&document)))
    }

    fn claims(&self, subject: &Subject) -> Claims<'s> {
        Claims {
            registry: self.registry,
            repository: self.repository,
            artifact_type: CLAIM_TYPE,
            prefix: subject.prefix().to_owned(),
        }
    }
}

/// From `least` to twice that.
fn jittered(least: Duration) -> Duration {
    let millis = u64::try_from(least.as_millis()).unwrap_or(u64::MAX);
    least + Duration::from_millis(random_bits() % millis.max(1))
}
