//! What an image says of itself.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use crate::git::{GitError, Repository};
use crate::model::{CommitId, InputDigest, ProjectName};

/// After the OCI image specification, § Pre-Defined Annotation Keys.
pub(super) fn labels(
    repository: &Repository,
    commit: CommitId,
    project: &ProjectName,
    digest: InputDigest,
) -> Result<BTreeMap<String, String>, GitError> {
    let seconds = u64::try_from(repository.commit_time(commit)?).unwrap_or_default();
    let created = humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds));
    let mut labels = BTreeMap::from([
        ("org.opencontainers.image.revision".to_owned(), commit.to_string()),
        ("org.opencontainers.image.version".to_owned(), commit.short()),
        ("org.opencontainers.image.created".to_owned(), created.to_string()),
        (InputDigest::LABEL.to_owned(), digest.to_string()),
        ("dev.chinampa.project".to_owned(), project.to_string()),
    ]);
    if let Some(url) = repository.origin_url() {
        labels.insert("org.opencontainers.image.source".to_owned(), url);
    }
    Ok(labels)
}
