use std::time::Duration;

use insta::assert_snapshot;

use super::deployment;
use crate::deploy::{DeployReport, ProjectOutcome, ProjectResult};
use crate::model::{ImageRef, ManifestDigest};
use crate::report::summary::{Detail, Layout};
use crate::report::tests::{deploy_plan, failed_program};

const NARROW: Layout = Layout { detail: Detail::Brief, columns: Some(80) };
const WIDE: Layout = Layout { detail: Detail::Brief, columns: Some(200) };
const FULL: Layout = Layout { detail: Detail::Full, columns: Some(80) };

fn result(project: &str, outcome: ProjectOutcome, seconds: f64) -> ProjectResult {
    let image = format!("registry.example.com/shop/{project}").parse::<ImageRef>().unwrap();
    ProjectResult {
        project: project.parse().unwrap(),
        runs: Some(image.pinned(ManifestDigest::of(b"image"))),
        outcome,
        took: Duration::from_secs_f64(seconds),
    }
}

/// Two are deployed, one fails, and what comes after it is skipped.
fn failed() -> DeployReport {
    let mut results = vec![
        result("catalog", ProjectOutcome::Deployed, 41.2),
        result("orders", ProjectOutcome::Deployed, 75.0),
        result("api", ProjectOutcome::Failed(failed_program()), 12.3),
    ];
    results.extend(["web", "worker", "search"].map(|project| result(project, ProjectOutcome::Skipped, 0.0)));
    results.extend((1..=24).map(|it| result(&format!("service-{it}"), ProjectOutcome::Unchanged, 0.0)));
    let took = Duration::from_secs(140);
    DeployReport { plan: deploy_plan(), results, error: None, is_nothing: false, took }
}

#[test]
fn a_deployment_lists_what_was_deployed_by_time_and_what_failed_last() {
    let report = failed();

    assert_snapshot!(deployment(&report, NARROW).unstyled(), @"
    deployed  orders   1 min 15 s
    deployed  catalog      41.2 s
    skipped   web, worker, search
    failed    api after 12.3 s
              error: `terraform apply` failed in `api/terraform`
              because: `terraform` failed: exit status: 1
              | a line
              it ran registry.example.com/shop/api@sha256:6105d6cc76af before
    2 deployed, 24 unchanged, 1 failed, 3 skipped to `dev` at 0101010101 in 2 min 20 s
    ");
    assert_snapshot!(deployment(&report, WIDE).unstyled(), @"
    deployed  orders   1 min 15 s
    deployed  catalog      41.2 s
    skipped   web, worker, search
    failed    api after 12.3 s
              error: `terraform apply` failed in `api/terraform`
              because: `terraform` failed: exit status: 1
              | a line
              it ran registry.example.com/shop/api@sha256:6105d6cc76af before
    2 deployed, 24 unchanged, 1 failed, 3 skipped to `dev` at 0101010101 in 2 min 20 s
    ");
    assert_snapshot!(deployment(&report, NARROW).ansi().replace('\u{1b}', "^"), @"
    ^[32mdeployed  ^[0morders   1 min 15 s
    ^[32mdeployed  ^[0mcatalog      41.2 s
    ^[33mskipped   ^[0mweb, worker, search
    ^[1m^[31mfailed    ^[0m^[1mapi^[0m after 12.3 s
              ^[1merror:^[0m `terraform apply` failed in `api/terraform`
              ^[1mbecause:^[0m `terraform` failed: exit status: 1
              ^[2m| ^[0ma line
              ^[2mit ran registry.example.com/shop/api@sha256:6105d6cc76af before^[0m
    ^[32m2 deployed^[0m, 24 unchanged, ^[1m^[31m1 failed^[0m, ^[33m3 skipped^[0m to `dev` at 0101010101 in 2 min 20 s
    ");
}

#[test]
fn with_everything_wanted_each_project_has_the_image_that_it_runs() {
    let mut report = failed();
    report.results.truncate(3);

    assert_snapshot!(deployment(&report, FULL).unstyled(), @"
    runs      catalog registry.example.com/shop/catalog@sha256:6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d
    runs      orders registry.example.com/shop/orders@sha256:6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d
    runs      api registry.example.com/shop/api@sha256:6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d
    deployed  orders   1 min 15 s
    deployed  catalog      41.2 s
    failed    api after 12.3 s
              error: `terraform apply` failed in `api/terraform`
              because: `terraform` failed: exit status: 1
              | a line
              it ran registry.example.com/shop/api@sha256:6105d6cc76af before
    2 deployed, 1 failed to `dev` at 0101010101 in 2 min 20 s
    ");
}

#[test]
fn a_deployment_of_what_runs_already_says_so() {
    let results = vec![result("api", ProjectOutcome::Unchanged, 0.0)];
    let report = DeployReport { results, is_nothing: true, ..failed() };

    assert_snapshot!(deployment(&report, NARROW).unstyled(), @"`dev` runs 0101010101 already, all of it: nothing to do");
}
