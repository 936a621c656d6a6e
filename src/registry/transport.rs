//! Requests to one registry: where it is, how long to wait, when to retry.
//!
//! Only transient errors are retried: no connection, no answer in time, 408, 429, 500,
//! 502, 503 and 504. Delays grow and are spread at random, so that many callers don't come back
//! together; `Retry-After` comes on top of them. Manifests that are throttled wait for their turn instead.

use std::error::Error as _;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use backon::{ExponentialBuilder, Retryable};
use reqwest::{Client, ClientBuilder, RequestBuilder, Url};
use tokio::sync::OnceCell;

use super::CredentialsSource;
use super::answer::Answer;
use super::auth::Auth;
use super::authorization::{Authorization, Scope};
use super::cached_login::CachedLogin;
use super::error::RegistryError;
use super::http::{Reply, execute, read_answer, unreachable};
use super::known::KnownManifests;
use super::put_limiter::{PutLimiter, Throttling};
use crate::model::{Host, ImageRef, random_bits};
use crate::tls::http_client;

/// After so long without one, a registry's trouble is a new one, and its first retry is warned of again.
const SAME_TROUBLE: Duration = Duration::from_secs(30);

/// How long and how often a registry is asked before it counts as unreachable.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// For a connection.
    pub connect: Duration,
    /// For the next bytes of an answer. Sending a request's body counts as waiting. An answer that comes, but
    /// less than a KiB a second on the average of so long, is given up too.
    pub idle: Duration,
    /// Tries in all, the first one included.
    pub tries: usize,
    /// Before the second try; each further delay is twice as long, and up to as much again is added at random.
    pub first_delay: Duration,
    /// A longer `Retry-After` is cut to this.
    pub longest_retry_after: Duration,
    /// How long manifests are written again and again while the registry answers 429 to all of them.
    pub throttled: Duration,
}

/// Gives up after about 15 seconds of delays, unless the registry asks for longer ones.
impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(30),
            tries: 5,
            first_delay: Duration::from_millis(500),
            longest_retry_after: Duration::from_secs(60),
            throttled: Duration::from_secs(180),
        }
    }
}

impl RetryPolicy {
    /// The delays between tries. Random ones are drawn from the operating system's numbers, so that no two processes have
    /// the same.
    fn delays(&self) -> ExponentialBuilder {
        ExponentialBuilder::new()
            .with_min_delay(self.first_delay)
            .with_max_times(self.tries.saturating_sub(1))
            .with_jitter()
            .with_jitter_seed(random_bits())
    }
}

/// A registry's address and what it takes to be answered there.
#[derive(Debug)]
pub(super) struct Transport {
    host: Host,
    client: Client,
    /// For requests with a long body.
    uploader: OnceCell<Client>,
    base: Url,
    auth: Auth,
    retry_policy: RetryPolicy,
    /// Whether it has answered that it keeps no lists of referrers.
    pub(super) lacks_referrers: AtomicBool,
    /// What it has answered if it deletes nothing.
    pub(super) deletion_refused: OnceLock<Answer>,
    known: KnownManifests,
    put_limiter: Arc<PutLimiter>,
    /// Whether anything was asked there.
    was_asked: OnceCell<()>,
    /// Which attempt was warned of last, from 2, and when.
    warned: Mutex<Option<(usize, Instant)>>,
}

impl Transport {
    /// Whether plain HTTP is spoken.
    pub(super) fn is_plain_http(&self) -> bool {
        self.base.scheme() == "http"
    }

    /// Sends nothing yet.
    ///
    /// # Errors
    /// [`RegistryError::Host`] for a name that can't be an address, or when TLS can't be set up.
    pub(super) fn new(
        host: &Host,
        insecure: bool,
        source: CredentialsSource,
        retry_policy: RetryPolicy,
    ) -> Result<Self, RegistryError> {
        let scheme = if insecure || host.is_loopback() { "http" } else { "https" };
        let address = match host.as_str() {
            "docker.io" => "registry-1.docker.io",
            address => address,
        };
        let unusable = |source| RegistryError::Host { host: host.clone(), source };
        let base = Url::parse(&format!("{scheme}://{address}")).map_err(|error| unusable(error.into()))?;
        let client = client_for(host, retry_policy).read_timeout(retry_policy.idle).build();
        let client = client.map_err(|error| unusable(error.into()))?;
        let login = Arc::new(CachedLogin::new(host.clone(), source));
        let auth = Auth::new(base.clone(), client.clone(), login, retry_policy.idle);
        let put_limiter = PutLimiter::of(host, retry_policy.throttled);
        let (host, uploader) = (host.clone(), OnceCell::new());
        Ok(Self {
            host,
            client,
            uploader,
            base,
            auth,
            retry_policy,
            lacks_referrers: AtomicBool::new(false),
            deletion_refused: OnceLock::new(),
            known: KnownManifests::default(),
            put_limiter,
            was_asked: OnceCell::new(),
            warned: Mutex::default(),
        })
    }

    pub(super) fn known(&self) -> &KnownManifests {
        &self.known
    }

    pub(super) fn put_limiter(&self) -> &PutLimiter {
        &self.put_limiter
    }

    /// What a 429 asks for.
    pub(super) fn throttling(&self, error: &RegistryError) -> Option<Throttling> {
        let RegistryError::Throttled { retry_after, .. } = error else { return None };
        let longest = self.retry_policy.longest_retry_after;
        Some(Throttling { retry_after: retry_after.map(|wanted| wanted.min(longest)) })
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// A client for requests with a long body, which waits for any answer without end: who uses it watches over
    /// the progress.
    pub(super) async fn uploader(&self) -> Result<&Client, RegistryError> {
        let unusable =
            |error: reqwest::Error| RegistryError::Host { host: self.host.clone(), source: error.into() };
        // Each body has a connection of its own: they would wait for each other in one.
        let build = async || client_for(&self.host, self.retry_policy).http1_only().build().map_err(unusable);
        self.uploader.get_or_try_init(build).await
    }

    /// How long nothing may happen.
    pub(super) fn idle(&self) -> Duration {
        self.retry_policy.idle
    }

    /// Whether both speak to the same registry.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.base == other.base
    }

    pub(super) fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(path);
        url
    }

    pub(super) fn login(&self) -> &Arc<CachedLogin> {
        self.auth.login()
    }

    /// Asks again while the trouble may pass, at most [`RetryPolicy::tries`] times.
    pub(super) async fn retrying<T, Asked>(&self, ask: impl FnMut() -> Asked) -> Result<T, RegistryError>
    where
        Asked: Future<Output = Result<T, RegistryError>>,
    {
        let longest = self.retry_policy.longest_retry_after;
        let mut attempt = 1;
        ask.retry(self.retry_policy.delays())
            .when(RegistryError::is_temporary)
            .adjust(|error, delay| Some(delay? + error.retry_after().unwrap_or_default().min(longest)))
            .notify(move |error, delay| {
                attempt += 1;
                self.warn(error, delay, attempt);
            })
            .await
    }

    /// Warns of a retry. Requests that fail together are one warning for each round of attempts; `-v` shows the others.
    fn warn(&self, error: &RegistryError, delay: Duration, attempt: usize) {
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        let trouble = match error {
            RegistryError::Unreachable { .. } => format!("cannot reach `{}`{cause}", self.host),
            error => format!("`{}`: {error}{cause}", self.host),
        };
        let (delay, all) = (delay.as_secs_f64(), self.retry_policy.tries);
        let text = format!("{trouble}; retrying in {delay:.1} s ({attempt} of {all})");
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        let is_told = |(round, at): (usize, Instant)| attempt <= round && at.elapsed() < SAME_TROUBLE;
        if warned.is_some_and(is_told) {
            tracing::info!("{text}");
        } else {
            *warned = Some((attempt, Instant::now()));
            tracing::warn!("{text}");
        }
    }

    /// Sends a request with what the registry wants to see. A refusal of that is answered once.
    ///
    /// Nothing secret goes to another origin than the registry's, where an upload may be sent.
    ///
    /// # Errors
    /// [`RegistryError::Renewed`] when new credentials may help a request that can't be sent twice, as its body is a
    /// stream.
    pub(super) async fn send(
        &self,
        image: &ImageRef,
        scope: Scope,
        request: RequestBuilder,
    ) -> Result<Reply, RegistryError> {
        let again = request.try_clone();
        let (client, built) = request.build_split();
        let built = built.map_err(|error| unreachable(image, error))?;
        let ours = self.is_ours(built.url());
        let request = RequestBuilder::from_parts(client, built);
        if !ours {
            return execute(image, request, self.idle()).await;
        }
        let shown = self.auth.authorization(image, &scope).await?;
        // A registry that was shown nothing has refused nothing yet.
        let mut tries = if shown.is_none() { 2 } else { 1 };
        let mut exchange = self.first_exchange(image, &scope, request, shown).await?;
        while let Some(better) = exchange.better {
            let Some(again) = again.as_ref().and_then(RequestBuilder::try_clone) else {
                let answer = read_answer(image, exchange.reply).await?;
                return Err(RegistryError::Renewed { image: Box::new(image.clone()), answer });
            };
            tries -= 1;
            exchange = self.exchange(image, &scope, again, Some(better), tries > 0).await?;
        }
        Ok(exchange.reply)
    }

    /// Over TLS, the very first question goes alone, and the others wait: its answer says what the registry wants to see, and
    /// whether it takes all of them in the same connection.
    async fn first_exchange(
        &self,
        image: &ImageRef,
        scope: &Scope,
        request: RequestBuilder,
        shown: Option<Authorization>,
    ) -> Result<Exchange, RegistryError> {
        if self.base.scheme() != "https" || self.was_asked.initialized() {
            return self.exchange(image, scope, request, shown, true).await;
        }
        let mut answered = None;
        let mut waiting = Some(request);
        let ask = async {
            if let Some(request) = waiting.take() {
                answered = Some(self.exchange(image, scope, request, shown, true).await);
            }
        };
        self.was_asked.get_or_init(|| ask).await;
        if let Some(answered) = answered {
            return answered;
        }
        let request = waiting.expect("whoever was not the first has sent nothing");
        let shown = self.auth.authorization(image, scope).await?;
        self.exchange(image, scope, request, shown, true).await
    }

    async fn exchange(
        &self,
        image: &ImageRef,
        scope: &Scope,
        request: RequestBuilder,
        shown: Option<Authorization>,
        may_renew: bool,
    ) -> Result<Exchange, RegistryError> {
        let mut reply = execute(image, with(shown.as_ref(), request), self.idle()).await?;
        let better = match self.auth.may_change(reply.status()) && self.is_ours(reply.url()) {
            true if may_renew => self.auth.renewed(image, scope, reply.headers(), shown.as_ref()).await?,
            _ => None,
        };
        // What was asked for it first tells whether there is one.
        reply.login = self.auth.used_login();
        Ok(Exchange { reply, better })
    }

    fn is_ours(&self, url: &Url) -> bool {
        url.origin() == self.base.origin()
    }
}

/// An answer, and what to show instead where it is a refusal.
struct Exchange {
    reply: Reply,
    better: Option<Authorization>,
}

fn client_for(host: &Host, retry_policy: RetryPolicy) -> ClientBuilder {
    let client = http_client()
        .user_agent(concat!("chinampa/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(retry_policy.connect)
        // Many requests share one connection, and all of them are lost if nobody sees that it is.
        .http2_keep_alive_interval(retry_policy.idle / 3)
        .http2_keep_alive_timeout(retry_policy.idle / 3);
    if host.is_loopback() { client.no_proxy() } else { client }
}

fn with(authorization: Option<&Authorization>, request: RequestBuilder) -> RequestBuilder {
    match authorization {
        Some(authorization) => authorization.put_on(request),
        None => request,
    }
}

#[cfg(test)]
mod tests {
    use backon::BackoffBuilder as _;

    use super::*;

    #[test]
    fn plain_http_is_for_loopback_and_where_it_is_asked_for() {
        for (host, insecure, expected) in [
            ("localhost:5000", false, "http://localhost:5000/v2/a"),
            ("r.example", false, "https://r.example/v2/a"),
            ("r.example:80", true, "http://r.example/v2/a"),
            ("docker.io", false, "https://registry-1.docker.io/v2/a"),
        ] {
            let host = host.parse().unwrap();
            let transport =
                Transport::new(&host, insecure, CredentialsSource::Nobody, RetryPolicy::default()).unwrap();

            assert_eq!(transport.url("/v2/a").as_str(), expected);
        }
    }

    #[test]
    fn no_two_processes_wait_equally_long() {
        let delays = || RetryPolicy::default().delays().build().collect::<Vec<_>>();

        let (one, other) = (delays(), delays());

        assert_eq!(one.len(), 4);
        assert!(one.iter().zip(&other).all(|(one, other)| one != other), "{one:?} {other:?}");
        for (delay, half_seconds) in one.iter().zip([1, 2, 4, 8]) {
            let least = Duration::from_millis(500) * half_seconds;
            assert!((least..=2 * least).contains(delay), "{one:?}");
        }
    }

    #[test]
    fn a_host_that_is_no_address_is_an_error() {
        let host: Host = "1.2.3.999".parse().unwrap();

        let error =
            Transport::new(&host, false, CredentialsSource::Nobody, RetryPolicy::default()).unwrap_err();

        assert!(matches!(error, RegistryError::Host { .. }), "{error}");
    }
}
