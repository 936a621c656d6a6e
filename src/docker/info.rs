//! What an engine says of how it keeps images.

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
}

/// Docker's driver status of an engine with containerd's image store: `driver-type` is the name of a plugin of containerd's.
const CONTAINERD_DRIVER_TYPE: &str = "io.containerd.snapshotter";

impl Docker {
    /// # Errors
    /// [`DockerError`] when the engine does not answer, or not as an engine does.
    pub async fn describe(&self) -> Result<EngineInfo, DockerError> {
        let version = self.version().await?;
        let info = self.bollard().info().await.map_err(|error| self.error("describe itself", error))?;
        let status = info.driver_status.unwrap_or_default();
        let is_containerd =
            |pair: &Vec<String>| pair.iter().any(|text| text.starts_with(CONTAINERD_DRIVER_TYPE));
        Ok(EngineInfo {
            version: version.engine,
            api: self.api(),
            platform: version.platform,
            storage_driver: info.driver.unwrap_or_default(),
            has_containerd_store: status.iter().any(is_containerd),
            data_folder: info.docker_root_dir.map(PathBuf::from),
        })
    }
}
