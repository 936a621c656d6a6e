//! The packages of a workspace, and what they are made from.

use std::collections::{BTreeMap, BTreeSet};

use super::NarrowError;
use super::manifests::MemberGlob;
use crate::infer::CopiedPath;
use crate::model::RepoPath;

/// The packages of a workspace, by their folders.
#[derive(Debug)]
pub(super) struct PackageGraph {
    /// What it is, as in "pnpm workspace".
    pub(super) kind: &'static str,
    pub(super) root: RepoPath,
    pub(super) packages: BTreeMap<RepoPath, Package>,
    /// Packages that each build needs.
    pub(super) always: BTreeSet<RepoPath>,
    /// Files that each build needs, besides those in the root: the manifests of all packages, for example.
    pub(super) shared: Vec<CopiedPath>,
    /// The globs, seen from the root, by which the workspace names its packages' folders.
    pub(super) members: Vec<MemberGlob>,
    /// What no build reads, also in packages that are needed.
    pub(super) left_out: Vec<CopiedPath>,
}

#[derive(Debug)]
pub(super) struct Package {
    /// What the tool calls it.
    pub(super) name: String,
    pub(super) manifest: RepoPath,
    /// By their folders.
    pub(super) dependencies: BTreeSet<RepoPath>,
    /// What a build of it takes: most often its folder.
    pub(super) content: Vec<CopiedPath>,
    /// What is not certain of it, if something is.
    pub(super) doubt: Option<String>,
}

impl Package {
    /// A package that is made from all that its folder holds.
    pub(super) fn whole(name: String, manifest: RepoPath) -> Self {
        let folder = manifest.parent().unwrap_or_default();
        let content = vec![CopiedPath::Folder(folder)];
        Self { name, manifest, dependencies: BTreeSet::new(), content, doubt: None }
    }

    pub(super) fn is_whole(&self) -> bool {
        matches!(self.content.first(), Some(CopiedPath::Folder(_)))
    }
}

impl PackageGraph {
    /// The packages with these names. More than one is a name that nobody can rely on.
    pub(super) fn named(&self, name: &str) -> Result<Option<&RepoPath>, NarrowError> {
        let mut named = self.packages.iter().filter(|(_, package)| package.name == name);
        let first = named.next().map(|(folder, _)| folder);
        match named.next() {
            Some(_) => Err(NarrowError::uncertain(format!("several packages are called `{name}`"))),
            None => Ok(first),
        }
    }

    /// The innermost package whose folder holds `path`.
    pub(super) fn package_of(&self, path: &RepoPath) -> Option<&RepoPath> {
        let above = std::iter::successors(Some(path.clone()), RepoPath::parent);
        let mut above = above.take_while(|folder| folder.is_within(&self.root));
        above.find_map(|folder| self.packages.get_key_value(&folder)).map(|(folder, _)| folder)
    }

    /// `roots` and what they depend on, with what `more` says of each besides its manifest.
    pub(super) fn closure(
        &self,
        roots: &BTreeSet<RepoPath>,
        mut more: impl FnMut(&RepoPath) -> Result<BTreeSet<RepoPath>, NarrowError>,
    ) -> Result<BTreeSet<RepoPath>, NarrowError> {
        let mut needed = BTreeSet::new();
        let mut open: Vec<RepoPath> = roots.union(&self.always).cloned().collect();
        while let Some(folder) = open.pop() {
            if !needed.insert(folder.clone()) {
                continue;
            }
            let package = &self.packages[&folder];
            if let Some(doubt) = &package.doubt {
                return Err(NarrowError::uncertain(doubt));
            }
            open.extend(package.dependencies.iter().cloned());
            open.extend(more(&folder)?);
        }
        Ok(needed)
    }
}
