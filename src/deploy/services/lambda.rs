//! AWS Lambda: a function's code becomes the image.
//!
//! `$LATEST` is what changes; no version is published and no alias moved.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::http::HttpResponse;
use aws_sdk_lambda::error::ProvideErrorMetadata as _;
use aws_sdk_lambda::error::SdkError;
use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationOutput;
use aws_sdk_lambda::types::{LastUpdateStatus, State};

use super::state::ServiceState;
use super::{Deployment, Limit, OnServiceEvent, SdkCause, ServiceError, ServiceEvent, Wait};

pub(super) struct Function<'f> {
    pub(super) client: Client,
    pub(super) name: String,
    pub(super) label: String,
    pub(super) tell: &'f OnServiceEvent<'f>,
}

impl Function<'_> {
    /// What the function runs.
    pub(super) async fn state(&self) -> Result<ServiceState, ServiceError> {
        let asked = self.client.get_function().function_name(&self.name).send().await;
        let function = asked.map_err(|error| self.failed("look at", error))?;
        let image = function.code().and_then(|code| code.image_uri()).map(str::to_owned);
        match image {
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
        loop {
            // Lambda refuses an update while the function is made, or another update is under way,
            // whoever began that, however it ends.
            self.settled(&mut wait, limit).await?;
            let update = self.client.update_function_code().function_name(&self.name).image_uri(&image);
            match update.send().await {
                Ok(_) => break,
                // Somebody else's update began in between.
                Err(error) if error.code() == Some("ResourceConflictException") => {
                    if !wait.again().await {
                        return Err(self.failed("update", error));
                    }
                }
                Err(error) => return Err(self.failed("update", error)),
            }
        }
        (self.tell)(ServiceEvent::Note(format!("the {} is updated to {image}", self.label)));
        let configuration = self.settled(&mut wait, limit).await?;
        match configuration.last_update_status() {
            Some(LastUpdateStatus::Successful) => Ok(()),
            status => Err(ServiceError::Refused {
                service: self.label.clone(),
                reason: match configuration.last_update_status_reason() {
                    Some(reason) => reason.to_owned(),
                    None => format!("its update ended as {status:?}"),
                },
            }),
        }
    }

    /// The function as it is when it is neither being made nor updated.
    async fn settled(
        &self,
        wait: &mut Wait,
        limit: Limit,
    ) -> Result<GetFunctionConfigurationOutput, ServiceError> {
        loop {
            let asked = self.client.get_function_configuration().function_name(&self.name).send().await;
            let configuration = asked.map_err(|error| self.failed("look at", error))?;
            let is_under_way = configuration.last_update_status() == Some(&LastUpdateStatus::InProgress)
                || configuration.state() == Some(&State::Pending);
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

    fn failed<E: SdkCause>(&self, action: &'static str, error: SdkError<E, HttpResponse>) -> ServiceError {
        super::failed(action, &self.label, error)
    }
}
