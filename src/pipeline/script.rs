//! The shell commands of jobs: they install this program, fetch credentials, and run it.

use super::{Setup, System};
use crate::config::Install;

/// The variable that says which variables have the logins for registries.
pub(super) const LOGINS: &str = "CHINAMPA_REGISTRY_LOGINS";

/// Downloads a release into `$tools`, which is made, and checks it.
pub(super) fn install(install: &Install) -> Vec<String> {
    let Install { version: _, url, sha256 } = install;
    let mut lines = vec![
        format!(
            "curl --fail --silent --show-error --location --proto =https --output \"$tools/download\" '{url}'"
        ),
        format!("echo '{sha256}  '\"$tools/download\" | sha256sum --check --quiet -"),
    ];
    if url.ends_with(".tar.gz") {
        lines.push(
            "tar --extract --gzip --file \"$tools/download\" --directory \"$tools\" chinampa".to_owned(),
        );
    } else {
        lines.push("install -m 755 \"$tools/download\" \"$tools/chinampa\"".to_owned());
    }
    lines
}

/// What a job's shell does before it runs this program. The shell stays the same for what follows.
///
/// In GitLab and CodeBuild, a command that fails ends the job anyway, and the shell runs commands of theirs, too.
pub(super) fn prelude(setup: &Setup, system: System) -> Vec<String> {
    let is_own_shell = matches!(system, System::CircleCi | System::Buildkite);
    let mut lines: Vec<String> = is_own_shell.then(|| "set -eu".to_owned()).into_iter().collect();
    if setup.install.is_some() || setup.role.is_some() {
        lines.push("tools=$(mktemp -d)".to_owned());
    }
    if let Some(release) = &setup.install {
        lines.extend(install(release));
        lines.push("export PATH=\"$tools:$PATH\"".to_owned());
    }
    if !setup.logins.is_empty() {
        lines.push(format!("export {LOGINS}={}", quoted(&setup.logins.to_string())));
    }
    // CodeBuild's jobs have a role of their own.
    if let Some(role) = &setup.role
        && let Some(token) = token(system)
    {
        let fetch = [
            format!("(umask 077 && {token} > \"$tools/token\")"),
            format!(
                "export AWS_ROLE_ARN={} AWS_WEB_IDENTITY_TOKEN_FILE=\"$tools/token\"",
                quoted(role.as_str())
            ),
        ];
        // Pull requests from forks run the same first job, and CircleCI gives them no token.
        if system == System::CircleCi {
            lines.push(format!("if [ -n \"${{{CIRCLECI_TOKEN}:-}}\" ]; then"));
            lines.extend(fetch.map(|line| format!("  {line}")));
            lines.push("fi".to_owned());
        } else {
            lines.extend(fetch);
        }
    }
    lines
}

/// The variable with the token of a job of CircleCI.
const CIRCLECI_TOKEN: &str = "CIRCLE_OIDC_TOKEN_V2";

/// The command that prints the token by which AWS knows the job.
fn token(system: System) -> Option<&'static str> {
    match system {
        System::CircleCi => Some("printf %s \"$CIRCLE_OIDC_TOKEN_V2\""),
        System::GitHub => Some(
            "curl --fail --silent --show-error --header \"Authorization: bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN\" \
             \"$ACTIONS_ID_TOKEN_REQUEST_URL&audience=sts.amazonaws.com\" | jq --exit-status --raw-output .value",
        ),
        System::GitLab => Some("printf %s \"$AWS_ID_TOKEN\""),
        System::Buildkite => Some("buildkite-agent oidc request-token --audience sts.amazonaws.com"),
        System::CodeBuild => None,
    }
}

/// The token's command for steps that are shells of their own.
pub(super) fn github_token() -> &'static str {
    token(System::GitHub).expect("GitHub has tokens")
}

/// A text as one word of a POSIX shell.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The arguments that build everything.
pub(super) const BUILD_ALL: &str = "build";

/// The arguments of the gate, which builds what is missing. What the commit's message wants rebuilt, other jobs have built.
pub(super) const BUILD_MISSING: &str = "build --directives named";

/// The arguments of a job that builds one project.
pub(super) fn build(project: &str) -> String {
    format!("build {project} --directives named")
}

/// The arguments that deploy to an environment.
pub(super) fn deploy(environment: &str) -> String {
    format!("deploy --environment {environment}")
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// What the first job of CircleCI knows of AWS, with this token.
    fn credentials(token: Option<&str>) -> String {
        let role = Some("arn:aws:iam::123456789012:role/ci".parse().unwrap());
        let mut lines = prelude(&Setup { role, ..Setup::default() }, System::CircleCi);
        lines.push(
            "echo \"${AWS_ROLE_ARN:-no role}\" && cat \"${AWS_WEB_IDENTITY_TOKEN_FILE:-/dev/null}\""
                .to_owned(),
        );
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &lines.join("\n")])
            .env_remove(CIRCLECI_TOKEN)
            .envs(token.map(|it| (CIRCLECI_TOKEN, it)));
        let output = shell.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn a_job_of_circleci_without_an_identity_token_goes_on_without_a_role() {
        assert_eq!(credentials(None), "no role\n");
        assert_eq!(credentials(Some("token")), "arn:aws:iam::123456789012:role/ci\ntoken");
    }
}
