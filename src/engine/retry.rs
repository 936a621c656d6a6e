//! Building again what failed for a reason that is not the build's own.

use super::EngineError;

/// How often an image is built, the first attempt included.
const MAX_BUILDS: usize = 3;

/// Builds, and again from the layer cache where what failed was something else.
pub(super) async fn with_retries<T, F: Future<Output = Result<T, EngineError>>>(
    build: impl Fn() -> F,
) -> Result<T, EngineError> {
    for _ in 1..MAX_BUILDS {
        match build().await {
            Err(error) if is_no_fault_of_the_build(&error) => {
                tracing::debug!(%error, "the image is built again, from the layer cache");
            }
            built => return built,
        }
    }
    build().await
}

/// Whether the engine could not store the image, the build failed with another one, or the connection broke.
fn is_no_fault_of_the_build(error: &EngineError) -> bool {
    error.is_export_failure()
        || error.is_of_another_build()
        || matches!(error, EngineError::BuilderCutOff { .. })
}
