//! Compose files that build the Dockerfile of a project otherwise than the manifest does.

use std::collections::BTreeMap;

use super::{Code, Finding};
use crate::git::{GitError, Snapshot};
use crate::init::{self, Build};
use crate::model::{Platform, ProjectName, RepoPath};
use crate::workspace::{Project, Workspace};

/// The services of the Compose files of a tree, by the Dockerfile that they build.
pub(super) struct Services(BTreeMap<RepoPath, Vec<Build>>);

impl Services {
    /// # Errors
    /// [`GitError`] when a tree or a file can't be read.
    pub(super) fn read(snapshot: &Snapshot<'_>) -> Result<Self, GitError> {
        let files = init::compose_files(snapshot)?;
        // What can't be used is no service to compare with.
        let builds = init::compose_builds(snapshot, &files, &mut Vec::new())?;
        let mut services: BTreeMap<RepoPath, Vec<Build>> = BTreeMap::new();
        for build in builds.into_iter().filter(|build| build.inline.is_none()) {
            services.entry(build.dockerfile.clone()).or_default().push(build);
        }
        Ok(Self(services))
    }
}

/// A finding for a project whose Dockerfile is built by services, if none of them builds it as the manifest says and none is
/// another project's. A second service of the same Dockerfile, such as one for development, is none.
pub(super) fn check(
    workspace: &Workspace,
    name: &ProjectName,
    project: &Project,
    services: &Services,
    findings: &mut Vec<Finding>,
) {
    let dockerfile = &project.config.dockerfile.value;
    let Some(builds) = services.0.get(dockerfile) else { return };
    let others = || {
        let projects = workspace.projects.iter().filter(|(other, _)| *other != name);
        projects.map(|(_, other)| other).filter(|other| other.config.dockerfile.value == *dockerfile)
    };
    let is_of_another = |build: &&Build| {
        !is_called(build, name) && others().any(|other| differences(build, other).is_empty())
    };
    let compared: Vec<(&Build, Vec<Difference>)> = builds
        .iter()
        .filter(|build| !is_of_another(build))
        .map(|build| (build, differences(build, project)))
        .collect();
    if compared.iter().any(|(_, differences)| differences.is_empty()) {
        return;
    }
    // The one that is called like the project, then the one that is most like it.
    let closest =
        compared.iter().min_by_key(|(build, differences)| (!is_called(build, name), differences.len()));
    if let Some((build, differences)) = closest {
        findings.push(finding(&workspace.manifest_file, name, project, build, differences));
    }
}

fn is_called(build: &Build, name: &ProjectName) -> bool {
    build.name.as_deref() == Some(name.as_str())
}

fn finding(
    manifest_file: &str,
    name: &ProjectName,
    project: &Project,
    build: &Build,
    differences: &[Difference],
) -> Finding {
    let service = build.name.as_deref().unwrap_or_default();
    let texts: Vec<&str> = differences.iter().map(|difference| difference.text.as_str()).collect();
    let line = differences.iter().find_map(|difference| difference.line).unwrap_or(project.config.line);
    Finding {
        project: Some(name.clone()),
        file: manifest_file.to_owned(),
        line,
        code: Code::DiffersFromCompose,
        message: format!(
            "service `{service}` ({}) builds {} otherwise: {}",
            build.found,
            project.config.dockerfile.value,
            texts.join("; ")
        ),
        suggestion: None,
    }
}

/// What a service says, and what the manifest says.
struct Difference {
    text: String,
    /// Of the manifest, where the key has one.
    line: Option<usize>,
}

impl Difference {
    fn new(key: &str, there: Option<&str>, here: Option<&str>, line: Option<usize>) -> Self {
        let said =
            |value: Option<&str>| value.map_or_else(|| "none".to_owned(), |value| format!("`{value}`"));
        Self { text: format!("{key} is {} there and {} here", said(there), said(here)), line }
    }
}

fn differences(build: &Build, project: &Project) -> Vec<Difference> {
    let mut differences: Vec<Difference> = context(build, project).into_iter().collect();
    differences.extend(target(build, project));
    differences.extend(build_args(build, project));
    differences.extend(platforms(build, project));
    differences
}

fn context(build: &Build, project: &Project) -> Option<Difference> {
    let here = &project.config.context;
    let there = build.context.as_ref().filter(|there| **there != here.value)?;
    let shown = |folder: &RepoPath| if folder.is_root() { ".".to_owned() } else { folder.to_string() };
    Some(Difference::new("context", Some(&shown(there)), Some(&shown(&here.value)), Some(here.line)))
}

/// Without a target, it is the last stage.
fn target(build: &Build, project: &Project) -> Option<Difference> {
    let last = || {
        let variant = project.variants.first()?;
        variant.dockerfile.stages().last()?.name.as_ref().map(ToString::to_string)
    };
    let there = build.target.as_ref().map(|target| target.to_ascii_lowercase());
    let here = project.config.target.as_ref().map(ToString::to_string);
    let is_same = there == here || there.clone().or_else(last) == here.clone().or_else(last);
    (!is_same).then(|| Difference::new("target", there.as_deref(), here.as_deref(), None))
}

/// Values that the environment gives, also where a default stands in for it, are not known here.
fn build_args(build: &Build, project: &Project) -> Vec<Difference> {
    let config = &project.config;
    let is_open = |name: &String| build.defaulted_args.contains_key(name);
    let there = build.build_args.iter().filter(|(name, value)| value.is_some() && !is_open(name));
    let other = there.filter(|(name, value)| config.build_args.get(*name) != value.as_ref());
    let other = other.map(|(name, value)| (name, value.as_deref(), config.build_args.get(name)));
    let missing = config.build_args.iter().filter(|(name, _)| !build.build_args.contains_key(*name));
    let missing = missing.map(|(name, value)| (name, None, Some(value)));
    let difference = |(name, there, here): (&String, Option<&str>, Option<&String>)| {
        let line = config.build_arg_lines.get(name).copied();
        Difference::new(&format!("build argument `{name}`"), there, here.map(String::as_str), line)
    };
    other.chain(missing).map(difference).collect()
}

/// A service may leave out platforms of the project: it runs on one.
fn platforms(build: &Build, project: &Project) -> Option<Difference> {
    let here = &project.config.platforms;
    let lacks = |platform: &&String| {
        platform.parse::<Platform>().is_ok_and(|platform| !here.is_empty() && !here.contains(&platform))
    };
    let there = build.platforms.iter().find(lacks)?;
    let here: Vec<String> = here.iter().map(ToString::to_string).collect();
    Some(Difference::new("platform", Some(there), Some(&here.join(", ")), None))
}
