//! Secrets and ssh agents that steps mount and nobody gives them.

use std::collections::BTreeSet;

use super::walk::Subject;
use super::{Code, Finding};
use crate::dockerfile::SessionMount;
use crate::model::printable;

pub(super) fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let config = &subject.project.config;
    let mut seen = BTreeSet::new();
    for variant in &subject.project.variants {
        for mount in variant.dockerfile.mounts_needed_for(config.target.as_ref()).unwrap_or_default() {
            let (is_declared, what, key) = match mount.kind {
                SessionMount::Secret => (config.secrets.contains_key(&mount.id), "the secret", "secrets"),
                SessionMount::Ssh => (config.ssh.contains(&mount.id), "the ssh agent", "ssh"),
            };
            // What a variable stands for is known to the engine alone.
            if is_declared || mount.id.contains('$') || !seen.insert((mount.line, key, mount.id.clone())) {
                continue;
            }
            findings.push(Finding {
                project: Some(subject.name.clone()),
                file: config.dockerfile.value.to_string(),
                line: mount.line,
                code: Code::MountNotDeclared,
                message: format!(
                    "the step mounts {what} `{}`, which `{key}` of the project does not have, so the step runs without it or fails",
                    printable(&mount.id)
                ),
                suggestion: None,
            });
        }
    }
}
