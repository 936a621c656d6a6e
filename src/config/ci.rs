//! `[ci]` and `ci` of a project: on which machines the jobs of generated pipelines run, and how they get this program.

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::fields::Item;
use crate::model::{Host, LoginVariables, RegistryLogins, RoleArn, is_variable_name};

pub(super) const KEYS: &[&str] =
    &["install", "role_arn", "login", "image", "machine", "runner", "contexts", "environment"];
pub(super) const JOB_KEYS: &[&str] = &["image", "machine", "runner", "contexts", "environment"];
pub(super) const LOGIN_KEYS: &[&str] = &["user", "password"];
pub(super) const INSTALL_KEYS: &[&str] = &["version", "url", "sha256"];

/// The longest name of an image, a machine or a runner.
const MAX_WORD_BYTES: usize = 255;

/// What holds for all jobs of a pipeline.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CiConfig {
    /// How a job gets this program; `None` where its image or machine has it.
    pub install: Option<Install>,
    /// The role that jobs assume with the CI's own identity token; `None` where they have credentials, or need none.
    pub role: Option<RoleArn>,
    /// The variables that have the logins for registries in trusted runs.
    pub logins: RegistryLogins,
    pub job: CiJob,
}

/// On what a job runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct CiJob {
    /// The image, of a container or of a machine, in the CI's own words.
    pub image: Option<String>,
    /// The size of the machine, in the CI's own words.
    pub machine: Option<String>,
    /// Labels of the runners, in the CI's own words.
    pub runner: Vec<String>,
    /// Contexts of CircleCI, whose variables the job gets.
    pub contexts: Vec<String>,
    pub environment: BTreeMap<String, String>,
}

/// A release of this program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Install {
    pub version: String,
    /// Of the program itself, or of an archive whose name ends in `.tar.gz`.
    pub url: String,
    /// The digest of what is at the URL, as 64 lower-case digits.
    pub sha256: String,
}

impl CiJob {
    /// These settings, and where they say nothing those of all jobs.
    pub fn over(&self, all: &Self) -> Self {
        let mut environment = all.environment.clone();
        environment.extend(self.environment.clone());
        Self {
            image: self.image.clone().or_else(|| all.image.clone()),
            machine: self.machine.clone().or_else(|| all.machine.clone()),
            runner: if self.runner.is_empty() { all.runner.clone() } else { self.runner.clone() },
            contexts: if self.contexts.is_empty() { all.contexts.clone() } else { self.contexts.clone() },
            environment,
        }
    }
}

pub(super) fn read(item: Item<'_>) -> Option<CiConfig> {
    let fields = item.fields(KEYS)?;
    let install = fields.item("install").map(install);
    let role = fields.item("role_arn").and_then(|item| item.parse());
    let logins = fields.item("login").map(|item| item.members(login)).unwrap_or_default();
    let logins = logins.into_iter().collect();
    let job = |key| fields.item(key);
    Some(CiConfig { install: install.flatten(), role, logins, job: job_of(job) })
}

pub(super) fn read_job(item: Item<'_>) -> Option<CiJob> {
    let fields = item.fields(JOB_KEYS)?;
    Some(job_of(|key| fields.item(key)))
}

fn job_of<'f>(item: impl Fn(&'static str) -> Option<Item<'f>>) -> CiJob {
    let environment = item("environment").map(|item| item.members(variable)).unwrap_or_default();
    CiJob {
        image: item("image").and_then(|item| plain_name(&item)),
        machine: item("machine").and_then(|item| plain_name(&item)),
        runner: item("runner").map(|item| plain_names(&item)).unwrap_or_default(),
        contexts: item("contexts").map(|item| plain_names(&item)).unwrap_or_default(),
        environment: environment.into_iter().collect(),
    }
}

/// The variables for a registry, whose host is the key.
fn login(item: Item<'_>) -> Option<(Host, LoginVariables)> {
    let host: Option<Host> = item.key().parse().ok();
    if host.is_none() {
        item.wrong("the host of a registry is expected, such as `ghcr.io` or `localhost:5000`");
    }
    let fields = item.fields(LOGIN_KEYS)?;
    let user = fields.required("user").and_then(|item| item.read(login_variable));
    let password = fields.required("password").and_then(|item| item.read(login_variable));
    Some((host?, LoginVariables { user: user?, password: password? }))
}

/// The text is not part of the error: it may be a password.
fn login_variable(text: &str) -> Result<String, &'static str> {
    if is_variable_name(text) {
        Ok(text.to_owned())
    } else {
        Err("the name of a variable is expected, and not its value")
    }
}

fn install(item: Item<'_>) -> Option<Install> {
    let fields = item.fields(INSTALL_KEYS)?;
    let version = fields.required("version").and_then(|item| item.read(version));
    let url = fields.required("url").and_then(|item| item.read(url));
    let sha256 = fields.required("sha256").and_then(|item| item.read(sha256));
    let version = version?;
    Some(Install { url: url?.replace("{version}", &version), sha256: sha256?, version })
}

fn version(text: &str) -> Result<String, &'static str> {
    let is_version = (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-+_".contains(&byte));
    if is_version { Ok(text.to_owned()) } else { Err("a version is expected, such as `1.2.3`") }
}

/// Letters that mean something to a shell are not allowed, though they would be quoted.
fn url(text: &str) -> Result<String, &'static str> {
    let rest = text.replace("{version}", "");
    let rest = rest.strip_prefix("https://").filter(|rest| !rest.is_empty() && text.len() <= 2_000);
    let is_url = rest.is_some_and(|rest| {
        rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._~/:?=&%+,-".contains(&byte))
    });
    if is_url {
        Ok(text.to_owned())
    } else {
        Err("a URL with `https` and without credentials is expected; `{version}` stands for the version")
    }
}

fn sha256(text: &str) -> Result<String, &'static str> {
    let is_digest = text.len() == 64 && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    if is_digest { Ok(text.to_owned()) } else { Err("64 lower-case hexadecimal digits are expected") }
}

pub(super) fn plain_names(list: &Item<'_>) -> Vec<String> {
    list.list().iter().filter_map(plain_name).collect()
}

/// A name in which no CI finds a variable or an expression.
fn plain_name(item: &Item<'_>) -> Option<String> {
    let text = item.text()?;
    let is_plain = (1..=MAX_WORD_BYTES).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._/:@+=,-".contains(&byte));
    if !is_plain {
        item.wrong(format_args!(
            "a name of at most {MAX_WORD_BYTES} letters, digits and `._/:@+=,-` is expected"
        ));
        return None;
    }
    Some(text.to_owned())
}

/// A variable of a job. Those of this program are for the CI's own configuration to set: a commit must not vouch for itself.
fn variable(item: Item<'_>) -> Option<(String, String)> {
    let name = item.key();
    if !is_variable_name(name) {
        item.wrong("a variable's name is letters, digits and `_`, the first no digit");
    }
    const RESERVED: [&str; 5] = ["CHINAMPA_", "CODEBUILD_", "GITHUB_", "CIRCLE_", "BUILDKITE_"];
    if let Some(prefix) = RESERVED.into_iter().find(|prefix| name.starts_with(prefix)) {
        item.wrong(format_args!("variables whose names begin with `{prefix}` are set by the CI alone"));
    }
    let value = match item.value() {
        DeValue::Integer(_) => item.integer()?.to_string(),
        DeValue::Boolean(flag) => flag.to_string(),
        _ => item.text()?.to_owned(),
    };
    if value.contains("{{resolve:") {
        item.wrong("CloudFormation would look up what `{{resolve:` begins");
    }
    Some((name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use crate::config::{Manifest, parse};

    fn read(rest: &str) -> Result<Manifest, String> {
        let text = format!("workspace.name = \"shop\"\n{rest}");
        parse(text.as_bytes(), "projects.toml").map_err(|errors| errors.to_string())
    }

    #[test]
    fn what_a_project_says_goes_before_what_holds_for_all_jobs() {
        let manifest = read(
            "[ci]\nimage = \"all\"\nmachine = \"small\"\nenvironment = { A = \"1\", B = true }\n\
             [projects.api]\npath = \"api\"\nci = { machine = \"large\", runner = [\"gpu\"], environment = { B = 2 } }\n",
        );

        let manifest = manifest.unwrap();
        let job = manifest.projects.values().next().unwrap().ci.over(&manifest.ci.job);
        assert_eq!((job.image.as_deref(), job.machine.as_deref()), (Some("all"), Some("large")));
        assert_eq!(job.runner, ["gpu"]);
        let environment: Vec<_> =
            job.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(environment, ["A=1", "B=2"]);
    }

    #[test]
    fn a_version_stands_in_the_url_of_a_release() {
        let sha256 = "0".repeat(64);
        let manifest = read(&format!(
            "[ci]\ninstall = {{ version = \"1.2.3\", url = \"https://example.com/c-{{version}}.tar.gz\", sha256 = \"{sha256}\" }}\n"
        ));

        let install = manifest.unwrap().ci.install.unwrap();
        assert_eq!(install.url, "https://example.com/c-1.2.3.tar.gz");
    }

    #[test]
    fn a_login_names_variables_and_an_error_shows_no_value() {
        let manifest = read("[ci.login]\n\"ghcr.io\" = { user = \"USER\", password = \"TOKEN\" }\n").unwrap();
        let problems = read("[ci.login]\n\"a b\" = { user = \"bob@x\", password = \"hunter-2\" }\n");

        assert_eq!(manifest.ci.logins.to_string(), "ghcr.io=USER:TOKEN");
        assert_snapshot!(problems.unwrap_err(), @r"
        projects.toml:3: `a b` in `[ci.login]`: the host of a registry is expected, such as `ghcr.io` or `localhost:5000`
        projects.toml:3: `user` in `[ci.login.a b]`: the name of a variable is expected, and not its value
        projects.toml:3: `password` in `[ci.login.a b]`: the name of a variable is expected, and not its value
        ");
    }

    #[test]
    fn names_in_which_a_ci_would_find_an_expression_are_refused() {
        let problems = read(
            "[ci]\nimage = \"$IMAGE\"\nmachine = \"<< x >>\"\nrunner = [\"${{ x }}\", \"\"]\n\
             install = { version = \"1;\", url = \"http://example.com\", sha256 = \"0\" }\n\
             environment = { CHINAMPA_TRUST = \"trusted\", \"A-B\" = \"\", LIST = [] }\n",
        );

        assert_snapshot!(problems.unwrap_err(), @r"
        projects.toml:3: `image` in `[ci]`: a name of at most 255 letters, digits and `._/:@+=,-` is expected
        projects.toml:4: `machine` in `[ci]`: a name of at most 255 letters, digits and `._/:@+=,-` is expected
        projects.toml:5: `runner` in `[ci]`: a name of at most 255 letters, digits and `._/:@+=,-` is expected
        projects.toml:5: `runner` in `[ci]`: a name of at most 255 letters, digits and `._/:@+=,-` is expected
        projects.toml:6: `version` in `[ci.install]`: a version is expected, such as `1.2.3`
        projects.toml:6: `url` in `[ci.install]`: a URL with `https` and without credentials is expected; `{version}` stands for the version
        projects.toml:6: `sha256` in `[ci.install]`: 64 lower-case hexadecimal digits are expected
        projects.toml:7: `A-B` in `[ci.environment]`: a variable's name is letters, digits and `_`, the first no digit
        projects.toml:7: `CHINAMPA_TRUST` in `[ci.environment]`: variables whose names begin with `CHINAMPA_` are set by the CI alone
        projects.toml:7: `LIST` in `[ci.environment]`: a string is expected, not an array
        ");
    }
}
