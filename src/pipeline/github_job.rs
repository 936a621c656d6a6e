//! What jobs of GitHub Actions are made of. Each step is a shell of its own, so what one sets up is passed on in files.

use super::yaml::{Yaml, table, table_of};
use super::{History, Setup, script};
use crate::config::CiJob;

/// The runner of jobs without `runner`.
const RUNNER: &str = "ubuntu-24.04";

/// Of the version 4.2.2.
const CHECKOUT: &str = "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683";

/// That a run may have the repository's secrets, as GitHub sees it.
pub(super) const IS_TRUSTED: &str = "github.event_name != 'pull_request' || github.event.pull_request.head.repo.full_name == github.repository";

pub(super) fn steps(setup: &Setup, history: History, name: &str, command: &str) -> Yaml {
    let mut steps = setup_steps(setup, history);
    steps.push(table([("name", name.into()), ("run", command.into())]));
    Yaml::List(steps)
}

pub(super) fn setup_steps(setup: &Setup, history: History) -> Vec<Yaml> {
    let needs_all = history == History::All || setup.history == History::All;
    let with =
        table_of([("persist-credentials", Some(false.into())), ("fetch-depth", needs_all.then(|| 0.into()))]);
    let mut steps = vec![table([("uses", CHECKOUT.into()), ("with", with)])];
    if let Some(release) = &setup.install {
        let mut lines = vec!["tools=$(mktemp -d)".to_owned()];
        lines.extend(script::install(release));
        lines.push("echo \"$tools\" >> \"$GITHUB_PATH\"\n".to_owned());
        let name = format!("Install chinampa {}", release.version);
        steps.push(table([("name", name.into()), ("run", lines.join("\n").into())]));
    }
    if let Some(role) = &setup.role {
        let lines = [
            format!("(umask 077 && {} > \"$RUNNER_TEMP/aws-token\")", script::github_token()),
            "echo \"AWS_WEB_IDENTITY_TOKEN_FILE=$RUNNER_TEMP/aws-token\" >> \"$GITHUB_ENV\"".to_owned(),
            format!(
                "echo {} >> \"$GITHUB_ENV\"\n",
                script::quoted(&format!("AWS_ROLE_ARN={}", role.as_str()))
            ),
        ];
        steps.push(table([
            ("name", "Get an identity token for AWS".into()),
            ("if", IS_TRUSTED.into()),
            ("run", lines.join("\n").into()),
        ]));
    }
    steps
}

pub(super) fn runs_on(settings: &CiJob) -> Yaml {
    match &*settings.runner {
        [] => RUNNER.into(),
        [runner] => runner.into(),
        runners => runners.to_vec().into(),
    }
}

/// The repository's secrets of these names, as variables, unless the settings have variables of these names.
pub(super) fn from_secrets<'s>(
    names: impl IntoIterator<Item = &'s String>,
    settings: &CiJob,
) -> Vec<(String, Yaml)> {
    let names = names.into_iter().filter(|name| !settings.environment.contains_key(*name));
    names.map(|name| (name.clone(), format!("${{{{ secrets.{name} }}}}").into())).collect()
}
