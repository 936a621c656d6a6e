//! Which Terraform: its version, where it is published, what it must be.

use std::fmt;
use std::str::FromStr;

use reqwest::Url;
use thiserror::Error;

use crate::model::Host;

/// The version that is installed where none is named.
pub const TERRAFORM_VERSION: &str = "1.15.5";

/// Where Terraform is published.
pub const TERRAFORM_MIRROR: &str = "https://releases.hashicorp.com/terraform";

/// Three numbers, and what may stand behind them: `1.15.5`, `1.16.0-beta1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TerraformVersion(String);

/// A text that is not a version.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is not a version, such as `{TERRAFORM_VERSION}`")]
pub struct InvalidTerraformVersion(String);

/// The address that the versions' folders are below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror(Url);

/// A text that is not a mirror's address. It isn't shown, as there may be a password in it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "the mirror's address is not one that can be used: `https://host/folder` without credentials is expected, \
     or `http://` on loopback"
)]
pub struct InvalidMirror;

/// The SHA-256 of an archive.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ArchiveSum([u8; 32]);

/// A text that is not 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is not a SHA-256: 64 hexadecimal digits are expected")]
pub struct InvalidArchiveSum(String);

impl Mirror {
    /// Where a file of a version is.
    pub(super) fn file(&self, version: &str, name: &str) -> Url {
        let mut url = self.0.clone();
        let folder = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{folder}/{version}/{name}"));
        url
    }
}

impl TerraformVersion {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ArchiveSum {
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl FromStr for Mirror {
    type Err = InvalidMirror;

    fn from_str(text: &str) -> Result<Self, InvalidMirror> {
        let url: Url = text.parse().map_err(|_| InvalidMirror)?;
        let is_loopback =
            url.host_str().and_then(|host| host.parse::<Host>().ok()).is_some_and(|host| host.is_loopback());
        let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_loopback);
        let is_bare = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if is_safe && is_bare { Ok(Self(url)) } else { Err(InvalidMirror) }
    }
}

impl FromStr for TerraformVersion {
    type Err = InvalidTerraformVersion;

    fn from_str(text: &str) -> Result<Self, InvalidTerraformVersion> {
        let (numbers, suffix) = text.split_once('-').unwrap_or((text, "x"));
        let is_number =
            |part: &str| (1..=5).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        let is_suffix = (1..=32).contains(&suffix.len())
            && suffix.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if numbers.split('.').count() == 3 && numbers.split('.').all(is_number) && is_suffix {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidTerraformVersion(text.to_owned()))
        }
    }
}

impl FromStr for ArchiveSum {
    type Err = InvalidArchiveSum;

    fn from_str(text: &str) -> Result<Self, InvalidArchiveSum> {
        let invalid = || InvalidArchiveSum(text.to_owned());
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(invalid());
        }
        let mut bytes = [0; 32];
        for (byte, index) in bytes.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&text[index..index + 2], 16).map_err(|_| invalid())?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for ArchiveSum {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for ArchiveSum {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl fmt::Display for TerraformVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_can_t_lead_anywhere_else() {
        for version in ["1.15.5", "0.12.0", "1.16.0-beta1"] {
            assert!(version.parse::<TerraformVersion>().is_ok(), "{version}");
        }
        for version in ["", "1.15", "1.15.5/..", "../1.2", "1.2.3-", "1.2.3-a/b", "1.2.x", "latest"] {
            assert!(version.parse::<TerraformVersion>().is_err(), "{version}");
        }
    }

    #[test]
    fn a_mirror_is_https_or_on_loopback_and_shows_no_password() {
        for mirror in
            [TERRAFORM_MIRROR, "http://127.0.0.1:80/x/", "http://localhost:1", "https://a.example/b"]
        {
            assert!(mirror.parse::<Mirror>().is_ok(), "{mirror}");
        }
        for mirror in
            ["http://a.example", "https://u:secret@a.example", "file:///x", "ftp://a", "", "https://a/?x=1"]
        {
            let error = mirror.parse::<Mirror>().unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_file_is_below_its_version_whether_the_address_ends_with_a_slash_or_not() {
        for mirror in ["https://a.example/t", "https://a.example/t/"] {
            let url = mirror.parse::<Mirror>().unwrap().file("1.2.3", "x.zip");
            assert_eq!(url.as_str(), "https://a.example/t/1.2.3/x.zip");
        }
    }
}
