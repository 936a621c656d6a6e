//! What is built again, and what is not.

use chinampa::internals::engine::Step;

use crate::engine::support::{self, BASE, Repository, request, unique};
use crate::support::engines::{BedEngine, on_each_engine};

on_each_engine!(
    async
    the_second_build_takes_every_step_from_the_cache,
    a_change_that_keeps_the_size_arrives,
    a_changed_dockerfile_of_the_same_size_is_the_one_that_is_built,
    a_file_that_left_the_context_leaves_the_image,
    the_same_build_can_run_beside_itself,
);

async fn the_second_build_takes_every_step_from_the_cache(on: BedEngine) {
    let engine = support::connect(on).await;
    let repository = Repository::new();
    let text = unique();
    // No step is that of another build: two connections to one engine run this at the same time, and each removes its image.
    let dockerfile = format!("FROM {BASE}\nWORKDIR /{text}\nCOPY . .\nRUN echo built > /built\n");
    let request = request(&dockerfile, vec![repository.file("a", &text)]);

    let first = support::build(&engine, &request).await.unwrap();
    let second = support::build(&engine, &request).await.unwrap();

    assert_eq!((first.built.steps.len(), second.built.steps.len()), (3, 3));
    assert!(Step::count_cached(&first.built.steps) < 3);
    assert_eq!(Step::count_cached(&second.built.steps), 3);
    assert_eq!(first.id(), second.id());
}

/// All files have the same time, so a change that keeps the size looks like none to the engine.
async fn a_change_that_keeps_the_size_arrives(on: BedEngine) {
    let engine = support::connect(on).await;
    let repository = Repository::new();
    let text = unique();
    let dockerfile = format!("FROM {BASE}\nCOPY . /app\n");

    for round in 0..3 {
        let content = format!("{text}{round}");
        let request = request(&dockerfile, vec![repository.file("a", &content), repository.file("b", &text)]);
        let image = support::build(&engine, &request).await.unwrap();

        assert_eq!(image.files("/app").await[b"a".as_slice()].content, content.as_bytes());
    }
}

async fn a_changed_dockerfile_of_the_same_size_is_the_one_that_is_built(on: BedEngine) {
    let engine = support::connect(on).await;
    let text = unique();

    for round in 0..3 {
        let request = request(&format!("FROM {BASE}\nRUN echo {text}{round} > /text\n"), vec![]);
        let image = support::build(&engine, &request).await.unwrap();

        let found = image.files("/").await;
        assert_eq!(found[b"text".as_slice()].content, format!("{text}{round}\n").as_bytes());
    }
}

async fn a_file_that_left_the_context_leaves_the_image(on: BedEngine) {
    let engine = support::connect(on).await;
    let repository = Repository::new();
    let (one, other) = (repository.file("a", unique()), repository.file("b", unique()));
    let dockerfile = format!("FROM {BASE}\nCOPY . /app\n");

    let both = support::build(&engine, &request(&dockerfile, vec![one.clone(), other])).await.unwrap();
    let alone = support::build(&engine, &request(&dockerfile, vec![one])).await.unwrap();

    assert_eq!(both.files("/app").await.len(), 2);
    assert_eq!(alone.files("/app").await.len(), 1);
}

async fn the_same_build_can_run_beside_itself(on: BedEngine) {
    let engine = support::connect(on).await;
    let repository = Repository::new();
    let content = unique();
    let files =
        (0..200).map(|number| repository.file(format!("{number}"), format!("{content}{number}"))).collect();
    let request = request(&format!("FROM {BASE}\nCOPY . /app\n"), files);

    let images = futures_util::future::join_all((0..4).map(|_| support::build(&engine, &request))).await;

    // Some of them may be one image, which is removed with the first.
    let images: Vec<_> = images.into_iter().map(Result::unwrap).collect();
    for image in &images {
        assert_eq!(image.files("/app").await.len(), 200);
    }
}
