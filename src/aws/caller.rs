//! Who AWS takes some credentials for, and where they come from.

use super::{AwsError, CredentialProviders};
use crate::model::{AwsIdentity, Region};

/// Whoever asks AWS as one identity of the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Twelve digits.
    pub account: String,
    /// Such as `arn:aws:sts::123456789012:assumed-role/ci/chinampa-build`, printable.
    pub arn: String,
    /// Where the credentials were found, in words.
    pub source: String,
}

impl CredentialProviders {
    /// Asks STS who this identity is. Everybody who has credentials may ask that.
    ///
    /// # Errors
    /// [`AwsError`] when there are no such credentials, or AWS does not say.
    #[cfg(feature = "_aws")]
    pub async fn caller(&self, region: &Region, identity: &AwsIdentity) -> Result<Caller, AwsError> {
        let session = self.session(region, identity).await;
        let (account, arn) = super::sdk::caller(&session).await?;
        Ok(Caller { account, arn, source: session.source().await? })
    }

    /// Asks STS who this identity is.
    ///
    /// # Errors
    /// [`AwsError::NotBuiltIn`], always: this program has nothing that asks AWS.
    #[cfg(not(feature = "_aws"))]
    pub async fn caller(&self, _: &Region, _: &AwsIdentity) -> Result<Caller, AwsError> {
        Err(AwsError::NotBuiltIn)
    }
}
