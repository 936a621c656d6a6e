//! Where a Docker engine listens, as `DOCKER_HOST` says it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

/// The address of a Docker engine.
///
/// `unix:///path`, `tcp://host:port` (plain HTTP) or `ssh://[user@]host[:port]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DockerHost {
    /// A socket on this machine.
    Unix(PathBuf),
    /// Plain HTTP: whoever can reach the port owns the machine behind it.
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
    /// Reads what `DOCKER_HOST` and `DOCKER_TLS_VERIFY` say; unset and empty are the same.
    ///
    /// # Errors
    /// [`InvalidDockerHost`] for an address that is none, and for one that wants TLS: it isn't
    /// spoken here, and going on without would be worse.
    pub fn from_settings(host: Option<&str>, tls_verify: Option<&str>) -> Result<Self, InvalidDockerHost> {
        let Some(text) = host.filter(|text| !text.is_empty()) else {
            return Ok(Self::default());
        };
        let host: Self = text.parse()?;
        match host {
            Self::Tcp { .. } if tls_verify.is_some_and(|value| !value.is_empty()) => Err(InvalidDockerHost {
                text: text.to_owned(),
                reason: "`DOCKER_TLS_VERIFY` asks for TLS, which is not supported: use `ssh://` or `unix://`",
            }),
            _ => Ok(host),
        }
    }
}

impl FromStr for DockerHost {
    type Err = InvalidDockerHost;

    fn from_str(text: &str) -> Result<Self, InvalidDockerHost> {
        let invalid = |reason| InvalidDockerHost { text: text.to_owned(), reason };
        let (scheme, rest) = text
            .split_once("://")
            .ok_or_else(|| invalid("`unix:///path`, `tcp://host:port` or `ssh://user@host` is expected"))?;
        match scheme {
            "unix" if rest.starts_with('/') => Ok(Self::Unix(PathBuf::from(rest))),
            "unix" => Err(invalid("the path of a socket is absolute")),
            "tcp" => {
                let (host, port) = split_port(rest.trim_end_matches('/'));
                let port = port.ok_or_else(|| invalid("`tcp://host:port` is expected"))?;
                let port = port.parse().map_err(|_| invalid("its port is not a number up to 65535"))?;
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
    fn tls_is_refused_and_never_left_out() {
        let host = |text, tls| DockerHost::from_settings(text, tls);

        assert!(host(Some("tcp://a:2376"), Some("1")).is_err());
        assert!(host(Some("tcp://a:2375"), Some("")).is_ok());
        assert!(host(Some("ssh://a"), Some("1")).is_ok());
        assert_eq!(host(None, Some("1")), Ok(DockerHost::default()));
        assert_eq!(host(Some(""), None), Ok(DockerHost::default()));
    }

    #[test]
    fn what_is_not_an_address_is_refused() {
        for text in [
            "",
            "docker",
            "unix://relative",
            "tcp://host",
            "tcp://:1",
            "tcp://h:99999",
            "npipe:////./pipe",
            "ssh://u@h/p",
        ] {
            assert!(text.parse::<DockerHost>().is_err(), "{text} was accepted");
        }
    }
}
