//! The build record: which commit was built whole, and into which images.
//!
//! It is stored as an OCI artifact next to the images. The same commit built into the same images
//! gives the same bytes, so writing it again changes nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::model::{CommitId, InputDigest, ManifestDigest, ProjectName, printable};

/// The media type of the artifact.
pub const ARTIFACT_TYPE: &str = "application/vnd.chinampa.build.v1+json";

const SCHEMA: &str = "chinampa.record/1";

/// What was built of a commit, when all of it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildRecord {
    pub commit: CommitId,
    pub branch: Option<String>,
    pub projects: BTreeMap<ProjectName, RecordedImage>,
}

/// One project's image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedImage {
    /// With the prefix, without the host.
    pub repository: String,
    pub inputs: InputDigest,
    pub image: ManifestDigest,
}

/// Why a document is not a build record.
#[derive(Debug, Error)]
pub enum RecordError {
    #[error("the build record is not the JSON that was expected")]
    Json(#[from] serde_json::Error),
    #[error("the build record has the schema `{0}`, which this version does not know")]
    Schema(String),
    #[error("the build record is not valid: {0}")]
    Value(String),
}

#[derive(Serialize, Deserialize)]
struct RecordJson {
    schema: String,
    commit: String,
    branch: Option<String>,
    projects: BTreeMap<String, ImageJson>,
}

#[derive(Serialize, Deserialize)]
struct ImageJson {
    repository: String,
    inputs: String,
    image: String,
}

impl BuildRecord {
    /// The bytes that are stored: the same record gives the same bytes.
    ///
    /// # Errors
    /// [`RecordError::Json`] when it can't be written as JSON, which no valid record causes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, RecordError> {
        let image = |(name, image): (&ProjectName, &RecordedImage)| {
            let json = ImageJson {
                repository: image.repository.clone(),
                inputs: image.inputs.to_string(),
                image: image.image.to_string(),
            };
            (name.to_string(), json)
        };
        Ok(serde_json::to_vec(&RecordJson {
            schema: SCHEMA.to_owned(),
            commit: self.commit.to_string(),
            branch: self.branch.clone(),
            projects: self.projects.iter().map(image).collect(),
        })?)
    }

    /// Reads a stored record, which anybody may have written.
    ///
    /// # Errors
    /// [`RecordError`] when it is not one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        let json: RecordJson = serde_json::from_slice(bytes)?;
        if json.schema != SCHEMA {
            return Err(RecordError::Schema(printable(&json.schema)));
        }
        let invalid = |error: &dyn std::error::Error| RecordError::Value(printable(&error.to_string()));
        let mut projects = BTreeMap::new();
        for (name, image) in json.projects {
            let recorded = RecordedImage {
                repository: image.repository,
                inputs: image.inputs.parse().map_err(|error| invalid(&error))?,
                image: image.image.parse().map_err(|error| invalid(&error))?,
            };
            projects.insert(name.parse().map_err(|error| invalid(&error))?, recorded);
        }
        Ok(Self {
            commit: json.commit.parse().map_err(|error| invalid(&error))?,
            branch: json.branch,
            projects,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ObjectId;

    #[test]
    fn a_record_is_read_as_it_was_written_and_written_the_same_each_time() {
        let image = RecordedImage {
            repository: "team/api".to_owned(),
            inputs: InputDigest::from_bytes([2; 32]),
            image: ManifestDigest::of(b"manifest"),
        };
        let record = BuildRecord {
            commit: CommitId(ObjectId::from_bytes([1; 20])),
            branch: Some("main".to_owned()),
            projects: [("api".parse().unwrap(), image)].into(),
        };

        let bytes = record.to_bytes().unwrap();

        assert_eq!(BuildRecord::from_bytes(&bytes).unwrap(), record);
        assert_eq!(record.to_bytes().unwrap(), bytes);
    }

    #[test]
    fn what_is_no_record_is_an_error() {
        for document in ["", "{}", r#"{"schema":"chinampa.record/2","commit":"","projects":{}}"#] {
            assert!(BuildRecord::from_bytes(document.as_bytes()).is_err(), "{document}");
        }
    }
}
