//! Secrets that AWS keeps: in Secrets Manager, and in the Parameter Store of Systems Manager.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::SecretError;
use crate::aws::{CallError, CredentialProviders, JsonClient, JsonService, Rpc, Session};
use crate::config::{AwsSecret, AwsSecretService};
use crate::model::{AwsIdentity, Region, Secret};

const SECRETS_MANAGER: JsonService = JsonService { id: "Secrets Manager", name: "secretsmanager" };
const SYSTEMS_MANAGER: JsonService = JsonService { id: "SSM", name: "ssm" };

const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

/// What AWS answers where there is no such secret, or no value of it.
const NOT_THERE: [&str; 3] = ["ResourceNotFoundException", "ParameterNotFound", "ParameterVersionNotFound"];

/// Reads secrets from AWS, each once.
#[derive(Debug)]
pub struct AwsSecrets {
    /// Where secrets are that don't say it themselves.
    region: Option<Region>,
    providers: CredentialProviders,
    values: BTreeMap<AwsSecret, Secret>,
}

impl AwsSecrets {
    /// Asks nobody yet.
    pub fn new(region: Option<Region>, providers: CredentialProviders) -> Self {
        Self { region, providers, values: BTreeMap::new() }
    }

    pub(super) async fn value(&mut self, secret: &AwsSecret) -> Result<Secret, SecretError> {
        if let Some(value) = self.values.get(secret) {
            return Ok(value.clone());
        }
        let region = secret.region().or(self.region.as_ref()).cloned();
        let region = region.ok_or_else(|| SecretError::NoRegion { secret: secret.clone() })?;
        let session = self.providers.session(&region, &AwsIdentity::default()).await;
        let value = ask(secret, &session).await?;
        self.values.insert(secret.clone(), value.clone());
        Ok(value)
    }
}

async fn ask(secret: &AwsSecret, session: &Session) -> Result<Secret, SecretError> {
    let (service, target, operation, input) = match secret.service() {
        AwsSecretService::SecretsManager => {
            (&SECRETS_MANAGER, "secretsmanager", "GetSecretValue", json!({ "SecretId": secret.name() }))
        }
        AwsSecretService::ParameterStore => {
            let input = json!({ "Name": secret.name(), "WithDecryption": true });
            (&SYSTEMS_MANAGER, "AmazonSSM", "GetParameter", input)
        }
    };
    let failed = |source| SecretError::Aws { secret: secret.clone(), source };
    let client = JsonClient::new(service, session).map_err(failed)?;
    let rpc = Rpc { content_type: CONTENT_TYPE, target };
    // As it is: an error about its form could have the secret in it.
    let answer: Value = client.call(&rpc, operation, &input).await.map_err(|error| match error {
        CallError { code: Some(code), .. } if NOT_THERE.contains(&code.as_str()) => {
            SecretError::NotInAws { secret: secret.clone() }
        }
        CallError { error, .. } => failed(error),
    })?;
    text(&answer).map(Secret::new).ok_or_else(|| SecretError::NotText { secret: secret.clone() })
}

/// The value in an answer of either service; `None` for one that is no text.
fn text(answer: &Value) -> Option<String> {
    let text = [&answer["SecretString"], &answer["Parameter"]["Value"]].into_iter().find_map(Value::as_str);
    match text {
        Some(text) => Some(text.to_owned()),
        None => String::from_utf8(STANDARD.decode(answer["SecretBinary"].as_str()?).ok()?).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_text_wherever_it_is_in_the_answer() {
        assert_eq!(text(&json!({ "SecretString": "a" })).as_deref(), Some("a"));
        assert_eq!(text(&json!({ "SecretBinary": "YQ==" })).as_deref(), Some("a"));
        assert_eq!(text(&json!({ "Parameter": { "Value": "a" } })).as_deref(), Some("a"));
        for none in [json!({ "SecretBinary": "/w==" }), json!({ "SecretString": 1 }), json!({}), json!([])] {
            assert_eq!(text(&none), None, "{none}");
        }
    }
}
