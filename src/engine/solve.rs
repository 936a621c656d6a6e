//! One build by a BuildKit daemon: it builds, pushes, and keeps the layers of every stage in the registry.

use std::error::Error as _;
use std::sync::Mutex;
use std::time::Duration;

use bollard_buildkit_proto::moby::buildkit::v1::{SolveResponse, StatusRequest, StatusResponse};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use tokio::time::{Instant, sleep_until};
use tonic::Status;

use super::progress::Trace;
use super::retry::with_retries;
use super::session::{self, Session};
use super::solve_request::{Export, solve_request};
use super::{BuildRequest, ContextReuse, EngineError, Progress, Step, build, file_names, logins, stamps};
use crate::buildkit::{BuildKit, BuildKitError};
use crate::model::ManifestDigest;

/// How often a build may be without progress for the stall timeout that only waits: for a permit of the daemon's `max-parallelism`, or for
/// what another client builds.
const MAX_WAITS: u32 = 6;

/// How long the last of the progress may come after the answer.
const LAST_PROGRESS: Duration = Duration::from_secs(5);

/// The time of all files of a context, and of an image whose files have no other.
pub const CONTEXT_SECONDS: u64 = 315_532_800;

/// A daemon that builds and pushes.
#[derive(Clone, Debug)]
pub struct Daemon {
    pub buildkit: BuildKit,
    /// How long a build may be without progress while the daemon does nothing, or does not answer.
    pub stall_timeout: Duration,
}

/// An image that a daemon has pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    pub digest: ManifestDigest,
    /// Of the image's configuration, where the daemon tells.
    pub config: Option<ManifestDigest>,
    /// Steps that run or copy something, each of them once.
    pub steps: Vec<Step>,
    /// Why the layers could not be kept in the registry for other daemons. The image is there all the same.
    pub failed_cache_export: Option<FailedCacheExport>,
}

/// Why a daemon could not keep layers in the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedCacheExport {
    pub message: String,
    /// Whether it may be kept a little later.
    pub is_temporary: bool,
}

impl Daemon {
    /// Builds and pushes by digest alone. Dropping it cancels the build.
    ///
    /// # Errors
    /// As those of a build by an engine; [`EngineError::BuilderLost`] and [`EngineError::Stalled`] when the daemon is gone.
    pub async fn publish(
        &self,
        request: &BuildRequest,
        export: &Export,
        on_progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Exported, EngineError> {
        if !build::has_stage(&request.dockerfile) {
            return Err(EngineError::NoStage);
        }
        with_retries(|| self.publish_once(request, export, on_progress)).await
    }

    async fn publish_once(
        &self,
        request: &BuildRequest,
        export: &Export,
        on_progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Exported, EngineError> {
        let Session { id, served, mut failures, mut offers } =
            session::open_stream(&self.buildkit, request).await?;
        let given = Mutex::new(Vec::new());
        let give = async {
            while let Some(offer) = offers.recv().await {
                match offer {
                    Ok(offer) => given.lock().expect("nobody panics while adding to a list").push(offer),
                    Err(error) => return error,
                }
            }
            std::future::pending().await
        };
        let serve = async {
            // A session that ends is no failure in itself: the build says what it means to it.
            if let Err(error) = served.await {
                tracing::debug!(%error, "the session ended");
            }
            std::future::pending::<std::convert::Infallible>().await
        };
        let solved = tokio::select! {
            biased;
            // Our own failure is why the build fails, and the daemon doesn't know it: it wins.
            Some(error) = failures.recv() => return Err(error.into()),
            error = give => return Err(error),
            solved = self.solve(request, export, &id, on_progress) => solved,
            never = serve => match never {},
        };
        if let (
            Err(
                EngineError::BuilderLost { .. }
                | EngineError::BuilderCutOff { .. }
                | EngineError::Stalled { .. },
            ),
            ContextReuse::Project { stamps: folder },
        ) = (&solved, &request.reuse)
        {
            // A daemon that died while it received files may keep digests of the ones that they replaced.
            if let Err(error) = stamps::forget(folder) {
                tracing::debug!(%error, folder = %folder.display(), "the stamps of lost files stay");
            }
        }
        let given = given.into_inner().expect("nobody panics while adding to a list");
        solved.map_err(|error| file_names::explain(logins::explain(error, &given), &request.context))
    }

    async fn solve(
        &self,
        request: &BuildRequest,
        export: &Export,
        session: &str,
        on_progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Exported, EngineError> {
        let solve = solve_request(request, export, session);
        let status = StatusRequest { r#ref: solve.r#ref.clone() };
        let (mut solving, mut watching) = (self.buildkit.control(), self.buildkit.control());
        let solving = solving.solve(solve);
        tokio::pin!(solving);
        let progress =
            stream::once(async move { watching.status(status).await.map(tonic::Response::into_inner) });
        let mut progress = Box::pin(progress.try_flatten());
        let mut trace = Trace::default();
        let (mut answer, mut is_progress_over) = (None, false);
        let mut deadline = Instant::now() + self.stall_timeout;
        let mut waits = 0;
        let answer: Result<SolveResponse, Status> = loop {
            tokio::select! {
                biased;
                update = progress.next(), if !is_progress_over => match update {
                    Some(Ok(update)) => {
                        self.take_in(&mut trace, update, on_progress)?;
                        if answer.is_none() {
                            deadline = Instant::now() + self.stall_timeout;
                            waits = 0;
                        }
                    }
                    Some(Err(_)) | None => is_progress_over = true,
                },
                solved = &mut solving, if answer.is_none() => {
                    answer = Some(solved.map(tonic::Response::into_inner));
                    deadline = Instant::now() + LAST_PROGRESS;
                }
                () = sleep_until(deadline) => match answer.take() {
                    Some(answer) => break answer,
                    None => {
                        waits += 1;
                        self.check_stalled(&trace, waits).await?;
                        deadline = Instant::now() + self.stall_timeout;
                    }
                },
            }
            if is_progress_over && let Some(answer) = answer.take() {
                break answer;
            }
        };
        for (import, message) in trace.failed_cache_imports() {
            tracing::info!(builder = self.name(), message, "{import}");
        }
        match answer {
            Ok(response) => self.exported(&response, trace),
            Err(status) => Err(self.failure(trace, &status, export).await),
        }
    }

    fn take_in(
        &self,
        trace: &mut Trace,
        update: StatusResponse,
        on_progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<(), EngineError> {
        trace.update(update, on_progress);
        match trace.other_platform() {
            Some(message) => Err(EngineError::BasePlatform { message }),
            None => Ok(()),
        }
    }

    /// What the daemon does may take as long as it likes if the daemon answers.
    async fn check_stalled(&self, trace: &Trace, waits: u32) -> Result<(), EngineError> {
        if let Err(source) = self.buildkit.ping(self.stall_timeout).await {
            return Err(self.lost(trace.running(), source));
        }
        match is_stalled(trace, waits) {
            false => Ok(()),
            true => Err(EngineError::Stalled { builder: self.name(), after: self.stall_timeout * waits }),
        }
    }

    /// Why a build failed. A daemon that doesn't answer any more is the reason for all else.
    async fn failure(&self, trace: Trace, status: &Status, export: &Export) -> EngineError {
        if let Err(source) = self.buildkit.ping(self.stall_timeout).await {
            return self.lost(trace.running(), source);
        }
        // The daemon's own answers have no source.
        if status.source().is_some() {
            let (builder, step, source) =
                (self.name(), trace.running(), Box::new(self.buildkit.error(status)));
            return EngineError::BuilderCutOff { builder, step, source };
        }
        match trace.failure(status.message().to_owned()) {
            EngineError::BuildFailed { step: Some(step), message, .. } if is_push(&step) => {
                let image = Box::new(export.repository.clone());
                EngineError::PushFailed { image, message, is_final: false }
            }
            other => other,
        }
    }

    fn exported(&self, response: &SolveResponse, trace: Trace) -> Result<Exported, EngineError> {
        let answer = &response.exporter_response;
        let unexpected = |source| BuildKitError::Unexpected {
            endpoint: self.buildkit.address().endpoint().clone(),
            about: "the image",
            source,
        };
        let digest = answer.get("containerimage.digest").map(String::as_str).unwrap_or_default();
        let digest = digest.parse::<ManifestDigest>().map_err(|error| unexpected(Box::new(error)))?;
        let config = answer.get("containerimage.config.digest").map(|digest| digest.parse());
        let config = config
            .transpose()
            .map_err(|error: <ManifestDigest as std::str::FromStr>::Err| unexpected(Box::new(error)))?;
        let failed_cache_export = trace.failed_cache_export().map(|message| FailedCacheExport {
            message: message.to_owned(),
            is_temporary: !EngineError::is_refusal(message),
        });
        Ok(Exported { digest, config, steps: trace.steps(), failed_cache_export })
    }

    fn lost(&self, step: Option<String>, source: BuildKitError) -> EngineError {
        EngineError::BuilderLost { builder: self.name(), step, source: Box::new(source) }
    }

    /// The daemon's address.
    pub fn name(&self) -> String {
        self.buildkit.address().to_string()
    }
}

/// Whether a step is the daemon's own work after all steps of the Dockerfile: it stores and pushes the image.
fn is_push(step: &str) -> bool {
    step == "exporting to image" || step.starts_with("pushing ")
}

/// Whether a daemon that answers has forgotten a build, after it made no progress for so many times the stall timeout.
fn is_stalled(trace: &Trace, waits: u32) -> bool {
    !trace.is_busy() && (!trace.is_waiting() || waits >= MAX_WAITS)
}

#[cfg(test)]
mod tests {
    use bollard_buildkit_proto::google::protobuf::Timestamp;
    use bollard_buildkit_proto::moby::buildkit::v1::Vertex;

    use super::*;

    #[test]
    fn what_waits_for_its_turn_has_more_time_and_what_runs_all_of_it() {
        let trace = |vertexes| {
            let mut trace = Trace::default();
            trace.update(StatusResponse { vertexes, ..StatusResponse::default() }, &|_| ());
            trace
        };
        let waits = Vertex { digest: "a".to_owned(), ..Vertex::default() };
        let runs = Vertex { started: Some(Timestamp { seconds: 1, nanos: 0 }), ..waits.clone() };
        let stalled = |trace: &Trace| [1, MAX_WAITS - 1, MAX_WAITS].map(|waits| is_stalled(trace, waits));

        assert_eq!(stalled(&trace(vec![])), [true, true, true]);
        assert_eq!(stalled(&trace(vec![waits])), [false, false, true]);
        assert_eq!(stalled(&trace(vec![runs])), [false, false, false]);
    }
}
