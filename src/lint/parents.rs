//! What a project is built on: external images, projects that it needs, a context that is not declared.

use std::collections::BTreeSet;

use super::walk::Subject;
use super::{Code, Edit, EditKind, Finding};
use crate::model::ImageRef;
use crate::workspace::Workspace;

pub(super) fn check(workspace: &Workspace, subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let (name, project) = (subject.name, subject.project);
    let config = &project.config;
    let finding = |file: String, line, code, message, suggestion| Finding {
        project: name.clone(),
        file,
        line,
        code,
        message,
        suggestion,
    };
    let dockerfile = config.dockerfile.value.to_string();
    let mut seen = BTreeSet::new();
    let external = project.variants.iter().flat_map(|variant| {
        variant.external_parents().map(|reference| (variant.line_of(reference).unwrap_or(1), reference))
    });
    for (line, reference) in external.collect::<BTreeSet<_>>() {
        if !seen.insert(reference) {
            continue;
        }
        let Some((code, message)) = unpinned(reference) else { continue };
        let suggestion = Edit {
            file: dockerfile.clone(),
            line: Some(line),
            kind: EditKind::Pin { reference: format!("{reference}@sha256:…") },
            by_itself: false,
        };
        findings.push(finding(dockerfile.clone(), line, code, message, Some(suggestion)));
    }
    for need in &config.needs {
        if !project.is_built_from(&need.value) {
            findings.push(finding(
                workspace.manifest_file.clone(),
                need.line,
                Code::NeedNotUsed,
                format!(
                    "the Dockerfile takes nothing from `{}`, so each change of it builds `{name}` for nothing",
                    need.value
                ),
                Some(Edit {
                    file: workspace.manifest_file.clone(),
                    line: Some(need.line),
                    kind: EditKind::RemoveNeed { project: name.clone(), need: need.value.clone() },
                    by_itself: true,
                }),
            ));
        }
    }
    for (context, source) in &config.contexts {
        if !project.uses_context(context) {
            findings.push(finding(
                workspace.manifest_file.clone(),
                source.line,
                Code::ContextNotUsed,
                format!("the Dockerfile takes nothing from the context `{context}`"),
                None,
            ));
        }
    }
    if !config.hermetic {
        findings.push(finding(
            workspace.manifest_file.clone(),
            config.line,
            Code::NotHermetic,
            format!(
                "`hermetic = false`: every committed file in `{}` is an input, declared or not",
                config.context.value
            ),
            None,
        ));
    }
}

/// What is to be said of a reference that stands for another image one day.
fn unpinned(reference: &str) -> Option<(Code, String)> {
    let image: ImageRef = reference.parse().ok()?;
    if image.digest.is_some() {
        return None;
    }
    Some(match image.tag {
        Some(tag) if tag.as_str() != "latest" => {
            (Code::ParentNotPinned, format!("`{reference}` can become another image: it has no digest"))
        }
        Some(_) => (
            Code::ParentFloats,
            format!(
                "`{reference}` is whatever was pushed last: two builds of one commit can be made from different images"
            ),
        ),
        None => (
            Code::ParentFloats,
            format!(
                "`{reference}` has neither tag nor digest, so it is whatever was pushed last: two builds of one commit can be made from different images"
            ),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_digest_is_not_pinned_and_what_has_no_tag_floats() {
        let code = |reference: &str| unpinned(reference).map(|(code, _)| code);
        let digest = "0".repeat(64);

        assert_eq!(code(&format!("node:22@sha256:{digest}")), None);
        assert_eq!(code(&format!("r.example:5000/node@sha256:{digest}")), None);
        assert_eq!(code("node:22"), Some(Code::ParentNotPinned));
        assert_eq!(code("r.example:5000/node"), Some(Code::ParentFloats));
        assert_eq!(code("node:latest"), Some(Code::ParentFloats));
    }
}
