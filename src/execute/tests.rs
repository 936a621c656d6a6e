//! What is asked of registry and engine, and in which order, with recorders in their place.

mod local;
mod pool;
mod shards;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;

use super::*;
use crate::docker::DockerError;
use crate::dockerfile::{Dockerfile, Parameters};
use crate::engine::{
    BuildRequest, Built, Content, Context, ContextFile, ContextReuse, Engine, EngineError, InlineCacheFault,
    Logins, Progress as BuildProgress, Step,
};
use crate::model::{
    BranchName, CommitId, ContextName, FileMode, ImageRef, InputDigest, Login, ManifestDigest, ObjectId,
    Platform, RepoPath, RepositoryName, Tag,
};
use crate::registry::{RegistryError, RepositoryChange, Storage};

/// Notes what it is asked, and fails or hangs for the images it is told to.
#[derive(Default)]
struct Recorder {
    asked: Mutex<Vec<String>>,
    /// The names that images of the engine got.
    named: Mutex<Vec<String>>,
    /// Those that were taken away again, too.
    every_name: Mutex<Vec<String>>,
    dockerfiles: Mutex<Vec<String>>,
    failing: Vec<&'static str>,
    hanging: Vec<&'static str>,
    is_dead: bool,
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
        _progress: &(dyn Fn(BuildProgress) + Send + Sync),
    ) -> Result<Built, EngineError> {
        // The image of a folder has no labels: it is known by its files.
        let files = || request.context.files.iter().map(|file| file.path.to_string()).collect();
        let project = request.labels.get("project").cloned().unwrap_or_else(files);
        let from = String::from_utf8_lossy(&request.dockerfile).lines().next().unwrap_or_default().to_owned();
        let target = request.target.as_ref().map(|target| format!(" target {target}")).unwrap_or_default();
        self.note(format!("build {project}: {from}{target}"));
        if let Some(frontend) = request.build_args.get("BUILDKIT_SYNTAX") {
            self.note(format!("frontend {frontend}"));
        }
        let dockerfile = String::from_utf8_lossy(&request.dockerfile).into_owned();
        self.dockerfiles.lock().unwrap().push(dockerfile);
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
        if self.is_dead {
            let source = DockerError::Unexpected { about: "a build", source: "it died".into() };
            return Err(EngineError::Lost { step: None, source });
        }
        if self.failing.contains(&project.as_str()) {
            let log_tail = vec!["make: ***".to_owned()];
            return Err(EngineError::BuildFailed { step: None, log_tail, message: "exit 2".to_owned() });
        }
        let step = |name: &str, cached| Step { name: name.to_owned(), cached };
        let steps = vec![step("[2/3] ONBUILD COPY a /a", true), step("[3/3] RUN make", false)];
        Ok(Built { image: ManifestDigest::of(project.as_bytes()), steps })
    }

    fn inline_cache_fault(&self) -> Option<&InlineCacheFault> {
        None
    }

    fn platform(&self) -> Option<&Platform> {
        None
    }

    async fn pull(
        &self,
        image: &ImageRef,
        name: &ImageRef,
        platform: Option<&Platform>,
        _login: Option<&Login>,
    ) -> Result<ManifestDigest, EngineError> {
        let platform = platform.map(|platform| format!(" for {platform}")).unwrap_or_default();
        self.note(format!("pull {image}{platform}"));
        if self.failing.contains(&image.repository.as_str()) {
            let message = "denied".to_owned();
            return Err(EngineError::ImagePull { image: Box::new(image.clone()), message });
        }
        let id = ManifestDigest::of(image.repository.as_str().as_bytes());
        Engine::tag(self, &id, name).await?;
        Ok(id)
    }

    async fn tag(&self, _image: &ManifestDigest, name: &ImageRef) -> Result<(), EngineError> {
        self.named.lock().unwrap().push(name.to_string());
        self.every_name.lock().unwrap().push(name.to_string());
        Ok(())
    }

    async fn untag(&self, name: &ImageRef) -> Result<(), EngineError> {
        self.named.lock().unwrap().retain(|named| *named != name.to_string());
        Ok(())
    }

    async fn push(&self, name: &ImageRef, _login: Option<&Login>) -> Result<ManifestDigest, EngineError> {
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

    async fn ensure_repository(&self, _: &RepositoryName) -> Result<Vec<RepositoryChange>, RegistryError> {
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

    async fn verify(
        &self,
        repository: &RepositoryName,
        _digest: &ManifestDigest,
        id: &ManifestDigest,
    ) -> Result<(), RegistryError> {
        self.note(format!("verify {repository} is {id}"));
        Ok(())
    }

    async fn put_index(
        &self,
        repository: &RepositoryName,
        images: &[(Platform, ManifestDigest)],
    ) -> Result<ManifestDigest, RegistryError> {
        let platforms: Vec<String> = images.iter().map(|(platform, _)| platform.to_string()).collect();
        self.note(format!("index {repository}: {}", platforms.join(" ")));
        Ok(ManifestDigest::of(b"index"))
    }

    async fn untag(&self, repository: &RepositoryName, tag: &Tag) -> Result<(), RegistryError> {
        self.note(format!("untag {repository}:{tag}"));
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

fn name(text: &str) -> ProjectName {
    text.parse().unwrap()
}

fn digest(project: &str) -> InputDigest {
    let mut bytes = [0; 32];
    bytes[..project.len()].copy_from_slice(project.as_bytes());
    InputDigest::from_bytes(bytes)
}

fn commit() -> CommitId {
    CommitId(ObjectId::Sha1([1; 20]))
}

/// Some projects with their dependencies; those named `reused` are in the cache.
struct World {
    graph: ProjectGraph,
    recorder: Arc<Recorder>,
    jobs: Vec<Job>,
}

impl World {
    fn new(projects: &[(&str, &[&str])], reused: &[&str]) -> Self {
        Self::with(Recorder::default(), projects, reused)
    }

    fn with(recorder: Recorder, projects: &[(&str, &[&str])], reused: &[&str]) -> Self {
        let needs = |needs: &[&str]| needs.iter().copied().map(name).collect();
        let graph = ProjectGraph::new(
            &projects
                .iter()
                .map(|(project, list)| (name(project), needs(list)))
                .collect::<BTreeMap<_, BTreeSet<_>>>(),
        )
        .unwrap();
        let recorder = Arc::new(recorder);
        let job = |project: &ProjectName| {
            let needs: Vec<ProjectName> = graph.needs(project).into_iter().cloned().collect();
            let digest = ManifestDigest::of(b"reused");
            let image = || format!("r.example/{project}@{digest}").parse().unwrap();
            let work = if reused.contains(&project.as_str()) {
                Work::Reuse { image: image(), digest }
            } else {
                Work::Build(Box::new(task(recorder.clone(), project, &needs)))
            };
            Job { project: project.clone(), needs, work }
        };
        let jobs = graph.order().map(job).collect();
        Self { graph, recorder, jobs }
    }

    fn task(&mut self, project: &str) -> &mut Task {
        let job = self.jobs.iter_mut().find(|job| job.project.as_str() == project).unwrap();
        let Work::Build(task) = &mut job.work else { panic!("`{project}` is reused") };
        task
    }

    async fn run(&self, parallelism: usize) -> BuildReport {
        self.run_until(parallelism, false, std::future::pending()).await
    }

    async fn run_until(
        &self,
        parallelism: usize,
        fail_fast: bool,
        interrupted: impl Future<Output = ()>,
    ) -> BuildReport {
        let executor = Executor {
            graph: &self.graph,
            registry: &*self.recorder,
            parallelism: NonZeroUsize::new(parallelism).unwrap(),
            fail_fast,
            durations: &Durations::default(),
            last_builders: &BTreeMap::new(),
            shard: None,
            attestor: None,
            on_event: &|_| {},
        };
        executor.execute(&self.jobs, interrupted).await
    }

    /// One after the other.
    async fn build_again(&self, first: &BuildReport, fail_fast: bool) -> TwiceReport {
        let executor = Executor {
            graph: &self.graph,
            registry: &*self.recorder,
            parallelism: NonZeroUsize::MIN,
            fail_fast,
            durations: &Durations::default(),
            last_builders: &BTreeMap::new(),
            shard: None,
            attestor: None,
            on_event: &|_| {},
        };
        executor.build_again(&self.jobs, first, std::future::pending()).await
    }
}

fn variant(platform: Option<&str>, parent: Option<&ProjectName>) -> TaskVariant {
    let from = parent.map_or("scratch", ProjectName::as_str);
    let text = format!("FROM {from}\nCOPY a /a\n");
    TaskVariant {
        platform: platform.map(|platform| platform.parse().unwrap()),
        dockerfile: Dockerfile::parse(text.as_bytes(), &BTreeMap::new(), None).unwrap(),
        parents: parent.map(|parent| (parent.to_string(), parent.clone())).into_iter().collect(),
        folders: BTreeMap::new(),
        pins: Pins::default(),
        stages: Vec::new(),
        layers: LayerCache::default(),
    }
}

fn task(recorder: Arc<Recorder>, project: &ProjectName, needs: &[ProjectName]) -> Task {
    Task {
        backend: Backend::Engine(recorder),
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
        variants: vec![variant(None, needs.first())],
        digest: digest(project.as_str()),
        commit_seconds: 0,
        destination: Destination::Shared(Tags {
            commit: Some(commit()),
            branch: Some(BranchName::new("main")),
        }),
        taints: Vec::new(),
        taints_repository: "taints".parse().unwrap(),
    }
}

fn outcomes(report: &BuildReport) -> Vec<(&str, &str)> {
    report.projects.iter().map(|(name, report)| (name.as_str(), report.outcome.label())).collect()
}

fn with_folder(task: &mut Task) {
    let contexts: BTreeSet<ContextName> = ["proto".parse().unwrap()].into();
    let text = "FROM a AS proto\nFROM scratch AS compile\nCOPY --from=proto / /\nFROM proto\nCOPY --from=compile a b\n";
    let contexts = contexts.iter().collect();
    let folder = RepoPath::new("shared/proto").unwrap();
    let file = ContextFile {
        path: RepoPath::new("a.proto").unwrap(),
        mode: FileMode::Regular,
        content: Content::Bytes(Bytes::new()),
    };
    let variant = &mut task.variants[0];
    let (build_args, triggers) = (&BTreeMap::new(), &BTreeMap::new());
    let parameters = Parameters { build_args, platform: None, contexts: &contexts, triggers };
    variant.dockerfile = Dockerfile::parse_with(text.as_bytes(), parameters).unwrap();
    variant.folders = [("proto".to_owned(), folder.clone())].into();
    variant.stages = vec!["compile".parse().unwrap()];
    task.folders = [(folder, Context { files: vec![file] })].into();
}

/// The names that images of folders had, without the part that no other has.
fn folder_names(recorder: &Recorder) -> BTreeSet<String> {
    let names = recorder.every_name.lock().unwrap();
    let of_folders = names.iter().filter(|name| name.contains("context"));
    of_folders.map(|name| name.rsplit_once('-').unwrap().0.to_owned()).collect()
}

#[tokio::test]
async fn a_folder_is_built_once_before_what_uses_it_and_leaves_no_name() {
    let mut world = World::new(&[("api", &[])], &[]);
    with_folder(world.task("api"));

    let report = world.run(1).await;

    assert_eq!(outcomes(&report), [("api", "built")]);
    let built = world.recorder.built();
    assert_eq!(built[0], "a.proto: FROM scratch");
    assert_eq!(built.len(), 3, "{built:?}");
    let dockerfiles = world.recorder.dockerfiles.lock().unwrap().clone();
    let name = dockerfiles[1].split("FROM ").nth(3).unwrap().lines().next().unwrap().to_owned();
    assert!(name.starts_with("context.invalid/api:context-"), "{name}");
    let expected = format!(
        "FROM a AS proto\nFROM scratch AS compile\nCOPY --from={name} / /\nFROM {name}\nCOPY --from=compile a b\n"
    );
    assert_eq!(dockerfiles[1..], [expected.clone(), expected]);
    assert_eq!(folder_names(&world.recorder), ["context.invalid/api:context".to_owned()].into());
    let left = world.recorder.named.lock().unwrap().clone();
    assert!(!left.iter().any(|name| name.contains("context")), "{left:?}");
}

#[tokio::test]
async fn a_folder_that_cannot_be_built_is_named_and_what_fails_after_it_leaves_no_name() {
    for failing in ["a.proto", "api"] {
        let recorder = Recorder { failing: vec![failing], ..Recorder::default() };
        let mut world = World::with(recorder, &[("api", &[])], &[]);
        with_folder(world.task("api"));

        let report = world.run(1).await;

        let Outcome::Failed(failure) = &report.projects[&name("api")].outcome else { panic!("{report:?}") };
        let of_folder = "cannot build an image of the folder `shared/proto`, which is a named context";
        assert_eq!(failure.causes[0] == of_folder, failing == "a.proto", "{:?}", failure.causes);
        assert_eq!(*world.recorder.named.lock().unwrap(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn an_untrusted_run_names_folders_as_its_own() {
    let mut world = World::new(&[("api", &[])], &[]);
    with_folder(world.task("api"));
    let run = UntrustedRun::new();
    world.task("api").destination = Destination::Untrusted(run.clone());

    world.run(1).await;

    let expected = format!("context.invalid/api:untrusted-{run}-context");
    assert_eq!(folder_names(&world.recorder), [expected].into());
}

/// Its only step that copies is the recorder's, which the Dockerfile doesn't have.
fn with_trigger(task: &mut Task, from: &str) {
    let text = format!("# syntax=docker/dockerfile:1\nFROM {from}\nRUN make\n");
    task.variants[0].dockerfile = Dockerfile::parse(text.as_bytes(), &BTreeMap::new(), None).unwrap();
    task.has_written_inputs = false;
}

#[tokio::test]
async fn a_copy_that_an_external_image_brings_is_an_error_where_nothing_says_what_it_copies() {
    let mut world = World::new(&[("lib", &[]), ("api", &["lib"])], &["lib"]);
    with_trigger(world.task("api"), "node:onbuild");

    let report = world.run(1).await;

    let Outcome::Failed(failure) = &report.projects[&name("api")].outcome else { panic!("{report:?}") };
    assert_eq!(
        failure.causes,
        [
            "`[2/3] ONBUILD COPY a /a` is `ONBUILD` of the base image in Dockerfile:2, and nothing says which files it copies"
        ]
    );
    assert!(!world.recorder.asked().iter().any(|asked| asked.starts_with("push")), "nothing is pushed");

    with_trigger(world.task("api"), "lib");
    assert_eq!(outcomes(&world.run(1).await)[0], ("api", "built"), "an own parent's trigger is read");
    with_trigger(world.task("api"), "node:onbuild");
    world.task("api").has_written_inputs = true;
    assert_eq!(outcomes(&world.run(1).await)[0], ("api", "built"), "a pattern file is taken at its word");
}

#[tokio::test]
async fn an_image_is_pushed_first_and_its_cache_tag_comes_last() {
    let mut world = World::new(&[("api", &[])], &[]);
    world.task("api").variants[0].stages = vec!["compile".parse().unwrap()];

    world.run(1).await;

    let cache = format!("cache-{}", digest("api"));
    // The recorder's images have ids of their project, whatever stage they are of.
    let id = ManifestDigest::of(b"api");
    let pushed = format!("push r.example/api:{}", Tag::pushed(&id));
    assert_eq!(
        world.recorder.asked(),
        [
            "build api: FROM scratch target compile".to_owned(),
            pushed.clone(),
            format!("verify api is {id}"),
            "build api: FROM scratch".to_owned(),
            pushed,
            format!("verify api is {id}"),
            "tag api:branch-main.compile".to_owned(),
            format!("tag api:commit-{}", commit()),
            "tag api:branch-main".to_owned(),
            format!("tag api:{cache}"),
        ]
    );
    // issue 14: E13
    assert!(world.recorder.named.lock().unwrap().is_empty(), "a name stays in the engine");
}

#[tokio::test]
async fn in_the_engines_own_store_nothing_is_pushed_and_the_cache_tag_comes_last() {
    let world = World::with(Recorder { is_engine_store: true, ..Recorder::default() }, &[("api", &[])], &[]);

    world.run(1).await;

    let cache = format!("tag api:cache-{}", digest("api"));
    assert_eq!(world.recorder.asked(), ["build api: FROM scratch", "tag api:branch-main", &cache]);
}

#[tokio::test]
async fn a_build_ends_the_taint_that_its_plan_saw() {
    let mut world = World::new(&[("api", &[]), ("web", &[])], &[]);
    world.task("api").taints = vec![Tag::taint(&name("api"), 1), Tag::taint(&name("api"), 2)];

    world.run(1).await;

    let untagged: Vec<String> =
        world.recorder.asked().into_iter().filter(|asked| asked.starts_with("untag")).collect();
    assert_eq!(untagged, ["untag taints:api.00000001", "untag taints:api.00000002"]);
}

#[tokio::test]
async fn several_platforms_become_one_index_each_with_its_own_parent() {
    let mut world = World::new(&[("amd", &[]), ("arm", &[]), ("api", &["amd", "arm"])], &["amd", "arm"]);
    world.task("api").variants = vec![
        variant(Some("linux/amd64"), Some(&name("amd"))),
        variant(Some("linux/arm64"), Some(&name("arm"))),
    ];

    let report = world.run(1).await;

    let parent = ManifestDigest::of(b"reused");
    assert_eq!(
        world.recorder.built(),
        [format!("api: FROM r.example/amd@{parent}"), format!("api: FROM r.example/arm@{parent}")]
    );
    assert!(world.recorder.asked().contains(&"index api: linux/amd64 linux/arm64".to_owned()));
    assert_eq!(report.projects[&name("api")].image().unwrap().digest, Some(ManifestDigest::of(b"index")));
}

#[tokio::test]
async fn a_stage_of_one_platform_alone_is_no_index() {
    let mut world = World::new(&[("api", &[])], &[]);
    let mut variants = vec![variant(Some("linux/amd64"), None), variant(Some("linux/arm64"), None)];
    variants[1].stages = vec!["arm".parse().unwrap()];
    world.task("api").variants = variants;

    world.run(1).await;

    let asked = world.recorder.asked();
    assert_eq!(asked.iter().filter(|asked| asked.starts_with("index")).count(), 1, "{asked:?}");
    assert!(asked.contains(&"tag api:branch-main.arm".to_owned()), "{asked:?}");
}

#[tokio::test]
async fn a_parent_is_pinned_to_the_image_of_this_very_plan() {
    let world = World::new(&[("base", &[]), ("lib", &["base"]), ("api", &["lib"])], &["base"]);

    world.run(4).await;

    let base = ManifestDigest::of(b"reused");
    let pushed = format!("r.example/lib:{}", Tag::pushed(&ManifestDigest::of(b"lib")));
    let lib = ManifestDigest::of(pushed.as_bytes());
    assert_eq!(
        world.recorder.built(),
        [format!("lib: FROM r.example/base@{base}"), format!("api: FROM r.example/lib@{lib}")]
    );
}

#[tokio::test]
async fn an_external_image_is_pinned_for_what_it_is_and_keeps_its_tag() {
    let mut world = World::new(&[("api", &[])], &[]);
    let digest = |text: &str| ManifestDigest::of(text.as_bytes());
    let pin = |name: &str| {
        let pinned: ImageRef = format!("{name}@{}", digest(name)).parse().unwrap();
        (name.to_owned(), pinned)
    };
    let text = "# syntax=docker/dockerfile:1\nFROM node:22 AS build\nFROM tools\nCOPY --from=node:22 / /\n\
                ONBUILD COPY --from=node:22 / /\nONBUILD COPY --from=alpine:3 / /\n";
    let task = world.task("api");
    task.request.build_args = [("BUILDKIT_SYNTAX".to_owned(), "example/other".to_owned())].into();
    let variant = &mut task.variants[0];
    variant.dockerfile = Dockerfile::parse(text.as_bytes(), &BTreeMap::new(), None).unwrap();
    variant.pins = Pins {
        parents: [pin("node:22")].into(),
        triggers: [pin("alpine:3")].into(),
        frontends: [pin("docker/dockerfile:1"), pin("example/other")].into(),
    };

    world.run(1).await;

    let frontend = format!("frontend example/other@{}", digest("example/other"));
    assert!(world.recorder.asked().contains(&frontend), "{:?}", world.recorder.asked());
    let sent = world.recorder.dockerfiles.lock().unwrap().pop().unwrap();
    let expected = text.replace("FROM node:22", &format!("FROM node:22@{}", digest("node:22")));
    let expected =
        expected.replace("\nCOPY --from=node:22", &format!("\nCOPY --from=node:22@{}", digest("node:22")));
    let expected = expected.replace("alpine:3", &format!("alpine:3@{}", digest("alpine:3")));
    let frontend = "docker/dockerfile:1";
    assert_eq!(sent, expected.replace(frontend, &format!("{frontend}@{}", digest(frontend))));
}

#[tokio::test]
async fn a_failed_dependency_blocks_its_dependents_and_spares_the_rest() {
    let world = World::with(
        Recorder { failing: vec!["base"], ..Recorder::default() },
        &[("base", &[]), ("lib", &["base"]), ("api", &["lib"]), ("site", &[]), ("docs", &["site"])],
        &[],
    );

    let report = world.run(1).await;

    assert_eq!(
        outcomes(&report),
        [("api", "blocked"), ("base", "failed"), ("docs", "built"), ("lib", "blocked"), ("site", "built")]
    );
    let Outcome::Failed(Failure { log_tail, .. }) = &report.projects[&name("base")].outcome else { panic!() };
    assert_eq!(log_tail, &["make: ***"]);
    assert!(!report.is_complete());
}

#[tokio::test]
async fn fail_fast_starts_nothing_more() {
    let recorder = Recorder { failing: vec!["a"], ..Recorder::default() };
    let world = World::with(recorder, &[("a", &[]), ("b", &[]), ("c", &[])], &[]);

    let report = world.run_until(1, true, std::future::pending()).await;

    assert_eq!(outcomes(&report), [("a", "failed"), ("b", "cancelled"), ("c", "cancelled")]);
}

#[tokio::test]
async fn an_interruption_stops_what_runs_and_reports_it() {
    let recorder = Recorder { hanging: vec!["a"], ..Recorder::default() };
    let world = World::with(recorder, &[("a", &[]), ("b", &["a"])], &[]);

    let report = world.run_until(1, false, tokio::task::yield_now()).await;

    assert!(report.is_interrupted);
    assert_eq!(outcomes(&report), [("a", "cancelled"), ("b", "cancelled")]);
}

#[tokio::test]
async fn no_more_are_built_at_once_than_there_are_jobs() {
    let projects: Vec<(&str, &[&str])> =
        ["a", "b", "c", "d", "e", "f"].map(|name| (name, &[] as &[&str])).into();
    for parallelism in [1, 3] {
        let world = World::new(&projects, &[]);

        world.run(parallelism).await;

        assert_eq!(world.recorder.at_once.lock().unwrap().1, parallelism);
    }
}

#[tokio::test]
async fn the_longest_way_starts_first() {
    let world = World::new(&[("a", &[]), ("b", &[]), ("c", &["b"]), ("d", &["c"])], &[]);
    world.run(1).await;

    assert!(world.recorder.built()[0].starts_with("b:"), "{:?}", world.recorder.built());
}

// issue 12: S4, S6
#[tokio::test]
async fn an_untrusted_run_names_its_images_in_the_engine_and_writes_nothing_else() {
    let mut world = World::new(&[("lib", &[]), ("api", &["lib"])], &[]);
    let run = UntrustedRun::new();
    for (project, parent) in [("lib", None), ("api", Some(name("lib")))] {
        let task = world.task(project);
        task.destination = Destination::Untrusted(run.clone());
        task.taints = vec![Tag::taint(&name(project), 1)];
        task.variants =
            ["linux/amd64", "linux/arm64"].map(|platform| variant(Some(platform), parent.as_ref())).into();
    }

    let report = world.run(1).await;

    let [amd, arm] =
        ["amd64", "arm64"].map(|architecture| format!("lib:untrusted-{run}-linux-{architecture}"));
    assert_eq!(
        world.recorder.asked(),
        [
            "build lib: FROM scratch".to_owned(),
            "build lib: FROM scratch".to_owned(),
            format!("build api: FROM {amd}"),
            format!("build api: FROM {arm}"),
        ]
    );
    let named = world.recorder.named.lock().unwrap().clone();
    assert_eq!(named[..2], [amd, arm]);
    assert_eq!(outcomes(&report), [("api", "built"), ("lib", "built")]);
}

#[tokio::test]
async fn a_second_build_that_fails_stops_the_others_from_starting_only_if_that_is_asked_for() {
    let projects: &[(&str, &[&str])] = &[("a", &[]), ("b", &[])];
    let first = World::new(projects, &[]).run(1).await;
    let world = || World::with(Recorder { failing: vec!["a"], ..Recorder::default() }, projects, &[]);
    let (fast, whole) = (world(), world());

    let stopped = fast.build_again(&first, true).await;
    let went_on = whole.build_again(&first, false).await;

    assert_eq!(fast.recorder.built(), ["a: FROM scratch"]);
    assert_eq!(whole.recorder.built().len(), 2);
    assert!(matches!(stopped.projects[&name("a")], Comparison::Failed(_)) && stopped.has_failed());
    assert_eq!(stopped.projects[&name("b")], Comparison::Cancelled);
    assert!(!matches!(went_on.projects[&name("b")], Comparison::Cancelled));
}
