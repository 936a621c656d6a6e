//! Which packages of a workspace an image is built from, by evidence.

use std::collections::BTreeSet;

use super::NarrowError;
use super::builders::Builder;
use super::commands::Scope;
use super::files::Files;
use super::graph::PackageGraph;
use super::steps::Steps;
use crate::init::evidence::Build;
use crate::model::{RepoPath, printable};

/// The packages that the steps build or, where these name none, the one that holds the Dockerfile.
pub(super) fn roots(
    builder: Builder,
    graph: &PackageGraph,
    files: &Files<'_>,
    steps: &Steps,
    build: &Build,
) -> Result<BTreeSet<RepoPath>, NarrowError> {
    let (mut named, mut script) = (BTreeSet::new(), None);
    for command in &steps.commands {
        match builder.scope(graph, files, command)? {
            Scope::Nothing => {}
            Scope::Packages(folders) => named.extend(folders),
            Scope::Script => script = Some(command),
        }
    }
    let dockerfile = build.named_path();
    let own = builder.own_package(graph, dockerfile);
    match (named.is_empty(), own, script) {
        (false, Some(own), _) if !named.contains(own) => {
            let name = printable(&graph.packages[own].name);
            Err(NarrowError::uncertain(format!("it lies in the package `{name}` and builds others")))
        }
        (false, ..) => Ok(named),
        (true, Some(_), Some(script)) => Err(script.unclear("may build any package")),
        (true, Some(own), None) => Ok(BTreeSet::from([own.clone()])),
        (true, None, _) => Err(NarrowError::uncertain("nothing says which of its packages is built")),
    }
}
