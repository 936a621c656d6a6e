//! Gradle builds of several projects: literal `include`s of the settings, and literal dependencies of the build scripts.
//!
//! Gradle configures each project of the settings, whatever it builds: so the build scripts of all are taken. Scripts are programs; a
//! form that is not literal is not certain.

mod command;
mod script;
mod settings;

use std::collections::{BTreeMap, BTreeSet};

pub(super) use command::scope;

use self::script::Script;
use self::settings::Settings;
use super::NarrowError;
use super::files::Files;
use super::graph::{Package, PackageGraph};
use crate::infer::CopiedPath;
use crate::init::evidence::resolve;
use crate::model::{RepoPath, printable};

const BUILD_SCRIPTS: [&str; 2] = ["build.gradle", "build.gradle.kts"];

/// What is taken of each project: without braces, such a glob would be three.
const MANIFESTS: &str = "*/{build.gradle,build.gradle.kts,gradle.properties}";

/// The sources of plugins that a build makes itself.
const PLUGIN_SOURCES: [&str; 5] = [".gradle", ".groovy", ".java", ".kt", ".kts"];

/// The projects of the build at the root of `files`; `None` where there is none, or it has only one.
pub(super) fn packages(files: &Files<'_>) -> Result<Option<PackageGraph>, NarrowError> {
    let Some(settings) = Settings::read(files)? else { return Ok(None) };
    if settings.projects.is_empty() {
        return Ok(None);
    }
    let scripts = files.named(|name| BUILD_SCRIPTS.contains(&name))?;
    files.fetch(&scripts)?;
    let reader = Reader { files, settings: &settings };
    let mut packages = BTreeMap::new();
    let mut always = BTreeSet::new();
    for (path, folder) in settings.projects.iter().filter(|(_, folder)| !reader.is_container(folder)) {
        if !files.has_folder(folder) {
            return Err(NarrowError::uncertain(format!("the project `{}` is not there", printable(path))));
        }
        let script = build_script(files, folder);
        let mut package = Package::whole(path.clone(), folder.join_component(b"build.gradle"));
        package.manifest = script.clone().unwrap_or_else(|| folder.clone());
        match &script {
            Some(script) => {
                let (dependencies, named) = reader.dependencies(path, script)?;
                package.dependencies = dependencies;
                package.dependencies.remove(folder);
                package.content.extend(named);
            }
            // Its folder has to be there all the same.
            None => drop(always.insert(folder.clone())),
        }
        if packages.insert(folder.clone(), package).is_some() {
            return Err(NarrowError::uncertain(format!("`{folder}` is the folder of several projects")));
        }
    }
    let mut shared: Vec<CopiedPath> = Vec::new();
    if let Some(script) = build_script(files, &files.root) {
        let (dependencies, named) = reader.dependencies("", &script)?;
        always.extend(dependencies);
        shared.extend(named);
        shared.extend(reader.named_by_root(&script)?);
    }
    for folder in settings.builds.iter().chain([&files.root.join_component(b"buildSrc")]) {
        always.extend(reader.of_plugins(folder)?);
        shared.push(CopiedPath::Folder(folder.clone()));
    }
    let parents: BTreeSet<RepoPath> = settings.projects.values().filter_map(RepoPath::parent).collect();
    let manifests = |folder| CopiedPath::Glob { folder, glob: MANIFESTS.to_owned() };
    shared.extend(parents.into_iter().map(manifests));
    Ok(Some(PackageGraph {
        kind: "Gradle build",
        root: files.root.clone(),
        packages,
        always,
        shared,
        members: Vec::new(),
        left_out: Vec::new(),
    }))
}

fn build_script(files: &Files<'_>, folder: &RepoPath) -> Option<RepoPath> {
    let mut paths = BUILD_SCRIPTS.iter().map(|name| folder.join_component(name.as_bytes()));
    paths.find(|path| files.has(path))
}

struct Reader<'r> {
    files: &'r Files<'r>,
    settings: &'r Settings,
}

impl Reader<'_> {
    /// Whether a project is nothing but the folder of others.
    fn is_container(&self, folder: &RepoPath) -> bool {
        let mut others = self.settings.projects.values().filter(|other| *other != folder);
        build_script(self.files, folder).is_none() && others.any(|other| other.is_within(folder))
    }

    /// What the build script of a project depends on, and what it names from the root of the build.
    fn dependencies(
        &self,
        project: &str,
        path: &RepoPath,
    ) -> Result<(BTreeSet<RepoPath>, Vec<CopiedPath>), NarrowError> {
        let script = Script::read(&self.files.manifest(path)?);
        let dependencies = self.projects(project, path, &script)?;
        Ok((dependencies, script.rooted().filter_map(|written| self.outside_of_projects(written)).collect()))
    }

    /// The folders of the projects that a script names.
    fn projects(
        &self,
        project: &str,
        path: &RepoPath,
        script: &Script,
    ) -> Result<BTreeSet<RepoPath>, NarrowError> {
        let unknown = |written: &str| {
            NarrowError::uncertain(format!(
                "`{path}` names a project in a way that is not followed: `{}`",
                printable(written)
            ))
        };
        let mut folders = BTreeSet::new();
        for written in script.projects().map_err(|written| unknown(&written))? {
            let name =
                if written.starts_with(':') { written.clone() } else { format!("{project}:{written}") };
            match self.settings.projects.get(&name) {
                Some(folder) if self.is_container(folder) => {}
                Some(folder) => drop(folders.insert(folder.clone())),
                // The root itself.
                None if name == ":" => {}
                None => return Err(unknown(&written)),
            }
        }
        for accessor in script.accessors() {
            let folder = self.settings.by_accessor(accessor).ok_or_else(|| unknown(accessor))?;
            folders.extend((!self.is_container(folder)).then(|| folder.clone()));
        }
        Ok(folders)
    }

    /// What plugins that the build makes itself name of its projects.
    fn of_plugins(&self, folder: &RepoPath) -> Result<BTreeSet<RepoPath>, NarrowError> {
        let is_source = |path: &&RepoPath| {
            self.files.has(path) && PLUGIN_SOURCES.iter().any(|end| path.as_bytes().ends_with(end.as_bytes()))
        };
        let sources: Vec<&RepoPath> = self.files.in_folder(folder).filter(is_source).collect();
        self.files.fetch(sources.iter().copied())?;
        let mut folders = BTreeSet::new();
        for path in sources {
            folders.extend(self.projects("", path, &Script::read(&self.files.manifest(path)?))?);
        }
        Ok(folders)
    }

    /// The files and folders that texts of the root's build script name.
    fn named_by_root(&self, path: &RepoPath) -> Result<Vec<CopiedPath>, NarrowError> {
        let script = Script::read(&self.files.manifest(path)?);
        Ok(script.texts().filter_map(|written| self.outside_of_projects(written)).collect())
    }

    /// What is at a path from the root, if it is no part of a project and holds none.
    fn outside_of_projects(&self, written: &str) -> Option<CopiedPath> {
        let path = resolve(&self.files.root, written).filter(|path| *path != self.files.root)?;
        let is_project = |folder: &RepoPath| folder.is_within(&path) || path.is_within(folder);
        if self.settings.projects.values().any(is_project) { None } else { self.files.at(&path) }
    }
}
