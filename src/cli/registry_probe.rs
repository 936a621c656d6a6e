//! `doctor --registry`: tries what a registry can do.

use std::str::FromStr;

use super::{CommandContext, registries, wait_for};
use crate::error::Error;
use crate::exit::Exit;
use crate::model::{Host, RepositoryName, Tag};
use crate::registry::{Registry as _, RegistryError};
use crate::report::registry_probe::{self as probe, ProbeJson};

/// Where everything is written if nobody says a repository.
const REPOSITORY: &str = "chinampa-probe";

/// What a layer is mounted into is this repository's name with this at its end.
const OTHER: &str = "-mount";

/// A registry, and the repository that probes may write to.
#[derive(Clone, Debug)]
pub(super) struct ProbedRepository {
    host: Host,
    repository: RepositoryName,
    other: RepositoryName,
}

/// `HOST[/REPOSITORY]`
impl FromStr for ProbedRepository {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (host, repository) = text.split_once('/').unwrap_or((text, REPOSITORY));
        let name = |name: &str| name.parse::<RepositoryName>().map_err(|error| error.to_string());
        Ok(Self {
            host: host.parse::<Host>().map_err(|error| error.to_string())?,
            repository: name(repository)?,
            other: name(&format!("{repository}{OTHER}"))?,
        })
    }
}

/// Tries everything, and answers [`Exit::No`] if images cannot be kept there.
///
/// # Errors
/// [`Error::Untrusted`] in an untrusted run, and [`Error::Registry`] for a registry that cannot be read.
pub(super) fn run(command: &CommandContext, place: &ProbedRepository) -> Result<Exit, Error> {
    command.environment.check_trust("write to a registry")?;
    let ProbedRepository { host, repository, other } = place;
    let report = wait_for(async {
        let registry = registries::registry_at(host, &command.environment).await?;
        let Some(oci) = registry.oci() else {
            return Err(RegistryError::NotARegistry { repository: repository.clone() }.into());
        };
        Ok((oci.image(repository, &Tag::latest()).name(), oci.probe(repository, other).await?))
    });
    let (name, report) = report?;
    command.print(|| ProbeJson::new(&name, &report), || probe::text(&name, &report));
    Ok(if probe::is_usable(&report) { Exit::Done } else { Exit::No })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_may_be_followed_by_a_repository() {
        let shown = |text: &str| {
            let ProbedRepository { host, repository, other } = text.parse()?;
            Ok::<_, String>(format!("{host} {repository} {other}"))
        };

        assert_eq!(shown("localhost:5000").unwrap(), "localhost:5000 chinampa-probe chinampa-probe-mount");
        assert_eq!(shown("ghcr.io/acme/probe").unwrap(), "ghcr.io acme/probe acme/probe-mount");
        assert!(shown("ghcr.io/").is_err());
        assert!(shown("").is_err());
    }
}
