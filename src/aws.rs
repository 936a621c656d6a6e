//! How AWS is reached: credentials, region, endpoint, patience.

use std::error::Error as StdError;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ecs::config::http::HttpResponse;
use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};
use thiserror::Error;

use crate::model::printable;

/// A call that AWS did not answer as hoped.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AwsError {
    #[error("AWS answered `{code}`: {message}")]
    Answer { code: String, message: String },
    #[error("AWS did not answer: {reason}")]
    NoAnswer { reason: String },
}

impl AwsError {
    /// Takes what people can use out of the SDK's error.
    pub(crate) fn new<E>(error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        if let SdkError::ServiceError(answer) = &error {
            let code = answer.err().code().unwrap_or("no code");
            let message = answer.err().message().unwrap_or("no message");
            return Self::Answer { code: printable(code), message: printable(message) };
        }
        Self::NoAnswer { reason: printable(&deepest(&error)) }
    }
}

/// The SDK wraps what happened several times; the innermost error says it.
fn deepest(error: &(dyn StdError + 'static)) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

/// Finds the credentials as every AWS tool does: environment, profile, SSO, web identity,
/// container, instance.
///
/// Without an `endpoint`, `AWS_ENDPOINT_URL` and its like are honoured, else it is AWS's own.
pub(crate) async fn sdk_config(region: &str, endpoint: Option<&str>) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .operation_attempt_timeout(Duration::from_secs(30))
        .build();
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .retry_config(RetryConfig::standard().with_max_attempts(5))
        .timeout_config(timeouts);
    match endpoint {
        Some(endpoint) => loader.endpoint_url(endpoint).load().await,
        None => loader.load().await,
    }
}
