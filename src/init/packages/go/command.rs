//! What `go` is told to build.

use super::Modules;
use crate::init::evidence::resolve;
use crate::init::packages::NarrowError;
use crate::init::packages::commands::{Command, Scope};
use crate::init::packages::files::Files;
use crate::init::packages::graph::PackageGraph;
use crate::model::RepoPath;

/// Subcommands that read no package.
const HARMLESS: &[&str] = &["clean", "env", "get", "help", "telemetry", "tool", "version"];

/// Options whose values are words of their own.
const WITH_VALUES: &[&str] = &[
    "asmflags",
    "buildmode",
    "compiler",
    "covermode",
    "coverpkg",
    "exec",
    "gccgoflags",
    "gcflags",
    "installsuffix",
    "ldflags",
    "mod",
    "modfile",
    "o",
    "overlay",
    "p",
    "pgo",
    "pkgdir",
    "tags",
    "toolexec",
];

/// What a command builds.
pub(in crate::init::packages) fn scope(
    graph: &PackageGraph,
    files: &Files<'_>,
    command: &Command,
) -> Result<Scope, NarrowError> {
    let Some(modules) = Modules::read(files)? else { return Ok(Scope::Nothing) };
    let folders = built(&modules, files, command)?;
    debug_assert!(folders.iter().all(|folder| graph.packages.contains_key(folder)), "they were read before");
    Ok(if folders.is_empty() { Scope::Nothing } else { Scope::Packages(folders) })
}

/// The folders of the packages that a command builds.
pub(super) fn built(
    modules: &Modules,
    files: &Files<'_>,
    command: &Command,
) -> Result<Vec<RepoPath>, NarrowError> {
    let Some(mut folder) = command.folder.clone() else { return Ok(Vec::new()) };
    let mut words = Vec::new();
    let mut rest = command.arguments();
    while let Some(word) = rest.next() {
        let Some(option) = word.strip_prefix('-') else {
            words.push(word);
            // What is behind the package that is run is the program's.
            if words.len() == 2 && words[0] == "run" {
                break;
            }
            continue;
        };
        let option = option.trim_start_matches('-');
        if option == "C" || option.starts_with("C=") {
            let path = option.strip_prefix("C=").or_else(|| rest.next()).unwrap_or_default();
            folder = resolve(&folder, path).ok_or_else(|| command.unclear("runs in another folder"))?;
        } else if WITH_VALUES.contains(&option) {
            rest.next();
        }
    }
    match words.as_slice() {
        [] => Ok(Vec::new()),
        ["mod", "tidy" | "vendor", ..] | ["work", "sync" | "vendor", ..] => {
            Err(command.unclear("reads all packages"))
        }
        ["mod" | "work", ..] => Ok(Vec::new()),
        ["build" | "install" | "run"] => Ok(vec![package_at(files, &folder, ".", command)?]),
        ["build" | "install" | "run", packages @ ..] => {
            let mut folders = Vec::new();
            for package in packages.iter().filter(|package| !package.contains('@')) {
                folders.extend(package_named(modules, files, &folder, package, command)?);
            }
            Ok(folders)
        }
        [word, ..] if HARMLESS.contains(word) => Ok(Vec::new()),
        _ => Err(command.unclear("may read files of any package")),
    }
}

/// The folder of a package; `None` where it is one from elsewhere.
fn package_named(
    modules: &Modules,
    files: &Files<'_>,
    here: &RepoPath,
    written: &str,
    command: &Command,
) -> Result<Option<RepoPath>, NarrowError> {
    if written.contains("...") || matches!(written, "all" | "std" | "cmd") {
        return Err(command.unclear("builds all packages"));
    }
    if let Some(folder) = modules.folder_of(files, written)? {
        return package_at(files, &folder, ".", command).map(Some);
    }
    if written.ends_with(".go") {
        let folder = written.rsplit_once('/').map_or(".", |(folder, _)| folder);
        return package_at(files, here, folder, command).map(Some);
    }
    let is_local = written.starts_with('.') || written.starts_with('/');
    if !is_local && written.split('/').next().is_some_and(|host| host.contains('.')) {
        return Ok(None);
    }
    package_at(files, here, written, command).map(Some)
}

fn package_at(
    files: &Files<'_>,
    here: &RepoPath,
    path: &str,
    command: &Command,
) -> Result<RepoPath, NarrowError> {
    let folder = resolve(here, path).filter(|folder| folder.is_within(&files.root));
    let has_source =
        |folder: &RepoPath| files.directly_in(folder).any(|path| path.as_bytes().ends_with(b".go"));
    folder.filter(has_source).ok_or_else(|| command.unclear("names no package that is there"))
}
