//! Where a BuildKit daemon is reached.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

/// The port that BuildKit's documentation uses.
const DEFAULT_PORT: u16 = 1234;

/// The longest name of a container or pod.
const MAX_NAME_BYTES: usize = 253;

/// The address of a BuildKit daemon, as `buildctl --addr` takes it.
///
/// `unix:///path`, `tcp://host[:port]`, `docker-container://name` or `kube-pod://pod[?namespace=…&container=…]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BuilderEndpoint {
    /// A socket on this machine.
    Unix(PathBuf),
    /// `host` is a name or an address, an IPv6 address without brackets.
    Tcp { host: String, port: u16 },
    /// Through `docker exec` and `buildctl dial-stdio` in a container.
    DockerContainer { name: String },
    /// Through `kubectl exec` and `buildctl dial-stdio` in a pod.
    KubernetesPod { pod: String, namespace: Option<String>, container: Option<String> },
}

/// Certificates for the connection to a daemon, each a file in PEM format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The authority that signed the daemon's certificate; those that the system trusts where there is none.
    pub ca: Option<PathBuf>,
    /// The client's certificate and its key, which a daemon with `tlscacert` asks for.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// A text that is not the address of a BuildKit daemon.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{text}` is not the address of a BuildKit daemon: {reason}")]
pub struct InvalidBuilderEndpoint {
    text: String,
    reason: &'static str,
}

impl BuilderEndpoint {
    /// Whether nobody between here and the daemon can read or change what is sent.
    pub fn is_on_this_machine(&self) -> bool {
        match self {
            Self::Tcp { host, .. } => {
                host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
            }
            Self::Unix(_) | Self::DockerContainer { .. } | Self::KubernetesPod { .. } => true,
        }
    }
}

impl FromStr for BuilderEndpoint {
    type Err = InvalidBuilderEndpoint;

    fn from_str(text: &str) -> Result<Self, InvalidBuilderEndpoint> {
        let invalid = |reason| InvalidBuilderEndpoint { text: text.to_owned(), reason };
        let (scheme, rest) = text.split_once("://").ok_or_else(|| {
            invalid("`unix://`, `tcp://`, `docker-container://` or `kube-pod://` is expected")
        })?;
        match scheme {
            "unix" if rest.starts_with('/') && !rest.contains('\0') => Ok(Self::Unix(PathBuf::from(rest))),
            "unix" => Err(invalid("the path of a socket is absolute")),
            "tcp" => tcp(rest).map_err(invalid),
            "docker-container" if is_container_name(rest) => {
                Ok(Self::DockerContainer { name: rest.to_owned() })
            }
            "docker-container" => Err(invalid("the name of a container is expected")),
            "kube-pod" => pod(rest).map_err(invalid),
            _ => Err(invalid("only `unix`, `tcp`, `docker-container` and `kube-pod` are supported")),
        }
    }
}

fn tcp(authority: &str) -> Result<BuilderEndpoint, &'static str> {
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => {
            let port = port.parse().ok().filter(|&port| port != 0);
            (host, port.ok_or("its port is not a number from 1 to 65535")?)
        }
        _ => (authority, DEFAULT_PORT),
    };
    let is_name = |host: &str| {
        !host.is_empty()
            && !host.starts_with('-')
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
    };
    let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) if address.parse::<Ipv6Addr>().is_ok() => address,
        None if is_name(host) => host,
        _ => return Err("it has no host name"),
    };
    Ok(BuilderEndpoint::Tcp { host: host.to_owned(), port })
}

fn pod(text: &str) -> Result<BuilderEndpoint, &'static str> {
    let (pod, query) = text.split_once('?').unwrap_or((text, ""));
    if !is_kubernetes_name(pod) {
        return Err("the name of a pod is expected");
    }
    let (mut namespace, mut container) = (None, None);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let place = match pair.split_once('=') {
            Some(("namespace", _)) => &mut namespace,
            Some(("container", _)) => &mut container,
            _ => return Err("only `namespace` and `container` can be said of a pod"),
        };
        let value = pair.split_once('=').map_or("", |(_, value)| value);
        if !is_kubernetes_name(value) || place.replace(value.to_owned()).is_some() {
            return Err("the names of its namespace and container are those of Kubernetes, each once");
        }
    }
    Ok(BuilderEndpoint::KubernetesPod { pod: pod.to_owned(), namespace, container })
}

/// What Docker allows in the name of a container. It can't be taken for an option.
fn is_container_name(text: &str) -> bool {
    text.len() <= MAX_NAME_BYTES
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// A name of Kubernetes (RFC 1123). It can't be taken for an option.
fn is_kubernetes_name(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.len() <= MAX_NAME_BYTES
        && text.bytes().all(|byte| is_inner(byte) || b".-".contains(&byte))
        && text.bytes().next().is_some_and(is_inner)
        && text.bytes().last().is_some_and(is_inner)
}

impl fmt::Display for BuilderEndpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(formatter, "unix://{}", path.display()),
            Self::Tcp { host, port } if host.contains(':') => write!(formatter, "tcp://[{host}]:{port}"),
            Self::Tcp { host, port } => write!(formatter, "tcp://{host}:{port}"),
            Self::DockerContainer { name } => write!(formatter, "docker-container://{name}"),
            Self::KubernetesPod { pod, namespace, container } => {
                write!(formatter, "kube-pod://{pod}")?;
                let query = [("namespace", namespace), ("container", container)];
                let said = query.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
                for (position, (name, value)) in said.enumerate() {
                    write!(formatter, "{}{name}={value}", if position == 0 { '?' } else { '&' })?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_and_shown_as_it_was_written() {
        for text in [
            "unix:///run/buildkit/buildkitd.sock",
            "tcp://builder.example:8443",
            "tcp://[::1]:1234",
            "docker-container://buildx_buildkit_0",
            "kube-pod://buildkitd-0",
            "kube-pod://buildkitd-0?namespace=ci&container=buildkitd",
        ] {
            assert_eq!(text.parse::<BuilderEndpoint>().unwrap().to_string(), text);
        }
        assert_eq!("tcp://a.example".parse::<BuilderEndpoint>().unwrap().to_string(), "tcp://a.example:1234");
    }

    #[test]
    fn what_could_be_an_option_or_a_command_is_no_address() {
        for text in [
            "",
            "a.example:1234",
            "http://a.example",
            "unix://run/buildkitd.sock",
            "tcp://",
            "tcp://a.example:0",
            "tcp://a.example:99999",
            "tcp://u@a.example:1",
            "tcp://-a:1",
            "tcp://[a]:1",
            "docker-container://",
            "docker-container://--privileged",
            "docker-container://a b",
            "docker-container://a;id",
            "kube-pod://-n",
            "kube-pod://A",
            "kube-pod://a?namespace=",
            "kube-pod://a?namespace=--all",
            "kube-pod://a?namespace=b&namespace=c",
            "kube-pod://a?context=b",
        ] {
            assert!(text.parse::<BuilderEndpoint>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_what_stays_on_this_machine_needs_no_encryption() {
        for (text, expected) in [
            ("tcp://127.0.0.1:1", true),
            ("tcp://[::1]:1", true),
            ("tcp://localhost:1", true),
            ("unix:///a", true),
            ("tcp://10.0.0.1:1", false),
            ("tcp://localhost.example:1", false),
        ] {
            assert_eq!(text.parse::<BuilderEndpoint>().unwrap().is_on_this_machine(), expected, "{text}");
        }
    }
}
