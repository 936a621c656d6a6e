//! Equal jobs of one run that share a build: on clones of their own, with the bed's engine and registry.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::end_to_end::support::{names, project, with_outcome};
use crate::support::is_soak;
use crate::support::shop::{Cache, Shop};
use crate::support::world::{Answer, World};

const JOBS: [&str; 4] = ["build 1", "build 2", "build 3", "build 4"];

/// Each project but those of the first row is built from one of the row before.
const COLUMNS: usize = 5;

/// A monorepo of `count` projects, each an image of one file; `p0`, `p1`, …
fn monorepo(count: usize) -> (Shop, Vec<String>) {
    let names: Vec<String> = (0..count).map(|number| format!("p{number}")).collect();
    let dockerfiles = (0..count).map(|number| match number.checked_sub(COLUMNS) {
        None => "FROM scratch\nCOPY f /f\n".to_owned(),
        Some(need) => format!("FROM p{need}\nCOPY f /f{number}\n"),
    });
    let projects: Vec<(&'static str, &'static str, &'static str)> = names
        .iter()
        .zip(dockerfiles)
        .map(|(name, dockerfile)| (&*name.clone().leak(), &*dockerfile.leak(), ""))
        .collect();
    let shop = Shop::new().cache(Cache::oci());
    change(&shop, &names, 0);
    (shop.projects(&projects), names)
}

/// Gives each project another content.
fn change(shop: &Shop, names: &[String], round: usize) {
    for name in names {
        shop.world.write(&format!("{name}/f"), format!("{} {name} {round}", shop.prefix));
    }
}

/// A job of a run, started in a clone of its own.
struct Job {
    clone: World,
    process: Child,
}

fn start(shop: &Shop, run: &str, job: &str, arguments: &[&str]) -> Job {
    let mut clone = World::clone_of(shop.world.path());
    clone.set_all_of(&shop.world);
    clone.set("CHINAMPA_RUN", run).set("CHINAMPA_JOB", job).set("CHINAMPA_CLAIM_LEASE", "20s");
    let mut command = clone.command(["build", "--shard", "--json", "--progress", "plain"]);
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    let process = command.spawn().unwrap();
    Job { clone, process }
}

impl Job {
    fn end(self) -> Answer {
        let Self { clone, process } = self;
        let answer = process.wait_with_output().unwrap().into();
        drop(clone);
        answer
    }

    /// Kills the job when it says for the `number`th time that it builds something, or lets it end.
    fn kill_at_build(mut self, number: usize) {
        let lines = BufReader::new(self.process.stderr.take().unwrap()).lines();
        let mut builds = lines.map(Result::unwrap).filter(|line| line.ends_with(": building"));
        if builds.nth(number - 1).is_some() {
            self.process.kill().unwrap();
        }
        self.process.wait().unwrap();
    }
}

/// The claims, and the notes about ends, that the registry has.
fn claims(shop: &Shop) -> Vec<String> {
    shop.tags("shop-claims").into_iter().filter(|tag| shop.has("shop-claims", tag)).collect()
}

/// The whole run of four jobs, which must succeed.
fn run_all(shop: &Shop, run: &str) -> Vec<Value> {
    let jobs: Vec<Job> = JOBS.iter().map(|job| start(shop, run, job, &[])).collect();
    jobs.into_iter()
        .map(|job| {
            let answer = job.end();
            assert_eq!(answer.exit, 0, "{answer}");
            answer.json()
        })
        .collect()
}

/// How often each repository was pushed an image of a build since the last call.
fn pushes(shop: &mut Shop) -> BTreeMap<String, usize> {
    let of_images = format!("/v2/{}", shop.prefix);
    let mut pushes = BTreeMap::new();
    for request in shop.asked() {
        if let Some((repository, tag)) = request
            .strip_prefix("PUT ")
            .and_then(|path| path.strip_prefix(&of_images))
            .and_then(|path| path.split_once("/manifests/"))
            && tag.starts_with("pushed-")
        {
            *pushes.entry(repository.to_owned()).or_default() += 1;
        }
    }
    pushes
}

#[test]
fn each_project_is_built_by_one_of_four_jobs() {
    let (runs, projects) = if is_soak() { (20, 30) } else { (1, 12) };
    let (mut shop, names) = monorepo(projects);
    for run in 0..runs {
        change(&shop, &names, run);
        shop.world.commit();
        shop.asked();

        let reports = run_all(&shop, &format!("run-{run}"));

        let once: BTreeMap<String, usize> = names.iter().map(|name| (name.clone(), 1)).collect();
        assert_eq!(pushes(&mut shop), once, "run {run}");
        for name in &names {
            let outcomes = reports.iter().map(|report| project(report, name)["outcome"].as_str().unwrap());
            let outcomes: Vec<&str> = outcomes.collect();
            let built = outcomes.iter().filter(|outcome| **outcome == "built").count();
            assert_eq!(built, 1, "run {run}, {name}: {outcomes:?}");
            // A job that starts late finds images that are there.
            assert!(
                outcomes.iter().all(|outcome| ["built", "built_elsewhere", "reused"].contains(outcome)),
                "run {run}, {name}: {outcomes:?}"
            );
        }
        let builders: BTreeSet<&str> = reports
            .iter()
            .flat_map(|report| report["projects"].as_array().unwrap())
            .filter_map(|project| project["built_by"].as_str())
            .collect();
        assert!(builders.len() > 1 && builders.iter().all(|by| JOBS.contains(by)), "{builders:?}");
        assert!(reports.iter().all(|report| report["record"].is_string()), "each job knows the record");
        let left = claims(&shop);
        assert!(left.is_empty(), "run {run}: claims are left: {left:?}");
    }
    let record = shop.world.run(["last_successful_commit"]);
    assert_eq!(record.stdout.trim(), shop.world.git(["rev-parse", "HEAD"]), "{record}");
}

#[test]
fn what_a_killed_job_was_building_is_built_by_another() {
    let (runs, projects) = if is_soak() { (10, 30) } else { (1, 8) };
    let (mut shop, names) = monorepo(projects);
    for run in 0..runs {
        change(&shop, &names, run);
        shop.world.commit();
        shop.asked();

        let run_id = format!("run-{run}");
        let victim = start(&shop, &run_id, JOBS[0], &["--jobs", "1"]);
        let others: Vec<Job> =
            JOBS[1..].iter().map(|job| start(&shop, &run_id, job, &["--jobs", "1"])).collect();
        victim.kill_at_build(1 + run % 4);
        for job in others {
            let answer = job.end();
            assert_eq!(answer.exit, 0, "run {run}: {answer}");
        }

        let pushes = pushes(&mut shop);
        assert_eq!(pushes.keys().collect::<Vec<_>>(), sorted(&names), "run {run}");
        let twice: Vec<&String> =
            pushes.iter().filter(|(_, count)| **count > 1).map(|(name, _)| name).collect();
        assert!(twice.len() <= 1 && pushes.values().all(|count| *count <= 2), "run {run}: {pushes:?}");
        println!("run {run}: built twice: {twice:?}");
    }
}

fn sorted(names: &[String]) -> Vec<&String> {
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort();
    sorted
}

#[test]
fn one_job_alone_builds_everything() {
    let (shop, projects) = monorepo(7);

    let answer = start(&shop, "alone", "build 1", &[]).end();

    assert_eq!(answer.exit, 0, "{answer}");
    let report = answer.json();
    assert_eq!(with_outcome(&report, "built"), projects.into_iter().collect());
    assert!(report["record"].is_string(), "{answer}");
    assert!(claims(&shop).is_empty(), "{:?}", claims(&shop));
}

#[test]
fn a_project_that_fails_is_tried_by_one_job_and_blocks_its_dependents_in_all() {
    let shop = Shop::new().cache(Cache::oci());
    for name in ["lib", "api", "web"] {
        shop.world.write(&format!("{name}/f"), format!("{}{name}", shop.prefix));
    }
    let shop = shop.projects(&[
        ("lib", "FROM chinampa/base:1\nCOPY f /f\nRUN echo this failed; exit 7\n", ""),
        ("api", "FROM lib\nCOPY f /f\n", ""),
        ("web", "FROM scratch\nCOPY f /f\n", ""),
    ]);

    let jobs: Vec<Job> = JOBS.iter().map(|job| start(&shop, "failing", job, &[])).collect();
    let answers: Vec<Answer> = jobs.into_iter().map(Job::end).collect();

    let mut tried = 0;
    for answer in &answers {
        assert_eq!(answer.exit, 4, "{answer}");
        let report = answer.json();
        assert_eq!(with_outcome(&report, "failed"), names(["lib"]), "{answer}");
        assert_eq!(with_outcome(&report, "blocked"), names(["api"]), "{answer}");
        assert_eq!(project(&report, "lib")["exit_code"], 7, "{answer}");
        let error = project(&report, "lib")["error"][0].as_str().unwrap();
        match error.strip_prefix("the build failed in another job of this run, `") {
            Some(job) => assert!(JOBS.iter().any(|name| job.strip_suffix('`') == Some(name)), "{answer}"),
            None => tried += 1,
        }
    }
    assert_eq!(tried, 1, "{answers:#?}");
    // What failed stays known to jobs that start late, and to no other run.
    let late = start(&shop, "failing", "build 5", &[]).end();
    assert!(late.exit == 4 && late.stdout.contains("failed in another job"), "{late}");
    let again = start(&shop, "failing-2", "build 1", &[]).end();
    assert!(again.exit == 4 && !again.stdout.contains("failed in another job"), "{again}");
}

#[test]
fn a_job_that_is_interrupted_leaves_its_projects_to_others() {
    let shop = Shop::new().cache(Cache::oci());
    shop.world.write("lib/f", shop.prefix.clone());
    let shop = shop.projects(&[("lib", "FROM chinampa/base:1\nCOPY f /f\nRUN sleep 5\n", "")]);
    let mut first = start(&shop, "interrupted", "build 1", &[]);
    let mut lines = BufReader::new(first.process.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.ends_with(": building")));

    let id = first.process.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let first = first.end();

    assert_eq!(first.exit, 130, "{first}");
    assert!(claims(&shop).is_empty(), "{:?}", claims(&shop));
    let second = start(&shop, "interrupted", "build 2", &[]).end();
    assert_eq!(with_outcome(&second.json(), "built"), names(["lib"]), "{second}");
}

#[test]
fn what_failed_in_a_pipeline_of_gitlab_is_retried_with_its_jobs() {
    let mut shop = Shop::new().cache(Cache::oci());
    shop.world.write("lib/f", shop.prefix.clone());
    shop = shop.projects(&[("lib", "FROM chinampa/base:1\nCOPY f /f\nRUN echo this failed; exit 7\n", "")]);
    let head = shop.world.git(["rev-parse", "HEAD"]);
    for (name, value) in
        [("CI", "true"), ("GITLAB_CI", "true"), ("CI_PIPELINE_ID", "7"), ("CI_COMMIT_SHA", &head)]
    {
        shop.world.set(name, value);
    }
    shop.world.set("CI_COMMIT_BRANCH", "main");
    let job = |name: &str| -> Answer {
        let mut command = shop.world.command(["build", "--shard", "--json"]);
        command.env("CI_JOB_NAME", name).output().unwrap().into()
    };

    let (first, second) = (job("images 1/2"), job("images 2/2"));
    let (first_again, second_again) = (job("images 1/2"), job("images 2/2"));

    let is_told = |answer: &Answer| answer.stdout.contains("the build failed in another job of this run");
    assert!([&first, &second, &first_again, &second_again].iter().all(|answer| answer.exit == 4), "{first}");
    assert_eq!([is_told(&first), is_told(&second)], [false, true], "{first}{second}");
    assert_eq!([is_told(&first_again), is_told(&second_again)], [false, true], "{first_again}{second_again}");
}
