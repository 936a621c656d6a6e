//! What a project is built on: external images, projects that it needs, a context that is not declared.

use std::collections::BTreeSet;

use super::walk::Subject;
use super::{Code, Edit, EditKind, Finding};
use crate::dockerfile::Parent;
use crate::model::{ImagePrefix, ImageRef, ProjectName, RepositoryName, TaggedImage};
use crate::workspace::{Project, Workspace, is_called_like};

pub(super) fn check(workspace: &Workspace, subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let (name, project) = (subject.name, subject.project);
    let config = &project.config;
    let finding = |file: String, line, code, message, suggestion| Finding {
        project: Some(name.clone()),
        file,
        line,
        code,
        message,
        suggestion,
    };
    let dockerfile = config.dockerfile.value.to_string();
    for lookalike in &project.lookalikes {
        findings.push(finding(
            dockerfile.clone(),
            lookalike.line,
            Code::LooksLikeProject,
            format!(
                "`{}` is an external image, but looks like the project `{}`: {}",
                lookalike.reference,
                lookalike.project,
                lookalike.hint(name)
            ),
            None,
        ));
    }
    // Whoever pins an image that was meant as a project's makes it stay what it is.
    let mut seen: BTreeSet<&str> =
        project.lookalikes.iter().map(|lookalike| lookalike.reference.as_str()).collect();
    for (line, reference) in external_images(project) {
        if let Some(message) = without_project(workspace, (name, project), reference)
            && seen.insert(reference)
        {
            findings.push(finding(dockerfile.clone(), line, Code::OwnImageWithoutProject, message, None));
        }
    }
    // Where there is a lock file, another finding is about those that it lacks.
    let locked = project.variants.iter().filter(|_| workspace.lock.is_some());
    let locked = locked.flat_map(|variant| &variant.external).map(|external| external.reference.as_str());
    seen.extend(locked);
    for (line, reference) in external_images(project) {
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
            let repository = &workspace.projects[&need.value].config.repository;
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
                    by_itself: !may_be_taken_elsewhere(project, (&need.value, repository)),
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

/// The external images of the Dockerfile, on any platform, by the lines that name them first.
fn external_images(project: &Project) -> BTreeSet<(usize, &str)> {
    let of_variant = project.variants.iter().flat_map(|variant| {
        variant.external_parents().map(|reference| (variant.line_of(reference).unwrap_or(1), reference))
    });
    of_variant.collect()
}

/// What is to be said of an external image that `own_images` claims. Nothing where the manifest or a digest says that it is external, and of an
/// earlier image of the project itself.
fn without_project(
    workspace: &Workspace,
    (dependent, project): (&ProjectName, &Project),
    reference: &str,
) -> Option<String> {
    let image = TaggedImage::new(reference.parse().ok()?)?;
    if project.config.external.iter().any(|external| external.matches(&image)) {
        return None;
    }
    let prefixes = workspace.settings.own_images.iter().map(|prefix| &prefix.value);
    let claims: Vec<(&ImagePrefix, RepositoryName)> =
        prefixes.filter_map(|prefix| Some((prefix, prefix.repository_of(&image)?))).collect();
    let is_earlier = claims.iter().any(|(_, repository)| *repository == project.config.repository)
        || project.config.images.iter().any(|own| own.matches(&image));
    // The longest entry says most of what was meant.
    let (prefix, repository) =
        claims.into_iter().filter(|_| !is_earlier).min_by_key(|(_, rest)| rest.as_str().len())?;
    let name = image.name();
    let mut others = workspace.projects.iter().filter(|(other, _)| *other != dependent);
    let like = others.find(|(_, other)| is_equal_but_for_separators(&other.config.repository, &repository));
    let is_own = match like {
        Some((like, _)) => {
            format!("`images = [\"{name}\"]` in `[projects.{like}]` makes it the project `{like}`")
        }
        None => "`images` of a project makes it that project".to_owned(),
    };
    Some(format!(
        "`{reference}` begins with `{prefix}` of `own_images`, but no project has the repository `{repository}`: {is_own}; `external = [\"{reference}\"]` in `[projects.{dependent}]` says that it is another image"
    ))
}

/// Whether two names are one without what stands between their words.
fn is_equal_but_for_separators(one: &RepositoryName, other: &RepositoryName) -> bool {
    let letters = |name: &RepositoryName| name.as_str().replace(['-', '_', '.', '/'], "");
    letters(one) == letters(other)
}

/// Whether any stage takes the image of `need` from elsewhere, as far as its name can tell. Any image that isn't an official one of
/// Docker Hub may be the project's under another name, unless the manifest says that it is external.
fn may_be_taken_elsewhere(project: &Project, need: (&ProjectName, &RepositoryName)) -> bool {
    let may_be_need = |parent: &Parent| {
        let Ok(image) = parent.reference.parse::<ImageRef>() else { return true };
        let is_pinned = image.digest.is_some();
        let Some(image) = TaggedImage::new(ImageRef { digest: None, ..image }) else { return true };
        let is_external =
            !is_pinned && project.config.external.iter().any(|external| external.matches(&image));
        let is_official = image.host.is_none() && !image.repository.as_str().contains('/');
        is_called_like(&image, need) || !(is_external || is_official)
    };
    project.variants.iter().any(|variant| {
        let is_own = |parent: &&Parent| {
            let image = variant.parents.get(&parent.reference);
            image.is_some_and(|image| !image.is_external())
        };
        variant.dockerfile.parents().iter().any(|parent| !is_own(&parent) && may_be_need(parent))
    })
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
