//! What jobs of GitHub Actions are made of. Each step is a shell of its own, so what one sets up is passed on in files.

use std::collections::BTreeMap;

use super::yaml::{Yaml, table, table_of};
use super::{Setup, script};
use crate::config::CiJob;

/// The runner of jobs without `runner`.
const RUNNER: &str = "ubuntu-24.04";

/// Of the version 4.2.2.
const CHECKOUT: &str = "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683";

/// That a run may have the repository's secrets, as GitHub sees it.
pub(super) const IS_TRUSTED: &str = "github.event_name != 'pull_request' || github.event.pull_request.head.repo.full_name == github.repository";

/// How much of the history a job needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum History {
    /// The commit alone: images are found by the digests of their inputs.
    Commit,
    All,
}

/// The project of a job, for its shell.
pub(super) const BUILT: &str = "\"$CHINAMPA_PROJECT\"";

pub(super) fn steps(setup: &Setup, history: History, name: &str, arguments: &str) -> Yaml {
    let mut steps = setup_steps(setup, history);
    steps.push(table([("name", name.into()), ("run", setup.command(arguments).into())]));
    Yaml::List(steps)
}

pub(super) fn setup_steps(setup: &Setup, history: History) -> Vec<Yaml> {
    let depth = match history {
        History::Commit => None,
        History::All => Some(0.into()),
    };
    let with = table_of([("persist-credentials", Some(false.into())), ("fetch-depth", depth)]);
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

/// The token of a job, which is a secret that every repository has.
const OWN_TOKEN: &str = "GITHUB_TOKEN";

/// Whether jobs log in to GitHub's registry with their own token.
pub(super) fn has_own_token(setup: &Setup) -> bool {
    setup.logins.passwords().any(|variable| variable == OWN_TOKEN)
}

/// What the token of a job may do; `packages` is what it may do in GitHub's registry, if it is used there. GitHub lets the token of a
/// pull request from a fork read, whatever stands here.
pub(super) fn permissions(setup: &Setup, packages: &str) -> Yaml {
    table_of([
        ("contents", Some("read".into())),
        ("id-token", setup.role.is_some().then(|| "write".into())),
        ("packages", has_own_token(setup).then(|| packages.into())),
    ])
}

/// The variables with the logins for registries. GitHub sets those that begin with `GITHUB_` itself, all but the token. A run of a
/// fork has no other secret than the token.
pub(super) fn login_variables(setup: &Setup, settings: &CiJob) -> Vec<(String, Yaml)> {
    let logins = &setup.logins;
    if logins.is_empty() {
        return Vec::new();
    }
    let users = logins.users().map(|name| (name, format!("${{{{ vars.{name} || secrets.{name} }}}}")));
    let passwords = logins.passwords().map(|name| (name, format!("${{{{ secrets.{name} }}}}")));
    let is_set = |name: &str| name.starts_with("GITHUB_") && name != OWN_TOKEN;
    let values = users.chain(passwords).filter(|(name, _)| !is_set(name));
    let values: BTreeMap<&str, String> =
        values.filter(|(name, _)| !settings.environment.contains_key(*name)).collect();
    let named = [(script::LOGINS.to_owned(), logins.to_string().into())];
    named.into_iter().chain(values.into_iter().map(|(name, value)| (name.to_owned(), value.into()))).collect()
}
