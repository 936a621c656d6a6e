//! Platforms, as the OCI image specification names them.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// `<os>/<architecture>[/<variant>]`, such as `linux/amd64` or `linux/arm/v7`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform {
    os: String,
    architecture: String,
    variant: Option<String>,
}

/// A text that is not `<os>/<architecture>[/<variant>]`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is not a platform: `<os>/<architecture>[/<variant>]` is expected, such as `linux/amd64`")]
pub struct InvalidPlatform(String);

impl Platform {
    pub fn os(&self) -> &str {
        &self.os
    }

    pub fn architecture(&self) -> &str {
        &self.architecture
    }

    pub fn variant(&self) -> Option<&str> {
        self.variant.as_deref()
    }

    /// Whether the two are the same machine: a variant that is not written is the usual one of its architecture, as in containerd.
    pub fn is_same_as(&self, other: &Self) -> bool {
        let parts = |platform: &Self| {
            let usual = match platform.architecture() {
                "amd64" => "v1",
                "arm64" => "v8",
                "arm" => "v7",
                _ => "",
            };
            (
                platform.os.clone(),
                platform.architecture.clone(),
                platform.variant().unwrap_or(usual).to_owned(),
            )
        };
        parts(self) == parts(other)
    }
}

impl FromStr for Platform {
    type Err = InvalidPlatform;

    fn from_str(text: &str) -> Result<Self, InvalidPlatform> {
        let parts: Vec<&str> = text.split('/').collect();
        let is_part = |part: &&str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        if !parts.iter().all(is_part) {
            return Err(InvalidPlatform(text.to_owned()));
        }
        match parts[..] {
            [os, architecture] => {
                Ok(Self { os: os.to_owned(), architecture: architecture.to_owned(), variant: None })
            }
            [os, architecture, variant] => Ok(Self {
                os: os.to_owned(),
                architecture: architecture.to_owned(),
                variant: Some(variant.to_owned()),
            }),
            _ => Err(InvalidPlatform(text.to_owned())),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(formatter, "/{variant}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variant_that_is_not_written_is_the_usual_one() {
        let is_same = |one: &str, other: &str| {
            one.parse::<Platform>().unwrap().is_same_as(&other.parse::<Platform>().unwrap())
        };

        assert!(is_same("linux/arm64", "linux/arm64/v8") && is_same("linux/arm/v7", "linux/arm"));
        assert!(is_same("linux/amd64", "linux/amd64/v1") && is_same("linux/s390x", "linux/s390x"));
        assert!(!is_same("linux/arm/v6", "linux/arm") && !is_same("linux/amd64", "linux/arm64"));
    }
}
