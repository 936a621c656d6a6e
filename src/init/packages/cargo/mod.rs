//! Cargo workspaces: `[workspace]` with its members, and the dependencies that are paths.
//!
//! Cargo loads the manifest of each member, whatever it builds, and refuses one without the file of a target: so these files are
//! taken of all of them.

mod command;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

pub(super) use command::scope;

use super::NarrowError;
use super::files::Files;
use super::graph::{Package, PackageGraph};
use super::manifests::{self, MemberGlob, members, texts};
use crate::infer::CopiedPath;
use crate::init::evidence::resolve;
use crate::model::RepoPath;

const MANIFEST: &str = "Cargo.toml";

/// The tables of a manifest that name dependencies.
const TABLES: [&str; 5] =
    ["dependencies", "dev-dependencies", "build-dependencies", "dev_dependencies", "build_dependencies"];

/// The targets of a package that Cargo finds by itself, as a glob in its folder.
const ROOTS: &str = "src/{lib,main}.rs";

/// The packages of the workspace at the root of `files`; `None` where there is none.
pub(super) fn packages(files: &Files<'_>) -> Result<Option<PackageGraph>, NarrowError> {
    let root = &files.root;
    let root_manifest = root.join_component(MANIFEST.as_bytes());
    if !files.has(&root_manifest) {
        return Ok(None);
    }
    let manifest = manifests::toml(files, &root_manifest)?;
    let workspace = &manifest["workspace"];
    if !workspace.is_object() {
        return Ok(None);
    }
    let globs = member_globs(root, workspace)?;
    let mut reader = Reader { files, workspace, packages: BTreeMap::new(), shared: Vec::new() };
    let all = files.named(|name| name == MANIFEST)?;
    files.fetch(&all)?;
    let mut open = reader.members(&globs, &all)?;
    open.extend(manifest["package"].is_object().then(|| root.clone()));
    let mut always = BTreeSet::new();
    for (_, table) in members(&manifest["patch"]).chain([("", &manifest["replace"])]) {
        for (_, dependency) in members(table) {
            always.extend(reader.path_of(root, &dependency["path"])?);
        }
    }
    open.extend(always.iter().cloned());
    while let Some(folder) = open.pop() {
        if !reader.packages.contains_key(&folder) {
            let package = reader.package(&folder, &globs)?;
            open.extend(package.dependencies.iter().cloned());
            reader.packages.insert(folder, package);
        }
    }
    let Reader { packages, shared: mut targets, .. } = reader;
    targets.sort();
    let mut shared: Vec<CopiedPath> =
        globs.iter().flat_map(|glob| [MANIFEST, ROOTS].map(|path| glob.below(path))).collect();
    shared.extend(targets);
    shared.extend(configured(files)?);
    let kind = "Cargo workspace";
    let root = root.clone();
    Ok(Some(PackageGraph { kind, root, packages, always, shared, members: globs, left_out: Vec::new() }))
}

fn member_globs(root: &RepoPath, workspace: &Value) -> Result<Vec<MemberGlob>, NarrowError> {
    let written = match &workspace["members"] {
        Value::Null => Vec::new(),
        list => texts(list).ok_or_else(|| NarrowError::uncertain("`members` is not a list of texts"))?,
    };
    if written.iter().any(|glob| glob.contains(['{', '}'])) {
        return Err(NarrowError::uncertain("`members` has braces, which Cargo does not expand"));
    }
    MemberGlob::all(root, written)
}

struct Reader<'r> {
    files: &'r Files<'r>,
    workspace: &'r Value,
    packages: BTreeMap<RepoPath, Package>,
    shared: Vec<CopiedPath>,
}

impl Reader<'_> {
    /// The folders that `members` means, without those that `exclude` leaves out.
    fn members(&self, globs: &[MemberGlob], all: &[RepoPath]) -> Result<Vec<RepoPath>, NarrowError> {
        let root = &self.files.root;
        let excluded: Vec<RepoPath> = { texts(&self.workspace["exclude"]).unwrap_or_default().into_iter() }
            .filter_map(|path| resolve(root, path))
            .collect();
        if self.files.has_submodule(|path| globs.iter().any(|glob| glob.matches(path))) {
            return Err(NarrowError::uncertain("a submodule is one of its packages"));
        }
        let mut folders = Vec::new();
        for glob in globs {
            let found = all.iter().filter_map(RepoPath::parent).filter(|folder| glob.matches(folder));
            let found: Vec<RepoPath> = found.collect();
            if found.is_empty() && !glob.is_wild() {
                return Err(NarrowError::uncertain(format!("`{MANIFEST}` names a member that is not there")));
            }
            let is_left_out = |folder: &RepoPath| {
                glob.is_wild() && excluded.iter().any(|excluded| folder.is_within(excluded))
            };
            folders.extend(found.into_iter().filter(|folder| !is_left_out(folder)));
        }
        Ok(folders)
    }

    fn package(&mut self, folder: &RepoPath, globs: &[MemberGlob]) -> Result<Package, NarrowError> {
        let path = folder.join_component(MANIFEST.as_bytes());
        let manifest = manifests::toml(self.files, &path)?;
        let name = manifest["package"]["name"].as_str();
        let name = name.ok_or_else(|| manifests::unreadable(&path, "it has no name"))?;
        let mut package = Package::whole(name.to_owned(), path.clone());
        let tables = members(&manifest["target"]).map(|(_, table)| table).chain([&manifest]);
        for table in tables.flat_map(|table| TABLES.map(|name| &table[name])) {
            for (name, dependency) in members(table) {
                let inherited = dependency["workspace"].as_bool() == Some(true);
                let (folder, dependency) = if inherited {
                    (&self.files.root, &self.workspace["dependencies"][name])
                } else {
                    (folder, dependency)
                };
                package.dependencies.extend(self.path_of(folder, &dependency["path"])?);
            }
        }
        package.dependencies.remove(folder);
        let is_named = globs.iter().any(|glob| glob.matches(folder));
        let mut shared: Vec<RepoPath> = self.targets(folder, &manifest);
        shared.extend((!is_named).then_some(path));
        self.shared.extend(shared.into_iter().map(CopiedPath::File));
        Ok(package)
    }

    /// The package that the path of a dependency leads to.
    fn path_of(&self, folder: &RepoPath, path: &Value) -> Result<Option<RepoPath>, NarrowError> {
        let Some(written) = path.as_str() else { return Ok(None) };
        let found = resolve(folder, written).filter(|found| found.is_within(&self.files.root));
        let found = found.filter(|found| self.files.has(&found.join_component(MANIFEST.as_bytes())));
        let why = || format!("`{folder}` depends on `{written}`, which is no package of the workspace");
        found.map(Some).ok_or_else(|| NarrowError::uncertain(why()))
    }

    /// The files without which Cargo does not load a manifest, besides [`ROOTS`] of a member.
    fn targets(&self, folder: &RepoPath, manifest: &Value) -> Vec<RepoPath> {
        let at = |path: &str| RepoPath::new(path).map(|path| folder.join(&path)).ok();
        let bins = manifest["bin"].as_array().map(Vec::as_slice).unwrap_or_default();
        let names_bin =
            bins.iter().any(|bin| bin["path"].is_null()) || !manifest["package"]["default-run"].is_null();
        let roots: Vec<RepoPath> = ["src/lib.rs", "src/main.rs"].into_iter().filter_map(at).collect();
        let has_root = roots.iter().any(|path| self.files.has(path));
        let has_path = bins.iter().chain([&manifest["lib"]]).any(|target| target["path"].is_string());
        let mut targets: Vec<RepoPath> = roots.into_iter().filter(|path| self.files.has(path)).collect();
        let mut add_all = |folder: Option<RepoPath>| {
            targets.extend(folder.iter().flat_map(|folder| self.files.in_folder(folder)).cloned());
        };
        if names_bin || (!has_root && !has_path) {
            add_all(at("src/bin"));
        }
        if !has_root && !has_path {
            ["examples", "tests", "benches"].into_iter().for_each(|folder| add_all(at(folder)));
        }
        if manifest["package"]["links"].is_string() {
            targets.extend(at("build.rs").filter(|path| self.files.has(path)));
        }
        targets
    }
}

/// The folders that Cargo's own configuration replaces sources with.
fn configured(files: &Files<'_>) -> Result<Vec<CopiedPath>, NarrowError> {
    let mut folders = Vec::new();
    for name in [".cargo/config.toml", ".cargo/config"] {
        let path = files.root.join(&RepoPath::new(name).expect("it is a path"));
        if !files.has(&path) {
            continue;
        }
        let configuration = manifests::toml(files, &path)?;
        let sources = members(&configuration["source"]).map(|(_, source)| &source["directory"]);
        let patches = members(&configuration["patch"]).flat_map(|(_, table)| members(table));
        let patches = patches.map(|(_, patch)| &patch["path"]);
        let paths = configuration["paths"].as_array().into_iter().flatten();
        for path in sources.chain(patches).chain(paths).filter_map(Value::as_str) {
            folders.extend(resolve(&files.root, path).and_then(|path| files.at(&path)));
        }
    }
    Ok(folders)
}
