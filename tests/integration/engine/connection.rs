//! The ways to an engine, and what happens when one is cut.

use chinampa::internals::docker::{DockerError, DockerHost};
use chinampa::internals::engine::{DockerEngine, Engine as _, EngineError, Progress};
use chinampa::internals::model::ErrorKind;
use tokio::net::{TcpListener, UnixStream};
use tokio::task::JoinSet;

use crate::engine::support::{self, BASE, Repository, request, unique};
use crate::support::bed;

/// Leads TCP connections to the machine's own engine, until it is dropped.
pub(crate) struct Bridge {
    pub(crate) host: DockerHost,
    _connections: JoinSet<()>,
}

impl Bridge {
    pub(crate) async fn new() -> Self {
        let socket = bed::setting("DOCKER_HOST_1").strip_prefix("unix://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let mut far = UnixStream::connect(&socket).await.unwrap();
                connections.spawn(async move { tokio::io::copy_bidirectional(&mut near, &mut far).await });
            }
        });
        Self { host: DockerHost::Tcp { host: "127.0.0.1".to_owned(), port }, _connections: accepting }
    }
}

#[tokio::test]
async fn an_engine_is_reached_over_tcp() {
    let bridge = Bridge::new().await;
    let engine = DockerEngine::connect(&bridge.host).await.unwrap();
    let repository = Repository::new();
    let request = request(&format!("FROM {BASE}\nCOPY . /app\n"), vec![repository.file("a", unique())]);

    let image = support::build(&engine, &request).await.unwrap();

    assert_eq!(image.files("/app").await.len(), 1);
}

#[tokio::test]
async fn a_connection_that_breaks_in_mid_build_is_a_failure_of_the_environment() {
    let bridge = Bridge::new().await;
    let engine = DockerEngine::connect(&bridge.host).await.unwrap();
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
