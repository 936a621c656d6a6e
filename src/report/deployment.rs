//! What a deployment says: what it would do, what happens, and at its end what runs where.

use serde::Serialize;

use crate::config::Service;
use crate::deploy::{
    DeployEvent, DeployPlan, DeployReport, DryRun, ProjectDeployment, ProjectOutcome, ProjectResult,
    ServiceEvent, ServiceWork, TerraformEvent, TerraformWork,
};
use crate::model::{ImageRef, ManifestDigest, ProjectName, Tag, printable};
use crate::registry::copy::Copied;

/// `chinampa.deploy/2`
#[derive(Debug, Serialize)]
pub struct DeployJson<'r> {
    schema: &'static str,
    environment: String,
    commit: String,
    dry_run: bool,
    /// What was decided.
    plan: Vec<PlannedJson<'r>>,
    /// What came of it; empty for a dry run.
    projects: Vec<ResultJson<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
struct PlannedJson<'r> {
    name: &'r ProjectName,
    old_image: Option<ManifestDigest>,
    new_image: ManifestDigest,
    fixed_tags: Vec<String>,
    moving_tags: Vec<String>,
    terraform: Vec<TerraformJson>,
    /// The first that is restarted, from before a project could have several.
    service: ServiceJson,
    services: Vec<ServiceWorkJson>,
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct TerraformJson {
    folder: String,
    state: String,
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
struct ServiceJson {
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Debug, Serialize)]
struct ServiceWorkJson {
    kind: &'static str,
    #[serde(flatten)]
    work: ServiceJson,
}

#[derive(Debug, Serialize)]
struct ResultJson<'r> {
    name: &'r ProjectName,
    outcome: &'static str,
    seconds: f64,
    /// What the environment runs now.
    #[serde(skip_serializing_if = "Option::is_none")]
    runs: Option<&'r ImageRef>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_tail: Option<Vec<String>>,
}

impl<'r> DeployJson<'r> {
    pub fn of_dry_run(done: &'r DryRun) -> Self {
        let error = done.error.as_ref().map(|error| causes(error));
        Self { error, ..Self::new(&done.plan, true) }
    }

    pub fn of_report(report: &'r DeployReport) -> Self {
        let error = report.error.as_ref().map(|error| causes(error));
        Self {
            projects: report.results.iter().map(result).collect(),
            error,
            ..Self::new(&report.plan, false)
        }
    }

    fn new(plan: &'r DeployPlan, dry_run: bool) -> Self {
        Self {
            schema: "chinampa.deploy/2",
            environment: plan.environment.to_string(),
            commit: plan.commit.to_string(),
            dry_run,
            plan: plan.projects.iter().map(|project| planned(plan, project)).collect(),
            projects: Vec::new(),
            error: None,
        }
    }
}

fn planned<'r>(plan: &DeployPlan, project: &'r ProjectDeployment) -> PlannedJson<'r> {
    let texts = |tags: Vec<Tag>| tags.iter().map(ToString::to_string).collect();
    let terraform = |work: &TerraformWork| {
        let (action, reason) = match work {
            TerraformWork::Apply { reason, .. } => ("apply", Some(reason.to_string())),
            TerraformWork::Unchanged { .. } => ("none", None),
        };
        let root = work.root();
        let (folder, state) = (root.folder.path.to_string(), root.backend.to_string());
        TerraformJson { folder, state, action, reason }
    };
    let services: Vec<ServiceWorkJson> = project.services.iter().map(service).collect();
    let first = services.iter().find(|it| it.work.reason.is_some()).map(|it| it.work.clone());
    PlannedJson {
        name: &project.name,
        old_image: project.image.old,
        new_image: project.image.new,
        fixed_tags: texts(plan.fixed_tags(project)),
        moving_tags: texts(plan.moving_tags(project)),
        terraform: project.terraform.iter().map(terraform).collect(),
        service: first.unwrap_or(ServiceJson { action: "none", reason: None }),
        services,
        warnings: project.warnings(),
    }
}

fn service(work: &ServiceWork) -> ServiceWorkJson {
    let (service, action, reason) = match work {
        ServiceWork::Restart { service, reason, .. } => (service, "restart", Some(reason.to_string())),
        ServiceWork::Unchanged { service } => (service, "none", None),
    };
    ServiceWorkJson { kind: service.service.kind(), work: ServiceJson { action, reason } }
}

fn result(result: &ProjectResult) -> ResultJson<'_> {
    let (error, log_tail) = failure(result).unzip();
    let ProjectResult { project: name, runs, outcome, took } = result;
    let seconds = took.as_secs_f64();
    ResultJson { name, outcome: outcome.label(), seconds, runs: runs.as_ref(), error, log_tail }
}

/// What went wrong, then its causes; and the last lines of the program that failed.
fn failure(result: &ProjectResult) -> Option<(Vec<String>, Vec<String>)> {
    match &result.outcome {
        ProjectOutcome::Failed(error) => Some((causes(error), error.log_tail().to_vec())),
        ProjectOutcome::Unchanged
        | ProjectOutcome::Deployed
        | ProjectOutcome::Interrupted
        | ProjectOutcome::Skipped => None,
    }
}

/// What went wrong, then its causes.
pub fn causes(error: &dyn std::error::Error) -> Vec<String> {
    let errors = std::iter::successors(Some(error), |error| error.source());
    errors.map(|error| printable(&error.to_string())).collect()
}

/// What a deployment would do, project by project, each part with its reason.
pub fn plan(plan: &DeployPlan) -> String {
    let mut text = format!("{} to `{}`:\n", plan.commit.short(), plan.environment);
    if plan.is_nothing() {
        text.push_str("all of it runs already\n");
    }
    for project in &plan.retired {
        text.push_str(&format!("{project}: this commit does not deploy it; what runs of it is left alone\n"));
    }
    for project in &plan.projects {
        let new = project.image.new;
        text.push_str(&match project.image.old {
            Some(old) if old == new => format!("{}: {}@{new}\n", project.name, project.destination),
            Some(old) => format!("{}: {}@{old} -> {new}\n", project.name, project.destination),
            None => format!("{}: nothing -> {}@{new}\n", project.name, project.destination),
        });
        let tags = plan.fixed_tags(project).into_iter().chain(plan.moving_tags(project));
        let tags: Vec<String> = tags.map(|tag| tag.to_string()).collect();
        text.push_str(&format!("  tagged {}\n", tags.join(", ")));
        for work in &project.terraform {
            let root = work.root();
            text.push_str(&match work {
                TerraformWork::Apply { reason, .. } => {
                    format!(
                        "  apply Terraform in {} with the state {}: {reason}\n",
                        root.folder.path, root.backend
                    )
                }
                TerraformWork::Unchanged { .. } => {
                    format!("  Terraform in {}: unchanged\n", root.folder.path)
                }
            });
        }
        for work in &project.services {
            text.push_str(&format!("  {}\n", service_line(work)));
        }
        for warning in project.warnings() {
            text.push_str(&format!("  warning: {}\n", printable(&warning)));
        }
    }
    text
}

/// What is done with a service, and what kind of thing it is.
pub(super) fn service_action(service: &Service, is_missing: bool) -> (&'static str, &'static str) {
    match service {
        Service::EcsTask(_) => ("run", "task"),
        Service::EcsScheduled(_) => ("update", "schedule"),
        _ if is_missing => ("start", "service"),
        _ => ("restart", "service"),
    }
}

fn service_line(work: &ServiceWork) -> String {
    match work {
        ServiceWork::Restart { service, reason, is_missing } => {
            let (verb, noun) = service_action(&service.service, *is_missing);
            let created = match is_missing {
                true => ", which is not there yet and has to be created before",
                false => "",
            };
            format!("{verb} the {noun}{created}: {reason}")
        }
        ServiceWork::Unchanged { service } => match &service.service {
            Service::EcsTask(_) => "the task: not run".to_owned(),
            Service::EcsScheduled(_) => "the schedule: unchanged".to_owned(),
            _ => "the service: unchanged".to_owned(),
        },
    }
}

/// One line for an event; `None` for what only a live display shows.
pub fn event(event: &DeployEvent) -> Option<String> {
    Some(match event {
        DeployEvent::Waiting { holder } => {
            format!("waiting for another deployment: {}", printable(&holder.to_string()))
        }
        DeployEvent::Repository { repository, change } => format!("{repository}: {change}"),
        DeployEvent::Promoted { project, image, copied } => return promoted(project, image, copied),
        DeployEvent::Terraform { project, event: TerraformEvent::Started { folder, step } } => {
            format!("{project}: terraform {step} in {folder}")
        }
        DeployEvent::Terraform { project, event: TerraformEvent::Line { line, .. } }
        | DeployEvent::Service { project, event: ServiceEvent::Line(line) } => {
            format!("{project}: | {}", printable(&line.text))
        }
        DeployEvent::Service { project, event: ServiceEvent::Note(note) } => {
            format!("{project}: {}", printable(note))
        }
        DeployEvent::Restarting { project, service } => {
            let (verb, noun) = service_action(&service.service, false);
            format!("{project}: {verb} the {noun}")
        }
        DeployEvent::Planned { .. }
        | DeployEvent::Promoting { .. }
        | DeployEvent::Started { .. }
        | DeployEvent::Finished { .. } => return None,
    })
}

/// `None` for an image that was there.
fn promoted(project: &ProjectName, image: &ImageRef, copied: &Copied) -> Option<String> {
    let Copied { blobs_sent, blobs_skipped, blobs_mounted, bytes_sent, manifests_sent } = copied;
    (*manifests_sent > 0).then(|| {
        format!(
            "{project}: promoted {image}: {blobs_sent} blobs sent ({bytes_sent} bytes), {blobs_mounted} mounted, \
             {blobs_skipped} there before"
        )
    })
}
