//! One build: the request, the session beside it, and what the engine says meanwhile.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bollard_buildkit_proto::moby::buildkit::v1::StatusResponse;
use hyper::Response;
use hyper::body::Incoming;
use prost::Message as _;
use serde::Deserialize;
use serde_json::Value;

use super::progress::Trace;
use super::session::{self, Session};
use super::{BuildRequest, Built, ContextReuse, EngineError, Progress, file_names, logins, stamps};
use crate::docker::{Docker, DockerError, JsonLines};
use crate::model::{ImageRef, ManifestDigest};

/// Builds, and hands out what happens. Dropping it ends the build in the engine too.
pub(super) async fn run(
    docker: &Docker,
    request: &BuildRequest,
    inline_cache: bool,
    on_progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Built, EngineError> {
    if !has_stage(&request.dockerfile) {
        return Err(EngineError::NoStage);
    }
    let Session { id, served, mut failures, mut offers } = session::open(docker, request).await?;
    let build = async {
        let answer =
            docker.post("build", &format!("/build?{}", query(request, inline_cache, &id)), &[]).await;
        let answer = answer.map_err(|error| EngineError::in_build(error, None))?;
        follow(docker, answer, on_progress).await
    };
    let serve = async {
        // A session that ends is no failure in itself: the build says what it means to it.
        if let Err(error) = served.await {
            tracing::debug!(%error, "the session ended");
        }
        std::future::pending::<Infallible>().await
    };
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
    let built = tokio::select! {
        biased;
        // Our own failure is why the engine's build fails, and the engine doesn't know it: it wins.
        Some(error) = failures.recv() => return Err(error.into()),
        error = give => return Err(error),
        built = build => built,
        never = serve => match never {},
    };
    if let (Err(EngineError::Lost { .. }), ContextReuse::Project { stamps: folder }) =
        (&built, &request.reuse)
    {
        // An engine that died while it received files may keep digests of the ones that they replaced.
        if let Err(error) = stamps::forget(folder) {
            tracing::debug!(%error, folder = %folder.display(), "the stamps of lost files stay");
        }
    }
    let given = given.into_inner().expect("nobody panics while adding to a list");
    built.map_err(|error| file_names::explain(logins::explain(error, &given), &request.context))
}

/// Whether some line looks like a `FROM`.
pub(super) fn has_stage(dockerfile: &[u8]) -> bool {
    const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
    let text = dockerfile.strip_prefix(BYTE_ORDER_MARK).unwrap_or(dockerfile);
    text.split(|&byte| byte == b'\n')
        .any(|line| line.trim_ascii_start().get(..4).is_some_and(|word| word.eq_ignore_ascii_case(b"from")))
}

/// What `docker build` asks for, as a query.
fn query(request: &BuildRequest, inline_cache: bool, session: &str) -> String {
    let proxies = request.proxies.iter().map(|(name, value)| (name.as_str(), value.reveal()));
    let mut build_args: BTreeMap<&str, &str> = proxies.collect();
    build_args.extend(request.build_args.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    if inline_cache {
        build_args.insert("BUILDKIT_INLINE_CACHE", "1");
    }
    let cache_from: Vec<String> = request.cache_from.iter().map(ImageRef::to_string).collect();
    let mut query = form_urlencoded::Serializer::new(String::new());
    query
        // BuildKit, which gets its files from the session.
        .append_pair("version", "2")
        .append_pair("session", session)
        .append_pair("remote", "client-session")
        .append_pair("buildid", session)
        .append_pair("dockerfile", "Dockerfile")
        .append_pair("buildargs", &serde_json::json!(build_args).to_string())
        .append_pair("labels", &serde_json::json!(request.labels).to_string())
        .append_pair("cachefrom", &serde_json::json!(cache_from).to_string());
    if let Some(target) = &request.target {
        query.append_pair("target", target.as_str());
    }
    if let Some(platform) = &request.platform {
        query.append_pair("platform", &platform.to_string());
    }
    if request.pull {
        query.append_pair("pull", "1");
    }
    if request.no_cache {
        query.append_pair("nocache", "1");
    }
    query.finish()
}

/// One object of the answer's stream.
#[derive(Deserialize)]
struct Line {
    /// What kind of thing `aux` is.
    id: Option<String>,
    aux: Option<Value>,
    error: Option<String>,
}

/// Reads the engine's story to its end.
async fn follow(
    docker: &Docker,
    answer: Response<Incoming>,
    on_progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Built, EngineError> {
    let mut lines = JsonLines::new(docker, answer);
    let mut trace = Trace::default();
    let mut image = None;
    loop {
        let line = lines.next::<Line>().await;
        let Some(line) = line.map_err(|error| EngineError::in_build(error, trace.running()))? else { break };
        if let Some(message) = line.error {
            return Err(trace.failure(message));
        }
        match (line.id.as_deref(), line.aux) {
            (Some("moby.buildkit.trace"), Some(Value::String(report))) => {
                trace.update(decode(&report)?, on_progress);
                if let Some(message) = trace.other_platform() {
                    return Err(EngineError::BasePlatform { message });
                }
            }
            (Some("moby.image.id"), Some(aux)) => {
                let id = aux.get("ID").and_then(Value::as_str).unwrap_or_default();
                let id: ManifestDigest =
                    id.parse().map_err(|error| DockerError::unexpected("the image's id", error))?;
                image = Some(id);
            }
            _ => {}
        }
    }
    let image = image.ok_or_else(|| DockerError::unexpected("the build", "it ended without an image"))?;
    Ok(Built { image, steps: trace.steps() })
}

fn decode(report: &str) -> Result<StatusResponse, DockerError> {
    let bytes = STANDARD.decode(report).map_err(|error| DockerError::unexpected("the progress", error))?;
    StatusResponse::decode(&*bytes).map_err(|error| DockerError::unexpected("the progress", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dockerfile_of_arguments_alone_has_no_stage() {
        for text in ["", "ARG A=1\n", "# FROM a\nARG B", "ARG A=1\nARG FROM=2"] {
            assert!(!has_stage(text.as_bytes()), "{text}");
        }
        for text in ["FROM a", "ARG A\nfrom a", "# c\n  From\ta AS b", "\u{feff}FROM a", "FROM \\\n a"] {
            assert!(has_stage(text.as_bytes()), "{text}");
        }
    }
}
