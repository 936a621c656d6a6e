//! What the errors of AWS's services mean for a deployment.
//!
//! The codes are those that botocore's models of the services (`service-2.json`) document for the operations that are called
//! here. `error_codes.json` lists them by operation, and a test compares that list with botocore's own.

use crate::aws::CallError;
use crate::deploy::services::{Rejection, ServiceError};
use crate::model::{excerpt, printable};

/// Of what AWS says, no more characters than this are shown.
const MAX_SHOWN: usize = 400;

/// What an error means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// AWS's own trouble, or too many requests at once: it was retried.
    Transient,
    /// Something that the request names isn't there.
    Absent,
    /// The credentials may not do it.
    Denied,
    /// A quota is used up.
    Limit,
    /// Something else is being done to the same thing.
    Conflict,
    /// The request can't be done as things are; a retry changes nothing.
    Invalid,
}

const MEANINGS: &[(Meaning, &[&str])] = &[
    (
        Meaning::Transient,
        &[
            "InternalException",
            "InternalServerException",
            "InternalServiceErrorException",
            "ServerException",
            "ServiceException",
            "ThrottlingException",
            "TooManyRequestsException",
        ],
    ),
    (
        Meaning::Absent,
        &[
            "ClusterNotFoundException",
            "ResourceNotFoundException",
            "ServiceNotActiveException",
            "ServiceNotFoundException",
        ],
    ),
    (Meaning::Denied, &["AccessDeniedException"]),
    (
        Meaning::Limit,
        &[
            "CodeStorageExceededException",
            "FunctionVersionsPerCapacityProviderLimitExceededException",
            "LimitExceededException",
            "ServiceQuotaExceededException",
        ],
    ),
    (
        Meaning::Conflict,
        &[
            "ConcurrentModificationException",
            "ConflictException",
            "InvalidStateException",
            "PreconditionFailedException",
            "ResourceConflictException",
        ],
    ),
    (
        Meaning::Invalid,
        &[
            "BlockedException",
            "ClientException",
            "CodeSigningConfigNotFoundException",
            "CodeVerificationFailedException",
            "InvalidCodeSignatureException",
            "InvalidParameterException",
            "InvalidParameterValueException",
            "InvalidRequestException",
            "ManagedRuleException",
            "NamespaceNotFoundException",
            "PlatformTaskDefinitionIncompatibilityException",
            "PlatformUnknownException",
            "UnsupportedFeatureException",
            "ValidationException",
        ],
    ),
];

/// Codes that stand for several things, which only the beginning of the message tells apart.
const BY_MESSAGE: &[(&str, &str, Meaning)] = &[
    ("ClientException", "Too many concurrent attempts to create a new revision", Meaning::Conflict),
    ("ClientException", "Unable to describe task definition", Meaning::Absent),
];

impl Meaning {
    /// `None` for a code that no operation documents.
    fn of(error: &CallError) -> Option<Self> {
        let code = error.code.as_deref()?;
        let message = error.message.as_deref().unwrap_or_default();
        let by_message = BY_MESSAGE.iter().find(|(of, start, _)| *of == code && message.starts_with(start));
        let by_code =
            || MEANINGS.iter().find(|(_, codes)| codes.contains(&code)).map(|(meaning, _)| *meaning);
        by_message.map(|(.., meaning)| *meaning).or_else(by_code)
    }
}

/// Whether something else is being done to the same thing, which comes to its end.
pub(super) fn is_conflict(error: &CallError) -> bool {
    Meaning::of(error) == Some(Meaning::Conflict)
}

/// Why something can't be done with a service; `action` is how that is called.
pub(super) fn failed(action: &'static str, label: &str, error: CallError) -> ServiceError {
    let service = label.to_owned();
    let rejected = |make: fn(String) -> Rejection| {
        let said = [&error.code, &error.message].into_iter().flatten();
        let answer = said.map(|text| excerpt(text, MAX_SHOWN)).collect::<Vec<_>>().join(": ");
        ServiceError::Rejected { action, service: label.to_owned(), source: make(answer) }
    };
    match Meaning::of(&error) {
        Some(Meaning::Absent) => {
            let detail = error.message.map(|message| format!(": {}", printable(&message)));
            ServiceError::NotThere { service, detail: detail.unwrap_or_default() }
        }
        Some(Meaning::Limit) => rejected(|answer| Rejection::Limit { answer }),
        Some(Meaning::Conflict) => rejected(|answer| Rejection::Conflict { answer }),
        Some(Meaning::Invalid) => rejected(|answer| Rejection::Invalid { answer }),
        // These have words of their own in every service of AWS.
        Some(Meaning::Transient | Meaning::Denied) | None => {
            ServiceError::Aws { action, service, source: error.error }
        }
    }
}
