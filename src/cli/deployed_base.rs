//! `deployed:<environment>` as a base: the commit that an environment runs.

use super::environment::Environment;
use super::environment_records::EnvironmentRecords;
use super::wait_for;
use crate::config::EnvironmentName;
use crate::deploy::DeployError;
use crate::error::Error;
use crate::git::Repository;
use crate::model::{CommitId, ProjectName};
use crate::observe::{self, Base, Missing};
use crate::record::DeployedRecord;
use crate::workspace::Workspace;

/// What a base is taken from that is named `deployed:<environment>`.
pub(super) struct DeployedBase {
    environment: EnvironmentName,
    record: DeployedRecord,
}

impl DeployedBase {
    /// Asks the deploy registry; `None` for a revision of git.
    pub(super) fn read(
        revision: &str,
        workspace: impl FnOnce() -> Result<Workspace, Error>,
        environment: &Environment,
    ) -> Result<Option<Self>, Error> {
        let Some(name) = revision.strip_prefix("deployed:") else { return Ok(None) };
        let name: EnvironmentName = name.parse().map_err(DeployError::EnvironmentName)?;
        let workspace = workspace()?;
        let stored =
            wait_for(async { EnvironmentRecords::open(environment, &workspace, &name).await?.read().await })?;
        Ok(Some(Self { environment: name, record: stored.record }))
    }

    /// The commit that one project runs; of all projects the newest that is in the history of
    /// what each of them runs.
    pub(super) fn base(
        &self,
        repository: &Repository,
        project: Option<&ProjectName>,
        missing: Missing,
    ) -> Result<Base, Error> {
        let commits: Vec<CommitId> = match project {
            Some(project) => self.record.projects.get(project).map(|it| it.commit).into_iter().collect(),
            None => self.record.current().map(|(_, it)| it.commit).collect(),
        };
        let environment = &self.environment;
        let mut base: Option<CommitId> = None;
        for commit in commits {
            // It has to be here, or be fetched.
            observe::named_commit(repository, &commit.to_string(), missing)?;
            base = match base {
                None => Some(commit),
                Some(other) => match repository.merge_base(other, commit)? {
                    Some(common) => Some(common),
                    None => {
                        let why =
                            format!("the history here has nothing in common of what `{environment}` runs");
                        return Ok(Base::Unknown { why });
                    }
                },
            };
        }
        Ok(match base {
            Some(commit) => Base::Known { commit, from: format!("what `{environment}` runs") },
            None => Base::Unknown { why: format!("`{environment}` does not run it yet") },
        })
    }
}
