//! Services of AWS in a program that has nothing to talk to them with.

use super::{AwsScope, Deployment, OnServiceEvent, ServiceError, ServiceState, ServiceTimeouts};
use crate::aws::CredentialProviders;
use crate::config::{Service, ServiceConfig};

#[derive(Debug)]
pub(super) struct AwsServices;

impl AwsServices {
    pub(super) fn new(_: AwsScope, _: CredentialProviders) -> Self {
        Self
    }

    pub(super) async fn state(
        &self,
        config: &ServiceConfig,
        _: &Deployment<'_>,
    ) -> Result<ServiceState, ServiceError> {
        match refuse(&config.service) {
            Some(error) => Err(error),
            None => Ok(ServiceState::Unknown),
        }
    }

    pub(super) async fn restart(
        &self,
        config: &ServiceConfig,
        _: &Deployment<'_>,
        _: ServiceTimeouts,
        _: &OnServiceEvent<'_>,
    ) -> Result<(), ServiceError> {
        refuse(&config.service).map_or(Ok(()), Err)
    }
}

/// `None` for what is no service of AWS.
fn refuse(service: &Service) -> Option<ServiceError> {
    let service = match service {
        Service::Ecs { .. } => "services of ECS",
        Service::EcsExpress(_) => "Express services of ECS",
        Service::EcsTask(_) | Service::EcsScheduled(_) => "tasks of ECS",
        Service::Lambda { .. } => "functions of Lambda",
        Service::AppRunner(_) => "services of App Runner",
        Service::Command { .. } => return None,
    };
    Some(ServiceError::NotBuiltIn { service })
}
