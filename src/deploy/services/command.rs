//! Any program that lets something run a new image.

use std::time::Duration;

use tokio::process::Command;

use super::{Deployment, OnServiceEvent, ServiceError, ServiceEvent};
use crate::program::{self, Stop};

/// Runs the program, without a shell; the deployment is in its environment. It is stopped after `timeout`: another deployment would
/// run it again beside itself.
pub(super) async fn run(
    program: &str,
    arguments: &[String],
    deployment: &Deployment<'_>,
    timeout: Duration,
    on_event: &OnServiceEvent<'_>,
) -> Result<(), ServiceError> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("CHINAMPA_IMAGE", deployment.image.to_string())
        .env("CHINAMPA_DEPLOY_TAG", deployment.deploy_tag())
        .env("CHINAMPA_COMMIT", deployment.commit.to_string())
        .env("CHINAMPA_PROJECT", deployment.project.as_str())
        .env("CHINAMPA_ENVIRONMENT", deployment.environment.as_str());
    let on_line = |line| on_event(ServiceEvent::Line(line));
    Ok(program::run(command, Stop::Terminate, Some(timeout), &on_line).await?)
}
