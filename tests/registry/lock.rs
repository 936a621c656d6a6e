//! One deployment at a time, agreed upon through a real registry.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chinampa::deploy::{Intents, LockError};
use chinampa::model::CommitId;
use futures_util::future::join_all;

use crate::{new_repository, registry, upstream};

fn commit(digit: char) -> CommitId {
    digit.to_string().repeat(40).parse().unwrap()
}

#[tokio::test]
async fn of_many_deployments_one_at_a_time_has_the_right_and_all_get_it() {
    let (registry, repository) = (registry(&upstream()), new_repository());
    let intents = Intents { registry: &registry, repository: &repository, environment: "dev" };
    let (holders, most_holders) = (AtomicUsize::new(0), AtomicUsize::new(0));

    let deploy = async |digit| {
        let lock = intents.lock(commit(digit), Duration::from_secs(120)).await.unwrap();
        let others = holders.fetch_add(1, Ordering::SeqCst);
        most_holders.fetch_max(others + 1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(50)).await;
        holders.fetch_sub(1, Ordering::SeqCst);
        lock.release().await.unwrap();
    };
    join_all(['a', 'b', 'c', 'd'].map(deploy)).await;

    assert_eq!(most_holders.into_inner(), 1);
}

#[tokio::test]
async fn who_has_waited_long_enough_is_told_who_has_the_right() {
    let (registry, repository) = (registry(&upstream()), new_repository());
    let intents = Intents { registry: &registry, repository: &repository, environment: "dev" };
    let held = intents.lock(commit('a'), Duration::ZERO).await.unwrap();

    let error = intents.lock(commit('b'), Duration::ZERO).await.unwrap_err();

    assert!(matches!(&error, LockError::Held { commit, .. } if commit.starts_with("aaaa")), "{error}");
    held.release().await.unwrap();
    intents.lock(commit('b'), Duration::ZERO).await.unwrap().release().await.unwrap();
}

#[tokio::test]
async fn environments_do_not_wait_for_each_other() {
    let (registry, repository) = (registry(&upstream()), new_repository());
    let of = |environment| Intents { registry: &registry, repository: &repository, environment };
    let dev = of("dev").lock(commit('a'), Duration::ZERO).await.unwrap();

    let prod = of("prod").lock(commit('b'), Duration::ZERO).await.unwrap();

    dev.release().await.unwrap();
    prod.release().await.unwrap();
}
