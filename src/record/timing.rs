//! How long the build of an image took, and where: kept beside the image by a run that writes no build record, for the run that does.
//!
//! ```json
//! {"schema": "chinampa.timing/1", "inputs": "…", "milliseconds": 41000, "builders": {"linux/amd64": "tcp://…"}}
//! ```

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Builders, RecordError, invalid, milliseconds, read};
use crate::model::InputDigest;

/// The media type of a timing.
pub const TIMING_ARTIFACT_TYPE: &str = "application/vnd.chinampa.timing.v1+json";

const TIMING_SCHEMA: &str = "chinampa.timing/1";

/// How long a build took, and which builders did it. Only a hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Of what was built, so that no two documents are one.
    pub inputs: InputDigest,
    pub took: Duration,
    /// Empty where an engine built.
    pub builders: Builders,
}

#[derive(Serialize, Deserialize)]
struct TimingJson {
    schema: String,
    inputs: String,
    milliseconds: u64,
    #[serde(default, skip_serializing_if = "Builders::is_empty")]
    builders: Builders,
}

impl Timing {
    /// The bytes that are stored: the same timing gives the same bytes.
    ///
    /// # Errors
    /// [`RecordError::Json`] when it can't be written as JSON, which no valid timing causes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, RecordError> {
        Ok(serde_json::to_vec(&TimingJson {
            schema: TIMING_SCHEMA.to_owned(),
            inputs: self.inputs.to_string(),
            milliseconds: milliseconds(self.took),
            builders: self.builders.clone(),
        })?)
    }

    /// Reads a stored timing, which anybody may have written.
    ///
    /// # Errors
    /// [`RecordError`] when it is not one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        let TimingJson { inputs, milliseconds, builders, .. } = read(bytes, TIMING_SCHEMA)?;
        let inputs = inputs.parse().map_err(|error| invalid(&error))?;
        Ok(Self { inputs, took: Duration::from_millis(milliseconds), builders })
    }
}
