//! The documents of the commands whose answer is a few values.

use std::path::Path;

use serde_json::{Value, json};

use super::json::BaseJson;
use crate::model::{BranchName, CommitId, ImageRef, ManifestDigest, RepoPath};
use crate::observe::Base;
use crate::registry::RepositoryChange;
use crate::registry::copy::Copied;

/// `chinampa.changed/1`
pub fn changed(base: &Base, paths: &[&RepoPath]) -> Value {
    let paths: Vec<String> = paths.iter().map(ToString::to_string).collect();
    match base {
        Base::Known { .. } => json!({
            "schema": "chinampa.changed/1",
            "changed": !paths.is_empty(),
            "base": BaseJson::new(base),
            "paths": paths,
        }),
        Base::Unknown { why } => json!({
            "schema": "chinampa.changed/1",
            "changed": true,
            "base": null,
            "base_unknown": why,
            "paths": [],
        }),
    }
}

/// `chinampa.image_exists/1`
pub fn image_exists(image: &ImageRef, digest: Option<&ManifestDigest>) -> Value {
    json!({
        "schema": "chinampa.image_exists/1",
        "image": image,
        "exists": digest.is_some(),
        "digest": digest,
    })
}

/// `chinampa.promote/1`
pub fn promote(
    from: &ImageRef,
    to: &ImageRef,
    digest: &ManifestDigest,
    copied: &Copied,
    seconds: f64,
) -> Value {
    json!({
        "schema": "chinampa.promote/1",
        "from": from,
        "to": to,
        "digest": digest,
        "copied": copied,
        "seconds": seconds,
    })
}

/// `chinampa.ensure_repo/2`
pub fn ensure_repo(ensured: &[(String, Vec<RepositoryChange>)]) -> Value {
    let repositories =
        ensured.iter().map(|(repository, changes)| json!({ "repository": repository, "changes": changes }));
    json!({
        "schema": "chinampa.ensure_repo/2",
        "repositories": repositories.collect::<Vec<_>>(),
    })
}

/// `chinampa.last_successful_commit/1`
pub fn last_successful_commit(found: Option<&(BranchName, CommitId)>) -> Value {
    json!({
        "schema": "chinampa.last_successful_commit/1",
        "commit": found.map(|(_, commit)| commit.to_string()),
        "branch": found.map(|(branch, _)| branch.to_string()),
    })
}

/// `chinampa.ensure_terraform/1`
pub fn ensure_terraform(version: &str, program: &Path, downloaded: bool) -> Value {
    json!({
        "schema": "chinampa.ensure_terraform/1",
        "version": version,
        "program": program.display().to_string(),
        "downloaded": downloaded,
    })
}
