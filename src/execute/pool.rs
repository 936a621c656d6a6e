//! Builders that share the builds of a run.
//!
//! What is built for one platform of a project has a seat. It waits until a slot of a builder is chosen for it, holds that until all is
//! built, and gets another one if the builder is lost, which is then taken out for the rest of the run.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::builder::Builder;
use super::dispatch::{BuilderLoad, Candidate, Choice, Spot, choose};
use super::error::ExecuteError;
use super::report::LostBuilder;
use crate::model::Platform;
use crate::record::Builders;

/// Which part of its time a build is expected to save on a builder that has its layers.
const SAVED_PART: u32 = 4;

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
    started: Instant,
    state: Mutex<State>,
    /// Told when a seat has a slot, a slot is free, or a builder is lost.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Why builders are not used any more, by position.
    lost: BTreeMap<usize, String>,
    /// By number: of equally urgent ones, the first gets a slot first.
    seats: BTreeMap<u64, (Request, Position)>,
    next: u64,
}

/// What a slot is wanted for.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) platform: Option<Platform>,
    urgency: Duration,
    /// How long the build is expected to take.
    takes: Duration,
    /// The builders that have its layers.
    warm: Vec<usize>,
    /// Since when it waits for one of them although another is free.
    waits_since: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Position {
    Waiting,
    At {
        member: usize,
        is_native: bool,
        /// When the build is expected to end.
        end: Duration,
    },
    /// No builder that is left has the platform.
    Nowhere,
}

/// Whether a seat has a slot.
pub(super) enum Assigned<'p> {
    To {
        member: usize,
        builder: &'p PoolMember,
        is_native: bool,
    },
    /// Not before something changes, or this time has passed.
    NotYet(Option<Duration>),
    Never,
}

/// Whether something can start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    Now,
    /// Not before something changes, or this time has passed.
    Later(Option<Duration>),
}

impl BuilderPool {
    /// `lost` are those that could not be reached. `jobs` is the maximum number of builds at a time, else that of all slots.
    pub fn new(members: Vec<PoolMember>, lost: Vec<LostBuilder>, jobs: Option<NonZeroUsize>) -> Self {
        let default_platform = members.iter().find_map(|member| member.native.first().cloned());
        let slots = members.iter().map(|member| member.slots.get()).sum();
        let limit = jobs.or(NonZeroUsize::new(slots)).unwrap_or(NonZeroUsize::MIN);
        let (started, state) = (Instant::now(), Mutex::default());
        Self { members, unreachable: lost, default_platform, limit, started, state, changed: Notify::new() }
    }

    /// How many builds there can be at a time.
    pub fn limit(&self) -> NonZeroUsize {
        self.limit
    }

    /// The builders that are not used any more.
    pub fn lost(&self) -> Vec<LostBuilder> {
        let state = self.state();
        let lost = state.lost.iter().map(|(member, reason)| LostBuilder {
            name: self.members[*member].name.clone(),
            reason: reason.clone(),
        });
        self.unreachable.iter().cloned().chain(lost).collect()
    }

    /// Whether no builder is left.
    pub fn is_exhausted(&self) -> bool {
        self.state().lost.len() == self.members.len()
    }

    /// What one platform of a project wants. `made_by` are builders that made its last image, or those of its dependencies.
    pub(super) fn request<'b>(
        &self,
        platform: Option<&Platform>,
        urgency: Duration,
        takes: Duration,
        made_by: impl IntoIterator<Item = &'b Builders>,
    ) -> Request {
        let platform = platform.or(self.default_platform.as_ref()).cloned();
        let key = key(platform.as_ref());
        let names = made_by.into_iter().filter_map(|builders| builders.get(&key));
        let warm = names.filter_map(|name| self.members.iter().position(|member| member.name == *name));
        let warm = warm.collect();
        Request { platform, urgency, takes, warm, waits_since: None }
    }

    /// Whether one of these would get a slot now.
    pub(super) fn room(&self, requests: &mut [Request]) -> Room {
        let (state, now) = (self.state(), self.now());
        let candidates: Vec<Candidate<'_>> = requests.iter().map(Request::candidate).collect();
        let Choice { start, waiting } = choose(candidates, &self.loads(&state), self.limit.get(), now);
        let until = waiting.iter().map(|(_, until)| *until).min();
        for (position, _) in waiting {
            requests[position].waits_since.get_or_insert(now);
        }
        match start {
            Some(_) => Room::Now,
            None => Room::Later(until.map(|until| until.saturating_sub(now))),
        }
    }

    /// The numbers of new seats, one for each request in this order.
    pub(super) fn seats(&self, requests: &[Request]) -> Range<u64> {
        let mut state = self.state();
        let first = state.next;
        for request in requests {
            let number = state.next;
            state.seats.insert(number, (request.clone(), Position::Waiting));
            state.next += 1;
        }
        self.assign(&mut state);
        first..state.next
    }

    /// Waits until a slot is free, or a builder is lost.
    pub(super) fn changed(&self) -> tokio::sync::futures::Notified<'_> {
        self.changed.notified()
    }

    pub(super) fn platform_of(&self, seat: u64) -> Option<Platform> {
        self.state().seats.get(&seat).and_then(|(request, _)| request.platform.clone())
    }

    pub(super) fn assigned(&self, seat: u64) -> Assigned<'_> {
        let mut state = self.state();
        let until = self.assign(&mut state);
        match state.seats.get(&seat).map(|(_, position)| *position) {
            Some(Position::At { member, is_native, .. }) => {
                Assigned::To { member, builder: &self.members[member], is_native }
            }
            Some(Position::Waiting) => Assigned::NotYet(until.map(|until| until.saturating_sub(self.now()))),
            Some(Position::Nowhere) | None => Assigned::Never,
        }
    }

    /// Takes a builder out for the rest of the run, and lets a seat wait for another.
    pub(super) fn lose(&self, seat: u64, member: usize, reason: String) {
        let mut state = self.state();
        state.lost.entry(member).or_insert(reason);
        if let Some((_, position)) = state.seats.get_mut(&seat) {
            *position = Position::Waiting;
        }
        self.assign(&mut state);
        self.changed.notify_waiters();
    }

    pub(super) fn leave(&self, seat: u64) {
        let mut state = self.state();
        state.seats.remove(&seat);
        self.assign(&mut state);
        self.changed.notify_waiters();
    }

    pub(super) fn nobody_left(&self, platform: Option<&Platform>) -> ExecuteError {
        ExecuteError::NoBuilder { platform: platform.cloned(), lost: self.lost() }
    }

    /// No state is half written, so one that a panic has left behind is whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn loads<'s>(&'s self, state: &State) -> Vec<BuilderLoad<'s>> {
        let load = |(position, member): (usize, &'s PoolMember)| BuilderLoad {
            native: &member.native,
            emulated: &member.emulated,
            slots: member.slots.get(),
            ends: Vec::new(),
            is_lost: state.lost.contains_key(&position),
        };
        let mut loads: Vec<BuilderLoad<'_>> = self.members.iter().enumerate().map(load).collect();
        for (_, position) in state.seats.values() {
            if let Position::At { member, end, .. } = position {
                loads[*member].ends.push(*end);
            }
        }
        loads
    }

    /// Chooses slots for the seats that wait; returns when to do so again even if nothing changes.
    fn assign(&self, state: &mut State) -> Option<Duration> {
        loop {
            let now = self.now();
            let waiting = state.seats.iter().filter(|(_, (_, position))| *position == Position::Waiting);
            let mut waiting: Vec<(u64, &Request)> =
                waiting.map(|(number, (request, _))| (*number, request)).collect();
            waiting.sort_by_key(|(number, request)| (Reverse(request.urgency), *number));
            let candidates = waiting.iter().map(|(_, request)| request.candidate());
            let choice = choose(candidates, &self.loads(state), self.limit.get(), now);
            let numbers: Vec<u64> = waiting.iter().map(|(number, _)| *number).collect();
            for (position, _) in &choice.waiting {
                let seat = state.seats.get_mut(&numbers[*position]);
                seat.expect("it waits").0.waits_since.get_or_insert(now);
            }
            let Some((position, spot)) = choice.start else {
                return choice.waiting.into_iter().map(|(_, until)| until).min();
            };
            let (request, position) = state.seats.get_mut(&numbers[position]).expect("it waits");
            let end = now.saturating_add(request.takes);
            *position = match spot {
                Spot::Native(member) => Position::At { member, is_native: true, end },
                Spot::Emulated(member) => Position::At { member, is_native: false, end },
                Spot::Nowhere => Position::Nowhere,
            };
            self.changed.notify_waiters();
        }
    }
}

impl Request {
    fn candidate(&self) -> Candidate<'_> {
        Candidate {
            platform: self.platform.as_ref(),
            warm: &self.warm,
            saving: self.takes / SAVED_PART,
            waits_since: self.waits_since,
        }
    }
}

/// How records name a platform.
pub(super) fn key(platform: Option<&Platform>) -> String {
    platform.map_or_else(|| "default".to_owned(), ToString::to_string)
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
