//! .NET: project files, what they reference, and the files above them that MSBuild reads for each.

mod command;
mod project;

use std::collections::{BTreeMap, BTreeSet};

pub(super) use command::scope;

use self::project::{MsBuildFile, Written};
use super::NarrowError;
use super::commands::Command;
use super::files::Files;
use super::graph::{Package, PackageGraph};
use crate::infer::CopiedPath;
use crate::init::evidence::resolve;
use crate::model::{RepoPath, printable};

const PROJECTS: [&str; 3] = [".csproj", ".fsproj", ".vbproj"];

/// Files in the folders above a project that concern it, in lower case.
const ABOVE: [&str; 9] = [
    ".editorconfig",
    ".globalconfig",
    "directory.build.props",
    "directory.build.rsp",
    "directory.build.targets",
    "directory.packages.props",
    "global.json",
    "nuget.config",
    "stylecop.json",
];

/// Files that import each other are followed as deep.
const MAX_IMPORTS: usize = 50;

/// The projects below the root of `files`; `None` where there are not several.
pub(super) fn packages(files: &Files<'_>, commands: &[Command]) -> Result<Option<PackageGraph>, NarrowError> {
    let projects = files.named(is_project)?;
    if projects.len() < 2 {
        return Ok(None);
    }
    let above = files.named(|name| ABOVE.contains(&name.to_lowercase().as_str()))?;
    files.fetch(projects.iter().chain(&above))?;
    let reader = Reader { files, projects: &projects, above: &above };
    let mut packages: BTreeMap<RepoPath, Package> = BTreeMap::new();
    let mut imported = Vec::new();
    for path in &projects {
        let (mut package, imports) = reader.package(path)?;
        imported.extend(imports);
        let folder = path.parent().unwrap_or_default();
        if packages.contains_key(&folder) {
            package.doubt = Some(format!("`{folder}` has several projects"));
        }
        packages.insert(folder, package);
    }
    let folders: Vec<RepoPath> = packages.keys().cloned().collect();
    for (folder, package) in &mut packages {
        // What is below a project is compiled with it.
        if folders.iter().any(|inner| inner != folder && inner.is_within(folder)) {
            package.doubt = Some(format!("the project `{}` holds others", printable(&package.name)));
        }
    }
    let mut shared = Vec::new();
    if commands.iter().any(command::restores_all) {
        if let Some(doubt) = packages.values().find_map(|package| package.doubt.clone()) {
            return Err(NarrowError::Uncertain(doubt));
        }
        let everywhere = |glob: String| CopiedPath::Glob { folder: files.root.clone(), glob };
        shared.extend(PROJECTS.map(|end| everywhere(format!("**/*{end}"))));
        shared.extend(above.into_iter().map(CopiedPath::File));
        shared.extend(imported);
    }
    Ok(Some(PackageGraph {
        kind: ".NET workspace",
        root: files.root.clone(),
        packages,
        always: BTreeSet::new(),
        shared,
        members: Vec::new(),
        left_out: Vec::new(),
    }))
}

fn is_project(name: &str) -> bool {
    PROJECTS.iter().any(|end| name.ends_with(end))
}

struct Reader<'r> {
    files: &'r Files<'r>,
    projects: &'r [RepoPath],
    /// See [`ABOVE`].
    above: &'r [RepoPath],
}

impl Reader<'_> {
    /// A project, and the files that it imports.
    fn package(&self, path: &RepoPath) -> Result<(Package, Vec<CopiedPath>), NarrowError> {
        let folder = path.parent().unwrap_or_default();
        let name = String::from_utf8_lossy(path.file_name()).into_owned();
        let name = PROJECTS.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name).to_owned();
        let mut package = Package::whole(name, path.clone());
        let of_folders_above =
            self.above.iter().filter(|above| above.parent().is_some_and(|above| folder.is_within(&above)));
        let of_folders_above: Vec<RepoPath> = of_folders_above.cloned().collect();
        let mut open: Vec<RepoPath> = of_folders_above.clone();
        open.retain(|path| path.as_bytes().ends_with(b"props") || path.as_bytes().ends_with(b"targets"));
        open.push(path.clone());
        package.content.extend(of_folders_above.into_iter().map(CopiedPath::File));
        let (mut imports, mut seen) = (Vec::new(), BTreeSet::new());
        while let Some(file) = open.pop() {
            if !seen.insert(file.clone()) {
                continue;
            }
            if seen.len() > MAX_IMPORTS {
                package.doubt = Some(format!("`{path}` imports too many files"));
                break;
            }
            let read = MsBuildFile::read(&file, &self.files.manifest(&file)?)?;
            if let Some(doubt) = &read.doubt {
                package.doubt = Some(doubt.clone());
            }
            let own = file.parent().unwrap_or_default();
            for (import, is_optional) in &read.imports {
                match import.path(&own, &own).filter(|path| self.files.has(path)) {
                    Some(path) => {
                        imports.push(CopiedPath::File(path.clone()));
                        open.push(path);
                    }
                    None if *is_optional => {}
                    None => {
                        package.doubt = Some(format!(
                            "`{file}` imports `{}`, which is not there",
                            printable(&import.text)
                        ));
                    }
                }
            }
            for reference in &read.references {
                match reference.path(&folder, &own).filter(|path| self.projects.contains(path)) {
                    Some(path) => drop(package.dependencies.insert(path.parent().unwrap_or_default())),
                    None => {
                        let written = printable(&reference.text);
                        package.doubt = Some(format!("`{file}` references `{written}`, which is not there"));
                    }
                }
            }
            package.content.extend(read.others.iter().filter_map(|other| self.other(other, &folder, &own)));
        }
        package.content.extend(imports.iter().cloned());
        package.dependencies.remove(&folder);
        Ok((package, imports))
    }

    /// A file that is no project's, or a glob.
    fn other(&self, written: &Written, project: &RepoPath, own: &RepoPath) -> Option<CopiedPath> {
        let (fixed, glob) = written.before_wildcards();
        let path = fixed.path(project, own).filter(|path| path.is_within(&self.files.root))?;
        if let Some(glob) = glob {
            return Some(CopiedPath::Glob { folder: path, glob });
        }
        let holds_projects = self.projects.iter().any(|project| project.is_within(&path) && *project != path);
        self.files.at(&path).filter(|_| !holds_projects && path != self.files.root)
    }
}

/// The path that `text` names, with the separators of Windows.
fn resolved(folder: &RepoPath, text: &str) -> Option<RepoPath> {
    resolve(folder, text.trim())
}
