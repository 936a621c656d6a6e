//! Laws of the schedule: what it costs that durations are known badly, and how long builds wait for their layers.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chinampa::internals::engine::BuildRequest;
use chinampa::internals::execute::{
    Backend, Builder, BuilderLoad, BuilderPool, Candidate, Durations, ExecuteError, Executor, Job,
    PoolMember, Publication, PublishEvent, Published, Spot, Work, choose, urgencies,
};
use chinampa::internals::graph::ProjectGraph;
use chinampa::internals::model::{ManifestDigest, Platform, ProjectName};

use crate::laws::graphs::Needs;
use crate::laws::order;
use crate::support::is_soak;
use crate::support::numbers::Numbers;

type Times = BTreeMap<ProjectName, Duration>;

/// What is built, on which builders, and how long that really takes.
struct Case {
    needs: Needs,
    graph: ProjectGraph,
    /// Of each builder.
    slots: Vec<usize>,
    times: Times,
}

/// What happened to a build.
#[derive(Default)]
struct Trace {
    end: Duration,
    /// How long a slot was free while each build waited for its layers.
    waited: BTreeMap<ProjectName, Duration>,
    ended: BTreeSet<ProjectName>,
}

impl Case {
    /// 50 to 500 projects in layers, 2 to 16 slots on 1 to 4 builders, and durations of which the longest are 15 to 100 times the shortest.
    fn random(numbers: &mut Numbers) -> Self {
        let count = 50 + numbers.below(451);
        Self::of(count, numbers)
    }

    fn of(count: usize, numbers: &mut Numbers) -> Self {
        let layers = 2 + numbers.below(11);
        let most_needs = 1 + numbers.below(5);
        let spread = 15.0 + 85.0 * numbers.next();
        let names: Vec<ProjectName> =
            (0..count).map(|number| format!("p{number:03}").parse().unwrap()).collect();
        let (mut needs, mut times) = (Needs::new(), Times::new());
        for (number, name) in names.iter().enumerate() {
            let earlier = &names[..(number * layers / count * count).div_ceil(layers)];
            let chosen = (0..numbers.below(most_needs + 1))
                .filter_map(|_| earlier.get(numbers.below(earlier.len().max(1))).cloned());
            needs.insert(name.clone(), chosen.collect());
            times.insert(name.clone(), Duration::from_secs_f64(5.0 * spread.powf(numbers.next())));
        }
        let builders = 1 + numbers.below(4);
        let mut slots = vec![1; builders];
        for _ in 0..(2 + numbers.below(15)).max(builders) - builders {
            slots[numbers.below(builders)] += 1;
        }
        if slots == [1] {
            slots[0] = 2;
        }
        let graph = ProjectGraph::new(&needs).unwrap();
        Self { needs, graph, slots, times }
    }

    /// List scheduling by the longest remaining path with the exact durations, written without any of the code under test.
    fn list_schedule(&self) -> Duration {
        let mut rest: Times = Times::new();
        // Later names need earlier ones only.
        for name in self.needs.keys().rev() {
            let after =
                self.needs.iter().filter(|(_, needs)| needs.contains(name)).map(|(name, _)| rest[name]);
            rest.insert(name.clone(), self.times[name] + after.max().unwrap_or_default());
        }
        let slots: usize = self.slots.iter().sum();
        let (mut ended, mut waiting) = (BTreeSet::new(), self.needs.keys().collect::<BTreeSet<_>>());
        let (mut running, mut now) = (BinaryHeap::new(), Duration::ZERO);
        loop {
            while running.len() < slots {
                let ready =
                    waiting.iter().filter(|name| self.needs[**name].iter().all(|need| ended.contains(need)));
                let Some(&next) = ready.max_by_key(|name| (rest[**name], Reverse(**name))) else { break };
                waiting.remove(next);
                running.push(Reverse((now + self.times[next], next)));
            }
            let Some(Reverse((end, name))) = running.pop() else { return now };
            now = end;
            ended.insert(name);
        }
    }

    /// What the schedule of a run does that has known some durations. `warm` says which builders have the layers of a project.
    fn run(&self, known: &Times, warm: &BTreeMap<ProjectName, Vec<usize>>) -> Trace {
        let mut durations = Durations::default();
        durations.complete(known);
        let estimate = durations.estimator();
        let estimates: BTreeMap<&ProjectName, Duration> =
            self.needs.keys().map(|name| (name, estimate(name))).collect();
        let urgency = urgencies(&self.graph, &estimates);
        let load = |&slots: &usize| BuilderLoad {
            native: &[],
            emulated: &[],
            slots,
            ends: Vec::new(),
            is_lost: false,
        };
        let mut loads: Vec<BuilderLoad<'_>> = self.slots.iter().map(load).collect();
        let mut ready: BTreeSet<(Reverse<Duration>, &ProjectName)> = self
            .needs
            .iter()
            .filter(|(_, needs)| needs.is_empty())
            .map(|(name, _)| (Reverse(urgency[name]), name))
            .collect();
        let mut unmet: BTreeMap<&ProjectName, usize> =
            self.needs.iter().map(|(name, needs)| (name, needs.len())).collect();
        let mut waits_since: BTreeMap<&ProjectName, Duration> = BTreeMap::new();
        let mut trace = Trace::default();
        // The real end, the project, its builder, and the end that was expected.
        let mut running: BinaryHeap<Reverse<(Duration, &ProjectName, usize, Duration)>> = BinaryHeap::new();
        let mut now = Duration::ZERO;
        loop {
            let held = loop {
                let order: Vec<&ProjectName> = ready.iter().map(|(_, name)| *name).collect();
                let candidates = order.iter().map(|name| Candidate {
                    platform: None,
                    warm: warm.get(*name).map_or(&[][..], Vec::as_slice),
                    saving: saving(estimates[*name]),
                    waits_since: waits_since.get(*name).copied(),
                });
                let choice = choose(candidates, &loads, usize::MAX, now);
                for (position, _) in &choice.waiting {
                    waits_since.entry(order[*position]).or_insert(now);
                }
                let Some((position, spot)) = choice.start else {
                    let held = choice.waiting.into_iter();
                    break held.map(|(position, until)| (order[position], until)).collect::<Vec<_>>();
                };
                let Spot::Native(at) = spot else { panic!("{spot:?}") };
                let name = order[position];
                assert!(loads[at].ends.len() < loads[at].slots, "{name} has no slot");
                ready.remove(&(Reverse(urgency[name]), name));
                let is_warm = warm.get(name).is_some_and(|warm| warm.contains(&at));
                let saved = if is_warm { saving(self.times[name]) } else { Duration::ZERO };
                let expected = now + estimates[name];
                loads[at].ends.push(expected);
                running.push(Reverse((now + self.times[name] - saved, name, at, expected)));
            };
            let wake = held.iter().map(|(_, until)| *until).min();
            let before = now;
            let next = running.peek().map(|Reverse((end, ..))| *end);
            match (next, wake) {
                (Some(end), Some(wake)) if wake < end => now = wake,
                (None, Some(wake)) => now = wake,
                (None, None) => break,
                (Some(_), _) => {
                    let Reverse((end, name, at, expected)) = running.pop().unwrap();
                    now = end;
                    trace.end = end;
                    let position = loads[at].ends.iter().position(|end| *end == expected).unwrap();
                    loads[at].ends.swap_remove(position);
                    trace.ended.insert(name.clone());
                    for dependent in self.graph.dependents(name) {
                        let left = unmet.get_mut(dependent).unwrap();
                        *left -= 1;
                        if *left == 0 {
                            ready.insert((Reverse(urgency[dependent]), dependent));
                        }
                    }
                }
            }
            for (name, _) in held {
                *trace.waited.entry(name.clone()).or_default() += now - before;
            }
        }
        assert_eq!(trace.ended.len(), self.needs.len());
        trace
    }
}

fn saving(time: Duration) -> Duration {
    time / 4
}

fn count() -> u64 {
    if is_soak() { 1_000 } else { 60 }
}

fn p95(mut ratios: Vec<f64>) -> f64 {
    ratios.sort_by(f64::total_cmp);
    ratios[(ratios.len() * 95).div_ceil(100) - 1]
}

#[test]
fn durations_that_are_wrong_or_missing_cost_little() {
    let mut ratios: [Vec<f64>; 3] = Default::default();
    for seed in 0..count() {
        let mut numbers = Numbers::new(seed + 1);
        let case = Case::random(&mut numbers);
        let exact = case.times.clone();
        let rough: Times = exact
            .iter()
            .map(|(name, time)| (name.clone(), time.mul_f64(0.7 + 0.6 * numbers.next())))
            .collect();
        let some: Times = exact.clone().into_iter().filter(|_| numbers.next() >= 0.3).collect();
        let least = case.list_schedule().as_secs_f64();
        for (known, ratios) in [exact, rough, some].iter().zip(&mut ratios) {
            ratios.push(case.run(known, &BTreeMap::new()).end.as_secs_f64() / least);
        }
    }

    let [exact, rough, some] = ratios.map(p95);

    println!(
        "{} graphs, the time in 95 of 100 over that of list scheduling with exact durations: {exact:.4} where they are known, \
         {rough:.4} where they differ by up to 30 %, {some:.4} where 30 % are missing",
        count()
    );
    assert!(exact <= 1.02 && rough <= 1.03 && some <= 1.10, "{exact} {rough} {some}");
}

#[test]
fn no_build_waits_for_its_layers_longer_than_they_save_and_that_makes_a_run_no_longer() {
    let (mut ratios, mut waits) = (Vec::new(), 0);
    for seed in 0..count() {
        let mut numbers = Numbers::new(seed + 1);
        let case = Case::random(&mut numbers);
        let known: Times = case
            .times
            .iter()
            .map(|(name, time)| (name.clone(), time.mul_f64(0.7 + 0.6 * numbers.next())))
            .collect();
        let builder = |numbers: &mut Numbers| vec![numbers.below(case.slots.len())];
        let warm = case.needs.keys().map(|name| (name.clone(), builder(&mut numbers))).collect();

        let trace = case.run(&known, &warm);

        for (name, waited) in &trace.waited {
            assert!(*waited <= saving(known[name]), "{name} of graph {seed}: {waited:?}");
        }
        waits += trace.waited.len();
        ratios.push(trace.end.as_secs_f64() / case.run(&known, &BTreeMap::new()).end.as_secs_f64());
    }

    let ratio = p95(ratios);

    println!("{waits} builds waited; {ratio:.4} of the time without any layers, in 95 of 100 graphs");
    assert!(waits > 0 && ratio <= 1.0, "{waits} {ratio}");
}

/// A builder whose builds take as long as they are told to.
struct Sleeper(Times);

#[async_trait]
impl Builder for Sleeper {
    async fn publish(
        &self,
        request: &BuildRequest,
        _: &Publication<'_>,
        _: &(dyn Fn(PublishEvent) + Send + Sync),
    ) -> Result<Published, ExecuteError> {
        let project: ProjectName = request.labels["project"].parse().unwrap();
        tokio::time::sleep(self.0[&project]).await;
        Ok(Published { digest: ManifestDigest::of(&request.dockerfile), steps: Vec::new() })
    }
}

/// How long the executor takes for builds of random lengths on builders that share them, over what list scheduling would take.
fn time_of_executor(case: &Case) -> f64 {
    let platform: Platform = "linux/amd64".parse().unwrap();
    let member = |(number, slots): (usize, &usize)| PoolMember {
        name: format!("builder-{number}"),
        builder: Box::new(Sleeper(case.times.clone())),
        native: vec![platform.clone()],
        emulated: Vec::new(),
        slots: NonZeroUsize::new(*slots).unwrap(),
    };
    let members = case.slots.iter().enumerate().map(member).collect();
    let pool = Arc::new(BuilderPool::new(members, Vec::new(), None));
    let none = BTreeSet::new;
    let of_order = order::Case {
        needs: case.needs.clone(),
        reused: none(),
        failing: none(),
        turns: vec![0; case.needs.len()],
    };
    let recorder = Arc::new(order::Recorder { case: of_order.clone(), events: Mutex::default() });
    let job = |project: &ProjectName| -> Job {
        let mut job = of_order.job(project, &recorder);
        let Work::Build(task) = &mut job.work else { panic!("{project} is reused") };
        task.backend = Backend::Builders(pool.clone());
        job
    };
    let jobs: Vec<Job> = case.graph.order().map(job).collect();
    let mut durations = Durations::default();
    durations.complete(&case.times);
    let executor = Executor {
        graph: &case.graph,
        registry: &*recorder,
        parallelism: pool.limit(),
        fail_fast: false,
        durations: &durations,
        last_builders: &BTreeMap::new(),
        attestor: None,
        shard: None,
        on_event: &|_| {},
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let report = runtime.block_on(executor.execute(&jobs, std::future::pending()));
    assert!(report.is_complete(), "{report:?}");
    report.took.as_secs_f64() / case.list_schedule().as_secs_f64()
}

#[test]
fn the_executor_takes_hardly_longer_than_its_schedule() {
    // Timers count milliseconds, which is much of a short build.
    let (graphs, faster) = if is_soak() { (20, 100) } else { (3, 500) };
    let ratios = (0..graphs).map(|seed| {
        let mut numbers = Numbers::new(seed + 1);
        let mut case = Case::of(60 + numbers.below(60), &mut numbers);
        for time in case.times.values_mut() {
            *time /= faster;
        }
        time_of_executor(&case)
    });
    let mut ratios: Vec<f64> = ratios.collect();
    ratios.sort_by(f64::total_cmp);

    let (median, worst) = (ratios[ratios.len() / 2], ratios[ratios.len() - 1]);

    println!(
        "{graphs} graphs, the time of the executor over that of list scheduling: {median:.3} in the median, {worst:.3} at worst"
    );
    // A machine that does something else meanwhile makes it longer. One slot that nobody uses would make it twice as long.
    assert!(median <= 1.5, "{median}");
}
