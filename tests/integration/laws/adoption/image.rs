//! The images that a repository builds, each with all that is true of it.

use std::collections::{BTreeMap, BTreeSet};

use super::draft::{Draft, Evidence, FileName, Form, Language, Layout, ProjectDraft};
use super::evidence::{bake, compose};
use super::paths::{join, last_name};
use super::workspaces;

/// What names begin and end with: those of tests that build must be nobody else's.
#[derive(Clone, Debug)]
pub(crate) struct Naming {
    /// Stands before the names of images.
    pub(crate) registry: String,
    /// Stands before the names of base images, if it is not empty.
    pub(crate) bases: String,
    /// Stands behind the names of projects.
    pub(crate) suffix: String,
}

/// An image that a repository builds.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    /// The last part of its name, as Dockerfiles have it.
    pub(crate) name: String,
    /// The folder of the project.
    pub(super) folder: String,
    /// The folder of what is in the image.
    pub(super) sources: String,
    /// The Dockerfile by the name that people use for it, which can be a symbolic link.
    pub(super) named: String,
    /// The same behind links.
    pub(crate) dockerfile: String,
    /// `.` for the root.
    pub(crate) context: String,
    pub(crate) target: Option<String>,
    pub(crate) build_args: BTreeMap<String, String>,
    pub(crate) platforms: Vec<String>,
    pub(crate) parents: Vec<Parent>,
    /// Whether a step mounts [`SECRET`].
    pub(crate) has_secret: bool,
    /// Whether [`ASSETS`] is a named context.
    pub(crate) has_assets: bool,
    pub(super) has_redis: bool,
    pub(super) layout: Layout,
    pub(super) language: Language,
    pub(super) evidence: Evidence,
    pub(super) style: usize,
    pub(super) is_said_twice: bool,
    pub(super) has_ignore_file: bool,
    /// Whether it copies what it needs of a workspace, and not all of it.
    pub(super) copies_parts: bool,
}

/// The id of a secret, and the variable that has its value.
pub(crate) const SECRET: (&str, &str) = ("npmrc", "NPMRC");

/// A named context, and the folder that it is.
pub(crate) const ASSETS: (&str, &str) = ("assets", "shared/assets");

/// Another image that a Dockerfile takes something from.
#[derive(Clone, Debug)]
pub(crate) struct Parent {
    /// Its place among all images.
    pub(crate) image: usize,
    pub(super) form: Form,
}

/// Whether Dockerfiles mean the image at this place by its name, which others can have too if nobody builds them.
pub(super) fn is_meant(at: usize, images: &[Image]) -> bool {
    let image = &images[at];
    let is_taken = images.iter().any(|other| other.takes_name_of(image));
    let is_second = images[..at].iter().any(|other| other.name == image.name);
    image.evidence != Evidence::Nobody || !is_taken && !is_second
}

impl Image {
    /// Whether somebody builds it under the name of another one, which nobody builds.
    fn takes_name_of(&self, other: &Self) -> bool {
        self.name == other.name && self.evidence != Evidence::Nobody
    }

    /// The contexts that its Dockerfile has a name for, with the places of the images that they are.
    pub(crate) fn named_contexts(&self) -> impl Iterator<Item = (String, usize)> {
        let parents = self.parents.iter().enumerate();
        let contexts = parents.filter(|(_, parent)| parent.form == Form::Context);
        contexts.map(|(number, parent)| (named_context(number), parent.image))
    }
}

const NAMES: [&str; 9] =
    ["api", "billing", "catalog", "data", "edge", "frontend", "gateway", "history", "ingest"];

/// The images of a repository, each behind those that it is built from.
pub(super) fn images(draft: &Draft, naming: &Naming) -> Vec<Image> {
    let mut images: Vec<Image> = Vec::new();
    for project in &draft.projects {
        let image = image(draft, project, &images, naming);
        images.push(image);
    }
    for (at, project) in draft.projects.iter().enumerate() {
        let parents = parents(project, at, &images);
        for (number, parent) in parents.iter().enumerate().filter(|(_, parent)| parent.form == Form::Argument)
        {
            let value = format!("{}/{}", naming.registry, images[parent.image].name);
            images[at].build_args.insert(argument(number), value);
        }
        images[at].parents = parents;
    }
    images
}

/// The variable for the image of a parent.
pub(super) fn argument(number: usize) -> String {
    format!("PARENT{number}")
}

/// The named context for the image of a parent.
pub(super) fn named_context(number: usize) -> String {
    format!("context{number}")
}

fn image(draft: &Draft, project: &ProjectDraft, earlier: &[Image], naming: &Naming) -> Image {
    let ProjectDraft { area, language, evidence, .. } = project;
    let at = earlier.len();
    let number = if at < NAMES.len() { String::new() } else { (1 + at / NAMES.len()).to_string() };
    let own_name = match language {
        Language::Redis if earlier.iter().all(|image| image.language != Language::Redis) => "redis",
        _ => NAMES[at % NAMES.len()],
    };
    let own_name = format!("{own_name}{number}{}", naming.suffix);
    let root = match language {
        Language::Member(tool) => workspaces::root(*tool, draft),
        _ => String::new(),
    };
    let namesake =
        project.namesake.filter(|_| at > 0).map(|index| last_name(&earlier[index.index(at)].folder));
    let in_root = |name: &str| join(&root, &format!("{area}/{name}"));
    let is_free = |folder: &String| earlier.iter().all(|image| image.folder != *folder);
    let folder = namesake.map(in_root).filter(is_free).unwrap_or_else(|| in_root(&own_name));
    let layout = layout(project);
    let last = last_name(&folder);
    let is_told = *evidence != Evidence::Nobody;
    let is_called_after_folder = !is_told && !matches!(layout, Layout::Together);
    let is_taken = earlier.iter().any(|image| image.name == last);
    let name = match is_taken && !is_called_after_folder {
        true => Some(format!("{}-{last}", last_name(area)))
            .filter(|name| earlier.iter().all(|image| image.name != *name))
            .unwrap_or_else(|| format!("{own_name}-{at}")),
        false => last.to_owned(),
    };
    let context = match (language, layout) {
        (Language::Member(_), _) if root.is_empty() => ".".to_owned(),
        (Language::Member(_), _) => root.clone(),
        (_, Layout::Together | Layout::Argument) => ".".to_owned(),
        (_, Layout::Above) => format!("{folder}/app"),
        (_, Layout::Beside | Layout::SharedLink | Layout::Inline) => folder.clone(),
        _ if project.is_of_root => ".".to_owned(),
        _ => folder.clone(),
    };
    let (named, dockerfile) = dockerfiles(project, layout, &root, &folder, &name);
    let mut build_args = BTreeMap::new();
    if project.has_argument && evidence.says_how() {
        build_args.insert("MODE".to_owned(), "fast".to_owned());
    }
    if layout == Layout::Argument {
        build_args.insert("PROJECT".to_owned(), folder.clone());
    }
    let is_shared = matches!(layout, Layout::SharedLink | Layout::Argument);
    let platforms: &[&str] = match project.has_platforms && evidence.says_platforms() {
        true => &["linux/amd64", "linux/arm64"],
        false => &[],
    };
    Image {
        name,
        sources: if layout == Layout::Above { context.clone() } else { folder.clone() },
        folder,
        named,
        dockerfile,
        has_ignore_file: project.has_ignore_file
            && context != "."
            && !matches!(language, Language::Member(_)),
        context,
        target: (project.has_target && evidence.says_how()).then(|| "runtime".to_owned()),
        build_args,
        platforms: platforms.iter().map(|platform| (*platform).to_owned()).collect(),
        parents: Vec::new(),
        has_secret: project.has_secret && evidence.says_how() && !is_shared,
        has_assets: project.has_assets && evidence.says_contexts() && !is_shared,
        has_redis: project.has_redis && !is_shared,
        layout,
        language: *language,
        evidence: *evidence,
        style: project.style,
        is_said_twice: project.is_said_twice && layout != Layout::Inline,
        copies_parts: project.is_of_root,
    }
}

/// Where the Dockerfile can be, given who builds it.
fn layout(project: &ProjectDraft) -> Layout {
    let is_told = project.evidence != Evidence::Nobody;
    match project.layout {
        layout @ (Layout::Folder | Layout::OtherName(_) | Layout::Together) => layout,
        _ if matches!(project.language, Language::Member(_)) => Layout::Folder,
        Layout::Beside | Layout::Above if !is_told => Layout::Folder,
        Layout::Argument if !project.evidence.says_how() => Layout::Folder,
        Layout::Inline if !matches!(project.evidence, Evidence::Compose | Evidence::Bake) => Layout::Folder,
        layout => layout,
    }
}

/// The Dockerfile as it is named, and behind links.
fn dockerfiles(
    project: &ProjectDraft,
    layout: Layout,
    root: &str,
    folder: &str,
    name: &str,
) -> (String, String) {
    let last = last_name(folder);
    let of = |path: String| (path.clone(), path);
    let beside = |file: &str| format!("{folder}/{file}");
    match layout {
        Layout::Folder => of(beside("Dockerfile")),
        Layout::OtherName(FileName::Containerfile) => of(beside("Containerfile")),
        Layout::OtherName(FileName::LowerCase) => of(beside("dockerfile")),
        Layout::OtherName(FileName::DotBehind) => of(beside(&format!("Dockerfile.{last}"))),
        Layout::OtherName(FileName::DashBehind) => of(beside(&format!("Dockerfile-{last}"))),
        Layout::OtherName(FileName::Before) => of(beside(&format!("{last}.Dockerfile"))),
        Layout::Below => of(beside("docker/Dockerfile")),
        Layout::Together => of(join(root, &format!("docker/{name}.Dockerfile"))),
        Layout::Beside => of(format!("docker/{name}/Dockerfile")),
        Layout::Above => of(beside("Dockerfile")),
        Layout::Link => (beside("Dockerfile"), beside("Dockerfile.prod")),
        Layout::SharedLink => {
            let file = format!("docker/shared/{:?}.Dockerfile", project.language).to_lowercase();
            (beside("Dockerfile"), file)
        }
        Layout::Argument => of(format!("docker/shared/{:?}.Dockerfile", project.evidence)),
        // Where `init` writes it.
        Layout::Inline if project.evidence == Evidence::Compose => of(beside(&format!("{name}.Dockerfile"))),
        Layout::Inline => of(beside(&format!("Dockerfile.{name}"))),
    }
}

/// The images that a project takes something from, each once.
fn parents(project: &ProjectDraft, at: usize, images: &[Image]) -> Vec<Parent> {
    let image = &images[at];
    if matches!(image.layout, Layout::SharedLink | Layout::Argument) {
        return Vec::new();
    }
    let mut seen = BTreeSet::new();
    let mut has_base = false;
    let mut parents = Vec::new();
    for (index, form) in project.parents.iter().filter(|_| at > 0) {
        let parent = index.index(at);
        let other = &images[parent];
        let is_shadowed =
            other.evidence == Evidence::Nobody && images.iter().any(|one| one.takes_name_of(other));
        if !seen.insert(parent) || other.name == image.name || is_shadowed {
            continue;
        }
        let form = match form {
            Form::Argument if !image.evidence.says_how() => Form::Variable,
            Form::Context if !is_linkable(image, other) => Form::Registry,
            Form::Base if has_base => Form::Registry,
            // Another one is meant by the name alone.
            Form::Bare | Form::Mount if other.language == Language::Redis => Form::Registry,
            form => *form,
        };
        has_base |= form == Form::Base;
        parents.push(Parent { image: parent, form });
    }
    parents
}

/// Whether the file that builds the one can name the build of the other.
fn is_linkable(image: &Image, other: &Image) -> bool {
    image.evidence == other.evidence
        && match image.evidence {
            Evidence::Compose => [image, other].iter().all(|image| compose::is_of_project(image)),
            Evidence::Bake => [image, other].iter().all(|image| bake::is_default(image)),
            _ => false,
        }
}
