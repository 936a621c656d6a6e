use std::str::FromStr;

use clap::Args;

use super::Call;
use super::opened::{self, Offline, Opened, Uncommitted};
use super::{registries, wait_for};
use crate::config::{EnvironmentName, InvalidEnvironmentName};
use crate::error::Error;
use crate::exit::Exit;
use crate::model::CommitId;
use crate::observe::Base;
use crate::report::why::Explanation;
use crate::report::why_not::NearMisses;
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The project.
    project: String,
    /// Tells of a project that is not affected which files were not taken, and why; exit code 1 when it is affected.
    #[arg(long)]
    not: bool,
    /// Counts the changes from a commit, or from what an environment runs: `deployed:<environment>`.
    #[arg(long, value_name = "REV or deployed:ENVIRONMENT", conflicts_with = "base")]
    against: Option<Against>,
}

/// What changes are counted from.
#[derive(Clone, Debug)]
enum Against {
    Revision(String),
    /// The commit that an environment runs.
    Deployed(EnvironmentName),
}

impl FromStr for Against {
    type Err = InvalidEnvironmentName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("deployed:") {
            Some(environment) => environment.parse().map(Self::Deployed),
            None => Ok(Self::Revision(text.to_owned())),
        }
    }
}

pub(super) fn run(call: &Call, arguments: &Arguments) -> Result<Exit, Error> {
    let Call { options, environment, output } = call;
    let opened = Opened::new(options, environment, Uncommitted::LeftOut)?;
    let offline = match &arguments.against {
        None => opened::offline(&opened, call)?,
        Some(against) => offline_against(&opened, call, against)?,
    };
    let project = opened::project(&offline.workspace, &arguments.project)?;
    let is_affected = offline.impact.project(&project).is_some_and(|project| project.is_affected);
    if arguments.not && !is_affected {
        let near_misses = NearMisses::new(&offline.workspace, &offline.changes.files, &project);
        if options.json {
            output.json(&near_misses.to_json(&offline.impact));
        } else {
            output.answer(&near_misses.to_string());
        }
        return Ok(Exit::Done);
    }

    let explanation = Explanation::new(&offline.workspace.graph, &offline.changes, &offline.impact, &project);
    if options.json {
        output.json(&explanation);
    } else {
        output.answer(&explanation.to_string());
    }
    Ok(if arguments.not { Exit::No } else { Exit::Done })
}

fn offline_against(opened: &Opened, call: &Call, against: &Against) -> Result<Offline, Error> {
    opened::offline_since(opened, call, |workspace| match against {
        Against::Revision(revision) => {
            let commit = opened.repository.commit(revision)?;
            Ok(Base::Known { commit, from: "--against".to_owned() })
        }
        Against::Deployed(environment) => {
            let commit = wait_for(deployed(call, workspace, environment))?;
            Ok(Base::Known { commit, from: format!("what `{environment}` runs") })
        }
    })
}

async fn deployed(
    call: &Call,
    workspace: &Workspace,
    environment: &EnvironmentName,
) -> Result<CommitId, Error> {
    if !workspace.environments.contains_key(environment) {
        let known = workspace.environments.keys().cloned().collect();
        return Err(Error::UnknownEnvironment { name: environment.clone(), known });
    }
    let target = workspace.deploy.as_ref().ok_or(Error::NoDeployRegistry)?;
    let registry = registries::registry(target, &call.environment).await?;
    let records = workspace.settings.name.builds_repository().with_prefix(&target.prefix)?;
    let record = registries::deployed(&*registry, &records, environment).await?;
    Ok(record.ok_or_else(|| Error::NeverDeployed { environment: environment.clone() })?.commit)
}
