//! Runs jobs when what they wait for has ended: in random order, several at once, and with trouble on demand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::attempt::Attempt;
use super::engines::Engines;
use super::expression::{self, Scope, Status};
use super::machine::Cancellation;
use super::{Circumstances, Condition, Event, Finished, Job, Outcome, Site, Steps, System, Work};

/// A run of a CI: the jobs of a file, and those of the pipelines that they start.
pub(super) struct Run<'r> {
    pub(super) system: System,
    pub(super) site: &'r Site,
    pub(super) event: &'r Event,
    circumstances: Circumstances,
    engines: Engines,
    cancellation: Cancellation,
    /// How many machines there were so far.
    machines: usize,
}

/// What happens next to a job that waits.
enum Next {
    Wait,
    Start,
    /// It ends without being started.
    End(Outcome),
}

impl<'r> Run<'r> {
    pub(super) fn new(
        system: System,
        site: &'r Site,
        event: &'r Event,
        circumstances: Circumstances,
    ) -> Self {
        let (engines, cancellation) = (Engines::default(), Cancellation::default());
        Self { system, site, event, circumstances, engines, cancellation, machines: 0 }
    }

    /// The commit that machines check out.
    pub(super) fn commit(&self) -> &'r str {
        self.event.commit(self.system)
    }

    /// Runs these jobs to their end.
    pub(super) fn jobs(&mut self, jobs: Vec<Job>) -> Finished {
        let known: BTreeSet<&str> = jobs.iter().map(|job| job.name.as_str()).collect();
        assert_eq!(known.len(), jobs.len(), "names of jobs are unique: {known:?}");
        for job in &jobs {
            let unknown = job.needs.iter().find(|need| !known.contains(need.as_str()));
            assert!(unknown.is_none(), "`{}` waits for `{}`, which is no job", job.name, unknown.unwrap());
        }
        let needs: BTreeMap<String, Vec<String>> =
            jobs.iter().map(|job| (job.name.clone(), job.needs.clone())).collect();
        let mut waiting = jobs;
        let mut of_matrix: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut finished = Finished::default();
        let mut running: BTreeMap<String, Option<String>> = BTreeMap::new();
        let cancellation = std::mem::take(&mut self.cancellation);
        thread::scope(|scope| {
            let (sender, receiver) = mpsc::channel();
            loop {
                self.settle(&mut waiting, &mut of_matrix, &mut finished, &needs, &cancellation);
                let mut ready: Vec<usize> = (0..waiting.len())
                    .filter(|&at| {
                        matches!(self.next(&waiting[at], &finished, &needs, &cancellation), Next::Start)
                    })
                    .filter(|&at| {
                        waiting[at].group.is_none()
                            || running.values().all(|group| *group != waiting[at].group)
                    })
                    .collect();
                if running.len() < self.circumstances.at_once && !ready.is_empty() {
                    let chosen = ready.swap_remove(self.circumstances.numbers.below(ready.len()));
                    let job = waiting.remove(chosen);
                    running.insert(job.name.clone(), job.group.clone());
                    let attempt = self.attempt(&job, &finished, needs.get(&job.name).unwrap_or(&job.needs));
                    let (sender, cancellation) = (sender.clone(), &cancellation);
                    let (system, site, event) = (self.system, self.site, self.event);
                    scope.spawn(move || {
                        let ended = attempt.run(&job, (system, site, event), cancellation);
                        sender.send((job.name, ended)).unwrap();
                    });
                    continue;
                }
                if running.is_empty() {
                    break;
                }
                let (name, ended) = receiver.recv().unwrap();
                running.remove(&name);
                finished.outcomes.insert(name.clone(), ended.outcome);
                finished.logs.insert(name.clone(), ended.log);
                finished.artifacts.extend(ended.artifacts);
                finished.outputs.insert(name, ended.outputs);
            }
        });
        self.cancellation = cancellation;
        let left: Vec<&String> = waiting.iter().map(|job| &job.name).collect();
        assert!(left.is_empty(), "these wait for each other: {left:?}");
        finished
    }

    /// Ends the jobs that are not to be started, and expands matrices whose turn it is.
    fn settle(
        &self,
        waiting: &mut Vec<Job>,
        of_matrix: &mut BTreeMap<String, Vec<String>>,
        finished: &mut Finished,
        needs: &BTreeMap<String, Vec<String>>,
        cancellation: &Cancellation,
    ) {
        loop {
            let before = (waiting.len(), of_matrix.len());
            for job in std::mem::take(waiting) {
                match self.next(&job, finished, needs, cancellation) {
                    Next::End(outcome) => {
                        finished.outcomes.insert(job.name, outcome);
                    }
                    Next::Start if job.is_matrix() => {
                        let jobs = self.expanded(&job, finished);
                        of_matrix.insert(job.name, jobs.iter().map(|job| job.name.clone()).collect());
                        waiting.extend(jobs);
                    }
                    Next::Start | Next::Wait => waiting.push(job),
                }
            }
            of_matrix.retain(|name, jobs| {
                let outcomes: Option<Vec<Outcome>> =
                    jobs.iter().map(|job| finished.outcomes.get(job).copied()).collect();
                let Some(outcomes) = outcomes else { return true };
                let bad = outcomes.into_iter().find(|outcome| *outcome != Outcome::Succeeded);
                finished.outcomes.insert(name.clone(), bad.unwrap_or(Outcome::Succeeded));
                false
            });
            if before == (waiting.len(), of_matrix.len()) {
                return;
            }
        }
    }

    fn next(
        &self,
        job: &Job,
        finished: &Finished,
        needs: &BTreeMap<String, Vec<String>>,
        cancellation: &Cancellation,
    ) -> Next {
        let outcomes: Option<Vec<Outcome>> =
            job.needs.iter().map(|need| finished.outcomes.get(need).copied()).collect();
        let cancelled = cancellation.is_requested();
        let has_succeeded = |outcome: &Outcome| *outcome == Outcome::Succeeded;
        match (&job.condition, outcomes) {
            (Condition::NeedsSucceeded, _) if cancelled => Next::End(Outcome::Cancelled),
            (_, None) => Next::Wait,
            (Condition::NeedsSucceeded, Some(outcomes)) => {
                if outcomes.iter().all(has_succeeded) {
                    Next::Start
                } else {
                    Next::End(Outcome::NotStarted)
                }
            }
            (Condition::Expression(expression), Some(_)) => {
                // These ask for all jobs before this one, not only for those that it names.
                let before = ancestors(&job.needs, needs);
                let outcomes = before.iter().map(|name| finished.outcomes[*name]);
                let status = Status {
                    cancelled,
                    failed: outcomes.clone().any(|outcome| outcome == Outcome::Failed),
                    succeeded: !cancelled && outcomes.clone().all(|outcome| has_succeeded(&outcome)),
                };
                let values = self.values(job, finished);
                let holds = expression::holds(expression, Scope { values: &values, status });
                match holds {
                    true => Next::Start,
                    false if cancelled => Next::End(Outcome::Cancelled),
                    false => Next::End(Outcome::Skipped),
                }
            }
        }
    }

    /// The contexts of GitHub's expressions.
    fn values(&self, job: &Job, finished: &Finished) -> Value {
        let mut values = json!({ "github": self.event.github(), "needs": {}, "matrix": {}, "vars": {} });
        let secrets = self.site.secrets(self.event).into_iter().map(|(name, value)| (name, value.into()));
        values["secrets"] = Value::Object(secrets.collect());
        for need in &job.needs {
            let result = match finished.outcomes[need] {
                Outcome::Succeeded => "success",
                Outcome::Failed => "failure",
                Outcome::Skipped | Outcome::NotStarted => "skipped",
                Outcome::Cancelled => "cancelled",
            };
            let outputs = finished.outputs.get(need).cloned().unwrap_or_default();
            values["needs"][need] = json!({ "result": result, "outputs": outputs });
        }
        if let Work::Steps(Steps { matrix: Some((variable, value)), .. }) = &job.work {
            values["matrix"][variable] = value.as_str().into();
        }
        values
    }

    /// The jobs of a matrix: each has its value where the matrix has its list.
    fn expanded(&self, job: &Job, finished: &Finished) -> Vec<Job> {
        let Work::Steps(Steps { matrix: Some((variable, list)), .. }) = &job.work else {
            panic!("`{}` has no matrix", job.name)
        };
        let scope = Scope { values: &self.values(job, finished), status: Status::default() };
        let values = expression::evaluate(list.trim_start_matches("${{").trim_end_matches("}}"), scope);
        let values = values.as_array().unwrap_or_else(|| panic!("no list of `{}`: {values}", job.name));
        assert!((1..=256).contains(&values.len()), "a matrix has 1 to 256 jobs: {values:?}");
        let expanded = |value: &Value| {
            let value = value.as_str().unwrap().to_owned();
            let mut expanded = job.clone();
            expanded.name = format!("{} ({value})", job.name);
            expanded.condition = Condition::Expression("!cancelled()".to_owned());
            if let Work::Steps(steps) = &mut expanded.work {
                steps.matrix = Some((variable.clone(), value));
            }
            expanded
        };
        values.iter().map(expanded).collect()
    }

    fn attempt(&mut self, job: &Job, finished: &Finished, needs: &[String]) -> Attempt {
        let trouble = self.circumstances.troubles.get(&job.name).copied();
        let Circumstances { numbers, engine, .. } = &mut self.circumstances;
        let mut machine = || {
            self.machines += 1;
            let engine = engine.unwrap_or_else(|| self.engines.choose(&job.name, needs, numbers));
            (engine, self.machines.is_multiple_of(2))
        };
        let machines = [machine(), machine()];
        let moment = Duration::from_millis(numbers.below(1_500).try_into().unwrap());
        Attempt { trouble, machines, moment, values: self.values(job, finished) }
    }
}

impl Job {
    /// Whether it stands for the jobs of a matrix that isn't expanded yet.
    fn is_matrix(&self) -> bool {
        let Work::Steps(Steps { matrix: Some((_, list)), .. }) = &self.work else { return false };
        list.starts_with("${{")
    }
}

/// The jobs that these wait for, and all before them.
fn ancestors<'n>(of: &'n [String], needs: &'n BTreeMap<String, Vec<String>>) -> BTreeSet<&'n str> {
    let mut found = BTreeSet::new();
    let mut left: Vec<&str> = of.iter().map(String::as_str).collect();
    while let Some(name) = left.pop() {
        if found.insert(name) {
            left.extend(needs[name].iter().map(String::as_str));
        }
    }
    found
}
