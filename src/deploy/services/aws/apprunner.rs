//! AWS App Runner: a service's source becomes the image.
//!
//! `StartDeployment` would only look the configured tag up again; updating the image identifier pins the
//! digest, and deploys by itself. Automatic deployments are turned off: they follow a tag.

use std::fmt;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::ecs_types::nullable;
use super::meaning::failed;
use super::{Deployment, Limit, OnServiceEvent, ServiceError, ServiceEvent, ServiceState, Wait};
use crate::aws::{JsonClient, JsonService, Rpc};
use crate::model::printable;

pub(super) const APP_RUNNER: JsonService = JsonService { id: "AppRunner", name: "apprunner" };

const RPC: Rpc = Rpc { content_type: "application/x-amz-json-1.0", target: "AppRunner" };

pub(super) struct AppRunnerService<'s> {
    pub(super) client: JsonClient,
    pub(super) known_by: KnownBy,
    pub(super) label: String,
    pub(super) on_event: &'s OnServiceEvent<'s>,
}

pub(super) enum KnownBy {
    Name(String),
    Arn(String),
}

impl fmt::Display for KnownBy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(text) | Self::Arn(text) => formatter.write_str(text),
        }
    }
}

impl AppRunnerService<'_> {
    /// What the service runs.
    pub(super) async fn state(&self) -> Result<ServiceState, ServiceError> {
        let service = self.look(&self.arn().await?).await?;
        let repository = service.source_configuration.and_then(|source| source.image_repository);
        Ok(match repository {
            Some(repository) => ServiceState::Runs { image: repository.image_identifier },
            None => return Err(self.unsuitable("it is built from code, not run from an image".to_owned())),
        })
    }

    async fn arn(&self) -> Result<String, ServiceError> {
        match &self.known_by {
            KnownBy::Name(name) => self.find(name).await,
            KnownBy::Arn(arn) => Ok(arn.clone()),
        }
    }

    async fn look(&self, arn: &str) -> Result<Service, ServiceError> {
        let answer: Answer = self.call("look at", "DescribeService", &json!({ "ServiceArn": arn })).await?;
        let detail = String::new();
        answer.service.ok_or_else(|| ServiceError::NotThere { service: self.label.clone(), detail })
    }

    /// The ARN of the service of this name: App Runner takes nothing else.
    async fn find(&self, name: &str) -> Result<String, ServiceError> {
        let mut input = json!({});
        loop {
            let page: Page = self.call("look for", "ListServices", &input).await?;
            let mut services = page.service_summary_list.into_iter();
            let found = services.find(|service| service.service_name.as_deref() == Some(name));
            if let Some(arn) = found.and_then(|service| service.service_arn) {
                return Ok(arn);
            }
            match page.next_token {
                Some(next) if input["NextToken"] != next.as_str() => input["NextToken"] = next.into(),
                _ => break,
            }
        }
        Err(ServiceError::NotThere { service: self.label.clone(), detail: String::new() })
    }

    pub(super) async fn restart(
        &self,
        deployment: &Deployment<'_>,
        limit: Limit,
    ) -> Result<(), ServiceError> {
        let mut wait = Wait::new(limit);
        let arn = &self.arn().await?;
        let service = self.settled(arn, &mut wait, limit).await?;
        let image = deployment.image.to_string();
        let Some(mut source) = service.source_configuration else {
            return Err(self.unsuitable("it has no source".to_owned()));
        };
        let Some(repository) = &mut source.image_repository else {
            return Err(self.unsuitable("it is built from code, not run from an image".to_owned()));
        };
        match service.status.as_str() {
            "RUNNING" => {}
            status => return Err(self.unsuitable(format!("its status is {}", printable(status)))),
        }
        if repository.image_identifier == image {
            (self.on_event)(ServiceEvent::Note(format!("the {} runs {image} already", self.label)));
            return Ok(());
        }
        repository.image_identifier.clone_from(&image);
        source.auto_deployments_enabled = Some(false);
        let input = json!({ "ServiceArn": arn, "SourceConfiguration": source });
        // Somebody else's operation may have begun in between.
        let call = async || self.client.call(&RPC, "UpdateService", &input).await;
        let updated = wait.retry_conflicts(call).await;
        let updated: Updated = updated.map_err(|error| failed("update", &self.label, error))?;
        (self.on_event)(ServiceEvent::Note(format!("the {} is updated to {image}", self.label)));
        self.finished(arn, &updated.operation_id, &mut wait, limit).await
    }

    /// The service as it is when nothing is being done to it.
    async fn settled(&self, arn: &str, wait: &mut Wait, limit: Limit) -> Result<Service, ServiceError> {
        loop {
            let service = self.look(arn).await?;
            if service.status != "OPERATION_IN_PROGRESS" {
                return Ok(service);
            }
            if !wait.again().await {
                return Err(self.timed_out(limit, "another operation is under way"));
            }
        }
    }

    /// Waits for the end of an operation.
    async fn finished(
        &self,
        arn: &str,
        operation: &str,
        wait: &mut Wait,
        limit: Limit,
    ) -> Result<(), ServiceError> {
        loop {
            let input = json!({ "ServiceArn": arn });
            let operations: Operations = self.call("look at", "ListOperations", &input).await?;
            let mut operations = operations.operation_summary_list.into_iter();
            let found = operations.find(|summary| summary.id.as_deref() == Some(operation));
            // Newest first, so the first page has it as soon as it is listed at all.
            match found.and_then(|summary| summary.status).as_deref() {
                Some("SUCCEEDED") => return Ok(()),
                None | Some("PENDING" | "IN_PROGRESS" | "ROLLBACK_IN_PROGRESS") => {}
                Some(ended) => {
                    let ended = printable(ended);
                    let reason = format!("its update ended as {ended}; its logs in CloudWatch say why");
                    return Err(ServiceError::Refused { service: self.label.clone(), reason });
                }
            }
            if !wait.again().await {
                return Err(self.timed_out(limit, "its update is still under way"));
            }
        }
    }

    fn timed_out(&self, limit: Limit, state: &str) -> ServiceError {
        let (service, timeout) = (self.label.clone(), limit.timeout);
        ServiceError::TimedOut { service, timeout, state: state.to_owned() }
    }

    fn unsuitable(&self, reason: String) -> ServiceError {
        ServiceError::Unsuitable { service: self.label.clone(), reason }
    }

    /// Calls an operation of App Runner; `action` is how a failure of it is events.
    async fn call<T: DeserializeOwned>(
        &self,
        action: &'static str,
        operation: &str,
        input: &Value,
    ) -> Result<T, ServiceError> {
        let called = self.client.call(&RPC, operation, input).await;
        called.map_err(|error| failed(action, &self.label, error))
    }
}

/// The answer of `DescribeService`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    service: Option<Service>,
}

/// A service as App Runner describes it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Service {
    status: String,
    source_configuration: Option<Source>,
}

/// What a service is made from, with all fields that App Runner gives it, also those that are not known here.
#[derive(Deserialize, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
struct Source {
    #[serde(skip_serializing_if = "Option::is_none")]
    image_repository: Option<ImageRepository>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auto_deployments_enabled: Option<bool>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Deserialize, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
struct ImageRepository {
    image_identifier: String,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// A page of `ListServices`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default, deserialize_with = "nullable")]
    service_summary_list: Vec<Summary>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Summary {
    service_name: Option<String>,
    service_arn: Option<String>,
}

/// The answer of `UpdateService`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Updated {
    operation_id: String,
}

/// The answer of `ListOperations`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Operations {
    #[serde(default, deserialize_with = "nullable")]
    operation_summary_list: Vec<OperationSummary>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OperationSummary {
    id: Option<String>,
    status: Option<String>,
}
