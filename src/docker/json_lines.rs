//! An engine's answer that goes on for as long as the work does: one JSON object after the other.

use bytes::{Buf as _, BytesMut};
use http_body_util::BodyExt as _;
use hyper::Response;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;

use super::{Docker, DockerError};

/// How long one object may be. A report of a build's progress carries a second's worth of logs.
const MAX_LINE_BYTES: usize = 16 * 1024 * 1024;

pub(crate) struct JsonLines<'a> {
    docker: &'a Docker,
    body: Incoming,
    buffer: BytesMut,
    /// How much of the buffer is known to be without an end of line.
    searched: usize,
}

impl<'a> JsonLines<'a> {
    pub(crate) fn new(docker: &'a Docker, answer: Response<Incoming>) -> Self {
        Self { docker, body: answer.into_body(), buffer: BytesMut::new(), searched: 0 }
    }

    /// The next object; `None` after the last.
    ///
    /// # Errors
    /// [`DockerError::Broken`] when the connection breaks, [`DockerError::Unexpected`] for what is
    /// no such object, or too long.
    pub(crate) async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, DockerError> {
        loop {
            if let Some(length) = self.buffer[self.searched..].iter().position(|&byte| byte == b'\n') {
                let mut line = self.buffer.split_to(self.searched + length);
                self.buffer.advance(1);
                self.searched = 0;
                if line.trim_ascii().is_empty() {
                    continue;
                }
                return parse(&line.split()).map(Some);
            }
            self.searched = self.buffer.len();
            if self.searched > MAX_LINE_BYTES {
                return Err(DockerError::unexpected("its stream", "a line is too long"));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => return Err(self.docker.broken(error)),
                None if self.buffer.trim_ascii().is_empty() => return Ok(None),
                None => {
                    self.searched = 0;
                    return parse(&self.buffer.split()).map(Some);
                }
            }
        }
    }
}

fn parse<T: DeserializeOwned>(line: &[u8]) -> Result<T, DockerError> {
    serde_json::from_slice(line).map_err(|error| DockerError::unexpected("its stream", error))
}
