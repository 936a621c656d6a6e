//! Contexts of the docker CLI, as it stores them beside its configuration.
//!
//! ```text
//! contexts/meta/<SHA-256 of the name>/meta.json
//! contexts/tls/<SHA-256 of the name>/docker/{ca,cert,key}.pem
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::address_error::AddressError;

/// The context that is always there, has no files, and means the variables or the default socket.
pub(super) const DEFAULT_CONTEXT: &str = "default";

/// The Docker engine of a context.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) host: String,
    pub(super) skip_tls_verify: bool,
    /// The folder of its certificates, which may be absent.
    pub(super) tls: PathBuf,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Meta {
    name: String,
    #[serde(default)]
    endpoints: BTreeMap<String, Endpoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Endpoint {
    #[serde(default)]
    host: String,
    #[serde(default, rename = "SkipTLSVerify")]
    skip_tls_verify: bool,
}

/// Finds a context by its name in the folder of Docker's configuration; `by` is what named it.
pub(super) fn find(folder: Option<&Path>, name: &str, by: &str) -> Result<Context, AddressError> {
    let unknown = || AddressError::UnknownContext {
        name: name.to_owned(),
        by: by.to_owned(),
        known: folder.map_or_else(|| vec![DEFAULT_CONTEXT.to_owned()], names),
    };
    let folder_or_none = folder.ok_or_else(unknown)?;
    let id: String = Sha256::digest(name).iter().map(|byte| format!("{byte:02x}")).collect();
    let contexts = folder_or_none.join("contexts");
    let path = contexts.join("meta").join(&id).join("meta.json");
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(unknown()),
        Err(source) => return Err(AddressError::Read { path, source }),
    };
    let meta: Meta =
        serde_json::from_slice(&text).map_err(|source| AddressError::NotAContext { path, source })?;
    let endpoint =
        meta.endpoints.into_iter().find_map(|(kind, endpoint)| (kind == "docker").then_some(endpoint));
    match endpoint {
        Some(Endpoint { host, skip_tls_verify }) if !host.is_empty() => {
            let tls = contexts.join("tls").join(&id).join("docker");
            Ok(Context { host, skip_tls_verify, tls })
        }
        _ => Err(AddressError::NoEndpoint { name: name.to_owned() }),
    }
}

/// The names of all contexts that can be read, for a person who has mistyped one.
fn names(folder: &Path) -> Vec<String> {
    let folders = fs::read_dir(folder.join("contexts/meta")).into_iter().flatten().flatten();
    let metas = folders.filter_map(|entry| fs::read(entry.path().join("meta.json")).ok());
    let names = metas.filter_map(|text| serde_json::from_slice::<Meta>(&text).ok()).map(|meta| meta.name);
    let mut names: Vec<String> = names.chain([DEFAULT_CONTEXT.to_owned()]).collect();
    names.sort();
    names
}
