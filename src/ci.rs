//! What a CI says of the commit that it runs for, under one set of names.

use std::collections::BTreeSet;

use crate::git::without_credentials;

/// What a commit's message asks for, in square brackets anywhere in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Switches {
    /// `[ci rebuild]`
    pub rebuild_all: bool,
    /// `[ci rebuild <repository>]`
    pub rebuild: BTreeSet<String>,
    /// `[ci dry-deploy]`
    pub dry_deploy: bool,
}

impl Switches {
    pub fn read(message: &str) -> Self {
        let mut switches = Self::default();
        for bracket in message.split('[').skip(1) {
            let Some((inside, _)) = bracket.split_once(']') else { continue };
            match *inside.split_whitespace().collect::<Vec<_>>() {
                ["ci", "rebuild"] => switches.rebuild_all = true,
                ["ci", "rebuild", repository] => {
                    switches.rebuild.insert(repository.to_owned());
                }
                ["ci", "dry-deploy"] => switches.dry_deploy = true,
                _ => {}
            }
        }
        switches
    }
}

/// What is known of the commit, from the CI where it says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    pub commit: Option<String>,
    pub branch: Option<String>,
    pub tag: Option<String>,
    pub job: Option<String>,
    /// Without credentials.
    pub repository_url: Option<String>,
    /// The commit that changes are counted from.
    pub base: Option<String>,
}

impl Facts {
    /// Reads the variables of the CI that sets one that no other sets; nothing is known without a CI.
    ///
    /// A variable that is empty counts as absent, and so does a base of zeros.
    pub fn read(variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let get = |name: &str| variable(name).filter(|value| !value.is_empty());
        let first = |names: &[&str]| names.iter().find_map(|name| get(name));
        let is_zeros = |id: &String| id.bytes().all(|byte| byte == b'0');
        let mut facts = if get("CIRCLECI").is_some() {
            Self {
                commit: get("CIRCLE_SHA1"),
                branch: get("CIRCLE_BRANCH"),
                tag: get("CIRCLE_TAG"),
                job: get("CIRCLE_JOB"),
                repository_url: get("CIRCLE_REPOSITORY_URL"),
                base: None,
            }
        } else if get("GITHUB_ACTIONS").is_some() {
            let is_tag = get("GITHUB_REF_TYPE").as_deref() == Some("tag");
            let name = get("GITHUB_REF_NAME");
            let (branch, tag) = if is_tag { (None, name) } else { (name, None) };
            Self {
                commit: get("GITHUB_SHA"),
                // Of a pull request the name of the reference is `<number>/merge`.
                branch: get("GITHUB_HEAD_REF").or(branch),
                tag,
                job: get("GITHUB_JOB"),
                repository_url: get("GITHUB_SERVER_URL")
                    .zip(get("GITHUB_REPOSITORY"))
                    .map(|(server, repository)| format!("{server}/{repository}")),
                base: None,
            }
        } else if get("GITLAB_CI").is_some() {
            Self {
                commit: get("CI_COMMIT_SHA"),
                branch: first(&["CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "CI_COMMIT_BRANCH"]),
                tag: get("CI_COMMIT_TAG"),
                job: get("CI_JOB_NAME"),
                repository_url: get("CI_PROJECT_URL"),
                base: first(&["CI_MERGE_REQUEST_DIFF_BASE_SHA", "CI_COMMIT_BEFORE_SHA"]),
            }
        } else if get("BUILDKITE").is_some() {
            Self {
                commit: get("BUILDKITE_COMMIT").filter(|commit| commit != "HEAD"),
                branch: get("BUILDKITE_BRANCH"),
                tag: get("BUILDKITE_TAG"),
                job: first(&["BUILDKITE_STEP_KEY", "BUILDKITE_LABEL"]),
                repository_url: get("BUILDKITE_REPO"),
                base: None,
            }
        } else if get("CODEBUILD_BUILD_ID").is_some() {
            let reference = get("CODEBUILD_WEBHOOK_HEAD_REF").unwrap_or_default();
            Self {
                commit: get("CODEBUILD_RESOLVED_SOURCE_VERSION"),
                branch: reference.strip_prefix("refs/heads/").map(str::to_owned),
                tag: reference.strip_prefix("refs/tags/").map(str::to_owned),
                job: get("CODEBUILD_BUILD_ID"),
                repository_url: get("CODEBUILD_SOURCE_REPO_URL"),
                base: None,
            }
        } else {
            Self::default()
        };
        facts.base = facts.base.filter(|base| !is_zeros(base));
        facts.repository_url = facts.repository_url.map(|url| without_credentials(&url));
        facts
    }

    /// Lines for a shell to read, one for each fact that is known.
    pub fn exports(&self) -> String {
        let facts = [
            ("CHINAMPA_COMMIT", &self.commit),
            ("CHINAMPA_BRANCH", &self.branch),
            ("CHINAMPA_TAG", &self.tag),
            ("CHINAMPA_JOB", &self.job),
            ("CHINAMPA_REPOSITORY_URL", &self.repository_url),
            ("CHINAMPA_BASE", &self.base),
        ];
        let known = facts.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        known.map(|(name, value)| format!("export {name}={}\n", quoted(value))).collect()
    }
}

/// A word of a shell that is this text and nothing else, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Facts {
        Facts::read(&|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn switches_are_found_anywhere_in_a_message() {
        let message =
            "fix [ci rebuild api] (see [1])\n\n[ci  rebuild web][ci dry-deploy] [ci rebuild a b] [ci";

        let switches = Switches::read(message);

        let rebuild = ["api", "web"].map(str::to_owned).into();
        assert_eq!(switches, Switches { rebuild_all: false, rebuild, dry_deploy: true });
        assert!(Switches::read("[ci rebuild]").rebuild_all);
        assert_eq!(Switches::read("ci rebuild [rebuild] [CI rebuild]"), Switches::default());
    }

    #[test]
    fn every_ci_says_the_same_under_other_names() {
        let expected = |base: Option<&str>| Facts {
            commit: Some("c1".to_owned()),
            branch: Some("fix/a".to_owned()),
            tag: None,
            job: Some("test".to_owned()),
            repository_url: Some("https://git.example/a/b".to_owned()),
            base: base.map(str::to_owned),
        };
        let url = "https://user:secret@git.example/a/b";
        let circle = [
            ("CIRCLECI", "true"),
            ("CIRCLE_SHA1", "c1"),
            ("CIRCLE_BRANCH", "fix/a"),
            ("CIRCLE_TAG", ""),
            ("CIRCLE_JOB", "test"),
            ("CIRCLE_REPOSITORY_URL", url),
        ];
        let github = [
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_SHA", "c1"),
            ("GITHUB_REF_TYPE", "branch"),
            ("GITHUB_REF_NAME", "7/merge"),
            ("GITHUB_HEAD_REF", "fix/a"),
            ("GITHUB_JOB", "test"),
            ("GITHUB_SERVER_URL", "https://git.example"),
            ("GITHUB_REPOSITORY", "a/b"),
        ];
        let gitlab = [
            ("GITLAB_CI", "true"),
            ("CI_COMMIT_SHA", "c1"),
            ("CI_COMMIT_BRANCH", "fix/a"),
            ("CI_JOB_NAME", "test"),
            ("CI_PROJECT_URL", url),
            ("CI_REPOSITORY_URL", "https://gitlab-ci-token:secret@git.example/a/b.git"),
            ("CI_COMMIT_BEFORE_SHA", "b1"),
        ];
        let buildkite = [
            ("BUILDKITE", "true"),
            ("BUILDKITE_COMMIT", "c1"),
            ("BUILDKITE_BRANCH", "fix/a"),
            ("BUILDKITE_STEP_KEY", "test"),
            ("BUILDKITE_REPO", url),
        ];
        let codebuild = [
            ("CODEBUILD_BUILD_ID", "test"),
            ("CODEBUILD_RESOLVED_SOURCE_VERSION", "c1"),
            ("CODEBUILD_WEBHOOK_HEAD_REF", "refs/heads/fix/a"),
            ("CODEBUILD_SOURCE_REPO_URL", url),
        ];

        for facts in [read(&circle), read(&github), read(&buildkite), read(&codebuild)] {
            assert_eq!(facts, expected(None));
        }
        assert_eq!(read(&gitlab), expected(Some("b1")));
        assert_eq!(read(&[("HOME", "/x")]), Facts::default());
    }

    #[test]
    fn a_tag_is_no_branch_and_zeros_are_no_base() {
        let github = read(&[("GITHUB_ACTIONS", "1"), ("GITHUB_REF_TYPE", "tag"), ("GITHUB_REF_NAME", "v1")]);
        let gitlab = read(&[("GITLAB_CI", "1"), ("CI_COMMIT_BEFORE_SHA", "0000")]);

        assert_eq!((github.branch, github.tag.as_deref()), (None, Some("v1")));
        assert_eq!(gitlab.base, None);
    }

    #[test]
    fn no_value_can_end_its_quotes() {
        let branch = "a'; touch /tmp/x; '$(id)`id`\n\"\\";
        let facts = Facts { branch: Some(branch.to_owned()), ..Facts::default() };

        let script = format!("{}printf %s \"$CHINAMPA_BRANCH\"", facts.exports());
        let shell = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();

        assert_eq!(String::from_utf8(shell.stdout).unwrap(), branch);
    }
}
