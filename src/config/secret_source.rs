//! Where the values of secrets come from.

use std::fmt;

use crate::model::{Region, RepoPath, printable};

/// Where a secret's value is read from when an image is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// The environment variable of this name.
    Env(String),
    /// A file of the work tree, from the repository root.
    File(RepoPath),
    /// A secret that AWS keeps.
    Aws(AwsSecret),
}

impl SecretSource {
    /// The key of the manifest, and what it says.
    pub fn key_and_value(&self) -> (&'static str, &[u8]) {
        match self {
            Self::Env(variable) => ("env", variable.as_bytes()),
            Self::File(path) => ("file", path.as_bytes()),
            Self::Aws(secret) => (secret.service().key(), secret.name().as_bytes()),
        }
    }
}

/// A secret of AWS Secrets Manager, or a parameter of the Parameter Store of Systems Manager.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AwsSecret {
    service: AwsSecretService,
    /// Or its ARN.
    name: String,
    /// What the ARN says.
    region: Option<Region>,
}

/// Who keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AwsSecretService {
    SecretsManager,
    ParameterStore,
}

impl AwsSecretService {
    /// The key of the manifest.
    pub fn key(self) -> &'static str {
        match self {
            Self::SecretsManager => "aws-secrets-manager",
            Self::ParameterStore => "aws-ssm",
        }
    }

    /// As ARNs name it.
    fn arn_name(self) -> &'static str {
        match self {
            Self::SecretsManager => "secretsmanager",
            Self::ParameterStore => "ssm",
        }
    }

    /// What a name may have besides letters and digits.
    fn punctuation(self) -> &'static [u8] {
        match self {
            Self::SecretsManager => b"/_+=.@-",
            Self::ParameterStore => b"/_.-",
        }
    }
}

impl AwsSecret {
    /// # Errors
    /// What is expected, without the text: it could be the secret itself.
    pub fn new(service: AwsSecretService, name: &str) -> Result<Self, &'static str> {
        let is_name = |text: &str| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || service.punctuation().contains(&byte);
            (1..=1011).contains(&text.len()) && text.bytes().all(fits)
        };
        let region = match name.strip_prefix("arn:") {
            None => is_name(name).then_some(None),
            // `partition:service:region:account:` and what is called so there.
            Some(arn) => match arn.splitn(5, ':').collect::<Vec<_>>()[..] {
                [_, named, region, account, resource]
                    if named == service.arn_name()
                        && account.bytes().all(|byte| byte.is_ascii_digit())
                        && is_name(&resource.replace(':', "/")) =>
                {
                    region.parse().ok().map(Some)
                }
                _ => None,
            },
        };
        match (region, service) {
            (Some(region), _) => Ok(Self { service, name: name.to_owned(), region }),
            (None, AwsSecretService::SecretsManager) => Err("the name or the ARN of a secret is expected"),
            (None, AwsSecretService::ParameterStore) => Err("the name or the ARN of a parameter is expected"),
        }
    }

    pub fn service(&self) -> AwsSecretService {
        self.service
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// As `CHINAMPA_SECRETS` lists it.
    pub fn listed(&self) -> String {
        format!("{}:{}", self.service.key(), self.name)
    }

    /// Where it is, if its ARN says so.
    pub fn region(&self) -> Option<&Region> {
        self.region.as_ref()
    }
}

/// "`name` of AWS Secrets Manager"
impl fmt::Display for AwsSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let service = match self.service {
            AwsSecretService::SecretsManager => "AWS Secrets Manager",
            AwsSecretService::ParameterStore => "the SSM Parameter Store",
        };
        write!(formatter, "`{}` of {service}", printable(&self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_no_region_and_an_arn_has_one() {
        use AwsSecretService::{ParameterStore, SecretsManager};
        for (service, name, region) in [
            (SecretsManager, "team/npm-token", None),
            (
                SecretsManager,
                "arn:aws:secretsmanager:eu-west-2:123456789012:secret:team/npm-AbCdEf",
                Some("eu-west-2"),
            ),
            (ParameterStore, "/team/npm.token", None),
            (ParameterStore, "arn:aws-cn:ssm:cn-north-1:123456789012:parameter/team/npm", Some("cn-north-1")),
        ] {
            let secret = AwsSecret::new(service, name).unwrap();

            assert_eq!(secret.region().map(Region::as_str), region, "{name}");
        }
        for (service, name) in [
            (SecretsManager, ""),
            (SecretsManager, "a b"),
            (SecretsManager, "arn:aws:ssm:eu-west-2:123456789012:parameter/a"),
            (SecretsManager, "arn:aws:secretsmanager:evil.example/#:123456789012:secret:a"),
            (ParameterStore, "/a\n"),
            (ParameterStore, "arn:aws:ssm"),
        ] {
            assert!(AwsSecret::new(service, name).is_err(), "{name}");
        }
    }
}
