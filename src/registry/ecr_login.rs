//! ECR's login token: what AWS's credentials are exchanged for, good for twelve hours.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::sync::OnceCell;

use super::ecr_client::EcrClient;
use super::ecr_errors;
use crate::aws::AwsError;
use crate::model::{Credentials, Host, Secret};

/// A token that expires sooner is not used any more: the engine's push with it has yet to end.
const MARGIN: Duration = Duration::from_secs(15 * 60);

/// After a token was replaced because the registry refused it, the next refusal is believed for so long.
const BELIEVED: Duration = Duration::from_secs(60);

/// The token of one region, fetched when it is first needed and kept in memory alone.
///
/// Cheap to clone; all clones share one token.
#[derive(Clone)]
pub struct EcrLogin {
    client: EcrClient,
    receiver: Receiver,
    state: Arc<Mutex<State>>,
}

/// The registry that tokens are sent to.
#[derive(Clone)]
pub(super) struct Receiver {
    pub(super) host: Host,
    pub(super) is_encrypted: bool,
    /// Whether it may have any token; else only those that AWS gave for it.
    pub(super) is_allowed: bool,
}

impl Receiver {
    /// `proxy_endpoint` is what AWS said the token is for.
    fn may_have_token_for(&self, proxy_endpoint: Option<&str>) -> bool {
        let scheme = if self.is_encrypted { "https" } else { "http" };
        let own = format!("{scheme}://{}", self.host);
        self.is_allowed || proxy_endpoint.is_some_and(|endpoint| endpoint.trim_end_matches('/') == own)
    }
}

#[derive(Default)]
struct State {
    /// Filled by the first who asks, while the others wait for it.
    token: Arc<OnceCell<Token>>,
    /// When a token was last replaced because it was refused.
    replaced: Option<Instant>,
}

struct Token {
    credentials: Credentials,
    /// Unknown where AWS doesn't say: then only a refusal ends it.
    expires: Option<SystemTime>,
}

impl EcrLogin {
    pub(super) fn new(client: EcrClient, receiver: Receiver) -> Self {
        Self { client, receiver, state: Arc::default() }
    }

    /// A token that is good for a while yet.
    ///
    /// # Errors
    /// [`AwsError`] when AWS gives none, or the registry may not have it.
    pub(in crate::registry) async fn credentials(&self) -> Result<Credentials, AwsError> {
        let current = Arc::clone(&self.state().token);
        let token = current.get_or_try_init(|| self.fetch()).await?;
        if !token.expires_before(SystemTime::now() + MARGIN) {
            return Ok(token.credentials.clone());
        }
        // What is new is taken as it is: were the clock wrong, asking again would not help.
        let next = self.replace(&current);
        Ok(next.get_or_try_init(|| self.fetch()).await?.credentials.clone())
    }

    /// Forgets the token that the registry has refused, so that the next one is new.
    ///
    /// ECR says 403 to an expired token as well as to a missing permission, so this is done at most once a minute.
    pub(in crate::registry) fn refuse(&self, refused: &Credentials) {
        let mut state = self.state();
        let is_current = state.token.get().is_some_and(|token| token.credentials == *refused);
        let is_believed = state.replaced.is_some_and(|replaced| replaced.elapsed() < BELIEVED);
        if is_current && !is_believed {
            *state = State { token: Arc::default(), replaced: Some(Instant::now()) };
        }
    }

    /// Puts an empty token in the place of `old`, unless somebody has done so; returns what is there now.
    fn replace(&self, old: &Arc<OnceCell<Token>>) -> Arc<OnceCell<Token>> {
        let mut state = self.state();
        if Arc::ptr_eq(&state.token, old) {
            state.token = Arc::default();
        }
        Arc::clone(&state.token)
    }

    async fn fetch(&self) -> Result<Token, AwsError> {
        // Boxed, because the SDK's futures nest deeper than the compiler follows.
        let client = self.client.ready().await?;
        let answer = Box::pin(client.get_authorization_token().send()).await.map_err(ecr_errors::error)?;
        let data = answer.authorization_data.unwrap_or_default().into_iter().next();
        if !self.receiver.may_have_token_for(data.as_ref().and_then(|data| data.proxy_endpoint())) {
            return Err(AwsError::HostNotAllowed { host: self.receiver.host.to_string() });
        }
        let credentials = data.as_ref().and_then(|data| credentials(data.authorization_token()?));
        let expires = data.as_ref().and_then(|data| SystemTime::try_from(*data.expires_at()?).ok());
        tracing::debug!(?expires, "ECR gave a token");
        match credentials {
            Some(credentials) => Ok(Token { credentials, expires }),
            None => Err(AwsError::Unexpected { answer: "it has no token".to_owned() }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Token {
    fn expires_before(&self, time: SystemTime) -> bool {
        self.expires.is_some_and(|expires| expires < time)
    }
}

/// Reads base64 of `<user>:<password>`.
fn credentials(token: &str) -> Option<Credentials> {
    let text = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
    let (username, password) = text.split_once(':')?;
    Some(Credentials { username: username.to_owned(), password: Secret::new(password) })
}

/// Shows nothing of the token, nor of what it is fetched with.
impl fmt::Debug for EcrLogin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("EcrLogin(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::CredentialProviders;
    use crate::model::AwsIdentity;

    fn with_password(password: &str) -> Credentials {
        Credentials { username: "AWS".to_owned(), password: Secret::new(password) }
    }

    fn receiver(host: &str, is_allowed: bool) -> Receiver {
        Receiver { host: host.parse().unwrap(), is_encrypted: true, is_allowed }
    }

    // issue 12: S3
    #[test]
    fn a_token_goes_to_the_registry_that_it_was_given_for() {
        let may_have = |host, endpoint| receiver(host, false).may_have_token_for(endpoint);

        assert!(may_have("r.example", Some("https://r.example")));
        assert!(may_have("r.example:5000", Some("https://r.example:5000/")));
        assert!(!may_have("r.example", Some("http://r.example")));
        assert!(!may_have("r.example", Some("https://r.example.evil.example")));
        assert!(!may_have("r.example", None));
        assert!(receiver("r.example", true).may_have_token_for(None));
    }

    #[tokio::test]
    async fn a_refused_token_is_forgotten_at_most_once_a_minute() {
        let providers = CredentialProviders::new("tests");
        let session = providers.session(&"us-east-2".parse().unwrap(), &AwsIdentity::default()).await;
        let login = EcrLogin::new(EcrClient::new(session, None), receiver("localhost:1", true));
        let put = |password| {
            let token = Token { credentials: with_password(password), expires: None };
            login.state().token = Arc::new(OnceCell::new_with(Some(token)));
        };
        let has_token = || login.state().token.initialized();
        put("a");

        login.refuse(&with_password("older"));
        assert!(has_token());
        login.refuse(&with_password("a"));
        assert!(!has_token());
        put("b");
        login.refuse(&with_password("b"));
        assert!(has_token());
    }

    #[test]
    fn a_token_is_a_user_and_a_password_that_may_hold_colons() {
        let token = STANDARD.encode("AWS:a:b");

        assert_eq!(credentials(&token), Some(with_password("a:b")));
        for broken in ["", "%", "QVdT", "/w=="] {
            assert_eq!(credentials(broken), None, "{broken}");
        }
    }
}
