//! Images of services that Terraform sets, too.

use std::collections::{BTreeMap, BTreeSet};

use super::{Code, Finding};
use crate::deploy::{OwnedAttribute, TerraformError, owned_attributes, terraform_folders};
use crate::git::Snapshot;
use crate::model::ProjectName;
use crate::workspace::Workspace;

/// What Terraform sets in the folders of each selected project that has services.
///
/// # Errors
/// [`TerraformError`] when the folders can't be told, or can't be read.
pub(super) fn owned(
    workspace: &Workspace,
    selected: &BTreeSet<ProjectName>,
    snapshot: &Snapshot<'_>,
) -> Result<BTreeMap<ProjectName, Vec<OwnedAttribute>>, TerraformError> {
    let with_services =
        |name: &&ProjectName| workspace.projects.get(*name).is_some_and(|it| !it.config.services.is_empty());
    let with_services: BTreeSet<&ProjectName> = selected.iter().filter(with_services).collect();
    if with_services.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut owned = BTreeMap::new();
    for (name, folders) in terraform_folders(snapshot, workspace)? {
        if with_services.contains(&name) {
            let mut attributes = Vec::new();
            for folder in folders {
                attributes.extend(owned_attributes(snapshot, &folder)?);
            }
            owned.insert(name, attributes);
        }
    }
    Ok(owned)
}

/// A finding for each that a service of the project sets.
pub(super) fn check(
    workspace: &Workspace,
    project: &ProjectName,
    owned: &[OwnedAttribute],
    findings: &mut Vec<Finding>,
) {
    let services = &workspace.projects[project].config.services;
    for attribute in owned.iter().filter(|it| services.iter().any(|config| it.is_set_by(&config.service))) {
        findings.push(Finding {
            project: Some(project.clone()),
            file: attribute.file.to_string(),
            line: attribute.line,
            code: Code::TerraformOwnsImage,
            message: attribute.warning(),
            suggestion: None,
        });
    }
}
