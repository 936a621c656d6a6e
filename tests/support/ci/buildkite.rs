//! Buildkite: a step that uploads others.
//!
//! <https://buildkite.com/docs/pipelines/configure/defining-steps>

use std::fs;

use serde_json::{Value, json};

use super::keys::{self, Keys};
use super::schedule::Run;
use super::{Condition, Finished, History, Job, Step, Steps, Work, yaml};

/// Jobs of an upload, and of a build.
const MAX_JOBS: [usize; 2] = [500, 4_000];

pub(super) fn run(run: &mut Run<'_>) -> Finished {
    let outbox = run.site.outbox();
    let agent = format!(
        "[ \"$*\" = 'pipeline upload --no-interpolation' ] || {{ echo \"unknown: $*\" >&2; exit 1; }}\n\
         upload=$(mktemp {}/upload-XXXXXX)\ncat > \"$upload\"\n",
        outbox.display()
    );
    run.site.install("buildkite-agent", &agent);
    let first = steps(&yaml::read(&run.site.file(run.commit(), ".buildkite/pipeline.yml")), Kind::Committed);

    let first = run.jobs(first);
    let mut uploaded = Vec::new();
    for file in fs::read_dir(&outbox).unwrap() {
        let file = file.unwrap().path();
        let upload = steps(&serde_json::from_slice(&fs::read(&file).unwrap()).unwrap(), Kind::Uploaded);
        assert!(upload.len() <= MAX_JOBS[0], "{}", upload.len());
        uploaded.extend(upload);
        fs::remove_file(file).unwrap();
    }
    assert!(uploaded.len() <= MAX_JOBS[1], "{}", uploaded.len());
    let uploaded = run.jobs(uploaded);
    first.and(uploaded)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Committed,
    Uploaded,
}

fn steps(document: &Value, kind: Kind) -> Vec<Job> {
    let mut pipeline = Keys::of("the pipeline", document);
    let steps = pipeline.required("steps").as_array().unwrap();
    pipeline.end();
    steps.iter().map(|it| step(it, kind)).collect()
}

fn step(value: &Value, kind: Kind) -> Job {
    let mut keys = Keys::of("a step", value);
    let label = keys.text("label");
    let name = keys.text("key").or(label).unwrap();
    let needs = match keys.take("depends_on") {
        Some(Value::Null) => Vec::new(),
        Some(needs) => keys::texts("`depends_on`", needs),
        // It would wait for what was uploaded before it.
        None => {
            assert_eq!(kind, Kind::Committed, "`{name}` doesn't say what it waits for");
            Vec::new()
        }
    };
    let work = match keys.text("block") {
        Some(_question) => Work::Approval,
        None => {
            let script = keys.required_text("command") + "\n";
            let run = Step::Run { id: None, condition: None, flags: &["-e"], script };
            let steps = vec![Step::Checkout(History::Any), run];
            Work::Steps(Steps { variables: keys.variables("env"), steps, ..Steps::default() })
        }
    };
    // Jobs are taken in any order here.
    let _priority = keys.take("priority");
    let group = keys.text("concurrency_group");
    assert_eq!(keys.take("concurrency").cloned(), group.as_ref().map(|_| json!(1)));
    keys.end();
    Job { name, needs, condition: Condition::NeedsSucceeded, group, work }
}
