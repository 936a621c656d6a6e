//! Secrets that AWS keeps, in a program that has nothing to talk to it with.

use super::SecretError;
use crate::aws::CredentialProviders;
use crate::config::AwsSecret;
use crate::model::{Region, Secret};

#[derive(Debug)]
pub struct AwsSecrets;

impl AwsSecrets {
    pub fn new(_: Option<Region>, _: CredentialProviders) -> Self {
        Self
    }

    pub(super) async fn value(&mut self, secret: &AwsSecret) -> Result<Secret, SecretError> {
        Err(SecretError::NotBuiltIn { secret: secret.clone() })
    }
}
