//! Which files can have commands, by their names.

use std::collections::BTreeSet;

use super::dialect::Dialect;
use crate::model::{FileMode, RepoPath};

/// How a file is read, and where its commands start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::init) enum Kind {
    Makefile,
    /// `*.mk`: a part of a Makefile that may lie elsewhere.
    IncludedMakefile,
    Justfile,
    Jenkinsfile,
    Script,
    /// A script if its first line says so.
    Executable,
    Ci(Dialect),
    CloudBuild,
}

impl Kind {
    pub(in crate::init) fn of(path: &RepoPath, mode: FileMode) -> Option<Self> {
        let name = std::str::from_utf8(path.file_name()).ok()?;
        let is_yaml = name.ends_with(".yml") || name.ends_with(".yaml");
        let lower = name.to_ascii_lowercase();
        Some(match name {
            "Makefile" | "makefile" | "GNUmakefile" => Self::Makefile,
            "justfile" | "Justfile" | ".justfile" => Self::Justfile,
            "package.json" => Self::Ci(Dialect::PackageJson),
            _ if name.starts_with("Jenkinsfile") || name.ends_with(".jenkinsfile") => Self::Jenkinsfile,
            _ if name.ends_with(".mk") => Self::IncludedMakefile,
            _ if name.ends_with(".sh") || name.ends_with(".bash") => Self::Script,
            _ if lower.starts_with("taskfile.") && is_yaml => Self::Ci(Dialect::Taskfile),
            _ if name.starts_with("cloudbuild") && is_yaml => Self::CloudBuild,
            _ if is_yaml => Self::Ci(Self::ci(path, name)?),
            _ if mode == FileMode::Executable && !name.contains('.') => Self::Executable,
            _ => return None,
        })
    }

    fn ci(path: &RepoPath, name: &str) -> Option<Dialect> {
        let folder = path.parent().unwrap_or_default().to_string();
        Some(match folder.as_str() {
            ".github/workflows" | ".gitea/workflows" | ".forgejo/workflows" => Dialect::GitHub,
            ".circleci" => Dialect::CircleCi,
            ".buildkite" | ".woodpecker" => Dialect::Plain,
            _ if folder.starts_with(".buildkite/") => Dialect::Plain,
            _ if folder == ".gitlab" || folder.starts_with(".gitlab/") => Dialect::GitLab,
            _ if name.starts_with("buildspec") => Dialect::CodeBuild,
            _ if name.contains(".gitlab-ci.") => Dialect::GitLab,
            _ if name.starts_with("azure-pipelines") => Dialect::Azure,
            _ if matches!(name, ".travis.yml" | "bitbucket-pipelines.yml" | ".drone.yml" | ".drone.yaml") => {
                Dialect::Plain
            }
            _ if name.starts_with(".woodpecker.") => Dialect::Plain,
            _ => return None,
        })
    }

    /// The folders in which the commands of `file` can start, each once.
    pub(in crate::init) fn starts(self, file: &RepoPath) -> BTreeSet<RepoPath> {
        let root = RepoPath::default();
        let own = file.parent().unwrap_or_default();
        match self {
            Self::Makefile | Self::Justfile => BTreeSet::from([own]),
            Self::Ci(Dialect::Taskfile | Dialect::PackageJson) => BTreeSet::from([own]),
            Self::Jenkinsfile | Self::Ci(_) | Self::CloudBuild => BTreeSet::from([root]),
            Self::IncludedMakefile => BTreeSet::from([root, own]),
            Self::Script | Self::Executable => {
                let above = own.parent().unwrap_or_default();
                BTreeSet::from([root, own, above])
            }
        }
    }
}
