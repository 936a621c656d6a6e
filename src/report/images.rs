//! The images of a commit, in the formats that deployers read.
//!
//! Names of projects and references of images are of a few letters each, by their types. In YAML they are quoted all the same: `on`
//! and `1.5` are names too.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::execute::{BuildReport, Outcome, ProjectReport};
use crate::model::{CommitId, ImageRef, ManifestDigest, ProjectName};

/// Each project's image: by digest, or by its tag alone where there is no digest.
pub type Images = BTreeMap<ProjectName, (ImageRef, Option<ManifestDigest>)>;

/// How the image of a project is named to others.
fn reference((image, digest): &(ImageRef, Option<ManifestDigest>)) -> ImageRef {
    digest.map_or_else(|| image.clone(), |digest| image.pinned(digest))
}

/// Two projects that would have one variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SameVariable {
    pub variable: String,
    pub projects: [ProjectName; 2],
}

/// `chinampa.images/1`
///
/// No images are those of a commit without a build record; no commit is that of an environment where no deployment has ended.
pub fn json(environment: Option<&str>, commit: Option<CommitId>, images: Option<&Images>) -> Value {
    let image = |(project, image): (&ProjectName, &(ImageRef, Option<ManifestDigest>))| {
        let mut object = json!({ "project": project, "image": reference(image), "name": image.0.name() });
        if let Some(digest) = image.1 {
            object["digest"] = json!(digest);
        }
        object
    };
    json!({
        "schema": "chinampa.images/1",
        "environment": environment,
        "commit": commit.map(|commit| commit.to_string()),
        "built": images.is_some(),
        "images": images.into_iter().flatten().map(image).collect::<Vec<_>>(),
    })
}

/// One line per project.
pub fn text(images: &Images) -> String {
    images
        .iter()
        .fold(String::new(), |text, (project, image)| text + &format!("{project} {}\n", reference(image)))
}

/// Assignments, one per line, for shells and for files of variables.
///
/// # Errors
/// [`SameVariable`] for names that differ only in what a variable's name can't have.
pub fn env(images: &Images) -> Result<String, SameVariable> {
    let pinned = images.iter().map(|(project, image)| (project, reference(image)));
    // Without quotes, which files of variables would keep: no shell sees anything else in a reference.
    Ok(variables(pinned)?.iter().map(|(variable, image)| format!("{variable}={image}\n")).collect())
}

/// The variable of each project, such as `API_V2_IMAGE` for `api.v2`.
///
/// # Errors
/// [`SameVariable`] for names that differ only in what a variable's name can't have.
pub fn variables<'p>(
    images: impl Iterator<Item = (&'p ProjectName, ImageRef)>,
) -> Result<BTreeMap<String, ImageRef>, SameVariable> {
    let mut variables = BTreeMap::new();
    let mut owners: BTreeMap<String, &ProjectName> = BTreeMap::new();
    for (project, image) in images {
        let variable = variable(project);
        if let Some(other) = owners.insert(variable.clone(), project) {
            return Err(SameVariable { projects: [other.clone(), project.clone()], variable });
        }
        variables.insert(variable, image);
    }
    Ok(variables)
}

/// A Compose file to be read after others: it gives the service of each project its image.
pub fn compose(images: &Images) -> String {
    if images.is_empty() {
        return "services: {}\n".to_owned();
    }
    let mut text = "services:\n".to_owned();
    for (project, image) in images {
        let (project, image) = (quoted(project.as_str()), quoted(&reference(image).to_string()));
        writeln!(text, "  {project}:\n    image: {image}").expect("a string can be written to");
    }
    text
}

/// A component of Kustomize: it gives the image that is called like a project its reference.
pub fn kustomize(images: &Images) -> String {
    let mut text = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n".to_owned();
    text += if images.is_empty() { "images: []\n" } else { "images:\n" };
    for (project, (image, digest)) in images {
        let (project, name) = (quoted(project.as_str()), quoted(&image.name()));
        let (key, value) = match (digest, &image.tag) {
            (None, Some(tag)) => ("newTag", tag.to_string()),
            (digest, _) => ("digest", digest.as_ref().map(ToString::to_string).unwrap_or_default()),
        };
        let value = quoted(&value);
        writeln!(text, "- name: {project}\n  newName: {name}\n  {key}: {value}")
            .expect("a string can be written to");
    }
    text
}

/// What CodePipeline's actions for ECS read: the name of a container, which is that of a project, and its image.
///
/// Images of projects that were not built or reused are left out.
pub fn imagedefinitions(report: &BuildReport) -> Value {
    let definition = |(project, result): (&ProjectName, &ProjectReport)| {
        Some(json!({ "name": project, "imageUri": pinned(result)?.to_string() }))
    };
    report.projects.iter().filter_map(definition).collect()
}

/// What CodePipeline's blue/green action for ECS reads: one image.
///
/// `None` if the project was not built or reused.
pub fn imagedetail(report: &BuildReport, project: &ProjectName) -> Option<Value> {
    let image = pinned(report.projects.get(project)?)?;
    Some(json!({ "ImageURI": image.to_string() }))
}

/// The image of a project that was built or reused, by digest.
fn pinned(result: &ProjectReport) -> Option<ImageRef> {
    let (Outcome::Built { image, digest, .. }
    | Outcome::BuiltElsewhere { image, digest, .. }
    | Outcome::Reused { image, digest }) = &result.outcome
    else {
        return None;
    };
    Some(image.pinned(*digest))
}

/// Such as `API_V2_IMAGE` for `api.v2`.
fn variable(project: &ProjectName) -> String {
    let name = project.as_str().to_ascii_uppercase().replace(['-', '.'], "_");
    // No variable's name begins with a digit.
    let before = if name.starts_with(|first: char| first.is_ascii_digit()) { "_" } else { "" };
    format!("{before}{name}_IMAGE")
}

/// A text of JSON is a quoted scalar of YAML.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn images(projects: &[&str]) -> Images {
        let digest: ManifestDigest = format!("sha256:{}", "a".repeat(64)).parse().unwrap();
        let image = |project: &&str| {
            let repository = project.to_ascii_lowercase();
            let image = format!("r.example:5000/shop/{repository}:commit").parse().unwrap();
            (project.parse().unwrap(), (image, Some(digest)))
        };
        projects.iter().map(image).collect()
    }

    #[test]
    fn names_that_yaml_reads_as_something_else_stay_names() {
        let images = images(&["1.5", "on"]);

        assert_snapshot!(compose(&images), @r#"
        services:
          "1.5":
            image: "r.example:5000/shop/1.5@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
          "on":
            image: "r.example:5000/shop/on@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "#);
        assert_snapshot!(kustomize(&images), @r#"
        apiVersion: kustomize.config.k8s.io/v1alpha1
        kind: Component
        images:
        - name: "1.5"
          newName: "r.example:5000/shop/1.5"
          digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        - name: "on"
          newName: "r.example:5000/shop/on"
          digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "#);
        assert_eq!(compose(&Images::new()), "services: {}\n");
        assert!(kustomize(&Images::new()).ends_with("\nimages: []\n"));
    }

    #[test]
    fn local_images_are_named_by_their_tag() {
        let local = ("api".parse().unwrap(), ("shop/api:local".parse().unwrap(), None));
        let images = Images::from([local]);

        assert_eq!(text(&images), "api shop/api:local\n");
        assert_eq!(env(&images).unwrap(), "API_IMAGE=shop/api:local\n");
        assert_eq!(compose(&images), "services:\n  \"api\":\n    image: \"shop/api:local\"\n");
        assert!(kustomize(&images).ends_with("newName: \"shop/api\"\n  newTag: \"local\"\n"));
    }

    #[test]
    fn each_project_has_a_variable_of_its_own() {
        let shown = env(&images(&["2fa", "api-v1", "Api.v2"])).unwrap();
        let same = env(&images(&["api-v1", "api.v1", "web"]));

        let names: Vec<&str> = shown.lines().map(|line| line.split_once('=').unwrap().0).collect();
        assert_eq!(names, ["API_V1_IMAGE", "API_V2_IMAGE", "_2FA_IMAGE"]);
        let digest = "a".repeat(64);
        assert!(shown.contains(&format!("_2FA_IMAGE=r.example:5000/shop/2fa@sha256:{digest}\n")), "{shown}");
        let projects = ["api-v1", "api.v1"].map(|name| name.parse().unwrap());
        assert_eq!(same, Err(SameVariable { variable: "API_V1_IMAGE".to_owned(), projects }));
    }

    #[test]
    fn documents_for_ecs_name_images_by_digest_and_leave_out_what_is_not_there() {
        let (image, digest) = images(&["api"]).into_values().next().unwrap();
        let digest = digest.unwrap();
        let reports = [("api", Outcome::Reused { image, digest }), ("web", Outcome::Cancelled)];
        let report = |(project, outcome): (&str, Outcome)| {
            (project.parse().unwrap(), ProjectReport::new(outcome, std::time::Duration::ZERO))
        };
        let projects = reports.map(report).into();

        let report = BuildReport {
            projects,
            is_interrupted: false,
            took: std::time::Duration::ZERO,
            estimated: None,
            saved: None,
            inline_cache_fault: None,
            lost_builders: Vec::new(),
        };

        let definitions = imagedefinitions(&report);

        let image = format!("r.example:5000/shop/api@sha256:{}", "a".repeat(64));
        assert_eq!(definitions, json!([{ "name": "api", "imageUri": image }]));
        let detail = |project: &str| imagedetail(&report, &project.parse().unwrap());
        assert_eq!(detail("api"), Some(json!({ "ImageURI": image })));
        assert_eq!(detail("web"), None);
    }
}
