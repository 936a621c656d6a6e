//! What an engine says of how it keeps images.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::{Docker, DockerError};

/// How an engine keeps images, as far as it tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineInfo {
    /// Such as `20.10.24`.
    pub version: String,
    /// The API that is spoken with it, such as 1.41.
    pub api: (usize, usize),
    /// Such as `linux/amd64`.
    pub platform: String,
    /// Such as `overlay2`.
    pub storage_driver: String,
    /// Whether images are in containerd's own store.
    pub has_containerd_store: bool,
    /// The folder of its data, on its own machine.
    pub data_folder: Option<PathBuf>,
    /// The hosts of registries besides its own machine that it may speak plain HTTP with.
    pub insecure_registries: BTreeSet<String>,
    /// Whether it may do so with all hosts of some network, too.
    pub has_insecure_networks: bool,
}

/// The networks of an engine's own machine, which are insecure in each engine.
const LOOPBACK_NETWORKS: [&str; 2] = ["127.0.0.0/8", "::1/128"];

/// Docker's driver status of an engine with containerd's image store: `driver-type` is the name of a plugin of containerd's.
const CONTAINERD_DRIVER_TYPE: &str = "io.containerd.snapshotter";

impl Docker {
    /// # Errors
    /// [`DockerError`] when the engine does not answer, or not as an engine does.
    pub async fn describe(&self) -> Result<EngineInfo, DockerError> {
        let version = self.version().await?;
        let info = self.bollard().info().await.map_err(|error| self.error("describe itself", error))?;
        let status = info.driver_status.unwrap_or_default();
        let registries = info.registry_config.unwrap_or_default();
        let indexes = registries.index_configs.unwrap_or_default().into_iter();
        let insecure = indexes.filter(|(_, index)| index.secure == Some(false)).map(|(host, _)| host);
        let networks = registries.insecure_registry_cidrs.unwrap_or_default();
        let is_containerd =
            |pair: &Vec<String>| pair.iter().any(|text| text.starts_with(CONTAINERD_DRIVER_TYPE));
        Ok(EngineInfo {
            version: version.engine,
            api: self.api(),
            platform: version.platform,
            storage_driver: info.driver.unwrap_or_default(),
            has_containerd_store: status.iter().any(is_containerd),
            data_folder: info.docker_root_dir.map(PathBuf::from),
            insecure_registries: insecure.collect(),
            has_insecure_networks: networks
                .iter()
                .any(|network| !LOOPBACK_NETWORKS.contains(&network.as_str())),
        })
    }
}
