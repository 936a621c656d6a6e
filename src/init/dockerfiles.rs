//! The Dockerfiles that `init` does not take, counted by kind.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};

pub(super) use crate::dockerfile::file_names::{
    LeftOutKind, is_dockerfile, is_for_windows, left_out, left_out_folder,
};
use crate::model::RepoPath;

/// Dockerfiles that are not taken unless somebody names them, of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    pub kind: LeftOutKind,
    pub count: usize,
    /// The first ones, in path order.
    #[serde(serialize_with = "shown")]
    pub examples: Vec<RepoPath>,
}

/// Such as `2 templates: a/Dockerfile.j2, b/Dockerfile.j2`.
impl fmt::Display for LeftOut {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let examples: Vec<String> = self.examples.iter().map(ToString::to_string).collect();
        let more = if self.count > examples.len() { ", …" } else { "" };
        write!(formatter, "{} {}: {}{more}", self.count, self.kind, examples.join(", "))
    }
}

/// How many examples are kept.
const EXAMPLES: usize = 3;

/// Counts the Dockerfiles of each kind; `files` are in path order.
pub(super) fn counted<'f>(files: impl Iterator<Item = (&'f RepoPath, LeftOutKind)>) -> Vec<LeftOut> {
    let mut by_kind: BTreeMap<LeftOutKind, LeftOut> = BTreeMap::new();
    for (path, kind) in files {
        let left_out = by_kind.entry(kind).or_insert(LeftOut { kind, count: 0, examples: Vec::new() });
        left_out.count += 1;
        if left_out.examples.len() < EXAMPLES {
            left_out.examples.push(path.clone());
        }
    }
    by_kind.into_values().collect()
}

fn shown<S: Serializer>(paths: &[RepoPath], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(paths.iter().map(ToString::to_string))
}
