//! `[[builders]]`: BuildKit daemons that build the images, and the same as `CHINAMPA_BUILDERS` says it.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

use super::fields::{Fields, Item};
use super::lists::sorted_once;
use crate::model::{BuilderEndpoint, Platform, TlsFiles};

pub(super) const KEYS: &[&str] = &["endpoint", "platforms", "slots", "tls", "insecure"];
pub(super) const TLS_KEYS: &[&str] = &["ca", "cert", "key"];

/// How many builds a daemon does at a time where nobody says.
const DEFAULT_SLOTS: NonZeroUsize = NonZeroUsize::new(4).expect("it is not 0");

/// More than a daemon does at a time.
const MAX_SLOTS: usize = 1000;

/// A BuildKit daemon that builds images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuilderConfig {
    pub endpoint: BuilderEndpoint,
    /// Those that it builds natively, sorted; empty where that is what the daemon says.
    pub platforms: Vec<Platform>,
    /// Maximum number of builds at a time.
    pub slots: NonZeroUsize,
    pub tls: Option<TlsFiles>,
    /// Whether TCP to another machine may do without TLS.
    pub insecure: bool,
}

/// A text that is not a list of builders.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{builder}`: {reason}")]
pub struct InvalidBuilder {
    builder: String,
    reason: String,
}

impl BuilderConfig {
    /// Reads a list: endpoints with `,` between them, each with its settings after a `;`.
    ///
    /// ```text
    /// tcp://amd.example:1234;slots=8;ca=/ca.pem;cert=/cert.pem;key=/key.pem,unix:///run/b.sock;platforms=linux/arm64+linux/arm
    /// ```
    ///
    /// # Errors
    /// [`InvalidBuilder`] for the first builder that is none.
    pub fn list(text: &str) -> Result<Vec<Self>, InvalidBuilder> {
        let builders = text.split(',').map(str::trim).filter(|builder| !builder.is_empty());
        builders.map(str::parse).collect()
    }
}

impl FromStr for BuilderConfig {
    type Err = InvalidBuilder;

    fn from_str(text: &str) -> Result<Self, InvalidBuilder> {
        let invalid = |reason: String| InvalidBuilder { builder: text.to_owned(), reason };
        let mut parts = text.split(';').map(str::trim);
        let endpoint = parts.next().unwrap_or_default().parse::<BuilderEndpoint>();
        let mut builder = Self {
            endpoint: endpoint.map_err(|error| invalid(error.to_string()))?,
            platforms: Vec::new(),
            slots: DEFAULT_SLOTS,
            tls: None,
            insecure: false,
        };
        let (mut ca, mut cert, mut key) = (None, None, None);
        for part in parts.filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            match name {
                "platforms" => {
                    let platforms: Result<Vec<Platform>, _> = value.split('+').map(str::parse).collect();
                    builder.platforms = platforms.map_err(|error| invalid(error.to_string()))?;
                    builder.platforms.sort();
                    builder.platforms.dedup();
                }
                "slots" => {
                    let slots = value.parse().ok().and_then(slots);
                    builder.slots = slots.ok_or_else(|| invalid(OUT_OF_RANGE.to_owned()))?;
                }
                "insecure" => {
                    builder.insecure =
                        value.parse().map_err(|_| invalid("`insecure` is `true` or `false`".to_owned()))?;
                }
                "ca" | "cert" | "key" if value.is_empty() => {
                    return Err(invalid(format!("`{name}` is a file")));
                }
                "ca" => ca = Some(PathBuf::from(value)),
                "cert" => cert = Some(PathBuf::from(value)),
                "key" => key = Some(PathBuf::from(value)),
                _ => {
                    let known = "`platforms`, `slots`, `ca`, `cert`, `key` and `insecure`";
                    return Err(invalid(format!("`{name}` is no setting of a builder; there are {known}")));
                }
            }
        }
        builder.tls = tls_files(ca, cert, key).map_err(|reason| invalid(reason.to_owned()))?;
        Ok(builder)
    }
}

const OUT_OF_RANGE: &str = "`slots` is a number from 1 to 1000";

fn slots(number: i64) -> Option<NonZeroUsize> {
    usize::try_from(number).ok().filter(|&number| number <= MAX_SLOTS).and_then(NonZeroUsize::new)
}

fn tls_files(
    ca: Option<PathBuf>,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
) -> Result<Option<TlsFiles>, &'static str> {
    let identity = match (cert, key) {
        (Some(cert), Some(key)) => Some((cert, key)),
        (None, None) => None,
        _ => return Err("`cert` and `key` belong together"),
    };
    Ok((ca.is_some() || identity.is_some()).then_some(TlsFiles { ca, identity }))
}

/// Reads the list of the manifest.
pub(super) fn read(item: Item<'_>) -> Vec<BuilderConfig> {
    let mut builders: Vec<BuilderConfig> = Vec::new();
    for item in item.list() {
        let Some(builder) = read_one(&item) else { continue };
        if builders.iter().any(|known| known.endpoint == builder.endpoint) {
            item.wrong(format_args!("the builder at {} stands there twice", builder.endpoint));
        }
        builders.push(builder);
    }
    builders
}

fn read_one(item: &Item<'_>) -> Option<BuilderConfig> {
    let fields = item.fields(KEYS)?;
    let endpoint = fields.required("endpoint").and_then(|item| item.parse());
    let platforms = fields.item("platforms").map(|item| sorted_once(item, Item::parse)).unwrap_or_default();
    let slots = match fields.item("slots") {
        Some(item) => {
            let slots = item.integer().and_then(slots);
            if slots.is_none() {
                item.wrong(OUT_OF_RANGE);
            }
            slots
        }
        None => Some(DEFAULT_SLOTS),
    };
    let tls = fields.item("tls").and_then(|item| read_tls(&item.fields(TLS_KEYS)?));
    let insecure = fields.item("insecure").and_then(|item| item.flag()).unwrap_or_default();
    Some(BuilderConfig { endpoint: endpoint?, platforms, slots: slots?, tls, insecure })
}

fn read_tls(fields: &Fields<'_>) -> Option<TlsFiles> {
    let file = |key: &str| {
        let item = fields.item(key)?;
        let path = item.text()?;
        if path.is_empty() {
            item.wrong("the path of a file is expected");
        }
        Some(PathBuf::from(path))
    };
    match tls_files(file("ca"), file("cert"), file("key")) {
        Ok(Some(files)) => Some(files),
        Ok(None) => {
            fields.wrong("`tls` names no file", Some("name `ca`, or `cert` and `key`".to_owned()));
            None
        }
        Err(reason) => {
            fields.wrong(reason, None);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    fn read(tables: &str) -> Result<Vec<BuilderConfig>, String> {
        let text = format!("workspace.name = \"shop\"\n{tables}");
        let manifest = parse(text.as_bytes(), "projects.toml");
        manifest.map(|manifest| manifest.builders).map_err(|errors| errors.to_string())
    }

    #[test]
    fn the_manifest_and_the_variable_say_the_same() {
        let tables = "[[builders]]\nendpoint = \"tcp://a.example:1\"\nplatforms = [\"linux/arm64\", \"linux/arm\"]\nslots = 8\n\
            tls = { ca = \"/ca.pem\", cert = \"/cert.pem\", key = \"/key.pem\" }\n\
            [[builders]]\nendpoint = \"unix:///b.sock\"\ninsecure = true\n";
        let variable = "tcp://a.example:1;platforms=linux/arm64+linux/arm;slots=8;ca=/ca.pem;cert=/cert.pem;key=/key.pem, \
            unix:///b.sock;insecure=true";

        let builders = read(tables).unwrap();

        assert_eq!(builders, BuilderConfig::list(variable).unwrap());
        assert_eq!(builders[1].slots, DEFAULT_SLOTS);
        assert_eq!(read("").unwrap(), []);
    }

    #[test]
    fn a_builder_that_could_not_be_meant_so_is_a_mistake() {
        for table in [
            "slots = 4",
            "endpoint = \"a.example\"",
            "endpoint = \"unix:///a\"\nslots = 0",
            "endpoint = \"unix:///a\"\nslots = 1001",
            "endpoint = \"unix:///a\"\nplatforms = [\"amd64\"]",
            "endpoint = \"tcp://a:1\"\ntls = {}",
            "endpoint = \"tcp://a:1\"\ntls = { cert = \"c\" }",
            "endpoint = \"tcp://a:1\"\nname = \"a\"",
            "endpoint = \"tcp://a:1\"\n[[builders]]\nendpoint = \"tcp://a:1\"",
        ] {
            assert!(read(&format!("[[builders]]\n{table}\n")).is_err(), "{table}");
        }
        for text in [
            "a",
            "unix:///a;slots=x",
            "unix:///a;slot=1",
            "unix:///a;ca=",
            "tcp://a:1;key=k",
            "tcp://a:1;platforms=",
        ] {
            assert!(BuilderConfig::list(text).is_err(), "{text}");
        }
    }
}
