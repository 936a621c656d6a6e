//! What can go wrong with a registry, and which of it may pass.

use std::time::Duration;

use thiserror::Error;

use super::answer::Answer;
use super::credentials::UsedLogin;
use super::credentials_error::CredentialsError;
use crate::aws::AwsError;
use crate::model::{ErrorKind, Host, ImageRef, InvalidImageRef, ManifestDigest, RepositoryName};

/// A cause whose type belongs to a library that stays private.
pub(super) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Trouble with a registry: never "not there", which is an answer.
#[derive(Debug, Error)]
pub enum RegistryError {
    #[error("access to `{image}` denied: {answer}")]
    Denied { image: Box<ImageRef>, answer: Answer, login: Box<UsedLogin> },
    /// Still so after the last retry.
    #[error("`{image}`: asked too often: {answer}")]
    Throttled { image: Box<ImageRef>, answer: Answer, retry_after: Option<Duration> },
    /// Such as ECR's 1,000 tags of one image.
    #[error("`{image}`: the registry keeps no more than that: {answer}")]
    Limit { image: Box<ImageRef>, answer: Answer },
    /// The tags of its repository can't be moved.
    #[error("`{image}` stands for another image, and its repository lets no tag be moved: {answer}")]
    ImmutableTag { image: Box<ImageRef>, answer: Answer },
    #[error("the repository `{repository}` is not there, and `create = false` leaves that to others")]
    NoRepository { repository: RepositoryName },
    /// Still so after the last retry.
    #[error("`{image}`: the registry is in trouble: {answer}")]
    Unavailable { image: Box<ImageRef>, answer: Answer, retry_after: Option<Duration> },
    /// No connection, no answer in time, or an answer that was cut.
    #[error("`{image}`: no whole answer from the registry")]
    Unreachable { image: Box<ImageRef>, source: Cause },
    /// Still so after the last retry.
    #[error("`{image}`: the answer comes too slowly: {bytes} bytes in {period:.1?}")]
    TooSlow { image: Box<ImageRef>, bytes: u64, period: Duration },
    /// Such as GitHub's, and docker-registry unless its configuration says otherwise.
    #[error("`{image}`: the registry deletes nothing: {answer}")]
    NoDeletion { image: Box<ImageRef>, answer: Answer },
    #[error("`{image}`: unexpected answer: {answer}")]
    Unexpected { image: Box<ImageRef>, answer: Answer },
    #[error("`{image}`: {what}")]
    Malformed { image: Box<ImageRef>, what: &'static str },
    #[error("`{image}`: the content is {actual}, not {expected}")]
    DigestMismatch { image: Box<ImageRef>, expected: ManifestDigest, actual: ManifestDigest },
    /// What came back from a push is not what was built.
    #[error("`{image}` is not the image `{id}` that was pushed")]
    OtherImage { image: Box<ImageRef>, id: ManifestDigest },
    #[error("`{image}`: more than {limit_bytes} bytes")]
    TooLarge { image: Box<ImageRef>, limit_bytes: usize },
    /// Something that had to be there isn't.
    #[error("`{image}` is not there")]
    Missing { image: Box<ImageRef> },
    /// The registry refused a request that can't be sent twice, and there are newer credentials for it.
    #[error("access to `{image}` denied, with new credentials too: {answer}")]
    Renewed { image: Box<ImageRef>, answer: Answer },
    /// The registry does not know an upload that it has opened.
    #[error("`{image}`: the registry lost the upload: {answer}")]
    UploadLost { image: Box<ImageRef>, answer: Answer },
    /// Still so after the last retry, though it was there or was just created.
    #[error("`{image}`: the registry does not know the repository: {answer}")]
    UnknownRepository { image: Box<ImageRef>, answer: Answer },
    /// Still so after the last retry.
    #[error("`{image}` is not there, although the registry answered that it is stored")]
    NotStored { image: Box<ImageRef> },
    /// Nothing can be copied from it or to it.
    #[error(
        "`{repository}` is in the Docker engine's own store, and images are copied between registries only"
    )]
    NotARegistry { repository: RepositoryName },
    #[error("cannot tell the credentials for `{host}`")]
    Credentials { host: Host, source: CredentialsError },
    /// The registry sends to a token service that would get the credentials in the clear.
    #[error("`{image}`: the registry's token service `{realm}` would get the credentials without TLS")]
    UnsafeRealm { image: Box<ImageRef>, realm: String },
    #[error("cannot use `{host}` as a registry")]
    Host { host: Host, source: Cause },
    /// Such as "create the repository `api`".
    #[error("cannot {doing}")]
    Aws { doing: String, source: AwsError },
    /// It was fetched whole, and is not what its type says.
    #[error("`{image}`: a layer cannot be read")]
    BrokenLayer { image: Box<ImageRef>, source: std::io::Error },
    #[error("cannot keep a layer in a temporary file")]
    TemporaryFile(#[source] std::io::Error),
    /// The program has none of what talks to ECR.
    #[error("this `chinampa` was built without the feature `ecr`, so it can't use the registry `{registry}`")]
    NotBuiltIn { registry: String },
    #[error("`{image}`: the Docker engine failed")]
    Engine { image: Box<ImageRef>, source: Cause },
    #[error(transparent)]
    Name(#[from] InvalidImageRef),
}

impl RegistryError {
    /// Whether the same request may succeed a little later.
    pub fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::Throttled { .. }
                | Self::Unavailable { .. }
                | Self::Unreachable { .. }
                | Self::TooSlow { .. }
                | Self::UploadLost { .. }
                | Self::UnknownRepository { .. }
                | Self::NotStored { .. }
        )
    }

    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Denied { .. }
            | Self::Throttled { .. }
            | Self::Limit { .. }
            | Self::ImmutableTag { .. }
            | Self::NoRepository { .. }
            | Self::Unavailable { .. }
            | Self::Unreachable { .. }
            | Self::TooSlow { .. }
            | Self::NoDeletion { .. }
            | Self::Unexpected { .. }
            | Self::Malformed { .. }
            | Self::DigestMismatch { .. }
            | Self::OtherImage { .. }
            | Self::TooLarge { .. }
            | Self::Missing { .. }
            | Self::Renewed { .. }
            | Self::UploadLost { .. }
            | Self::UnknownRepository { .. }
            | Self::NotStored { .. }
            | Self::UnsafeRealm { .. }
            | Self::Host { .. }
            | Self::BrokenLayer { .. }
            | Self::TemporaryFile(_)
            | Self::Engine { .. } => ErrorKind::Environment,
            Self::NotARegistry { .. } | Self::NotBuiltIn { .. } | Self::Name(_) => ErrorKind::Input,
            Self::Credentials { source, .. } => source.kind(),
            Self::Aws { source, .. } => source.kind(),
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Denied { image, answer, login } => denied_hint(image, answer, login),
            Self::Renewed { image, answer } => denied_hint(image, answer, &UsedLogin::Other),
            Self::Limit { answer, .. } => Some(
                match answer.message.contains("tags per image") {
                    true => "take tags of that image away: ECR allows 1,000, and raises that for nobody",
                    false => "ask AWS to raise the quota of ECR, in Service Quotas, or delete images that are no longer used",
                }
                .to_owned(),
            ),
            Self::ImmutableTag { image, .. } => {
                image.tag.as_ref().is_some_and(|tag| tag.as_str().starts_with("cache-")).then(|| {
                    "another build of the same inputs was quicker: build again to reuse its image".to_owned()
                })
            }
            Self::NoRepository { .. } => {
                Some("create it, or let it be created: take `create = false` out of the policy".to_owned())
            }
            Self::Unreachable { image, .. } => image
                .host
                .as_ref()
                .map(|host| format!("see whether `{host}` is right and can be reached from here")),
            Self::UnsafeRealm { .. } => {
                Some("let the registry name a token service at `https://`, or at its own host".to_owned())
            }
            Self::NoDeletion { .. } => Some(
                "delete it with what its publisher has for that, such as the API of GitHub, or allow deletion in its configuration"
                    .to_owned(),
            ),
            Self::OtherImage { .. } => Some("build it again: nothing was tagged".to_owned()),
            Self::NotBuiltIn { .. } => {
                Some("install one with the feature `ecr`, which is there by default".to_owned())
            }
            Self::Credentials { source, .. } => source.hint(),
            Self::Aws { source, .. } => source.hint(),
            Self::Throttled { .. }
            | Self::Unavailable { .. }
            | Self::TooSlow { .. }
            | Self::Unexpected { .. }
            | Self::Malformed { .. }
            | Self::DigestMismatch { .. }
            | Self::TooLarge { .. }
            | Self::Missing { .. }
            | Self::UploadLost { .. }
            | Self::UnknownRepository { .. }
            | Self::NotStored { .. }
            | Self::NotARegistry { .. }
            | Self::Host { .. }
            | Self::BrokenLayer { .. }
            | Self::TemporaryFile(_)
            | Self::Engine { .. }
            | Self::Name(_) => None,
        }
    }

    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after, .. } | Self::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    pub(super) fn malformed(image: &ImageRef, what: &'static str) -> Self {
        Self::Malformed { image: Box::new(image.clone()), what }
    }

    pub(super) fn too_large(image: &ImageRef, limit_bytes: usize) -> Self {
        Self::TooLarge { image: Box::new(image.clone()), limit_bytes }
    }

    pub(super) fn missing(image: &ImageRef) -> Self {
        Self::Missing { image: Box::new(image.clone()) }
    }
}

/// What a person can do whose access is denied.
fn denied_hint(image: &ImageRef, answer: &Answer, login: &UsedLogin) -> Option<String> {
    let host = image.host.as_ref()?.as_str();
    // ECR says so of far more than missing permissions.
    if host.contains(".dkr.ecr.") {
        let hint = "allow the action in the IAM policy of the principal that is denied";
        return answer.is_about_permissions().then(|| hint.to_owned());
    }
    let again = format!("log in with `docker login {host}`");
    Some(match login {
        UsedLogin::Other => again,
        UsedLogin::Missing { config } => format!("`{}` has no login for `{host}`: {again}", config.display()),
        UsedLogin::Found { user, config } => {
            let whose =
                user.as_ref().map_or_else(|| "the login".to_owned(), |user| format!("the login of `{user}`"));
            let config = config.display();
            match answer.status {
                403 => format!("{whose} in `{config}` does not allow it: {again} as a user that may do it"),
                _ => format!("{whose} in `{config}` was refused: {again}"),
            }
        }
        UsedLogin::Variables { user } => {
            let what = if answer.status == 403 { "does not allow it" } else { "was refused" };
            format!("the login of `{user}`, in variables that `CHINAMPA_REGISTRY_LOGINS` names, {what}")
        }
        UsedLogin::Withheld => format!(
            "the run is not trusted, so it does not get the login that `CHINAMPA_REGISTRY_LOGINS` names: let everybody read `{host}`, or give such runs a login that may only read"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // issue 17: A4
    #[test]
    fn only_a_denial_by_iam_is_about_permissions() {
        let image: ImageRef = "123456789012.dkr.ecr.us-east-2.amazonaws.com/api:v1".parse().unwrap();
        for (message, expected) in [
            ("User: arn:aws:iam::1:user/ci is not authorized to perform: ecr:PutImage on resource: x", true),
            ("The operation failed due to a KMS exception.", false),
            ("Your authorization token has expired.", false),
            ("", false),
        ] {
            let answer = Answer { status: 403, code: Some("DENIED".to_owned()), message: message.to_owned() };

            let login = UsedLogin::Other;
            let hint =
                RegistryError::Denied { image: Box::new(image.clone()), answer, login: Box::new(login) }
                    .hint();

            assert_eq!(hint.is_some_and(|hint| hint.contains("IAM policy")), expected, "{message}");
        }
    }

    #[test]
    fn a_refused_login_is_told_from_a_missing_one() {
        let image: ImageRef = "r.example/api:v1".parse().unwrap();
        let config = || std::path::PathBuf::from("/home/u/.docker/config.json");
        let found = || UsedLogin::Found { user: Some("ci".to_owned()), config: config() };
        for (status, login, expected) in [
            (
                401,
                UsedLogin::Missing { config: config() },
                "`/home/u/.docker/config.json` has no login for `r.example`",
            ),
            (401, found(), "the login of `ci` in `/home/u/.docker/config.json` was refused"),
            (403, found(), "the login of `ci` in `/home/u/.docker/config.json` does not allow it"),
        ] {
            let answer = Answer { status, code: None, message: String::new() };

            let hint =
                RegistryError::Denied { image: Box::new(image.clone()), answer, login: Box::new(login) }
                    .hint()
                    .unwrap();

            assert!(hint.starts_with(&format!("{expected}: log in with `docker login r.example`")), "{hint}");
        }
        for (login, expected) in [
            (
                UsedLogin::Variables { user: "ci".to_owned() },
                "the login of `ci`, in variables that `CHINAMPA_REGISTRY_LOGINS` names, was refused",
            ),
            (UsedLogin::Withheld, "the run is not trusted, so it does not get the login"),
        ] {
            let answer = Answer { status: 401, code: None, message: String::new() };
            let hint = denied_hint(&image, &answer, &login).unwrap();
            assert!(hint.starts_with(expected), "{hint}");
        }
    }
}
