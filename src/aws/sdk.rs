//! What the SDK's errors mean.

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::config::http::HttpResponse;
use aws_sdk_sts::error::{ConnectorError, ProvideErrorMetadata, SdkError};

use super::{AwsError, Cause, Session};
use crate::model::{excerpt, printable};

/// Of what AWS says, no more characters than this are shown: a denial names who was denied, the action and the resource.
const MAX_SHOWN: usize = 800;

impl AwsError {
    /// Reads what the SDK says of a call that failed after all its tries.
    pub(crate) fn new<E>(error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        match error {
            SdkError::ServiceError(context) => {
                let meta = context.err().meta();
                answered(context.raw().status().as_u16(), meta.code(), meta.message())
            }
            SdkError::ResponseError(context) => answered(context.raw().status().as_u16(), None, None),
            SdkError::ConstructionFailure(_) => Self::Request { source: cause(error) },
            _ => {
                let source = cause(error);
                match cause_of::<CredentialsError>(&*source).is_some() {
                    true => Self::NoCredentials { source },
                    false => Self::Unreachable { source },
                }
            }
        }
    }
}

/// What is below the SDK's own wrapping.
fn cause<E: StdError + Send + Sync + 'static>(error: SdkError<E, HttpResponse>) -> Cause {
    let cause = error.into_source().unwrap_or_else(|error| Box::new(error));
    match cause.downcast::<ConnectorError>() {
        Ok(connector) => connector.into_source(),
        Err(cause) => cause,
    }
}

/// What of this type an error is, or what is below it.
fn cause_of<'e, T: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e T> {
    error.downcast_ref().or_else(|| cause_of(error.source()?))
}

/// Tells apart what a caller does different things about, by the codes that AWS's services share.
fn answered(status: u16, code: Option<&str>, message: Option<&str>) -> AwsError {
    let answer = answer(status, code, message);
    match code.unwrap_or_default() {
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => AwsError::Expired { answer },
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "RequestLimitExceeded"
        | "TooManyRequestsException"
        | "SlowDown" => AwsError::Throttled { answer },
        "AccessDenied"
        | "AccessDeniedException"
        | "IncompleteSignature"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "NotAuthorized"
        | "OptInRequired"
        | "SignatureDoesNotMatch"
        | "UnauthorizedOperation"
        | "UnrecognizedClientException" => AwsError::Denied { answer },
        unknown => match status {
            // A code that is none of those says something else than the status: quotas are 403, too.
            401 | 403 if unknown.is_empty() => AwsError::Denied { answer },
            429 => AwsError::Throttled { answer },
            500.. => AwsError::Unavailable { answer },
            _ => AwsError::Unexpected { answer },
        },
    }
}

/// One line of at most [`MAX_SHOWN`] characters, and a bit for the code.
pub(crate) fn answer(status: u16, code: Option<&str>, message: Option<&str>) -> String {
    let shown = |text: &str| excerpt(&text.split_whitespace().collect::<Vec<_>>().join(" "), MAX_SHOWN);
    let said: Vec<String> = [code, message].into_iter().flatten().map(shown).collect();
    match said.is_empty() {
        true => format!("status {status}"),
        false => said.join(": "),
    }
}

/// The account that the credentials are of: twelve digits.
#[cfg(feature = "ecr")]
pub(crate) async fn account(session: &Session) -> Result<String, AwsError> {
    caller(session).await.map(|(account, _)| account)
}

/// The account that the credentials are of, twelve digits, and the ARN of whoever has them.
pub(super) async fn caller(session: &Session) -> Result<(String, String), AwsError> {
    session.ready().await?;
    let client = aws_sdk_sts::Client::new(session.config());
    let identity = client.get_caller_identity().send().await.map_err(AwsError::new)?;
    let account = identity.account.unwrap_or_default();
    if account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok((account, printable(&identity.arn.unwrap_or_default())))
    } else {
        Err(AwsError::Unexpected { answer: "it names no account".to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_told_apart_whatever_the_status() {
        for (status, code, expected) in [
            (400, Some("AccessDeniedException"), "AWS denies it: AccessDeniedException: no"),
            (
                400,
                Some("ExpiredTokenException"),
                "the credentials for AWS have expired: ExpiredTokenException: no",
            ),
            (400, Some("ThrottlingException"), "AWS was asked too often: ThrottlingException: no"),
            (400, Some("LimitExceededException"), "unexpected answer from AWS: LimitExceededException: no"),
            (403, None, "AWS denies it: no"),
            (403, Some("FileSystemException"), "unexpected answer from AWS: FileSystemException: no"),
            (429, None, "AWS was asked too often: no"),
            (503, None, "AWS is in trouble: no"),
            (301, None, "unexpected answer from AWS: no"),
        ] {
            assert_eq!(answered(status, code, Some("no")).to_string(), expected);
        }
        assert_eq!(answered(502, None, None).to_string(), "AWS is in trouble: status 502");
    }

    #[test]
    fn a_hostile_answer_cant_steer_the_terminal_or_flood_it() {
        let message = format!("no\r\n\u{1b}]0;x\u{7}{}", "y".repeat(99_999));

        let shown = answered(400, Some("X"), Some(&message)).to_string();

        assert!(shown.chars().all(|each| !each.is_control()), "{shown:?}");
        assert!(shown.chars().count() < 1000);
    }
}
