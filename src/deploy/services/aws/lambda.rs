//! AWS Lambda: a function's code becomes the image.
//!
//! Without an alias, `$LATEST` is all that changes. With one, a version is published, and the alias is moved to it when
//! the version can be invoked.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::meaning::failed;
use super::{
    Deployment, Limit, OnServiceEvent, ServiceError, ServiceEvent, ServiceState, Wait, percent_encoded,
};
use crate::aws::{JsonClient, JsonService};
use crate::model::printable;

pub(super) const LAMBDA: JsonService = JsonService { id: "Lambda", name: "lambda" };

pub(super) struct Function<'f> {
    pub(super) client: JsonClient,
    pub(super) name: String,
    pub(super) alias: Option<String>,
    pub(super) label: String,
    pub(super) on_event: &'f OnServiceEvent<'f>,
}

impl Function<'_> {
    /// What the function runs, by its alias where there is one.
    pub(super) async fn state(&self) -> Result<ServiceState, ServiceError> {
        let function: FunctionState = self.look("", self.alias.as_deref()).await?;
        match function.code.and_then(|code| code.image_uri) {
            Some(image) => Ok(ServiceState::Runs { image }),
            None => Err(ServiceError::Unsuitable {
                service: self.label.clone(),
                reason: "it is no container image".to_owned(),
            }),
        }
    }

    pub(super) async fn restart(
        &self,
        deployment: &Deployment<'_>,
        limit: Limit,
    ) -> Result<(), ServiceError> {
        let mut wait = Wait::new(limit);
        let image = deployment.image.to_string();
        if let Some(alias) = &self.alias {
            // One that isn't there is found before anything is changed.
            let _: Value = self.look(&format!("/aliases/{}", percent_encoded(alias)), None).await?;
        }
        // Lambda refuses an update while the function is made, or another update is under way,
        // whoever began that, however it ends.
        self.settled(None, &mut wait, limit).await?;
        let input = json!({ "ImageUri": image });
        let _: Value = self.change("update", "PUT", "/code", &input, &mut wait).await?;
        self.note(format!("the code of the {} is updated to {image}", self.label));
        let configuration = self.settled(None, &mut wait, limit).await?;
        if configuration.last_update_status.as_deref() != Some("Successful") {
            return Err(
                self.refused(configuration.last_update_status_reason, configuration.last_update_status)
            );
        }
        match &self.alias {
            None => Ok(()),
            Some(alias) => self.move_alias(alias, configuration.code_sha256, &mut wait, limit).await,
        }
    }

    /// Publishes the code with this hash as a version, and lets the alias stand for it alone.
    ///
    /// Lambda publishes no second version of what didn't change: it answers with the first.
    async fn move_alias(
        &self,
        alias: &str,
        code_sha256: Option<String>,
        wait: &mut Wait,
        limit: Limit,
    ) -> Result<(), ServiceError> {
        // Should somebody else change the code meanwhile, that is not published.
        let input = json!({ "CodeSha256": code_sha256 });
        let action = "publish a version for";
        let Published { version } = self.change(action, "POST", "/versions", &input, wait).await?;
        let published = self.settled(Some(&version), wait, limit).await?;
        if published.state.as_deref() == Some("Failed") {
            return Err(self.refused(published.state_reason, published.state));
        }
        // Weights that send a part of the requests to another version would be kept.
        let routing = json!({ "AdditionalVersionWeights": {} });
        let input = json!({ "FunctionVersion": version, "RoutingConfig": routing });
        let path = format!("/aliases/{}", percent_encoded(alias));
        let _: Value = self.change("move", "PUT", &path, &input, wait).await?;
        self.note(format!("the {} is moved to the version {}", self.label, printable(&version)));
        Ok(())
    }

    /// The function, or a version of it, as it is when it is neither being made nor updated.
    async fn settled(
        &self,
        version: Option<&str>,
        wait: &mut Wait,
        limit: Limit,
    ) -> Result<Configuration, ServiceError> {
        loop {
            let configuration: Configuration = self.look("/configuration", version).await?;
            let is_under_way = configuration.last_update_status.as_deref() == Some("InProgress")
                || configuration.state.as_deref() == Some("Pending");
            if !is_under_way {
                return Ok(configuration);
            }
            if !wait.again().await {
                return Err(ServiceError::TimedOut {
                    service: self.label.clone(),
                    timeout: limit.timeout,
                    state: "it is still being made or updated".to_owned(),
                });
            }
        }
    }

    /// Reads something of the function, of a version, or of what an alias stands for.
    async fn look<T: DeserializeOwned>(&self, of: &str, qualifier: Option<&str>) -> Result<T, ServiceError> {
        let query = qualifier.map(|qualifier| format!("?Qualifier={}", percent_encoded(qualifier)));
        let path = self.path(of) + &query.unwrap_or_default();
        let answer = self.client.request("GET", path, None).await;
        answer.map_err(|error| failed("look at", &self.label, error))
    }

    /// Changes something, as soon as nothing else is being done to the function.
    async fn change<T: DeserializeOwned>(
        &self,
        action: &'static str,
        method: &'static str,
        of: &str,
        input: &Value,
        wait: &mut Wait,
    ) -> Result<T, ServiceError> {
        let call = async || self.client.request(method, self.path(of), Some(input)).await;
        wait.retry_conflicts(call).await.map_err(|error| failed(action, &self.label, error))
    }

    fn path(&self, of: &str) -> String {
        format!("/2015-03-31/functions/{}{of}", percent_encoded(&self.name))
    }

    fn note(&self, note: String) {
        (self.on_event)(ServiceEvent::Note(note));
    }

    fn refused(&self, reason: Option<String>, status: Option<String>) -> ServiceError {
        let status = || format!("its update ended as {}", status.as_deref().unwrap_or("nothing"));
        let reason = printable(&reason.unwrap_or_else(status));
        ServiceError::Refused { service: self.label.clone(), reason }
    }
}

/// The answer of `GetFunction`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FunctionState {
    code: Option<Code>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Code {
    image_uri: Option<String>,
}

/// The answer of `GetFunctionConfiguration`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Configuration {
    state: Option<String>,
    state_reason: Option<String>,
    last_update_status: Option<String>,
    last_update_status_reason: Option<String>,
    code_sha256: Option<String>,
}

/// The answer of `PublishVersion`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Published {
    version: String,
}
