//! AWS Lambda: a function's code becomes the image.
//!
//! `$LATEST` is what changes; no version is published and no alias moved.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::http::HttpResponse;
use aws_sdk_lambda::error::SdkError;
use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationOutput;
use aws_sdk_lambda::types::LastUpdateStatus;

use super::{Deployment, SdkCause, ServiceError, ServiceEvent, ServicePatience, TellService, Wait};

pub(super) struct Function<'f> {
    pub(super) client: Client,
    pub(super) name: String,
    pub(super) label: String,
    pub(super) tell: &'f TellService<'f>,
}

impl Function<'_> {
    pub(super) async fn restart(
        &self,
        deployment: &Deployment<'_>,
        patience: ServicePatience,
    ) -> Result<(), ServiceError> {
        let mut wait = Wait::new(patience);
        // Lambda refuses an update while another is under way, whoever began that, however it ends.
        self.settled(&mut wait, patience).await?;
        let image = deployment.image.to_string();
        let update = self.client.update_function_code().function_name(&self.name).image_uri(&image);
        update.send().await.map_err(|error| self.failed("update", error))?;
        (self.tell)(ServiceEvent::Note(format!("the {} is updated to {image}", self.label)));
        let configuration = self.settled(&mut wait, patience).await?;
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

    /// The function as it is when no update of it is under way.
    async fn settled(
        &self,
        wait: &mut Wait,
        patience: ServicePatience,
    ) -> Result<GetFunctionConfigurationOutput, ServiceError> {
        loop {
            let asked = self.client.get_function_configuration().function_name(&self.name).send().await;
            let configuration = asked.map_err(|error| self.failed("look at", error))?;
            if configuration.last_update_status() != Some(&LastUpdateStatus::InProgress) {
                return Ok(configuration);
            }
            if !wait.again().await {
                return Err(ServiceError::TimedOut {
                    service: self.label.clone(),
                    timeout: patience.timeout,
                    state: "its last update is still under way".to_owned(),
                });
            }
        }
    }

    fn failed<E: SdkCause>(&self, action: &'static str, error: SdkError<E, HttpResponse>) -> ServiceError {
        super::failed(action, &self.label, error)
    }
}
