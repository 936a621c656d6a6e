//! What the engine keeps of a context, and that it never takes an old file for a new one.

mod histories;

use std::fs;

use chinampa::internals::engine::{
    Content, ContentError, ContextFile, DockerEngine, Engine as _, EngineError,
};
use chinampa::internals::model::{FileMode, RepoPath};
use sha2::{Digest as _, Sha256};

use crate::engine::bridge::{Bridge, contains};
use crate::engine::support::{self, BASE, Repository, TestEngine, request_of, unique};
use crate::support::engines::{BedEngine, on_each_engine};

on_each_engine!(async
    only_changed_files_are_sent_and_a_fresh_clone_sends_none,
    what_another_stage_copies_is_not_sent_again,
    the_dockerignore_that_is_in_the_context_does_not_bring_the_context_a_second_time,
    where_the_clone_can_not_be_written_all_builds_are_right,
    after_a_lost_connection_the_key_is_another_one,
    a_file_that_changes_while_it_is_sent_is_in_no_later_image,
    times_are_equal_in_every_clone_and_stamps_are_in_no_layer,
);

const SECOND: u64 = 315_532_800;

fn copying() -> String {
    format!("FROM {BASE}\nCOPY . /app\n")
}

async fn only_changed_files_are_sent_and_a_fresh_clone_sends_none(on: BedEngine) {
    let (bridge, sent) = Bridge::recording(on).await;
    let engine = DockerEngine::connect(&bridge.host().into()).await.unwrap();
    let engine = TestEngine::new(engine, on);
    let repository = Repository::new();
    let clones = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [changing, constant] = [unique(), unique()];
    let build = async |clone: usize, version: usize| {
        let files = vec![
            repository.file("changing", format!("{changing}{version}")),
            repository.file("folder/constant", &constant),
        ];
        let request = request_of(clones[clone].path(), &copying(), files);
        let image = support::build(&engine, &request).await.unwrap();
        let found = image.files("/app").await;
        assert_eq!(found[b"changing".as_slice()].content, format!("{changing}{version}").as_bytes());
        let sent = sent.take();
        [contains(&sent, &changing), contains(&sent, &constant)]
    };

    assert_eq!(build(0, 0).await, [true, true], "the first build sends all");
    assert_eq!(build(1, 0).await, [false, false], "a fresh clone sends nothing");
    assert_eq!(build(0, 1).await, [true, true], "the first change begins another key");
    assert_eq!(build(0, 1).await, [false, false], "an equal build sends nothing");
    assert_eq!(build(0, 2).await, [true, false], "the second change sends one file");
    assert_eq!(build(0, 1).await, [true, false], "so does the way back");
}

/// Stages of one project copy different files, so the engine asks for different ones.
async fn what_another_stage_copies_is_not_sent_again(on: BedEngine) {
    let (bridge, sent) = Bridge::recording(on).await;
    let engine = DockerEngine::connect(&bridge.host().into()).await.unwrap();
    let engine = TestEngine::new(engine, on);
    let repository = Repository::new();
    let clone = tempfile::tempdir().unwrap();
    let [one, two] = [unique(), unique()];
    let dockerfile = format!("FROM {BASE} AS one\nCOPY one /\nFROM {BASE}\nCOPY two /\n");
    let build = async |target: Option<&str>| {
        let files = vec![repository.file("one", &one), repository.file("two", &two)];
        let mut request = request_of(clone.path(), &dockerfile, files);
        request.target = target.map(|stage| stage.parse().unwrap());
        support::build(&engine, &request).await.unwrap();
        let sent = sent.take();
        contains(&sent, &one) || contains(&sent, &two)
    };

    assert!(build(Some("one")).await);
    assert!(!build(None).await);
    assert!(!build(Some("one")).await);
}

async fn the_dockerignore_that_is_in_the_context_does_not_bring_the_context_a_second_time(on: BedEngine) {
    let (bridge, sent) = Bridge::recording(on).await;
    let engine = DockerEngine::connect(&bridge.host().into()).await.unwrap();
    let engine = TestEngine::new(engine, on);
    let repository = Repository::new();
    let clone = tempfile::tempdir().unwrap();
    let content = unique();
    let files = vec![repository.file(".dockerignore", "none\n"), repository.file("a", &content)];

    let image = support::build(&engine, &request_of(clone.path(), &copying(), files)).await.unwrap();

    assert_eq!(image.files("/app").await.len(), 2);
    let sent = sent.take();
    let times = sent.windows(content.len()).filter(|window| *window == content.as_bytes()).count();
    assert_eq!(times, 1);
}

async fn where_the_clone_can_not_be_written_all_builds_are_right(on: BedEngine) {
    let engine = support::connect(on).await;
    let repository = Repository::new();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let content = unique();

    for version in 0..3 {
        let text = format!("{content}{version}");
        let request = request_of(
            &folder.path().join("file/below"),
            &copying(),
            vec![repository.file("a", &text), repository.file("b", &content)],
        );
        let image = support::build(&engine, &request).await.unwrap();

        assert_eq!(image.files("/app").await[b"a".as_slice()].content, text.as_bytes());
    }
}

async fn after_a_lost_connection_the_key_is_another_one(on: BedEngine) {
    let engine = support::connect(on).await;
    let repository = Repository::new();
    let clone = tempfile::tempdir().unwrap();
    let content = unique();
    let dockerfile = format!("FROM {BASE}\nCOPY a /\nRUN echo {content}; exec sleep 1000\n");
    let of = |version: usize, dockerfile: &str| {
        request_of(clone.path(), dockerfile, vec![repository.file("a", format!("{content}{version}"))])
    };
    for version in [0, 1] {
        support::build(&engine, &of(version, &copying())).await.unwrap();
    }
    let table = || fs::read(clone.path().join("table"));
    let key = |table: &[u8]| table.split(|byte| *byte == 0).nth(1).unwrap().to_vec();
    let before = key(&table().unwrap());
    let bridge = Bridge::new(on).await;
    let broken = DockerEngine::connect(&bridge.host().into()).await.unwrap();
    let bridge = std::sync::Mutex::new(Some(bridge));
    let cut = |_| drop(bridge.lock().unwrap().take());

    let error = broken.build(&of(2, &dockerfile), &cut).await.unwrap_err();

    assert!(matches!(error, EngineError::Lost { .. }), "{error:?}");
    table().unwrap_err();
    support::build(&engine, &of(3, &copying())).await.unwrap();
    assert_ne!(key(&table().unwrap()), before);
}

/// The engine has then received another content than the one that the stamp stands for.
async fn a_file_that_changes_while_it_is_sent_is_in_no_later_image(on: BedEngine) {
    let engine = support::connect(on).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let nonce = unique();
    let of = |version: usize| format!("{nonce}{version}").repeat(10_000);
    let request = |version: usize| {
        let content = Content::File { path: path.clone(), sha256: Sha256::digest(of(version)).into() };
        let file = ContextFile { path: RepoPath::new("a").unwrap(), mode: FileMode::Regular, content };
        request_of(&folder.path().join("stamps"), &copying(), vec![file])
    };
    for version in [0, 1, 2] {
        fs::write(&path, of(version)).unwrap();
        support::build(&engine, &request(version)).await.unwrap();
    }

    // Version 4 is planned, and version 5 is sent.
    fs::write(&path, of(5)).unwrap();
    let error = support::build(&engine, &request(4)).await.err().unwrap();

    assert!(matches!(error, EngineError::Content(ContentError::Changed { .. })), "{error:?}");
    for version in [4, 5, 2, 4] {
        fs::write(&path, of(version)).unwrap();
        let image = support::build(&engine, &request(version)).await.unwrap();
        assert!(image.files("/app").await[b"a".as_slice()].content == of(version).as_bytes(), "{version}");
    }
}

/// The stamps are nanoseconds, and layers have whole seconds.
async fn times_are_equal_in_every_clone_and_stamps_are_in_no_layer(on: BedEngine) {
    let engine = support::connect(on).await;
    let repository = Repository::new();
    let clones = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let content = unique();
    let dockerfile = format!("{}RUN cd /app && stat -c '%n %y' a b folder/c >/times\n", copying());
    let build = async |clone: usize, version: usize| {
        let files = vec![
            repository.file("a", format!("{content}{version}")),
            repository.file("b", &content),
            repository.file("folder/c", &content),
            // So that the layers of the other clone are not used.
            repository.file("own", format!("{clone} of {content}")),
        ];
        let request = request_of(clones[clone].path(), &dockerfile, files);
        support::build(&engine, &request).await.unwrap()
    };

    let [one, other] = [build(0, 0).await, build(1, 0).await];

    let times = one.files("/").await[b"times".as_slice()].content.clone();
    assert_eq!(times, other.files("/").await[b"times".as_slice()].content);
    assert_eq!(String::from_utf8(times).unwrap().matches("1980-01-01 00:00:00.000000000").count(), 3);
    for version in 1..4 {
        let image = build(0, version).await;
        let mut dated = 0;
        for layer in image.layers().await {
            for entry in tar::Archive::new(&*layer).entries().unwrap() {
                let mut entry = entry.unwrap();
                for extension in entry.pax_extensions().unwrap().into_iter().flatten() {
                    assert_ne!(extension.unwrap().key(), Ok("mtime"), "version {version}");
                }
                let is_of_context =
                    entry.path().unwrap().starts_with("app") && !entry.header().entry_type().is_dir();
                if is_of_context {
                    assert_eq!(entry.header().mtime().unwrap(), SECOND);
                    dated += 1;
                }
            }
        }
        assert_eq!(dated, 4, "version {version}");
    }
}
