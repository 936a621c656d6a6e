//! The CI systems, by the documentation of each: which variable says what.

use serde_json::Value;

use super::{Facts, Said, Sources, Target};

type Read = fn(Sources<'_>) -> Facts;

/// Each system's own variable, and what reads the others.
pub(super) const ALL: &[(&str, Read)] = &[
    ("CIRCLECI", circleci),
    ("GITHUB_ACTIONS", github),
    ("GITLAB_CI", gitlab),
    ("BUILDKITE", buildkite),
    ("CODEBUILD_BUILD_ID", codebuild),
    ("JENKINS_URL", jenkins),
];

/// GitLab finds the merge-base itself.
pub(super) const GITLAB_MERGE_BASE: &str = "`CI_MERGE_REQUEST_DIFF_BASE_SHA`";

/// <https://circleci.com/docs/reference/variables/>: nothing says what a pull request is to be merged into. The
/// address of the comparison is there with configurations of version 2 only; later ones have the pipeline value
/// `pipeline.git.base_revision`, to be passed on as `CHINAMPA_BASE`.
fn circleci(sources: Sources<'_>) -> Facts {
    let compared = sources.get("CIRCLE_COMPARE_URL").and_then(|url| {
        let (_, range) = url.rsplit_once("/compare/")?;
        let (older, _) = range.split_once("..")?;
        // Of a new branch it is the parent of the first commit, written with a `^`: nothing was built there.
        let older = Some(older).filter(|older| !older.ends_with('^'))?;
        Said::digits(older, "`CIRCLE_COMPARE_URL`")
    });
    Facts {
        commit: sources.get("CIRCLE_SHA1"),
        branch: sources.get("CIRCLE_BRANCH"),
        tag: sources.get("CIRCLE_TAG"),
        job: sources.get("CIRCLE_JOB"),
        repository_url: sources.get("CIRCLE_REPOSITORY_URL"),
        previous: compared,
        ..Facts::default()
    }
}

/// <https://docs.github.com/actions/reference/workflows-and-actions/variables>; the payload of the event is
/// that of the webhook: `pull_request.base.sha`, `merge_group.base_sha`, `before` of a push.
fn github(sources: Sources<'_>) -> Facts {
    let event = sources.get("GITHUB_EVENT_PATH").and_then(|path| (sources.file)(&path));
    let event: Value = event.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let said = |pointer: &str| event.pointer(pointer).and_then(Value::as_str);
    let commit = |pointer: &str| said(pointer).filter(|id| !super::is_nothing(id));

    let event_targets = [
        ("/pull_request/base/sha", "`pull_request.base.sha` in the file that `GITHUB_EVENT_PATH` names"),
        ("/merge_group/base_sha", "`merge_group.base_sha` in the file that `GITHUB_EVENT_PATH` names"),
    ];
    let event_targets = event_targets
        .into_iter()
        .filter_map(|(pointer, by)| Some(Said { value: Target::Commit(commit(pointer)?.parse().ok()?), by }));
    let branch_target = sources.target_branch("GITHUB_BASE_REF", "`GITHUB_BASE_REF`");

    let name = sources.get("GITHUB_REF_NAME");
    let is_tag = sources.get("GITHUB_REF_TYPE").as_deref() == Some("tag");
    let of_pull_request = sources.get("GITHUB_HEAD_REF").map(|branch| {
        let repository = sources.get("GITHUB_REPOSITORY");
        let from_here =
            said("/pull_request/head/repo/full_name").is_some_and(|name| Some(name) == repository.as_deref());
        // Of a pull request the name of the reference is `<number>/merge`.
        let number = name.as_deref().and_then(|name| name.split_once('/')).map(|(number, _)| number);
        if from_here { branch } else { format!("pull/{}", number.unwrap_or("unknown")) }
    });
    Facts {
        commit: sources.get("GITHUB_SHA"),
        branch: of_pull_request.or_else(|| name.clone().filter(|_| !is_tag)),
        tag: name.filter(|_| is_tag),
        job: sources.get("GITHUB_JOB"),
        repository_url: sources
            .get("GITHUB_SERVER_URL")
            .zip(sources.get("GITHUB_REPOSITORY"))
            .map(|(server, repository)| format!("{server}/{repository}")),
        targets: event_targets.chain(branch_target).collect(),
        previous: commit("/before")
            .and_then(|before| Said::digits(before, "`before` in the file that `GITHUB_EVENT_PATH` names")),
        ..Facts::default()
    }
}

/// <https://docs.gitlab.com/ci/variables/predefined_variables/>. The commit before is zeros in pipelines of merge
/// requests, for the first of a branch, and where a person or a schedule started one.
fn gitlab(sources: Sources<'_>) -> Facts {
    let projects = ["CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "CI_MERGE_REQUEST_PROJECT_ID"];
    let is_of_fork = sources.get(projects[0]) != sources.get(projects[1]);
    let of_merge_request = sources.get("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME").map(|branch| {
        let number = sources.get("CI_MERGE_REQUEST_IID").unwrap_or_else(|| "unknown".to_owned());
        if is_of_fork { format!("merge-requests/{number}") } else { branch }
    });
    let targets = [
        sources.target_commit("CI_MERGE_REQUEST_DIFF_BASE_SHA", GITLAB_MERGE_BASE),
        sources.target_branch("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "`CI_MERGE_REQUEST_TARGET_BRANCH_NAME`"),
    ];
    Facts {
        commit: sources.get("CI_COMMIT_SHA"),
        branch: of_merge_request.or_else(|| sources.get("CI_COMMIT_BRANCH")),
        tag: sources.get("CI_COMMIT_TAG"),
        job: sources.get("CI_JOB_NAME"),
        repository_url: sources.get("CI_PROJECT_URL"),
        targets: targets.into_iter().flatten().collect(),
        previous: sources.digits("CI_COMMIT_BEFORE_SHA", "`CI_COMMIT_BEFORE_SHA`"),
        ..Facts::default()
    }
}

/// <https://buildkite.com/docs/pipelines/configure/environment-variables>. A fork's branch has `<owner>:` before it;
/// a push does not say what it was pushed onto.
fn buildkite(sources: Sources<'_>) -> Facts {
    let is_pull_request = sources.get("BUILDKITE_PULL_REQUEST").is_some_and(|number| number != "false");
    let target =
        sources.target_branch("BUILDKITE_PULL_REQUEST_BASE_BRANCH", "`BUILDKITE_PULL_REQUEST_BASE_BRANCH`");
    Facts {
        // A build that a person started has the word until an agent knows the commit.
        commit: sources.get("BUILDKITE_COMMIT").filter(|commit| commit != "HEAD"),
        branch: sources.get("BUILDKITE_BRANCH"),
        tag: sources.get("BUILDKITE_TAG"),
        job: sources.first(&["BUILDKITE_STEP_KEY", "BUILDKITE_LABEL"]),
        repository_url: sources.get("BUILDKITE_REPO"),
        targets: target.filter(|_| is_pull_request).into_iter().collect(),
        ..Facts::default()
    }
}

/// <https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html>. Of a pull request nothing says
/// whether it is from a fork. In a pipeline of CodePipeline there are no variables of a webhook.
fn codebuild(sources: Sources<'_>) -> Facts {
    let is_pull_request =
        sources.get("CODEBUILD_WEBHOOK_EVENT").is_some_and(|event| event.starts_with("PULL_REQUEST"));
    let head = sources.get("CODEBUILD_WEBHOOK_HEAD_REF");
    let trigger = sources.get("CODEBUILD_WEBHOOK_TRIGGER");
    let named = |prefix: &str| head.as_deref()?.strip_prefix(prefix).map(str::to_owned);
    let target = sources.target_branch("CODEBUILD_WEBHOOK_BASE_REF", "`CODEBUILD_WEBHOOK_BASE_REF`");
    Facts {
        commit: sources.get("CODEBUILD_RESOLVED_SOURCE_VERSION"),
        // The trigger is `pr/<number>`.
        branch: if is_pull_request { trigger } else { named("refs/heads/") },
        tag: named("refs/tags/"),
        job: sources.get("CODEBUILD_BUILD_ID"),
        repository_url: sources.get("CODEBUILD_SOURCE_REPO_URL"),
        targets: target.filter(|_| is_pull_request).into_iter().collect(),
        previous: sources.digits("CODEBUILD_WEBHOOK_PREV_COMMIT", "`CODEBUILD_WEBHOOK_PREV_COMMIT`"),
        is_of_codepipeline: sources
            .get("CODEBUILD_INITIATOR")
            .is_some_and(|initiator| initiator.starts_with("codepipeline/")),
    }
}

/// <https://plugins.jenkins.io/git/#plugin-content-environment-variables>, and those of multibranch pipelines. The last
/// commit that was built is left aside: what failed there would count as unchanged.
fn jenkins(sources: Sources<'_>) -> Facts {
    let name = sources.get("BRANCH_NAME");
    let is_fork = sources.get("CHANGE_FORK").is_some();
    let of_pull_request = sources.get("CHANGE_BRANCH").filter(|_| !is_fork);
    let of_git = || {
        let branch = sources.get("GIT_BRANCH")?;
        let branch = branch.strip_prefix("origin/").unwrap_or(&branch);
        Some(branch.to_owned()).filter(|branch| branch != "detached" && branch != "HEAD")
    };
    let tag = sources.get("TAG_NAME");
    let branch = of_pull_request.or(name).or_else(|| sources.get("GIT_LOCAL_BRANCH")).or_else(of_git);
    Facts {
        commit: sources.get("GIT_COMMIT"),
        branch: branch.filter(|_| tag.is_none()),
        tag,
        job: sources.get("JOB_NAME"),
        repository_url: sources.get("GIT_URL"),
        targets: sources.target_branch("CHANGE_TARGET", "`CHANGE_TARGET`").into_iter().collect(),
        previous: sources.digits("GIT_PREVIOUS_SUCCESSFUL_COMMIT", "`GIT_PREVIOUS_SUCCESSFUL_COMMIT`"),
        ..Facts::default()
    }
}
