//! <https://plugins.jenkins.io/git/#plugin-content-environment-variables>, and for multibranch pipelines
//! <https://javadoc.jenkins.io/plugin/branch-api/jenkins/branch/BranchNameContributor.html>. Pull requests of jobs that are no
//! multibranch pipeline come from plugins: <https://plugins.jenkins.io/ghprb/>, <https://plugins.jenkins.io/gitlab-plugin/>.

use crate::ci::environment::CiEnvironment;
use crate::ci::run::{Event, Origin, PullRequest, Run};
use crate::ci::{Source, Sourced};
use crate::model::BranchName;

/// The last commit that was built is left aside: what failed there would count as unchanged.
pub(super) fn read(environment: CiEnvironment<'_>) -> Run {
    Run {
        commit: environment.commit("GIT_COMMIT"),
        event: event(environment),
        previous: environment.abbreviated_commit("GIT_PREVIOUS_SUCCESSFUL_COMMIT"),
        id: environment.get("BUILD_TAG"),
        node: None,
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
            Some(branch) => Origin::SameRepository(branch),
            None => Origin::Unknown,
        };
        return PullRequest { origin, ..PullRequest::of_unknown_origin(environment.number("CHANGE_ID")) }
            .into_branch(environment.branch("CHANGE_TARGET"))
            .into();
    }
    for number in ["ghprbPullId", "gitlabMergeRequestIid"] {
        if environment.get(number).is_some() {
            return PullRequest::of_unknown_origin(environment.number(number)).into();
        }
    }
    let branch = environment.branch("BRANCH_NAME").or_else(|| environment.branch("GIT_LOCAL_BRANCH"));
    match Event::tag_or_branch(environment.text("TAG_NAME"), branch) {
        Event::Unknown => {
            let has_several_remotes = environment.get("GIT_URL_2").is_some();
            let name = environment.get("GIT_BRANCH");
            name.map_or(Event::Unknown, |name| git_branch(&name, has_several_remotes))
        }
        known => known,
    }
}

/// What `GIT_BRANCH` names: `<remote>/<branch>`, a full reference, or nothing where it is the word `detached`.
///
/// A job with several remotes may have checked out a branch of any of their repositories.
fn git_branch(name: &str, has_several_remotes: bool) -> Event {
    let source = Source::Variable("GIT_BRANCH");
    let branch = |name: &str| Event::branch(Sourced { value: BranchName::new(name), source });
    if name.starts_with("refs/") {
        return Event::reference(name, source);
    }
    match name.split_once('/') {
        Some((remote, _)) if has_several_remotes && remote != "origin" => Event::Unknown,
        Some((_, name)) => branch(name),
        None if name == "detached" || name == "HEAD" => Event::Unknown,
        None => branch(name),
    }
}
