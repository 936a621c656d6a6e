use super::*;
use crate::config::EnvironmentName;
use crate::model::{Fingerprinter, ObjectId, Timestamp};

fn commit(byte: u8) -> CommitId {
    CommitId(ObjectId::Sha1([byte; 20]))
}

fn name(text: &str) -> ProjectName {
    text.parse().unwrap()
}

fn image() -> RecordedImage {
    RecordedImage {
        repository: "team/api".to_owned(),
        inputs: InputDigest::from_bytes([2; 32]),
        image: ManifestDigest::of(b"manifest"),
    }
}

fn build_record() -> BuildRecord {
    let projects = [(name("api"), image())].into();
    let durations = [(name("api"), Duration::from_millis(1500))].into();
    let builders =
        [(name("api"), [("linux/amd64".to_owned(), "tcp://a.example:1".to_owned())].into())].into();
    BuildRecord {
        commit: commit(1),
        branch: Some("main".to_owned()),
        sequence: 7,
        projects,
        durations,
        builders,
    }
}

fn applied(byte: u8) -> DeployedProject {
    let fingerprint = Fingerprinter::new("test/1").finish();
    let settings = AppliedSettings {
        terraform: [("api/terraform".to_owned(), fingerprint)].into(),
        service: fingerprint,
    };
    let at = Some(Timestamp::from_millis(7));
    DeployedProject { image: image(), commit: commit(byte), at, state: ProjectState::Applied(settings) }
}

fn in_progress(byte: u8, projects: &[&str]) -> InProgress {
    let projects = projects.iter().map(|project| name(project)).collect();
    InProgress { commit: commit(byte), since: Timestamp::from_millis(5), by: "ci".to_owned(), projects }
}

fn empty() -> DeployedRecord {
    DeployedRecord::new("dev".parse::<EnvironmentName>().unwrap())
}

/// `api` and `web` run commit 1.
fn deployed_record() -> DeployedRecord {
    let ends = ["api", "web"].map(|it| (name(it), ProjectEnd::Deployed(Box::new(applied(1)))));
    let begun = empty().begin(in_progress(1, &["api", "web"]));
    begun.end(DeploymentOutcome::Deployed, Timestamp::from_millis(9), ends)
}

#[test]
fn a_record_is_read_as_it_was_written_and_written_the_same_each_time() {
    let built = build_record();
    assert_eq!(BuildRecord::from_bytes(&built.to_bytes().unwrap()).unwrap(), built);
    let deployed = deployed_record();

    for record in [
        empty(),
        empty().begin(in_progress(1, &["api"])),
        deployed.clone(),
        deployed.clone().begin(in_progress(2, &["api"])),
        deployed.begin(in_progress(2, &["api"])).begin(in_progress(3, &[])),
    ] {
        let bytes = record.to_bytes().unwrap();

        assert_eq!(DeployedRecord::from_bytes(&bytes).unwrap(), record);
        assert_eq!(record.to_bytes().unwrap(), bytes);
    }
}

#[test]
fn what_is_no_record_is_an_error() {
    for document in ["", "{}", r#"{"schema":"chinampa.record/3","commit":"","projects":{}}"#] {
        assert!(BuildRecord::from_bytes(document.as_bytes()).is_err(), "{document}");
        assert!(DeployedRecord::from_bytes(document.as_bytes()).is_err(), "{document}");
    }
}

// issue 16
#[test]
fn a_record_of_another_commit_or_with_a_name_that_is_none_names_no_images() {
    let record = build_record();
    let hostile = |repository: &str| RecordedImage { repository: repository.to_owned(), ..image() };

    assert!(record.check_is_of(commit(1)).is_ok());
    assert!(matches!(record.check_is_of(commit(2)), Err(RecordError::Value(_))));
    assert_eq!(image().repository().unwrap().as_str(), "team/api");
    for repository in ["", "a\nb", "a\"", "A", "../a"] {
        assert!(matches!(hostile(repository).repository(), Err(RecordError::Value(_))), "{repository}");
    }
}

#[test]
fn one_kind_of_record_is_never_read_as_the_other() {
    let (built, deployed) = (build_record().to_bytes().unwrap(), deployed_record().to_bytes().unwrap());

    assert!(matches!(DeployedRecord::from_bytes(&built), Err(RecordError::Schema(_))));
    assert!(matches!(BuildRecord::from_bytes(&deployed), Err(RecordError::Schema(_))));
}

#[test]
fn a_record_of_the_first_schema_knows_images_and_nothing_else() {
    let first = format!(
        r#"{{"schema":"chinampa.deployed/1","environment":"dev","commit":"{}","projects":{{"api":{{"repository":"team/api","inputs":"{}","image":"{}"}}}}}}"#,
        commit(1),
        image().inputs,
        image().image
    );

    let record = DeployedRecord::from_bytes(first.as_bytes()).unwrap();

    assert_eq!((record.commit, record.in_progress.is_none()), (Some(commit(1)), true));
    let known = record.known(&name("api")).unwrap();
    assert_eq!((&known.image, &known.state), (&image(), &ProjectState::ImageOnly));
}

#[test]
fn of_what_a_deployment_in_progress_changes_nothing_is_known_and_of_the_rest_all() {
    let record = deployed_record().begin(in_progress(2, &["api"]));

    assert_eq!(record.known(&name("api")), None);
    assert_eq!(record.known(&name("web")), Some(&applied(1)));
    assert_eq!(record.commits(), [commit(1), commit(2)].into());
}

#[test]
fn what_a_deployment_that_died_was_changing_stays_uncertain_until_it_is_deployed() {
    let record = deployed_record().begin(in_progress(2, &["api"])).begin(in_progress(3, &["web"]));

    let web = (name("web"), ProjectEnd::Deployed(Box::new(applied(3))));
    let record = record.end(DeploymentOutcome::Deployed, Timestamp::from_millis(9), [web]);

    assert_eq!(record.known(&name("api")), None);
    assert_eq!(record.known(&name("web")), Some(&applied(3)));
    let outcomes: Vec<_> = record.history.iter().map(|past| past.outcome).collect();
    use DeploymentOutcome::{Abandoned, Deployed};
    assert_eq!(outcomes, [Deployed, Abandoned, Deployed]);
}

#[test]
fn a_project_that_failed_is_uncertain_and_one_that_was_skipped_runs_what_it_ran() {
    let record = deployed_record().begin(in_progress(2, &["api", "web"]));
    let ends = [(name("api"), ProjectEnd::Uncertain), (name("web"), ProjectEnd::Untouched)];

    let record = record.end(DeploymentOutcome::Failed, Timestamp::from_millis(9), ends);

    assert_eq!(record.known(&name("api")), None);
    assert_eq!(record.projects[&name("api")].commit, commit(1));
    assert_eq!(record.known(&name("web")), Some(&applied(1)));
    assert_eq!((record.commit, &record.history[0].failed), (Some(commit(2)), &Some(name("api"))));
}

#[test]
fn a_record_keeps_the_last_fifty_deployments() {
    let mut record = empty();
    for byte in 0..60 {
        let end = (DeploymentOutcome::Deployed, Timestamp::from_millis(9));
        record = record.begin(in_progress(byte, &[])).end(end.0, end.1, []);
    }

    assert_eq!(record.history.len(), MAX_HISTORY);
    assert_eq!(record.history[0].commit, commit(59));
}

#[test]
fn a_record_that_knows_no_durations_and_no_builders_is_read() {
    let old = format!(
        r#"{{"schema":"chinampa.record/1","commit":"{}","branch":null,"projects":{{"api":{{"repository":"team/api","inputs":"{}","image":"{}"}}}}}}"#,
        commit(1),
        image().inputs,
        image().image
    );

    let record = BuildRecord::from_bytes(old.as_bytes()).unwrap();

    assert_eq!(record.projects, [(name("api"), image())].into());
    assert!(record.durations.is_empty() && record.builders.is_empty());
    let written = String::from_utf8(record.to_bytes().unwrap()).unwrap();
    assert!(!written.contains("milliseconds") && !written.contains("builders"), "{written}");
}

#[test]
fn a_timing_is_read_as_it_was_written_and_those_of_two_images_differ() {
    let timing = |byte| Timing {
        inputs: InputDigest::from_bytes([byte; 32]),
        took: Duration::from_millis(1500),
        builders: [("default".to_owned(), "tcp://a.example:1".to_owned())].into(),
    };
    let (one, other) = (timing(1).to_bytes().unwrap(), timing(2).to_bytes().unwrap());

    assert_eq!(Timing::from_bytes(&one).unwrap(), timing(1));
    assert_ne!(one, other);
    assert!(BuildRecord::from_bytes(&one).is_err());
    assert!(Timing::from_bytes(&build_record().to_bytes().unwrap()).is_err());
}
