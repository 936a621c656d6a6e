//! How AWS is reached: credentials, region, endpoint, patience.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};

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
