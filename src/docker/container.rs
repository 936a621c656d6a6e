//! Containers that run one command.

use std::io::Read as _;

use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::models::{ContainerCreateBody, HostConfig, HostConfigLogConfig};
use bollard::query_parameters::{
    CreateContainerOptions, DownloadFromContainerOptionsBuilder, KillContainerOptionsBuilder,
    LogsOptionsBuilder, RemoveContainerOptionsBuilder, StartContainerOptions, WaitContainerOptions,
};
use bytes::Bytes;
use futures_util::StreamExt as _;

use super::{Docker, DockerError};
use crate::model::ManifestDigest;

/// How much a tar archive has besides the content of its one file: headers, padding and the end.
const MAX_TAR_OVERHEAD: usize = 64 * 1024;

/// What a container is made from.
#[derive(Debug)]
pub(crate) struct NewContainer<'c> {
    /// The engine's id of the image.
    pub(crate) image: &'c ManifestDigest,
    /// The program and its arguments, in place of the image's entry point and command. At least one word.
    pub(crate) command: &'c [String],
    /// `NAME=value`, besides the image's own.
    pub(crate) environment: Vec<String>,
}

/// Which stream a program in a container writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContainerStream {
    Stdout,
    Stderr,
}

/// How many bytes of each stream were handed on, and how many are not to be, as they were before.
#[derive(Debug, Default)]
struct Seen {
    handed_on: [usize; 2],
    skipped: [usize; 2],
}

impl Seen {
    /// What of the next part is new.
    fn new_part<'p>(&mut self, stream: ContainerStream, part: &'p [u8]) -> &'p [u8] {
        let stream = match stream {
            ContainerStream::Stdout => 0,
            ContainerStream::Stderr => 1,
        };
        let (old, new) = part.split_at(self.skipped[stream].min(part.len()));
        self.skipped[stream] -= old.len();
        self.handed_on[stream] += new.len();
        new
    }
}

/// A file that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ContainerFile {
    Content(Bytes),
    Missing,
    /// It has more bytes than were wanted, or is no file.
    Unusable,
}

impl Docker {
    /// Makes a container and returns its id. It does not run yet.
    ///
    /// # Errors
    /// [`DockerError`] when the engine refuses.
    pub(crate) async fn create_container(&self, new: NewContainer<'_>) -> Result<String, DockerError> {
        let (program, arguments) = new.command.split_at(1);
        let log_config = HostConfigLogConfig { typ: Some("json-file".to_owned()), config: None };
        let body = ContainerCreateBody {
            image: Some(new.image.to_string()),
            entrypoint: Some(program.to_vec()),
            cmd: Some(arguments.to_vec()),
            env: Some(new.environment),
            host_config: Some(HostConfig { log_config: Some(log_config), ..HostConfig::default() }),
            ..ContainerCreateBody::default()
        };
        let created = self.bollard().create_container(None::<CreateContainerOptions>, body).await;
        created.map(|created| created.id).map_err(|error| self.error("create a container", error))
    }

    /// Starts a container, hands on what it writes, and returns its exit code.
    ///
    /// # Errors
    /// [`DockerError`] when it can't be started, for example as there is no such program, or the connection breaks.
    pub(crate) async fn run_container(
        &self,
        id: &str,
        on_output: &dyn Fn(ContainerStream, &[u8]),
    ) -> Result<i64, DockerError> {
        let started = self.bollard().start_container(id, None::<StartContainerOptions>).await;
        started.map_err(|error| self.error("start a container", error))?;
        let mut seen = Seen::default();
        self.output(id, true, &mut seen, on_output).await?;
        let code = self.exit_code(id).await?;
        // Engines may end what is followed before the last of it was written. It is whole when the exit code is told.
        self.output(id, false, &mut Seen { skipped: seen.handed_on, ..Seen::default() }, on_output).await?;
        Ok(code)
    }

    /// Hands on what a container has written, but for what is skipped.
    async fn output(
        &self,
        id: &str,
        follows: bool,
        seen: &mut Seen,
        on_output: &dyn Fn(ContainerStream, &[u8]),
    ) -> Result<(), DockerError> {
        let options = LogsOptionsBuilder::new().follow(follows).stdout(true).stderr(true).build();
        let mut output = std::pin::pin!(self.bollard().logs(id, Some(options)));
        while let Some(part) = output.next().await {
            let (stream, message) = match part.map_err(|error| self.error("follow a container", error))? {
                LogOutput::StdErr { message } => (ContainerStream::Stderr, message),
                LogOutput::StdOut { message } | LogOutput::Console { message } => {
                    (ContainerStream::Stdout, message)
                }
                LogOutput::StdIn { .. } => continue,
            };
            let new = seen.new_part(stream, &message);
            if !new.is_empty() {
                on_output(stream, new);
            }
        }
        Ok(())
    }

    async fn exit_code(&self, id: &str) -> Result<i64, DockerError> {
        let mut ended = std::pin::pin!(self.bollard().wait_container(id, None::<WaitContainerOptions>));
        match ended.next().await {
            Some(Ok(answer)) => Ok(answer.status_code),
            Some(Err(Error::DockerContainerWaitError { code, .. })) => Ok(code),
            Some(Err(error)) => Err(self.error("wait for a container", error)),
            None => Err(DockerError::unexpected("a container", "it does not tell its exit code")),
        }
    }

    /// Sends a signal, such as `SIGTERM`, to the program of a container. Nothing happens if it has ended.
    ///
    /// # Errors
    /// [`DockerError`] when the engine does not answer.
    pub(crate) async fn signal_container(&self, id: &str, signal: &str) -> Result<(), DockerError> {
        let options = KillContainerOptionsBuilder::new().signal(signal).build();
        match self.bollard().kill_container(id, Some(options)).await {
            Ok(()) | Err(Error::DockerResponseServerError { status_code: 404 | 409, .. }) => Ok(()),
            Err(error) => Err(self.error("signal a container", error)),
        }
    }

    /// Ends a container and removes it, with what it has written.
    ///
    /// # Errors
    /// [`DockerError`] when the engine does not.
    pub(crate) async fn remove_container(&self, id: &str) -> Result<(), DockerError> {
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        match self.bollard().remove_container(id, Some(options)).await {
            Ok(()) | Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(()),
            Err(error) => Err(self.error("remove a container", error)),
        }
    }

    /// Reads a file of a container, of at most `max_bytes`. Links are not followed.
    ///
    /// # Errors
    /// [`DockerError`] when the engine does not answer, or not with an archive.
    pub(crate) async fn container_file(
        &self,
        id: &str,
        path: &str,
        max_bytes: usize,
    ) -> Result<ContainerFile, DockerError> {
        let options = DownloadFromContainerOptionsBuilder::new().path(path).build();
        let mut stream = std::pin::pin!(self.bollard().download_from_container(id, Some(options)));
        let mut archive = Vec::new();
        while let Some(chunk) = stream.next().await {
            match chunk {
                Err(Error::DockerResponseServerError { status_code: 404, .. }) => {
                    return Ok(ContainerFile::Missing);
                }
                chunk => archive.extend_from_slice(
                    &chunk.map_err(|error| self.error("read a file of a container", error))?,
                ),
            }
            if archive.len() > max_bytes + MAX_TAR_OVERHEAD {
                return Ok(ContainerFile::Unusable);
            }
        }
        only_file(&archive, max_bytes)
            .map_err(|error| DockerError::unexpected("a file of a container", error))
    }
}

/// The content of an archive that holds one file.
fn only_file(archive: &[u8], max_bytes: usize) -> std::io::Result<ContainerFile> {
    let mut archive = tar::Archive::new(archive);
    let Some(entry) = archive.entries()?.next() else { return Ok(ContainerFile::Unusable) };
    let mut entry = entry?;
    if !entry.header().entry_type().is_file() || entry.size() > max_bytes as u64 {
        return Ok(ContainerFile::Unusable);
    }
    let mut content = Vec::new();
    entry.read_to_end(&mut content)?;
    Ok(ContainerFile::Content(content.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(kind: tar::EntryType, content: &[u8]) -> Vec<u8> {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        let mut builder = tar::Builder::new(Vec::new());
        builder.append_data(&mut header, "junit.xml", content).unwrap();
        builder.into_inner().unwrap()
    }

    #[test]
    fn what_was_handed_on_is_not_handed_on_again() {
        let mut seen = Seen { skipped: [3, 0], ..Seen::default() };

        let new = [&b"ab"[..], b"cd", b"e"].map(|part| seen.new_part(ContainerStream::Stdout, part));
        let other = seen.new_part(ContainerStream::Stderr, b"x");

        assert_eq!((new, other), ([&b""[..], b"d", b"e"], &b"x"[..]));
        assert_eq!(seen.handed_on, [2, 1]);
    }

    #[test]
    fn one_regular_file_is_read_and_nothing_else() {
        let file = only_file(&archive(tar::EntryType::Regular, b"<a/>"), 4).unwrap();
        assert_eq!(file, ContainerFile::Content(Bytes::from_static(b"<a/>")));

        let large = only_file(&archive(tar::EntryType::Regular, b"<ab/>"), 4).unwrap();
        let folder = only_file(&archive(tar::EntryType::Directory, b""), 4).unwrap();
        assert_eq!((large, folder), (ContainerFile::Unusable, ContainerFile::Unusable));
        assert!(only_file(b"no archive, and longer than a header".repeat(20).as_slice(), 4).is_err());
    }
}
