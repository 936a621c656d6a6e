//! The CI systems, each by its own documentation.

mod azure;
mod bitbucket;
mod buildkite;
mod circleci;
mod cloud_build;
mod codebuild;
mod drone;
mod github;
mod gitlab;
mod jenkins;
mod semaphore;
mod teamcity;
mod travis;
mod woodpecker;

use super::environment::CiEnvironment;
use super::run::Run;

/// A CI: its name, whether it set these variables, and what it says.
struct System {
    name: &'static str,
    is_here: fn(CiEnvironment<'_>) -> bool,
    read: fn(CiEnvironment<'_>) -> Run,
}

/// The order matters only where one CI runs the jobs of another: CodeBuild runs those of GitHub Actions, Jenkins starts builds
/// in CodeBuild.
const ALL: &[System] = &[
    System { name: "CircleCI", is_here: |it| it.get("CIRCLECI").is_some(), read: circleci::read },
    System { name: "GitHub Actions", is_here: |it| it.get("GITHUB_ACTIONS").is_some(), read: github::read },
    System { name: "GitLab CI", is_here: |it| it.get("GITLAB_CI").is_some(), read: gitlab::read },
    System { name: "Buildkite", is_here: |it| it.get("BUILDKITE").is_some(), read: buildkite::read },
    System { name: "Azure Pipelines", is_here: |it| it.get("TF_BUILD").is_some(), read: azure::read },
    System {
        name: "Bitbucket Pipelines",
        is_here: |it| it.get("BITBUCKET_BUILD_NUMBER").is_some(),
        read: bitbucket::read,
    },
    System { name: "Drone", is_here: |it| it.get("DRONE").is_some(), read: drone::read },
    System { name: "Woodpecker", is_here: |it| it.is("CI", "woodpecker"), read: woodpecker::read },
    System { name: "Semaphore", is_here: |it| it.get("SEMAPHORE").is_some(), read: semaphore::read },
    System { name: "Travis CI", is_here: |it| it.get("TRAVIS").is_some(), read: travis::read },
    System { name: "TeamCity", is_here: |it| it.get("TEAMCITY_VERSION").is_some(), read: teamcity::read },
    System { name: "CodeBuild", is_here: |it| it.get("CODEBUILD_BUILD_ID").is_some(), read: codebuild::read },
    System {
        name: "Jenkins",
        is_here: |it| it.first(&["JENKINS_URL", "JENKINS_HOME"]).is_some(),
        read: jenkins::read,
    },
    System { name: "Cloud Build", is_here: cloud_build::is_here, read: cloud_build::read },
];

/// The CI that runs this, and what it says; `None` where it isn't known.
pub(super) fn read(environment: CiEnvironment<'_>) -> Option<(&'static str, Run)> {
    let system = ALL.iter().find(|system| (system.is_here)(environment))?;
    Some((system.name, (system.read)(environment)))
}
