//! What `cargo` is told to build.

use serde_json::Value;

use super::MANIFEST;
use crate::init::evidence::resolve;
use crate::init::packages::commands::{Command, Scope};
use crate::init::packages::files::Files;
use crate::init::packages::graph::PackageGraph;
use crate::init::packages::{NarrowError, manifests};
use crate::model::RepoPath;

/// Subcommands that build packages.
const BUILDING: &[&str] = &[
    "b", "bench", "build", "c", "check", "clippy", "d", "doc", "r", "run", "rustc", "t", "test", "zigbuild",
];

/// Subcommands that read no more than manifests, or nothing of the workspace.
const HARMLESS: &[&str] = &[
    "binstall",
    "clean",
    "fetch",
    "fmt",
    "generate-lockfile",
    "help",
    "login",
    "metadata",
    "search",
    "tree",
    "update",
    "vendor",
    "version",
];

/// Subcommands that stand before another one.
const WRAPPING: &[&str] = &["auditable", "hack"];

/// Options whose values are words of their own.
const WITH_VALUES: &[&str] = &[
    "--color",
    "--config",
    "--features",
    "-F",
    "--jobs",
    "-j",
    "--message-format",
    "--out-dir",
    "--profile",
    "--target",
    "--target-dir",
    "-Z",
    "--root",
    "--recipe-path",
    "--exclude",
    "--test",
    "--bench",
    "--example",
];

/// What a command builds.
pub(in crate::init::packages) fn scope(
    graph: &PackageGraph,
    files: &Files<'_>,
    command: &Command,
) -> Result<Scope, NarrowError> {
    let mut options = Options::read(command)?;
    let subcommand = options.subcommands.first().copied().unwrap_or("help");
    match subcommand {
        // It makes a package of its own of what it reads.
        "chef" if options.subcommands.get(1) == Some(&"prepare") || !options.names_packages() => {
            return Ok(Scope::Nothing);
        }
        "install" if options.path.is_none() => return Ok(Scope::Nothing),
        "chef" | "install" => {}
        subcommand if HARMLESS.contains(&subcommand) => return Ok(Scope::Nothing),
        subcommand if BUILDING.contains(&subcommand) => {}
        _ => return Err(command.unclear("may build any package")),
    }
    if options.is_all {
        return Err(command.unclear("builds the whole workspace"));
    }
    let mut folders = Vec::new();
    if options.packages.is_empty() {
        for bin in std::mem::take(&mut options.bins) {
            folders.push(package_with_bin(graph, files, bin, command)?);
        }
    }
    for name in &options.packages {
        let name = name.split('@').next().unwrap_or_default();
        let folder =
            graph.named(name)?.ok_or_else(|| command.unclear("names no package of the workspace"))?;
        folders.push(folder.clone());
    }
    if let Some(path) = options.path.filter(|_| folders.is_empty()) {
        let path = command.folder.as_ref().and_then(|folder| resolve(folder, path));
        let folder = path.filter(|path| graph.packages.contains_key(path));
        folders.push(folder.ok_or_else(|| command.unclear("names no package of the workspace"))?);
    }
    if folders.is_empty() {
        let Some(here) = &command.folder else { return Ok(Scope::Nothing) };
        folders.push(package_at(graph, files, here, command)?);
    }
    Ok(Scope::Packages(folders))
}

/// What Cargo builds in a folder if nobody names a package.
fn package_at(
    graph: &PackageGraph,
    files: &Files<'_>,
    here: &RepoPath,
    command: &Command,
) -> Result<RepoPath, NarrowError> {
    let above = std::iter::successors(Some(here.clone()), RepoPath::parent);
    let mut above = above.take_while(|folder| folder.is_within(&graph.root));
    let folder = above.find(|folder| files.has(&folder.join_component(MANIFEST.as_bytes())));
    let folder = folder.and_then(|folder| graph.packages.get_key_value(&folder)).map(|(folder, _)| folder);
    let folder = folder
        .ok_or_else(|| command.unclear("builds the whole workspace, or a package that is not in it"))?;
    if *folder == graph.root {
        let manifest = manifests::toml(files, &graph.packages[folder].manifest)?;
        if !manifest["workspace"]["default-members"].is_null() {
            return Err(command.unclear("builds the workspace's default members"));
        }
    }
    Ok(folder.clone())
}

/// The package that has a binary of this name.
fn package_with_bin(
    graph: &PackageGraph,
    files: &Files<'_>,
    bin: &str,
    command: &Command,
) -> Result<RepoPath, NarrowError> {
    let mut found = Vec::new();
    for (folder, package) in &graph.packages {
        let has = |path: String| RepoPath::new(path).is_ok_and(|path| files.has(&folder.join(&path)));
        let manifest = manifests::toml(files, &package.manifest)?;
        let bins = manifest["bin"].as_array().map(Vec::as_slice).unwrap_or_default();
        let is_written = bins.iter().any(|written| written["name"].as_str() == Some(bin));
        let is_found = manifest["package"]["autobins"] != Value::Bool(false)
            && ((package.name == bin && has("src/main.rs".to_owned()))
                || has(format!("src/bin/{bin}.rs"))
                || has(format!("src/bin/{bin}/main.rs")));
        if is_written || is_found {
            found.push(folder.clone());
        }
    }
    match found.as_slice() {
        [folder] => Ok(folder.clone()),
        _ => Err(command.unclear("names a binary of no package, or of several")),
    }
}

/// The words of a command.
#[derive(Debug, Default)]
struct Options<'w> {
    subcommands: Vec<&'w str>,
    packages: Vec<&'w str>,
    bins: Vec<&'w str>,
    /// The folder of a package.
    path: Option<&'w str>,
    is_all: bool,
}

impl<'w> Options<'w> {
    fn read(command: &'w Command) -> Result<Self, NarrowError> {
        let mut options = Self::default();
        let mut words = command.arguments().take_while(|word| *word != "--");
        while let Some(word) = words.next() {
            let (name, value) = match word.split_once('=') {
                Some((name, value)) if name.starts_with('-') => (name, Some(value)),
                _ => (word, None),
            };
            let mut value =
                || value.or_else(|| words.next()).ok_or_else(|| command.unclear("ends too early"));
            match name {
                "-p" | "--package" => options.packages.push(value()?),
                "--bin" => options.bins.push(value()?),
                "--path" => options.path = Some(value()?),
                "--manifest-path" => {
                    let path = value()?;
                    let folder = path.strip_suffix(MANIFEST).map(|folder| folder.trim_end_matches('/'));
                    let folder =
                        folder.ok_or_else(|| command.unclear("names a manifest that is not known"))?;
                    options.path = Some(if folder.is_empty() { "." } else { folder });
                }
                "--workspace" | "--all" => options.is_all = true,
                "-C" => return Err(command.unclear("runs in another folder")),
                name if WITH_VALUES.contains(&name) => drop(value()?),
                name if name.starts_with("-p") => options.packages.push(&name[2..]),
                name if name.starts_with('-') || name.starts_with('+') => {}
                name if WRAPPING.contains(&name) => {}
                name => options.subcommands.push(name),
            }
        }
        Ok(options)
    }

    fn names_packages(&self) -> bool {
        !self.packages.is_empty() || !self.bins.is_empty()
    }
}
