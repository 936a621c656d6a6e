//! Serves the login for a registry when the engine asks for it.

use bollard_buildkit_proto::moby::filesync::v1::auth_server::{Auth, AuthServer};
use bollard_buildkit_proto::moby::filesync::v1::{
    CredentialsRequest, CredentialsResponse, FetchTokenRequest, FetchTokenResponse, GetTokenAuthorityRequest,
    GetTokenAuthorityResponse, VerifyTokenAuthorityRequest, VerifyTokenAuthorityResponse,
};
use tokio::sync::mpsc::UnboundedSender;
use tonic::{Request, Response, Status};

use crate::engine::EngineError;
use crate::engine::logins::{Logins, Offer};

/// Tells `offered` of each login that it gives, and of each that it can't look up.
pub(super) fn service(
    logins: Logins,
    offered: UnboundedSender<Result<Offer, EngineError>>,
) -> AuthServer<impl Auth> {
    AuthServer::new(OnDemand { logins, offered })
}

struct OnDemand {
    logins: Logins,
    offered: UnboundedSender<Result<Offer, EngineError>>,
}

#[tonic::async_trait]
impl Auth for OnDemand {
    /// Empty credentials mean that there are none: the engine then asks the registry without.
    async fn credentials(
        &self,
        request: Request<CredentialsRequest>,
    ) -> Result<Response<CredentialsResponse>, Status> {
        let host = &request.get_ref().host;
        let offer = self.logins.find(host).await;
        let offer = offer.map_err(|source| EngineError::Login { host: host.clone(), source });
        let answer = match &offer {
            Ok(offer) => {
                let (username, secret) = offer.answer();
                Ok(Response::new(CredentialsResponse { username, secret: secret.reveal().to_owned() }))
            }
            Err(error) => Err(Status::unavailable(error.to_string())),
        };
        // Nobody listens any more once the build has ended.
        let _ended = self.offered.send(offer);
        answer
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
