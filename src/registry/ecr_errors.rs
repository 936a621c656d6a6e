//! What the errors mean that ECR documents for the calls that are made here.
//!
//! From its service model (`ecr/2015-09-21/service-2.json` of botocore); a test compares the two. Errors that all of AWS's services
//! have in common, such as denials, are [`AwsError::new`]'s.

use std::error::Error as StdError;

use aws_sdk_ecr::config::http::HttpResponse;
use aws_sdk_ecr::error::{ProvideErrorMetadata, SdkError};

use crate::aws::{self, AwsError};

/// What a caller does about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It passes. The SDK has tried it three times.
    Retry,
    /// What was asked for isn't there.
    Absent,
    /// The repository isn't there; or isn't yet, behind the call that has made it.
    NoRepository,
    /// Somebody else has made it.
    Exists,
    Key,
    Limit,
    /// The request is wrong, by `projects.toml` or by a mistake here.
    Invalid,
}

const MEANINGS: [(&str, Meaning); 11] = [
    ("InvalidParameterException", Meaning::Invalid),
    ("InvalidTagParameterException", Meaning::Invalid),
    ("KmsException", Meaning::Key),
    ("LifecyclePolicyNotFoundException", Meaning::Absent),
    ("LimitExceededException", Meaning::Limit),
    ("RepositoryAlreadyExistsException", Meaning::Exists),
    ("RepositoryNotFoundException", Meaning::NoRepository),
    ("RepositoryPolicyNotFoundException", Meaning::Absent),
    ("ServerException", Meaning::Retry),
    ("TooManyTagsException", Meaning::Limit),
    ("ValidationException", Meaning::Invalid),
];

impl Meaning {
    /// `None` for an error that is not ECR's own.
    pub(super) fn of<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<Self> {
        let code = error.code()?;
        MEANINGS.iter().find(|(known, _)| *known == code).map(|(_, meaning)| *meaning)
    }
}

/// The error of a call that is about nothing that may be missing or there already.
pub(super) fn error<E>(error: SdkError<E, HttpResponse>) -> AwsError
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let answer = aws::answer(0, error.code(), error.message());
    match Meaning::of(&error) {
        Some(Meaning::Key) => AwsError::Key { answer },
        Some(Meaning::Limit) => AwsError::Limit { answer },
        Some(Meaning::Invalid) => AwsError::Invalid { answer },
        Some(Meaning::Retry) => AwsError::Unavailable { answer },
        Some(Meaning::Absent | Meaning::NoRepository | Meaning::Exists) => AwsError::Unexpected { answer },
        None => AwsError::new(error),
    }
}
