//! Logins for the registries that the engine asks for while it builds.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use super::EngineError;
use super::error::DOCKER_HUB_REGISTRY;
use crate::docker::{DockerConfig, DockerConfigError};
use crate::model::{Host, Login, Secret};

/// Where the logins for registries come from. The engine gets one when it asks for it, and no others.
#[derive(Clone, Debug, Default)]
pub struct Logins {
    /// For the cache.
    cache: Option<(Host, Arc<dyn LoginSource>)>,
    /// Those that variables of the environment have, or why they have none; by the name that the engine asks for.
    variables: BTreeMap<String, Result<Login, String>>,
    /// For all other hosts.
    config: Option<DockerConfig>,
    /// For those that the configuration has no login for.
    source: Option<Arc<dyn LoginSource>>,
}

/// Knows logins that are in no configuration.
#[async_trait]
pub trait LoginSource: Debug + Send + Sync {
    /// What to log in to `host` with, or why that can't be had. `None` for a host that it is not responsible for.
    async fn login(&self, host: &Host) -> Option<Result<Login, String>>;
}

/// A login that stays the same.
#[async_trait]
impl LoginSource for Login {
    async fn login(&self, _: &Host) -> Option<Result<Login, String>> {
        Some(Ok(self.clone()))
    }
}

impl Logins {
    /// No login for any host.
    pub fn none() -> Self {
        Self::default()
    }

    /// The logins in Docker's configuration and its helpers.
    pub fn of(config: DockerConfig) -> Self {
        Self { config: Some(config), ..Self::default() }
    }

    /// Asks `source` where the configuration has no login.
    #[must_use]
    pub fn with_source(mut self, source: Arc<dyn LoginSource>) -> Self {
        self.source = Some(source);
        self
    }

    /// Adds a login that variables of the environment have, or why they have none. It comes before the configuration's.
    #[must_use]
    pub fn with_variables(mut self, host: &Host, login: Result<Login, String>) -> Self {
        self.variables.insert(asked_name(host.as_str()).to_owned(), login);
        self
    }

    /// Asks `source` for the login of the cache, which comes before any other for this host.
    #[must_use]
    pub fn with_cache(mut self, host: &Host, source: Arc<dyn LoginSource>) -> Self {
        self.cache = Some((host.clone(), source));
        self
    }

    /// Looks up what to log in to `host` with.
    ///
    /// # Errors
    /// [`DockerConfigError`] when Docker's configuration or a helper fails.
    pub(super) async fn find(&self, host: &str) -> Result<Offer, DockerConfigError> {
        let offer = |login, origin| Offer { host: host.to_owned(), login, origin };
        if let Some((cache, source)) = &self.cache
            && asked_name(cache.as_str()) == asked_name(host)
            && let Some(answer) = source.login(cache).await
        {
            return Ok(match answer {
                Ok(login) => offer(Some(login), Origin::Cache),
                Err(why) => offer(None, Origin::Source(Some(why))),
            });
        }
        match self.variables.get(asked_name(host)) {
            Some(Ok(login)) => return Ok(offer(Some(login.clone()), Origin::Variables)),
            Some(Err(why)) => return Ok(offer(None, Origin::Source(Some(why.clone())))),
            None => {}
        }
        let (login, origin) = match &self.config {
            None => (None, Origin::Nowhere),
            Some(config) => {
                let path = config.path().display().to_string();
                (config.login(host).await?, Origin::Config(path))
            }
        };
        if login.is_none()
            && let Some(answer) = self.ask_source(host).await
        {
            let origin = Origin::Source(answer.as_ref().err().cloned());
            return Ok(offer(answer.ok(), origin));
        }
        Ok(offer(login, origin))
    }

    async fn ask_source(&self, host: &str) -> Option<Result<Login, String>> {
        self.source.as_ref()?.login(&host.parse().ok()?).await
    }
}

/// The name of a host as the engine asks for it.
fn asked_name(host: &str) -> &str {
    match host {
        "docker.io" | "index.docker.io" => DOCKER_HUB_REGISTRY,
        host => host,
    }
}

/// What the engine was given when it asked for a host's login.
#[derive(Debug)]
pub(super) struct Offer {
    host: String,
    login: Option<Login>,
    origin: Origin,
}

/// Where a login was looked for.
#[derive(Debug)]
enum Origin {
    Cache,
    /// Variables of the environment.
    Variables,
    Config(String),
    /// A source besides the configuration, or why that has none.
    Source(Option<String>),
    /// An untrusted run, or a user without a home.
    Nowhere,
}

impl Offer {
    /// User name and secret, as the engine wants them. Both empty: there is no login, and the registry is asked without.
    /// An identity token has no user name.
    pub(super) fn answer(&self) -> (String, Secret) {
        match &self.login {
            Some(Login::Password(credentials)) => {
                (credentials.username.clone(), credentials.password.clone())
            }
            Some(Login::IdentityToken(token)) => (String::new(), token.clone()),
            None => (String::new(), Secret::new("")),
        }
    }

    /// What happened, for a person who reads that the registry refused.
    fn describe(&self) -> String {
        let login = match &self.login {
            None => "without a login".to_owned(),
            Some(Login::IdentityToken(_)) => "with an identity token".to_owned(),
            Some(Login::Password(credentials)) => format!("as `{}`", credentials.username),
        };
        match (&self.login, &self.origin) {
            (Some(_), Origin::Cache) => format!("{login}, with the login of the cache"),
            (Some(_), Origin::Variables) => {
                format!("{login}, with the login that `CHINAMPA_REGISTRY_LOGINS` names")
            }
            (Some(_), Origin::Config(path)) => format!("{login}, with the login from `{path}`"),
            (None, Origin::Source(Some(why))) => format!("{login}: {why}"),
            (None, Origin::Config(path)) => format!("{login}: `{path}` has none for it"),
            (_, Origin::Nowhere) => format!("{login}: only the cache's is used here"),
            (_, Origin::Source(_)) | (None, Origin::Cache | Origin::Variables) => login,
        }
    }

    /// Whether a failed build is about an image of this host.
    fn is_named_in(&self, step: Option<&str>, message: &str) -> bool {
        let names: &[&str] = match asked_name(&self.host) {
            DOCKER_HUB_REGISTRY => &[DOCKER_HUB_REGISTRY, "docker.io/"],
            host => &[host],
        };
        // What a command of the Dockerfile does at a host is not done with this login.
        let is_command = step.is_some_and(|step| step.contains("] RUN "));
        !is_command
            && names.iter().any(|name| message.contains(name) || step.is_some_and(|step| step.contains(name)))
    }
}

/// Adds to the error of a failed build which login was used for the registry that it names.
///
/// Engines differ in their texts, and say neither that a password was wrong nor where it came from.
pub(super) fn explain(error: EngineError, offers: &[Offer]) -> EngineError {
    let EngineError::BuildFailed { step, message, .. } = &error else { return error };
    match offers.iter().find(|offer| offer.is_named_in(step.as_deref(), message)) {
        None => error,
        Some(offer) => EngineError::PullFailed {
            host: offer.host.clone(),
            login: offer.describe(),
            source: Box::new(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::model::Credentials;

    fn credentials(username: &str) -> Credentials {
        Credentials { username: username.to_owned(), password: Secret::new("hunter2") }
    }

    fn cache(username: &str) -> Arc<dyn LoginSource> {
        Arc::new(Login::from(credentials(username)))
    }

    fn config(content: &str) -> (tempfile::TempDir, DockerConfig) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        std::fs::write(&path, content).unwrap();
        (folder, DockerConfig::new(path))
    }

    async fn user(logins: &Logins, host: &str) -> String {
        logins.find(host).await.unwrap().answer().0
    }

    #[tokio::test]
    async fn the_caches_login_comes_before_the_configurations() {
        let (_folder, config) =
            config(r#"{"auths": {"a.example": {"auth": "YTpw"}, "b.example": {"auth": "YjpwOnE="}}}"#);
        let logins = Logins::of(config).with_cache(&"a.example".parse().unwrap(), cache("cache"));

        assert_eq!(user(&logins, "a.example").await, "cache");
        assert_eq!(user(&logins, "b.example").await, "b");
        assert_eq!(user(&logins, "c.example").await, "");
    }

    #[tokio::test]
    async fn a_login_that_variables_have_comes_before_the_configurations() {
        let (_folder, config) = config(r#"{"auths": {"a.example": {"auth": "YTpw"}}}"#);
        let logins = Logins::of(config)
            .with_variables(&"a.example".parse().unwrap(), Ok(credentials("variable").into()));

        let offer = logins.find("a.example").await.unwrap();

        let described = "as `variable`, with the login that `CHINAMPA_REGISTRY_LOGINS` names";
        assert_eq!(offer.describe(), described);
    }

    #[tokio::test]
    async fn variables_that_have_no_login_are_told_and_nobody_elses_is_taken() {
        let (_folder, config) = config(r#"{"auths": {"a.example": {"auth": "YTpw"}}}"#);
        let why = Err("`TOKEN` is not set".to_owned());
        let logins = Logins::of(config).with_variables(&"a.example".parse().unwrap(), why);

        let offer = logins.find("a.example").await.unwrap();

        assert_eq!(
            (offer.answer().0.as_str(), offer.describe()),
            ("", "without a login: `TOKEN` is not set".to_owned())
        );
    }

    /// Knows `b.example`, and fails at `c.example`.
    #[derive(Debug)]
    struct Source;

    #[async_trait]
    impl LoginSource for Source {
        async fn login(&self, host: &Host) -> Option<Result<Login, String>> {
            match host.as_str() {
                "b.example" => Some(Ok(credentials("source").into())),
                "c.example" => Some(Err("nobody is signed in".to_owned())),
                _ => None,
            }
        }
    }

    /// Knows a new login each time.
    #[derive(Debug, Default)]
    struct Renewed(AtomicUsize);

    #[async_trait]
    impl LoginSource for Renewed {
        async fn login(&self, _: &Host) -> Option<Result<Login, String>> {
            Some(Ok(credentials(&self.0.fetch_add(1, Ordering::Relaxed).to_string()).into()))
        }
    }

    #[tokio::test]
    async fn the_caches_login_is_asked_for_each_time_that_the_engine_asks() {
        let logins = Logins::none().with_cache(&"a.example".parse().unwrap(), Arc::new(Renewed::default()));

        let users = [user(&logins, "a.example").await, user(&logins.clone(), "a.example").await];

        assert_eq!(users, ["0", "1"]);
    }

    // issue 14: E1
    #[tokio::test]
    async fn where_the_configuration_has_no_login_the_source_is_asked() {
        let (_folder, config) = config(r#"{"auths": {"a.example": {"auth": "YTpw"}}}"#);
        let logins = Logins::of(config).with_source(Arc::new(Source));
        let describe = async |host: &str| logins.find(host).await.unwrap().describe();

        assert_eq!(user(&logins, "a.example").await, "a");
        assert_eq!(describe("b.example").await, "as `source`");
        assert_eq!(describe("c.example").await, "without a login: nobody is signed in");
        assert!(describe("d.example").await.ends_with("has none for it"));
    }

    #[tokio::test]
    async fn a_cache_at_docker_hub_is_known_by_the_name_that_the_engine_asks_for() {
        let logins = Logins::none().with_cache(&"docker.io".parse().unwrap(), cache("hub"));

        assert_eq!(user(&logins, "registry-1.docker.io").await, "hub");
    }

    #[tokio::test]
    async fn an_identity_token_is_given_without_a_user() {
        let (_folder, config) = config(r#"{"auths": {"a.example": {"identitytoken": "t0ken"}}}"#);

        let offer = Logins::of(config).find("a.example").await.unwrap();

        let (user, secret) = offer.answer();
        assert_eq!((user.as_str(), secret.reveal()), ("", "t0ken"));
    }

    #[tokio::test]
    async fn a_failure_names_the_login_of_its_registry_and_no_password() {
        let logins = Logins::none().with_cache(&"a.example".parse().unwrap(), cache("u"));
        let offers = [logins.find("a.example").await.unwrap(), logins.find("b.example").await.unwrap()];
        let explained = |step: Option<&str>, message: &str| {
            let (step, message) = (step.map(str::to_owned), message.to_owned());
            let failed = EngineError::BuildFailed { step, log_tail: Vec::new(), message };
            explain(failed, &offers).to_string()
        };

        assert_eq!(
            explained(Some("[internal] load metadata for a.example/x:1"), "401"),
            "cannot pull from `a.example` as `u`, with the login of the cache"
        );
        assert_eq!(
            explained(None, "pulling from host b.example failed"),
            "cannot pull from `b.example` without a login: only the cache's is used here"
        );
        assert_eq!(explained(None, "no space"), "the build failed: no space");
        assert_eq!(
            explained(Some("[2/2] RUN curl a.example"), "exit code: 1"),
            "step `[2/2] RUN curl a.example` failed: exit code: 1"
        );
    }

    #[test]
    fn docker_hub_is_logged_in_to_without_a_name() {
        let hint = |host: &str| {
            let source = Box::new(EngineError::NoStage);
            EngineError::PullFailed { host: host.to_owned(), login: String::new(), source }.hint().unwrap()
        };

        assert_eq!(hint("registry-1.docker.io"), "log in with `docker login`");
        assert_eq!(hint("a.example"), "log in with `docker login a.example`");
    }
}
