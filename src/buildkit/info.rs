//! What a daemon says of itself.

use std::time::Duration;

use bollard_buildkit_proto::moby::buildkit::v1::{
    DiskUsageRequest, InfoRequest, ListWorkersRequest, ListWorkersResponse,
};
use tonic::Code;

use super::{ANSWER, BuildKit, BuildKitError};
use crate::model::Platform;

/// What a daemon says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildKitInfo {
    /// Such as `v0.21.0`; empty if it tells none.
    pub version: String,
    /// Those that it builds for. The first is its own; the programs of some others are emulated.
    pub platforms: Vec<Platform>,
    pub garbage_collection: Vec<GarbageCollection>,
}

/// A rule by which a daemon removes layers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GarbageCollection {
    /// How much it may keep; `None` where that is not limited.
    pub max_used_bytes: Option<u64>,
    /// How much of the disk stays free.
    pub min_free_bytes: Option<u64>,
}

impl BuildKit {
    /// Asks the daemon for its version, its platforms and how it removes layers.
    ///
    /// # Errors
    /// [`BuildKitError`] when it does not answer, or not as BuildKit does.
    pub async fn describe(&self) -> Result<BuildKitInfo, BuildKitError> {
        let mut control = self.control();
        let version = match self.in_time(control.info(InfoRequest {})).await? {
            Ok(info) => info.buildkit_version.map(|version| version.version).unwrap_or_default(),
            // Before v0.11.
            Err(status) if status.code() == Code::Unimplemented => String::new(),
            Err(status) => return Err(self.error(&status)),
        };
        let request = ListWorkersRequest { filter: Vec::new() };
        let workers = self.in_time(control.list_workers(request)).await?;
        let workers = workers.map_err(|status| self.error(&status))?;
        Ok(BuildKitInfo { version, ..BuildKitInfo::of(workers) })
    }

    /// Sees that the daemon answers, within `at_most` and the usual time.
    ///
    /// # Errors
    /// [`BuildKitError`] when it does not.
    pub async fn ping(&self, at_most: Duration) -> Result<(), BuildKitError> {
        let mut control = self.control();
        let request = ListWorkersRequest { filter: Vec::new() };
        let answer = self.within(at_most.min(ANSWER), control.list_workers(request)).await?;
        answer.map(|_| ()).map_err(|status| self.error(&status))
    }

    /// How many bytes of layers it keeps.
    ///
    /// # Errors
    /// [`BuildKitError`] when it does not answer.
    pub async fn used_bytes(&self) -> Result<u64, BuildKitError> {
        let mut control = self.control();
        let answer = self.in_time(control.disk_usage(DiskUsageRequest::default())).await?;
        let records = answer.map_err(|status| self.error(&status))?.record;
        Ok(records.iter().filter_map(|record| u64::try_from(record.size).ok()).sum())
    }
}

impl BuildKitInfo {
    fn of(workers: ListWorkersResponse) -> Self {
        let mut info = Self::default();
        for worker in workers.record {
            let platforms = worker.platforms.iter().filter_map(|platform| {
                let variant = Some(&platform.variant).filter(|variant| !variant.is_empty());
                let variant = variant.map(|variant| format!("/{variant}")).unwrap_or_default();
                format!("{}/{}{variant}", platform.os, platform.architecture).parse::<Platform>().ok()
            });
            for platform in platforms {
                if !info.platforms.contains(&platform) {
                    info.platforms.push(platform);
                }
            }
            let limit = |bytes: i64| u64::try_from(bytes).ok().filter(|&bytes| bytes != 0);
            info.garbage_collection.extend(worker.gc_policy.iter().map(|policy| GarbageCollection {
                max_used_bytes: limit(policy.max_used_space).or(limit(policy.reserved_space)),
                min_free_bytes: limit(policy.min_free_space),
            }));
        }
        info
    }
}

#[cfg(test)]
mod tests {
    use bollard_buildkit_proto::moby::buildkit::v1::types::{GcPolicy, WorkerRecord};
    use bollard_buildkit_proto::pb;

    use super::*;

    #[test]
    fn platforms_are_those_of_all_workers_each_once_and_hostile_ones_are_left_out() {
        let platform = |os: &str, architecture: &str, variant: &str| pb::Platform {
            os: os.to_owned(),
            architecture: architecture.to_owned(),
            variant: variant.to_owned(),
            ..pb::Platform::default()
        };
        let worker = |platforms| WorkerRecord {
            platforms,
            gc_policy: vec![GcPolicy { max_used_space: 10, min_free_space: -1, ..GcPolicy::default() }],
            ..WorkerRecord::default()
        };
        let record = vec![
            worker(vec![platform("linux", "amd64", ""), platform("linux", "arm", "v7")]),
            worker(vec![platform("linux", "amd64", ""), platform("linux", "a\u{1b}[2J", "")]),
        ];

        let info = BuildKitInfo::of(ListWorkersResponse { record });

        let platforms: Vec<String> = info.platforms.iter().map(ToString::to_string).collect();
        assert_eq!(platforms, ["linux/amd64", "linux/arm/v7"]);
        assert_eq!(
            info.garbage_collection[0],
            GarbageCollection { max_used_bytes: Some(10), min_free_bytes: None }
        );
    }
}
