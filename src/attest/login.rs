//! The login for a registry, as programs read it: a configuration of Docker in a folder of its own, which is gone with it.
//! Nothing of it is in an argument.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tempfile::TempDir;
use tokio::process::Command;

use super::{AttestError, ProgramEnvironment, Tool};
use crate::model::{Credentials, Host, ImageRef, Login, Tag};
use crate::registry::Registry;

pub(super) struct ProgramLogin {
    /// `None` where the registry asks for no login.
    folder: Option<TempDir>,
}

impl ProgramLogin {
    /// Asks for the login anew: it may have expired during the build.
    pub(super) async fn new(registry: &dyn Registry) -> Result<Self, AttestError> {
        let login = registry.login().await.map_err(|source| AttestError::Login(Box::new(source)))?;
        let repository = "any".parse().expect("it is the name of a repository");
        let host = registry.image(&repository, &Tag::latest()).host;
        let folder = match host.zip(login) {
            Some((host, login)) => Some(configuration(&host, &login).map_err(AttestError::LoginFile)?),
            None => None,
        };
        Ok(Self { folder })
    }

    pub(super) fn command(&self, tool: &Tool, image: &ImageRef, environment: &ProgramEnvironment) -> Command {
        let mut command = tool.command(image);
        environment.put_on(&mut command);
        if let Some(folder) = &self.folder {
            command.env("DOCKER_CONFIG", folder.path());
        }
        command
    }
}

fn configuration(host: &Host, login: &Login) -> io::Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("chinampa-login-").tempdir()?;
    // Docker's own registry has another name there.
    let host = match host.as_str() {
        "docker.io" => "https://index.docker.io/v1/",
        host => host,
    };
    let entry = match login {
        Login::Password(Credentials { username, password }) => {
            json!({ "auth": STANDARD.encode(format!("{username}:{}", password.reveal())) })
        }
        Login::IdentityToken(token) => json!({
            "auth": STANDARD.encode("00000000-0000-0000-0000-000000000000:"),
            "identitytoken": token.reveal(),
        }),
    };
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(folder.path().join("config.json"));
    file?.write_all(json!({ "auths": { host: entry } }).to_string().as_bytes())?;
    Ok(folder)
}
