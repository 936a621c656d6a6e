//! What has to be set up so that jobs can log in to registries: a sentence each.

use std::collections::BTreeSet;

use crate::model::{Host, RegistryLogins};
use crate::pipeline::System;

/// Where the variables of the logins are set, and the hosts of registries to which jobs would go without a login.
pub fn notes(system: System, logins: &RegistryLogins, hosts: &BTreeSet<Host>) -> Vec<String> {
    let set_by_github = |name: &str| system == System::GitHub && name.starts_with("GITHUB_");
    let set_by_gitlab = |name: &str| system == System::GitLab && name.starts_with("CI_");
    let names: BTreeSet<&str> = logins.users().chain(logins.passwords()).collect();
    let names = names.into_iter().filter(|name| !set_by_github(name) && !set_by_gitlab(name));
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    let mut notes = Vec::new();
    if !names.is_empty() {
        notes.push(format!("{}: {}", place(system), names.join(", ")));
    }
    if logins.passwords().any(set_by_github) {
        notes.push(
            "settings of each package that exists already, Manage Actions access: give this repository the role Write"
                .to_owned(),
        );
    }
    let missing = hosts.iter().filter(|host| !host.is_loopback() && logins.get(host).is_none());
    notes.extend(missing.map(|host| {
        format!(
            "jobs have no login for `{host}`: name the variables that have it in `login` of `[ci]`, unless the machines are logged in"
        )
    }));
    notes
}

/// Where a CI keeps variables with secrets.
fn place(system: System) -> &'static str {
    match system {
        System::CircleCi => "project settings, Environment Variables: set what logs in to registries",
        System::GitHub => {
            "settings, Secrets and variables, Actions: set what logs in to registries, users as variables or secrets, passwords as secrets"
        }
        System::GitLab => "settings, CI/CD, Variables: set what logs in to registries, masked and protected",
        System::Buildkite => {
            "the agents' `environment` hook, for trusted builds only: set what logs in to registries"
        }
        System::CodeBuild => {
            "the parameter `Logins` of the stack: the ARN of a secret of Secrets Manager, a JSON object with what logs in to registries"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(system: System, logins: &str, hosts: &[&str]) -> String {
        let hosts = hosts.iter().map(|host| host.parse().unwrap()).collect();
        notes(system, &logins.parse().unwrap(), &hosts).join("\n")
    }

    #[test]
    fn what_the_ci_sets_itself_is_not_asked_for() {
        let own = said(System::GitHub, "ghcr.io=GITHUB_ACTOR:GITHUB_TOKEN", &["ghcr.io"]);
        assert!(own.starts_with("settings of each package"), "{own}");
        assert_eq!(
            said(System::GitLab, "r.example=CI_REGISTRY_USER:CI_REGISTRY_PASSWORD", &["r.example"]),
            ""
        );
        let other = said(System::CircleCi, "r.example=USER:TOKEN", &["r.example"]);
        assert!(other.ends_with(": `TOKEN`, `USER`"), "{other}");
    }

    #[test]
    fn a_registry_without_a_login_is_named_unless_it_is_on_loopback() {
        let note = said(System::GitLab, "", &["localhost:5000", "r.example"]);
        assert!(note.starts_with("jobs have no login for `r.example`:"), "{note}");
        assert_eq!(note.lines().count(), 1);
    }
}
