use std::collections::BTreeMap;

use super::*;
use crate::config::{EcsTask, EnvironmentRule, Service, TaskSettings};
use crate::deploy::gate::{Candidate, Relation, Rollback};
use crate::deploy::request::BuiltProject;
use crate::deploy::{Backend, Creates, TerraformFolder};
use crate::model::{BranchName, Fingerprint, Fingerprinter, InputDigest, ObjectId, RepoPath, Timestamp};
use crate::record::{InProgress, ProjectEnd};

fn commit(byte: u8) -> CommitId {
    CommitId(ObjectId::Sha1([byte; 20]))
}

fn name(text: &str) -> ProjectName {
    text.parse().unwrap()
}

fn image(content: &str) -> ManifestDigest {
    ManifestDigest::of(content.as_bytes())
}

fn fingerprint(content: &str) -> Fingerprint {
    Fingerprinter::new("test/1").field(content).finish()
}

fn root(content: &str) -> TerraformRoot {
    TerraformRoot {
        folder: TerraformFolder { path: RepoPath::new("api/terraform").unwrap(), name: None },
        backend: Backend::new("s3", "shop-dev/api".to_owned()).unwrap(),
        fingerprint: fingerprint(content),
        reads_elsewhere: None,
        creates: Creates::Known(BTreeSet::new()),
        owned: Vec::new(),
    }
}

fn ecs(service: &str) -> ServiceConfig {
    let (cluster, name) = ("c".parse().unwrap(), service.parse().unwrap());
    ServiceConfig { service: Service::Ecs { cluster, name }, region: None, role: None, timeout: None }
}

/// One project with Terraform and a service, deployed to `dev`.
struct Case {
    request: DeployRequest,
    image: ManifestDigest,
    record: Option<DeployedRecord>,
    relation: Relation,
    states: Vec<ServiceState>,
}

impl Case {
    /// Commit 2 is deployed, where commit 1 runs with the same image, Terraform and service.
    fn unchanged() -> Self {
        let mut case = Self::first();
        let project = &case.request.projects[0];
        let settings = AppliedSettings {
            terraform: [("api/terraform".to_owned(), project.terraform[0].fingerprint)].into(),
            service: service_fingerprint(&project.services),
        };
        let recorded = case.recorded();
        let deployed = DeployedProject {
            image: recorded,
            commit: commit(1),
            at: None,
            state: ProjectState::Applied(settings),
        };
        let begun = DeployedRecord::new("dev".parse().unwrap()).begin(in_progress(1));
        let end = [(name("api"), ProjectEnd::Deployed(Box::new(deployed)))];
        let outcome = crate::record::DeploymentOutcome::Deployed;
        case.record = Some(begun.end(outcome, Timestamp::from_millis(1), end));
        case
    }

    /// Commit 2 is deployed where nothing was before.
    fn first() -> Self {
        let branches = [BranchName::new("main")].into();
        let project = ProjectRequest {
            name: name("api"),
            source: "api".parse().unwrap(),
            repository: "api".parse().unwrap(),
            destination: "team/api".parse().unwrap(),
            tags: Vec::new(),
            terraform: vec![root("a")],
            services: vec![ecs("api")],
        };
        Self {
            request: DeployRequest {
                workspace: "shop".parse().unwrap(),
                environment: "dev".parse().unwrap(),
                rule: EnvironmentRule { line: 1, branch: Some("main".parse().unwrap()), tag: None },
                candidate: Candidate { commit: commit(2), branches, tags: BTreeSet::new() },
                build_records: "shop-builds".parse().unwrap(),
                deployed_records: "team/shop-builds".parse().unwrap(),
                built: vec![BuiltProject {
                    name: name("api"),
                    inputs: InputDigest::from_bytes([1; 32]),
                    repository: "api".parse().unwrap(),
                }],
                projects: vec![project],
                is_whole: true,
                rollback: Rollback::Refused,
                apply: Apply::Changed,
                required: BTreeSet::new(),
            },
            image: image("a"),
            record: None,
            relation: Relation::FastForward,
            states: vec![ServiceState::Runs { image: format!("r/team/api@{}", image("a")) }],
        }
    }

    fn recorded(&self) -> RecordedImage {
        let inputs = InputDigest::from_bytes([1; 32]);
        RecordedImage { repository: "team/api".to_owned(), inputs, image: self.image }
    }

    fn plan(&self) -> Result<DeployPlan, GateError> {
        let relations = self.record.iter().flat_map(DeployedRecord::commits);
        let relations: BTreeMap<_, _> = relations.map(|commit| (commit, self.relation)).collect();
        let observed = Observed {
            images: [(name("api"), self.recorded())].into(),
            deployed: self.record.clone().map(|record| StoredRecord { record, digest: image("record") }),
            relations,
            services: [(name("api"), self.states.clone())].into(),
        };
        plan(&self.request, &observed)
    }

    /// Why Terraform is applied and why the service is restarted.
    fn reasons(&self) -> (Option<ApplyReason>, Option<RestartReason>) {
        let plan = self.plan().unwrap();
        let project = &plan.projects[0];
        let apply = match &project.terraform[0] {
            TerraformWork::Apply { reason, .. } => Some(reason.clone()),
            TerraformWork::Unchanged { .. } => None,
        };
        let restart = match &project.services[0] {
            ServiceWork::Restart { reason, .. } => Some(reason.clone()),
            ServiceWork::Unchanged { .. } => None,
        };
        (apply, restart)
    }
}

fn in_progress(byte: u8) -> InProgress {
    let since = Timestamp::from_millis(0);
    InProgress { commit: commit(byte), since, by: "ci".to_owned(), projects: [name("api")].into() }
}

#[test]
fn what_the_commit_does_not_deploy_any_more_is_left_alone_and_not_uncertain() {
    let mut case = Case::unchanged();
    let record = case.record.as_mut().unwrap();
    let mut worker = record.projects[&name("api")].clone();
    worker.state = ProjectState::Uncertain;
    record.projects.insert(name("worker"), worker);

    let plan = case.plan().unwrap();

    assert_eq!(plan.retired, [name("worker")].into());
    assert_eq!(plan.changed(), BTreeSet::new());
    let ends = [(name("worker"), ProjectEnd::Retired)];
    let outcome = crate::record::DeploymentOutcome::Deployed;
    let begun = case.record.take().unwrap().begin(in_progress(2));
    let record = begun.end(outcome, Timestamp::from_millis(2), ends);
    assert_eq!(record.current().map(|(name, _)| name).collect::<Vec<_>>(), [&name("api")]);
    assert_eq!(record.known(&name("worker")), None);
    let read = DeployedRecord::from_bytes(&record.to_bytes().unwrap()).unwrap();
    assert_eq!(read, record);
    // Once is enough, and of some projects only, nothing is known of the others.
    case.record = Some(record);
    assert_eq!(case.plan().unwrap().retired, BTreeSet::new());
    let mut case = Case::unchanged();
    case.request.is_whole = false;
    case.request.projects.clear();
    assert_eq!(case.plan().unwrap().retired, BTreeSet::new());
}

#[test]
fn a_terraform_folder_that_is_gone_is_said() {
    let mut case = Case::unchanged();
    case.request.projects[0].terraform.clear();

    let warnings = case.plan().unwrap().projects[0].warnings();

    let expected = "api/terraform: Terraform was applied there, and this commit has no such folder; what it made is left alone";
    assert_eq!(warnings, [expected]);
}

#[test]
fn what_is_recorded_as_applied_is_left_alone() {
    let case = Case::unchanged();

    assert_eq!(case.reasons(), (None, None));
    assert!(!case.plan().unwrap().is_nothing(), "the record names another commit");
}

// issue 12: P2
#[test]
fn a_change_of_terraform_alone_is_applied_and_the_service_is_looked_after() {
    let mut case = Case::unchanged();
    case.request.projects[0].terraform = vec![root("b")];

    let (apply, restart) = case.reasons();

    assert_eq!(apply, Some(ApplyReason::FilesChanged));
    assert_eq!(restart, Some(RestartReason::TerraformApplied));
}

// issue 12: P2
#[test]
fn a_change_of_the_service_table_alone_restarts_the_service() {
    let mut case = Case::unchanged();
    case.request.projects[0].services = vec![ecs("another")];

    assert_eq!(case.reasons(), (None, Some(RestartReason::SettingsChanged)));
    // Without Terraform, the service alone is a step.
    let plan = case.plan().unwrap();
    assert!(plan.projects[0].has_steps() && !plan.is_nothing());
}

#[test]
fn how_long_a_service_is_waited_for_is_no_change_of_it() {
    let mut case = Case::unchanged();
    case.request.projects[0].services[0].timeout = Some(std::time::Duration::from_secs(1));

    assert_eq!(case.reasons(), (None, None));
}

#[test]
fn a_new_image_is_deployed_with_all_that_it_has() {
    let mut case = Case::unchanged();
    case.image = image("b");

    assert_eq!(case.reasons(), (Some(ApplyReason::ImageChanged), Some(RestartReason::ImageChanged)));
    let plan = case.plan().unwrap();
    let change = &plan.projects[0].image;
    assert_eq!((change.old, change.new), (Some(image("a")), image("b")));
}

#[test]
fn a_folder_that_reads_elsewhere_is_applied_each_time() {
    let mut case = Case::unchanged();
    case.request.projects[0].terraform[0].reads_elsewhere = Some("`x`".to_owned());

    assert_eq!(case.reasons().0, Some(ApplyReason::ReadsElsewhere("`x`".to_owned())));
}

#[test]
fn everything_is_applied_where_that_is_asked_for() {
    let mut case = Case::unchanged();
    case.request.apply = Apply::All;

    assert_eq!(case.reasons(), (Some(ApplyReason::Requested), Some(RestartReason::TerraformApplied)));
}

// issue 12: P5
#[test]
fn of_what_a_deployment_that_died_was_changing_nothing_counts_as_unchanged() {
    let mut case = Case::unchanged();
    case.record = case.record.map(|record| record.begin(in_progress(3)));

    let unknown = UnknownReason::InProgress { commit: commit(3) };
    assert_eq!(case.reasons(), (Some(ApplyReason::Unknown(unknown)), Some(RestartReason::Unknown(unknown))));
}

// issue 12: P5
#[test]
fn while_a_record_is_in_progress_going_behind_either_commit_needs_rollback() {
    let mut case = Case::unchanged();
    case.record = case.record.map(|record| record.begin(in_progress(3)));
    case.relation = Relation::Behind;

    assert!(matches!(case.plan(), Err(GateError::GoesBack { .. })));
    case.request.rollback = Rollback::Allowed;
    assert!(case.plan().is_ok());
}

#[test]
fn the_relation_to_each_commit_that_may_run_counts() {
    let mut case = Case::unchanged();
    case.record = case.record.map(|record| record.begin(in_progress(3)));
    let observed = Observed {
        images: [(name("api"), case.recorded())].into(),
        deployed: case.record.clone().map(|record| StoredRecord { record, digest: image("record") }),
        relations: [(commit(1), Relation::FastForward), (commit(3), Relation::Behind)].into(),
        services: BTreeMap::new(),
    };

    let refused = plan(&case.request, &observed).unwrap_err();

    assert!(matches!(refused, GateError::GoesBack { deployed, .. } if deployed == commit(3)));
}

#[test]
fn a_record_of_the_first_schema_leaves_terraform_unknown() {
    let mut case = Case::unchanged();
    let record = case.record.as_mut().unwrap();
    record.projects.get_mut(&name("api")).unwrap().state = ProjectState::ImageOnly;

    assert_eq!(case.reasons().0, Some(ApplyReason::Unknown(UnknownReason::OlderRecord)));
}

// issue 12: P8
#[test]
fn a_service_that_was_given_up_or_runs_something_else_is_restarted_whatever_the_record_says() {
    let mut case = Case::unchanged();
    let given_up = "tasks failed".to_owned();
    case.states = vec![ServiceState::GivenUp { image: "x".to_owned(), reason: given_up.clone() }];
    assert_eq!(case.reasons(), (None, Some(RestartReason::GivenUp { reason: given_up })));

    case.states = vec![ServiceState::Runs { image: "r/team/api@sha256:0".to_owned() }];
    assert!(matches!(case.reasons(), (None, Some(RestartReason::RunsAnother { .. }))));
}

// issue 12: P11
#[test]
fn a_service_that_is_missing_is_refused_unless_terraform_that_is_applied_before_may_create_it() {
    let mut case = Case::first();
    case.states = vec![ServiceState::Missing { service: "ECS service `api`".to_owned() }];
    assert!(matches!(case.plan(), Err(GateError::NoService { .. })));

    for creates in [Creates::Unknown, Creates::Known(["aws_ecs_service".to_owned()].into())] {
        case.request.projects[0].terraform[0].creates = creates;
        let plan = case.plan().unwrap();
        assert!(matches!(plan.projects[0].services[0], ServiceWork::Restart { is_missing: true, .. }));
    }

    let mut applied_already = Case::unchanged();
    applied_already.states = case.states;
    applied_already.request.projects[0].terraform[0].creates = Creates::Unknown;
    assert!(matches!(applied_already.plan(), Err(GateError::NoService { .. })));
}

#[test]
fn a_task_runs_again_for_a_new_image_and_not_because_terraform_is_applied() {
    let mut case = Case::unchanged();
    let task = Service::EcsTask(EcsTask {
        cluster: "c".parse().unwrap(),
        family: "migrate".parse().unwrap(),
        command: Vec::new(),
        settings: TaskSettings::None,
    });
    case.request.projects[0]
        .services
        .insert(0, ServiceConfig { service: task, region: None, role: None, timeout: None });
    case.states.insert(0, ServiceState::Unknown);
    let settings = service_fingerprint(&case.request.projects[0].services);
    let known = case.record.as_mut().unwrap().projects.get_mut(&name("api")).unwrap();
    let ProjectState::Applied(applied) = &mut known.state else { panic!("it is applied") };
    applied.service = settings;
    let restarted = |case: &Case| {
        let plan = case.plan().unwrap();
        let is_restart = |work: &ServiceWork| matches!(work, ServiceWork::Restart { .. });
        plan.projects[0].services.iter().map(is_restart).collect::<Vec<_>>()
    };

    assert_eq!(restarted(&case), [false, false]);
    case.request.projects[0].terraform = vec![root("b")];
    assert_eq!(restarted(&case), [false, true]);
    case.image = image("b");
    assert_eq!(restarted(&case), [true, true]);
}

#[test]
fn what_terraform_and_the_deployment_both_set_is_a_warning() {
    let text = "resource \"aws_ecs_service\" \"api\" {\n  task_definition = \"x\"\n}\n\
                resource \"aws_lambda_function\" \"other\" {\n  image_uri = \"x\"\n}\n";
    let body = hcl_edit::parser::parse_body(text).unwrap();
    let file = RepoPath::new("api/terraform/main.tf").unwrap();
    let mut case = Case::unchanged();
    case.request.projects[0].terraform[0].owned = OwnedAttribute::find(&file, text, &body);

    let warnings = case.plan().unwrap().projects[0].warnings();

    assert_eq!(warnings.len(), 1, "{warnings:?}");
    let expected = "api/terraform/main.tf:1: each apply sets `task_definition` of `aws_ecs_service.api` back";
    assert!(warnings[0].starts_with(expected), "{warnings:?}");
}

#[test]
fn all_of_a_commit_that_is_recorded_is_nothing_to_do() {
    let mut case = Case::unchanged();
    case.request.candidate.commit = commit(1);
    case.relation = Relation::Same;
    assert!(case.plan().unwrap().is_nothing());

    case.record = case.record.map(|record| record.begin(in_progress(1)));
    assert!(!case.plan().unwrap().is_nothing());
}

#[test]
fn the_commit_s_tag_is_for_images_that_are_new_here() {
    let mut case = Case::unchanged();
    case.request.candidate.tags = ["v1.2".to_owned(), "not/a/tag".to_owned()].into();
    case.request.projects[0].tags = vec!["latest".parse().unwrap()];
    let tags = |case: &Case| {
        let plan = case.plan().unwrap();
        let project = &plan.projects[0];
        let texts = |tags: Vec<Tag>| tags.iter().map(ToString::to_string).collect::<Vec<_>>();
        (texts(plan.fixed_tags(project)), texts(plan.moving_tags(project)))
    };

    let moving = vec!["latest".to_owned(), "shop-dev".to_owned()];
    assert_eq!(tags(&case), (vec!["v1.2".to_owned()], moving.clone()));
    case.image = image("b");
    assert_eq!(tags(&case), (vec![commit(2).to_string(), "v1.2".to_owned()], moving));
}
