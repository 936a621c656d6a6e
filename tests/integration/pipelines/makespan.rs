//! How long a generated pipeline takes with 16 runners, against the least that is possible.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use chinampa::internals::pipeline::Reference;

use super::formats::{CIS, Monorepo};
use super::read::{self, ReadJob};
use crate::support::is_soak;
use crate::support::numbers::Numbers;

const RUNNERS: usize = 16;

/// Runs of each pipeline, with other durations in each.
const RUNS: u64 = 20;

/// Which of the jobs that are ready a free runner takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// The first one in the file.
    File,
    /// The one that became ready first.
    Readiness,
}

#[test]
fn runners_that_take_jobs_in_their_order_are_nearly_as_fast_as_possible() {
    let folder = tempfile::tempdir().unwrap();
    for (ci, _) in CIS {
        let (mut ratios, mut of_readiness) = (Vec::new(), Vec::new());
        for (projects, seed) in [(30, 1), (30, 2), (100, 3), (300, 4), (300, 5), (1_000, 6)] {
            let monorepo = Monorepo::random(projects, seed);
            let (files, _) = monorepo.generate(ci, Reference::Branch);
            let paths = read::write(folder.path(), &format!("{ci}-{projects}-{seed}"), &files);
            let jobs = read::jobs(ci, &read::documents(&paths));
            ratios.extend((0..RUNS).map(|run| ratio(&jobs, &monorepo, run, Order::File)));
            if is_soak() {
                of_readiness.extend((0..RUNS).map(|run| ratio(&jobs, &monorepo, run, Order::Readiness)));
            }
        }
        let [median, p95, worst] = spread(ratios);
        println!(
            "{ci}: {median:.3} times the bound in the median, {p95:.3} in 95 of 100, {worst:.3} at worst"
        );
        // What a CI does that doesn't take jobs in their order. It is no promise of ours.
        if is_soak() {
            let [median, p95, worst] = spread(of_readiness);
            println!(
                "{ci}, first in, first out: {median:.3} times the bound in the median, {p95:.3} in 95 of 100, {worst:.3} at worst"
            );
        }
        let (of_median, of_p95) = if ci == "codebuild" { (1.10, 1.10) } else { (1.05, 1.10) };
        assert!(median <= of_median && p95 <= of_p95, "{ci}: {median} {p95}");
    }
}

/// The median, what 95 of 100 don't exceed, and the largest.
fn spread(mut ratios: Vec<f64>) -> [f64; 3] {
    ratios.sort_by(f64::total_cmp);
    [ratios.len() / 2, ratios.len() * 95 / 100, ratios.len() - 1].map(|at| ratios[at])
}

/// The time that the jobs take, divided by what no order could be faster than.
fn ratio(jobs: &[ReadJob], monorepo: &Monorepo, run: u64, order: Order) -> f64 {
    let mut numbers = Numbers::new(run + 1_000);
    let durations: BTreeMap<&str, f64> = monorepo
        .durations
        .iter()
        .map(|(name, duration)| (name.as_str(), duration.as_secs_f64() * (0.7 + 0.6 * numbers.next())))
        .collect();
    let mut longest: BTreeMap<&str, f64> = BTreeMap::new();
    // Names of earlier layers are less.
    for (project, needs) in &monorepo.needs {
        let before = needs.iter().map(|need| longest[need.as_str()]).fold(0.0, f64::max);
        longest.insert(project.as_str(), before + durations[project.as_str()]);
    }
    let path = longest.values().copied().fold(0.0, f64::max);
    #[expect(clippy::cast_precision_loss, reason = "there are few runners")]
    let bound = path.max(durations.values().sum::<f64>() / RUNNERS as f64);
    makespan(jobs, &durations, order) / bound
}

/// The end of the last build.
fn makespan(jobs: &[ReadJob], durations: &BTreeMap<&str, f64>, order: Order) -> f64 {
    let number: BTreeMap<&str, usize> =
        jobs.iter().enumerate().map(|(number, job)| (job.name.as_str(), number)).collect();
    let mut missing: Vec<usize> = jobs.iter().map(|job| job.needs.len()).collect();
    let mut dependents: Vec<Vec<usize>> = vec![Vec::new(); jobs.len()];
    for (at, job) in jobs.iter().enumerate() {
        for need in &job.needs {
            dependents[number[need.as_str()]].push(at);
        }
    }
    let mut became_ready = 0;
    // What is taken first, and the job.
    let mut rank = |at: usize| {
        became_ready += 1;
        let rank = if order == Order::File { at } else { became_ready };
        Reverse((rank, at))
    };
    let mut ready: BinaryHeap<Reverse<(usize, usize)>> =
        (0..jobs.len()).filter(|&at| missing[at] == 0).map(&mut rank).collect();
    let mut running: Vec<(f64, usize)> = Vec::new();
    let mut now = 0.0;
    loop {
        while running.len() < RUNNERS
            && let Some(Reverse((_, at))) = ready.pop()
        {
            // The jobs that build nothing take no time here.
            let takes = jobs[at].project.as_deref().map_or(0.0, |project| durations[project]);
            running.push((now + takes, at));
        }
        let Some(next) =
            (0..running.len()).min_by(|&one, &other| running[one].0.total_cmp(&running[other].0))
        else {
            return now;
        };
        let (end, at) = running.swap_remove(next);
        now = end;
        for &dependent in &dependents[at] {
            missing[dependent] -= 1;
            if missing[dependent] == 0 {
                ready.push(rank(dependent));
            }
        }
    }
}
