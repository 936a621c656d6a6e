//! Calls of Amazon ECS about one thing that a deployment updates.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::meaning::failed;
use super::{OnServiceEvent, ServiceError, ServiceEvent, Wait};
use crate::aws::{JsonClient, JsonService, Rpc};

pub(super) const ECS: JsonService = JsonService { id: "ECS", name: "ecs" };

const RPC: Rpc =
    Rpc { content_type: "application/x-amz-json-1.1", target: "AmazonEC2ContainerServiceV20141113" };

pub(super) struct EcsClient<'s> {
    pub(super) client: JsonClient,
    /// How messages name what it is about.
    pub(super) label: String,
    pub(super) on_event: &'s OnServiceEvent<'s>,
}

impl EcsClient<'_> {
    /// Calls an operation; `action` is how a failure of it is told.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        action: &'static str,
        operation: &str,
        input: &Value,
    ) -> Result<T, ServiceError> {
        let called = self.client.call(&RPC, operation, input).await;
        called.map_err(|error| failed(action, &self.label, error))
    }

    /// The same, again and again while something else is being done to the same thing.
    pub(super) async fn call_in_turn<T: DeserializeOwned>(
        &self,
        action: &'static str,
        operation: &str,
        input: &Value,
        wait: &mut Wait,
    ) -> Result<T, ServiceError> {
        let called = wait.retry_conflicts(async || self.client.call(&RPC, operation, input).await).await;
        called.map_err(|error| failed(action, &self.label, error))
    }

    pub(super) fn note(&self, note: String) {
        (self.on_event)(ServiceEvent::Note(note));
    }

    pub(super) fn refused(&self, reason: String) -> ServiceError {
        ServiceError::Refused { service: self.label.clone(), reason }
    }

    pub(super) fn unsuitable(&self, reason: String) -> ServiceError {
        ServiceError::Unsuitable { service: self.label.clone(), reason }
    }

    pub(super) fn not_there(&self, detail: impl Into<String>) -> ServiceError {
        ServiceError::NotThere { service: self.label.clone(), detail: detail.into() }
    }
}
