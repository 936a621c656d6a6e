//! The deployed record's document: `chinampa.deployed/2`, and `chinampa.deployed/1` read as far as it goes.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::deployed::{
    AppliedSettings, DeployedProject, DeployedRecord, DeploymentOutcome, InProgress, PastDeployment,
    ProjectState,
};
use super::{ImageJson, RecordError, RecordedImage, SchemaJson, invalid, projects_from_json, read};
use crate::model::{ProjectName, Timestamp, printable};

const SCHEMA: &str = "chinampa.deployed/2";
const FIRST_SCHEMA: &str = "chinampa.deployed/1";

#[derive(Deserialize)]
struct FirstJson {
    environment: String,
    commit: String,
    projects: BTreeMap<String, ImageJson>,
}

#[derive(Serialize, Deserialize)]
struct RecordJson {
    schema: String,
    environment: String,
    commit: Option<String>,
    in_progress: Option<InProgressJson>,
    projects: BTreeMap<String, ProjectJson>,
    history: Vec<PastJson>,
}

#[derive(Serialize, Deserialize)]
struct InProgressJson {
    commit: String,
    since: u64,
    by: String,
    projects: BTreeSet<String>,
}

#[derive(Serialize, Deserialize)]
struct ProjectJson {
    #[serde(flatten)]
    image: ImageJson,
    commit: String,
    at: Option<u64>,
    state: StateJson,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    terraform: Option<BTreeMap<String, String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    service: Option<String>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StateJson {
    Applied,
    ImageOnly,
    Uncertain,
    Retired,
}

#[derive(Serialize, Deserialize)]
struct PastJson {
    commit: String,
    began: u64,
    ended: Option<u64>,
    by: String,
    outcome: OutcomeJson,
    changed: usize,
    failed: Option<String>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OutcomeJson {
    Deployed,
    Failed,
    Interrupted,
    Abandoned,
}

impl DeployedRecord {
    /// The bytes that are stored: the same record gives the same bytes.
    ///
    /// # Errors
    /// [`RecordError::Json`] when it can't be written as JSON, which no valid record causes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, RecordError> {
        let in_progress = self.in_progress.as_ref().map(|it| InProgressJson {
            commit: it.commit.to_string(),
            since: it.since.as_millis(),
            by: it.by.clone(),
            projects: it.projects.iter().map(ToString::to_string).collect(),
        });
        let projects = self.projects.iter().map(|(name, project)| (name.to_string(), project.into()));
        Ok(serde_json::to_vec(&RecordJson {
            schema: SCHEMA.to_owned(),
            environment: self.environment.to_string(),
            commit: self.commit.map(|commit| commit.to_string()),
            in_progress,
            projects: projects.collect(),
            history: self.history.iter().map(PastJson::from).collect(),
        })?)
    }

    /// Reads a stored record, which anybody may have written.
    ///
    /// # Errors
    /// [`RecordError`] when it is not one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        let found: SchemaJson = serde_json::from_slice(bytes)?;
        match found.schema.as_str() {
            SCHEMA => read::<RecordJson>(bytes, SCHEMA)?.try_into(),
            FIRST_SCHEMA => read::<FirstJson>(bytes, FIRST_SCHEMA)?.try_into(),
            other => Err(RecordError::Schema(printable(other))),
        }
    }
}

impl TryFrom<FirstJson> for DeployedRecord {
    type Error = RecordError;

    fn try_from(json: FirstJson) -> Result<Self, RecordError> {
        let commit = parse(&json.commit)?;
        let project = |(name, image): (ProjectName, RecordedImage)| {
            (name, DeployedProject { image, commit, at: None, state: ProjectState::ImageOnly })
        };
        Ok(Self {
            commit: Some(commit),
            projects: projects_from_json(json.projects)?.into_iter().map(project).collect(),
            ..Self::new(parse(&json.environment)?)
        })
    }
}

impl TryFrom<RecordJson> for DeployedRecord {
    type Error = RecordError;

    fn try_from(json: RecordJson) -> Result<Self, RecordError> {
        let project = |(name, json): (String, ProjectJson)| Ok((parse(&name)?, json.try_into()?));
        Ok(Self {
            environment: parse(&json.environment)?,
            commit: json.commit.as_deref().map(parse).transpose()?,
            in_progress: json.in_progress.map(TryInto::try_into).transpose()?,
            projects: json.projects.into_iter().map(project).collect::<Result<_, RecordError>>()?,
            history: json.history.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
        })
    }
}

impl TryFrom<InProgressJson> for InProgress {
    type Error = RecordError;

    fn try_from(json: InProgressJson) -> Result<Self, RecordError> {
        Ok(Self {
            commit: parse(&json.commit)?,
            since: Timestamp::from_millis(json.since),
            by: printable(&json.by),
            projects: json.projects.iter().map(|name| parse(name)).collect::<Result<_, _>>()?,
        })
    }
}

impl From<&DeployedProject> for ProjectJson {
    fn from(project: &DeployedProject) -> Self {
        let (state, settings) = match &project.state {
            ProjectState::Applied(settings) => (StateJson::Applied, Some(settings)),
            ProjectState::ImageOnly => (StateJson::ImageOnly, None),
            ProjectState::Uncertain => (StateJson::Uncertain, None),
            ProjectState::Retired => (StateJson::Retired, None),
        };
        let terraform = settings.map(|settings| {
            let folders = settings.terraform.iter();
            folders.map(|(folder, fingerprint)| (folder.clone(), fingerprint.to_string())).collect()
        });
        Self {
            image: ImageJson::from(&project.image),
            commit: project.commit.to_string(),
            at: project.at.map(Timestamp::as_millis),
            state,
            terraform,
            service: settings.map(|settings| settings.service.to_string()),
        }
    }
}

impl TryFrom<ProjectJson> for DeployedProject {
    type Error = RecordError;

    fn try_from(json: ProjectJson) -> Result<Self, RecordError> {
        let state = match (json.state, json.terraform, json.service) {
            (StateJson::Applied, Some(terraform), Some(service)) => {
                let folder = |(folder, fingerprint): (String, String)| Ok((folder, parse(&fingerprint)?));
                ProjectState::Applied(AppliedSettings {
                    terraform: terraform.into_iter().map(folder).collect::<Result<_, RecordError>>()?,
                    service: parse(&service)?,
                })
            }
            (StateJson::Applied, _, _) => {
                return Err(RecordError::Value("a project is `applied` without its settings".to_owned()));
            }
            (StateJson::ImageOnly, _, _) => ProjectState::ImageOnly,
            (StateJson::Uncertain, _, _) => ProjectState::Uncertain,
            (StateJson::Retired, _, _) => ProjectState::Retired,
        };
        Ok(Self {
            image: json.image.try_into()?,
            commit: parse(&json.commit)?,
            at: json.at.map(Timestamp::from_millis),
            state,
        })
    }
}

impl From<&PastDeployment> for PastJson {
    fn from(past: &PastDeployment) -> Self {
        Self {
            commit: past.commit.to_string(),
            began: past.began.as_millis(),
            ended: past.ended.map(Timestamp::as_millis),
            by: past.by.clone(),
            outcome: match past.outcome {
                DeploymentOutcome::Deployed => OutcomeJson::Deployed,
                DeploymentOutcome::Failed => OutcomeJson::Failed,
                DeploymentOutcome::Interrupted => OutcomeJson::Interrupted,
                DeploymentOutcome::Abandoned => OutcomeJson::Abandoned,
            },
            changed: past.changed,
            failed: past.failed.as_ref().map(ToString::to_string),
        }
    }
}

impl TryFrom<PastJson> for PastDeployment {
    type Error = RecordError;

    fn try_from(json: PastJson) -> Result<Self, RecordError> {
        Ok(Self {
            commit: parse(&json.commit)?,
            began: Timestamp::from_millis(json.began),
            ended: json.ended.map(Timestamp::from_millis),
            by: printable(&json.by),
            outcome: match json.outcome {
                OutcomeJson::Deployed => DeploymentOutcome::Deployed,
                OutcomeJson::Failed => DeploymentOutcome::Failed,
                OutcomeJson::Interrupted => DeploymentOutcome::Interrupted,
                OutcomeJson::Abandoned => DeploymentOutcome::Abandoned,
            },
            changed: json.changed,
            failed: json.failed.as_deref().map(parse).transpose()?,
        })
    }
}

fn parse<T: FromStr<Err: std::error::Error>>(text: &str) -> Result<T, RecordError> {
    text.parse().map_err(|error| invalid(&error))
}
