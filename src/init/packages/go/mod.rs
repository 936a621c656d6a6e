//! Go modules: the packages that a build imports, one from the other.
//!
//! A package is the files that its folder holds itself, and what they embed. Tests are no part of a build.

mod command;
mod modules;
mod source;

use std::collections::{BTreeMap, BTreeSet};

pub(super) use command::scope;

use self::modules::Modules;
use super::NarrowError;
use super::commands::Command;
use super::files::Files;
use super::graph::{Package, PackageGraph};
use crate::infer::CopiedPath;
use crate::model::{RepoPath, printable};

/// A build of more packages than this is not followed.
const MAX_PACKAGES: usize = 5_000;

/// A package that embeds more files by their names is not followed either.
const MAX_EMBEDDED: usize = 200;

/// The packages that `commands` build and those that they import; `None` where no module begins at the root of `files`.
pub(super) fn packages(files: &Files<'_>, commands: &[Command]) -> Result<Option<PackageGraph>, NarrowError> {
    let Some(modules) = Modules::read(files)? else { return Ok(None) };
    let mut open: Vec<RepoPath> = Vec::new();
    for command in commands.iter().filter(|command| command.program() == Some("go")) {
        open.extend(command::built(&modules, files, command)?);
    }
    let mut packages = BTreeMap::new();
    while let Some(folder) = open.pop() {
        if packages.contains_key(&folder) {
            continue;
        }
        let package = package(&modules, files, &folder)?;
        open.extend(package.dependencies.iter().cloned());
        packages.insert(folder, package);
        if packages.len() > MAX_PACKAGES {
            return Err(NarrowError::uncertain(format!("it has more than {MAX_PACKAGES} packages")));
        }
    }
    let has_embedded_tests = packages
        .values()
        .flat_map(|package| package.content.iter().skip(1))
        .any(|embedded| files.matching(embedded).iter().any(|path| path.as_bytes().ends_with(b"_test.go")));
    let tests = CopiedPath::Glob { folder: files.root.clone(), glob: "**/*_test.go".to_owned() };
    Ok(Some(PackageGraph {
        kind: modules.kind,
        root: files.root.clone(),
        packages,
        always: BTreeSet::new(),
        shared: modules.shared(files),
        members: Vec::new(),
        left_out: if has_embedded_tests { Vec::new() } else { vec![tests] },
    }))
}

fn package(modules: &Modules, files: &Files<'_>, folder: &RepoPath) -> Result<Package, NarrowError> {
    let is_source = |path: &&RepoPath| {
        path.as_bytes().ends_with(b".go") && !path.as_bytes().ends_with(b"_test.go") && files.has(path)
    };
    let sources: Vec<&RepoPath> = files.directly_in(folder).filter(is_source).collect();
    files.fetch(sources.iter().copied())?;
    let mut content = vec![CopiedPath::Glob { folder: folder.clone(), glob: "*".to_owned() }];
    let mut dependencies = BTreeSet::new();
    for path in &sources {
        let source = source::read(&files.manifest(path)?);
        let source =
            source.ok_or_else(|| NarrowError::uncertain(format!("the imports of `{path}` can't be read")))?;
        if source.has_flags_of_other_folders {
            return Err(NarrowError::uncertain(format!("`{path}` builds C with files of other folders")));
        }
        for import in &source.imports {
            let Some(imported) = modules.folder_of(files, import)? else { continue };
            if !files.directly_in(&imported).any(|path| path.as_bytes().ends_with(b".go")) {
                let import = printable(import);
                return Err(NarrowError::uncertain(format!(
                    "`{path}` imports `{import}`, of which git has no file"
                )));
            }
            dependencies.insert(imported);
        }
        if content.len() + source.embedded.len() > MAX_EMBEDDED {
            return Err(NarrowError::uncertain(format!("`{folder}` embeds too much")));
        }
        for embedded in &source.embedded {
            // The files that match, and all that is in the folders that match.
            let globs = [embedded.clone(), format!("{embedded}/")];
            content.extend(globs.map(|glob| CopiedPath::Glob { folder: folder.clone(), glob }));
        }
    }
    let name = modules.import_path_of(folder);
    Ok(Package { name, manifest: folder.clone(), dependencies, content, doubt: None })
}
