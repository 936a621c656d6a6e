//! Which Docker engine is used: the one that the docker CLI would use.
//!
//! First that is set: `DOCKER_HOST`, `DOCKER_CONTEXT`, `currentContext` of Docker's configuration,
//! the default socket, the socket of a rootless engine.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::address_error::AddressError;
use super::context::{self, DEFAULT_CONTEXT};
use super::{DockerConfig, DockerHost};
use crate::tls::{ClientTls, Identity, Trusted};

/// Where `tcp://` leads if TLS is asked for and no host is named.
const DEFAULT_TLS_HOST: &str = "tcp://localhost";

/// What decides about the engine. Empty variables count as unset.
#[derive(Clone, Debug, Default)]
pub struct EngineSettings {
    /// `DOCKER_HOST`
    pub host: Option<String>,
    /// `DOCKER_CONTEXT`
    pub context: Option<String>,
    /// Whether `DOCKER_TLS_VERIFY` is set.
    pub tls_verify: bool,
    /// Whether `DOCKER_TLS` is set: TLS without a check of the engine's certificate.
    pub tls: bool,
    /// `DOCKER_CERT_PATH`; the configuration's folder if it is not set.
    pub certificates: Option<PathBuf>,
    /// The folder of Docker's configuration.
    pub config: Option<PathBuf>,
    /// `XDG_RUNTIME_DIR`, where a rootless engine has its socket.
    pub runtime: Option<PathBuf>,
}

/// Where an engine listens, how it is spoken to, and what chose it.
#[derive(Clone, Debug)]
pub struct EngineAddress {
    pub(super) host: DockerHost,
    /// For TCP only.
    pub(super) tls: Option<ClientTls>,
    pub(super) chosen_by: ChosenBy,
}

/// What chose an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ChosenBy {
    Variable(&'static str),
    Context { name: String, by: String },
    Default,
    Rootless,
}

impl EngineAddress {
    /// Chooses the engine. Reads Docker's configuration, contexts and certificates.
    ///
    /// # Errors
    /// [`AddressError`] when what is chosen is no address, no context, or can't be read.
    pub fn choose(settings: &EngineSettings) -> Result<Self, AddressError> {
        let set = |value: &Option<String>| value.clone().filter(|text| !text.is_empty());
        if let Some(text) = set(&settings.host) {
            return Self::from_variables(settings, &text, ChosenBy::Variable("DOCKER_HOST"));
        }
        if let Some((name, by)) = chosen_context(settings, set(&settings.context))? {
            return Self::from_context(settings, name, by);
        }
        if settings.tls_verify || settings.tls {
            let name = if settings.tls_verify { "DOCKER_TLS_VERIFY" } else { "DOCKER_TLS" };
            return Self::from_variables(settings, DEFAULT_TLS_HOST, ChosenBy::Variable(name));
        }
        let socket = DockerHost::default();
        let rootless = settings.runtime.as_ref().map(|folder| folder.join("docker.sock"));
        match (&socket, rootless) {
            (DockerHost::Unix(path), Some(rootless)) if !path.exists() && rootless.exists() => {
                Ok(Self { host: DockerHost::Unix(rootless), tls: None, chosen_by: ChosenBy::Rootless })
            }
            _ => Ok(Self { host: socket, tls: None, chosen_by: ChosenBy::Default }),
        }
    }

    fn from_variables(
        settings: &EngineSettings,
        text: &str,
        chosen_by: ChosenBy,
    ) -> Result<Self, AddressError> {
        let wants_tls = settings.tls_verify || settings.tls;
        let host = host(text, wants_tls, &chosen_by)?;
        let tls = match (&host, settings.certificates.as_ref().or(settings.config.as_ref())) {
            (DockerHost::Tcp { .. }, Some(folder)) if wants_tls => {
                let files = TlsFiles::read(folder)?;
                // Without an authority, the docker CLI refuses as well.
                if settings.tls_verify && files.ca.is_none() {
                    return Err(missing(folder.join("ca.pem")));
                }
                Some(files.client(!settings.tls_verify)?)
            }
            (DockerHost::Tcp { .. }, None) if wants_tls => return Err(AddressError::NoCertificates),
            _ => None,
        };
        Ok(Self { host, tls, chosen_by })
    }

    fn from_context(settings: &EngineSettings, name: String, by: String) -> Result<Self, AddressError> {
        let folder = settings.config.as_deref();
        let context = context::find(folder, &name, &by)?;
        let files = TlsFiles::read(&context.tls)?;
        let wants_tls = !files.is_empty() || context.skip_tls_verify;
        let chosen_by = ChosenBy::Context { name, by };
        let host = host(&context.host, wants_tls, &chosen_by)?;
        let tls = match &host {
            DockerHost::Tcp { .. } if wants_tls => Some(files.client(context.skip_tls_verify)?),
            _ => None,
        };
        Ok(Self { host, tls, chosen_by })
    }

    /// Where it listens.
    pub fn host(&self) -> &DockerHost {
        &self.host
    }

    pub(super) fn is_ssh(&self) -> bool {
        matches!(self.host, DockerHost::Ssh { .. })
    }

    /// What to look at when something answers there that is no engine.
    pub(super) fn hint_if_no_engine(&self) -> String {
        match (&self.host, &self.tls) {
            (DockerHost::Tcp { .. }, None) => {
                "if the engine expects TLS, set `DOCKER_TLS_VERIFY=1` and `DOCKER_CERT_PATH`, or use a \
                 context with certificates; buildkitd is not supported"
                    .to_owned()
            }
            _ => "a Docker engine with BuildKit is needed there; buildkitd alone is not supported".to_owned(),
        }
    }

    /// What to look at when nobody answers there.
    pub(super) fn hint(&self) -> String {
        let chosen = match &self.chosen_by {
            ChosenBy::Variable(name) => format!("`{name}`"),
            ChosenBy::Context { name, .. } => format!("the context `{name}`"),
            ChosenBy::Default | ChosenBy::Rootless => {
                return "start it (`systemctl start docker`), or let your user use its socket".to_owned();
            }
        };
        match (&self.host, &self.tls) {
            (DockerHost::Unix(_), _) => {
                "start it (`systemctl start docker`), or let your user use its socket".to_owned()
            }
            (_, None) => format!("see whether {chosen} is right and the engine is running"),
            (_, Some(_)) => format!(
                "see whether {chosen} is right, the engine is running and expects TLS there, and the certificates are the right ones"
            ),
        }
    }
}

/// Without TLS, chosen by nothing.
impl From<DockerHost> for EngineAddress {
    fn from(host: DockerHost) -> Self {
        Self { host, tls: None, chosen_by: ChosenBy::Default }
    }
}

impl fmt::Display for EngineAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}`", self.host)?;
        match &self.chosen_by {
            ChosenBy::Default => Ok(()),
            ChosenBy::Rootless => write!(formatter, " (the rootless engine)"),
            ChosenBy::Variable(name) => write!(formatter, " (from `{name}`)"),
            ChosenBy::Context { name, by } => write!(formatter, " (context `{name}`, from {by})"),
        }
    }
}

impl fmt::Display for ChosenBy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(formatter, "`{name}`"),
            Self::Context { name, .. } => write!(formatter, "the context `{name}`"),
            Self::Default | Self::Rootless => write!(formatter, "the default"),
        }
    }
}

/// The context that is chosen and by what; `None` for the one that is always there.
fn chosen_context(
    settings: &EngineSettings,
    variable: Option<String>,
) -> Result<Option<(String, String)>, AddressError> {
    let chosen = match (variable, &settings.config) {
        (Some(name), _) => Some((name, "`DOCKER_CONTEXT`".to_owned())),
        (None, Some(folder)) => {
            let path = folder.join("config.json");
            let by = format!("`currentContext` in `{}`", path.display());
            let config = DockerConfig::new(path);
            config.settings()?.current_context.filter(|name| !name.is_empty()).map(|name| (name, by))
        }
        (None, None) => None,
    };
    Ok(chosen.filter(|(name, _)| name != DEFAULT_CONTEXT))
}

fn host(text: &str, wants_tls: bool, chosen_by: &ChosenBy) -> Result<DockerHost, AddressError> {
    DockerHost::parse(text, if wants_tls { 2376 } else { 2375 })
        .map_err(|source| AddressError::Host { chosen_by: chosen_by.to_string(), source })
}

/// The files that the docker CLI reads from a folder of certificates, each of which may be absent.
struct TlsFiles {
    folder: PathBuf,
    ca: Option<Vec<u8>>,
    certificates: Option<Vec<u8>>,
    key: Option<Vec<u8>>,
}

impl TlsFiles {
    fn read(folder: &Path) -> Result<Self, AddressError> {
        let read = |name: &str| {
            let path = folder.join(name);
            match fs::read(&path) {
                Ok(content) => Ok(Some(content)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(source) => Err(AddressError::Read { path, source }),
            }
        };
        Ok(Self {
            folder: folder.to_owned(),
            ca: read("ca.pem")?,
            certificates: read("cert.pem")?,
            key: read("key.pem")?,
        })
    }

    fn is_empty(&self) -> bool {
        self.ca.is_none() && self.certificates.is_none() && self.key.is_none()
    }

    fn client(&self, accept_anybody: bool) -> Result<ClientTls, AddressError> {
        let identity = match (&self.certificates, &self.key) {
            (Some(certificates), Some(key)) => Some(Identity { certificates, key }),
            (None, None) => None,
            (Some(_), None) => return Err(missing(self.folder.join("key.pem"))),
            (None, Some(_)) => return Err(missing(self.folder.join("cert.pem"))),
        };
        let trusted = match &self.ca {
            _ if accept_anybody => Trusted::Anybody,
            Some(ca) => Trusted::Authorities(ca),
            None => Trusted::System,
        };
        ClientTls::new(trusted, identity)
            .map_err(|source| AddressError::Tls { folder: self.folder.clone(), source })
    }
}

/// As if the file had been opened.
fn missing(path: PathBuf) -> AddressError {
    AddressError::Read { path, source: io::Error::from_raw_os_error(libc::ENOENT) }
}

#[cfg(test)]
mod tests;
