//! Local builds.

use super::super::job::PullSource;
use super::*;

/// What the registry was asked to change.
fn writes(recorder: &Recorder) -> Vec<String> {
    let is_write = |asked: &String| !asked.starts_with("build ") && !asked.starts_with("pull ");
    recorder.asked().into_iter().filter(is_write).collect()
}

fn local(world: &mut World, run: &LocalRun, pulled: &[&str]) {
    for job in &mut world.jobs {
        job.work = match &job.work {
            Work::Build(task) if pulled.contains(&job.project.as_str()) => {
                let repository = &job.project;
                let image =
                    format!("r.example/{repository}@{}", ManifestDigest::of(b"cached")).parse().unwrap();
                let name = ImageRef::local(&task.repository);
                let source = PullSource::Registry { image };
                job.needs = Vec::new();
                Work::Pull(Box::new(Pull {
                    engine: task.backend.engine().unwrap().clone(),
                    source,
                    platform: None,
                    name,
                }))
            }
            Work::Build(task) => {
                let destination = Destination::Local(run.clone());
                Work::Build(Box::new(Task { destination, taints: Vec::new(), ..(**task).clone() }))
            }
            other => other.clone(),
        };
    }
}

#[tokio::test]
async fn a_local_build_gives_each_image_one_name_and_writes_nothing_else() {
    let mut world = World::new(&[("base", &[]), ("lib", &["base"]), ("api", &["lib"])], &[]);
    let run = LocalRun::new();
    local(&mut world, &run, &["base"]);

    let report = world.run(1).await;

    let pulled = format!("r.example/base@{}", ManifestDigest::of(b"cached"));
    let parent = |project: &str| run.parent(&format!("{project}:local").parse().unwrap());
    assert_eq!(
        world.recorder.asked(),
        [
            format!("pull {pulled}"),
            format!("build lib: FROM {}", parent("base")),
            format!("build api: FROM {}", parent("lib")),
        ]
    );
    assert_eq!(writes(&world.recorder), [""; 0]);
    assert_eq!(*world.recorder.named.lock().unwrap(), ["base:local", "lib:local", "api:local"]);
    let images = report.projects.values().map(|project| project.image().unwrap().to_string());
    assert_eq!(images.collect::<Vec<_>>(), ["api:local", "base:local", "lib:local"]);
    assert_eq!(outcomes(&report), [("api", "built"), ("base", "pulled"), ("lib", "built")]);
}

#[tokio::test]
async fn what_a_local_build_is_built_from_is_named_for_this_run_alone() {
    let mut worlds = [(); 2].map(|()| World::new(&[("lib", &[]), ("api", &["lib"]), ("web", &["lib"])], &[]));
    for world in &mut worlds {
        local(world, &LocalRun::new(), &[]);
        world.run(2).await;
    }

    let names = worlds.each_ref().map(|world| {
        let every_name = world.recorder.every_name.lock().unwrap();
        every_name
            .iter()
            .filter(|name| name.starts_with("context.invalid/"))
            .cloned()
            .collect::<BTreeSet<_>>()
    });

    assert_eq!(names.each_ref().map(BTreeSet::len), [1, 1], "{names:?}");
    assert_ne!(names[0], names[1]);
}

#[tokio::test]
async fn no_name_of_a_local_run_outlives_it_even_if_it_fails_or_is_interrupted() {
    for (failing, hanging) in [(vec!["api"], vec![]), (vec![], vec!["api"])] {
        let recorder = Recorder { failing, hanging, ..Recorder::default() };
        let mut world = World::with(recorder, &[("lib", &[]), ("api", &["lib"])], &[]);
        local(&mut world, &LocalRun::new(), &[]);

        let is_given =
            || world.recorder.every_name.lock().unwrap().iter().any(|name| name.contains("parent-"));
        let interrupted = async {
            while world.recorder.hanging.is_empty() || !is_given() {
                tokio::task::yield_now().await;
            }
        };
        world.run_until(1, false, interrupted).await;

        assert!(is_given());
        assert_eq!(*world.recorder.named.lock().unwrap(), ["lib:local"]);
    }
}

#[tokio::test]
async fn an_image_that_cannot_be_pulled_blocks_what_is_built_from_it_and_no_other_image_of_the_cache() {
    let recorder = Recorder { failing: vec!["lib"], ..Recorder::default() };
    let projects: &[(&str, &[&str])] = &[("lib", &[]), ("api", &["lib"]), ("web", &["lib"])];
    let mut world = World::with(recorder, projects, &[]);
    local(&mut world, &LocalRun::new(), &["lib", "web"]);

    let report = world.run(1).await;

    assert_eq!(outcomes(&report), [("api", "blocked"), ("lib", "failed"), ("web", "pulled")]);
    let Outcome::Failed(failure) = &report.projects[&name("lib")].outcome else { panic!("{report:?}") };
    assert!(failure.causes[0].starts_with("cannot pull `r.example/lib@sha256:"), "{failure:?}");
    assert_eq!(failure.hint.as_deref(), Some("`--force` builds it instead"));
}
