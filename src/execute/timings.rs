//! How long builds took, where one run builds and another one writes the build record.
//!
//! The jobs of a generated pipeline build one project each, and the gate, which builds nothing, writes the record. So a run that
//! built something and writes no record leaves a small document beside each image, and a run that writes one reads those of
//! the images that are new to the branch. They are hints: what can't be written or read is as good as not there.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};

use super::record::Recording;
use super::report::Outcome;
use crate::model::{ProjectName, Tag};
use crate::record::{BuildRecord, Builders, RecordedImage, TIMING_ARTIFACT_TYPE, Timing};
use crate::registry::{RegistryError, Storage};

/// How many requests are under way at once.
const AT_ONCE: usize = 32;

impl Recording<'_> {
    /// Leaves for others how long the builds of this run took.
    pub(super) async fn leave_timings(&self, images: &BTreeMap<ProjectName, RecordedImage>) {
        if self.registry.storage() == Storage::Engine {
            return;
        }
        let timed = self.report.projects.iter().filter(|(_, report)| report.outcome.is_timed());
        let timings = timed.filter_map(|(project, report)| {
            let image = images.get(project)?;
            let builders = self.builders_of(project);
            Some((image, Timing { inputs: image.inputs, took: report.took, builders }))
        });
        let written = timings.map(|(image, timing)| async move {
            if let Err(error) = self.leave(image, &timing).await {
                tracing::info!("the duration of the build of `{}` is not kept: {error}", image.repository);
            }
        });
        stream::iter(written).buffer_unordered(AT_ONCE).collect::<()>().await;
    }

    async fn leave(&self, image: &RecordedImage, timing: &Timing) -> Result<(), Box<dyn std::error::Error>> {
        let document = timing.to_bytes()?.into();
        let tags = [Tag::timing(&image.inputs)];
        self.registry.put_artifact(&image.repository()?, TIMING_ARTIFACT_TYPE, document, &tags).await?;
        Ok(())
    }

    /// Adds what others left of the images that the branch's record before this one does not name, and what that record knows.
    pub(super) async fn complete_timings(&self, record: &mut BuildRecord) {
        for (project, of_before) in self.before.iter().flat_map(|before| &before.builders) {
            if record.projects.contains_key(project) {
                record.builders.entry(project.clone()).or_insert_with(|| of_before.clone());
            }
        }
        if self.registry.storage() == Storage::Engine {
            return;
        }
        let is_known = |project: &ProjectName, image: &RecordedImage| {
            let before = self.before.and_then(|before| before.projects.get(project));
            before.is_some_and(|before| before.inputs == image.inputs)
        };
        let is_of_others = |project: &ProjectName| {
            let outcome = self.report.projects.get(project).map(|report| &report.outcome);
            matches!(outcome, Some(Outcome::Reused { .. } | Outcome::BuiltElsewhere { took: None, .. }))
        };
        let asked = record
            .projects
            .iter()
            .filter(|(project, image)| is_of_others(project) && !is_known(project, image));
        let asked = asked.map(|(project, image)| async move {
            let timing = self.timing(image).await.unwrap_or_else(|error| {
                tracing::info!("the duration of the build of `{project}` can't be read: {error}");
                None
            });
            timing.map(|timing| (project.clone(), timing))
        });
        let found: Vec<_> = stream::iter(asked).buffer_unordered(AT_ONCE).collect().await;
        for (project, Timing { took, builders, .. }) in found.into_iter().flatten() {
            record.durations.insert(project.clone(), took);
            record.builders.insert(project, builders);
        }
        record.builders.retain(|_, builders| !builders.is_empty());
    }

    async fn timing(&self, image: &RecordedImage) -> Result<Option<Timing>, RegistryError> {
        let Ok(repository) = image.repository() else { return Ok(None) };
        let document = self.registry.artifact(&repository, &Tag::timing(&image.inputs)).await?;
        let timing = document.and_then(|document| Timing::from_bytes(&document).ok());
        Ok(timing.filter(|timing| timing.inputs == image.inputs))
    }

    /// The builders that made the image of a project in this run.
    pub(super) fn builders_of(&self, project: &ProjectName) -> Builders {
        match self.report.projects.get(project).map(|report| &report.outcome) {
            Some(Outcome::Built { builders, .. }) => builders.clone(),
            _ => Builders::new(),
        }
    }

    /// How long the last build of each project took, as far as this run knows.
    pub(super) fn durations_of(
        &self,
        projects: &BTreeMap<ProjectName, RecordedImage>,
    ) -> BTreeMap<ProjectName, Duration> {
        projects.keys().filter_map(|name| Some((name.clone(), self.durations.get(name)?))).collect()
    }
}
