use super::*;
use crate::config::{Service, ServiceConfig};

fn name(name: &str) -> ProjectName {
    name.parse().unwrap()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn planned(images: usize, changed: &[&str]) -> LiveDeployment {
    let mut live = LiveDeployment::new();
    let changed = changed.iter().map(|it| name(it)).collect();
    live.on_event(&DeployEvent::Planned { images, changed }, seconds(1));
    live
}

fn promoted(project: &str) -> DeployEvent {
    DeployEvent::Promoted {
        project: name(project),
        image: "registry.example/api:1".parse().unwrap(),
        copied: crate::registry::copy::Copied::default(),
    }
}

fn note(project: &str, note: &str) -> DeployEvent {
    DeployEvent::Service { project: name(project), event: ServiceEvent::Note(note.to_owned()) }
}

fn service() -> ServiceConfig {
    let service = Service::Lambda { name: "api".parse().unwrap(), alias: None };
    ServiceConfig { service, region: None, role: None, timeout: None }
}

fn apply(project: &str) -> DeployEvent {
    let folder = crate::model::RepoPath::new("services/api/terraform").unwrap();
    let event = TerraformEvent::Started { folder, step: TerraformStep::Apply };
    DeployEvent::Terraform { project: name(project), event }
}

fn shown(live: &LiveDeployment, now: u64, columns: usize) -> String {
    live.frame(seconds(now), columns, 24).unstyled()
}

#[test]
fn the_header_says_what_is_done_now_and_the_row_with_which_step_and_output() {
    let mut live = planned(3, &["api", "web"]);
    for project in ["lib", "api"] {
        live.on_event(&DeployEvent::Promoting { project: name(project) }, seconds(2));
    }
    live.on_event(&promoted("lib"), seconds(3));
    let promoting = shown(&live, 4, 79);
    for event in [promoted("api"), promoted("web")] {
        live.on_event(&event, seconds(5));
    }
    let tags = shown(&live, 6, 79);
    live.on_event(&DeployEvent::Started { project: name("api") }, seconds(7));
    live.on_event(&apply("api"), seconds(7));
    let applying = shown(&live, 8, 79);
    live.on_event(&DeployEvent::Restarting { project: name("api"), service: service() }, seconds(9));
    live.on_event(&note("api", "the code of the function `api` is updated\n\n"), seconds(10));
    let restarting = shown(&live, 52, 79);
    live.on_event(&DeployEvent::Finished { project: name("api") }, seconds(53));
    live.on_event(&DeployEvent::Started { project: name("web") }, seconds(53));

    insta::assert_snapshot!([promoting, tags, applying, restarting, shown(&live, 54, 79)].join("\n"), @r"
    [0/2] promoting images, 1 of 3 done, 4 s
      api      2 s  promoting its image

    [0/2] writing tags and the record, 6 s

    [0/2] applying terraform of api, 8 s
      api      1 s  terraform apply in services/api/terraform

    [0/2] restarting the service of api, 52 s
      api     45 s  restart the service (lambda)
          the code of the function `api` is updated

    [1/2] deploying web, 54 s
      web      1 s  starting
    ");
}

#[test]
fn before_the_plan_it_says_whether_it_waits() {
    let mut live = LiveDeployment::new();
    let planning = shown(&live, 1, 79);
    let claim = crate::lease::Claim {
        commit: "0123456789".to_owned(),
        by: "job-7".to_owned(),
        begun: crate::model::Timestamp::from_millis(0),
        renewed: crate::model::Timestamp::from_millis(0),
        lease: seconds(60),
    };
    live.on_event(&DeployEvent::Waiting { holder: claim }, seconds(2));

    insta::assert_snapshot!([planning, shown(&live, 3, 200)].join("\n"), @r"
    planning the deployment, 1 s

    waiting for another deployment: commit 0123456789 by job-7, since 1970-01-01T00:00:00Z, last renewed 1970-01-01T00:00:00Z, 3 s
    ");
}

#[test]
fn no_line_is_wider_than_the_terminal_and_the_last_line_stays_free() {
    let names: Vec<String> = (0..30).map(|number| format!("a-project-with-a-long-name-{number}")).collect();
    let mut live = planned(30, &names.iter().map(String::as_str).collect::<Vec<_>>());
    for project in &names {
        live.on_event(&DeployEvent::Promoting { project: name(project) }, seconds(2));
    }

    for (columns, lines) in [(79, 24), (20, 10), (1, 2), (200, 50)] {
        let frame = live.frame(seconds(3), columns, lines);
        assert!(frame.lines().len() < lines.max(2), "{columns}x{lines}: {}", frame.unstyled());
        assert!(frame.lines().iter().all(|line| line.columns() <= columns), "{}", frame.unstyled());
    }
    assert!(live.frame(seconds(3), 79, 24).unstyled().ends_with("  9 more are running\n"));
}
