//! Image references, after the OCI distribution specification (§ Pulling manifests)
//! and the reference grammar of `distribution/reference`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::image_error::{InvalidImageRef, invalid};
use super::{ManifestDigest, Tag};

/// A registry's host name, with its port if it has one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host(String);

impl Host {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The registry that references without a host mean.
    pub fn docker_hub() -> Self {
        Self("docker.io".to_owned())
    }

    /// Whether it is the registry that references without a host mean.
    pub fn is_docker_hub(&self) -> bool {
        matches!(self.0.as_str(), "docker.io" | "index.docker.io")
    }

    /// Whether the name is this machine's own, where Docker speaks plain HTTP.
    pub fn is_loopback(&self) -> bool {
        let name = match self.0.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or(rest),
            None => self.0.split(':').next().unwrap_or(&self.0),
        };
        name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl FromStr for Host {
    type Err = InvalidImageRef;

    fn from_str(text: &str) -> Result<Self, InvalidImageRef> {
        let error = || invalid(text, "a registry host: `name[:port]`, without a scheme or a path");
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
            _ => (text, None),
        };
        let is_name = match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => {
                !name.is_empty()
                    && name.split('.').all(|label| {
                        !label.is_empty()
                            && !label.starts_with('-')
                            && !label.ends_with('-')
                            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                    })
            }
        };
        if !is_name || port.is_some_and(|port| port.parse::<u16>().is_err()) {
            return Err(error());
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A repository's name in a registry: lower-case components between `/`, at most 255 bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryName(Arc<str>);

impl RepositoryName {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Puts `prefix` before the name, as it stands: `team/` and `api` are `team/api`.
    ///
    /// # Errors
    /// [`InvalidImageRef`] when the two together break the grammar.
    pub fn with_prefix(&self, prefix: &str) -> Result<Self, InvalidImageRef> {
        if prefix.is_empty() {
            return Ok(self.clone());
        }
        format!("{prefix}{}", self.0).parse()
    }
}

impl FromStr for RepositoryName {
    type Err = InvalidImageRef;

    fn from_str(text: &str) -> Result<Self, InvalidImageRef> {
        let is_whole = text.len() <= 255 && text.split('/').all(is_repository_component);
        if !is_whole {
            return Err(invalid(
                text,
                "a repository name: lower-case letters and digits, with `.`, `_`, `__`, `-` between them, in components between `/`",
            ));
        }
        Ok(Self(text.into()))
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_repository_component(component: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = component.as_bytes();
    let (Some(&first), Some(&last)) = (bytes.first(), bytes.last()) else {
        return false;
    };
    if !is_word(first) || !is_word(last) {
        return false;
    }
    bytes.split(|&byte| is_word(byte)).all(|separator| {
        matches!(separator, b"" | b"." | b"_" | b"__") || separator.iter().all(|&byte| byte == b'-')
    })
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Serialize for RepositoryName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// `[host/]repository[:tag][@digest]`.
///
/// What stands before the first `/` is a host only if it has a `.`, a `:`, or is
/// `localhost`, as Docker reads it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageRef {
    pub host: Option<Host>,
    pub repository: RepositoryName,
    pub tag: Option<Tag>,
    pub digest: Option<ManifestDigest>,
}

impl ImageRef {
    /// How an engine names the image of a local build: `<repository>:local`, where the repository has the cache's prefix.
    pub fn local(repository: &RepositoryName) -> Self {
        Self { host: None, repository: repository.clone(), tag: Some(Tag::local()), digest: None }
    }

    /// The same repository under another tag, without a digest.
    pub fn tagged(&self, tag: Tag) -> Self {
        Self { tag: Some(tag), digest: None, ..self.clone() }
    }

    /// The same repository by digest alone.
    pub fn pinned(&self, digest: ManifestDigest) -> Self {
        Self { tag: None, digest: Some(digest), ..self.clone() }
    }

    /// `[host/]repository`, without tag and digest.
    pub fn name(&self) -> String {
        match &self.host {
            Some(host) => format!("{host}/{}", self.repository),
            None => self.repository.to_string(),
        }
    }
}

impl FromStr for ImageRef {
    type Err = InvalidImageRef;

    fn from_str(text: &str) -> Result<Self, InvalidImageRef> {
        let error = || invalid(text, "an image reference: `[host/]repository[:tag][@sha256:…]`");
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse().map_err(|_| error())?)),
            None => (text, None),
        };
        let (rest, tag) = match rest.rsplit_once(':') {
            Some((rest, tag)) if !tag.contains('/') => (rest, Some(tag.parse().map_err(|_| error())?)),
            _ => (rest, None),
        };
        let (host, repository) = match rest.split_once('/') {
            Some((first, others)) if first.contains(['.', ':']) || first == "localhost" => {
                (Some(first.parse().map_err(|_| error())?), others)
            }
            _ => (None, rest),
        };
        let repository = repository.parse().map_err(|_| error())?;
        Ok(Self { host, repository, tag, digest })
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name())?;
        if let Some(tag) = &self.tag {
            write!(formatter, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(formatter, "@{digest}")?;
        }
        Ok(())
    }
}

impl Serialize for ImageRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_as_docker_reads_them() {
        for (text, host, repository, tag) in [
            ("api", None, "api", None),
            ("team/api:v1", None, "team/api", Some("v1")),
            ("localhost/api", Some("localhost"), "api", None),
            ("localhost:5000/api:v1", Some("localhost:5000"), "api", Some("v1")),
            ("[::1]:5000/api", Some("[::1]:5000"), "api", None),
            ("a.example/b/c__d", Some("a.example"), "b/c__d", None),
        ] {
            let reference: ImageRef = text.parse().unwrap();

            assert_eq!(reference.host.as_ref().map(Host::as_str), host, "{text}");
            assert_eq!(reference.repository.as_str(), repository, "{text}");
            assert_eq!(reference.tag.as_ref().map(Tag::as_str), tag, "{text}");
            assert_eq!(reference.to_string(), text);
        }
    }

    #[test]
    fn what_breaks_the_grammar_is_refused() {
        for text in [
            "",
            "API",
            "a//b",
            "a/",
            "-a",
            "a:-b",
            "a@sha256:12",
            "a b",
            "a___b",
            "https://a.b/c",
            "a:b/c",
            "$x",
        ] {
            assert!(text.parse::<ImageRef>().is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn only_this_machines_own_names_are_loopback() {
        for (host, expected) in [
            ("localhost:5000", true),
            ("127.0.0.3:1", true),
            ("[::1]:5000", true),
            ("10.0.0.1", false),
            ("localhost.example", false),
        ] {
            assert_eq!(host.parse::<Host>().unwrap().is_loopback(), expected, "{host}");
        }
    }
}
