//! Where a Docker engine listens, as `DOCKER_HOST` and contexts say it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

/// The address of a Docker engine.
///
/// `unix:///path`, `tcp://host[:port]` or `ssh://[user@]host[:port]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DockerHost {
    /// A socket on this machine.
    Unix(PathBuf),
    /// Without TLS, whoever can reach the port owns the machine behind it.
    Tcp { host: String, port: u16 },
    /// The engine of another machine, through `ssh` and `docker system dial-stdio` there.
    Ssh { destination: String, port: Option<u16> },
}

/// A text that is not the address of a Docker engine.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{text}` is not the address of a Docker engine: {reason}")]
pub struct InvalidDockerHost {
    text: String,
    reason: &'static str,
}

/// Where an engine listens when nothing else is said.
impl Default for DockerHost {
    fn default() -> Self {
        Self::Unix(PathBuf::from("/var/run/docker.sock"))
    }
}

impl DockerHost {
    /// Reads an address; `default_port` is that of `tcp://` without one.
    ///
    /// # Errors
    /// [`InvalidDockerHost`] for a text that is no address.
    pub(super) fn parse(text: &str, default_port: u16) -> Result<Self, InvalidDockerHost> {
        let invalid = |reason| InvalidDockerHost { text: text.to_owned(), reason };
        let (scheme, rest) = text
            .split_once("://")
            .ok_or_else(|| invalid("`unix:///path`, `tcp://host:port` or `ssh://user@host` is expected"))?;
        match scheme {
            "unix" if rest.starts_with('/') => Ok(Self::Unix(PathBuf::from(rest))),
            "unix" => Err(invalid("the path of a socket is absolute")),
            "tcp" => {
                let (host, port) = split_port(rest.trim_end_matches('/'));
                let port = match port {
                    Some(port) => {
                        port.parse().map_err(|_| invalid("its port is not a number up to 65535"))?
                    }
                    None => default_port,
                };
                if !is_host(host) {
                    return Err(invalid("it has no host name"));
                }
                Ok(Self::Tcp { host: host.to_owned(), port })
            }
            "ssh" => {
                let (destination, port) = split_port(rest.trim_end_matches('/'));
                let (user, host) = match destination.split_once('@') {
                    Some((user, host)) => (Some(user), host),
                    None => (None, destination),
                };
                let is_user = user.is_none_or(|user| {
                    !user.is_empty()
                        && !user.starts_with('-')
                        && user.bytes().all(|byte| byte.is_ascii_graphic())
                });
                if !is_host(host) || !is_user {
                    return Err(invalid("`ssh://user@host` is expected, without a password or a path"));
                }
                let port = port
                    .map(|port| port.parse().map_err(|_| invalid("its port is not a number up to 65535")))
                    .transpose()?;
                Ok(Self::Ssh { destination: destination.to_owned(), port })
            }
            _ => Err(invalid("only `unix`, `tcp` and `ssh` are spoken")),
        }
    }
}

/// Without TLS, which has another port.
impl FromStr for DockerHost {
    type Err = InvalidDockerHost;

    fn from_str(text: &str) -> Result<Self, InvalidDockerHost> {
        Self::parse(text, 2375)
    }
}

/// Splits `host:port`; a `:` inside of `[…]` belongs to the host.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

/// Whether the text can stand where a host name is expected: in a URL, and as `ssh`'s argument.
fn is_host(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte))
}

impl fmt::Display for DockerHost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(formatter, "unix://{}", path.display()),
            Self::Tcp { host, port } => write!(formatter, "tcp://{host}:{port}"),
            Self::Ssh { destination, port: None } => write!(formatter, "ssh://{destination}"),
            Self::Ssh { destination, port: Some(port) } => write!(formatter, "ssh://{destination}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_as_it_was_written() {
        for text in [
            "unix:///var/run/docker.sock",
            "tcp://127.0.0.1:2375",
            "tcp://[::1]:2375",
            "ssh://build@ci.example",
            "ssh://ci.example:2222",
        ] {
            assert_eq!(text.parse::<DockerHost>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_address_that_could_be_an_option_of_ssh_is_refused() {
        for text in ["ssh://-oProxyCommand=x", "ssh://-l@host", "ssh://a b", "ssh://user@-host"] {
            assert!(text.parse::<DockerHost>().is_err(), "{text} was accepted");
        }
    }

    #[test]
    fn a_port_that_is_left_out_is_the_default() {
        assert_eq!("tcp://a".parse::<DockerHost>().unwrap().to_string(), "tcp://a:2375");
        assert_eq!(DockerHost::parse("tcp://[::1]", 2376).unwrap().to_string(), "tcp://[::1]:2376");
        assert_eq!(DockerHost::parse("tcp://a:1", 2376).unwrap().to_string(), "tcp://a:1");
    }

    #[test]
    fn what_is_not_an_address_is_refused() {
        for text in [
            "",
            "docker",
            "unix://relative",
            "tcp://",
            "tcp://:1",
            "tcp://h:99999",
            "npipe:////./pipe",
            "ssh://u@h/p",
        ] {
            assert!(text.parse::<DockerHost>().is_err(), "{text} was accepted");
        }
    }
}
