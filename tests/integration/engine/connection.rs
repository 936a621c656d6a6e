//! The ways to an engine, and what happens when one is cut.

use chinampa::internals::docker::{DockerError, DockerHost};
use chinampa::internals::engine::{DockerEngine, Engine as _, EngineError, Progress};
use chinampa::internals::model::ErrorKind;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::engine::bridge::Bridge;
use crate::engine::support::{self, BASE, Repository, TestEngine, request, unique};
use crate::support::engines::{BedEngine, on_each_engine};

on_each_engine!(
    async
    an_engine_is_reached_over_tcp,
    a_connection_that_breaks_in_mid_build_is_a_failure_of_the_environment,
);

async fn an_engine_is_reached_over_tcp(on: BedEngine) {
    let bridge = Bridge::new(on).await;
    let engine = TestEngine::new(DockerEngine::connect(&bridge.host().into()).await.unwrap(), on);
    let repository = Repository::new();
    let request = request(&format!("FROM {BASE}\nCOPY . /app\n"), vec![repository.file("a", unique())]);

    let image = support::build(&engine, &request).await.unwrap();

    assert_eq!(image.files("/app").await.len(), 1);
}

async fn a_connection_that_breaks_in_mid_build_is_a_failure_of_the_environment(on: BedEngine) {
    let bridge = Bridge::new(on).await;
    let engine = DockerEngine::connect(&bridge.host().into()).await.unwrap();
    let bridge = std::sync::Mutex::new(Some(bridge));
    let dockerfile = format!("FROM {BASE}\nRUN echo {}; exec sleep 1000\n", unique());
    let cut = |progress| {
        if matches!(progress, Progress::Log { .. }) {
            drop(bridge.lock().unwrap().take());
        }
    };

    let error = engine.build(&request(&dockerfile, vec![]), &cut).await.unwrap_err();

    let EngineError::Lost { step: Some(step), source } = &error else { panic!("{error:?}") };
    assert!(matches!(source, DockerError::Broken { .. }), "{error:?}");
    assert!(step.contains("exec sleep 1000"), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::Environment);
}

// issue 14: E11
#[tokio::test]
async fn what_answers_like_no_engine_is_told_from_nobody() {
    for answer in [
        // A Docker engine that expects TLS.
        &b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"[..],
        // buildkitd, which begins with the settings of HTTP/2.
        b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x05\x00\x00\x40\x00",
        b"",
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host =
            DockerHost::Tcp { host: "127.0.0.1".to_owned(), port: listener.local_addr().unwrap().port() };
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                stream.readable().await.unwrap();
                stream.try_read(&mut [0; 4096]).unwrap();
                stream.write_all(answer).await.unwrap();
            }
        });

        let error = DockerEngine::connect(&host.into()).await.unwrap_err();

        assert!(matches!(error, EngineError::Docker(DockerError::NotAnEngine { .. })), "{error:?}");
        assert_eq!(error.kind(), ErrorKind::Environment);
        assert!(error.hint().unwrap().contains("DOCKER_TLS_VERIFY"), "{error:?}");
    }
}
