//! The API of ECR, asked as one identity.

use aws_sdk_ecr::{Client, config};

use crate::aws::{AwsError, Endpoint, Session};

/// A client that has its credentials before it asks. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct EcrClient {
    session: Session,
    client: Client,
}

impl EcrClient {
    /// `endpoint` goes before what `AWS_ENDPOINT_URL` and its like say. Asks nobody yet.
    pub(super) fn new(session: Session, endpoint: Option<&Endpoint>) -> Self {
        let config = config::Builder::from(session.config());
        let config = match endpoint {
            Some(endpoint) => config.endpoint_url(endpoint.as_str()),
            None => config,
        };
        Self { client: Client::from_conf(config.build()), session }
    }

    /// The client, with credentials to sign with.
    ///
    /// # Errors
    /// [`AwsError`] when there are none.
    pub(super) async fn ready(&self) -> Result<&Client, AwsError> {
        self.session.ready().await?;
        Ok(&self.client)
    }
}
