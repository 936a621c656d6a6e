//! One identity in one region.

use std::sync::Arc;
use std::time::Duration;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime::client::identity::IdentityCache;

use super::credentials::{CachedCredentials, MARGIN, Provider};
use super::{AwsError, http};
#[cfg(feature = "ecr")]
use crate::model::EcrNetwork;
use crate::model::Region;

/// For a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// For one try, from its first byte to the last of its answer.
const ATTEMPT: Duration = Duration::from_secs(20);
/// For all tries of one call, and the delays between them.
const CALL: Duration = Duration::from_secs(60);

/// Who asks AWS, and in which region. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    config: Arc<SdkConfig>,
    credentials: Arc<CachedCredentials>,
}

impl Session {
    pub(super) fn new(config: &SdkConfig, credentials: Arc<CachedCredentials>) -> Self {
        let provider = SharedCredentialsProvider::new(Provider(Arc::clone(&credentials)));
        let config = config.clone().into_builder().credentials_provider(provider);
        Self { config: Arc::new(config.build()), credentials }
    }

    /// What clients of AWS's services are made with. Before each call of theirs, [`Self::ready`].
    pub(crate) fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// At which of its hosts a registry is reached: `AWS_USE_FIPS_ENDPOINT` and `AWS_USE_DUALSTACK_ENDPOINT`, or the profile.
    #[cfg(feature = "ecr")]
    pub(crate) fn network(&self) -> EcrNetwork {
        EcrNetwork {
            fips: self.config.use_fips().unwrap_or_default(),
            dual_stack: self.config.use_dual_stack().unwrap_or_default(),
        }
    }

    /// Loads the credentials, unless they are there: that may take longer than a call may.
    ///
    /// # Errors
    /// [`AwsError`] when there are none.
    pub(crate) async fn ready(&self) -> Result<(), AwsError> {
        self.credentials(MARGIN).await.map(|_| ())
    }

    pub(super) async fn credentials(&self, lasting: Duration) -> Result<Credentials, AwsError> {
        // Boxed, because the SDK's futures nest deeper than the compiler follows.
        Box::pin(self.credentials.load(lasting)).await
    }

    /// Where the credentials come from, in words.
    ///
    /// # Errors
    /// [`AwsError`] when there are none.
    pub(super) async fn source(&self) -> Result<String, AwsError> {
        Box::pin(self.credentials.source()).await
    }

    /// With all that a test has made itself.
    #[cfg(test)]
    pub(crate) fn of(config: &SdkConfig) -> Self {
        let found = config.credentials_provider().expect("a test has credentials");
        Self::new(config, Arc::new(CachedCredentials::of_chain(config, found, None)))
    }
}

/// What AWS's tools share: regions, addresses, retries. Credentials are cached by us alone.
pub(super) async fn configuration(region: &Region, profile: Option<&str>) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(CALL)
        .build();
    let loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(aws_config::Region::new(region.as_str().to_owned()))
        .http_client(http::client())
        .identity_cache(IdentityCache::no_cache())
        .timeout_config(timeouts);
    match profile {
        Some(profile) => loader.profile_name(profile).load().await,
        None => loader.load().await,
    }
}

/// The credentials that a profile names, whatever the environment has.
pub(super) fn named_profile(region: &Region, profile: &str) -> SharedCredentialsProvider {
    let config = ProviderConfig::default()
        .with_region(Some(aws_config::Region::new(region.as_str().to_owned())))
        .with_http_client(http::client());
    let provider = ProfileFileCredentialsProvider::builder().profile_name(profile).configure(&config);
    SharedCredentialsProvider::new(provider.build())
}
