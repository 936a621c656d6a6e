//! The record of a command that passed for some content, so that it needn't be run for the same content again.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

use crate::model::{CommitId, Fingerprint, ProjectName, Timestamp, printable};

/// The media type of such a record.
pub const JOB_ARTIFACT_TYPE: &str = "application/vnd.chinampa.job.v1+json";

const SCHEMA: &str = "chinampa.job_record/1";

/// A command that passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRecord {
    /// All that decides on the outcome.
    pub key: Fingerprint,
    pub project: ProjectName,
    pub name: String,
    /// That it was run for.
    pub commit: CommitId,
    /// Who ran it.
    pub by: String,
    pub at: Timestamp,
    pub took: Duration,
    /// The JUnit file that it wrote.
    pub junit: Option<Vec<u8>>,
}

#[derive(Serialize, Deserialize)]
struct JobJson {
    schema: String,
    key: String,
    project: String,
    name: String,
    commit: String,
    by: String,
    at: u64,
    seconds: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    junit: Option<String>,
}

impl JobRecord {
    pub fn to_bytes(&self) -> Vec<u8> {
        let json = JobJson {
            schema: SCHEMA.to_owned(),
            key: self.key.to_string(),
            project: self.project.to_string(),
            name: self.name.clone(),
            commit: self.commit.to_string(),
            by: self.by.clone(),
            at: self.at.as_millis(),
            seconds: self.took.as_secs_f64(),
            junit: self.junit.as_ref().map(|junit| BASE64_STANDARD.encode(junit)),
        };
        serde_json::to_vec(&json).expect("it is plain JSON")
    }

    /// `None` for what is no record of a command with this key.
    pub fn from_bytes(bytes: &[u8], key: Fingerprint) -> Option<Self> {
        let json: JobJson = serde_json::from_slice(bytes).ok()?;
        if json.schema != SCHEMA || json.key != key.to_string() {
            return None;
        }
        let junit = json.junit.map(|junit| BASE64_STANDARD.decode(junit));
        Some(Self {
            key,
            project: json.project.parse().ok()?,
            name: printable(&json.name),
            commit: json.commit.parse().ok()?,
            by: printable(&json.by),
            at: Timestamp::from_millis(json.at),
            took: Duration::try_from_secs_f64(json.seconds).ok()?,
            junit: junit.transpose().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Fingerprinter;

    #[test]
    fn a_record_is_read_as_it_was_written_and_for_its_own_key_alone() {
        let key = Fingerprinter::new("job/1").finish();
        let record = JobRecord {
            key,
            project: "api".parse().unwrap(),
            name: "test".to_owned(),
            commit: "1".repeat(40).parse().unwrap(),
            by: "test 1".to_owned(),
            at: Timestamp::from_millis(1_795_896_900_123),
            took: Duration::from_millis(1_500),
            junit: Some(b"<testsuites/>\xff".to_vec()),
        };

        let document = record.to_bytes();

        assert_eq!(JobRecord::from_bytes(&document, key), Some(record));
        assert_eq!(JobRecord::from_bytes(&document, Fingerprinter::new("job/2").finish()), None);
        for hostile in ["", "{}", "[]", "{\"schema\":\"chinampa.job_record/1\"}"] {
            assert_eq!(JobRecord::from_bytes(hostile.as_bytes(), key), None, "{hostile}");
        }
    }
}
