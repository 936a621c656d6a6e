//! What `doctor` says of the engine: which one it is, its room, and whether it keeps its build cache small.

use std::path::PathBuf;

use rustix::fs::statvfs;

use super::CommandContext;
use super::check::of_error;
use crate::config::RegistryConfig;
use crate::docker::{Docker, DockerError, EngineInfo};
use crate::engine::{GarbageCollection, InlineCacheFault};
use crate::report::doctor::Check;

/// Below this, an engine has hardly room for a build.
const MIN_FREE_BYTES: u64 = 5 << 30;

/// Below this, a build cache that only grows fills the disk soon.
const MIN_FREE_BYTES_WITHOUT_COLLECTION: u64 = 50 << 30;

/// Which engine it is, how it was found, whether it has room, and whether it can push to the registry that it has to.
pub(super) async fn engine(
    command: &CommandContext,
    is_cache: bool,
    pushes_to: Option<&RegistryConfig>,
) -> Vec<Check> {
    let address = match command.environment.engine() {
        Ok(address) => address,
        Err(error) => return vec![of_error("engine", error)],
    };
    let described = async {
        let docker = Docker::connect(&address).await?;
        let info = docker.describe().await?;
        Ok::<_, DockerError>((docker, info))
    };
    let (docker, info) = match described.await {
        Ok(described) => described,
        Err(error) => return vec![of_error("engine", error.into())],
    };
    let store =
        if info.has_containerd_store { "containerd's image store" } else { info.storage_driver.as_str() };
    let store_note = if is_cache { "; it is the cache, so its images are this machine's alone" } else { "" };
    let says = format!("Docker {} ({}, {store}) at {address}{store_note}", info.version, info.platform);
    let mut checks = vec![Check::ok("engine", says)];
    checks.extend(inline_cache(&info, is_cache));
    checks.extend(pushes_to.and_then(|cache| plain_http(&info, cache)));
    let room = Room::of(&info);
    checks.extend(room.as_ref().map(Room::check));
    match GarbageCollection::of(&docker).await {
        Ok(collection) => checks.push(build_cache(collection, room.as_ref())),
        Err(error) => tracing::debug!(%error, "the engine does not tell its garbage collection"),
    }
    checks
}

/// Whether the engine leaves inline cache out of images, where other machines would read it.
fn inline_cache(info: &EngineInfo, is_cache: bool) -> Option<Check> {
    let fault = InlineCacheFault::of(&info.version, info.api).filter(|_| !is_cache)?;
    let says = format!("images get no inline cache, so other machines run all of their steps again: {fault}");
    Some(Check::warning("layer cache", says).fix("build with Docker 23.0.1 or newer"))
}

/// Whether the engine would ask for TLS where the manifest says that the cache has none.
fn plain_http(info: &EngineInfo, cache: &RegistryConfig) -> Option<Check> {
    let host = cache.host().filter(|host| cache.is_insecure() && !host.is_loopback())?;
    if info.has_insecure_networks || info.insecure_registries.contains(host.as_str()) {
        return None;
    }
    let says = format!("the engine pushes to {host} over HTTPS, whatever `insecure` of `[cache]` says");
    let fix = format!("add `{host}` to `insecure-registries` in the engine's `daemon.json`, and restart it");
    Some(Check::warning("engine", says).fix(fix))
}

/// Whether the engine keeps its build cache small.
fn build_cache(collection: GarbageCollection, room: Option<&Room>) -> Check {
    let says = match collection {
        GarbageCollection::On { max_bytes: Some(bytes) } => {
            format!("the engine removes build cache by itself, above {}", gibibytes(bytes))
        }
        GarbageCollection::On { max_bytes: None } => {
            "the engine removes build cache by itself; no rule limits all of it".to_owned()
        }
        GarbageCollection::Off => {
            "the engine removes no build cache by itself: it grows with each build".to_owned()
        }
    };
    let is_small = room.is_some_and(|room| room.free < MIN_FREE_BYTES_WITHOUT_COLLECTION);
    match collection {
        GarbageCollection::Off if is_small => Check::warning("build cache", says).fix(
            "set `\"builder\": { \"gc\": { \"enabled\": true, \"defaultKeepStorage\": \"20GB\" } }` in \
             `/etc/docker/daemon.json`, or run `docker builder prune --keep-storage 20GB` regularly",
        ),
        GarbageCollection::Off | GarbageCollection::On { .. } => Check::ok("build cache", says),
    }
}

/// The room that an engine on this machine has. One elsewhere does not tell.
struct Room {
    folder: PathBuf,
    free: u64,
    all: u64,
}

impl Room {
    fn of(info: &EngineInfo) -> Option<Self> {
        let folder = info.data_folder.clone().filter(|folder| folder.exists())?;
        let file_system = statvfs(&folder).ok()?;
        let bytes = |blocks: u64| blocks.saturating_mul(file_system.f_frsize);
        Some(Self { folder, free: bytes(file_system.f_bavail), all: bytes(file_system.f_blocks) })
    }

    fn check(&self) -> Check {
        let Self { folder, free, all } = self;
        let says = format!("{} of {} are free in {}", gibibytes(*free), gibibytes(*all), folder.display());
        if *free < MIN_FREE_BYTES {
            Check::warning("disk", says)
                .fix("`docker builder prune` and `docker image prune` remove what is not used")
        } else {
            Check::ok("disk", says)
        }
    }
}

pub(super) fn gibibytes(bytes: u64) -> String {
    let tenths = bytes / ((1 << 30) / 10);
    format!("{}.{} GiB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::doctor::State;

    #[test]
    fn a_build_cache_that_only_grows_is_a_warning_where_there_is_little_room() {
        let room = |free: u64| Room { folder: PathBuf::from("/x"), free: free << 30, all: 500 << 30 };
        let state = |collection, room: Option<&Room>| build_cache(collection, room).state;

        assert_eq!(state(GarbageCollection::Off, Some(&room(49))), State::Warning);
        assert_eq!(state(GarbageCollection::Off, Some(&room(50))), State::Ok);
        assert_eq!(state(GarbageCollection::Off, None), State::Ok);
        assert_eq!(state(GarbageCollection::On { max_bytes: None }, Some(&room(1))), State::Ok);
        let limited = build_cache(GarbageCollection::On { max_bytes: Some(20 << 30) }, None);
        assert_eq!(limited.says, "the engine removes build cache by itself, above 20.0 GiB");
    }
}
