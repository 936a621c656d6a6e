use super::*;
use crate::model::{CommitId, ObjectId};

fn read(variables: &[(&str, &str)]) -> CiContext {
    let find =
        |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    CiContext::read(CiEnvironment { variable: &find, file: &find })
}

#[test]
fn variables_of_our_own_that_can_not_be_read_are_errors_and_not_absent() {
    let commit = CheckedOut { commit: COMMIT.parse().unwrap(), parents: &[], branch: None };
    for (name, value, expected) in [
        ("CHINAMPA_PULL_REQUEST", "#12", "the number of a pull request"),
        ("CHINAMPA_COMMIT", "c1c1c1c", "a whole commit id"),
    ] {
        let error = read(&[(name, value)]).about(commit).unwrap_err().to_string();
        assert_eq!(error, format!("`{name}` is `{value}`, and {expected} is expected"));
    }
    for nothing in ["", "false", "False", "null", ZEROS] {
        let context = read(&[("CHINAMPA_PULL_REQUEST", nothing), ("CHINAMPA_COMMIT", nothing)]);
        assert_eq!(context.about(commit).unwrap().pull_request(), None);
    }
    let padded = read(&[("CHINAMPA_PULL_REQUEST", "12 ")]).about(commit).unwrap();
    assert_eq!(padded.pull_request(), Some(12.into()));
}

#[test]
fn only_the_word_trusted_makes_a_run_trusted_and_only_no_value_leaves_it_to_the_ci() {
    let is_trusted = |value| read(&[("CHINAMPA_TRUST", value)]).trust().is_trusted();

    assert!(is_trusted("") && is_trusted("trusted"));
    for other in ["untrusted", "0", "00", "null", "<nil>", "false", "no", " ", "Trusted"] {
        assert!(!is_trusted(other), "{other}");
    }
}

const COMMIT: &str = "c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1";
const OTHER: &str = "d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1";
const BEFORE: &str = "b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0";
const ZEROS: &str = "0000000000000000000000000000000000000000";
const SHA256: &str = "1d5aa6e1a7bdbb9ecc64afe1ab27f9a4b4c6fcc4a28b8a3e9f9a7b7d9ee5f0b3";
const URL: &str = "https://user:secret@git.example/a/b";

fn about(context: &CiContext, commit: &str) -> CommitContext {
    context.about(CheckedOut { commit: commit.parse().unwrap(), parents: &[], branch: None }).unwrap()
}

fn branch(context: &CiContext, commit: &str) -> Option<String> {
    about(context, commit).branch_name().map(ToString::to_string)
}

#[test]
fn without_a_ci_the_checked_out_branch_counts() {
    let context = read(&[("HOME", "/x"), ("GIT_COMMIT", COMMIT)]);
    let main = BranchName::new("main");
    let checked_out = CheckedOut { commit: COMMIT.parse().unwrap(), parents: &[], branch: Some(&main) };

    assert!(!context.is_ci());
    assert_eq!(context.about(checked_out).unwrap().branch_name(), Some(&main));
    assert_eq!(*context.about(checked_out).unwrap().git_refs(), GitRefs::All);
    for in_ci in [read(&[("CI", "true")]), read(&[("CIRCLECI", "true")])] {
        assert!(in_ci.is_ci());
        assert_eq!(in_ci.about(checked_out).unwrap().branch_name(), None, "{in_ci:?}");
    }
    assert!(!read(&[("CI", "false")]).is_ci());
}

#[test]
fn our_own_variables_come_before_what_the_ci_says() {
    let circle = [("CIRCLECI", "true"), ("CIRCLE_SHA1", COMMIT), ("CIRCLE_BRANCH", "topic")];
    let with = |variable| read(&[&circle[..], &[variable]].concat());

    assert_eq!(branch(&with(("CHINAMPA_BRANCH", "main")), OTHER).as_deref(), Some("main"));
    assert_eq!(branch(&with(("CHINAMPA_PULL_REQUEST", "7")), COMMIT).as_deref(), Some("pull/7"));
    let tagged = about(&with(("CHINAMPA_TAG", "v1")), COMMIT);
    assert_eq!((tagged.branch_name(), tagged.tag()), (None, Some("v1")));
    assert_eq!(branch(&with(("CHINAMPA_BRANCH", "")), COMMIT).as_deref(), Some("topic"));
}

#[test]
fn our_own_variables_count_for_the_commit_that_they_name() {
    let context = read(&[("CI", "1"), ("CHINAMPA_COMMIT", COMMIT), ("CHINAMPA_BRANCH", "main")]);

    assert_eq!(branch(&context, COMMIT).as_deref(), Some("main"));
    assert_eq!(branch(&context, OTHER), None);
}

#[test]
fn why_there_is_no_branch_is_told() {
    let why = |variables: &[(&str, &str)]| match about(&read(variables), COMMIT).branch() {
        Branch::Unknown { why } => why.clone(),
        known => panic!("{known:?}"),
    };

    assert_eq!(
        why(&[("CIRCLECI", "1"), ("CIRCLE_SHA1", OTHER), ("CIRCLE_BRANCH", "main")]),
        "CircleCI runs for d1d1d1d1d1, by `CIRCLE_SHA1`, and this is c1c1c1c1c1"
    );
    assert_eq!(
        why(&[("BUILDKITE", "1"), ("BUILDKITE_COMMIT", "HEAD"), ("BUILDKITE_BRANCH", "main")]),
        "Buildkite doesn't say for which commit it runs, and this is c1c1c1c1c1"
    );
    assert_eq!(
        why(&[("CIRCLECI", "1"), ("CIRCLE_SHA1", COMMIT), ("CIRCLE_TAG", "v1")]),
        "this is a run of a tag, by `CIRCLE_TAG`"
    );
}

#[test]
fn what_a_pull_requests_head_is_merged_with_is_not_on_the_heads_branch() {
    // Somebody who may not push to `main` asks to merge it into a branch of their own: the merge has what they wrote.
    let context = read(&[
        ("GITLAB_CI", "true"),
        ("CI_COMMIT_SHA", COMMIT),
        ("CI_MERGE_REQUEST_IID", "7"),
        ("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "main"),
        ("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", OTHER),
        ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "1"),
        ("CI_MERGE_REQUEST_PROJECT_ID", "1"),
        ("CI_PROJECT_ID", "1"),
    ]);

    assert_eq!(context.trust(), Trust::Trusted);
    assert_eq!(branch(&context, COMMIT).as_deref(), Some("pull/7"));
    assert_eq!(branch(&context, OTHER).as_deref(), Some("main"));
}

#[test]
fn a_fork_or_an_untold_origin_is_untrusted_and_the_job_can_say_otherwise() {
    let fork = [("CIRCLECI", "true"), ("CIRCLE_SHA1", COMMIT), ("CIRCLE_PR_NUMBER", "7")];
    let untold = [("DRONE", "true"), ("DRONE_COMMIT_SHA", COMMIT), ("DRONE_PULL_REQUEST", "7")];
    let with = |trust| read(&[&fork[..], &[("CHINAMPA_TRUST", trust)]].concat()).trust();
    let why = |trust| match trust {
        Trust::Untrusted { why } => why,
        Trust::Trusted => "trusted".to_owned(),
    };

    assert_eq!(why(read(&fork).trust()), "pull request 7 comes from a fork");
    assert_eq!(why(read(&untold).trust()), "Drone doesn't say whether pull request 7 comes from a fork");
    assert_eq!(why(with("trusted")), "trusted");
    assert_eq!(why(with("untrusted")), "`CHINAMPA_TRUST` says so");
    // A typo must not open anything.
    assert_eq!(
        why(with("Trusted ")),
        "`CHINAMPA_TRUST` is `Trusted `, and neither `trusted` nor `untrusted`"
    );
    for trusted in [read(&[]), read(&[("CI", "true")]), read(&[("CIRCLECI", "1"), ("CIRCLE_BRANCH", "main")])]
    {
        assert_eq!(trusted.trust(), Trust::Trusted, "{trusted:?}");
    }
    assert_eq!(why(read(&[("CHINAMPA_TRUST", "untrusted")]).trust()), "`CHINAMPA_TRUST` says so");
}

#[test]
fn in_a_ci_the_references_of_the_clone_count_only_if_they_are_the_repositorys() {
    let refs = |variables: &[(&str, &str)]| about(&read(variables), COMMIT).git_refs().clone();
    let circle = refs(&[("CIRCLECI", "1"), ("CIRCLE_REPOSITORY_URL", "git@git.example:a/b.git")]);

    assert!(circle.include_origin(Some("https://git.example/a/b")) && !circle.include_local());
    assert!(!circle.include_origin(Some("https://git.example/mallory/b")));
    assert!(!circle.include_origin(None));
    assert_eq!(refs(&[("CI", "true")]), GitRefs::None);
    assert_eq!(refs(&[("CHINAMPA_TRUST", "untrusted")]), GitRefs::None);
}

#[test]
fn what_stands_for_no_commit_counts_as_absent() {
    let long_zeros = "0".repeat(64);
    for nothing in ["", " ", "null", "<nil>", ZEROS, &long_zeros, "not a commit", "-x", "HEAD"] {
        let gitlab = [("GITLAB_CI", "1"), ("CI_COMMIT_SHA", COMMIT), ("CI_COMMIT_BEFORE_SHA", nothing)];
        assert_eq!(about(&read(&gitlab), COMMIT).previous(), None, "{nothing:?}");
    }
    let gitlab = [("GITLAB_CI", "1"), ("CI_COMMIT_SHA", COMMIT), ("CI_COMMIT_BEFORE_SHA", BEFORE)];
    assert_eq!(about(&read(&gitlab), COMMIT).previous().unwrap().value, BEFORE);
    assert_eq!(about(&read(&gitlab), OTHER).previous(), None);
}

#[test]
fn a_commit_may_be_named_by_sha256() {
    let before = SHA256.replace('1', "2");
    let gitlab = [("GITLAB_CI", "1"), ("CI_COMMIT_SHA", SHA256), ("CI_COMMIT_BEFORE_SHA", &before)];

    let previous = about(&read(&gitlab), SHA256).previous().map(|previous| previous.value.clone());

    assert_eq!(previous, Some(before));
}

#[test]
fn a_comparison_of_circleci_names_the_commit_before() {
    let previous = |range: &str| {
        let url = format!("https://github.com/a/b/compare/{range}");
        let context = read(&[("CIRCLECI", "true"), ("CIRCLE_SHA1", COMMIT), ("CIRCLE_COMPARE_URL", &url)]);
        about(&context, COMMIT).previous().map(|previous| previous.value.clone())
    };

    assert_eq!(previous("43e0e5c0d92b...1ac3f5f2b5f5").as_deref(), Some("43e0e5c0d92b"));
    assert_eq!(previous("1ac3f5f2b5f5^...1ac3f5f2b5f5"), None);
}

/// Else whoever may push a tag, or a branch to a fork, could write what `main` is built from.
#[test]
fn jenkins_names_a_branch_with_its_remote_and_a_tag_in_full() {
    let jenkins = |branch, more: &[(&str, &str)]| {
        let common = [("JENKINS_HOME", "/j"), ("GIT_COMMIT", COMMIT), ("GIT_BRANCH", branch)];
        about(&read(&[&common[..], more].concat()), COMMIT)
    };
    let branch = |context: CommitContext| context.branch_name().map(ToString::to_string);

    assert_eq!(branch(jenkins("upstream/main", &[])).as_deref(), Some("main"));
    assert_eq!(branch(jenkins("origin/feature/a", &[])).as_deref(), Some("feature/a"));
    assert_eq!(branch(jenkins("mallory/main", &[("GIT_URL_1", URL), ("GIT_URL_2", URL)])), None);
    assert_eq!(jenkins("refs/tags/v1", &[]).tag(), Some("v1"));
    for none in ["refs/tags/main", "detached", "HEAD"] {
        assert_eq!(branch(jenkins(none, &[])), None, "{none}");
    }
    let plugins = [("ghprbPullId", "7"), ("gitlabMergeRequestIid", "7")];
    for plugin in plugins {
        let context =
            read(&[("JENKINS_URL", "u"), ("GIT_COMMIT", COMMIT), ("GIT_BRANCH", "origin/main"), plugin]);
        assert_eq!(about(&context, COMMIT).branch_name().unwrap().as_str(), "pull/7");
        assert!(!context.trust().is_trusted());
    }
}

#[test]
fn a_build_of_codebuild_without_a_webhook_is_for_its_source_version() {
    let codebuild = |version| {
        about(
            &read(&[
                ("CODEBUILD_BUILD_ID", "1"),
                ("CODEBUILD_RESOLVED_SOURCE_VERSION", COMMIT),
                ("CODEBUILD_SOURCE_VERSION", version),
            ]),
            COMMIT,
        )
    };
    let names = |version| {
        let context = codebuild(version);
        (context.branch_name().map(ToString::to_string), context.tag().map(str::to_owned))
    };
    let branch = |name: &str| (Some(name.to_owned()), None);

    assert_eq!(names("main"), branch("main"));
    assert_eq!(names("refs/heads/main^{c1c1c1c1}"), branch("main"));
    assert_eq!(names("pr/7"), branch("pull/7"));
    assert_eq!(names("refs/pull/7/head^{c1c1c1c1}"), branch("pull/7"));
    assert_eq!(names("refs/tags/v1"), (None, Some("v1".to_owned())));
    for none in [COMMIT, "arn:aws:s3:::bucket/source.zip", ""] {
        assert_eq!(names(none), (None, None), "{none}");
    }
}

#[test]
fn a_file_of_teamcitys_parameters_is_read_as_java_reads_it() {
    let parameters =
        "#x\nteamcity.build.vcs.branch.R=refs/heads/a\\=b\\:c\nvcsroot.url=https\\://git.example/a/b\n";
    let context = read(&[
        ("TEAMCITY_VERSION", "2026"),
        ("BUILD_VCS_NUMBER", COMMIT),
        ("TEAMCITY_BUILD_PROPERTIES_FILE", "build"),
        ("build", "teamcity.configuration.properties.file=C\\:\\\\p\n"),
        ("C:\\p", parameters),
    ]);

    assert_eq!(branch(&context, COMMIT).as_deref(), Some("a=b:c"));
    assert_eq!(context.repository_url(), Some("https://git.example/a/b"));
}

/// Of another target, what head and target have in common would have to be found first.
#[test]
fn only_a_merge_base_is_exported_as_the_base() {
    let gitlab = |more: &[(&str, &str)]| {
        let common = [
            ("GITLAB_CI", "1"),
            ("CI_COMMIT_SHA", COMMIT),
            ("CI_MERGE_REQUEST_IID", "7"),
            ("CI_MERGE_REQUEST_DIFF_BASE_SHA", BEFORE),
        ];
        let context = read(&[&common[..], more].concat());
        Exports::new(&context, &about(&context, COMMIT), None).to_string()
    };

    let base = format!("export CHINAMPA_BASE='{BEFORE}'\n");
    assert!(gitlab(&[]).contains(&base));
    assert!(!gitlab(&[("CI_MERGE_REQUEST_TARGET_BRANCH_SHA", OTHER)]).contains("CHINAMPA_BASE"));
    assert!(!gitlab(&[("CHINAMPA_BASE", "main")]).contains("CHINAMPA_BASE"), "what is given stays");
}

#[test]
fn no_value_can_end_its_quotes() {
    let branch = "a'; touch /tmp/x; '$(id)`id`\n\"\\";
    let context = read(&[("CHINAMPA_BRANCH", branch)]);
    let exports = Exports::new(&context, &about(&context, COMMIT), None);

    let script = format!("{exports}printf %s \"$CHINAMPA_BRANCH\"");
    let shell = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();

    assert_eq!(String::from_utf8(shell.stdout).unwrap(), branch);
}

/// Of a merge, the parent that is not the pull request's head is the base, whichever of the two comes first.
#[test]
fn a_merge_of_the_head_is_onto_its_other_parent() {
    let [head, target, merge] = [1, 2, 3].map(|byte| CommitId(ObjectId::Sha1([byte; 20])));
    let (head_id, merge_id) = (head.to_string(), merge.to_string());
    let merged = |commit, parents: &[CommitId]| {
        let drone = [("DRONE", "1"), ("DRONE_COMMIT_SHA", head_id.as_str()), ("DRONE_PULL_REQUEST", "7")];
        read(&drone).about(CheckedOut { commit, parents, branch: None }).unwrap().merged_into()
    };

    assert_eq!(merged(merge, &[target, head]), Some(target));
    assert_eq!(merged(merge, &[head, target]), Some(target));
    assert_eq!(merged(merge, &[target, merge]), None);
    assert_eq!(merged(merge, &[target, head, merge]), None);
    assert_eq!(merged(head, &[target, merge]), None, "the head itself merges something else");
    // A push is no pull request, whatever its parents are.
    let push = read(&[("CIRCLECI", "1"), ("CIRCLE_SHA1", &merge_id), ("CIRCLE_BRANCH", "main")]);
    let parents = [target, head];
    let checked_out = CheckedOut { commit: merge, parents: &parents, branch: None };
    assert_eq!(push.about(checked_out).unwrap().merged_into(), None);
}
