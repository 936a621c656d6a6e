//! Laws of execution: whatever runs at once and whatever fails, the same is built, needs first.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use chinampa::internals::dockerfile::Dockerfile;
use chinampa::internals::engine::{
    BuildRequest, Built, Context, ContextReuse, Engine, EngineError, InlineCacheFault, Logins, Progress,
};
use chinampa::internals::execute::{
    Backend, BuildReport, Destination, Durations, Executor, Job, LayerCache, Outcome, Pins, Tags, Task,
    TaskVariant, Work,
};
use chinampa::internals::graph::ProjectGraph;
use chinampa::internals::model::{
    ImageRef, InputDigest, Login, ManifestDigest, Platform, ProjectName, RepoPath, RepositoryName, Tag,
};
use chinampa::internals::registry::{Registry, RegistryError, RepositoryChange, Storage};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::laws::graphs::{self, Needs};

type Names = BTreeSet<ProjectName>;

/// An engine and a registry that note what happens; the next thing happens when all others had a turn.
pub(super) struct Recorder {
    pub(super) case: Case,
    pub(super) events: Mutex<Vec<Event>>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Event {
    Started(ProjectName),
    /// The cache tag is written: dependents can use the image.
    Done(ProjectName),
    Failed(ProjectName),
}

#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) needs: Needs,
    pub(super) reused: Names,
    pub(super) failing: Names,
    /// How many turns the build of a project takes.
    pub(super) turns: Vec<usize>,
}

fn case() -> impl Strategy<Value = Case> {
    let sometimes = || vec(proptest::bool::weighted(0.15), 31);
    (graphs::needs(), sometimes(), sometimes(), vec(0_usize..5, 31)).prop_map(
        |(needs, reused, failing, turns)| {
            let reused = graphs::some(&needs, &reused);
            // What is reused is not built, so it can't fail.
            let failing = &graphs::some(&needs, &failing) - &reused;
            Case { needs, reused, failing, turns }
        },
    )
}

impl Case {
    pub(super) fn job(&self, project: &ProjectName, recorder: &Arc<Recorder>) -> Job {
        let digest = ManifestDigest::of(b"reused");
        let image = || format!("r.example/{project}@{digest}").parse().unwrap();
        let work = match self.reused.contains(project) {
            true => Work::Reuse { image: image(), digest },
            false => Work::Build(Box::new(self.task(project, recorder))),
        };
        Job { project: project.clone(), needs: self.needs[project].iter().cloned().collect(), work }
    }

    fn task(&self, project: &ProjectName, recorder: &Arc<Recorder>) -> Task {
        let parents = &self.needs[project];
        let from: String = parents.iter().map(|parent| format!("FROM {parent}\n")).collect();
        let text = format!("{from}FROM scratch\n");
        Task {
            backend: Backend::Engine(recorder.clone()),
            repository: project.as_str().parse().unwrap(),
            request: BuildRequest {
                context: Context::default(),
                reuse: ContextReuse::Run("test".to_owned()),
                dockerfile: Vec::new(),
                target: None,
                platform: None,
                build_args: BTreeMap::new(),
                proxies: BTreeMap::new(),
                labels: [("project".to_owned(), project.to_string())].into(),
                secrets: BTreeMap::new(),
                ssh: BTreeMap::new(),
                cache_from: Vec::new(),
                inline_cache: true,
                pull: false,
                no_cache: false,
                logins: Logins::none(),
            },
            has_written_inputs: true,
            dockerfile: RepoPath::new("Dockerfile").unwrap(),
            folders: BTreeMap::new(),
            variants: vec![TaskVariant {
                platform: None,
                dockerfile: Dockerfile::parse(text.as_bytes(), &BTreeMap::new(), None).unwrap(),
                parents: parents.iter().map(|parent| (parent.to_string(), parent.clone())).collect(),
                folders: BTreeMap::new(),
                pins: Pins::default(),
                stages: Vec::new(),
                layers: LayerCache::default(),
            }],
            digest: InputDigest::from_bytes([1; 32]),
            commit_seconds: 0,
            destination: Destination::Shared(Tags::default()),
            taints: Vec::new(),
            taints_repository: "taints".parse().unwrap(),
        }
    }

    fn run(&self, parallelism: usize) -> (BuildReport, Vec<Event>) {
        let graph = ProjectGraph::new(&self.needs).unwrap();
        let recorder = Arc::new(Recorder { case: self.clone(), events: Mutex::default() });
        let jobs: Vec<Job> = graph.order().map(|project| self.job(project, &recorder)).collect();
        let executor = Executor {
            graph: &graph,
            registry: &*recorder,
            parallelism: NonZeroUsize::new(parallelism).unwrap(),
            fail_fast: false,
            durations: &Durations::default(),
            last_builders: &BTreeMap::new(),
            shard: None,
            attestor: None,
            on_event: &|_| {},
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let report = runtime.block_on(executor.execute(&jobs, std::future::pending()));
        let events = recorder.events.lock().unwrap().clone();
        (report, events)
    }
}

proptest! {
    #![proptest_config(crate::laws::config(1_000))]

    #[test]
    fn each_is_built_once_after_its_dependencies_and_never_more_at_once_than_jobs(case in case(), jobs in 1_usize..=8) {
        let (_, events) = case.run(jobs);

        let (mut started, mut done, mut running) = (Names::new(), case.reused.clone(), 0);
        for event in events {
            match event {
                Event::Started(project) => {
                    prop_assert!(case.needs[&project].is_subset(&done), "{project} too early");
                    prop_assert!(started.insert(project.clone()), "{project} twice");
                    running += 1;
                    prop_assert!(running <= jobs);
                }
                Event::Done(project) => {
                    running -= 1;
                    done.insert(project);
                }
                Event::Failed(_) => running -= 1,
            }
        }
        prop_assert_eq!(running, 0);
    }

    #[test]
    fn a_failure_blocks_exactly_what_waits_for_it(case in case(), jobs in 1_usize..=8) {
        let (report, _) = case.run(jobs);

        let builds: Needs = case.needs.iter().filter(|(name, _)| !case.reused.contains(*name))
            .map(|(name, needs)| (name.clone(), needs.clone())).collect();
        // What is reused is there, whatever becomes of its dependencies.
        let hit = graphs::with_dependents(&builds, &case.failing);
        let of = |is: fn(&Outcome) -> bool| -> Names {
            report.projects.iter().filter(|(_, report)| is(&report.outcome)).map(|(name, _)| name.clone()).collect()
        };
        let failed = of(|outcome| matches!(outcome, Outcome::Failed { .. }));
        let blocked = of(|outcome| matches!(outcome, Outcome::Blocked { .. }));
        prop_assert!(failed.is_subset(&case.failing));
        prop_assert_eq!(&failed | &blocked, hit.clone());
        // Blocked by something that failed and that it needs.
        for name in &blocked {
            let Outcome::Blocked { by } = &report.projects[name].outcome else { unreachable!() };
            prop_assert!(failed.contains(by) && graphs::with_needs(&case.needs, &[name.clone()].into()).contains(by));
        }
        // A project that could have failed is blocked only when a dependency of its own is hit.
        for name in &case.failing & &blocked {
            prop_assert!(!case.needs[&name].is_disjoint(&hit));
        }
        prop_assert_eq!(of(|outcome| matches!(outcome, Outcome::Reused { .. })), case.reused.clone());
        let all: Names = case.needs.keys().cloned().collect();
        prop_assert_eq!(of(|outcome| matches!(outcome, Outcome::Built { .. })), &(&all - &hit) - &case.reused);
    }

    #[test]
    fn any_number_of_jobs_comes_to_the_same_end(case in case(), one in 1_usize..=8, other in 1_usize..=8) {
        let outcomes = |jobs| -> BTreeMap<ProjectName, Option<ImageRef>> {
            let (report, _) = case.run(jobs);
            report.projects.iter().map(|(name, report)| (name.clone(), report.image().cloned())).collect()
        };

        prop_assert_eq!(outcomes(one), outcomes(other));
    }
}

impl Recorder {
    fn note(&self, event: Event) {
        self.events.lock().unwrap().push(event);
    }
}

#[async_trait]
impl Engine for Recorder {
    async fn build(
        &self,
        request: &BuildRequest,
        _: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Built, EngineError> {
        let project: ProjectName = request.labels["project"].parse().unwrap();
        self.note(Event::Started(project.clone()));
        let number = self.case.needs.keys().position(|name| *name == project).unwrap();
        for _ in 0..self.case.turns[number] {
            tokio::task::yield_now().await;
        }
        if self.case.failing.contains(&project) {
            self.note(Event::Failed(project));
            return Err(EngineError::BuildFailed {
                step: None,
                log_tail: Vec::new(),
                message: "exit 2".to_owned(),
            });
        }
        // The image of a build with other parents is another one.
        Ok(Built { image: ManifestDigest::of(&request.dockerfile), steps: Vec::new() })
    }

    fn inline_cache_fault(&self) -> Option<&InlineCacheFault> {
        None
    }

    fn platform(&self) -> Option<&Platform> {
        None
    }

    async fn pull(
        &self,
        _: &ImageRef,
        _: &ImageRef,
        _: Option<&Platform>,
        _: Option<&Login>,
    ) -> Result<ManifestDigest, EngineError> {
        unreachable!("no build is local")
    }

    async fn tag(&self, _: &ManifestDigest, _: &ImageRef) -> Result<(), EngineError> {
        Ok(())
    }

    async fn untag(&self, _: &ImageRef) -> Result<(), EngineError> {
        Ok(())
    }

    async fn push(&self, name: &ImageRef, _: Option<&Login>) -> Result<ManifestDigest, EngineError> {
        Ok(ManifestDigest::of(name.to_string().as_bytes()))
    }
}

#[async_trait]
impl Registry for Recorder {
    fn storage(&self) -> Storage {
        Storage::Remote
    }

    fn image(&self, repository: &RepositoryName, tag: &Tag) -> ImageRef {
        format!("r.example/{repository}:{tag}").parse().unwrap()
    }

    async fn find(&self, _: &RepositoryName, _: &Tag) -> Result<Option<ManifestDigest>, RegistryError> {
        unreachable!("executing asks nothing that planning has not asked")
    }

    async fn tags(&self, _: &RepositoryName) -> Result<Vec<Tag>, RegistryError> {
        unreachable!("executing asks nothing that planning has not asked")
    }

    async fn ensure_repository(&self, _: &RepositoryName) -> Result<Vec<RepositoryChange>, RegistryError> {
        Ok(Vec::new())
    }

    async fn tag(
        &self,
        repository: &RepositoryName,
        _: &ManifestDigest,
        _: &[Tag],
    ) -> Result<(), RegistryError> {
        self.note(Event::Done(repository.as_str().parse().unwrap()));
        Ok(())
    }

    async fn verify(
        &self,
        _: &RepositoryName,
        _: &ManifestDigest,
        _: &ManifestDigest,
    ) -> Result<(), RegistryError> {
        Ok(())
    }

    async fn put_index(
        &self,
        _: &RepositoryName,
        _: &[(Platform, ManifestDigest)],
    ) -> Result<ManifestDigest, RegistryError> {
        unreachable!("every project has one platform")
    }

    async fn untag(&self, _: &RepositoryName, _: &Tag) -> Result<(), RegistryError> {
        Ok(())
    }

    async fn delete(&self, _: &RepositoryName, _: &ManifestDigest) -> Result<(), RegistryError> {
        unreachable!("a build deletes no image")
    }

    async fn put_artifact(
        &self,
        _: &RepositoryName,
        _: &str,
        _: Bytes,
        _: &[Tag],
    ) -> Result<ManifestDigest, RegistryError> {
        unreachable!("the build record is not the executor's")
    }

    async fn artifact(&self, _: &RepositoryName, _: &Tag) -> Result<Option<Bytes>, RegistryError> {
        unreachable!("the build record is not the executor's")
    }

    async fn login(&self) -> Result<Option<Login>, RegistryError> {
        Ok(None)
    }
}
