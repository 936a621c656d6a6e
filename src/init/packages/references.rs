//! What a package's configuration names of other folders: `"extends": "../../tsconfig.base.json"`, or a script two folders above.

use std::collections::BTreeSet;

use super::NarrowError;
use super::files::Files;
use super::graph::PackageGraph;
use crate::infer::CopiedPath;
use crate::init::evidence::resolve;
use crate::model::RepoPath;

/// The files that tell tools what to do.
const CONFIGURATION: &[&str] = &[
    ".cjs", ".cts", ".gradle", ".js", ".json", ".jsonc", ".json5", ".kts", ".mjs", ".mts", ".props",
    ".targets", ".toml", ".ts", ".yaml", ".yml", "build.rs", "Makefile",
];

/// More files than this in one folder are no configuration.
const MAX_FILES: usize = 200;

/// More paths than this in one file are data.
const MAX_PATHS: usize = 1_000;

/// What a package names outside of its folder.
#[derive(Debug, Default)]
pub(super) struct References {
    /// By their folders.
    pub(super) packages: BTreeSet<RepoPath>,
    /// What belongs to no package.
    pub(super) paths: Vec<CopiedPath>,
}

/// Looks into the configuration that lies in a package's folder for paths that lead out of it.
pub(super) fn of(
    graph: &PackageGraph,
    files: &Files<'_>,
    package: &RepoPath,
) -> Result<References, NarrowError> {
    let mut references = References::default();
    if *package == graph.root || !graph.packages[package].is_whole() {
        return Ok(references);
    }
    let is_configuration = |path: &&RepoPath| {
        let name = String::from_utf8_lossy(path.file_name());
        CONFIGURATION.iter().any(|end| name.ends_with(end))
    };
    let configuration = files.directly_in(package).filter(is_configuration).take(MAX_FILES);
    for file in configuration {
        let Some(text) = files.read(file)? else { continue };
        for path in leading_out(&text).take(MAX_PATHS).filter_map(|written| resolve(package, written)) {
            let holds_packages =
                graph.packages.keys().any(|folder| folder.is_within(&path) && *folder != path);
            let Some(found) = files.at(&path).filter(|_| path.is_within(&graph.root) && !holds_packages)
            else {
                continue;
            };
            match graph.package_of(&path) {
                Some(owner) if owner == package => {}
                Some(owner) if *owner != graph.root => drop(references.packages.insert(owner.clone())),
                _ if path == graph.root => {}
                _ => references.paths.push(found),
            }
        }
    }
    Ok(references)
}

/// The words of a text that begin with folders above, up to a wildcard.
fn leading_out(text: &str) -> impl Iterator<Item = &str> {
    let is_between = |letter: char| letter.is_whitespace() || "\"'`()[]{}<>,;=|&:".contains(letter);
    text.split(is_between).filter(|word| word.contains("../")).map(|word| {
        match word.split_once(['*', '$', '?']) {
            Some((before, _)) => before.rsplit_once('/').map_or("", |(folder, _)| folder),
            None => word,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lead_out_of_a_folder_up_to_their_wildcards() {
        let text = "{\"extends\": \"../../base.json\", \"include\": [\"src\", '../shared/**/*.ts'], \"x\": \"${a}/../y\"}";

        assert_eq!(leading_out(text).collect::<Vec<_>>(), ["../../base.json", "../shared", "/../y"]);
    }
}
