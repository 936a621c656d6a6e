//! A run in the Trace Event Format, which Perfetto and other viewers of traces read.
//!
//! Each slot is a thread, with a project as one complete event and its steps inside. Steps that ran at one time, as stages do,
//! get further threads below their slot, because the events of a thread must lie inside of each other.

use serde_json::{Value, json};

use crate::runs::{Project, ProjectStep, Run};

const PROCESS: usize = 1;
/// Numbers of threads that belong to one slot.
const THREADS_OF_SLOT: usize = 1_000;
const MICROSECONDS: f64 = 1_000_000.0;

/// The whole document.
pub fn trace(run: &Run) -> Value {
    let name =
        format!("{} run {}", run.workspace, run.number.map_or_else(String::new, |number| number.to_string()));
    let mut events = vec![metadata("process_name", 0, json!({ "name": name.trim_end() }))];
    let mut threads = std::collections::BTreeSet::new();
    for project in &run.projects {
        let (Some(start), Some(slot)) = (project.start, project.slot) else { continue };
        let thread = (slot + 1) * THREADS_OF_SLOT;
        threads.insert((slot, 0));
        events.push(complete(&project.name, "project", thread, (start, project.seconds), arguments(project)));
        for (step, lane) in project.steps.iter().zip(lanes(&project.steps)) {
            threads.insert((slot, lane));
            let seconds = step.seconds.min((start + project.seconds - step.start).max(0.0));
            let details = json!({ "cached": step.cached, "failed": step.failed, "project": project.name });
            events.push(complete(&step.name, "step", thread + lane, (step.start, seconds), details));
        }
    }
    for (slot, lane) in threads {
        let thread = (slot + 1) * THREADS_OF_SLOT + lane;
        let name = match lane {
            0 => format!("slot {}", slot + 1),
            lane => format!("slot {}, parallel steps {lane}", slot + 1),
        };
        events.push(metadata("thread_name", thread, json!({ "name": name })));
        events.push(metadata("thread_sort_index", thread, json!({ "sort_index": thread })));
    }
    json!({
        "displayTimeUnit": "ms",
        "traceEvents": events,
        "otherData": { "head": run.head, "started": run.started, "state": run.state.label() },
    })
}

/// For each step, the first lane in which no earlier step still runs.
fn lanes(steps: &[ProjectStep]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..steps.len()).collect();
    order.sort_by(|&one, &other| steps[one].start.total_cmp(&steps[other].start));
    let mut ends: Vec<f64> = Vec::new();
    let mut lanes = vec![0; steps.len()];
    for step in order {
        let ProjectStep { start, seconds, .. } = steps[step];
        let lane = ends.iter().position(|end| *end <= start).unwrap_or_else(|| {
            ends.push(0.0);
            ends.len() - 1
        });
        ends[lane] = start + seconds;
        lanes[step] = lane;
    }
    lanes
}

fn arguments(project: &Project) -> Value {
    json!({
        "outcome": project.outcome.label(),
        "needs": project.needs,
        "reasons": project.reasons,
        "digest": project.digest,
        "image": project.image,
        "error": project.failure.as_ref().map(|failure| &failure.causes),
    })
}

fn complete(
    name: &str,
    category: &str,
    thread: usize,
    (start, seconds): (f64, f64),
    arguments: Value,
) -> Value {
    json!({
        "name": name, "cat": category, "ph": "X", "pid": PROCESS, "tid": thread,
        "ts": (start * MICROSECONDS).round(), "dur": (seconds * MICROSECONDS).round(), "args": arguments,
    })
}

fn metadata(name: &str, thread: usize, arguments: Value) -> Value {
    json!({ "name": name, "ph": "M", "pid": PROCESS, "tid": thread, "args": arguments })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &str, start: f64, seconds: f64) -> Value {
        json!({ "name": name, "start": start, "seconds": seconds, "cached": false, "failed": false })
    }

    #[test]
    fn the_events_of_a_thread_lie_inside_of_each_other() {
        let steps = [step("a", 1.0, 2.0), step("b", 1.5, 2.0), step("c", 3.0, 9.0)];
        let run = super::super::tests::run_of(&[json!({
            "name": "api", "outcome": "built", "start": 1.0, "seconds": 4.0, "slot": 1, "steps": steps,
        })]);

        let trace = trace(&run);

        let events = trace["traceEvents"].as_array().unwrap();
        let complete = events.iter().filter(|event| event["ph"] == "X");
        let shown: Vec<String> = complete
            .map(|event| {
                format!(
                    "{} {} {} {}",
                    event["name"].as_str().unwrap(),
                    event["tid"],
                    event["ts"],
                    event["dur"]
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                "api 2000 1000000.0 4000000.0",
                "a 2000 1000000.0 2000000.0",
                "b 2001 1500000.0 2000000.0",
                "c 2000 3000000.0 2000000.0"
            ]
        );
        let names = events.iter().filter(|event| event["name"] == "thread_name");
        let names: Vec<&str> = names.map(|event| event["args"]["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["slot 2", "slot 2, parallel steps 1"]);
    }
}
