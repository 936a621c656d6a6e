//! Requests to one registry: where it is, how long to wait, when to try again.
//!
//! Only trouble that may pass is tried again: no connection, no answer in time, 408, 429, 500,
//! 502, 503 and 504. Delays grow and are spread at random, so that many callers don't come back
//! together; `Retry-After` comes on top of them.

use std::time::{Duration, SystemTime};

use backon::{ExponentialBuilder, Retryable};
use bytes::{Bytes, BytesMut};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, ClientBuilder, RequestBuilder, Response, StatusCode, Url};

use super::CredentialsSource;
use super::auth::{Auth, Scope};
use super::error::{Answer, RegistryError};
use crate::model::{Credentials, Host, ImageRef};

/// Of an error's body no more than this is read.
const MOST_ERROR_BYTES: usize = 64 << 10;

/// How long and how often a registry is asked before it counts as unreachable.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For the next bytes of an answer. Sending a request's body counts as waiting.
    pub idle: Duration,
    /// Tries in all, the first one included.
    pub tries: usize,
    /// Before the second try; each further delay is twice as long, and up to as much again is added at random.
    pub first_delay: Duration,
    /// A longer `Retry-After` is cut to this.
    pub longest_retry_after: Duration,
}

/// Gives up after about 15 seconds of delays, unless the registry asks for longer ones.
impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(30),
            tries: 5,
            first_delay: Duration::from_millis(500),
            longest_retry_after: Duration::from_secs(60),
        }
    }
}

/// A registry's address and what it takes to be answered there.
#[derive(Debug)]
pub(super) struct Transport {
    client: Client,
    base: Url,
    auth: Auth,
    patience: Patience,
}

impl Transport {
    /// Sends nothing yet.
    ///
    /// # Errors
    /// [`RegistryError::Host`] for a name that can't be an address, or when TLS can't be set up.
    pub(super) fn new(
        host: &Host,
        insecure: bool,
        source: CredentialsSource,
        patience: Patience,
    ) -> Result<Self, RegistryError> {
        let scheme = if insecure || host.is_loopback() { "http" } else { "https" };
        let address = match host.as_str() {
            "docker.io" => "registry-1.docker.io",
            address => address,
        };
        let unusable = |source| RegistryError::Host { host: host.clone(), source };
        let base = Url::parse(&format!("{scheme}://{address}")).map_err(|error| unusable(error.into()))?;
        let client = client_for(host, patience).read_timeout(patience.idle).build();
        let client = client.map_err(|error| unusable(error.into()))?;
        Ok(Self { client, base, auth: Auth::new(host.clone(), source), patience })
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// A client for requests with a long body, which waits for any answer without end: who uses it watches over
    /// the progress.
    pub(super) fn uploader(&self, host: &Host) -> Result<Client, RegistryError> {
        let client = client_for(host, self.patience).build();
        client.map_err(|error| RegistryError::Host { host: host.clone(), source: error.into() })
    }

    /// How long nothing may happen.
    pub(super) fn idle(&self) -> Duration {
        self.patience.idle
    }

    /// Whether both speak to the same registry.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.base == other.base
    }

    /// Whether this registry is spoken to without TLS.
    pub(super) fn is_plain(&self) -> bool {
        self.base.scheme() == "http"
    }

    pub(super) fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(path);
        url
    }

    pub(super) async fn credentials(&self) -> Result<Option<Credentials>, RegistryError> {
        self.auth.credentials().await
    }

    /// Asks again while the trouble may pass, at most [`Patience::tries`] times.
    pub(super) async fn retrying<T, Asked>(&self, ask: impl FnMut() -> Asked) -> Result<T, RegistryError>
    where
        Asked: Future<Output = Result<T, RegistryError>>,
    {
        let delays = ExponentialBuilder::new()
            .with_min_delay(self.patience.first_delay)
            .with_max_times(self.patience.tries.saturating_sub(1))
            .with_jitter();
        let longest = self.patience.longest_retry_after;
        ask.retry(delays)
            .when(RegistryError::is_temporary)
            .adjust(|error, delay| Some(delay? + error.retry_after().unwrap_or_default().min(longest)))
            .notify(|error, delay| tracing::debug!(%error, ?delay, "trying again"))
            .await
    }

    /// Sends a request with what the registry wants to see. A refusal is answered once.
    ///
    /// Nothing secret goes to another origin than the registry's, where an upload may be sent.
    /// A request whose body is a stream can't be sent twice, so a refusal of it stands.
    pub(super) async fn send(
        &self,
        image: &ImageRef,
        scope: Scope,
        request: RequestBuilder,
    ) -> Result<Response, RegistryError> {
        let again = request.try_clone();
        let is_ours = |url: &Url| url.origin() == self.base.origin();
        let (client, built) = request.build_split();
        let built = built.map_err(|error| unreachable(image, error))?;
        let ours = is_ours(built.url());
        let request = RequestBuilder::from_parts(client, built);
        if !ours {
            return self.execute(image, request).await;
        }
        let authorization = self.auth.authorization(self, image, &scope).await?;
        let response = self.execute(image, with(authorization.as_ref(), request)).await?;
        let again = again.filter(|_| self.auth.may_change(response.status()) && is_ours(response.url()));
        let Some(again) = again else {
            return Ok(response);
        };
        let better =
            self.auth.renewed(self, image, &scope, response.headers(), authorization.as_ref()).await?;
        match better {
            Some(better) => self.execute(image, better.put_on(again)).await,
            None => Ok(response),
        }
    }

    /// Sends a request as it is.
    pub(super) async fn execute(
        &self,
        image: &ImageRef,
        request: RequestBuilder,
    ) -> Result<Response, RegistryError> {
        let response = request.send().await.map_err(|error| unreachable(image, error))?;
        tracing::debug!(%image, path = response.url().path(), status = response.status().as_u16(), "answered");
        Ok(response)
    }
}

fn client_for(host: &Host, patience: Patience) -> ClientBuilder {
    let client = Client::builder()
        .user_agent(concat!("chinampa/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(patience.connect);
    if host.is_loopback() { client.no_proxy() } else { client }
}

fn with(authorization: Option<&super::auth::Authorization>, request: RequestBuilder) -> RequestBuilder {
    match authorization {
        Some(authorization) => authorization.put_on(request),
        None => request,
    }
}

/// Keeps the innermost cause: what the library says around it is no more than that there is one,
/// and the URL, of which a signature is part where blobs are elsewhere.
pub(super) fn unreachable(image: &ImageRef, error: reqwest::Error) -> RegistryError {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    RegistryError::Unreachable { image: Box::new(image.clone()), source: cause.to_string().into() }
}

/// Reads a whole body of at most `limit_bytes`.
pub(super) async fn read_body(
    image: &ImageRef,
    mut response: Response,
    limit_bytes: usize,
) -> Result<Bytes, RegistryError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(image, error))? {
        if body.len() + chunk.len() > limit_bytes {
            return Err(RegistryError::too_large(image, limit_bytes));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// Turns an answer that is not the one hoped for into an error.
///
/// # Errors
/// [`RegistryError::Unreachable`] when even that answer doesn't come whole.
pub(super) async fn refuse(image: &ImageRef, response: Response) -> Result<RegistryError, RegistryError> {
    let (status, headers) = (response.status(), response.headers().clone());
    let answer = read_answer(image, response).await?;
    Ok(refusal(image, status, &headers, answer))
}

/// Reads what an error says, as far as it is of a sane size.
pub(super) async fn read_answer(image: &ImageRef, mut response: Response) -> Result<Answer, RegistryError> {
    let status = response.status().as_u16();
    let mut body = BytesMut::new();
    while body.len() < MOST_ERROR_BYTES {
        match response.chunk().await.map_err(|error| unreachable(image, error))? {
            Some(chunk) => body.extend_from_slice(&chunk),
            None => break,
        }
    }
    Ok(Answer::read(status, &body))
}

pub(super) fn refusal(
    image: &ImageRef,
    status: StatusCode,
    headers: &HeaderMap,
    answer: Answer,
) -> RegistryError {
    let image = Box::new(image.clone());
    let retry_after = retry_after(headers, SystemTime::now());
    match status.as_u16() {
        401 | 403 => RegistryError::Denied { image, answer },
        429 => RegistryError::Throttled { image, answer, retry_after },
        408 | 500 | 502 | 503 | 504 => RegistryError::Unavailable { image, answer, retry_after },
        _ => RegistryError::Unexpected { image, answer },
    }
}

/// Seconds, or a date. What can't be read is no wish; a date that is past is no delay.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_as_seconds_or_as_a_date() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        for (text, expected) in [
            ("7", Some(7)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);

            assert_eq!(retry_after(&headers, now), expected.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn only_what_may_pass_is_temporary() {
        let image: ImageRef = "r.example/api".parse().unwrap();
        for status in 400..600 {
            let answer = Answer { status, code: None, message: String::new() };
            let code = StatusCode::from_u16(status).unwrap();

            let error = refusal(&image, code, &HeaderMap::new(), answer);

            let expected = [408, 429, 500, 502, 503, 504].contains(&status);
            assert_eq!(error.is_temporary(), expected, "{error}");
            assert!(error.to_string().contains("r.example/api"), "{error}");
        }
    }

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
                Transport::new(&host, insecure, CredentialsSource::Nobody, Patience::default()).unwrap();

            assert_eq!(transport.url("/v2/a").as_str(), expected);
        }
    }

    #[test]
    fn a_host_that_is_no_address_is_an_error() {
        let host: Host = "1.2.3.999".parse().unwrap();

        let error = Transport::new(&host, false, CredentialsSource::Nobody, Patience::default()).unwrap_err();

        assert!(matches!(error, RegistryError::Host { .. }), "{error}");
    }
}
