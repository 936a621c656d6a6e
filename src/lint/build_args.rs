//! Build arguments that the Dockerfile does not use.

use super::walk::Subject;
use super::{Code, Finding};

/// A finding for each build argument that has no effect on any platform.
pub(super) fn check(manifest_file: &str, subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let (name, project) = (subject.name, subject.project);
    let dockerfile = &project.config.dockerfile.value;
    for (argument, line) in &project.config.build_arg_lines {
        if project.variants.iter().any(|variant| variant.dockerfile.uses_build_arg(argument)) {
            continue;
        }
        findings.push(Finding {
            project: Some(name.clone()),
            file: manifest_file.to_owned(),
            line: *line,
            code: Code::BuildArgNotDeclared,
            message: format!(
                "no `ARG` of {dockerfile} declares `{argument}`, which `build_args` of `{name}` sets, so its value has no effect: declare it there or remove it here"
            ),
            suggestion: None,
        });
    }
}
