//! How long builds took, kept in the clone between runs.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use crate::execute::{BuildReport, Durations};
use crate::git::Repository;
use crate::model::ProjectName;
use crate::record::Builders;

/// The file with the durations of earlier runs. Only a hint, so a file that can't be read is as good as none.
pub(super) struct DurationsFile {
    path: PathBuf,
    pub(super) durations: Durations,
    /// Which builders made the last images, as the build record says. Not in the file.
    pub(super) builders: BTreeMap<ProjectName, Builders>,
}

impl DurationsFile {
    pub(super) fn read(repository: &Repository) -> Self {
        let path = repository.common_dir().join("chinampa/durations.json");
        let text = fs::read(&path).ok();
        let durations = text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        Self { path, durations, builders: BTreeMap::new() }
    }

    /// Adds what a run took. A reader finds the file as it was or as it is, whole.
    pub(super) fn update(&mut self, report: &BuildReport) {
        self.durations.learn(report);
        let written = self.path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| {
            let text = serde_json::to_vec(&self.durations)?;
            let new = self.path.with_extension(format!("new-{}", std::process::id()));
            fs::write(&new, text)?;
            fs::rename(&new, &self.path)
        });
        if let Err(error) = written {
            tracing::info!(%error, file = %self.path.display(), "the durations can't be written");
        }
    }
}
