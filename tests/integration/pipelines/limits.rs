//! Validity and limits, for repositories of all sizes.

use std::collections::{BTreeMap, BTreeSet};

use chinampa::internals::pipeline::Reference;

use super::formats::{CIS, Monorepo};
use super::read::{self, Document, ReadJob};

#[test]
fn every_pipeline_is_valid_and_within_the_limits_of_its_ci() {
    let folder = tempfile::tempdir().unwrap();
    for (ci, schema) in CIS {
        let mut all = Vec::new();
        // The others have the same pipeline for tags.
        let of_tags = (ci == "circleci").then_some((3_000, Reference::Tag));
        let of_branches = [1, 30, 300, 3_000].map(|projects| (projects, Reference::Branch));
        for (projects, reference) in of_branches.into_iter().chain(of_tags) {
            let monorepo = Monorepo::random(projects, 7);
            let (files, took) = monorepo.generate(ci, reference);
            let bytes: usize = files.iter().map(String::len).sum();
            println!(
                "{ci}: {projects} projects, {reference:?}: {} files, {bytes} bytes, {took:?}",
                files.len()
            );

            let paths = read::write(folder.path(), &format!("{ci}-{projects}-{reference:?}"), &files);
            let documents = read::documents(&paths);

            check_limits(ci, &files, &documents);
            check_jobs(&read::jobs(ci, &documents), &monorepo, ci);
            all.extend(paths);
        }
        read::check(schema, &all);
    }
}

/// Each job comes after what it waits for, and every project waits for all that it needs.
fn check_jobs(jobs: &[ReadJob], monorepo: &Monorepo, ci: &str) {
    let mut seen: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    let number: BTreeMap<&str, usize> =
        jobs.iter().enumerate().map(|(number, job)| (job.name.as_str(), number)).collect();
    assert_eq!(number.len(), jobs.len(), "{ci}: names are unique");
    if jobs.iter().any(|job| job.project.as_deref() == Some("${{ matrix.project }}")) {
        return;
    }
    let by_project: BTreeMap<&str, usize> =
        jobs.iter().enumerate().filter_map(|(number, job)| Some((job.project.as_deref()?, number))).collect();
    assert_eq!(by_project.len(), monorepo.needs.len(), "{ci}");
    for (place, job) in jobs.iter().enumerate() {
        let mut before = BTreeSet::new();
        for need in &job.needs {
            assert!(number[need.as_str()] < place, "{ci}: {job:?}");
            before.insert(number[need.as_str()]);
        }
        if let Some(project) = &job.project {
            let needs = &monorepo.needs[&project.parse().unwrap()];
            for need in needs {
                assert!(
                    before.contains(&by_project[need.as_str()]),
                    "{ci}: {project} does not wait for {need}"
                );
            }
        }
        seen.insert(&job.name, before);
    }
    let gate = number["gate"];
    let mut reached = BTreeSet::new();
    let mut waiting = vec![gate];
    while let Some(at) = waiting.pop() {
        if reached.insert(at) {
            waiting.extend(&seen[jobs[at].name.as_str()]);
        }
    }
    assert!(by_project.values().all(|job| reached.contains(job)), "{ci}: the gate waits for every build");
}

fn check_limits(ci: &str, files: &[String], documents: &[Document]) {
    let largest = files.iter().map(String::len).max().unwrap();
    assert!(files.iter().all(|file| file.is_ascii()));
    match ci {
        "github" => {
            assert!(largest <= 500_000, "{largest}");
        }
        "gitlab" => {
            assert!(largest <= 5_000_000, "{largest}");
            let jobs = documents[0].value.as_object().unwrap().values();
            let widest = jobs.filter_map(|job| Some(job.get("needs")?.as_array()?.len())).max();
            assert!(widest.unwrap_or_default() <= 50, "{widest:?}");
        }
        "buildkite" => {
            let jobs: Vec<usize> =
                documents.iter().map(|upload| upload.value["steps"].as_array().unwrap().len()).collect();
            assert!(jobs.iter().all(|jobs| *jobs <= 500) && jobs.iter().sum::<usize>() <= 4_000, "{jobs:?}");
        }
        "codebuild" => {
            let graph = documents[0].value["batch"]["build-graph"].as_array().unwrap();
            assert!(!graph.is_empty());
            for build in graph {
                let identifier = build["identifier"].as_str().unwrap();
                let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
                assert!(identifier.len() <= 127 && identifier.bytes().all(is_allowed), "{identifier}");
            }
            assert!(most_ready(&read::jobs(ci, documents)) <= 45);
        }
        _ => {}
    }
}

/// How many builds are ready at once at most, if none is ever started before all that can be ready are.
fn most_ready(jobs: &[ReadJob]) -> usize {
    let mut done: BTreeSet<&str> = BTreeSet::new();
    let mut most = 0;
    while done.len() < jobs.len() {
        let is_ready = |job: &&ReadJob| {
            !done.contains(job.name.as_str()) && job.needs.iter().all(|need| done.contains(need.as_str()))
        };
        let ready: Vec<&str> = jobs.iter().filter(is_ready).map(|job| job.name.as_str()).collect();
        most = most.max(ready.len());
        done.extend(ready);
    }
    most
}
