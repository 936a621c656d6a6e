//! How package managers and task runners name packages: `@shop/api...`, `./services/api`, `{services/api}`.

use crate::init::evidence::resolve;
use crate::init::packages::NarrowError;
use crate::init::packages::commands::Command;
use crate::init::packages::graph::PackageGraph;
use crate::model::RepoPath;

/// The package that a filter means, with what it depends on at most.
pub(super) fn package(
    graph: &PackageGraph,
    command: &Command,
    filter: &str,
) -> Result<RepoPath, NarrowError> {
    let name = filter.strip_suffix("...").unwrap_or(filter);
    let name = name.strip_suffix('^').unwrap_or(name);
    if name.starts_with("...") || name.contains(['!', '[', '*']) {
        return Err(command.unclear("selects packages in a way that is not followed"));
    }
    let folder = name.strip_prefix('{').and_then(|name| name.strip_suffix('}'));
    let folder = folder.or_else(|| Some(name).filter(|name| name.starts_with('.') || name.contains('/')));
    let at = |from: &RepoPath| {
        let path = resolve(from, folder?)?;
        graph.packages.contains_key(&path).then_some(path)
    };
    let here = command.folder.as_ref().unwrap_or(&graph.root);
    let found = match graph.named(name)? {
        Some(folder) => Some(folder.clone()),
        None => at(here).or_else(|| at(&graph.root)).or_else(|| without_scope(graph, name)),
    };
    found.ok_or_else(|| command.unclear("names no package of the workspace"))
}

/// `api` is `@shop/api` where there is only one.
fn without_scope(graph: &PackageGraph, name: &str) -> Option<RepoPath> {
    let is_called = |package: &str| {
        package.split_once('/').is_some_and(|(scope, own)| scope.starts_with('@') && own == name)
    };
    let mut named = graph.packages.iter().filter(|(_, package)| is_called(&package.name));
    let first = named.next()?;
    named.next().is_none().then(|| first.0.clone())
}
