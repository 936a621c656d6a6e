//! Byte streams to a daemon.

use std::io;
use std::sync::Arc;

use tokio::net::{TcpStream, UnixStream};

use super::BuildKitAddress;
use crate::docker::{Connector, Duplex, piped};
use crate::model::BuilderEndpoint;

/// What connects its standard streams to the daemon of a container.
const DIAL: [&str; 2] = ["buildctl", "dial-stdio"];

/// Opens a stream to the daemon for each connection that the gRPC client wants.
pub(super) fn connector(address: &Arc<BuildKitAddress>) -> Connector {
    let address = Arc::clone(address);
    Connector::new(move || {
        let address = Arc::clone(&address);
        Box::pin(async move { open(&address).await })
    })
}

async fn open(address: &BuildKitAddress) -> io::Result<Box<dyn Duplex>> {
    match &address.endpoint {
        BuilderEndpoint::Unix(path) => Ok(Box::new(UnixStream::connect(path).await?)),
        BuilderEndpoint::Tcp { host, port } => {
            let stream = TcpStream::connect((host.as_str(), *port)).await?;
            stream.set_nodelay(true)?;
            match &address.tls {
                None => Ok(Box::new(stream)),
                Some(tls) => Ok(Box::new(tls.connect(host, stream)?.await?)),
            }
        }
        BuilderEndpoint::DockerContainer { .. } | BuilderEndpoint::KubernetesPod { .. } => {
            let (program, arguments) = command(&address.endpoint);
            piped(program, &arguments)
        }
    }
}

/// The program that reaches a container, and its arguments: a list, which no shell reads.
fn command(endpoint: &BuilderEndpoint) -> (&'static str, Vec<&str>) {
    match endpoint {
        BuilderEndpoint::DockerContainer { name } => {
            ("docker", ["exec", "-i", name].into_iter().chain(DIAL).collect())
        }
        BuilderEndpoint::KubernetesPod { pod, namespace, container } => {
            let mut arguments = vec!["exec", "-i", pod.as_str()];
            if let Some(namespace) = namespace {
                arguments.extend(["--namespace", namespace]);
            }
            if let Some(container) = container {
                arguments.extend(["--container", container]);
            }
            arguments.push("--");
            arguments.extend(DIAL);
            ("kubectl", arguments)
        }
        BuilderEndpoint::Unix(_) | BuilderEndpoint::Tcp { .. } => {
            unreachable!("no program connects to these")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_reached_by_a_program_whose_arguments_are_a_list() {
        let shown = |text: &str| {
            let endpoint = text.parse().unwrap();
            let (program, arguments) = command(&endpoint);
            format!("{program} {arguments:?}")
        };

        assert_eq!(
            shown("docker-container://buildkitd"),
            r#"docker ["exec", "-i", "buildkitd", "buildctl", "dial-stdio"]"#
        );
        assert_eq!(
            shown("kube-pod://b-0?namespace=ci&container=d"),
            r#"kubectl ["exec", "-i", "b-0", "--namespace", "ci", "--container", "d", "--", "buildctl", "dial-stdio"]"#
        );
    }
}
