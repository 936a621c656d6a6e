//! The records of commands that passed, in the cache.

use crate::model::{Fingerprint, Tag};
use crate::observe::Zone;
use crate::record::{JOB_ARTIFACT_TYPE, JobRecord};
use crate::registry::{Registry, RegistryError};
use crate::workspace::Workspace;

/// Where they are.
pub(super) struct JobRecords<'r> {
    pub(super) cache: &'r dyn Registry,
    pub(super) workspace: &'r Workspace,
    /// That the run writes to.
    pub(super) zone: Zone,
}

impl JobRecords<'_> {
    /// The record with this key; a look-up that fails finds none.
    pub(super) async fn find(&self, key: Fingerprint) -> Option<JobRecord> {
        for zone in self.zone.readable() {
            match self.cache.artifact(&zone.records(self.workspace), &Tag::run(&key)).await {
                Ok(document) => {
                    let record = document.and_then(|document| JobRecord::from_bytes(&document, key));
                    if record.is_some() {
                        return record;
                    }
                }
                Err(error) => {
                    tracing::warn!("the command is run, as its record cannot be read: {error}");
                }
            }
        }
        None
    }

    pub(super) async fn write(&self, record: &JobRecord) -> Result<(), RegistryError> {
        let repository = self.zone.records(self.workspace);
        self.cache.ensure_repository(&repository).await?;
        let (document, tag) = (record.to_bytes().into(), Tag::run(&record.key));
        self.cache.put_artifact(&repository, JOB_ARTIFACT_TYPE, document, &[tag]).await.map(drop)
    }
}
