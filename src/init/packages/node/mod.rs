//! Workspaces of npm, pnpm, yarn and bun: `package.json` files, whose dependencies on each other are names.
//!
//! The package managers read the `package.json` of each member for the lock file, whatever is installed, and run the scripts of an
//! installation in all of them.

mod command;
mod filter;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

pub(super) use command::scope;

use super::NarrowError;
use super::files::Files;
use super::graph::{Package, PackageGraph};
use super::manifests::{self, MemberGlob, members, texts, unreadable};
use crate::infer::CopiedPath;
use crate::init::evidence::{commands, resolve, yaml};
use crate::model::{RepoPath, printable};

const MANIFEST: &str = "package.json";
const PNPM: &str = "pnpm-workspace.yaml";

/// The tables of a manifest that name dependencies.
const TABLES: [&str; 4] = ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"];

/// Scripts that run when packages are installed.
const INSTALL_SCRIPTS: [&str; 6] =
    ["preinstall", "install", "postinstall", "prepublish", "preprepare", "prepare"];

/// Forms of manifests that pnpm reads as well.
const OTHER_MANIFESTS: [&str; 2] = ["package.yaml", "package.json5"];

/// The packages of the workspace at the root of `files`; `None` where there is none.
pub(super) fn packages(files: &Files<'_>) -> Result<Option<PackageGraph>, NarrowError> {
    let root = &files.root;
    let at_root = |name: &str| root.join_component(name.as_bytes());
    let root_manifest = at_root(MANIFEST);
    if !files.has(&root_manifest) {
        return Ok(None);
    }
    let manifest = manifests::json(files, &root_manifest)?;
    let is_pnpm = files.has(&at_root(PNPM));
    let written =
        if is_pnpm { of_pnpm(files, &at_root(PNPM))? } else { of_manifest(&manifest, &root_manifest)? };
    if written.is_empty() {
        return Ok(None);
    }
    let (left_out, taken): (Vec<&String>, Vec<&String>) =
        written.iter().partition(|glob| glob.starts_with('!'));
    let globs = MemberGlob::all(root, taken.into_iter().map(String::as_str))?;
    let left_out = MemberGlob::all(root, left_out.into_iter().map(|glob| &glob[1..]))?;
    let is_member = |folder: &RepoPath| {
        let means = |glob: &MemberGlob| glob.matches(folder);
        folder != root && globs.iter().any(means) && !left_out.iter().any(means)
    };
    if files.has_submodule(is_member) {
        return Err(NarrowError::uncertain("a submodule is one of its packages"));
    }
    let others = files.named(|name| OTHER_MANIFESTS.contains(&name))?;
    if let Some(other) =
        others.iter().find(|path| is_pnpm && path.parent().is_some_and(|folder| is_member(&folder)))
    {
        return Err(NarrowError::uncertain(format!("`{other}` is not read")));
    }
    let all = files.named(|name| name == MANIFEST)?;
    let of_members: Vec<RepoPath> =
        all.into_iter().filter(|path| path.parent().is_some_and(|folder| is_member(&folder))).collect();
    files.fetch(&of_members)?;
    let mut reader = Reader { files, folders: BTreeMap::new(), members: BTreeSet::new(), shared: Vec::new() };
    let mut read = Vec::new();
    for path in of_members {
        let manifest = manifests::json(files, &path)?;
        let folder = path.parent().unwrap_or_default();
        let name = manifest["name"].as_str().map_or_else(|| folder.to_string(), str::to_owned);
        reader.members.insert(folder.clone());
        if reader.folders.insert(name.clone(), folder).is_some() {
            return Err(NarrowError::uncertain(format!(
                "several packages are called `{}`",
                printable(&name)
            )));
        }
        read.push((Package::whole(name, path), manifest));
    }
    let mut always = reader.dependencies(root, &manifest)?;
    let mut packages = BTreeMap::new();
    for (mut package, manifest) in read {
        let folder = package.manifest.parent().unwrap_or_default();
        package.dependencies = reader.dependencies(&folder, &manifest)?;
        package.dependencies.remove(&folder);
        if INSTALL_SCRIPTS.iter().any(|script| manifest["scripts"][script].is_string()) {
            always.insert(folder.clone());
        }
        packages.insert(folder, package);
    }
    let mut shared: Vec<CopiedPath> = globs.iter().map(|glob| glob.below(MANIFEST)).collect();
    shared.extend(reader.shared);
    shared.extend(patches(files, &manifest)?);
    shared.extend(named_by_scripts(files, &manifest, &packages));
    let kind = kind(files, is_pnpm);
    let root = root.clone();
    Ok(Some(PackageGraph { kind, root, packages, always, shared, members: globs, left_out: Vec::new() }))
}

fn kind(files: &Files<'_>, is_pnpm: bool) -> &'static str {
    let has = |name: &str| files.has(&files.root.join_component(name.as_bytes()));
    match () {
        () if is_pnpm => "pnpm workspace",
        () if has("yarn.lock") => "yarn workspace",
        () if has("bun.lock") || has("bun.lockb") => "bun workspace",
        () => "npm workspace",
    }
}

fn of_pnpm(files: &Files<'_>, path: &RepoPath) -> Result<Vec<String>, NarrowError> {
    let text = files.manifest(path)?;
    let file = yaml::Node::parse(text.as_bytes()).map_err(|error| unreadable(path, &error.to_string()))?;
    let Some(list) = file.get("packages") else { return Ok(Vec::new()) };
    let globs = list.list().and_then(|list| list.iter().map(|glob| glob.text().map(str::to_owned)).collect());
    globs.ok_or_else(|| unreadable(path, "`packages` is not a list of texts"))
}

/// `workspaces`, which is a list, or a table with one.
fn of_manifest(manifest: &Value, path: &RepoPath) -> Result<Vec<String>, NarrowError> {
    let list = match &manifest["workspaces"] {
        Value::Null => return Ok(Vec::new()),
        Value::Object(table) => &table.get("packages").cloned().unwrap_or_default(),
        list => list,
    };
    let globs = texts(list).ok_or_else(|| unreadable(path, "`workspaces` is not a list of texts"))?;
    Ok(globs.into_iter().map(str::to_owned).collect())
}

struct Reader<'r> {
    files: &'r Files<'r>,
    /// By the names of packages.
    folders: BTreeMap<String, RepoPath>,
    members: BTreeSet<RepoPath>,
    shared: Vec<CopiedPath>,
}

impl Reader<'_> {
    /// The members that a manifest in `folder` depends on.
    fn dependencies(
        &mut self,
        folder: &RepoPath,
        manifest: &Value,
    ) -> Result<BTreeSet<RepoPath>, NarrowError> {
        let mut dependencies = BTreeSet::new();
        for (name, version) in TABLES.iter().flat_map(|table| members(&manifest[*table])) {
            let Some(version) = version.as_str() else {
                return Err(NarrowError::uncertain(format!(
                    "the version of `{}` is no text",
                    printable(name)
                )));
            };
            dependencies.extend(self.dependency(folder, name, version)?);
        }
        Ok(dependencies)
    }

    fn dependency(
        &mut self,
        folder: &RepoPath,
        name: &str,
        version: &str,
    ) -> Result<Option<RepoPath>, NarrowError> {
        let unknown = || {
            let written = printable(&format!("{name}: {version}"));
            NarrowError::uncertain(format!(
                "`{folder}` depends on `{written}`, which is no package of the workspace"
            ))
        };
        let (protocol, rest) = version.split_once(':').unwrap_or(("", version));
        match protocol {
            "workspace" => {
                if rest.starts_with('.') {
                    return self.package_at(folder, rest).map(Some).ok_or_else(unknown);
                }
                // `workspace:other@*` has another name here.
                let called = rest.rfind('@').filter(|at| *at > 0).map_or(name, |at| &rest[..at]);
                self.folders.get(called).cloned().map(Some).ok_or_else(unknown)
            }
            "file" | "link" | "portal" => match self.package_at(folder, rest) {
                Some(package) => Ok(Some(package)),
                None => {
                    let file =
                        resolve(folder, rest).filter(|path| self.files.has(path)).ok_or_else(unknown)?;
                    self.shared.push(CopiedPath::File(file));
                    Ok(None)
                }
            },
            // A range that a member may satisfy, or a package from elsewhere.
            _ => Ok(self.folders.get(name).cloned()),
        }
    }

    fn package_at(&self, folder: &RepoPath, path: &str) -> Option<RepoPath> {
        resolve(folder, path).filter(|path| self.members.contains(path))
    }
}

/// The patches of dependencies that the manifests name.
fn patches(files: &Files<'_>, manifest: &Value) -> Result<Vec<CopiedPath>, NarrowError> {
    let of_manifest =
        members(&manifest["pnpm"]["patchedDependencies"]).chain(members(&manifest["patchedDependencies"]));
    let mut paths: Vec<String> =
        of_manifest.filter_map(|(_, path)| path.as_str()).map(str::to_owned).collect();
    let workspace = files.root.join_component(PNPM.as_bytes());
    if let Some(text) = files.read(&workspace)? {
        let file =
            yaml::Node::parse(text.as_bytes()).map_err(|error| unreadable(&workspace, &error.to_string()))?;
        let patches = file.get("patchedDependencies").and_then(|node| node.map()).unwrap_or_default();
        paths.extend(patches.into_iter().filter_map(|(_, path)| path.text().map(str::to_owned)));
    }
    Ok(paths.iter().filter_map(|path| files.at(&resolve(&files.root, path)?)).collect())
}

/// The files and folders that the scripts of the root's manifest name, but for those that hold packages.
fn named_by_scripts(
    files: &Files<'_>,
    manifest: &Value,
    packages: &BTreeMap<RepoPath, Package>,
) -> Vec<CopiedPath> {
    let mut named = Vec::new();
    for script in members(&manifest["scripts"]).filter_map(|(_, script)| script.as_str()) {
        for step in commands::steps(script, "/", &BTreeMap::new()).unwrap_or_default() {
            for word in step.words.iter().map(|word| &word.text).filter(|word| !word.starts_with('-')) {
                let Some(path) = resolve(&files.root, word).filter(|path| *path != files.root) else {
                    continue;
                };
                let has_packages =
                    packages.keys().any(|folder| folder.is_within(&path) || path.is_within(folder));
                named.extend(files.at(&path).filter(|_| !has_packages));
            }
        }
    }
    named
}

/// The text of a script in the manifest of a folder.
fn script(files: &Files<'_>, folder: &RepoPath, name: &str) -> Result<Option<String>, NarrowError> {
    let path = folder.join_component(MANIFEST.as_bytes());
    if !files.has(&path) {
        return Ok(None);
    }
    Ok(manifests::json(files, &path)?["scripts"][name].as_str().map(str::to_owned))
}
