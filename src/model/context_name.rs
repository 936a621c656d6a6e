//! Names of named contexts (`docker build --build-context <name>=…`).

use std::fmt;
use std::str::FromStr;

use super::{ImageRef, InvalidName};

/// The name of a named context: that of the stage or the image that it stands for.
///
/// As in BuildKit, `docker.io/library/`, `docker.io/` and `:latest` make no difference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContextName(Box<str>);

impl ContextName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ContextName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let is_whole =
            text.parse::<ImageRef>().is_ok_and(|image| image.digest.is_none()) && text != "scratch";
        if !is_whole {
            return Err(InvalidName::new(
                text,
                "a context's name: that of a stage in lower case, or of an image without a digest",
            ));
        }
        let hosts = ["docker.io/", "index.docker.io/"];
        let name = hosts.iter().find_map(|host| text.strip_prefix(host)).unwrap_or(text);
        let name = name.strip_prefix("library/").unwrap_or(name);
        Ok(Self(name.strip_suffix(":latest").unwrap_or(name).into()))
    }
}

impl fmt::Display for ContextName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_has_one_name_however_it_is_written() {
        let name = |text: &str| text.parse::<ContextName>().map(|name| name.to_string()).ok();

        for text in ["node", "node:latest", "library/node", "docker.io/node", "docker.io/library/node:latest"]
        {
            assert_eq!(name(text).as_deref(), Some("node"), "{text}");
        }
        assert_eq!(name("ghcr.io/acme/x:1").as_deref(), Some("ghcr.io/acme/x:1"));
        for none in ["", "Base", "scratch", "a b", &format!("node@sha256:{}", "0".repeat(64))] {
            assert_eq!(name(none), None, "{none}");
        }
    }
}
