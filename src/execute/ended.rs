//! How the build of a project ended in one job of a run, written down for the other jobs.
//!
//! ```json
//! {"tag": "claim-….built", "by": "build 2", "image": "sha256:…", "milliseconds": 41000}
//! {"tag": "claim-….failed", "by": "build 2", "causes": ["cannot build the image"], "step": "[2/3] RUN make", "line": "api/Dockerfile:7", "exit_code": 2}
//! ```
//!
//! The output of a failed step is not in it: it stays in the log of its own job.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::report::{DockerfileLine, Failure, Outcome};
use crate::model::{ErrorKind, ManifestDigest, RepoPath, Tag, printable, printable_log};

/// How a build ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    /// The job that built.
    pub(super) by: String,
    pub(super) how: How,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum How {
    Built {
        image: ManifestDigest,
        /// How long that took; `None` where the layer cache had all of it.
        took: Option<Duration>,
    },
    Failed(Box<Failure>),
}

#[derive(Serialize, Deserialize)]
struct EndedJson {
    /// So that no two are one document, which would be deleted as one.
    #[serde(default)]
    tag: String,
    by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    image: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    milliseconds: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    causes: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    step: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    line: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exit_code: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Ended {
    /// `None` for an outcome that says nothing about builds in other jobs: one of an engine that died, or of an image that could
    /// not be pushed.
    pub(super) fn of(by: &str, outcome: &Outcome, took: Duration) -> Option<Self> {
        let how = match outcome {
            Outcome::Built { digest, steps, cached_steps, .. } => {
                How::Built { image: *digest, took: (cached_steps < steps).then_some(took) }
            }
            Outcome::Failed(failure) if failure.is_of_build => How::Failed(Box::new(failure.clone())),
            Outcome::Failed(_)
            | Outcome::BuiltElsewhere { .. }
            | Outcome::Reused { .. }
            | Outcome::Pulled { .. }
            | Outcome::Blocked { .. }
            | Outcome::Cancelled => return None,
        };
        Some(Self { by: by.to_owned(), how })
    }

    pub(super) fn to_bytes(&self, tag: &Tag) -> Bytes {
        let none = EndedJson {
            tag: tag.to_string(),
            by: self.by.clone(),
            image: None,
            milliseconds: None,
            causes: Vec::new(),
            step: None,
            line: None,
            exit_code: None,
            hint: None,
        };
        let json = match &self.how {
            How::Built { image, took } => EndedJson {
                image: Some(image.to_string()),
                milliseconds: took.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
                ..none
            },
            How::Failed(failure) => EndedJson {
                causes: failure.causes.clone(),
                step: failure.step.clone(),
                line: failure.at.as_ref().map(ToString::to_string),
                exit_code: failure.exit_code,
                hint: failure.hint.clone(),
                ..none
            },
        };
        serde_json::to_vec(&json).expect("it is plain JSON").into()
    }

    /// `None` for what is no such document.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let json: EndedJson = serde_json::from_slice(bytes).ok()?;
        let by = printable(&json.by);
        let how = match json.image {
            Some(image) => {
                How::Built { image: image.parse().ok()?, took: json.milliseconds.map(Duration::from_millis) }
            }
            None => {
                let mut causes = vec![format!("the build failed in another job of this run, `{by}`")];
                causes.extend(json.causes.iter().map(|cause| printable(cause)));
                How::Failed(Box::new(Failure {
                    causes,
                    step: json.step.as_deref().map(printable_log),
                    message: None,
                    at: json.line.as_deref().and_then(line),
                    exit_code: json.exit_code,
                    log_tail: Vec::new(),
                    hint: json.hint.as_deref().map(printable),
                    kind: ErrorKind::Failed,
                    is_of_build: true,
                }))
            }
        };
        Some(Self { by, how })
    }
}

fn line(text: &str) -> Option<DockerfileLine> {
    let (file, line) = text.rsplit_once(':')?;
    Some(DockerfileLine { file: RepoPath::new(file.as_bytes()).ok()?, line: line.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(kind: ErrorKind) -> Failure {
        Failure {
            causes: vec!["cannot build the image".to_owned(), "exit code: 2".to_owned()],
            step: Some("[2/3] RUN make".to_owned()),
            message: Some("exit code: 2".to_owned()),
            at: Some(DockerfileLine { file: RepoPath::new("api/Dockerfile").unwrap(), line: 7 }),
            exit_code: Some(2),
            log_tail: vec!["password=hunter2".to_owned()],
            hint: None,
            kind,
            is_of_build: kind == ErrorKind::Failed,
        }
    }

    #[test]
    fn other_jobs_read_where_and_why_a_build_failed_and_not_its_output() {
        let outcome = Outcome::Failed(failure(ErrorKind::Failed));

        let document =
            Ended::of("build 2", &outcome, Duration::ZERO).unwrap().to_bytes(&"a".parse().unwrap());

        assert!(!String::from_utf8_lossy(&document).contains("hunter2"));
        let read = Ended::from_bytes(&document).unwrap();
        let How::Failed(failure) = read.how else { panic!() };
        assert_eq!(
            failure.in_short(),
            "the build failed in another job of this run, `build 2`: cannot build the image: exit code: 2"
        );
        assert_eq!(failure.at.unwrap().to_string(), "api/Dockerfile:7");
        assert_eq!((failure.exit_code, failure.step.as_deref()), (Some(2), Some("[2/3] RUN make")));
    }

    #[test]
    fn other_jobs_read_how_long_a_build_took_unless_the_layer_cache_had_all_of_it() {
        let built = |cached_steps| Outcome::Built {
            image: "shop/api:1".parse().unwrap(),
            of_platforms: std::collections::BTreeMap::new(),
            digest: ManifestDigest::of(b"api"),
            steps: 2,
            cached_steps,
            builders: std::collections::BTreeMap::new(),
        };
        let read = |cached_steps| {
            let ended = Ended::of("build 2", &built(cached_steps), Duration::from_millis(1500)).unwrap();
            Ended::from_bytes(&ended.to_bytes(&"a".parse().unwrap())).unwrap().how
        };
        let image = ManifestDigest::of(b"api");

        assert_eq!(read(1), How::Built { image, took: Some(Duration::from_millis(1500)) });
        assert_eq!(read(2), How::Built { image, took: None });
    }

    #[test]
    fn an_engine_that_died_says_nothing_to_other_jobs() {
        let died = Outcome::Failed(failure(ErrorKind::Environment));

        assert_eq!(Ended::of("build 2", &died, Duration::ZERO), None);
        assert_eq!(Ended::of("build 2", &Outcome::Cancelled, Duration::ZERO), None);
    }

    #[test]
    fn what_could_not_be_pushed_may_be_pushed_by_other_jobs() {
        let not_pushed = Failure { is_of_build: false, ..failure(ErrorKind::Failed) };

        assert_eq!(Ended::of("build 2", &Outcome::Failed(not_pushed), Duration::ZERO), None);
    }

    #[test]
    fn what_is_no_such_document_is_none() {
        for text in ["", "[]", "{}", r#"{"by": "a", "image": "latest"}"#, "chinampa"] {
            assert_eq!(Ended::from_bytes(text.as_bytes()), None, "{text}");
        }
    }
}
