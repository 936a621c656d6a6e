//! Hands out the same credentials for the same identity, so that nobody is asked for a code twice.

#[cfg(feature = "_aws")]
use std::collections::BTreeMap;
use std::sync::Arc;
#[cfg(feature = "_aws")]
use std::sync::{Mutex, MutexGuard, PoisonError};

#[cfg(feature = "_aws")]
use aws_config::SdkConfig;

use super::AwsError;
#[cfg(feature = "_aws")]
use super::credentials::{CachedCredentials, LASTING};
#[cfg(feature = "_aws")]
use super::session::{Session, configuration, named_profile};
use crate::model::{AwsIdentity, Region, Secret};

/// The longest name of a session, in bytes.
const MAX_SESSION_NAME_BYTES: usize = 64;

/// The credentials of every identity that this process asks AWS as.
///
/// Cheap to clone; all clones share them.
#[derive(Clone, Debug)]
pub struct CredentialProviders(
    #[cfg_attr(not(feature = "_aws"), expect(dead_code, reason = "only a program with AWS assumes roles"))]
    Arc<Inner>,
);

#[derive(Debug)]
struct Inner {
    #[cfg_attr(not(feature = "_aws"), expect(dead_code, reason = "only a program with AWS assumes roles"))]
    session_name: String,
    #[cfg(feature = "_aws")]
    known: Mutex<Known>,
}

/// Whoever has asked already.
#[cfg(feature = "_aws")]
#[derive(Debug, Default)]
struct Known {
    credentials: BTreeMap<AwsIdentity, Arc<CachedCredentials>>,
    sessions: BTreeMap<(Region, AwsIdentity), Session>,
}

/// Variables that AWS's tools read, and which of them have to be absent.
pub type CredentialVariables = Vec<(&'static str, Option<Secret>)>;

impl CredentialProviders {
    /// Asks nobody yet. Sessions of roles are named after `job`, so that AWS's own logs say who it was.
    pub fn new(job: &str) -> Self {
        Self(Arc::new(Inner {
            session_name: session_name(job),
            #[cfg(feature = "_aws")]
            known: Mutex::default(),
        }))
    }

    /// Asks nobody yet.
    #[cfg(feature = "_aws")]
    pub(crate) async fn session(&self, region: &Region, identity: &AwsIdentity) -> Session {
        let key = (region.clone(), identity.clone());
        if let Some(session) = self.known().sessions.get(&key) {
            return session.clone();
        }
        let config = configuration(region, identity.profile.as_deref()).await;
        let mut known = self.known();
        let credentials = known.credentials_of(&config, region, identity, &self.0.session_name);
        known.sessions.entry(key).or_insert_with(|| Session::new(&config, credentials)).clone()
    }

    #[cfg(feature = "_aws")]
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// With a session that a test has made itself.
    #[cfg(all(test, feature = "deploy"))]
    pub(crate) fn with(self, region: &Region, session: Session) -> Self {
        self.known().sessions.insert((region.clone(), AwsIdentity::default()), session);
        self
    }

    /// What a program needs in its environment to ask AWS as this identity; empty where it finds the same
    /// credentials by itself.
    ///
    /// # Errors
    /// [`AwsError`] when there are no such credentials.
    #[cfg(feature = "_aws")]
    pub async fn variables(
        &self,
        region: &Region,
        identity: &AwsIdentity,
    ) -> Result<CredentialVariables, AwsError> {
        if *identity == AwsIdentity::default() {
            return Ok(Vec::new());
        }
        let credentials = self.session(region, identity).await.credentials(LASTING).await?;
        let set = |text: &str| Some(Secret::new(text));
        Ok(vec![
            ("AWS_ACCESS_KEY_ID", set(credentials.access_key_id())),
            ("AWS_SECRET_ACCESS_KEY", set(credentials.secret_access_key())),
            ("AWS_SESSION_TOKEN", credentials.session_token().and_then(set)),
            // What would go before them, or add a role to them.
            ("AWS_PROFILE", None),
            ("AWS_DEFAULT_PROFILE", None),
            ("AWS_ROLE_ARN", None),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", None),
            ("AWS_CREDENTIAL_EXPIRATION", None),
        ])
    }

    /// What a program needs in its environment to ask AWS as this identity.
    ///
    /// # Errors
    /// [`AwsError::NotBuiltIn`] for all but what the program finds by itself.
    #[cfg(not(feature = "_aws"))]
    pub async fn variables(
        &self,
        _: &Region,
        identity: &AwsIdentity,
    ) -> Result<CredentialVariables, AwsError> {
        match *identity == AwsIdentity::default() {
            true => Ok(Vec::new()),
            false => Err(AwsError::NotBuiltIn),
        }
    }
}

#[cfg(feature = "_aws")]
impl Known {
    /// Those of the identity, whatever the region; a role is assumed with those of its profile.
    fn credentials_of(
        &mut self,
        config: &SdkConfig,
        region: &Region,
        identity: &AwsIdentity,
        session_name: &str,
    ) -> Arc<CachedCredentials> {
        let AwsIdentity { profile, role } = identity;
        let base = AwsIdentity { profile: profile.clone(), role: None };
        let base = self.credentials.entry(base).or_insert_with(|| {
            let found = match profile {
                Some(profile) => named_profile(region, profile),
                None => config.credentials_provider().expect("the default chain is not turned off"),
            };
            Arc::new(CachedCredentials::of_chain(config, found, profile.as_deref()))
        });
        let Some(role) = role else { return Arc::clone(base) };
        let base = Arc::clone(base);
        let assumed = self.credentials.entry(identity.clone()).or_insert_with(|| {
            Arc::new(CachedCredentials::of_role(config, role.clone(), session_name.to_owned(), base))
        });
        Arc::clone(assumed)
    }
}

/// `chinampa-` and the job, of the characters that STS takes.
fn session_name(job: &str) -> String {
    let allowed = |character: char| character.is_ascii_alphanumeric() || "_+=,.@-".contains(character);
    let job = job.chars().map(|character| if allowed(character) { character } else { '-' });
    "chinampa-".chars().chain(job).take(MAX_SESSION_NAME_BYTES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_named_after_the_job_in_what_sts_takes() {
        assert_eq!(session_name("deploy"), "chinampa-deploy");
        assert_eq!(session_name("build & push: π"), "chinampa-build---push---");
        assert_eq!(session_name("ci@host"), "chinampa-ci@host");
        assert_eq!(session_name(&"x".repeat(100)).len(), 64);
    }
}
