//! Where a daemon listens, and how it is spoken to.

use std::fmt;
use std::fs;
use std::path::PathBuf;

use super::BuildKitError;
use crate::model::{BuilderEndpoint, TlsFiles};
use crate::tls::{ClientTls, Identity, Trusted};

/// Where a daemon listens, and how it is spoken to.
#[derive(Clone, Debug)]
pub struct BuildKitAddress {
    pub(super) endpoint: BuilderEndpoint,
    /// For TCP only.
    pub(super) tls: Option<ClientTls>,
}

impl BuildKitAddress {
    /// Reads the certificates. `insecure` allows TCP to another machine without TLS.
    ///
    /// # Errors
    /// [`BuildKitError::NotEncrypted`] for such a connection that nobody allowed, and when a certificate can't be used.
    pub fn new(
        endpoint: BuilderEndpoint,
        tls: Option<&TlsFiles>,
        insecure: bool,
    ) -> Result<Self, BuildKitError> {
        let is_tcp = matches!(endpoint, BuilderEndpoint::Tcp { .. });
        let tls = match tls {
            Some(_) if !is_tcp => return Err(BuildKitError::TlsWithoutTcp { endpoint }),
            Some(files) => Some(client(files, &endpoint)?),
            None if insecure || endpoint.is_on_this_machine() => None,
            None => return Err(BuildKitError::NotEncrypted { endpoint }),
        };
        Ok(Self { endpoint, tls })
    }

    pub fn endpoint(&self) -> &BuilderEndpoint {
        &self.endpoint
    }
}

impl fmt::Display for BuildKitAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.endpoint.fmt(formatter)
    }
}

fn client(files: &TlsFiles, endpoint: &BuilderEndpoint) -> Result<ClientTls, BuildKitError> {
    let read =
        |path: &PathBuf| fs::read(path).map_err(|source| BuildKitError::Read { path: path.clone(), source });
    let ca = files.ca.as_ref().map(read).transpose()?;
    let identity = match &files.identity {
        Some((certificate, key)) => Some((read(certificate)?, read(key)?)),
        None => None,
    };
    let trusted = ca.as_deref().map_or(Trusted::System, Trusted::Authorities);
    let identity = identity.as_ref().map(|(certificates, key)| Identity { certificates, key });
    ClientTls::for_http2(trusted, identity)
        .map_err(|source| BuildKitError::Tls { endpoint: endpoint.clone(), source: Box::new(source) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(endpoint: &str, tls: Option<&TlsFiles>, insecure: bool) -> Option<BuildKitError> {
        BuildKitAddress::new(endpoint.parse().unwrap(), tls, insecure).err()
    }

    #[test]
    fn another_machine_is_not_spoken_to_without_tls_unless_somebody_allows_it() {
        assert!(matches!(
            refused("tcp://10.0.0.1:1234", None, false),
            Some(BuildKitError::NotEncrypted { .. })
        ));
        for (endpoint, insecure) in
            [("tcp://10.0.0.1:1234", true), ("tcp://127.0.0.1:1234", false), ("unix:///a", false)]
        {
            assert!(refused(endpoint, None, insecure).is_none(), "{endpoint}");
        }
    }

    #[test]
    fn certificates_are_never_left_out_where_they_are_named() {
        let missing = TlsFiles { ca: Some(PathBuf::from("/nonexistent/ca.pem")), identity: None };

        let no_file = refused("tcp://127.0.0.1:1234", Some(&missing), true);
        let no_tcp = refused("unix:///a", Some(&missing), true);

        assert!(matches!(no_file, Some(BuildKitError::Read { .. })), "{no_file:?}");
        assert!(matches!(no_tcp, Some(BuildKitError::TlsWithoutTcp { .. })), "{no_tcp:?}");
    }
}
