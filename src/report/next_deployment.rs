//! What a deployment of a commit would change now, as `status` says it.

use serde::Serialize;

use super::deployment::service_action;
use super::styled::{Role, StyledLine, StyledText};
use super::summary::{Detail, Layout};
use crate::deploy::{DeployPlan, ProjectDeployment, ServiceWork, TerraformWork};
use crate::model::{CommitId, ManifestDigest};

/// What came of planning a deployment of the current commit.
#[derive(Debug)]
pub struct NextDeployment {
    pub commit: CommitId,
    pub outcome: Preview,
}

/// A plan, or why there is none: what went wrong, then its causes.
#[derive(Debug)]
pub enum Preview {
    Planned(Box<DeployPlan>),
    /// A deployment of the commit would end with this.
    Refused(Vec<String>),
    /// It could not be planned.
    Unknown(Vec<String>),
}

/// The part of `chinampa.status/1` about the current commit.
#[derive(Debug, Serialize)]
pub(super) struct NextJson {
    commit: String,
    state: &'static str,
    causes: Vec<String>,
    projects: Vec<ChangeJson>,
}

#[derive(Debug, Serialize)]
struct ChangeJson {
    name: String,
    steps: Vec<StepJson>,
}

#[derive(Debug, Serialize)]
struct StepJson {
    action: &'static str,
    target: String,
    reason: String,
}

impl NextJson {
    pub(super) fn new(next: &NextDeployment) -> Self {
        let (state, causes, projects) = match &next.outcome {
            Preview::Planned(plan) => ("planned", &[][..], &plan.projects[..]),
            Preview::Refused(causes) => ("refused", &causes[..], &[][..]),
            Preview::Unknown(causes) => ("unknown", &causes[..], &[][..]),
        };
        let change = |project: &ProjectDeployment| ChangeJson {
            name: project.name.to_string(),
            steps: steps(project).into_iter().map(StepJson::from).collect(),
        };
        Self {
            commit: next.commit.to_string(),
            state,
            causes: causes.to_vec(),
            projects: projects.iter().map(change).collect(),
        }
    }
}

impl From<Step> for StepJson {
    fn from(Step { action, target, reason, .. }: Step) -> Self {
        Self { action, target, reason }
    }
}

/// One thing that is done.
struct Step {
    action: &'static str,
    target: String,
    /// What is done, in words.
    words: String,
    /// The image that is promoted.
    digest: Option<ManifestDigest>,
    reason: String,
}

/// What is done for a project: nothing if the environment runs all of it.
fn steps(project: &ProjectDeployment) -> Vec<Step> {
    let image = project.image.is_change().then(|| {
        let (target, new) = (project.destination.to_string(), project.image.new);
        let reason = match project.image.old {
            Some(_) => "its image changed",
            None => "it was never deployed here",
        };
        let words = format!("promote {target}");
        Step { action: "promote", target, words, digest: Some(new), reason: reason.to_owned() }
    });
    let terraform = project.terraform.iter().filter_map(|work| match work {
        TerraformWork::Apply { root, reason } => {
            let target = root.folder.path.to_string();
            let words = format!("apply Terraform in {target}");
            Some(Step { action: "apply", target, words, digest: None, reason: reason.to_string() })
        }
        TerraformWork::Unchanged { .. } => None,
    });
    let services = project.services.iter().filter_map(|work| match work {
        ServiceWork::Restart { service, reason, is_missing } => {
            let (action, noun) = service_action(&service.service, *is_missing);
            let (target, words) = (service.service.kind().to_owned(), format!("{action} the {noun}"));
            Some(Step { action, target, words, digest: None, reason: reason.to_string() })
        }
        ServiceWork::Unchanged { .. } => None,
    });
    image.into_iter().chain(terraform).chain(services).collect()
}

/// A line for each step of each project, and one for the projects without any; why there is no plan.
///
/// That nothing would change is for the summary to say.
pub(super) fn write(text: &mut StyledText, next: &NextDeployment, layout: Layout) {
    let commit = next.commit.short();
    let (heading, causes) = match &next.outcome {
        Preview::Planned(plan) => return planned(text, plan, layout),
        Preview::Refused(causes) => (format!("a deployment of {commit} would be refused: "), causes),
        Preview::Unknown(causes) => (format!("a deployment of {commit} cannot be planned here: "), causes),
    };
    let first = causes.first().map(String::as_str).unwrap_or_default();
    layout.push(text, StyledLine::new().text(Role::Strong, &heading).plain(first), 4);
    for cause in causes.iter().skip(1) {
        layout.push(text, StyledLine::new().plain(&format!("  because: {cause}")), 4);
    }
}

fn planned(text: &mut StyledText, plan: &DeployPlan, layout: Layout) {
    let commit = plan.commit.short();
    let with_steps = plan.projects.iter().map(|project| (&project.name, steps(project)));
    let (unchanged, changed): (Vec<_>, Vec<_>) = with_steps.partition(|(_, steps)| steps.is_empty());
    if changed.is_empty() {
        return;
    }
    let heading = format!("a deployment of {commit} would change:");
    text.push(StyledLine::new().text(Role::Strong, &heading));
    for (name, steps) in changed {
        text.push(StyledLine::new().plain("  ").text(Role::Strong, name.as_str()).plain(":"));
        for Step { words, digest, reason, .. } in steps {
            let digest = match (digest, layout.detail) {
                (None, _) => String::new(),
                (Some(digest), Detail::Brief) => format!(" {}", digest.short()),
                (Some(digest), Detail::Full) => format!("@{digest}"),
            };
            let line = StyledLine::new().plain(&format!("    {words}{digest}: "));
            layout.push(text, line.text(Role::Dim, &reason), 6);
        }
    }
    if !unchanged.is_empty() {
        let names: Vec<&str> = unchanged.iter().map(|(name, _)| name.as_str()).collect();
        let line = format!("  nothing, because it runs already: {}", names.join(", "));
        layout.push(text, StyledLine::new().plain(&line), 4);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::deploy_plan;

    fn preview(outcome: Preview) -> NextDeployment {
        NextDeployment { commit: deploy_plan().commit, outcome }
    }

    fn shown(next: &NextDeployment, layout: Layout) -> String {
        let mut text = StyledText::default();
        write(&mut text, next, layout);
        text.unstyled()
    }

    fn text(next: &NextDeployment) -> String {
        shown(next, Layout { detail: Detail::Brief, columns: Some(80) })
    }

    #[test]
    fn each_step_has_its_reason_and_projects_without_any_share_a_line() {
        let mut plan = deploy_plan();
        plan.projects[1].name = "lib".parse().unwrap();

        insta::assert_snapshot!(text(&preview(Preview::Planned(Box::new(plan)))), @r"
        a deployment of 0101010101 would change:
          api:
            promote team/api 6105d6cc76af: it was never deployed here
            apply Terraform in api/terraform: `--apply-all`
            start the service: it is not there
          nothing, because it runs already: lib
        ");
    }

    #[test]
    fn digests_are_whole_where_everything_is_wanted() {
        let next = preview(Preview::Planned(Box::new(deploy_plan())));

        let full = shown(&next, Layout { detail: Detail::Full, columns: Some(80) });

        let digest = "6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d";
        let line = format!("    promote team/api@sha256:{digest}: it was never deployed here\n");
        assert!(full.contains(&line), "{full}");
    }

    #[test]
    fn where_nothing_would_change_there_is_no_more_to_say() {
        let mut plan = deploy_plan();
        plan.projects.clear();

        assert_eq!(text(&preview(Preview::Planned(Box::new(plan)))), "");
    }

    #[test]
    fn why_there_is_no_plan_is_said_with_its_causes() {
        let causes = || vec!["it was not built".to_owned(), "there is no image".to_owned()];

        insta::assert_snapshot!(text(&preview(Preview::Refused(causes()))), @r"
        a deployment of 0101010101 would be refused: it was not built
          because: there is no image
        ");
        insta::assert_snapshot!(text(&preview(Preview::Unknown(causes()))), @r"
        a deployment of 0101010101 cannot be planned here: it was not built
          because: there is no image
        ");
    }
}
