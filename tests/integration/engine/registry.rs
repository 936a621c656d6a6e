//! Pushing, and building from what a registry holds.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, mpsc};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chinampa::internals::engine::{BuildRequest, Engine as _, EngineError, Logins, Step};
use chinampa::internals::model::{Credentials, Host, ImageRef, Login, ManifestDigest, Secret};

use crate::engine::support::{self, BASE, Repository, TestEngine, request, unique};
use crate::support::bed;
use crate::support::engines::{BedEngine, on_each_engine};

on_each_engine!(
    async
    a_pushed_image_has_in_the_registry_the_digest_that_was_returned,
    a_push_that_is_denied_or_of_nothing_is_a_failure,
    a_password_of_any_characters_reaches_the_registry,
    a_private_parent_is_pulled_with_the_requests_credentials_only,
    another_machine_takes_the_layers_from_the_registry,
);

fn host() -> Host {
    bed::setting("REGISTRY_1").parse().unwrap()
}

fn credentials() -> Credentials {
    let password = Secret::new(bed::setting("REGISTRY_1_PASSWORD"));
    Credentials { username: bed::setting("REGISTRY_1_USER"), password }
}

/// A reference in the bed's registry that nobody else uses.
fn new_image() -> ImageRef {
    format!("{}/engine-{}:v1", host(), unique()).parse().unwrap()
}

async fn build_and_push(engine: &TestEngine, request: &BuildRequest) -> (ImageRef, ManifestDigest) {
    let image = support::build(engine, request).await.unwrap();
    let name = new_image();
    engine.tag(&image.id(), &name).await.unwrap();
    let digest = engine.push(&name, Some(&credentials().into())).await.unwrap();
    (name, digest)
}

/// What the registry itself says that a tag stands for.
fn digest_in_registry(image: &ImageRef) -> String {
    let path = format!("/v2/{}/manifests/{}", image.repository, image.tag.as_ref().unwrap());
    let mut stream = TcpStream::connect(host().as_str()).unwrap();
    let user = format!("{}:{}", credentials().username, credentials().password.reveal());
    write!(
        stream,
        "HEAD {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Basic {}\r\n\
         Accept: application/vnd.docker.distribution.manifest.v2+json\r\nConnection: close\r\n\r\n",
        host(),
        STANDARD.encode(user)
    )
    .unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    let header = lines.find_map(|line| line.strip_prefix("Docker-Content-Digest: ").map(str::to_owned));
    header.expect("the registry names a digest")
}

async fn a_pushed_image_has_in_the_registry_the_digest_that_was_returned(on: BedEngine) {
    let engine = support::connect(on).await;

    let request = request(&format!("FROM {BASE}\nRUN echo {} > /a\n", unique()), vec![]);
    let (name, digest) = build_and_push(&engine, &request).await;

    assert_eq!(digest_in_registry(&name), digest.to_string());
}

async fn a_push_that_is_denied_or_of_nothing_is_a_failure(on: BedEngine) {
    let engine = support::connect(on).await;
    let image = support::build(&engine, &request(&format!("FROM {BASE}\nRUN echo {}\n", unique()), vec![]))
        .await
        .unwrap();
    let name = new_image();
    engine.tag(&image.id(), &name).await.unwrap();
    let wrong = Credentials { password: Secret::new("wrong"), ..credentials() };

    let denied = engine.push(&name, Some(&wrong.into())).await.unwrap_err();
    let anonymous = engine.push(&name, None).await.unwrap_err();
    let nothing = engine.push(&new_image(), Some(&credentials().into())).await.unwrap_err();

    assert!(matches!(denied, EngineError::PushFailed { .. }), "{denied:?}");
    assert!(matches!(anonymous, EngineError::PushFailed { .. }), "{anonymous:?}");
    assert!(matches!(nothing, EngineError::PushFailed { .. }), "{nothing:?}");
    assert!(!format!("{denied:?} {denied}").contains("wrong"));
}

/// Their base64 has a `+` or a `/` where it is not the URL's alphabet.
async fn a_password_of_any_characters_reaches_the_registry(on: BedEngine) {
    let engine = support::connect(on).await;
    let image = support::build(&engine, &request(&format!("FROM {BASE}\nRUN echo {}\n", unique()), vec![]))
        .await
        .unwrap();
    for password in ["?>~?>~?>~?>~", "x?>~?>~?>~?>~", "xx?>~?>~?>~?>~", "\"\\/+ üÿ"] {
        let (address, logins) = listening_registry();
        let name: ImageRef = format!("{address}/a:v1").parse().unwrap();
        engine.tag(&image.id(), &name).await.unwrap();
        let credentials = Credentials { username: "user".to_owned(), password: Secret::new(password) };

        engine.push(&name, Some(&credentials.into())).await.unwrap_err();

        assert_eq!(logins.try_recv(), Ok(STANDARD.encode(format!("user:{password}"))), "{password}");
    }
}

/// A registry that asks for a password, tells it, and denies everything.
fn listening_registry() -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (tell, logins) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let login = lines
                .take_while(|line| !line.is_empty())
                .filter_map(|line| Some(line.strip_prefix("Authorization: Basic ")?.to_owned()))
                .last();
            let status = if login.is_some() { "403 Forbidden" } else { "401 Unauthorized" };
            // The test may have seen enough, and the engine may have hung up.
            let _ = login.map(|login| tell.send(login));
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\nWWW-Authenticate: Basic realm=\"test\"\r\nContent-Length: 0\r\n\
                 Docker-Distribution-Api-Version: registry/2.0\r\nConnection: close\r\n\r\n"
            );
        }
    });
    (address, logins)
}

async fn a_private_parent_is_pulled_with_the_requests_credentials_only(on: BedEngine) {
    let engine = support::connect(on).await;
    let nonce = unique();
    let parent = request(&format!("FROM {BASE}\nRUN echo {nonce} > /parent\n"), vec![]);
    let (name, digest) = build_and_push(&engine, &parent).await;
    let dockerfile = format!("FROM {}@{digest}\nRUN cat /parent > /child\n", name.name());
    let mut child = request(&dockerfile, vec![]);
    child.pull = true;
    let other = support::connect(on.of_another_machine()).await;

    let denied = other.build(&child, &|_| ()).await.unwrap_err();
    child.logins = Logins::none().with_cache(&host(), Arc::new(Login::from(credentials())));
    let built = other.build(&child, &|_| ()).await.unwrap();

    assert!(
        matches!(&denied, EngineError::PullFailed { host: at, .. } if *at == host().as_str()),
        "{denied:?}"
    );
    assert_eq!((built.steps.len(), Step::count_cached(&built.steps)), (1, 0));
    support::remove(&other.client, &built.image.to_string()).await;
}

async fn another_machine_takes_the_layers_from_the_registry(on: BedEngine) {
    let engine = support::connect(on).await;
    let repository = Repository::new();
    let base = request(&format!("FROM {BASE}\nRUN echo {}\n", unique()), vec![]);
    let (base, base_digest) = build_and_push(&engine, &base).await;
    let dockerfile =
        format!("FROM {}@{base_digest}\nCOPY a /a\nRUN cat /a > /b\nCOPY late /late\n", base.name());
    let files = |late: &str| vec![repository.file("a", base.to_string()), repository.file("late", late)];
    let mut request_1 = request(&dockerfile, files("one"));
    request_1.inline_cache = true;
    request_1.logins = Logins::none().with_cache(&host(), Arc::new(Login::from(credentials())));
    let (image, _) = build_and_push(&engine, &request_1).await;
    let other = support::connect(on.of_another_machine()).await;
    let absent = new_image();
    let mut request_2 = request(&dockerfile, files("two"));
    request_2.logins = request_1.logins.clone();
    request_2.cache_from = vec![absent, image];

    let built = other.build(&request_2, &|_| ()).await.unwrap();

    let cached = if on.has_inline_cache() { 2 } else { 0 };
    assert_eq!((built.steps.len(), Step::count_cached(&built.steps)), (3, cached));
    support::remove(&other.client, &built.image.to_string()).await;
}
