//! Build records and deployed records: which commit was built whole, into which images, and what
//! an environment runs.
//!
//! Each is stored as an OCI artifact next to the images. The same facts give the same bytes, so
//! writing them again changes nothing.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::config::EnvironmentName;
use crate::model::{CommitId, ErrorKind, InputDigest, ManifestDigest, ProjectName, printable};

/// The media type of a build record.
pub const ARTIFACT_TYPE: &str = "application/vnd.chinampa.build.v1+json";

/// The media type of a deployed record.
pub const DEPLOYED_ARTIFACT_TYPE: &str = "application/vnd.chinampa.deployed.v1+json";

const BUILD_SCHEMA: &str = "chinampa.record/1";
const DEPLOYED_SCHEMA: &str = "chinampa.deployed/1";

/// What was built of a commit, when all of it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildRecord {
    pub commit: CommitId,
    pub branch: Option<String>,
    pub projects: BTreeMap<ProjectName, RecordedImage>,
}

/// What an environment runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeployedRecord {
    pub environment: EnvironmentName,
    /// The newest that was deployed. Of a deployment that failed half-way, some projects may
    /// still run what an earlier one brought.
    pub commit: CommitId,
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

/// Why a document is not a record.
#[derive(Debug, Error)]
pub enum RecordError {
    #[error("the record is not the JSON that was expected")]
    Json(#[from] serde_json::Error),
    #[error("the record has the schema `{0}`, which this version does not know")]
    Schema(String),
    #[error("the record is not valid: {0}")]
    Value(String),
}

impl RecordError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Json(_) | Self::Schema(_) | Self::Value(_) => ErrorKind::Environment,
        }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Schema(_) => Some("use the version of chinampa that wrote it, or a newer one".to_owned()),
            Self::Json(_) | Self::Value(_) => None,
        }
    }
}

#[derive(Deserialize)]
struct SchemaJson {
    schema: String,
}

#[derive(Serialize, Deserialize)]
struct BuildJson {
    schema: String,
    commit: String,
    branch: Option<String>,
    projects: BTreeMap<String, ImageJson>,
}

#[derive(Serialize, Deserialize)]
struct DeployedJson {
    schema: String,
    environment: String,
    commit: String,
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
        Ok(serde_json::to_vec(&BuildJson {
            schema: BUILD_SCHEMA.to_owned(),
            commit: self.commit.to_string(),
            branch: self.branch.clone(),
            projects: projects_to_json(&self.projects),
        })?)
    }

    /// Reads a stored record, which anybody may have written.
    ///
    /// # Errors
    /// [`RecordError`] when it is not one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        let json: BuildJson = read(bytes, BUILD_SCHEMA)?;
        Ok(Self {
            commit: json.commit.parse().map_err(|error| invalid(&error))?,
            branch: json.branch,
            projects: projects_from_json(json.projects)?,
        })
    }
}

impl DeployedRecord {
    /// The bytes that are stored: the same record gives the same bytes.
    ///
    /// # Errors
    /// [`RecordError::Json`] when it can't be written as JSON, which no valid record causes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, RecordError> {
        Ok(serde_json::to_vec(&DeployedJson {
            schema: DEPLOYED_SCHEMA.to_owned(),
            environment: self.environment.to_string(),
            commit: self.commit.to_string(),
            projects: projects_to_json(&self.projects),
        })?)
    }

    /// Reads a stored record, which anybody may have written.
    ///
    /// # Errors
    /// [`RecordError`] when it is not one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        let json: DeployedJson = read(bytes, DEPLOYED_SCHEMA)?;
        Ok(Self {
            environment: json.environment.parse().map_err(|error| invalid(&error))?,
            commit: json.commit.parse().map_err(|error| invalid(&error))?,
            projects: projects_from_json(json.projects)?,
        })
    }
}

/// Reads the schema before all else: another one may have any other field.
fn read<T: DeserializeOwned>(bytes: &[u8], schema: &str) -> Result<T, RecordError> {
    let found: SchemaJson = serde_json::from_slice(bytes)?;
    if found.schema != schema {
        return Err(RecordError::Schema(printable(&found.schema)));
    }
    Ok(serde_json::from_slice(bytes)?)
}

fn invalid(error: &dyn std::error::Error) -> RecordError {
    RecordError::Value(printable(&error.to_string()))
}

fn projects_to_json(projects: &BTreeMap<ProjectName, RecordedImage>) -> BTreeMap<String, ImageJson> {
    let image = |(name, image): (&ProjectName, &RecordedImage)| {
        let json = ImageJson {
            repository: image.repository.clone(),
            inputs: image.inputs.to_string(),
            image: image.image.to_string(),
        };
        (name.to_string(), json)
    };
    projects.iter().map(image).collect()
}

fn projects_from_json(
    json: BTreeMap<String, ImageJson>,
) -> Result<BTreeMap<ProjectName, RecordedImage>, RecordError> {
    let image = |(name, image): (String, ImageJson)| {
        let recorded = RecordedImage {
            repository: image.repository,
            inputs: image.inputs.parse().map_err(|error| invalid(&error))?,
            image: image.image.parse().map_err(|error| invalid(&error))?,
        };
        Ok((name.parse().map_err(|error| invalid(&error))?, recorded))
    };
    json.into_iter().map(image).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ObjectId;

    fn projects() -> BTreeMap<ProjectName, RecordedImage> {
        let image = RecordedImage {
            repository: "team/api".to_owned(),
            inputs: InputDigest::from_bytes([2; 32]),
            image: ManifestDigest::of(b"manifest"),
        };
        [("api".parse().unwrap(), image)].into()
    }

    fn build_record() -> BuildRecord {
        let commit = CommitId(ObjectId::from_bytes([1; 20]));
        BuildRecord { commit, branch: Some("main".to_owned()), projects: projects() }
    }

    fn deployed_record() -> DeployedRecord {
        let commit = CommitId(ObjectId::from_bytes([1; 20]));
        DeployedRecord { environment: "dev".parse().unwrap(), commit, projects: projects() }
    }

    #[test]
    fn a_record_is_read_as_it_was_written_and_written_the_same_each_time() {
        let (built, deployed) = (build_record(), deployed_record());

        let bytes = [built.to_bytes().unwrap(), deployed.to_bytes().unwrap()];

        assert_eq!(BuildRecord::from_bytes(&bytes[0]).unwrap(), built);
        assert_eq!(DeployedRecord::from_bytes(&bytes[1]).unwrap(), deployed);
        assert_eq!([built.to_bytes().unwrap(), deployed.to_bytes().unwrap()], bytes);
    }

    #[test]
    fn what_is_no_record_is_an_error() {
        for document in ["", "{}", r#"{"schema":"chinampa.record/2","commit":"","projects":{}}"#] {
            assert!(BuildRecord::from_bytes(document.as_bytes()).is_err(), "{document}");
            assert!(DeployedRecord::from_bytes(document.as_bytes()).is_err(), "{document}");
        }
    }

    #[test]
    fn one_kind_of_record_is_never_read_as_the_other() {
        let (built, deployed) = (build_record().to_bytes().unwrap(), deployed_record().to_bytes().unwrap());

        assert!(matches!(DeployedRecord::from_bytes(&built), Err(RecordError::Schema(_))));
        assert!(matches!(BuildRecord::from_bytes(&deployed), Err(RecordError::Schema(_))));
    }
}
