//! Build records and deployed records: which commit was built completely, into which images, and what
//! an environment runs.
//!
//! Each is stored as an OCI artifact next to the images. The same facts give the same bytes, so
//! writing them again changes nothing.

mod deployed;
mod deployed_json;
mod job;
#[cfg(test)]
mod tests;
mod timing;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::model::{
    CommitId, ErrorKind, InputDigest, ManifestDigest, ProjectName, RepositoryName, printable,
};

#[cfg(test)]
pub use deployed::MAX_HISTORY;
pub use deployed::{
    AppliedSettings, DeployedProject, DeployedRecord, DeploymentOutcome, InProgress, PastDeployment,
    ProjectEnd, ProjectState,
};

pub use job::{JOB_ARTIFACT_TYPE, JobRecord};
pub use timing::{TIMING_ARTIFACT_TYPE, Timing};

/// The media type of a build record.
pub const ARTIFACT_TYPE: &str = "application/vnd.chinampa.build.v1+json";

/// The media type of a deployed record.
pub const DEPLOYED_ARTIFACT_TYPE: &str = "application/vnd.chinampa.deployed.v1+json";

const BUILD_SCHEMA: &str = "chinampa.record/1";

/// What was built of a commit, when all of it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildRecord {
    pub commit: CommitId,
    pub branch: Option<String>,
    /// How many records the branch had before.
    pub sequence: u64,
    pub projects: BTreeMap<ProjectName, RecordedImage>,
    /// How long the last build of each project took, as far as that is known. Only a hint.
    pub durations: BTreeMap<ProjectName, Duration>,
    /// Which builders made the last image of each project, as far as that is known. Only a hint.
    pub builders: BTreeMap<ProjectName, Builders>,
}

/// The builder of each platform. Where nobody says a platform, that is `default`.
pub type Builders = BTreeMap<String, String>;

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

#[derive(Deserialize)]
struct SchemaJson {
    schema: String,
}

#[derive(Serialize, Deserialize)]
struct BuildJson {
    schema: String,
    commit: String,
    branch: Option<String>,
    /// Earlier versions did not count.
    #[serde(default)]
    sequence: u64,
    projects: BTreeMap<String, BuiltJson>,
}

#[derive(Serialize, Deserialize)]
struct BuiltJson {
    #[serde(flatten)]
    image: ImageJson,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    milliseconds: Option<u64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    builders: Builders,
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
            sequence: self.sequence,
            projects: self.projects.iter().map(|(name, image)| self.built(name, image)).collect(),
        })?)
    }

    /// Reads a stored record, which anybody may have written.
    ///
    /// # Errors
    /// [`RecordError`] when it is not one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        let json: BuildJson = read(bytes, BUILD_SCHEMA)?;
        let timed = json.projects.iter().filter_map(|(name, built)| Some((name, built.milliseconds?)));
        let durations = timed.map(|(name, milliseconds)| {
            Ok((name.parse().map_err(|error| invalid(&error))?, Duration::from_millis(milliseconds)))
        });
        let built = json.projects.iter().filter(|(_, built)| !built.builders.is_empty());
        let builders = built.map(|(name, built)| {
            Ok((name.parse().map_err(|error| invalid(&error))?, built.builders.clone()))
        });
        Ok(Self {
            builders: builders.collect::<Result<_, RecordError>>()?,
            commit: json.commit.parse().map_err(|error| invalid(&error))?,
            branch: json.branch,
            sequence: json.sequence,
            durations: durations.collect::<Result<_, RecordError>>()?,
            projects: projects_from_json(json.projects.into_iter().map(|(name, built)| (name, built.image)))?,
        })
    }

    /// Sees that the record is of this commit.
    ///
    /// # Errors
    /// [`RecordError::Value`] when it is of another one, whatever tag it has.
    pub fn check_is_of(&self, commit: CommitId) -> Result<(), RecordError> {
        if self.commit == commit {
            return Ok(());
        }
        Err(RecordError::Value(format!("it is that of {}, but has the tag of {commit}", self.commit)))
    }

    fn built(&self, name: &ProjectName, image: &RecordedImage) -> (String, BuiltJson) {
        let milliseconds = self.durations.get(name).copied().map(milliseconds);
        let builders = self.builders.get(name).cloned().unwrap_or_default();
        (name.to_string(), BuiltJson { image: image.into(), milliseconds, builders })
    }
}

impl RecordedImage {
    /// Its repository, with the prefix.
    ///
    /// # Errors
    /// [`RecordError::Value`] when no registry has one of this name.
    pub fn repository(&self) -> Result<RepositoryName, RecordError> {
        self.repository.parse().map_err(|error| invalid(&error))
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

fn milliseconds(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}

fn invalid(error: &dyn std::error::Error) -> RecordError {
    RecordError::Value(printable(&error.to_string()))
}

fn projects_from_json(
    json: impl IntoIterator<Item = (String, ImageJson)>,
) -> Result<BTreeMap<ProjectName, RecordedImage>, RecordError> {
    let image = |(name, image): (String, ImageJson)| {
        Ok((name.parse().map_err(|error| invalid(&error))?, image.try_into()?))
    };
    json.into_iter().map(image).collect()
}

impl From<&RecordedImage> for ImageJson {
    fn from(image: &RecordedImage) -> Self {
        Self {
            repository: image.repository.clone(),
            inputs: image.inputs.to_string(),
            image: image.image.to_string(),
        }
    }
}

impl TryFrom<ImageJson> for RecordedImage {
    type Error = RecordError;

    fn try_from(json: ImageJson) -> Result<Self, RecordError> {
        Ok(Self {
            repository: json.repository,
            inputs: json.inputs.parse().map_err(|error| invalid(&error))?,
            image: json.image.parse().map_err(|error| invalid(&error))?,
        })
    }
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
            Self::Schema(_) => Some("a newer version of chinampa wrote it: use that one".to_owned()),
            Self::Json(_) | Self::Value(_) => None,
        }
    }
}
