//! Builds images a second time, without the layer cache, and compares them with those of the first build.
//!
//! Dependencies are those of the first build, so that each project differs by itself or not at all. The second images get no
//! tag, and nobody reads them but the comparison.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt as _};

use super::build;
use super::error::ExecuteError;
use super::failed_line;
use super::job::{Job, LayerCache, Task, TaskVariant, Work};
use super::report::{BuildReport, DockerfileLine, Event, Failure, Outcome};
use super::seat::Seat;
use super::{Executor, ProjectReport};
use crate::engine::BuildRequest;
use crate::model::{ManifestDigest, ProjectName};
use crate::registry::{ImageDifference, LayerDifference};

/// What came of building each project twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TwiceReport {
    /// Those whose first build has an image.
    pub projects: BTreeMap<ProjectName, Comparison>,
    pub is_interrupted: bool,
}

/// How two images of one project compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comparison {
    Equal {
        digest: ManifestDigest,
    },
    Different {
        first: ManifestDigest,
        second: ManifestDigest,
        images: Vec<DifferentImage>,
    },
    /// The second build failed, or the images could not be read.
    Failed(Failure),
    /// Not built again, because another build failed and `--fail-fast` is given.
    Cancelled,
}

/// How the images for one platform differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DifferentImage {
    pub difference: ImageDifference,
    /// Where the instruction of each layer is that differs, in their order; `None` where nothing tells.
    pub lines: Vec<Option<DockerfileLine>>,
}

impl DifferentImage {
    /// The layers, each with the line that made it.
    pub fn layers(&self) -> impl Iterator<Item = (&LayerDifference, Option<&DockerfileLine>)> {
        self.difference.layers.iter().zip(self.lines.iter().map(Option::as_ref))
    }
}

impl TwiceReport {
    /// Whether all images could be compared and are equal.
    pub fn is_equal(&self) -> bool {
        self.projects.values().all(|comparison| matches!(comparison, Comparison::Equal { .. }))
    }

    /// Whether an image could not be built twice, or compared.
    pub fn has_failed(&self) -> bool {
        self.projects.values().any(|comparison| matches!(comparison, Comparison::Failed(_)))
    }
}

/// A project that the first build has built.
struct Built<'j> {
    job: &'j Job,
    task: Task,
    first: ManifestDigest,
}

impl Executor<'_> {
    /// Builds what `report` says that `jobs` have built once more, and compares.
    pub async fn build_again(
        &self,
        jobs: &[Job],
        report: &BuildReport,
        interrupted: impl Future<Output = ()>,
    ) -> TwiceReport {
        let built: Vec<Built<'_>> = jobs.iter().filter_map(|job| built(job, &report.projects)).collect();
        let mut projects = BTreeMap::new();
        let has_failed = Cell::new(report.projects.values().any(|project| project.outcome.is_failure()));
        let all = async {
            let builds = stream::iter(&built).map(async |built| {
                if self.fail_fast && has_failed.get() {
                    return (built, None);
                }
                let second = self.again(built, report).await;
                has_failed.set(has_failed.get() || second.is_err());
                (built, Some(second))
            });
            let mut builds = pin!(builds.buffer_unordered(self.parallelism.get()));
            let mut seconds = Vec::new();
            while let Some(second) = builds.next().await {
                seconds.push(second);
            }
            // One after the other, when nothing is built any more: archives are read without a pause.
            for (built, second) in seconds {
                let comparison = match second {
                    Some(second) => self.comparison(built, second).await,
                    None => Comparison::Cancelled,
                };
                projects.insert(built.job.project.clone(), comparison);
            }
        };
        let is_interrupted = tokio::select! {
            biased;
            () = all => false,
            () = interrupted => true,
        };
        TwiceReport { projects, is_interrupted }
    }

    async fn again(&self, built: &Built<'_>, report: &BuildReport) -> Result<ManifestDigest, Failure> {
        let Built { job, task, .. } = built;
        let project = &job.project;
        let image = |need: &ProjectName| Some((need.clone(), report.projects.get(need)?.needed()?));
        let needs = job.needs.iter().filter_map(image).collect();
        (self.on_event)(Event::Started { project: project.clone() });
        let started = Instant::now();
        let outcome = build::build_again(self, project, task, &needs, seats(task)).await;
        let failed = |error: ExecuteError| Failure { at: failed_line::of(task, &error), ..error.failure() };
        let outcome = outcome.unwrap_or_else(|error| Outcome::Failed(failed(error)));
        self.say_finished(project, &outcome, started.elapsed());
        match outcome {
            Outcome::Built { digest, .. } => Ok(digest),
            Outcome::Failed(failure) => Err(failure),
            _ => unreachable!("a build ends with an image or fails"),
        }
    }

    fn say_finished(&self, project: &ProjectName, outcome: &Outcome, took: Duration) {
        let (project, outcome) = (project.clone(), outcome.clone());
        (self.on_event)(Event::Finished { project, outcome, took });
    }

    async fn comparison(&self, built: &Built<'_>, second: Result<ManifestDigest, Failure>) -> Comparison {
        let Built { task, first, .. } = built;
        let second = match second {
            Ok(second) => second,
            Err(failure) => return Comparison::Failed(failure),
        };
        if *first == second {
            return Comparison::Equal { digest: second };
        }
        let Some(registry) = self.registry.oci() else {
            return Comparison::Different { first: *first, second, images: Vec::new() };
        };
        match registry.compare(&task.repository, first, &second).await {
            Ok(differences) => {
                let images = differences.into_iter().map(|difference| different(task, difference)).collect();
                Comparison::Different { first: *first, second, images }
            }
            Err(source) => {
                let error = ExecuteError::Compare { repository: task.repository.clone(), source };
                Comparison::Failed(error.failure())
            }
        }
    }
}

/// A seat for each platform, where builders build. No layers are wanted of any.
fn seats(task: &Task) -> Vec<Seat<'_>> {
    let Some(pool) = task.backend.builders() else { return Vec::new() };
    let request =
        |variant: &TaskVariant| pool.request(variant.platform.as_ref(), Duration::ZERO, Duration::ZERO, []);
    Seat::all(pool, &task.variants.iter().map(request).collect::<Vec<_>>())
}

/// Finds the lines of the Dockerfile that made the layers which differ.
fn different(task: &Task, difference: ImageDifference) -> DifferentImage {
    let variant = task.variants.iter().find(|variant| {
        let platform = variant.platform.as_ref().map(ToString::to_string);
        difference.platform.is_some() && platform == difference.platform
    });
    let variant = variant.or(task.variants.first());
    let line = |layer: &LayerDifference| {
        let line = failed_line::of_history(&variant?.dockerfile, layer.created_by.as_deref()?)?;
        Some(DockerfileLine { file: task.dockerfile.clone(), line })
    };
    let lines = difference.layers.iter().map(line).collect();
    DifferentImage { difference, lines }
}

/// What is built again, if the first build has an image.
fn built<'j>(job: &'j Job, projects: &BTreeMap<ProjectName, ProjectReport>) -> Option<Built<'j>> {
    let Work::Build(task) = &job.work else { return None };
    match &projects.get(&job.project)?.outcome {
        Outcome::Built { digest, .. } => Some(Built { job, task: without_cache(task), first: *digest }),
        _ => None,
    }
}

/// The same task, whose steps all run, and which primes nothing.
fn without_cache(task: &Task) -> Task {
    let variant = |variant: &TaskVariant| TaskVariant {
        stages: Vec::new(),
        layers: LayerCache::default(),
        ..variant.clone()
    };
    Task {
        request: BuildRequest { no_cache: true, cache_from: Vec::new(), ..task.request.clone() },
        variants: task.variants.iter().map(variant).collect(),
        ..task.clone()
    }
}
