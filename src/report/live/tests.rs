use std::num::NonZeroUsize;

use insta::assert_snapshot;

use super::*;
use crate::execute::Durations;
use crate::graph::ProjectGraph;
use crate::model::{ImageRef, ManifestDigest};

fn name(text: &str) -> ProjectName {
    text.parse().unwrap()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

struct World {
    graph: ProjectGraph,
    durations: Durations,
    jobs: Vec<Job>,
    names: Vec<ProjectName>,
}

impl World {
    /// Projects without dependencies; those that begin with `old` are reused.
    fn new(names: &[&str]) -> Self {
        let needs = names.iter().map(|it| (name(it), Vec::<ProjectName>::new())).collect::<BTreeMap<_, _>>();
        let image: ImageRef = "shop/api:1".parse().unwrap();
        let reused = names.iter().filter(|name| name.starts_with("old"));
        let jobs = reused.map(|it| Job {
            project: name(it),
            needs: Vec::new(),
            work: execute::Work::Reuse { image: image.clone(), digest: ManifestDigest::of(b"") },
        });
        Self {
            graph: ProjectGraph::new(&needs).unwrap(),
            durations: Durations::default(),
            jobs: jobs.collect(),
            names: names.iter().map(|it| name(it)).collect(),
        }
    }

    fn timed(mut self, took: u64) -> Self {
        self.durations.complete(&self.names.iter().map(|it| (it.clone(), seconds(took))).collect());
        self
    }

    /// What is not reused waits to be built.
    fn live(&self) -> Live<'_> {
        let parallelism = NonZeroUsize::new(2).unwrap();
        let forecast = Forecast { graph: &self.graph, durations: &self.durations, parallelism };
        let mut live = Live::new(&self.jobs, forecast);
        let is_built = |name: &&ProjectName| !name.as_str().starts_with("old");
        live.waiting = self.names.iter().filter(is_built).cloned().collect();
        live.all = self.names.len();
        live.name_columns = 6;
        live
    }
}

fn started(live: &mut Live<'_>, project: &str, at: u64) {
    live.on_event(&Event::Started { project: name(project) }, seconds(at));
}

fn progress(live: &mut Live<'_>, project: &str, progress: Progress) {
    live.on_event(&Event::Progress { project: name(project), progress }, seconds(1));
}

fn log(live: &mut Live<'_>, project: &str, text: &str) {
    progress(live, project, Progress::Log { step: "[2/3] RUN make".to_owned(), text: text.to_owned() });
}

fn failed() -> Outcome {
    Outcome::Failed(crate::execute::Failure {
        causes: Vec::new(),
        step: None,
        message: None,
        at: None,
        exit_code: None,
        log_tail: Vec::new(),
        hint: None,
        kind: crate::model::ErrorKind::Failed,
        is_of_build: true,
    })
}

#[test]
fn a_frame_shows_what_is_done_what_runs_and_how_long_it_will_take() {
    let world = World::new(&["old", "lib", "api", "web", "worker"]).timed(60);
    let mut live = world.live();
    started(&mut live, "lib", 0);
    started(&mut live, "api", 0);
    live.on_event(
        &Event::Finished { project: name("lib"), outcome: failed(), took: seconds(30) },
        seconds(30),
    );
    started(&mut live, "web", 30);
    let step = "[build 3/5] RUN make --jobs 4 --directory services/api all install".to_owned();
    progress(
        &mut live,
        "api",
        Progress::StepDone { step: "[build 2/5] COPY a /".to_owned(), cached: true, took: seconds(0) },
    );
    progress(&mut live, "api", Progress::StepStarted { step });
    log(&mut live, "api", "compiling \u{1b}[32mmain.c\u{1b}[0m\nlinking 10 %\rlinking 20 %");

    assert_snapshot!(live.frame(seconds(41), 80, 24).unstyled(), @"
    [2/5] 2 running, 1 failed, 41 s, about 1 min left
      api        41 s  [build 3/5] RUN make --jobs 4 --directory services/api all i…
          linking 20 %
      web        11 s  starting
    ");
    assert_snapshot!(live.frame(seconds(41), 40, 24).unstyled(), @"
    [2/5] 2 running, 1 failed, 41 s, about …
      api        41 s  [build 3/5] RUN make…
          linking 20 %
      web        11 s  starting
    ");
    assert_snapshot!(live.frame(seconds(41), 200, 24).ansi().replace('\u{1b}', "^"), @"
    ^[1m[2/5]^[0m 2 running, ^[1m^[31m1 failed^[0m, 41 s, about 1 min left
      ^[1mapi   ^[0m^[2m     41 s^[0m  [build 3/5] RUN make --jobs 4 --directory services/api all install^[2m (1 step cached)^[0m
          ^[2mlinking 20 %^[0m
      ^[1mweb   ^[0m^[2m     11 s^[0m  starting
    ");
}

#[test]
fn an_estimate_is_left_out_where_a_project_was_never_timed() {
    let world = World::new(&["lib", "api"]);
    let mut live = world.live();
    started(&mut live, "lib", 0);

    assert_snapshot!(live.frame(seconds(3), 80, 24).unstyled(), @"
    [0/2] 1 running, 3 s
      lib         3 s  starting
    ");
}

#[test]
fn what_does_not_fit_the_terminal_is_counted() {
    let names: Vec<String> = (1..=9).map(|number| format!("p{number}")).collect();
    let world = World::new(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let mut live = world.live();
    for name in &names {
        started(&mut live, name, 0);
        log(&mut live, name, "output\n");
    }

    let counts =
        [24, 20, 19, 11, 10, 5, 3, 2, 1].map(|lines| live.frame(seconds(1), 80, lines).lines().len());

    // Twice nine lines and the header need twenty; nine and the header eleven.
    assert_eq!(counts, [19, 19, 10, 10, 9, 4, 2, 1, 1]);
    assert_snapshot!(live.frame(seconds(1), 80, 5).unstyled(), @"
    [0/9] 9 running, 1 s
      p1          1 s  starting
      p2          1 s  starting
      7 more are running
    ");
}

#[test]
fn no_line_is_wider_than_the_terminal_and_none_steers_it() {
    let world = World::new(&["api"]);
    let mut live = world.live();
    started(&mut live, "api", 0);
    progress(
        &mut live,
        "api",
        Progress::StepStarted { step: "[2/3] RUN echo 日本語日本語 \u{1b}[2J\t\tx".to_owned() },
    );
    log(&mut live, "api", "日本語日本語日本語\u{1b}]0;title\u{7}\u{202e}\n");

    for columns in 0..60 {
        let frame = live.frame(seconds(1), columns, 24);
        assert!(frame.lines().iter().all(|line| line.columns() <= columns), "{columns}: {frame:?}");
        assert!(frame.unstyled().chars().all(|it| it == '\n' || !it.is_control()), "{frame:?}");
    }
}

/// Ten times a second, a frame of fifty projects that write a line each. What is published is several times as fast as what is
/// tested, and stays far below three percent.
#[test]
fn fifty_running_projects_take_less_than_a_tenth_of_a_processor_unoptimized() {
    let names: Vec<String> = (1..=50).map(|number| format!("service-{number}")).collect();
    let world = World::new(&names.iter().map(String::as_str).collect::<Vec<_>>()).timed(600);
    let mut live = world.live();
    for name in &names {
        started(&mut live, name, 0);
        progress(&mut live, name, Progress::StepStarted { step: "[build 3/5] RUN make --jobs 4".to_owned() });
    }

    let before = processor_time();
    for frame in 0..50 {
        for name in &names {
            log(
                &mut live,
                name,
                "   Compiling \u{1b}[32mserde_derive\u{1b}[0m v1.0.219 (/src/services/api)\n",
            );
        }
        let text = live.frame(Duration::from_millis(frame * 100), 200, 120).ansi();
        assert!(text.lines().count() > 50);
    }
    let took = processor_time() - before;

    assert!(took < Duration::from_millis(50 * 10), "{took:?}");
}

/// How long this thread has run.
fn processor_time() -> Duration {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(statistics.split(' ').next().unwrap().parse().unwrap())
}
