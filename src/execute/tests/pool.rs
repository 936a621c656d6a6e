//! How builders share what is built.

use futures_util::future::join_all;

use super::*;
use crate::buildkit::BuildKitError;
use crate::execute::builder::{Builder, Publication, PublishEvent, Published};
use crate::execute::pool::{BuilderPool, PoolMember};
use crate::execute::seat::Seat;

/// Counts what it builds, and is lost where it is told to be.
#[derive(Default)]
struct Counter {
    built: Mutex<Vec<String>>,
    at_once: Mutex<(usize, usize)>,
    is_lost: bool,
}

impl Counter {
    fn lost() -> Arc<Self> {
        Arc::new(Self { is_lost: true, ..Self::default() })
    }

    fn count(&self) -> usize {
        self.built.lock().unwrap().len()
    }
}

struct Shared(Arc<Counter>);

#[async_trait]
impl Builder for Shared {
    async fn publish(
        &self,
        request: &BuildRequest,
        _: &Publication<'_>,
        _: &(dyn Fn(PublishEvent) + Send + Sync),
    ) -> Result<Published, ExecuteError> {
        let platform = request.platform.as_ref().map(ToString::to_string).unwrap_or_default();
        self.0.built.lock().unwrap().push(platform);
        {
            let mut at_once = self.0.at_once.lock().unwrap();
            at_once.0 += 1;
            at_once.1 = at_once.1.max(at_once.0);
        }
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        self.0.at_once.lock().unwrap().0 -= 1;
        if self.0.is_lost {
            let endpoint = "unix:///gone".parse().unwrap();
            let source = Box::new(BuildKitError::Unreachable { endpoint, source: "gone".into() });
            let lost = EngineError::BuilderLost { builder: "unix:///gone".to_owned(), step: None, source };
            return Err(ExecuteError::Build(Box::new(lost)));
        }
        Ok(Published { digest: ManifestDigest::of(b"image"), steps: Vec::new() })
    }
}

fn member(counter: &Arc<Counter>, native: &[&str], emulated: &[&str], slots: usize) -> PoolMember {
    let platforms = |list: &[&str]| list.iter().map(|platform| platform.parse().unwrap()).collect();
    PoolMember {
        name: format!("builder-{slots}"),
        builder: Box::new(Shared(counter.clone())),
        native: platforms(native),
        emulated: platforms(emulated),
        slots: NonZeroUsize::new(slots).unwrap(),
    }
}

fn pool(members: Vec<PoolMember>) -> BuilderPool {
    BuilderPool::new(members, Vec::new(), None)
}

/// Publishes one image, and returns the warnings.
async fn publish(
    pool: &BuilderPool,
    platform: Option<&str>,
) -> (Result<Published, ExecuteError>, Vec<String>) {
    let recorder = Arc::new(Recorder::default());
    let task = task(recorder.clone(), &name("api"), &[]);
    let request =
        BuildRequest { platform: platform.map(|platform| platform.parse().unwrap()), ..task.request.clone() };
    let publication = Publication {
        registry: &*recorder,
        repository: &task.repository,
        check: &|_| Ok(()),
        created_seconds: 0,
        cache_to: None,
    };
    let warnings = Mutex::new(Vec::new());
    let on_event = |event| {
        if let PublishEvent::Build(BuildProgress::Warning { text, .. }) = event {
            warnings.lock().unwrap().push(text);
        }
    };
    let wanted = pool.request(request.platform.as_ref(), Duration::ZERO, Duration::ZERO, []);
    let seats = Seat::all(pool, &[wanted]);
    let published = seats[0].publish(&request, &publication, &on_event).await;
    (published, warnings.into_inner().unwrap())
}

#[tokio::test]
async fn builds_are_shared_in_proportion_to_slots() {
    let (small, large) = (Arc::new(Counter::default()), Arc::new(Counter::default()));
    let pool = pool(vec![member(&small, &["linux/amd64"], &[], 1), member(&large, &["linux/amd64"], &[], 3)]);

    let all = join_all((0..20).map(|_| publish(&pool, Some("linux/amd64")))).await;

    assert!(all.iter().all(|(published, warnings)| published.is_ok() && warnings.is_empty()));
    assert_eq!((small.count(), large.count()), (5, 15));
    assert_eq!((small.at_once.lock().unwrap().1, large.at_once.lock().unwrap().1), (1, 3));
}

#[tokio::test]
async fn all_builders_together_do_no_more_at_once_than_there_are_jobs() {
    let (one, other) = (Arc::new(Counter::default()), Arc::new(Counter::default()));
    let members = vec![member(&one, &["linux/amd64"], &[], 4), member(&other, &["linux/amd64"], &[], 4)];
    let pool = BuilderPool::new(members, Vec::new(), NonZeroUsize::new(2));

    join_all((0..10).map(|_| publish(&pool, None))).await;

    assert_eq!(one.count() + other.count(), 10);
    assert!(one.at_once.lock().unwrap().1 + other.at_once.lock().unwrap().1 <= 2);
}

#[tokio::test]
async fn a_platform_is_emulated_only_where_no_builder_is_left_that_has_it() {
    let (amd, arm) = (Arc::new(Counter::default()), Arc::new(Counter::default()));
    let members = vec![
        member(&amd, &["linux/amd64"], &["linux/arm64"], 2),
        member(&arm, &["linux/arm64"], &["linux/amd64"], 1),
    ];
    let both = pool(members);
    let alone = pool(vec![member(&amd, &["linux/amd64"], &["linux/arm64"], 2)]);

    let native = join_all((0..4).map(|_| publish(&both, Some("linux/arm64")))).await;
    let (emulated, warnings) = publish(&alone, Some("linux/arm64")).await;

    assert!(native.iter().all(|(_, warnings)| warnings.is_empty()));
    assert_eq!(*arm.built.lock().unwrap(), ["linux/arm64"; 4]);
    assert_eq!(*amd.built.lock().unwrap(), ["linux/arm64"]);
    assert!(emulated.is_ok());
    assert_eq!(warnings, ["linux/arm64 is emulated by the builder at builder-2: no builder has it natively"]);
}

#[tokio::test]
async fn where_nobody_says_a_platform_all_builds_are_for_that_of_the_first_builder() {
    let (amd, arm) = (Arc::new(Counter::default()), Arc::new(Counter::default()));
    let pool = pool(vec![member(&amd, &["linux/amd64"], &[], 1), member(&arm, &["linux/arm64"], &[], 1)]);

    join_all((0..3).map(|_| publish(&pool, None))).await;

    assert_eq!(*amd.built.lock().unwrap(), ["linux/amd64"; 3]);
    assert_eq!(arm.count(), 0);
}

#[tokio::test]
async fn what_a_lost_builder_was_building_is_built_by_another() {
    let (lost, other) = (Counter::lost(), Arc::new(Counter::default()));
    let pool = pool(vec![member(&lost, &["linux/amd64"], &[], 2), member(&other, &["linux/amd64"], &[], 1)]);

    let all = join_all((0..6).map(|_| publish(&pool, None))).await;

    assert!(all.iter().all(|(published, _)| published.is_ok()));
    assert_eq!((lost.count(), other.count()), (2, 6));
    let names: Vec<String> = pool.lost().into_iter().map(|builder| builder.name).collect();
    assert_eq!(names, ["builder-2"]);
    assert!(!pool.is_exhausted());
}

#[tokio::test]
async fn without_a_builder_the_environment_has_failed_and_every_reason_is_named() {
    let lost = Counter::lost();
    let pool = pool(vec![member(&lost, &["linux/amd64"], &[], 1)]);

    let (first, _) = publish(&pool, None).await;
    let (second, _) = publish(&pool, Some("linux/arm64")).await;

    let error = first.unwrap_err();
    assert_eq!(error.kind(), crate::model::ErrorKind::Environment);
    assert_eq!(
        error.to_string(),
        "no builder is left for linux/amd64; the builder at unix:///gone died, or the connection to it broke, \
         during the build: cannot reach the builder at unix:///gone: gone"
    );
    assert!(second.unwrap_err().to_string().starts_with("no builder is left for linux/arm64; "));
    assert!(pool.is_exhausted());
    assert_eq!(lost.count(), 1);
}

#[tokio::test]
async fn with_builders_platforms_are_built_beside_each_other_and_become_an_index() {
    let (amd, arm) = (Arc::new(Counter::default()), Arc::new(Counter::default()));
    let pool =
        Arc::new(pool(vec![member(&amd, &["linux/amd64"], &[], 1), member(&arm, &["linux/arm64"], &[], 1)]));
    let mut world = World::new(&[("api", &[])], &[]);
    let task = world.task("api");
    task.backend = Backend::Builders(pool);
    task.variants = vec![variant(Some("linux/amd64"), None), variant(Some("linux/arm64"), None)];

    let report = world.run(1).await;

    assert!(report.is_complete(), "{report:?}");
    assert_eq!((amd.count(), arm.count()), (1, 1));
    assert!(world.recorder.asked().contains(&"index api: linux/amd64 linux/arm64".to_owned()));
    assert_eq!(report.lost_builders, []);
}

#[tokio::test]
async fn nothing_is_started_once_no_builder_is_left() {
    let pool = Arc::new(pool(vec![member(&Counter::lost(), &["linux/amd64"], &[], 1)]));
    let mut world = World::new(&[("api", &[]), ("site", &[])], &[]);
    for project in ["api", "site"] {
        world.task(project).backend = Backend::Builders(pool.clone());
    }

    let report = world.run(1).await;

    assert_eq!(report.kind(), Some(crate::model::ErrorKind::Environment));
    let outcomes: Vec<&str> = report.projects.values().map(|report| report.outcome.label()).collect();
    assert_eq!(outcomes, ["failed", "cancelled"]);
    assert_eq!(report.lost_builders.len(), 1);
}
