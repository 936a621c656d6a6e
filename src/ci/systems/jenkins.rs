//! <https://plugins.jenkins.io/git/#plugin-content-environment-variables>, and for multibranch pipelines
//! <https://javadoc.jenkins.io/plugin/branch-api/jenkins/branch/BranchNameContributor.html>. Pull requests of jobs that are no
//! multibranch pipeline come from plugins: <https://plugins.jenkins.io/ghprb/>, <https://plugins.jenkins.io/gitlab-plugin/>.

use crate::ci::Sourced;
use crate::ci::environment::CiEnvironment;
use crate::ci::run::{Event, Origin, PullRequest, Run};
use crate::model::BranchName;

/// The last commit that was built is left aside: what failed there would count as unchanged.
pub(super) fn read(environment: CiEnvironment<'_>) -> Run {
    let previous = environment.get("GIT_PREVIOUS_SUCCESSFUL_COMMIT");
    Run {
        commit: Sourced::of_commit(environment, "GIT_COMMIT", "`GIT_COMMIT`"),
        event: event(environment),
        previous: previous
            .and_then(|commit| Sourced::abbreviated_commit(&commit, "`GIT_PREVIOUS_SUCCESSFUL_COMMIT`")),
        job: environment.get("JOB_NAME"),
        repository_url: environment.get("GIT_URL"),
        is_of_codepipeline: false,
    }
}

fn event(environment: CiEnvironment<'_>) -> Event {
    let change = ["CHANGE_ID", "CHANGE_BRANCH", "CHANGE_FORK", "CHANGE_TARGET"];
    if environment.first(&change).is_some() {
        // Set where the change comes from a fork.
        let is_of_fork = environment.get("CHANGE_FORK").is_some();
        let origin = match environment.branch("CHANGE_BRANCH") {
            _ if is_of_fork => Origin::Fork,
            Some(value) => Origin::SameRepository(Sourced { value, source: "`CHANGE_BRANCH`" }),
            None => Origin::Unknown,
        };
        return PullRequest { origin, ..PullRequest::of_unknown_origin(environment.number("CHANGE_ID")) }
            .into_branch(environment.branch("CHANGE_TARGET"), "`CHANGE_TARGET`")
            .into();
    }
    for number in ["ghprbPullId", "gitlabMergeRequestIid"] {
        if environment.get(number).is_some() {
            return PullRequest::of_unknown_origin(environment.number(number)).into();
        }
    }
    if let Some(tag) = environment.get("TAG_NAME") {
        return Event::tag(tag, "`TAG_NAME`");
    }
    for name in ["BRANCH_NAME", "GIT_LOCAL_BRANCH"] {
        if let Some(branch) = environment.branch(name) {
            let source = if name == "BRANCH_NAME" { "`BRANCH_NAME`" } else { "`GIT_LOCAL_BRANCH`" };
            return Event::branch(branch, source);
        }
    }
    environment
        .get("GIT_BRANCH")
        .map_or(Event::Unknown, |branch| git_branch(&branch, environment.get("GIT_URL_2").is_some()))
}

/// What `GIT_BRANCH` names: `<remote>/<branch>`, a full reference, or nothing where it is the word `detached`.
///
/// A job with several remotes may have checked out a branch of any of their repositories.
fn git_branch(name: &str, has_several_remotes: bool) -> Event {
    let source = "`GIT_BRANCH`";
    if name.starts_with("refs/") {
        return Event::reference(name, source);
    }
    match name.split_once('/') {
        Some((remote, _)) if has_several_remotes && remote != "origin" => Event::Unknown,
        Some((_, branch)) => Event::branch(BranchName::new(branch), source),
        None if name == "detached" || name == "HEAD" => Event::Unknown,
        None => Event::branch(BranchName::new(name), source),
    }
}
