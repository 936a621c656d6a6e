//! One request and its answer: what came, how much of it is read, and what a refusal means.

use std::time::{Duration, Instant, SystemTime};

use bytes::{Bytes, BytesMut};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{RequestBuilder, Response, StatusCode, Url, Version};

use super::answer::Answer;
use super::credentials::UsedLogin;
use super::error::RegistryError;
use super::pace::{Pace, TooSlow};
use crate::model::ImageRef;

/// Of an error's body no more than this is read.
const MAX_ERROR_BYTES: usize = 64 << 10;

/// An answer whose body has yet to come.
#[derive(Debug)]
pub(super) struct Reply {
    response: Response,
    pace: Pace,
    /// What the registry was asked with.
    pub(super) login: UsedLogin,
}

impl Reply {
    pub(super) fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    pub(super) fn version(&self) -> Version {
        self.response.version()
    }

    pub(super) fn url(&self) -> &Url {
        self.response.url()
    }

    /// The next part of the body, `None` at its end.
    ///
    /// # Errors
    /// [`RegistryError::Unreachable`] when it is cut, [`RegistryError::TooSlow`] when it only drips.
    pub(super) async fn chunk(&mut self, image: &ImageRef) -> Result<Option<Bytes>, RegistryError> {
        let chunk = self.response.chunk().await.map_err(|error| unreachable(image, error))?;
        let bytes = chunk.as_ref().map_or(0, Bytes::len);
        match self.pace.moved(bytes, Instant::now()) {
            Err(TooSlow { bytes, period }) if chunk.is_some() => {
                Err(RegistryError::TooSlow { image: Box::new(image.clone()), bytes, period })
            }
            _ => Ok(chunk),
        }
    }
}

/// Sends a request as it is. The answer's body must not come too slowly on the average of a `period`.
pub(super) async fn execute(
    image: &ImageRef,
    request: RequestBuilder,
    period: Duration,
) -> Result<Reply, RegistryError> {
    let response = request.send().await.map_err(|error| unreachable(image, error))?;
    tracing::debug!(%image, path = response.url().path(), status = response.status().as_u16(), "answered");
    Ok(Reply { response, pace: Pace::new(period), login: UsedLogin::default() })
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
    mut reply: Reply,
    limit_bytes: usize,
) -> Result<Bytes, RegistryError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = reply.chunk(image).await? {
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
pub(super) async fn refuse(image: &ImageRef, reply: Reply) -> Result<RegistryError, RegistryError> {
    let (status, headers, used) = (reply.status(), reply.headers().clone(), reply.login.clone());
    let answer = read_answer(image, reply).await?;
    Ok(match refusal(image, status, &headers, answer) {
        RegistryError::Denied { image, answer, .. } => {
            RegistryError::Denied { image, answer, login: Box::new(used) }
        }
        other => other,
    })
}

/// Reads what an error says, as far as it is of a sane size.
pub(super) async fn read_answer(image: &ImageRef, mut reply: Reply) -> Result<Answer, RegistryError> {
    let status = reply.status().as_u16();
    let mut body = BytesMut::new();
    while body.len() < MAX_ERROR_BYTES {
        match reply.chunk(image).await? {
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
        401 | 403 if answer.is_about_limit() => RegistryError::Limit { image, answer },
        401 | 403 => RegistryError::Denied { image, answer, login: Box::default() },
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
    fn only_transient_errors_are_temporary() {
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
}
