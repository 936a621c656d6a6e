//! AWS App Runner: a service's source becomes the image.
//!
//! `StartDeployment` would only look the configured tag up again; updating the image identifier pins the
//! digest, and deploys by itself. Automatic deployments are turned off: they follow a tag.

use std::fmt;

use aws_sdk_apprunner::Client;
use aws_sdk_apprunner::config::http::HttpResponse;
use aws_sdk_apprunner::error::SdkError;
use aws_sdk_apprunner::types::{OperationStatus, Service, ServiceStatus};

use super::state::ServiceState;
use super::{Deployment, Limit, OnServiceEvent, SdkCause, ServiceError, ServiceEvent, Wait};

pub(super) struct AppRunnerService<'s> {
    pub(super) client: Client,
    pub(super) known_by: KnownBy,
    pub(super) label: String,
    pub(super) tell: &'s OnServiceEvent<'s>,
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
        let source = service.source_configuration().and_then(|source| source.image_repository());
        Ok(match source {
            Some(repository) => ServiceState::Runs { image: repository.image_identifier().to_owned() },
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
        let asked = self.client.describe_service().service_arn(arn).send().await;
        let service = asked.map_err(|error| self.failed("look at", error))?.service;
        let detail = String::new();
        service.ok_or_else(|| ServiceError::NotThere { service: self.label.clone(), detail })
    }

    /// The ARN of the service of this name: App Runner takes nothing else.
    async fn find(&self, name: &str) -> Result<String, ServiceError> {
        let mut pages = self.client.list_services().into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| self.failed("look for", error))?;
            let found =
                page.service_summary_list().iter().find(|service| service.service_name() == Some(name));
            if let Some(arn) = found.and_then(|service| service.service_arn()) {
                return Ok(arn.to_owned());
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
        let Some(source) = service.source_configuration() else {
            return Err(self.unsuitable("it has no source".to_owned()));
        };
        let Some(repository) = source.image_repository() else {
            return Err(self.unsuitable("it is built from code, not run from an image".to_owned()));
        };
        match service.status() {
            ServiceStatus::Running => {}
            status => return Err(self.unsuitable(format!("its status is {status}"))),
        }
        if repository.image_identifier() == image {
            (self.tell)(ServiceEvent::Note(format!("the {} runs {image} already", self.label)));
            return Ok(());
        }
        let mut repository = repository.clone();
        repository.image_identifier.clone_from(&image);
        let mut source = source.clone();
        source.image_repository = Some(repository);
        source.auto_deployments_enabled = Some(false);
        let update = self.client.update_service().service_arn(arn).source_configuration(source);
        let updated = update.send().await.map_err(|error| self.failed("update", error))?;
        (self.tell)(ServiceEvent::Note(format!("the {} is updated to {image}", self.label)));
        self.finished(arn, updated.operation_id(), &mut wait, limit).await
    }

    /// The service as it is when nothing is being done to it.
    async fn settled(&self, arn: &str, wait: &mut Wait, limit: Limit) -> Result<Service, ServiceError> {
        loop {
            let service = self.look(arn).await?;
            if service.status() != &ServiceStatus::OperationInProgress {
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
            let asked = self.client.list_operations().service_arn(arn).send().await;
            let operations = asked.map_err(|error| self.failed("look at", error))?;
            let found =
                operations.operation_summary_list().iter().find(|summary| summary.id() == Some(operation));
            // Newest first, so the first page has it as soon as it is listed at all.
            match found.and_then(|summary| summary.status()) {
                Some(OperationStatus::Succeeded) => return Ok(()),
                None
                | Some(
                    OperationStatus::Pending
                    | OperationStatus::InProgress
                    | OperationStatus::RollbackInProgress,
                ) => {}
                Some(ended) => {
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

    fn failed<E: SdkCause>(&self, action: &'static str, error: SdkError<E, HttpResponse>) -> ServiceError {
        super::failed(action, &self.label, error)
    }
}
