//! Credentials that are loaded when they are first needed, once for all who share them, and again before they expire.
//!
//! They are loaded before a call, not within it: a program that asks a person for a code takes longer than AWS may
//! take for an answer.

#[cfg(test)]
mod tests;

use std::error::Error as StdError;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::credential_feature::AwsCredentialFeature;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_types::service_config::ServiceConfigKey;
use tokio::sync::OnceCell;

use super::AwsError;
use crate::model::{AssumedRole, printable};

/// For credentials to come.
const LOAD: Duration = Duration::from_secs(60);

/// Credentials that expire sooner are loaded again.
pub(super) const MARGIN: Duration = Duration::from_secs(60);

/// For a program that can't ask for others: a role that a role has assumed is good for an hour at most.
pub(super) const LASTING: Duration = Duration::from_secs(50 * 60);

/// The credentials of one identity.
pub(super) struct CachedCredentials {
    source: Source,
    /// Filled by the first who asks, while the others wait for it.
    current: Mutex<Arc<OnceCell<Credentials>>>,
}

enum Source {
    /// Where all tools of AWS look.
    Chain {
        provider: SharedCredentialsProvider,
        /// Where that is, for errors.
        label: String,
        /// How long it may take.
        within: Duration,
    },
    Role {
        role: AssumedRole,
        session_name: String,
        /// Signs with the credentials of `base`.
        sts: aws_sdk_sts::Client,
        base: Arc<CachedCredentials>,
    },
}

impl CachedCredentials {
    fn new(source: Source) -> Self {
        Self { source, current: Mutex::default() }
    }

    /// Those that this profile names, or that AWS's tools would find.
    pub(super) fn of_chain(
        config: &SdkConfig,
        provider: SharedCredentialsProvider,
        profile: Option<&str>,
    ) -> Self {
        Self::new(Source::Chain { provider, label: label(config, profile), within: LOAD })
    }

    /// Those of a role that `base` assumes.
    pub(super) fn of_role(
        config: &SdkConfig,
        role: AssumedRole,
        session_name: String,
        base: Arc<CachedCredentials>,
    ) -> Self {
        let signer = SharedCredentialsProvider::new(Provider(Arc::clone(&base)));
        let config = config.clone().into_builder().credentials_provider(signer).build();
        let sts = aws_sdk_sts::Client::new(&config);
        Self::new(Source::Role { role, session_name, sts, base })
    }

    /// Credentials that are good for a while yet; of a role, for as long as `lasting`.
    ///
    /// # Errors
    /// [`AwsError`] when there are none.
    pub(super) async fn load(&self, lasting: Duration) -> Result<Credentials, AwsError> {
        let lasting = match self.source {
            Source::Chain { .. } => MARGIN,
            Source::Role { .. } => lasting.max(MARGIN),
        };
        let current = Arc::clone(&self.current());
        let credentials = current.get_or_try_init(|| self.ask()).await?;
        if credentials.expiry().is_none_or(|expiry| expiry > SystemTime::now() + lasting) {
            return Ok(credentials.clone());
        }
        // What is new is taken as it is: were the clock wrong, asking again would not help.
        let next = self.replace(&current);
        Ok(next.get_or_try_init(|| self.ask()).await?.clone())
    }

    /// Puts an empty cell in the place of `old`, unless somebody has done so; returns the one that is there now.
    fn replace(&self, old: &Arc<OnceCell<Credentials>>) -> Arc<OnceCell<Credentials>> {
        let mut current = self.current();
        if Arc::ptr_eq(&current, old) {
            *current = Arc::default();
        }
        Arc::clone(&current)
    }

    fn current(&self) -> MutexGuard<'_, Arc<OnceCell<Credentials>>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(&self) -> Result<Credentials, AwsError> {
        match &self.source {
            Source::Chain { provider, label, within } => {
                let credentials = tokio::time::timeout(*within, provider.provide_credentials()).await;
                let credentials = credentials.map_err(|_| AwsError::CredentialsTimedOut {
                    source_name: label.clone(),
                    after: *within,
                })?;
                let credentials = credentials.map_err(not_found)?;
                tracing::debug!(source = label, expires = ?credentials.expiry(), "credentials were loaded");
                Ok(credentials)
            }
            Source::Role { role, session_name, sts, base } => {
                Box::pin(base.load(MARGIN)).await?;
                let assumed = assume(sts, role, session_name).await;
                assumed.map_err(|error| AwsError::AssumeRole {
                    role: role.arn.to_string(),
                    base: base.label(),
                    source: Box::new(error),
                })
            }
        }
    }

    /// Where the credentials come from, in words: of a role, those that it was assumed with.
    ///
    /// # Errors
    /// [`AwsError`] when there are none.
    pub(super) async fn source(&self) -> Result<String, AwsError> {
        match &self.source {
            Source::Chain { label, .. } => {
                let credentials = self.load(MARGIN).await?;
                let place = found_in(&credentials).map_or_else(|| label.clone(), str::to_owned);
                Ok(format!("with credentials from {place}"))
            }
            Source::Role { base, .. } => {
                let base = Box::pin(base.source()).await?;
                Ok(format!("a role that is assumed {base}"))
            }
        }
    }

    fn label(&self) -> String {
        match &self.source {
            Source::Chain { label, .. } => label.clone(),
            Source::Role { role, .. } => format!("the role `{}`", role.arn),
        }
    }
}

async fn assume(
    sts: &aws_sdk_sts::Client,
    role: &AssumedRole,
    session_name: &str,
) -> Result<Credentials, AwsError> {
    let request = sts
        .assume_role()
        .role_arn(role.arn.as_str())
        .role_session_name(session_name)
        .set_external_id(role.external_id.as_ref().map(|id| id.as_str().to_owned()));
    let answer = request.send().await.map_err(AwsError::new)?;
    let credentials = answer.credentials;
    let credentials =
        credentials.ok_or_else(|| AwsError::Unexpected { answer: "it has no credentials".to_owned() })?;
    let expiry = SystemTime::try_from(credentials.expiration).ok();
    tracing::debug!(role = %role.arn, session_name, ?expiry, "a role was assumed");
    Ok(Credentials::new(
        credentials.access_key_id,
        credentials.secret_access_key,
        Some(credentials.session_token),
        expiry,
        "AssumeRole",
    ))
}

/// Where a chain looks: a profile's program by its name, without its arguments.
fn label(config: &SdkConfig, profile: Option<&str>) -> String {
    // The SDK wants a variable besides. There is none of this name, and it would change no more than these words.
    let key = ServiceConfigKey::builder().service_id("chinampa").env("AWS_CREDENTIAL_PROCESS");
    let key = key.profile("credential_process").build().expect("all of a key is given");
    let process = config.service_config().and_then(|config| config.load_config(key));
    let program = process.as_deref().and_then(|process| process.split_whitespace().next());
    let name = profile.map_or_else(|| "the profile".to_owned(), |profile| format!("the profile `{profile}`"));
    match (program, profile) {
        (Some(program), _) => format!("`{}`, the `credential_process` of {name}", printable(program)),
        (None, Some(_)) => name,
        (None, None) => "the sources where AWS's tools look for credentials".to_owned(),
    }
}

/// Which of the sources of a chain had the credentials; `None` where the SDK does not tell.
fn found_in(credentials: &Credentials) -> Option<&'static str> {
    let features = credentials.get_property::<Vec<AwsCredentialFeature>>()?;
    features.iter().find_map(|feature| match feature {
        AwsCredentialFeature::CredentialsEnvVars => Some("the variables `AWS_ACCESS_KEY_ID` and its like"),
        AwsCredentialFeature::CredentialsEnvVarsStsWebIdToken => {
            Some("the web identity of `AWS_WEB_IDENTITY_TOKEN_FILE`")
        }
        AwsCredentialFeature::CredentialsProfile
        | AwsCredentialFeature::CredentialsProfileSourceProfile
        | AwsCredentialFeature::CredentialsProfileNamedProvider => {
            Some("a profile of AWS's configuration files")
        }
        AwsCredentialFeature::CredentialsProfileStsWebIdToken => Some("the web identity of a profile"),
        AwsCredentialFeature::CredentialsProfileSso | AwsCredentialFeature::CredentialsSso => {
            Some("single sign-on")
        }
        AwsCredentialFeature::CredentialsProfileProcess | AwsCredentialFeature::CredentialsProcess => {
            Some("the `credential_process` of a profile")
        }
        AwsCredentialFeature::CredentialsHttp => Some("the container's endpoint"),
        AwsCredentialFeature::CredentialsImds => Some("the instance metadata of the machine"),
        _ => None,
    })
}

fn not_found(error: CredentialsError) -> AwsError {
    // The SDK says it in words alone: "requires following cargo feature(s) enabled".
    let is_of_login = |error: &dyn StdError| error.to_string().contains("credentials-login");
    let mut causes = std::iter::successors(Some(&error as &dyn StdError), |&error| error.source());
    if causes.any(is_of_login) {
        return AwsError::LoginSession;
    }
    AwsError::NoCredentials { source: Box::new(error) }
}

/// What the SDK's clients ask for credentials.
#[derive(Debug)]
pub(super) struct Provider(pub(super) Arc<CachedCredentials>);

impl ProvideCredentials for Provider {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            self.0.load(MARGIN).await.map_err(CredentialsError::provider_error)
        })
    }
}

/// Shows nothing of the credentials.
impl fmt::Debug for CachedCredentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("CachedCredentials").field(&self.label()).finish()
    }
}
