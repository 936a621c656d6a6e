//! The connection to a BuildKit daemon (`buildkitd`) and its API, `moby.buildkit.v1.Control`.

mod address;
mod error;
mod info;
mod stream;

use std::error::Error as StdError;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bollard_buildkit_proto::moby::buildkit::v1::control_client::ControlClient;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

use self::stream::connector;
pub use address::BuildKitAddress;
pub use error::BuildKitError;
pub use info::BuildKitInfo;

/// How long a daemon may take to accept a connection, and to answer a question about itself.
const ANSWER: Duration = Duration::from_secs(20);

/// A session asks for each file by a message of a few bytes, for thousands at once, and `h2` ends a connection on which
/// many small frames wait, measured by this window.
const CONNECTION_WINDOW_BYTES: u32 = 1 << 30;
const STREAM_WINDOW_BYTES: u32 = 4 << 20;

/// The largest message that a daemon sends: a second's worth of progress, with logs.
const MAX_MESSAGE_BYTES: usize = 16 << 20;

/// A connection to a daemon that answered. Cheap to clone.
#[derive(Clone, Debug)]
pub struct BuildKit {
    address: Arc<BuildKitAddress>,
    channel: Channel,
}

impl BuildKit {
    /// Connects.
    ///
    /// # Errors
    /// [`BuildKitError::Unreachable`] when nobody answers there in time.
    pub async fn connect(address: &BuildKitAddress) -> Result<Self, BuildKitError> {
        let address = Arc::new(address.clone());
        let endpoint = Endpoint::from_static("http://buildkit")
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .initial_stream_window_size(STREAM_WINDOW_BYTES);
        let connected =
            tokio::time::timeout(ANSWER, endpoint.connect_with_connector(connector(&address))).await;
        match connected {
            Ok(Ok(channel)) => Ok(Self { address, channel }),
            Ok(Err(error)) => {
                let source = last_cause(&error).into();
                Err(BuildKitError::Unreachable { endpoint: address.endpoint.clone(), source })
            }
            Err(_) => Err(silent(&address, ANSWER)),
        }
    }

    pub fn address(&self) -> &BuildKitAddress {
        &self.address
    }

    /// A client of the daemon's API.
    pub(crate) fn control(&self) -> ControlClient<Channel> {
        ControlClient::new(self.channel.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }

    /// What a failed request means.
    pub(crate) fn error(&self, status: &Status) -> BuildKitError {
        let endpoint = self.address.endpoint.clone();
        match StdError::source(status) {
            Some(cause) => BuildKitError::Unreachable { endpoint, source: last_cause(cause).into() },
            None => BuildKitError::NotBuildKit { endpoint, message: status.message().to_owned() },
        }
    }

    /// Waits for an answer that takes no work.
    async fn in_time<T>(
        &self,
        answer: impl Future<Output = Result<tonic::Response<T>, Status>>,
    ) -> Result<Result<T, Status>, BuildKitError> {
        self.within(ANSWER, answer).await
    }

    async fn within<T>(
        &self,
        time: Duration,
        answer: impl Future<Output = Result<tonic::Response<T>, Status>>,
    ) -> Result<Result<T, Status>, BuildKitError> {
        match tokio::time::timeout(time, answer).await {
            Ok(answer) => Ok(answer.map(tonic::Response::into_inner)),
            Err(_) => Err(silent(&self.address, time)),
        }
    }
}

fn silent(address: &BuildKitAddress, time: Duration) -> BuildKitError {
    BuildKitError::Silent { endpoint: address.endpoint.clone(), seconds: time.as_secs() }
}

/// The innermost cause: the client's own messages say no more than "transport error".
fn last_cause(error: &(dyn StdError + 'static)) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
