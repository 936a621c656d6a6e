//! Events of a deployment as documents: `chinampa.deploy_event/1`.

use serde_json::{Value, json};

use super::deployment::service_action;
use crate::deploy::{DeployEvent, ServiceEvent, TerraformEvent};

/// One line of `deploy --progress json`.
pub fn json(event: &DeployEvent) -> Value {
    let mut document = match event {
        DeployEvent::Waiting { holder } => {
            json!({ "event": "waiting", "commit": holder.commit, "by": holder.by })
        }
        DeployEvent::Planned { images, changed } => {
            json!({ "event": "planned", "images": images, "changed": changed })
        }
        DeployEvent::Promoting { project } => json!({ "event": "promoting", "project": project }),
        DeployEvent::Repository { repository, change } => {
            json!({ "event": "repository", "repository": repository.to_string(), "text": change.to_string() })
        }
        DeployEvent::Promoted { project, image, copied } => json!({
            "event": "promoted",
            "project": project,
            "image": image.to_string(),
            "bytes_sent": copied.bytes_sent,
            "manifests_sent": copied.manifests_sent,
        }),
        DeployEvent::Started { project } => json!({ "event": "started", "project": project }),
        DeployEvent::Terraform { project, event: TerraformEvent::Started { folder, step } } => json!({
            "event": "terraform-started",
            "project": project,
            "folder": folder.to_string(),
            "step": step.to_string(),
        }),
        DeployEvent::Terraform { project, event: TerraformEvent::Line { folder, step, line } } => json!({
            "event": "terraform-log",
            "project": project,
            "folder": folder.to_string(),
            "step": step.to_string(),
            "text": line.text,
        }),
        DeployEvent::Restarting { project, service } => {
            let (action, _) = service_action(&service.service, false);
            json!({ "event": "restarting", "project": project, "action": action })
        }
        DeployEvent::Service { project, event: ServiceEvent::Line(line) } => {
            json!({ "event": "service-log", "project": project, "text": line.text })
        }
        DeployEvent::Service { project, event: ServiceEvent::Note(note) } => {
            json!({ "event": "service-note", "project": project, "text": note })
        }
        DeployEvent::Finished { project } => json!({ "event": "finished", "project": project }),
    };
    document["schema"] = "chinampa.deploy_event/1".into();
    document
}
