//! Serves credentials and secrets, each to whoever knows its name, and says that all is well.

use std::collections::BTreeMap;

use bollard_buildkit_proto::health::health_check_response::ServingStatus;
use bollard_buildkit_proto::health::health_server::{Health, HealthServer};
use bollard_buildkit_proto::health::{
    HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse,
};
use bollard_buildkit_proto::moby::buildkit::secrets::v1::secrets_server::{Secrets, SecretsServer};
use bollard_buildkit_proto::moby::buildkit::secrets::v1::{GetSecretRequest, GetSecretResponse};
use bollard_buildkit_proto::moby::filesync::v1::auth_server::{Auth, AuthServer};
use bollard_buildkit_proto::moby::filesync::v1::{
    CredentialsRequest, CredentialsResponse, FetchTokenRequest, FetchTokenResponse, GetTokenAuthorityRequest,
    GetTokenAuthorityResponse, VerifyTokenAuthorityRequest, VerifyTokenAuthorityResponse,
};
use futures_util::stream::Empty;
use tonic::{Request, Response, Status};

use crate::model::{Credentials, Secret};

/// By registry host.
pub(super) fn auth(credentials: BTreeMap<String, Credentials>) -> AuthServer<impl Auth> {
    AuthServer::new(ByHost(credentials))
}

/// By secret id.
pub(super) fn secrets(secrets: BTreeMap<String, Secret>) -> SecretsServer<impl Secrets> {
    SecretsServer::new(ById(secrets))
}

/// The engine ends a session whose client doesn't answer this.
pub(super) fn health() -> HealthServer<impl Health> {
    HealthServer::new(Alive)
}

struct ByHost(BTreeMap<String, Credentials>);

#[tonic::async_trait]
impl Auth for ByHost {
    /// Empty credentials mean that there are none: the engine then asks the registry without.
    async fn credentials(
        &self,
        request: Request<CredentialsRequest>,
    ) -> Result<Response<CredentialsResponse>, Status> {
        let answer = match self.0.get(&request.get_ref().host) {
            Some(them) => CredentialsResponse {
                username: them.username.clone(),
                secret: them.password.reveal().to_owned(),
            },
            None => CredentialsResponse::default(),
        };
        Ok(Response::new(answer))
    }

    // Tokens are the engine's own business: reported that we can't, it asks for the credentials.

    async fn fetch_token(
        &self,
        _: Request<FetchTokenRequest>,
    ) -> Result<Response<FetchTokenResponse>, Status> {
        Err(Status::unimplemented("the engine fetches tokens"))
    }

    async fn get_token_authority(
        &self,
        _: Request<GetTokenAuthorityRequest>,
    ) -> Result<Response<GetTokenAuthorityResponse>, Status> {
        Err(Status::unimplemented("the engine fetches tokens"))
    }

    async fn verify_token_authority(
        &self,
        _: Request<VerifyTokenAuthorityRequest>,
    ) -> Result<Response<VerifyTokenAuthorityResponse>, Status> {
        Err(Status::unimplemented("the engine fetches tokens"))
    }
}

struct ById(BTreeMap<String, Secret>);

#[tonic::async_trait]
impl Secrets for ById {
    /// "Not found" lets a build go on whose secret is not required.
    async fn get_secret(
        &self,
        request: Request<GetSecretRequest>,
    ) -> Result<Response<GetSecretResponse>, Status> {
        let id = &request.get_ref().id;
        let secret = self.0.get(id).ok_or_else(|| Status::not_found(format!("no secret `{id}`")))?;
        Ok(Response::new(GetSecretResponse { data: secret.reveal().as_bytes().to_vec() }))
    }
}

struct Alive;

#[tonic::async_trait]
impl Health for Alive {
    async fn check(&self, _: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        Ok(Response::new(HealthCheckResponse { status: ServingStatus::Serving.into() }))
    }

    async fn list(&self, _: Request<HealthListRequest>) -> Result<Response<HealthListResponse>, Status> {
        Err(Status::unimplemented("only `Check` is served"))
    }

    type WatchStream = Empty<Result<HealthCheckResponse, Status>>;

    async fn watch(&self, _: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("only `Check` is served"))
    }
}
