//! Serves secrets to whoever knows their ids, and says that all is well.

use std::collections::BTreeMap;

use bollard_buildkit_proto::health::health_check_response::ServingStatus;
use bollard_buildkit_proto::health::health_server::{Health, HealthServer};
use bollard_buildkit_proto::health::{
    HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse,
};
use bollard_buildkit_proto::moby::buildkit::secrets::v1::secrets_server::{Secrets, SecretsServer};
use bollard_buildkit_proto::moby::buildkit::secrets::v1::{GetSecretRequest, GetSecretResponse};
use futures_util::stream::Empty;
use tonic::{Request, Response, Status};

use crate::model::Secret;

/// By secret id.
pub(super) fn secrets(secrets: BTreeMap<String, Secret>) -> SecretsServer<impl Secrets> {
    SecretsServer::new(ById(secrets))
}

/// The engine ends a session whose client doesn't answer this.
pub(super) fn health() -> HealthServer<impl Health> {
    HealthServer::new(Alive)
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
