//! Forwards ssh agents to build steps: `moby.sshforward.v1.SSH`.
//!
//! A step may list keys and have something signed. Whatever else it asks, such as to add or remove keys, it is refused here:
//! the agent belongs to the user.
//!
//! The agent's protocol is that of [`draft-ietf-sshm-ssh-agent`](https://datatracker.ietf.org/doc/draft-ietf-sshm-ssh-agent/): a
//! message is its length in four bytes, its type in one, and its content. Each request has one answer.

use std::collections::BTreeMap;

use bollard_buildkit_proto::moby::sshforward::v1::ssh_server::{Ssh, SshServer};
use bollard_buildkit_proto::moby::sshforward::v1::{BytesMessage, CheckAgentRequest, CheckAgentResponse};
use futures_util::stream::{self, BoxStream, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tonic::{Request, Response, Status, Streaming};

use super::super::SshAgent;

/// The name, in the metadata of a request, of the id that a step mounts.
const ID: &str = "buildkit.ssh.id";

/// The id of a mount that names none.
const DEFAULT_ID: &str = "default";

/// The largest message that OpenSSH's agent takes.
const MAX_MESSAGE_BYTES: usize = 256 * 1024;

const REQUEST_IDENTITIES: u8 = 11;
const SIGN_REQUEST: u8 = 13;

/// What an agent answers to something that it doesn't do: a length of 1, and the type.
const FAILURE: [u8; 5] = [0, 0, 0, 1, 5];

/// By the ids that steps mount them by.
pub(super) fn service(agents: BTreeMap<String, SshAgent>) -> SshServer<impl Ssh> {
    SshServer::new(ById(agents))
}

struct ById(BTreeMap<String, SshAgent>);

impl ById {
    /// "Not found" lets a step run without an agent that it doesn't require.
    fn agent(&self, id: &str) -> Result<&SshAgent, Status> {
        let id = if id.is_empty() { DEFAULT_ID } else { id };
        self.0.get(id).ok_or_else(|| Status::not_found(format!("no ssh agent is forwarded as `{id}`")))
    }
}

#[tonic::async_trait]
impl Ssh for ById {
    async fn check_agent(
        &self,
        request: Request<CheckAgentRequest>,
    ) -> Result<Response<CheckAgentResponse>, Status> {
        self.agent(&request.get_ref().id).map(|_| Response::new(CheckAgentResponse {}))
    }

    type ForwardAgentStream = BoxStream<'static, Result<BytesMessage, Status>>;

    /// Serves one connection that a step has made to the socket that it mounts.
    async fn forward_agent(
        &self,
        request: Request<Streaming<BytesMessage>>,
    ) -> Result<Response<Self::ForwardAgentStream>, Status> {
        let id = request.metadata().get(ID).map_or(Ok(""), |id| id.to_str());
        let id = id.map_err(|_| Status::invalid_argument("the id of the ssh agent is not ASCII"))?;
        let agent = UnixStream::connect(self.agent(id)?.socket()).await.map_err(|error| lost(&error))?;
        let connection = Connection { step: request.into_inner(), received: Vec::new(), agent };
        let answers = stream::try_unfold(connection, async |mut connection| {
            let answer = connection.next().await?;
            Ok(answer.map(|data| (BytesMessage { data }, connection)))
        });
        Ok(Response::new(answers.boxed()))
    }
}

/// A step that talks to the agent.
struct Connection {
    step: Streaming<BytesMessage>,
    /// What the step has sent and nobody has looked at yet.
    received: Vec<u8>,
    agent: UnixStream,
}

impl Connection {
    /// The answer to the step's next request; `None` when it makes no more.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Status> {
        let request = loop {
            if let Some(request) = take_message(&mut self.received)? {
                break request;
            }
            match self.step.message().await? {
                Some(BytesMessage { data }) => self.received.extend(data),
                None => return Ok(None),
            }
        };
        if !is_allowed(&request) {
            return Ok(Some(FAILURE.to_vec()));
        }
        self.ask(&request).await.map(Some).map_err(|error| lost(&error))
    }

    async fn ask(&mut self, request: &[u8]) -> std::io::Result<Vec<u8>> {
        self.agent.write_all(request).await?;
        let mut answer = self.agent.read_u32().await?.to_be_bytes().to_vec();
        let length = length(&answer).ok_or_else(|| std::io::Error::other("its answer is too long"))?;
        answer.resize(answer.len() + length, 0);
        self.agent.read_exact(&mut answer[4..]).await?;
        Ok(answer)
    }
}

fn lost(error: &std::io::Error) -> Status {
    Status::unavailable(format!("the ssh agent does not answer: {error}"))
}

/// Takes the first message, if all of it is there.
fn take_message(received: &mut Vec<u8>) -> Result<Option<Vec<u8>>, Status> {
    if received.len() < 4 {
        return Ok(None);
    }
    let length =
        length(received).ok_or_else(|| Status::invalid_argument("a request to the ssh agent is too long"))?;
    if received.len() < 4 + length {
        return Ok(None);
    }
    let rest = received.split_off(4 + length);
    Ok(Some(std::mem::replace(received, rest)))
}

/// How many bytes follow the first four; `None` where they are too many.
fn length(message: &[u8]) -> Option<usize> {
    let length = u32::from_be_bytes(message.first_chunk().copied()?);
    usize::try_from(length).ok().filter(|length| *length <= MAX_MESSAGE_BYTES)
}

fn is_allowed(request: &[u8]) -> bool {
    matches!(request.get(4), Some(&(REQUEST_IDENTITIES | SIGN_REQUEST)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len() + 1).unwrap().to_be_bytes();
        [&length[..], &[kind], content].concat()
    }

    #[test]
    fn keys_can_be_listed_and_used_and_nothing_else() {
        let allowed: Vec<u8> = (0..=u8::MAX).filter(|kind| is_allowed(&message(*kind, b"x"))).collect();

        assert_eq!(allowed, [REQUEST_IDENTITIES, SIGN_REQUEST]);
        assert!(!is_allowed(&[0, 0, 0, 0]), "a message without a type");
    }

    #[test]
    fn messages_are_told_apart_however_they_are_cut() {
        let (first, second) = (message(11, b""), message(13, b"to sign"));
        let sent = [first.clone(), second.clone()].concat();
        for size in 1..=sent.len() {
            let (mut received, mut found) = (Vec::new(), Vec::new());
            for chunk in sent.chunks(size) {
                received.extend(chunk);
                while let Some(message) = take_message(&mut received).unwrap() {
                    found.push(message);
                }
            }

            assert_eq!(found, [first.clone(), second.clone()], "in chunks of {size}");
            assert!(received.is_empty());
        }
    }

    #[test]
    fn a_message_that_no_agent_takes_is_not_waited_for() {
        let too_long = u32::try_from(MAX_MESSAGE_BYTES + 1).unwrap().to_be_bytes();

        assert!(take_message(&mut too_long.to_vec()).is_err());
    }
}
