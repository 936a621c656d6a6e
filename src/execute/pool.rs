//! Builders that share the builds of a run.
//!
//! A build goes to a free slot of a builder that has its platform natively, and to one that emulates it only where no
//! other is left. A builder that is lost is taken out for the rest of the run, and what it was building goes to another.

use std::cmp::Ordering;
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::Notify;

use super::builder::{Builder, Publication, PublishEvent, Published};
use super::error::ExecuteError;
use super::report::LostBuilder;
use crate::engine::{BuildRequest, EngineError, Progress};
use crate::model::Platform;

/// One of several builders.
pub struct PoolMember {
    /// Its address.
    pub name: String,
    pub builder: Box<dyn Builder>,
    /// Those whose programs it runs itself.
    pub native: Vec<Platform>,
    /// Those that it builds for in some other way.
    pub emulated: Vec<Platform>,
    /// Maximum number of builds at a time.
    pub slots: NonZeroUsize,
}

/// Builders that share the builds of a run.
pub struct BuilderPool {
    members: Vec<PoolMember>,
    /// Those that were lost before the first build.
    unreachable: Vec<LostBuilder>,
    /// What is built for where nobody says a platform.
    default_platform: Option<Platform>,
    /// Maximum number of builds of all together.
    limit: NonZeroUsize,
    states: Mutex<Vec<State>>,
    /// Told when a slot is free again, or a builder is lost.
    changed: Notify,
}

#[derive(Clone, Debug, Default)]
struct State {
    running: usize,
    /// Why it is not used any more.
    lost: Option<String>,
}

/// A place at a builder, for as long as it is held.
struct Slot<'p> {
    pool: &'p BuilderPool,
    member: usize,
    is_native: bool,
}

enum Taken<'p> {
    Slot(Slot<'p>),
    Busy,
    /// No builder that is left has the platform.
    Nobody,
}

impl BuilderPool {
    /// `lost` are those that could not be reached. `jobs` is the maximum number of builds at a time, else that of all slots.
    pub fn new(members: Vec<PoolMember>, lost: Vec<LostBuilder>, jobs: Option<NonZeroUsize>) -> Self {
        let default_platform = members.iter().find_map(|member| member.native.first().cloned());
        let slots = members.iter().map(|member| member.slots.get()).sum();
        let limit = jobs.or(NonZeroUsize::new(slots)).unwrap_or(NonZeroUsize::MIN);
        let states = Mutex::new(vec![State::default(); members.len()]);
        Self { members, unreachable: lost, default_platform, limit, states, changed: Notify::new() }
    }

    /// How many builds there can be at a time.
    pub fn limit(&self) -> NonZeroUsize {
        self.limit
    }

    /// The builders that are not used any more.
    pub fn lost(&self) -> Vec<LostBuilder> {
        let states = self.states();
        let lost = self.members.iter().zip(states.iter()).filter_map(|(member, state)| {
            Some(LostBuilder { name: member.name.clone(), reason: state.lost.clone()? })
        });
        self.unreachable.iter().cloned().chain(lost).collect()
    }

    /// Whether no builder is left.
    pub fn is_exhausted(&self) -> bool {
        self.states().iter().all(|state| state.lost.is_some())
    }

    /// No state is half written, so one that a panic has left behind is whole.
    fn states(&self) -> MutexGuard<'_, Vec<State>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a free slot; `None` when no builder is left for the platform.
    async fn slot(&self, platform: Option<&Platform>) -> Option<Slot<'_>> {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // From here on, no change is missed.
            changed.as_mut().enable();
            match self.take(platform) {
                Taken::Slot(slot) => return Some(slot),
                Taken::Nobody => return None,
                Taken::Busy => changed.await,
            }
        }
    }

    fn take(&self, platform: Option<&Platform>) -> Taken<'_> {
        let mut states = self.states();
        let has = |platforms: &[Platform]| match platform {
            Some(platform) => platforms.iter().any(|one| one.is_same_as(platform)),
            None => true,
        };
        let is_left = |&member: &usize| states[member].lost.is_none();
        let left: Vec<usize> = (0..self.members.len()).filter(is_left).collect();
        let native: Vec<usize> =
            left.iter().copied().filter(|&member| has(&self.members[member].native)).collect();
        let is_native = !native.is_empty();
        let able = match is_native {
            true => native,
            false => left.into_iter().filter(|&member| has(&self.members[member].emulated)).collect(),
        };
        if able.is_empty() {
            return Taken::Nobody;
        }
        let running: usize = states.iter().map(|state| state.running).sum();
        let is_free = |&member: &usize| states[member].running < self.members[member].slots.get();
        let by_load = |one: &usize, other: &usize| self.compare_load(&states, *one, *other);
        match able.into_iter().filter(is_free).min_by(by_load) {
            Some(member) if running < self.limit.get() => {
                states[member].running += 1;
                Taken::Slot(Slot { pool: self, member, is_native })
            }
            _ => Taken::Busy,
        }
    }

    /// Compares which part of their slots two builders use.
    fn compare_load(&self, states: &[State], one: usize, other: usize) -> Ordering {
        let (of_one, of_other) = (self.members[one].slots.get(), self.members[other].slots.get());
        (states[one].running * of_other).cmp(&(states[other].running * of_one))
    }

    /// Takes a builder out for the rest of the run.
    fn lose(&self, member: usize, reason: String) {
        self.states()[member].lost.get_or_insert(reason);
        self.changed.notify_waiters();
    }

    fn nobody_left(&self, platform: Option<&Platform>) -> ExecuteError {
        ExecuteError::NoBuilder { platform: platform.cloned(), lost: self.lost() }
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.pool.states()[self.member].running -= 1;
        self.pool.changed.notify_waiters();
    }
}

#[async_trait]
impl Builder for BuilderPool {
    async fn publish(
        &self,
        request: &BuildRequest,
        publication: &Publication<'_>,
        on_event: &(dyn Fn(PublishEvent) + Send + Sync),
    ) -> Result<Published, ExecuteError> {
        let platform = request.platform.as_ref().or(self.default_platform.as_ref());
        let request = BuildRequest { platform: platform.cloned(), ..request.clone() };
        let warn = |text| on_event(PublishEvent::Build(Progress::Warning { text, url: None }));
        loop {
            let slot = self.slot(platform).await.ok_or_else(|| self.nobody_left(platform))?;
            let member = &self.members[slot.member];
            if let (false, Some(platform)) = (slot.is_native, platform) {
                warn(format!(
                    "{platform} is emulated by the builder at {}: no builder has it natively",
                    member.name
                ));
            }
            tracing::info!(builder = member.name, "builds");
            match member.builder.publish(&request, publication, on_event).await {
                Err(error) if error.engine_error().is_some_and(EngineError::is_builder_lost) => {
                    let reason = error.engine_error().map(|error| causes(error)).unwrap_or_default();
                    warn(format!("the builder is not used any more: {reason}"));
                    self.lose(slot.member, reason);
                }
                published => return published,
            }
        }
    }
}

/// An error and what led to it.
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut causes = vec![error.to_string()];
    let mut source = error.source();
    while let Some(cause) = source {
        causes.push(cause.to_string());
        source = cause.source();
    }
    causes.join(": ")
}

impl std::fmt::Debug for PoolMember {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("PoolMember").field("name", &self.name).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for BuilderPool {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("BuilderPool").field("members", &self.members).finish_non_exhaustive()
    }
}
