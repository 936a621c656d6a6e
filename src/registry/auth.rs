//! What a registry wants to see before it answers.
//!
//! A request goes out with what is known. The first 401 tells which scheme the registry wants;
//! from then on Basic credentials, or a token for the repository and scope, go with every
//! request. A 401 after that means that the token is old: it is renewed once. ECR's token goes as Basic
//! credentials, and when it has expired the answer is 403.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};
use reqwest::{Client, RequestBuilder, StatusCode, Url};

use super::RegistryError;
use super::answer::clean;
use super::authorization::{Authorization, Scope};
use super::cached_login::CachedLogin;
use super::credentials::UsedLogin;
use super::http::{execute, read_body, refuse};
use super::token::{TokenQuestion, is_safe, read_token};
use crate::model::{ImageRef, Login, RepositoryName, Secret};

const MAX_TOKEN_BYTES: usize = 1 << 20;

/// How the registry wants to be convinced.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Challenge {
    Basic,
    Bearer { realm: String, service: Option<String> },
}

/// The credentials for a host, and what they have brought so far.
#[derive(Debug)]
pub(super) struct Auth {
    /// The registry's own address.
    base: Url,
    client: Client,
    idle: Duration,
    login: Arc<CachedLogin>,
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
    pub(super) fn new(base: Url, client: Client, login: Arc<CachedLogin>, idle: Duration) -> Self {
        Self { base, client, idle, login, cache: Mutex::default() }
    }

    pub(super) fn login(&self) -> &Arc<CachedLogin> {
        &self.login
    }

    /// The login, as far as it was asked for.
    pub(super) fn used_login(&self) -> UsedLogin {
        self.login.used()
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
        status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN && self.login.expires_with_403()
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
            self.login.instead_of(&refused.clone().into()).await?;
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
        let login = self.login.get().await?;
        let token = match (challenge, login) {
            (Challenge::Basic, Some(Login::Password(credentials))) => {
                return Ok(Some(Authorization::Basic(credentials)));
            }
            // Only a token service takes an identity token.
            (Challenge::Basic, Some(Login::IdentityToken(_)) | None) => return Ok(None),
            (Challenge::Bearer { realm, service }, login) => {
                let realm_url = Url::parse(realm)
                    .map_err(|_| RegistryError::malformed(image, "the token service has no address"))?;
                if !is_safe(&realm_url, &self.base, login.is_some()) {
                    return Err(RegistryError::UnsafeRealm {
                        image: Box::new(image.clone()),
                        realm: clean(realm),
                    });
                }
                let question = TokenQuestion { realm: realm_url, service: service.as_deref(), image, scope };
                self.token(&question, login).await?
            }
        };
        let authorization = Authorization::Bearer(token);
        self.cache().tokens.insert((image.repository.clone(), scope.clone()), authorization.clone());
        Ok(Some(authorization))
    }

    /// Asks the token service, once more with another login where it refuses one that has expired.
    async fn token(
        &self,
        question: &TokenQuestion<'_>,
        login: Option<Login>,
    ) -> Result<Secret, RegistryError> {
        let fetch = |login| self.fetch_token(question.request(&self.client, login), question.image);
        match (fetch(login.clone()).await, login) {
            (Err(denied @ RegistryError::Denied { .. }), Some(refused)) => {
                match self.login.instead_of(&refused).await? {
                    None => Err(denied),
                    better => fetch(better).await,
                }
            }
            (fetched, _) => fetched,
        }
    }

    async fn fetch_token(&self, request: RequestBuilder, image: &ImageRef) -> Result<Secret, RegistryError> {
        let mut response = execute(image, request, self.idle).await?;
        response.login = self.used_login();
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
    use crate::model::Credentials;

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
    fn what_is_sent_is_never_shown() {
        let basic =
            Authorization::Basic(Credentials { username: "u".into(), password: Secret::new("hunter2") });
        let bearer = Authorization::Bearer(Secret::new("hunter2"));

        assert!(!format!("{basic:?} {bearer:?}").contains("hunter2"));
    }
}
