//! Generated pipelines as other programs read them.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::bed;

/// Reads YAML, of which JSON is a part, as `check-jsonschema` does; the order of jobs stands beside, as objects have none here.
const TO_JSON: &str = "import json, sys\n\
    from ruamel.yaml import YAML\n\
for path in sys.argv[1:]:\n    \
    document = YAML(typ='safe').load(open(path))\n    \
    print(json.dumps([document, list(document.get('jobs', document))]))\n";

/// Writes the files of a CI into a folder and returns their paths.
pub(super) fn write(folder: &Path, name: &str, files: &[String]) -> Vec<PathBuf> {
    let write = |(number, text): (usize, &String)| {
        let path = folder.join(format!("{name}-{number}.yml"));
        std::fs::write(&path, text).unwrap();
        path
    };
    files.iter().enumerate().map(write).collect()
}

/// A file, and the names of its jobs in their order.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) value: Value,
    order: Vec<String>,
}

/// The documents in these files.
pub(crate) fn documents(paths: &[PathBuf]) -> Vec<Document> {
    let output = Command::new(bed::setting("PYTHON")).args(["-c", TO_JSON]).args(paths).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let document = |line| {
        let (value, order) = serde_json::from_str(line).unwrap();
        Document { value, order }
    };
    text.lines().map(document).collect()
}

/// Checks files against a schema: one that `check-jsonschema` has (`vendor.…`), or one of ours, which lies beside this file.
pub(super) fn check(schema: &str, paths: &[PathBuf]) {
    let file = format!("{}/tests/integration/pipelines/{schema}.schema.json", env!("CARGO_MANIFEST_DIR"));
    let is_vendored = schema.starts_with("vendor.");
    let schema = if is_vendored { ["--builtin-schema", schema] } else { ["--schemafile", &file] };
    let mut command = Command::new(bed::setting("PYTHON"));
    let command =
        command.args(["-m", "check_jsonschema", "--regex-variant", "python"]).args(schema).args(paths);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// A job as its CI understands it: what it waits for by name, and what runs in it.
#[derive(Clone, Debug)]
pub(super) struct ReadJob {
    pub(super) name: String,
    pub(super) needs: Vec<String>,
    /// The project that it builds.
    pub(super) project: Option<String>,
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// The jobs of a pipeline, in the order in which runners take them.
pub(super) fn jobs(ci: &str, documents: &[Document]) -> Vec<ReadJob> {
    let Document { value: first, order } = &documents[0];
    let entries = |value: &Value| value.as_object().unwrap().clone();
    match ci {
        "circleci" => {
            let jobs = first["workflows"]["images"]["jobs"].as_array().unwrap().iter();
            jobs.map(|job| {
                let (kind, job) = entries(job).into_iter().next().unwrap();
                let name = job["name"].as_str().unwrap_or(&kind).to_owned();
                let project = job["project"].as_str().map(str::to_owned);
                ReadJob { name, needs: texts(&job["requires"]), project }
            })
            .collect()
        }
        "github" => {
            let jobs = order.iter().map(|name| (name, &first["jobs"][name]));
            jobs.map(|(name, job)| ReadJob {
                name: name.clone(),
                needs: texts(&job["needs"]),
                project: job["env"]["CHINAMPA_PROJECT"].as_str().map(str::to_owned),
            })
            .collect()
        }
        "gitlab" => gitlab(&documents[0]),
        "buildkite" => {
            let steps = documents.iter().flat_map(|upload| upload.value["steps"].as_array().unwrap());
            let mut jobs: Vec<(i64, ReadJob)> = steps
                .map(|step| {
                    let command = step["command"].as_str().unwrap_or_default();
                    let project = command.lines().last().and_then(built);
                    let job = ReadJob {
                        name: step["key"].as_str().unwrap().to_owned(),
                        needs: texts(&step["depends_on"]),
                        project: project.map(str::to_owned),
                    };
                    (-step["priority"].as_i64().unwrap_or_default(), job)
                })
                .collect();
            jobs.sort_by_key(|(priority, _)| *priority);
            jobs.into_iter().map(|(_, job)| job).collect()
        }
        _ => {
            let builds = first["batch"]["build-graph"].as_array().unwrap().iter();
            builds
                .map(|build| {
                    let arguments = build["env"]["variables"]["CHINAMPA_ARGUMENTS"].as_str().unwrap();
                    ReadJob {
                        name: build["identifier"].as_str().unwrap().to_owned(),
                        needs: texts(&build["depend-on"]),
                        project: built(&format!("chinampa {arguments}")).map(str::to_owned),
                    }
                })
                .collect()
        }
    }
}

/// The project that a command builds.
fn built(command: &str) -> Option<&str> {
    command.strip_prefix("chinampa build ")?.split(' ').next().filter(|word| !word.starts_with('-'))
}

/// A job without `needs` waits for all jobs of earlier stages.
fn gitlab(document: &Document) -> Vec<ReadJob> {
    let Document { value: document, order } = document;
    let stages = texts(&document["stages"]);
    let jobs: Vec<(&String, &Value)> = order
        .iter()
        .map(|name| (name, &document[name]))
        .filter(|(_, job)| job["stage"].is_string())
        .collect();
    let stage =
        |job: &Value| stages.iter().position(|stage| *stage == job["stage"].as_str().unwrap()).unwrap();
    let needs = |job: &Value| match job.get("needs") {
        Some(needs) => texts(needs),
        None => jobs
            .iter()
            .filter(|(_, other)| stage(other) < stage(job))
            .map(|(name, _)| (*name).clone())
            .collect(),
    };
    let read = |(name, job): &(&String, &Value)| ReadJob {
        name: (*name).clone(),
        needs: needs(job),
        project: built(job["script"][0].as_str().unwrap()).map(str::to_owned),
    };
    jobs.iter().map(read).collect()
}
