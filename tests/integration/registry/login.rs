//! What is shown to whom.

use chinampa::internals::model::{Credentials, Secret};
use chinampa::internals::registry::{CredentialsSource, OciRegistry, Registry, RegistryError};

use crate::registry::{HURRIED, credentials, new_repository, put, registry, registry_with, tag, upstream};
use crate::support::proxy::{Fault, Proxy, Rule};

fn known(username: &str, password: &str) -> CredentialsSource {
    CredentialsSource::Known(Credentials { username: username.into(), password: Secret::new(password) })
}

/// Answers with these, one after the other.
fn answers<const N: usize>(answers: [Fault; N]) -> [Rule; N] {
    answers.map(|fault| Rule { method: "HEAD", path: "", times: 1, fault })
}

fn unauthorized(challenge: &str) -> Fault {
    Fault::Status {
        code: 401,
        headers: vec![("www-authenticate", challenge.to_owned())],
        body: String::new(),
    }
}

fn present() -> Fault {
    let digest = format!("sha256:{}", "0".repeat(64));
    Fault::Status { code: 200, headers: vec![("docker-content-digest", digest)], body: String::new() }
}

#[tokio::test]
async fn a_token_that_has_run_out_is_renewed() {
    let token = |token: &str| {
        let body = format!(r#"{{"token": "{token}"}}"#);
        let fault = Fault::Status { code: 200, headers: Vec::new(), body };
        Rule { method: "GET", path: "/token?service=it&scope=repository%3Aapi%3Apull", times: 1, fault }
    };
    let service = Proxy::start("127.0.0.1:1", [token("old"), token("new")]).await;
    let challenge = bearer(&service);
    let rules = answers([unauthorized(&challenge), present(), unauthorized(&challenge), present()]);
    let proxy = Proxy::start(&upstream(), rules).await;
    let registry = registry_with(proxy.host(), CredentialsSource::Nobody, HURRIED);

    for _ in 0..2 {
        assert!(registry.find(&"api".parse().unwrap(), &tag("a")).await.unwrap().is_some());
    }

    let sent: Vec<_> = proxy.record().into_iter().map(|passed| passed.authorization).collect();
    let bearer = |token: &str| Some(format!("Bearer {token}"));
    assert_eq!(sent, [None, bearer("old"), bearer("old"), bearer("new")]);
}

/// A token service that answers with this each time.
async fn token_service(code: u16, body: &str) -> Proxy {
    let fault = Fault::Status { code, headers: Vec::new(), body: body.to_owned() };
    Proxy::start("127.0.0.1:1", [Rule { method: "GET", path: "/token", times: usize::MAX, fault }]).await
}

fn bearer(service: &Proxy) -> String {
    format!(r#"Bearer realm="http://{}/token",service="it""#, service.host())
}

#[tokio::test]
async fn a_wrong_password_is_denied_without_a_retry_and_not_shown() {
    let proxy = Proxy::start(&upstream(), []).await;
    let registry = registry_with(proxy.host(), known("chinampa", "hunter2"), HURRIED);

    let error = registry.find(&new_repository(), &tag("a")).await.unwrap_err();

    assert!(matches!(error, RegistryError::Denied { .. }), "{error}");
    let refused = "the login of `chinampa`, in variables that `CHINAMPA_REGISTRY_LOGINS` names, was refused";
    assert_eq!(error.hint().as_deref(), Some(refused));
    assert_eq!(proxy.record().len(), 2);
    assert!(!format!("{error} {error:?} {registry:?}").contains("hunter2"));
}

#[tokio::test]
async fn without_credentials_a_locked_registry_is_denied_and_not_empty() {
    let registry = registry_with(&upstream(), CredentialsSource::Nobody, HURRIED);

    for answer in [
        registry.find(&new_repository(), &tag("a")).await.err(),
        registry.artifact(&new_repository(), &tag("a")).await.err(),
    ] {
        assert!(matches!(answer, Some(RegistryError::Denied { .. })), "{answer:?}");
    }
}

#[tokio::test]
async fn dockers_configuration_logs_in() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    let Credentials { username, password } = credentials();
    let auths = serde_json::json!({ upstream(): { "username": username, "password": password.reveal() } });
    std::fs::write(&path, serde_json::json!({ "auths": auths }).to_string()).unwrap();
    let registry = registry_with(&upstream(), CredentialsSource::DockerConfig(path), HURRIED);

    let found = registry.find(&new_repository(), &tag("a")).await.unwrap();

    assert_eq!(found, None);
    assert_eq!(registry.login().await.unwrap(), Some(credentials().into()));
}

#[tokio::test]
async fn a_broken_docker_configuration_is_an_error_and_not_anonymous() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    std::fs::write(&path, "{").unwrap();
    let registry = registry_with(&upstream(), CredentialsSource::DockerConfig(path), HURRIED);

    let error = registry.find(&new_repository(), &tag("a")).await.unwrap_err();

    assert!(matches!(error, RegistryError::Credentials { .. }), "{error}");
}

/// Docker's configuration with a password for `host`.
fn config(folder: &tempfile::TempDir, host: &str, password: &str) -> std::path::PathBuf {
    let path = folder.path().join("config.json");
    let auths = serde_json::json!({ host: { "username": "u", "password": password } });
    std::fs::write(&path, serde_json::json!({ "auths": auths }).to_string()).unwrap();
    path
}

fn basic(password: &str) -> Option<String> {
    let words = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("u:{password}"));
    Some(format!("Basic {words}"))
}

fn sent(proxy: &Proxy) -> Vec<Option<String>> {
    proxy.record().into_iter().map(|passed| passed.authorization).collect()
}

/// A registry that has given a new password since it was asked with the old one.
async fn with_new_password(proxy: &Proxy, folder: &tempfile::TempDir) -> OciRegistry {
    let source = CredentialsSource::DockerConfig(config(folder, proxy.host(), "old"));
    let registry = registry_with(proxy.host(), source, HURRIED);
    assert!(registry.find(&"api".parse().unwrap(), &tag("a")).await.unwrap().is_some());
    config(folder, proxy.host(), "new");
    registry
}

#[tokio::test]
async fn a_login_that_has_expired_is_asked_for_again() {
    let challenge = "Basic realm=\"x\"";
    let rules = answers([unauthorized(challenge), present(), unauthorized(challenge), present(), present()]);
    let proxy = Proxy::start(&upstream(), rules).await;
    let folder = tempfile::tempdir().unwrap();
    let registry = with_new_password(&proxy, &folder).await;

    for _ in 0..2 {
        assert!(registry.find(&"api".parse().unwrap(), &tag("a")).await.unwrap().is_some());
    }

    assert_eq!(sent(&proxy), [None, basic("old"), basic("old"), basic("new"), basic("new")]);
}

#[tokio::test]
async fn a_token_service_that_refuses_a_login_gets_a_new_one() {
    let token = |token: &str| Fault::Status {
        code: 200,
        headers: Vec::new(),
        body: format!(r#"{{"token": "{token}"}}"#),
    };
    let service = [token("1"), Fault::status(401), token("2")];
    let service = service.map(|fault| Rule { method: "GET", path: "/token", times: 1, fault });
    let service = Proxy::start("127.0.0.1:1", service).await;
    let challenge = bearer(&service);
    let rules = answers([unauthorized(&challenge), present(), unauthorized(&challenge), present()]);
    let proxy = Proxy::start(&upstream(), rules).await;
    let folder = tempfile::tempdir().unwrap();
    let registry = with_new_password(&proxy, &folder).await;

    assert!(registry.find(&"api".parse().unwrap(), &tag("b")).await.unwrap().is_some());

    assert_eq!(sent(&service), [basic("old"), basic("old"), basic("new")]);
}

#[tokio::test]
async fn nothing_secret_is_sent_before_the_registry_asks() {
    let proxy = Proxy::start(&upstream(), []).await;

    registry(proxy.host()).find(&new_repository(), &tag("a")).await.unwrap();

    let shown: Vec<bool> = proxy.record().iter().map(|passed| passed.authorization.is_some()).collect();
    assert_eq!(shown, [false, true]);
}

#[tokio::test]
async fn a_token_is_fetched_once_for_a_repository() {
    let service = token_service(200, r#"{"token": "t0ken"}"#).await;
    let rules = answers([unauthorized(&bearer(&service)), present(), present()]);
    let proxy = Proxy::start(&upstream(), rules).await;
    let registry = registry_with(proxy.host(), known("u", "hunter2"), HURRIED);

    for _ in 0..2 {
        assert!(registry.find(&"api".parse().unwrap(), &tag("a")).await.unwrap().is_some());
    }

    let sent: Vec<_> = proxy.record().into_iter().map(|passed| passed.authorization).collect();
    assert_eq!(sent, [None, Some("Bearer t0ken".to_owned()), Some("Bearer t0ken".to_owned())]);
    assert_eq!(service.lines(), ["GET /token 200"]);
    assert!(!format!("{registry:?}").contains("t0ken"));
}

#[tokio::test]
async fn a_token_that_is_refused_is_renewed_once_and_then_denied() {
    let service = token_service(200, r#"{"access_token": "t0ken"}"#).await;
    let challenge = bearer(&service);
    let rules = answers([(); 3].map(|()| unauthorized(&challenge)));
    let proxy = Proxy::start(&upstream(), rules).await;
    let registry = registry_with(proxy.host(), CredentialsSource::Nobody, HURRIED);

    let error = registry.find(&"api".parse().unwrap(), &tag("a")).await.unwrap_err();

    assert!(matches!(error, RegistryError::Denied { .. }), "{error}");
    assert_eq!((proxy.record().len(), service.record().len()), (2, 2));
}

#[tokio::test]
async fn a_token_service_in_trouble_is_not_a_wrong_password() {
    for (code, is_temporary) in [(503, true), (429, true), (401, false), (403, false)] {
        let service = token_service(code, "").await;
        let challenge = bearer(&service);
        let rules = answers([(); 5].map(|()| unauthorized(&challenge)));
        let proxy = Proxy::start(&upstream(), rules).await;
        let registry = registry_with(proxy.host(), known("u", "hunter2"), HURRIED);

        let error = registry.find(&"api".parse().unwrap(), &tag("a")).await.unwrap_err();

        assert_eq!(error.is_temporary(), is_temporary, "{code}: {error}");
        assert_eq!(service.record().len(), if is_temporary { 5 } else { 1 }, "{code}");
    }
}

#[tokio::test]
async fn an_upload_that_is_sent_elsewhere_takes_no_password_along() {
    let repository = new_repository();
    put(&repository, "1", &[tag("a")]).await;
    let elsewhere = Proxy::start(&upstream(), []).await;
    let headers = vec![("location", format!("http://{}/upload", elsewhere.host()))];
    let fault = Fault::Status { code: 202, headers, body: String::new() };
    let rule = Rule { method: "POST", path: "", times: usize::MAX, fault };
    let proxy = Proxy::start(&upstream(), [rule]).await;

    let content = bytes::Bytes::from_static(b"2");
    let stored =
        registry(proxy.host()).put_artifact(&repository, crate::registry::TYPE, content, &[tag("b")]).await;

    assert!(stored.is_err());
    let sent = elsewhere.record();
    assert!(sent.iter().all(|passed| passed.authorization.is_none()) && !sent.is_empty(), "{sent:?}");
}

// issue 12: S5
#[tokio::test]
async fn a_password_is_not_sent_to_a_token_service_elsewhere_without_tls() {
    let challenge = r#"Bearer realm="http://auth.invalid/token",service="it""#;
    let proxy = Proxy::start(&upstream(), answers([unauthorized(challenge)])).await;
    let registry = registry_with(proxy.host(), known("chinampa", "hunter2"), HURRIED);

    let error = registry.find(&"api".parse().unwrap(), &tag("a")).await.unwrap_err();

    assert!(
        matches!(&error, RegistryError::UnsafeRealm { realm, .. } if realm == "http://auth.invalid/token"),
        "{error:?}"
    );
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}
