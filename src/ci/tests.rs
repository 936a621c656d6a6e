use super::*;

fn read(variables: &[(&str, &str)]) -> Facts {
    let find =
        |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    Facts::read(Sources { variable: &find, file: &find })
}

const COMMIT: &str = "c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1";
const BEFORE: &str = "b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0";
const ZEROS: &str = "0000000000000000000000000000000000000000";
const URL: &str = "https://user:secret@git.example/a/b";

#[test]
fn every_ci_says_the_same_under_other_names() {
    let expected = Facts {
        commit: Some(COMMIT.to_owned()),
        branch: Some("fix/a".to_owned()),
        job: Some("test".to_owned()),
        repository_url: Some("https://git.example/a/b".to_owned()),
        ..Facts::default()
    };
    let circle = [
        ("CIRCLECI", "true"),
        ("CIRCLE_SHA1", COMMIT),
        ("CIRCLE_BRANCH", "fix/a"),
        ("CIRCLE_TAG", ""),
        ("CIRCLE_JOB", "test"),
        ("CIRCLE_REPOSITORY_URL", URL),
    ];
    let github = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_SHA", COMMIT),
        ("GITHUB_REF_TYPE", "branch"),
        ("GITHUB_REF_NAME", "fix/a"),
        ("GITHUB_HEAD_REF", ""),
        ("GITHUB_JOB", "test"),
        ("GITHUB_SERVER_URL", "https://git.example"),
        ("GITHUB_REPOSITORY", "a/b"),
    ];
    let gitlab = [
        ("GITLAB_CI", "true"),
        ("CI_COMMIT_SHA", COMMIT),
        ("CI_COMMIT_BRANCH", "fix/a"),
        ("CI_JOB_NAME", "test"),
        ("CI_PROJECT_URL", URL),
        ("CI_REPOSITORY_URL", "https://gitlab-ci-token:secret@git.example/a/b.git"),
        ("CI_COMMIT_BEFORE_SHA", ZEROS),
    ];
    let buildkite = [
        ("BUILDKITE", "true"),
        ("BUILDKITE_COMMIT", COMMIT),
        ("BUILDKITE_BRANCH", "fix/a"),
        ("BUILDKITE_PULL_REQUEST", "false"),
        ("BUILDKITE_PULL_REQUEST_BASE_BRANCH", ""),
        ("BUILDKITE_STEP_KEY", "test"),
        ("BUILDKITE_REPO", URL),
    ];
    let codebuild = [
        ("CODEBUILD_BUILD_ID", "test"),
        ("CODEBUILD_RESOLVED_SOURCE_VERSION", COMMIT),
        ("CODEBUILD_WEBHOOK_EVENT", "PUSH"),
        ("CODEBUILD_WEBHOOK_HEAD_REF", "refs/heads/fix/a"),
        ("CODEBUILD_WEBHOOK_BASE_REF", "refs/heads/fix/a"),
        ("CODEBUILD_SOURCE_REPO_URL", URL),
    ];
    let jenkins = [
        ("JENKINS_URL", "https://jenkins.example/"),
        ("GIT_COMMIT", COMMIT),
        ("GIT_BRANCH", "origin/fix/a"),
        ("JOB_NAME", "test"),
        ("GIT_URL", URL),
    ];

    let read =
        [read(&circle), read(&github), read(&gitlab), read(&buildkite), read(&codebuild), read(&jenkins)];

    for facts in read {
        assert_eq!(facts, expected);
    }
}

#[test]
fn without_a_ci_nothing_is_known() {
    assert_eq!(read(&[("HOME", "/x"), ("GIT_COMMIT", COMMIT)]), Facts::default());
}

#[test]
fn a_tag_is_no_branch() {
    let github = [("GITHUB_ACTIONS", "1"), ("GITHUB_REF_TYPE", "tag"), ("GITHUB_REF_NAME", "v1")];
    let codebuild = [("CODEBUILD_BUILD_ID", "1"), ("CODEBUILD_WEBHOOK_HEAD_REF", "refs/tags/v1")];
    let jenkins = [("JENKINS_URL", "u"), ("TAG_NAME", "v1"), ("BRANCH_NAME", "v1")];

    for facts in [read(&github), read(&codebuild), read(&jenkins)] {
        assert_eq!((facts.branch, facts.tag.as_deref()), (None, Some("v1")));
    }
}

/// Else whoever names a branch of a fork `main` would write what the default branch is built from.
#[test]
fn the_branch_of_a_fork_is_never_taken_for_one_here() {
    let event = |repository: &str| {
        format!(r#"{{"pull_request": {{"head": {{"repo": {{"full_name": "{repository}"}}}}}}}}"#)
    };
    let (fork, here) = (event("mallory/b"), event("a/b"));
    let github = |event| {
        [
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_REF_NAME", "7/merge"),
            ("GITHUB_HEAD_REF", "main"),
            ("GITHUB_REPOSITORY", "a/b"),
            ("GITHUB_EVENT_PATH", "event.json"),
            ("event.json", event),
        ]
    };
    let gitlab = [
        ("GITLAB_CI", "true"),
        ("CI_MERGE_REQUEST_IID", "7"),
        ("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "main"),
        ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "2"),
        ("CI_MERGE_REQUEST_PROJECT_ID", "1"),
    ];
    let codebuild = [
        ("CODEBUILD_BUILD_ID", "1"),
        ("CODEBUILD_WEBHOOK_EVENT", "PULL_REQUEST_UPDATED"),
        ("CODEBUILD_WEBHOOK_TRIGGER", "pr/7"),
        ("CODEBUILD_WEBHOOK_HEAD_REF", "refs/heads/main"),
    ];
    let jenkins = [
        ("JENKINS_URL", "u"),
        ("BRANCH_NAME", "PR-7"),
        ("CHANGE_BRANCH", "main"),
        ("CHANGE_FORK", "mallory"),
    ];

    let branches = [
        read(&github(&fork)),
        read(&github("no JSON")),
        read(&github(&here)),
        read(&gitlab),
        read(&codebuild),
        read(&jenkins),
    ]
    .map(|facts| facts.branch.unwrap());

    assert_eq!(branches, ["pull/7", "pull/7", "main", "merge-requests/7", "pr/7", "PR-7"]);
}

#[test]
fn what_stands_for_no_commit_counts_as_absent() {
    for nothing in ["", " ", "null", "<nil>", ZEROS, "not a commit", "-x", "HEAD"] {
        let facts = read(&[("GITLAB_CI", "1"), ("CI_COMMIT_BEFORE_SHA", nothing)]);
        assert_eq!(facts.previous, None, "{nothing:?}");
    }
}

#[test]
fn a_comparison_of_circleci_names_the_commit_before() {
    let read = |range: &str| {
        let url = format!("https://github.com/a/b/compare/{range}");
        read(&[("CIRCLECI", "true"), ("CIRCLE_COMPARE_URL", &url)]).previous.map(|said| said.value)
    };

    assert_eq!(read("43e0e5c0d92b...1ac3f5f2b5f5").as_deref(), Some("43e0e5c0d92b"));
    assert_eq!(read("1ac3f5f2b5f5^...1ac3f5f2b5f5"), None);
}

/// Of another target, what head and target have in common would have to be found first.
#[test]
fn only_a_merge_base_is_exported_as_the_base() {
    let gitlab = read(&[("GITLAB_CI", "1"), ("CI_MERGE_REQUEST_DIFF_BASE_SHA", BEFORE)]);
    let event = format!(r#"{{"pull_request": {{"base": {{"sha": "{BEFORE}"}}}}}}"#);
    let github = read(&[("GITHUB_ACTIONS", "1"), ("GITHUB_EVENT_PATH", "e"), ("e", &event)]);

    assert_eq!(gitlab.exports(), format!("export CHINAMPA_BASE='{BEFORE}'\n"));
    assert_eq!(github.exports(), "");
}

#[test]
fn no_value_can_end_its_quotes() {
    let branch = "a'; touch /tmp/x; '$(id)`id`\n\"\\";
    let facts = Facts { branch: Some(branch.to_owned()), ..Facts::default() };

    let script = format!("{}printf %s \"$CHINAMPA_BRANCH\"", facts.exports());
    let shell = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();

    assert_eq!(String::from_utf8(shell.stdout).unwrap(), branch);
}
