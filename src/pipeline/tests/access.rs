//! What gives jobs access: contexts of CircleCI, and the secret with the logins in the template of CodeBuild.

use insta::assert_snapshot;

use super::starters::starter_with;
use super::*;
use crate::pipeline::github::{Triggers, Workflow};

fn contexts(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// All jobs have a context, one project has another, and a deployment has two.
fn with_contexts() -> Pipeline {
    let mut pipeline = everything(&["base", "site"]);
    let Work::Trusted(trusted) = &mut pipeline.work else { panic!() };
    trusted.settings.contexts = contexts(&["cache"]);
    for job in &mut trusted.jobs {
        job.settings.contexts = contexts(&[if job.project.as_str() == "site" { "npm" } else { "cache" }]);
    }
    trusted.deployments[1].contexts = contexts(&["prod", "cache"]);
    pipeline
}

#[test]
fn jobs_of_circleci_get_their_contexts() {
    let text = with_contexts().render(Generated::CircleCi).unwrap().text;

    assert_snapshot!(text.split_once("\nworkflows:\n").unwrap().1, @r#"
      images:
        jobs:
          - build:
              name: build-base
              project: base
              context: [cache]
          - build-2:
              name: build-site
              project: site
              requires: [build-base]
              context: [npm]
          - gate:
              requires: [build-site]
              context: [cache]
          - deploy:
              name: deploy-dev
              environment: dev
              serial-group: "<< pipeline.project.slug >>/dev"
              requires: [gate]
              context: [cache]
          - approve-prod:
              type: approval
              requires: [gate]
          - deploy:
              name: deploy-prod
              environment: prod
              serial-group: "<< pipeline.project.slug >>/prod"
              requires: [approve-prod]
              context: [cache, prod]
    "#);
}

#[test]
fn other_cis_say_that_they_have_no_contexts() {
    let pipeline = with_contexts();
    let notes = |system| pipeline.render(system).unwrap().notes.join("\n");

    for system in [Generated::GitLab, Generated::Buildkite, Generated::CodeBuild] {
        assert!(notes(system).contains("`contexts` of `[ci]` is not used"), "{system:?}: {}", notes(system));
    }
    assert!(!notes(Generated::CircleCi).contains("`contexts`"));
    let of_github = Workflow::new(&pipeline, &Triggers::default()).unwrap().rendered.notes.join("\n");
    assert!(of_github.contains("`contexts` of `[ci]` is not used"), "{of_github}");
}

/// A job of a fork that names a restricted context is refused before it starts.
#[test]
fn the_first_job_of_circleci_has_no_context_for_forks() {
    let job = CiJob { contexts: contexts(&["cache"]), ..CiJob::default() };

    let text = starter_with(System::CircleCi, &job, Setup::default(), true);

    let (_, workflows) = text.split_once("workflows:\n").unwrap();
    let (workflows, _) = workflows.split_once("note:").unwrap();
    assert_snapshot!(workflows, @r#"
      setup:
        when:
          not:
            matches: {pattern: "^pull/[0-9]+$", value: "<< pipeline.git.branch >>"}
        jobs:
          - generate:
              context: [cache]
              filters:
                tags: {only: "/.*/"}
      setup-of-forks:
        when:
          matches: {pattern: "^pull/[0-9]+$", value: "<< pipeline.git.branch >>"}
        jobs: [generate]
    "#);
}

#[test]
fn the_projects_of_codebuild_get_the_logins_from_a_secret_and_that_of_pull_requests_does_not() {
    let setup =
        Setup { logins: "r.example=REGISTRY_USER:REGISTRY_PASSWORD".parse().unwrap(), ..Setup::default() };

    let text = starter_with(System::CodeBuild, &CiJob::default(), setup, false);

    let of = |needle: &str| resources_with(&text, needle);
    assert_eq!(
        of("[\"secretsmanager:GetSecretValue\"]"),
        ["DeployRole", "ImagesRole", "PipelineBuildRole", "StarterRole"]
    );
    assert_eq!(
        of("Value: {\"Fn::Sub\": \"${Logins}:REGISTRY_USER\"}"),
        ["Deploy", "Images", "PipelineBuild", "Starter"]
    );
    let (_, parameter) = text.split_once("  Logins:").unwrap();
    assert!(
        parameter.lines().take(3).any(|line| line.contains("REGISTRY_PASSWORD, REGISTRY_USER")),
        "{text}"
    );
}

/// The resources of a template that have a text, in the order of letters.
fn resources_with<'t>(template: &'t str, needle: &str) -> Vec<&'t str> {
    let (_, resources) = template.split_once("\nResources:\n").unwrap();
    let starts: Vec<usize> = resources
        .match_indices("\n  ")
        .map(|(at, _)| at + 1)
        .filter(|at| !resources[at + 2..].starts_with(' '))
        .chain([0])
        .collect();
    let mut found: Vec<&str> = resources
        .match_indices(needle)
        .map(|(at, _)| {
            let start = starts.iter().filter(|start| **start <= at).max().unwrap();
            resources[*start..].split(':').next().unwrap().trim()
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}
