//! What a registry wants to see before it answers.
//!
//! A request goes out with what is known. The first 401 tells which scheme the registry wants;
//! from then on Basic credentials, or a token for the repository and scope, go with every
//! request. A 401 after that means that the token is old: it is renewed once. ECR's token goes as Basic
//! credentials, and when it has expired the answer is 403.
//!

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};
use reqwest::{Client, RequestBuilder, StatusCode, Url};
use serde::Deserialize;
use tokio::sync::OnceCell;

use super::error::clean;
use super::http::{execute, read_body, refuse};
use super::{CredentialsSource, RegistryError};
use crate::model::{Credentials, Host, ImageRef, RepositoryName, Secret};

const MAX_TOKEN_BYTES: usize = 1 << 20;

/// What a request does to its repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scope {
    Pull,
    Push,
    /// Pushes what this other repository of the same registry has.
    MountFrom(RepositoryName),
    Delete,
}

/// What goes into a request's `Authorization` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Authorization {
    Basic(Credentials),
    Bearer(Secret),
}

impl Authorization {
    pub(super) fn put_on(&self, request: RequestBuilder) -> RequestBuilder {
        match self {
            Self::Basic(Credentials { username, password }) => {
                request.basic_auth(username, Some(password.reveal()))
            }
            Self::Bearer(token) => request.bearer_auth(token.reveal()),
        }
    }
}

/// How the registry wants to be convinced.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Challenge {
    Basic,
    Bearer { realm: String, service: Option<String> },
}

/// The credentials for a host, and what they have brought so far.
#[derive(Debug)]
pub(super) struct Auth {
    host: Host,
    /// The registry's own address.
    base: Url,
    client: Client,
    source: CredentialsSource,
    idle: Duration,
    credentials: OnceCell<Option<Credentials>>,
    cache: Mutex<TokenCache>,
}

#[derive(Debug, Default)]
struct TokenCache {
    /// `None` until the registry first asked.
    challenge: Option<Challenge>,
    /// The tokens of a token service.
    tokens: BTreeMap<(RepositoryName, Scope), Authorization>,
}

impl Auth {
    /// `idle` is that of the retry policy.
    pub(super) fn new(
        host: Host,
        base: Url,
        client: Client,
        source: CredentialsSource,
        idle: Duration,
    ) -> Self {
        Self { host, base, client, source, idle, credentials: OnceCell::new(), cache: Mutex::default() }
    }

    /// The credentials themselves: asked of their source once, unless they expire.
    pub(super) async fn credentials(&self) -> Result<Option<Credentials>, RegistryError> {
        let ask = || self.source.credentials(&self.host);
        let credentials = match self.source.expire() {
            true => ask().await,
            false => self.credentials.get_or_try_init(ask).await.cloned(),
        };
        credentials.map_err(|source| RegistryError::Credentials { host: self.host.clone(), source })
    }

    /// What to send along with a request; `None` when the registry has not asked for anything.
    pub(super) async fn authorization(
        &self,
        image: &ImageRef,
        scope: &Scope,
    ) -> Result<Option<Authorization>, RegistryError> {
        let challenge = {
            let cache = self.cache();
            if let Some(authorization) = cache.tokens.get(&(image.repository.clone(), scope.clone())) {
                return Ok(Some(authorization.clone()));
            }
            cache.challenge.clone()
        };
        match challenge {
            Some(challenge) => self.obtain(&challenge, image, scope).await,
            None => Ok(None),
        }
    }

    /// Whether other credentials may change an answer of this status: ECR says 403 to an expired token.
    pub(super) fn may_change(&self, status: StatusCode) -> bool {
        status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN && self.source.expire()
    }

    /// What to send instead of `used`, which was refused; `None` when there is nothing better.
    pub(super) async fn renewed(
        &self,
        image: &ImageRef,
        scope: &Scope,
        answer: &HeaderMap,
        used: Option<&Authorization>,
    ) -> Result<Option<Authorization>, RegistryError> {
        let Some(challenge) = read_challenge(answer).or_else(|| self.cache().challenge.clone()) else {
            return Ok(None);
        };
        if let Some(Authorization::Basic(refused)) = used {
            self.source.refuse(refused);
        }
        self.cache().challenge = Some(challenge.clone());
        let obtained = self.obtain(&challenge, image, scope).await?;
        Ok(obtained.filter(|obtained| Some(obtained) != used))
    }

    async fn obtain(
        &self,
        challenge: &Challenge,
        image: &ImageRef,
        scope: &Scope,
    ) -> Result<Option<Authorization>, RegistryError> {
        let credentials = self.credentials().await?;
        let token = match challenge {
            Challenge::Basic => return Ok(credentials.map(Authorization::Basic)),
            Challenge::Bearer { realm, service } => {
                let url = token_url(realm, service.as_deref(), image, scope)
                    .ok_or_else(|| RegistryError::malformed(image, "the token service has no address"))?;
                if !is_safe(&url, &self.base, credentials.is_some()) {
                    return Err(RegistryError::UnsafeRealm {
                        image: Box::new(image.clone()),
                        realm: clean(realm),
                    });
                }
                self.fetch_token(url, credentials, image).await?
            }
        };
        let authorization = Authorization::Bearer(token);
        self.cache().tokens.insert((image.repository.clone(), scope.clone()), authorization.clone());
        Ok(Some(authorization))
    }

    async fn fetch_token(
        &self,
        url: Url,
        credentials: Option<Credentials>,
        image: &ImageRef,
    ) -> Result<Secret, RegistryError> {
        let request = self.client.get(url);
        let request = match credentials {
            Some(credentials) => Authorization::Basic(credentials).put_on(request),
            None => request,
        };
        let response = execute(image, request, self.idle).await?;
        if !response.status().is_success() {
            return Err(refuse(image, response).await?);
        }
        let body = read_body(image, response, MAX_TOKEN_BYTES).await?;
        read_token(&body)
            .ok_or_else(|| RegistryError::malformed(image, "the token service did not answer with a token"))
    }

    fn cache(&self) -> MutexGuard<'_, TokenCache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The answer of a token service, by the distribution specification's token authentication.
#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    /// The same, as OAuth 2.0 names it; either is there, or both.
    access_token: Option<String>,
}

fn read_token(body: &[u8]) -> Option<Secret> {
    let answer: TokenAnswer = serde_json::from_slice(body).ok()?;
    answer.token.or(answer.access_token).map(Secret::new)
}

/// Whether a token may be asked of this address for the registry at `base`, which chose it.
///
/// What nobody can read on the way goes anywhere: the registry gets the credentials itself. Without TLS they go to the registry's own
/// host, or stay on this machine; without credentials nothing is lost where the registry itself is spoken to without TLS.
fn is_safe(url: &Url, base: &Url, has_credentials: bool) -> bool {
    let is_own_host = url.host().is_some() && url.host() == base.host();
    let are_loopback = is_loopback(url) && is_loopback(base);
    url.scheme() == "https"
        || url.scheme() == "http"
            && base.scheme() == "http"
            && (is_own_host || are_loopback || !has_credentials)
}

fn is_loopback(url: &Url) -> bool {
    url.host_str().and_then(|host| host.parse::<Host>().ok()).is_some_and(|host| host.is_loopback())
}

fn token_url(realm: &str, service: Option<&str>, image: &ImageRef, scope: &Scope) -> Option<Url> {
    let actions = match scope {
        Scope::Pull => "pull",
        Scope::Push | Scope::MountFrom(_) => "pull,push",
        Scope::Delete => "pull,delete",
    };
    let mut url = Url::parse(realm).ok()?;
    url.query_pairs_mut()
        .extend_pairs(service.map(|service| ("service", service)))
        .append_pair("scope", &format!("repository:{}:{actions}", image.repository));
    if let Scope::MountFrom(other) = scope {
        url.query_pairs_mut().append_pair("scope", &format!("repository:{other}:pull"));
    }
    Some(url)
}

/// Bearer is preferred: a registry that offers it grants more with it.
fn read_challenge(answer: &HeaderMap) -> Option<Challenge> {
    let headers = answer.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    let offers: Vec<_> =
        headers.filter_map(|text| http_auth::parse_challenges(text).ok()).flatten().collect();
    let parameter = |offer: &http_auth::ChallengeRef<'_>, name: &str| {
        let found = offer.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.to_unescaped())
    };
    let bearer =
        offers.iter().filter(|offer| offer.scheme.eq_ignore_ascii_case("bearer")).find_map(|offer| {
            Some(Challenge::Bearer {
                realm: parameter(offer, "realm")?,
                service: parameter(offer, "service"),
            })
        });
    bearer.or_else(|| {
        offers.iter().any(|offer| offer.scheme.eq_ignore_ascii_case("basic")).then_some(Challenge::Basic)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(values: &[&str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, value.parse().unwrap());
        }
        read_challenge(&headers)
    }

    #[test]
    fn bearer_is_preferred_and_nonsense_is_no_challenge() {
        let bearer =
            Challenge::Bearer { realm: "https://auth.example/token".into(), service: Some("r".into()) };
        let offer = r#"Bearer realm="https://auth.example/token",service="r",scope="repository:a:pull""#;

        assert_eq!(challenge(&["Basic realm=\"x\"", offer]), Some(bearer));
        assert_eq!(challenge(&["basic realm=\"x\""]), Some(Challenge::Basic));
        assert_eq!(challenge(&["Bearer service=\"r\""]), None);
        assert_eq!(challenge(&["\"", ""]), None);
    }

    #[test]
    fn a_token_may_have_either_name_or_both() {
        for (body, expected) in [
            (r#"{"token":"a","expires_in":300}"#, Some("a")),
            (r#"{"access_token":"b"}"#, Some("b")),
            (r#"{"token":"a","access_token":"b"}"#, Some("a")),
            (r#"{"token":null,"access_token":"b"}"#, Some("b")),
            (r#"{"token":1}"#, None),
            ("{}", None),
            ("a", None),
        ] {
            let token = read_token(body.as_bytes());

            assert_eq!(token.as_ref().map(Secret::reveal), expected, "{body}");
        }
    }

    // issue 12: S5
    #[test]
    fn a_password_goes_to_a_token_service_only_where_nobody_reads_along() {
        let is_safe = |base: &str, url: &str| {
            let (base, url) = (Url::parse(base).unwrap(), Url::parse(url).unwrap());
            (is_safe(&url, &base, true), is_safe(&url, &base, false))
        };

        for (base, url, with_and_without_credentials) in [
            ("https://r.example", "https://auth.example/token", (true, true)),
            ("http://r.example", "https://auth.example/token", (true, true)),
            ("http://r.example", "http://r.example:81/token", (true, true)),
            ("http://localhost:5000", "http://127.0.0.1:5001/token", (true, true)),
            ("http://[::1]:5000", "http://localhost/token", (true, true)),
            ("http://localhost:5000", "http://auth.example/token", (false, true)),
            ("http://r.example", "http://localhost/token", (false, true)),
            ("http://r.example", "http://r.example.evil.example/token", (false, true)),
            ("https://r.example", "http://r.example/token", (false, false)),
            ("https://r.example", "ftp://r.example/token", (false, false)),
            ("http://r.example", "file:///token", (false, false)),
        ] {
            assert_eq!(is_safe(base, url), with_and_without_credentials, "{base} {url}");
        }
    }

    #[test]
    fn a_token_is_asked_for_one_repository_and_scope() {
        let image: ImageRef = "r.example/team/api".parse().unwrap();

        let url = token_url("https://auth.example/token?a=b", Some("r e"), &image, &Scope::Push).unwrap();

        assert_eq!(
            url.as_str(),
            "https://auth.example/token?a=b&service=r+e&scope=repository%3Ateam%2Fapi%3Apull%2Cpush"
        );
    }

    #[test]
    fn what_is_mounted_needs_a_token_for_both_repositories() {
        let image: ImageRef = "r.example/api".parse().unwrap();
        let scope = Scope::MountFrom("cache/api".parse().unwrap());

        let url = token_url("https://auth.example/token", None, &image, &scope).unwrap();

        assert_eq!(
            url.as_str(),
            "https://auth.example/token?scope=repository%3Aapi%3Apull%2Cpush&scope=repository%3Acache%2Fapi%3Apull"
        );
    }

    #[test]
    fn what_is_sent_is_never_shown() {
        let basic =
            Authorization::Basic(Credentials { username: "u".into(), password: Secret::new("hunter2") });
        let bearer = Authorization::Bearer(Secret::new("hunter2"));

        assert!(!format!("{basic:?} {bearer:?}").contains("hunter2"));
    }
}
