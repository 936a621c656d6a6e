//! The engine's own store, as a registry of images and documents.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use chinampa::internals::docker::{Docker, DockerHost};
use chinampa::internals::engine::Engine as _;
use chinampa::internals::model::{ImageRef, RepositoryName, Tag};
use chinampa::internals::registry::{EngineStore, Registry as _, RegistryError};

use crate::engine::support::{self, Repository, request, unique};
use crate::support::engines::{BedEngine, on_each_engine};

on_each_engine!(
    async
    a_document_comes_back_from_the_engine_under_each_tag,
    an_image_that_is_no_document_is_an_error_and_not_absent,
    leftovers_are_found_while_other_images_are_removed,
);

/// How many images are removed while leftovers are looked for.
const REMOVED: u32 = 20;

async fn store(on: BedEngine) -> EngineStore {
    let host: DockerHost = on.socket().parse().unwrap();
    EngineStore::new(&Docker::connect(&host.into()).await.unwrap())
}

/// A name that no other test has.
fn repository() -> RepositoryName {
    format!("chinampa-test/store-{}", unique()).parse().unwrap()
}

fn tags<const N: usize>(names: [&str; N]) -> [Tag; N] {
    names.map(|name| name.parse().unwrap())
}

async fn a_document_comes_back_from_the_engine_under_each_tag(on: BedEngine) {
    let (store, repository, tags) = (store(on).await, repository(), tags(["one", "two"]));
    let content = Bytes::from_static(br#"{"a": 1}"#);
    let absent = store.artifact(&repository, &tags[0]).await.unwrap();

    let id = store.put_artifact(&repository, "application/x", content.clone(), &tags).await.unwrap();

    assert_eq!(absent, None);
    for tag in &tags {
        assert_eq!(store.find(&repository, tag).await.unwrap(), Some(id));
        assert_eq!(store.artifact(&repository, tag).await.unwrap(), Some(content.clone()));
    }
    for tag in &tags {
        store.untag(&repository, tag).await.unwrap();
        assert_eq!(store.find(&repository, tag).await.unwrap(), None);
    }
}

async fn an_image_that_is_no_document_is_an_error_and_not_absent(on: BedEngine) {
    let (store, repository, [tag]) = (store(on).await, repository(), tags(["one"]));
    let file = Repository::new();
    let engine = support::connect(on).await;
    let request = request("FROM scratch\nCOPY . /\n", vec![file.file("a", unique())]);
    let image = support::build(&engine, &request).await.unwrap();
    let name: ImageRef = store.image(&repository, &tag);
    engine.tag(&image.id(), &name).await.unwrap();

    let error = store.artifact(&repository, &tag).await.unwrap_err();

    assert!(matches!(error, RegistryError::Malformed { .. }), "{error}");
    store.untag(&repository, &tag).await.unwrap();
}

/// The containerd image store refuses that to who asks once.
async fn leftovers_are_found_while_other_images_are_removed(on: BedEngine) {
    let (store, repository, other, tags) = (store(on).await, repository(), repository(), tags(["local"]));
    let engine = support::connect(on).await;
    store.put_artifact(&repository, "application/x", Bytes::from_static(b"{}"), &tags).await.unwrap();
    let (of_others, is_done) = (store.clone(), AtomicBool::new(false));
    let come_and_go = async {
        for number in 0..REMOVED {
            let content = Bytes::from(format!("{other} {number}"));
            of_others.put_artifact(&other, "application/x", content, &tags).await.unwrap();
            of_others.untag(&other, &tags[0]).await.unwrap();
        }
        is_done.store(true, Ordering::Relaxed);
    };
    let find = async {
        while !is_done.load(Ordering::Relaxed) {
            let found = engine.leftovers(&BTreeSet::from([repository.clone()])).await.unwrap();
            assert_eq!(found.len(), 1, "{found:?}");
        }
    };

    tokio::join!(come_and_go, find);

    store.untag(&repository, &tags[0]).await.unwrap();
}
