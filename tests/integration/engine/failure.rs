//! Builds that fail, and what is said about it.

use std::error::Error as _;
use std::time::Duration;

use chinampa::internals::docker::{DockerError, DockerHost};
use chinampa::internals::engine::{
    Content, ContentError, ContextFile, DockerEngine, Engine as _, EngineError, Progress,
};
use chinampa::internals::model::{ErrorKind, FileMode, RepoPath};
use sha2::{Digest as _, Sha256};

use crate::engine::support::{self, BASE, Repository, request, unique};
use crate::support::engines::{BedEngine, on_each_engine};

on_each_engine!(
    async
    a_step_that_fails_is_named_with_its_last_lines,
    a_dockerfile_that_is_none_is_the_builds_failure,
    a_dockerfile_without_a_stage_is_not_sent_to_the_engine,
    a_file_outside_of_git_must_be_what_was_planned,
    a_blob_that_is_not_there_is_named,
    a_build_that_is_dropped_ends_in_the_engine_too,
);

async fn a_step_that_fails_is_named_with_its_last_lines(on: BedEngine) {
    let engine = support::connect(on).await;
    let dockerfile = format!(
        "FROM {BASE}\nRUN echo fine {}\nRUN echo noise\nRUN seq 100; echo why it failed; exit 3\n",
        unique()
    );

    let Err(error) = support::build(&engine, &request(&dockerfile, vec![])).await else { panic!("it built") };

    let EngineError::BuildFailed { step, log_tail, .. } = &error else { panic!("{error:?}") };
    assert_eq!(step.as_deref(), Some("[4/4] RUN seq 100; echo why it failed; exit 3"));
    assert_eq!(log_tail.len(), 20);
    assert_eq!(log_tail[18..], ["100", "why it failed"]);
    assert_eq!(error.kind(), ErrorKind::Failed);
}

async fn a_dockerfile_that_is_none_is_the_builds_failure(on: BedEngine) {
    let engine = support::connect(on).await;

    let dockerfile = format!("FROM {BASE}\nNONSENSE\n");
    let Err(error) = support::build(&engine, &request(&dockerfile, vec![])).await else { panic!() };

    assert!(matches!(error, EngineError::BuildFailed { .. }), "{error:?}");
}

/// Docker 20.10 would die of it, and with it every other build of the machine.
async fn a_dockerfile_without_a_stage_is_not_sent_to_the_engine(on: BedEngine) {
    let engine = support::connect(on).await;

    let Err(error) = support::build(&engine, &request("ARG A=1\n", vec![])).await else { panic!() };

    assert!(matches!(error, EngineError::NoStage), "{error:?}");
    engine.client.ping().await.unwrap();
}

fn outside(path: &std::path::Path, planned: &[u8]) -> ContextFile {
    let content = Content::File { path: path.to_owned(), sha256: Sha256::digest(planned).into() };
    ContextFile { path: RepoPath::new("extra").unwrap(), mode: FileMode::Regular, content }
}

async fn a_file_outside_of_git_must_be_what_was_planned(on: BedEngine) {
    let engine = support::connect(on).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("extra");
    let planned = unique();
    let request = request(&format!("FROM {BASE}\nCOPY . /app\n"), vec![outside(&path, planned.as_bytes())]);

    let vanished = support::build(&engine, &request).await.err().unwrap();
    std::fs::write(&path, planned.to_uppercase().replace('A', "b") + "x").unwrap();
    let changed = support::build(&engine, &request).await.err().unwrap();
    std::fs::write(&path, &planned).unwrap();
    let image = support::build(&engine, &request).await.unwrap();

    assert!(matches!(vanished, EngineError::Content(ContentError::Vanished { .. })), "{vanished:?}");
    assert!(matches!(changed, EngineError::Content(ContentError::Changed { .. })), "{changed:?}");
    assert!(changed.source().unwrap().to_string().contains("extra"));
    assert_eq!(image.files("/app").await[b"extra".as_slice()].content, planned.as_bytes());
}

async fn a_blob_that_is_not_there_is_named(on: BedEngine) {
    let engine = support::connect(on).await;
    let repository = Repository::new();
    let other = Repository::new();
    let mut file = repository.file("a", unique());
    if let Content::Blob { blobs, .. } = &mut file.content {
        *blobs = other.blobs();
    }

    let error = support::build(&engine, &request(&format!("FROM {BASE}\nCOPY . /app\n"), vec![file]))
        .await
        .err()
        .unwrap();

    assert!(matches!(error, EngineError::Content(ContentError::Blob { .. })), "{error:?}");
}

#[tokio::test]
async fn an_engine_that_is_not_there_is_unreachable_and_the_hint_says_how_to_start_it() {
    let folder = tempfile::tempdir().unwrap();
    let host = DockerHost::Unix(folder.path().join("docker.sock"));

    let error = DockerEngine::connect(&host.into()).await.unwrap_err();

    assert!(matches!(error, EngineError::Docker(DockerError::Unreachable { .. })), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::Environment);
    assert!(error.hint().unwrap().contains("start"));
    assert!(error.to_string().contains("docker.sock"));
}

async fn a_build_that_is_dropped_ends_in_the_engine_too(on: BedEngine) {
    let engine = support::connect(on).await;
    let marker = unique();
    let request =
        request(&format!("FROM {BASE}\nENV MARKER={marker}\nRUN echo begun; exec sleep 1000\n"), vec![]);
    let (begun, mut has_begun) = tokio::sync::mpsc::unbounded_channel();
    let tell = move |progress| {
        if matches!(progress, Progress::Log { .. }) {
            begun.send(()).unwrap();
        }
    };

    tokio::select! {
        built = engine.build(&request, &tell) => panic!("it ended by itself: {built:?}"),
        _ = has_begun.recv() => {}
    }

    let marker = format!("MARKER={marker}");
    let ended = async {
        while is_running_with(&marker) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), ended).await.expect("the step runs on");
}

/// Whether some process of this machine has this in its environment.
fn is_running_with(setting: &str) -> bool {
    std::fs::read_dir("/proc").unwrap().flatten().any(|process| {
        std::fs::read(process.path().join("environ")).is_ok_and(|environment| {
            environment.split(|&byte| byte == 0).any(|one| one == setting.as_bytes())
        })
    })
}
