//! One deployment at a time, agreed upon through a real registry.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chinampa::internals::config::EnvironmentName;
use chinampa::internals::deploy::{DEFAULT_LEASE, EnvironmentLock, LockClaims, LockError, LockRequest};
use chinampa::internals::interruption::Interruption;
use chinampa::internals::lease::{ClaimId, SystemClock};
use chinampa::internals::model::CommitId;
use chinampa::internals::registry::Registry;
use futures_util::future::join_all;

use crate::registry::{new_repository, registry, upstream};

fn commit(digit: char) -> CommitId {
    digit.to_string().repeat(40).parse().unwrap()
}

pub(super) fn environment(name: &str) -> EnvironmentName {
    name.parse().unwrap()
}

pub(super) async fn acquire<'l>(
    claims: LockClaims<'l>,
    digit: char,
    wait: Duration,
    interruption: &Interruption,
) -> Result<EnvironmentLock<'l>, LockError> {
    let request = LockRequest {
        commit: commit(digit),
        by: "tests".to_owned(),
        id: ClaimId::random(),
        lease: DEFAULT_LEASE,
        wait,
    };
    EnvironmentLock::acquire(claims, &SystemClock, &request, interruption, &|_| {}).await
}

#[tokio::test]
async fn of_many_deployments_one_at_a_time_holds_the_lock_and_all_get_it() {
    let (registry, repository, dev) = (registry(&upstream()), new_repository(), environment("dev"));
    let claims = LockClaims { registry: &registry, repository: &repository, environment: &dev };
    let (holders, max_holders) = (AtomicUsize::new(0), AtomicUsize::new(0));

    let deploy = async |digit| {
        let lock = acquire(claims, digit, Duration::from_secs(120), &Interruption::new()).await.unwrap();
        let others = holders.fetch_add(1, Ordering::SeqCst);
        max_holders.fetch_max(others + 1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(50)).await;
        holders.fetch_sub(1, Ordering::SeqCst);
        lock.release().await.unwrap();
    };
    join_all(['a', 'b', 'c', 'd'].map(deploy)).await;

    assert_eq!(max_holders.into_inner(), 1);
}

#[tokio::test]
async fn who_has_waited_long_enough_is_told_who_holds_the_lock() {
    let (registry, repository, dev) = (registry(&upstream()), new_repository(), environment("dev"));
    let claims = LockClaims { registry: &registry, repository: &repository, environment: &dev };
    let never = Interruption::new();
    let held = acquire(claims, 'a', Duration::ZERO, &never).await.unwrap();

    let error = acquire(claims, 'b', Duration::ZERO, &never).await.unwrap_err();

    let LockError::Held { holder, .. } = &error else { panic!("{error}") };
    assert!(holder.commit.starts_with("aaaa") && holder.by == "tests", "{error}");
    held.release().await.unwrap();
    acquire(claims, 'b', Duration::ZERO, &never).await.unwrap().release().await.unwrap();
}

#[tokio::test]
async fn environments_do_not_wait_for_each_other_whatever_their_names_begin_with() {
    let (registry, repository) = (registry(&upstream()), new_repository());
    let names = ["dev", "prod", "dev.eu"].map(environment);
    let never = Interruption::new();

    let locks = names.each_ref().map(|environment| {
        let claims = LockClaims { registry: &registry, repository: &repository, environment };
        acquire(claims, 'a', Duration::ZERO, &never)
    });

    for lock in locks {
        // Each is taken while those before are held.
        Box::leak(Box::new(lock.await.unwrap()));
    }
}

// issue 12: P6
#[tokio::test]
async fn one_that_is_interrupted_while_it_waits_leaves_no_claim() {
    let (registry, repository, dev) = (registry(&upstream()), new_repository(), environment("dev"));
    let claims = LockClaims { registry: &registry, repository: &repository, environment: &dev };
    let held = acquire(claims, 'a', Duration::ZERO, &Interruption::new()).await.unwrap();
    let interruption = Interruption::new();

    let waiting = acquire(claims, 'b', Duration::from_secs(60), &interruption);
    let interrupt = async {
        tokio::time::sleep(Duration::from_millis(30)).await;
        interruption.request();
    };
    let (waited, ()) = tokio::join!(waiting, interrupt);

    assert!(matches!(waited.unwrap_err(), LockError::Interrupted));
    assert_eq!(registry.tags(&repository).await.unwrap().len(), 1);
    held.release().await.unwrap();
    assert_eq!(registry.tags(&repository).await.unwrap().len(), 0);
}

// issue 12: P6
#[tokio::test]
async fn a_holder_whose_claim_somebody_took_away_stops_before_its_next_step() {
    let (registry, repository, dev) = (registry(&upstream()), new_repository(), environment("dev"));
    let claims = LockClaims { registry: &registry, repository: &repository, environment: &dev };
    let request = LockRequest {
        commit: commit('a'),
        by: "tests".to_owned(),
        id: ClaimId::random(),
        // Renewed each 400 ms.
        lease: Duration::from_secs(6),
        wait: Duration::ZERO,
    };
    let never = Interruption::new();
    let lock = EnvironmentLock::acquire(claims, &SystemClock, &request, &never, &|_| {}).await.unwrap();
    assert!(lock.ensure_held().is_ok());

    let (tag, _) = claims.list().await.unwrap().remove(0);
    claims.remove(&tag).await.unwrap();
    let lost = lock
        .keep(async {
            loop {
                if let Err(error) = lock.ensure_held() {
                    return error;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;

    assert!(matches!(lost, LockError::TakenAway { .. }), "{lost}");
    assert!(claims.list().await.unwrap().is_empty(), "the claim was written again");
}
