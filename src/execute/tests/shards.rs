//! Jobs that share a build, each with an engine of its own, and all with one registry in memory.

use std::time::Duration;

use super::*;
use crate::lease::{ClaimId, Clock};
use crate::model::{ErrorKind, Timestamp};
use crate::registry::Answer;

const REPOSITORY: &str = "claims";

/// What all jobs of the run share: tags and what they stand for.
#[derive(Default)]
struct Shared {
    tags: Mutex<BTreeMap<(String, Tag), Bytes>>,
    deletes_nothing: bool,
}

impl Shared {
    fn tags_of(&self, repository: &str) -> Vec<String> {
        let tags = self.tags.lock().unwrap();
        tags.keys().filter(|(of, _)| of == repository).map(|(_, tag)| tag.to_string()).collect()
    }

    fn put(&self, repository: &RepositoryName, tag: &Tag, content: Bytes) {
        self.tags.lock().unwrap().insert((repository.to_string(), tag.clone()), content);
    }

    fn get(&self, repository: &RepositoryName, tag: &Tag) -> Option<Bytes> {
        self.tags.lock().unwrap().get(&(repository.to_string(), tag.clone())).cloned()
    }
}

#[async_trait]
impl Registry for Shared {
    fn storage(&self) -> Storage {
        Storage::Remote
    }

    fn image(&self, repository: &RepositoryName, tag: &Tag) -> ImageRef {
        format!("r.example/{repository}:{tag}").parse().unwrap()
    }

    async fn find(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<Option<ManifestDigest>, RegistryError> {
        tokio::task::yield_now().await;
        Ok(self.get(repository, tag).map(|content| ManifestDigest::of(&content)))
    }

    async fn tags(&self, repository: &RepositoryName) -> Result<Vec<Tag>, RegistryError> {
        tokio::task::yield_now().await;
        Ok(self.tags_of(repository.as_str()).into_iter().map(|tag| tag.parse().unwrap()).collect())
    }

    async fn ensure_repository(&self, _: &RepositoryName) -> Result<Vec<RepositoryChange>, RegistryError> {
        Ok(Vec::new())
    }

    async fn tag(
        &self,
        repository: &RepositoryName,
        digest: &ManifestDigest,
        tags: &[Tag],
    ) -> Result<(), RegistryError> {
        tags.iter().for_each(|tag| self.put(repository, tag, digest.to_string().into()));
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
        unreachable!("each image is for one platform")
    }

    async fn untag(&self, repository: &RepositoryName, tag: &Tag) -> Result<(), RegistryError> {
        assert!(self.deletes_nothing, "nothing is tainted");
        self.put(repository, tag, "taken away".into());
        Ok(())
    }

    async fn delete(
        &self,
        repository: &RepositoryName,
        digest: &ManifestDigest,
    ) -> Result<(), RegistryError> {
        if self.deletes_nothing {
            let image = Box::new(format!("r.example/{repository}@{digest}").parse().unwrap());
            let answer = Answer { status: 405, code: None, message: String::new() };
            return Err(RegistryError::NoDeletion { image, answer });
        }
        let mut tags = self.tags.lock().unwrap();
        tags.retain(|(of, _), content| of != repository.as_str() || ManifestDigest::of(content) != *digest);
        Ok(())
    }

    async fn put_artifact(
        &self,
        repository: &RepositoryName,
        _: &str,
        content: Bytes,
        tags: &[Tag],
    ) -> Result<ManifestDigest, RegistryError> {
        tokio::task::yield_now().await;
        tags.iter().for_each(|tag| self.put(repository, tag, content.clone()));
        tokio::task::yield_now().await;
        Ok(ManifestDigest::of(&content))
    }

    async fn artifact(&self, repository: &RepositoryName, tag: &Tag) -> Result<Option<Bytes>, RegistryError> {
        tokio::task::yield_now().await;
        Ok(self.get(repository, tag))
    }

    async fn login(&self) -> Result<Option<Login>, RegistryError> {
        Ok(None)
    }
}

/// Ahead of the machine's by so much, and a pause takes a thousandth of its time.
struct QuickClock {
    ahead: Duration,
}

#[async_trait]
impl Clock for QuickClock {
    fn now(&self) -> Timestamp {
        Timestamp::now().after(self.ahead)
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration / 1000).await;
    }
}

/// One job of a run.
struct Peer<'s> {
    world: World,
    shard: Shard<'s>,
}

impl<'s> Peer<'s> {
    fn new(shared: &'s Shared, repository: &'s RepositoryName, world: World, number: u8) -> Self {
        let clock: &'static QuickClock = Box::leak(Box::new(QuickClock { ahead: Duration::ZERO }));
        let shard = Shard {
            registry: shared,
            repository,
            run: "7".to_owned(),
            attempts_share_name: false,
            commit: commit().to_string(),
            by: format!("build {number}"),
            id: ClaimId::from_bits(number.into()),
            lease: Duration::from_secs(60),
            clock,
            rebuilt: BTreeSet::new(),
        };
        Self { world, shard }
    }

    async fn run(&self) -> BuildReport {
        let executor = Executor {
            graph: &self.world.graph,
            registry: self.shard.registry,
            parallelism: NonZeroUsize::new(2).unwrap(),
            fail_fast: false,
            durations: &Durations::default(),
            last_builders: &BTreeMap::new(),
            shard: Some(&self.shard),
            attestor: None,
            on_event: &|_| {},
        };
        executor.execute(&self.world.jobs, std::future::pending()).await
    }

    fn built(&self) -> Vec<String> {
        self.world.recorder.built()
    }
}

const PROJECTS: &[(&str, &[&str])] =
    &[("base", &[]), ("lib", &["base"]), ("api", &["lib"]), ("site", &[]), ("web", &["base", "site"])];

fn world(recorder: Recorder) -> World {
    World::with(recorder, PROJECTS, &[])
}

fn repository() -> RepositoryName {
    REPOSITORY.parse().unwrap()
}

#[tokio::test]
async fn each_project_is_built_by_one_job_whatever_order_they_come_in() {
    for round in 0..20 {
        let (shared, repository) = (Shared::default(), repository());
        let peers: Vec<Peer<'_>> = (1..=4)
            .map(|number| Peer::new(&shared, &repository, world(Recorder::default()), number))
            .collect();

        let reports = futures_util::future::join_all(peers.iter().map(Peer::run)).await;

        let mut built: Vec<String> = peers.iter().flat_map(Peer::built).collect();
        built.sort();
        let projects: Vec<&str> = built.iter().filter_map(|built| built.split(':').next()).collect();
        assert_eq!(projects, ["api", "base", "lib", "site", "web"], "round {round}");
        assert!(reports.iter().all(|report| report.kind().is_none()), "round {round}: {reports:#?}");
        assert!(shared.tags_of(REPOSITORY).is_empty(), "round {round}: {:?}", shared.tags_of(REPOSITORY));
    }
}

#[tokio::test]
async fn a_failure_is_told_to_all_jobs_and_tried_by_one() {
    let (shared, repository) = (Shared::default(), repository());
    let failing = || Recorder { failing: vec!["lib"], ..Recorder::default() };
    let peers: Vec<Peer<'_>> =
        (1..=3).map(|number| Peer::new(&shared, &repository, world(failing()), number)).collect();

    let reports = futures_util::future::join_all(peers.iter().map(Peer::run)).await;

    let tries = peers.iter().flat_map(Peer::built).filter(|built| built.starts_with("lib:")).count();
    assert_eq!(tries, 1);
    for report in &reports {
        assert_eq!(report.kind(), Some(ErrorKind::Failed));
        let outcomes = outcomes(report);
        assert!(
            outcomes.contains(&("lib", "failed")) && outcomes.contains(&("api", "blocked")),
            "{outcomes:?}"
        );
    }
    let left = shared.tags_of(REPOSITORY);
    assert!(matches!(&left[..], [end] if end.ends_with(".failed")), "{left:?}");
}

#[tokio::test]
async fn a_job_whose_engine_died_leaves_the_rest_to_the_others() {
    let (shared, repository) = (Shared::default(), repository());
    let dead = Recorder { is_dead: true, ..Recorder::default() };
    let dead = Peer::new(&shared, &repository, world(dead), 1);

    let of_dead = dead.run().await;

    assert_eq!(of_dead.kind(), Some(ErrorKind::Environment), "{of_dead:#?}");
    assert!(dead.built().len() <= 2, "it tried no more than it had started: {:?}", dead.built());
    assert!(shared.tags_of(REPOSITORY).is_empty(), "{:?}", shared.tags_of(REPOSITORY));
    let other = Peer::new(&shared, &repository, world(Recorder::default()), 2);
    let report = other.run().await;
    assert_eq!((report.kind(), other.built().len()), (None, 5));
}

#[tokio::test]
async fn a_claim_counts_until_its_lease_has_run_out() {
    let (shared, repository) = (Shared::default(), repository());
    let mut peer = Peer::new(&shared, &repository, World::new(&[("base", &[])], &[]), 1);
    let of_killed = Peer::new(&shared, &repository, World::new(&[("base", &[])], &[]), 2);
    let Work::Build(task) = &of_killed.world.jobs[0].work else { panic!() };
    let subject = of_killed.shard.subject(task);
    let shard::Turn::Ours(lease) = of_killed.shard.claim(&subject).await.unwrap() else { panic!() };
    drop(lease);

    let waits = tokio::time::timeout(Duration::from_millis(300), peer.run()).await;
    assert!(waits.is_err() && peer.built().is_empty(), "{waits:?}");
    peer.shard.clock = Box::leak(Box::new(QuickClock { ahead: Duration::from_secs(61) }));
    let report = peer.run().await;

    assert_eq!((report.kind(), peer.built().len()), (None, 1));
    assert!(shared.tags_of(REPOSITORY).is_empty(), "{:?}", shared.tags_of(REPOSITORY));
}

#[tokio::test]
async fn no_job_waits_for_a_claim_that_was_given_up_where_nothing_is_deleted() {
    let shared = Shared { deletes_nothing: true, ..Shared::default() };
    let repository = repository();
    let one = || World::new(&[("base", &[])], &[]);
    let peers = [1, 2].map(|number| Peer::new(&shared, &repository, one(), number));
    let Work::Build(task) = &peers[0].world.jobs[0].work else { panic!() };
    let subject = peers[0].shard.subject(task);
    let shard::Turn::Ours(lease) = peers[0].shard.claim(&subject).await.unwrap() else { panic!() };
    peers[0].shard.release(lease).await;

    let report = tokio::time::timeout(Duration::from_secs(10), peers[1].run()).await.unwrap();

    assert_eq!((report.kind(), peers[1].built().len()), (None, 1));
    assert_eq!(shared.tags_of(REPOSITORY).len(), 3, "{:?}", shared.tags_of(REPOSITORY));
}

#[tokio::test]
async fn what_runs_have_left_that_are_long_over_is_removed() {
    let (shared, repository) = (Shared::default(), repository());
    let mut peer = Peer::new(&shared, &repository, world(Recorder::default()), 1);
    let age = |days: u64| Timestamp::now().as_millis() - days * 24 * 60 * 60 * 1000;
    for (days, end) in [(1, "-00112233445566ff"), (1, ".failed"), (4, "-00112233445566ff"), (4, ".failed")] {
        let tag: Tag = format!("claim-6-{}.{:013}{end}", "a".repeat(64), age(days)).parse().unwrap();
        shared.put(&repository, &tag, tag.to_string().into());
    }

    peer.shard.join().await.unwrap();

    assert_eq!(shared.tags_of(REPOSITORY).len(), 2, "{:?}", shared.tags_of(REPOSITORY));
}
