//! AWS Lambda: a function's code becomes the image.
//!
//! `$LATEST` is what changes; no version is published and no alias moved.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Deployment, Limit, OnServiceEvent, ServiceError, ServiceEvent, ServiceState, Wait};
use crate::aws::{CallError, JsonClient, JsonService};
use crate::model::printable;

pub(super) const LAMBDA: JsonService = JsonService { id: "Lambda", name: "lambda" };

pub(super) struct Function<'f> {
    pub(super) client: JsonClient,
    pub(super) name: String,
    pub(super) label: String,
    pub(super) on_event: &'f OnServiceEvent<'f>,
}

impl Function<'_> {
    /// What the function runs.
    pub(super) async fn state(&self) -> Result<ServiceState, ServiceError> {
        let asked = self.client.request("GET", self.path(""), None).await;
        let function: FunctionState = asked.map_err(|error| self.failed("look at", error))?;
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
        loop {
            // Lambda refuses an update while the function is made, or another update is under way,
            // whoever began that, however it ends.
            self.settled(&mut wait, limit).await?;
            let input = json!({ "ImageUri": image });
            match self.client.request::<Value>("PUT", self.path("/code"), Some(&input)).await {
                Ok(_) => break,
                // Somebody else's update began in between.
                Err(error) if error.code.as_deref() == Some("ResourceConflictException") => {
                    if !wait.again().await {
                        return Err(self.failed("update", error));
                    }
                }
                Err(error) => return Err(self.failed("update", error)),
            }
        }
        (self.on_event)(ServiceEvent::Note(format!("the {} is updated to {image}", self.label)));
        let configuration = self.settled(&mut wait, limit).await?;
        match configuration.last_update_status.as_deref() {
            Some("Successful") => Ok(()),
            status => Err(ServiceError::Refused {
                service: self.label.clone(),
                reason: match &configuration.last_update_status_reason {
                    Some(reason) => printable(reason),
                    None => format!("its update ended as {}", printable(status.unwrap_or("nothing"))),
                },
            }),
        }
    }

    /// The function as it is when it is neither being made nor updated.
    async fn settled(&self, wait: &mut Wait, limit: Limit) -> Result<Configuration, ServiceError> {
        loop {
            let asked = self.client.request("GET", self.path("/configuration"), None).await;
            let configuration: Configuration = asked.map_err(|error| self.failed("look at", error))?;
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

    fn path(&self, of: &str) -> String {
        format!("/2015-03-31/functions/{}{of}", percent_encoded(&self.name))
    }

    fn failed(&self, action: &'static str, error: CallError) -> ServiceError {
        super::failed(action, &self.label, error)
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
    last_update_status: Option<String>,
    last_update_status_reason: Option<String>,
}

/// One component of a path, by RFC 3986, § 2.
fn percent_encoded(component: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    component.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::percent_encoded;

    #[test]
    fn a_function_s_name_stays_one_component_of_the_path() {
        assert_eq!(percent_encoded("shop-dev_api"), "shop-dev_api");
        assert_eq!(percent_encoded("arn:aws:lambda:1:function:a"), "arn%3Aaws%3Alambda%3A1%3Afunction%3Aa");
        assert_eq!(percent_encoded("../é?#"), "..%2F%C3%A9%3F%23");
    }
}
