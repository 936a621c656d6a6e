//! Buildkite: a step that uploads others.
//!
//! <https://buildkite.com/docs/pipelines/configure/defining-steps>

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::keys::{self, Keys};
use super::schedule::Run;
use super::{Condition, Finished, History, Job, Step, Steps, Work, yaml};

/// Jobs of an upload, and of a build.
const MAX_JOBS: [usize; 2] = [500, 4_000];

pub(super) fn run(run: &mut Run<'_>) -> Finished {
    let outbox = run.site.outbox();
    run.site.install("buildkite-agent", &agent(&outbox));
    let first = steps(&yaml::read(&run.site.file(run.commit(), ".buildkite/pipeline.yml")), Kind::Committed);

    let first = run.jobs(first);
    let mut uploaded = Vec::new();
    for file in uploads(&outbox) {
        let upload = steps(&serde_json::from_slice(&fs::read(&file).unwrap()).unwrap(), Kind::Uploaded);
        assert!(upload.len() <= MAX_JOBS[0], "{}", upload.len());
        uploaded.extend(upload);
    }
    assert!(uploaded.len() <= MAX_JOBS[1], "{}", uploaded.len());
    let uploaded = run.jobs(uploaded);
    first.and(uploaded)
}

/// The program of the agent: what a build keeps is in this folder, with a file for each upload.
///
/// The file `refused` has the number of an upload that fails once.
pub(crate) fn agent(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "case \"$*\" in\n\
         'pipeline upload --no-interpolation')\n\
           upload={folder}/upload-$(printf %03d $(( $(ls {folder} | grep -c ^upload) + 1 )))\n\
           if [ \"$(cat {folder}/refused 2>/dev/null)\" = \"${{upload##*-}}\" ]; then rm {folder}/refused; exit 1; fi\n\
           cat > \"$upload\" ;;\n\
         'meta-data get '*' --default ') cat \"{folder}/data-$3\" 2>/dev/null || true ;;\n\
         'meta-data set '*) printf %s \"$4\" > \"{folder}/data-$3\" ;;\n\
         'artifact upload '*) cp \"$3\" {folder} ;;\n\
         'artifact download --include-retried-jobs '*' .') cp \"{folder}/$4\" . ;;\n\
         *) echo \"unknown: $*\" >&2; exit 1 ;;\n\
         esac\n"
    )
}

/// The files with what was uploaded, in order.
pub(crate) fn uploads(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let is_upload = |file: &PathBuf| file.file_name().unwrap().to_str().unwrap().starts_with("upload-");
    let mut uploads: Vec<PathBuf> = files.filter(is_upload).collect();
    uploads.sort();
    uploads
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
