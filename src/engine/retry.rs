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
            // Nobody needs to know of what the engine's own store does.
            Err(error) if error.is_export_failure() => {
                tracing::debug!(%error, "the image is built again, from the layer cache");
            }
            Err(error) if is_of_others(&error) => tracing::warn!("the build begins again: {error}"),
            built => return built,
        }
    }
    build().await
}

/// Whether the build failed with another one, or the connection broke.
fn is_of_others(error: &EngineError) -> bool {
    error.is_of_another_build() || matches!(error, EngineError::BuilderCutOff { .. })
}
