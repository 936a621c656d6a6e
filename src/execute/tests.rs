//! What is asked of registry and engine, and in which order, with recorders in their place.

use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;

use super::*;
use crate::dockerfile::Dockerfile;
use crate::engine::{BuildRequest, Built, Context, EngineError, Progress as Step_};
use crate::model::{BranchName, CommitId, Credentials, InputDigest, ManifestDigest, ObjectId, Platform, Tag};
use crate::plan::{Base, Image, Inputs, Reason};
use crate::registry::{Adjustment, RegistryError, Storage};
use crate::task::Tags;

/// Notes what it is asked, and fails or hangs for the images it is told to.
#[derive(Default)]
struct Recorder {
    asked: Mutex<Vec<String>>,
    failing: Vec<&'static str>,
    hanging: Vec<&'static str>,
    is_engine_store: bool,
    at_once: Mutex<(usize, usize)>,
}

impl Recorder {
    fn note(&self, what: String) {
        self.asked.lock().unwrap().push(what);
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn built(&self) -> Vec<String> {
        self.asked().iter().filter_map(|asked| asked.strip_prefix("build ")).map(str::to_owned).collect()
    }
}

#[async_trait]
impl Engine for Recorder {
    async fn build(
        &self,
        request: &BuildRequest,
        _progress: &(dyn Fn(Step_) + Send + Sync),
    ) -> Result<Built, EngineError> {
        let project = request.labels["project"].clone();
        let from = String::from_utf8_lossy(&request.dockerfile).lines().next().unwrap_or_default().to_owned();
        let target = request.target.as_ref().map(|target| format!(" target {target}")).unwrap_or_default();
        self.note(format!("build {project}: {from}{target}"));
        {
            let mut at_once = self.at_once.lock().unwrap();
            at_once.0 += 1;
            at_once.1 = at_once.1.max(at_once.0);
        }
        tokio::task::yield_now().await;
        if self.hanging.contains(&project.as_str()) {
            std::future::pending::<()>().await;
        }
        self.at_once.lock().unwrap().0 -= 1;
        if self.failing.contains(&project.as_str()) {
            let log_tail = vec!["make: ***".to_owned()];
            return Err(EngineError::BuildFailed { step: None, log_tail, message: "exit 2".to_owned() });
        }
        Ok(Built { image: ManifestDigest::of(project.as_bytes()), steps: 2, cached_steps: 1 })
    }

    async fn tag(&self, _image: &ManifestDigest, _name: &ImageRef) -> Result<(), EngineError> {
        Ok(())
    }

    async fn push(
        &self,
        name: &ImageRef,
        _credentials: Option<&Credentials>,
    ) -> Result<ManifestDigest, EngineError> {
        self.note(format!("push {name}"));
        Ok(ManifestDigest::of(name.to_string().as_bytes()))
    }
}

#[async_trait]
impl Registry for Recorder {
    fn storage(&self) -> Storage {
        if self.is_engine_store { Storage::Engine } else { Storage::Remote }
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

    async fn ensure_repository(&self, _: &RepositoryName) -> Result<Vec<Adjustment>, RegistryError> {
        Ok(Vec::new())
    }

    async fn tag(
        &self,
        repository: &RepositoryName,
        _digest: &ManifestDigest,
        tags: &[Tag],
    ) -> Result<(), RegistryError> {
        tags.iter().for_each(|tag| self.note(format!("tag {repository}:{tag}")));
        Ok(())
    }

    async fn put_index(
        &self,
        repository: &RepositoryName,
        images: &[(Platform, ManifestDigest)],
        _tags: &[Tag],
    ) -> Result<ManifestDigest, RegistryError> {
        let platforms: Vec<String> = images.iter().map(|(platform, _)| platform.to_string()).collect();
        self.note(format!("index {repository}: {}", platforms.join(" ")));
        Ok(ManifestDigest::of(b"index"))
    }

    async fn untag(&self, repository: &RepositoryName, tag: &Tag) -> Result<(), RegistryError> {
        self.note(format!("untag {repository}:{tag}"));
        Ok(())
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

    async fn credentials(&self) -> Result<Option<Credentials>, RegistryError> {
        Ok(None)
    }
}

fn name(text: &str) -> ProjectName {
    text.parse().unwrap()
}

fn digest(project: &str) -> InputDigest {
    let mut bytes = [0; 32];
    bytes[..project.len()].copy_from_slice(project.as_bytes());
    InputDigest::from_bytes(bytes)
}

/// Some projects with their needs; those named `reused` are in the cache.
struct World {
    graph: ProjectGraph,
    plan: Plan,
    tasks: BTreeMap<ProjectName, Task>,
}

impl World {
    fn new(projects: &[(&str, &[&str])], reused: &[&str]) -> Self {
        let needs = |needs: &[&str]| needs.iter().copied().map(name).collect();
        let graph = ProjectGraph::new(
            &projects
                .iter()
                .map(|(project, list)| (name(project), needs(list)))
                .collect::<BTreeMap<_, BTreeSet<_>>>(),
        )
        .unwrap();
        let step = |project: &ProjectName| {
            let image = Image { digest: ManifestDigest::of(b"reused"), tag: Tag::tainted() };
            let is_reused = reused.contains(&project.as_str());
            Step {
                project: project.clone(),
                action: if is_reused { Action::Reuse(image) } else { Action::Build },
                inputs: Some(Inputs { digest: digest(project.as_str()), files: 1 }),
                is_changed: true,
                is_affected: true,
                needs: graph.needs(project).into_iter().cloned().collect(),
                because: Vec::new(),
            }
        };
        let steps: Vec<Step> = graph.order().map(step).collect();
        let commit = CommitId(ObjectId::from_bytes([1; 20]));
        let base = Base::Unknown { why: String::new() };
        let tasks = steps.iter().map(|step| (step.project.clone(), task(step, commit))).collect();
        Self { graph, plan: Plan { head: commit, is_dirty: false, base, steps }, tasks }
    }

    async fn run(&self, recorder: &Recorder, jobs: usize) -> BuildReport {
        self.run_until(recorder, jobs, false, std::future::pending()).await
    }

    async fn run_until(
        &self,
        recorder: &Recorder,
        jobs: usize,
        fail_fast: bool,
        interrupted: impl Future<Output = ()>,
    ) -> BuildReport {
        let repositories = self.graph.order().map(|name| (name.clone(), name.as_str().parse().unwrap()));
        let executor = Executor {
            graph: &self.graph,
            repositories: &repositories.collect(),
            tasks: &self.tasks,
            registry: recorder,
            engine: Some(recorder),
            jobs: NonZeroUsize::new(jobs).unwrap(),
            fail_fast,
            durations: &Durations::default(),
            tell: &|_| {},
        };
        executor.execute(&self.plan, interrupted).await
    }
}

fn task(step: &Step, commit: CommitId) -> Task {
    let from = step.needs.first().map_or("scratch", ProjectName::as_str);
    let text = format!("FROM {from}\nCOPY a /a\n");
    Task {
        repository: step.project.as_str().parse().unwrap(),
        dockerfile: Dockerfile::parse(text.as_bytes(), &BTreeMap::new(), None).unwrap(),
        parents: step.needs.iter().map(|need| (need.to_string(), need.clone())).collect(),
        request: BuildRequest {
            context: Context::default(),
            dockerfile: Vec::new(),
            target: None,
            platform: None,
            build_args: BTreeMap::new(),
            labels: [("project".to_owned(), step.project.to_string())].into(),
            secrets: BTreeMap::new(),
            cache_from: Vec::new(),
            inline_cache: true,
            pull: false,
            credentials: BTreeMap::new(),
        },
        stages: Vec::new(),
        platforms: Vec::new(),
        digest: step.inputs.unwrap().digest,
        tags: Tags { commit: Some(commit), branch: Some(BranchName::new("main")) },
    }
}

fn outcomes(report: &BuildReport) -> Vec<(&str, &str)> {
    report.projects.iter().map(|(name, report)| (name.as_str(), report.outcome.word())).collect()
}

#[tokio::test]
async fn an_image_is_pushed_first_and_its_cache_tag_comes_last() {
    let mut world = World::new(&[("api", &[])], &[]);
    let task = world.tasks.get_mut(&name("api")).unwrap();
    task.stages = vec!["compile".parse().unwrap()];
    let recorder = Recorder::default();

    world.run(&recorder, 1).await;

    let cache = format!("cache-{}", digest("api"));
    let commit = format!("commit-{}", world.plan.head);
    assert_eq!(
        recorder.asked(),
        [
            "build api: FROM scratch target compile".to_owned(),
            format!("push r.example/api:{cache}-compile"),
            "build api: FROM scratch".to_owned(),
            format!("push r.example/api:{commit}"),
            "tag api:branch-main.compile".to_owned(),
            "tag api:branch-main".to_owned(),
            format!("tag api:{cache}"),
        ]
    );
}

#[tokio::test]
async fn in_the_engines_own_store_nothing_is_pushed_and_the_cache_tag_comes_last() {
    let world = World::new(&[("api", &[])], &[]);
    let recorder = Recorder { is_engine_store: true, ..Recorder::default() };

    world.run(&recorder, 1).await;

    let cache = format!("tag api:cache-{}", digest("api"));
    assert_eq!(recorder.asked(), ["build api: FROM scratch", "tag api:branch-main", &cache]);
}

#[tokio::test]
async fn a_taint_is_taken_away_by_the_build_that_it_forced() {
    let mut world = World::new(&[("api", &[])], &[]);
    world.plan.steps[0].because = vec![Reason::Tainted];
    let recorder = Recorder::default();

    world.run(&recorder, 1).await;

    assert_eq!(recorder.asked().last().unwrap(), "untag api:tainted");
}

#[tokio::test]
async fn several_platforms_become_one_index() {
    let mut world = World::new(&[("api", &[])], &[]);
    let task = world.tasks.get_mut(&name("api")).unwrap();
    task.platforms = vec!["linux/amd64".parse().unwrap(), "linux/arm64".parse().unwrap()];
    let recorder = Recorder::default();

    let report = world.run(&recorder, 1).await;

    assert!(recorder.asked().contains(&"index api: linux/amd64 linux/arm64".to_owned()));
    assert_eq!(report.projects[&name("api")].image().unwrap().digest, Some(ManifestDigest::of(b"index")));
}

#[tokio::test]
async fn a_parent_is_pinned_to_the_image_of_this_very_plan() {
    let world = World::new(&[("base", &[]), ("lib", &["base"]), ("api", &["lib"])], &["base"]);
    let recorder = Recorder::default();

    world.run(&recorder, 4).await;

    let base = ManifestDigest::of(b"reused");
    let lib = ManifestDigest::of(format!("r.example/lib:commit-{}", world.plan.head).as_bytes());
    assert_eq!(
        recorder.built(),
        [format!("lib: FROM r.example/base@{base}"), format!("api: FROM r.example/lib@{lib}")]
    );
}

#[tokio::test]
async fn a_failed_need_blocks_its_dependents_and_spares_the_rest() {
    let world = World::new(
        &[("base", &[]), ("lib", &["base"]), ("api", &["lib"]), ("site", &[]), ("docs", &["site"])],
        &[],
    );
    let recorder = Recorder { failing: vec!["base"], ..Recorder::default() };

    let report = world.run(&recorder, 1).await;

    assert_eq!(
        outcomes(&report),
        [("api", "blocked"), ("base", "failed"), ("docs", "built"), ("lib", "blocked"), ("site", "built")]
    );
    let Outcome::Failed { log_tail, .. } = &report.projects[&name("base")].outcome else { panic!() };
    assert_eq!(log_tail, &["make: ***"]);
    assert!(!report.is_complete());
}

#[tokio::test]
async fn fail_fast_starts_nothing_more() {
    let world = World::new(&[("a", &[]), ("b", &[]), ("c", &[])], &[]);
    let recorder = Recorder { failing: vec!["a"], ..Recorder::default() };

    let report = world.run_until(&recorder, 1, true, std::future::pending()).await;

    assert_eq!(outcomes(&report), [("a", "failed"), ("b", "cancelled"), ("c", "cancelled")]);
}

#[tokio::test]
async fn an_interruption_stops_what_runs_and_reports_it() {
    let world = World::new(&[("a", &[]), ("b", &["a"])], &[]);
    let recorder = Recorder { hanging: vec!["a"], ..Recorder::default() };

    let report = world.run_until(&recorder, 1, false, tokio::task::yield_now()).await;

    assert!(report.is_interrupted);
    assert_eq!(outcomes(&report), [("a", "cancelled"), ("b", "cancelled")]);
}

#[tokio::test]
async fn no_more_are_built_at_once_than_there_are_jobs() {
    let projects: Vec<(&str, &[&str])> =
        ["a", "b", "c", "d", "e", "f"].map(|name| (name, &[] as &[&str])).into();
    let world = World::new(&projects, &[]);

    for jobs in [1, 3] {
        let recorder = Recorder::default();

        world.run(&recorder, jobs).await;

        assert_eq!(recorder.at_once.lock().unwrap().1, jobs);
    }
}

#[tokio::test]
async fn the_longest_way_starts_first() {
    let world = World::new(&[("a", &[]), ("b", &[]), ("c", &["b"]), ("d", &["c"])], &[]);
    let recorder = Recorder::default();

    world.run(&recorder, 1).await;

    assert!(recorder.built()[0].starts_with("b:"), "{:?}", recorder.built());
}
