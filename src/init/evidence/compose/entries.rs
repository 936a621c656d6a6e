//! Which Compose files of a folder belong together.

use std::collections::BTreeMap;

use crate::model::RepoPath;

/// The files that Compose looks for, the one that it prefers first.
const BASES: &[&str] = &["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];

/// The files that Compose reads over them, one of them at most.
const OVERRIDES: &[&str] = &[
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];

/// The Compose files of a folder.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entries {
    pub(super) folder: RepoPath,
    /// What `docker compose` reads there: a file, and another one over it.
    pub(super) default: Vec<RepoPath>,
    /// Those for `-f`, alone or over the first of the others.
    pub(super) others: Vec<RepoPath>,
}

/// Whether a file's name tells that it is for Compose: `*compose*.yaml` or `*compose*.yml`.
pub(in crate::init) fn is_name(name: &str) -> bool {
    let stem = name.strip_suffix(".yaml").or_else(|| name.strip_suffix(".yml"));
    stem.is_some_and(|stem| stem.contains("compose"))
}

/// The files by their folders, in path order.
pub(super) fn by_folder(files: &[RepoPath]) -> Vec<Entries> {
    let mut folders: BTreeMap<RepoPath, Vec<&RepoPath>> = BTreeMap::new();
    for file in files {
        folders.entry(file.parent().unwrap_or_default()).or_default().push(file);
    }
    folders.into_iter().map(|(folder, files)| entries(folder, &files)).collect()
}

impl Entries {
    /// With these as the files that Compose reads.
    pub(super) fn with_default(self, default: Vec<RepoPath>) -> Self {
        let mut others = [self.default, self.others].concat();
        others.retain(|file| !default.contains(file));
        Self { default, others, ..self }
    }
}

fn entries(folder: RepoPath, files: &[&RepoPath]) -> Entries {
    let first = |names: &[&str]| {
        let named = |name: &&str| files.iter().find(|file| file.file_name() == name.as_bytes());
        names.iter().find_map(named).map(|file| (*file).clone())
    };
    let base = first(BASES);
    let over = base.as_ref().and_then(|_| first(OVERRIDES));
    let default: Vec<RepoPath> = base.into_iter().chain(over).collect();
    let others = files.iter().filter(|file| !default.contains(file)).map(|file| (*file).clone()).collect();
    Entries { folder, default, others }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_base_with_one_override_and_others() {
        let path = |text: &str| RepoPath::new(text).unwrap();
        let paths = |paths: &[&str]| -> Vec<RepoPath> { paths.iter().map(|text| path(text)).collect() };

        let entries = by_folder(&paths(&[
            "a/compose.override.yaml",
            "a/docker-compose.override.yml",
            "a/docker-compose.prod.yml",
            "a/docker-compose.yaml",
            "a/docker-compose.yml",
            "b/compose.override.yml",
        ]));

        let a = Entries {
            folder: path("a"),
            default: paths(&["a/docker-compose.yml", "a/compose.override.yaml"]),
            others: paths(&[
                "a/docker-compose.override.yml",
                "a/docker-compose.prod.yml",
                "a/docker-compose.yaml",
            ]),
        };
        let b =
            Entries { folder: path("b"), default: Vec::new(), others: paths(&["b/compose.override.yml"]) };
        assert_eq!(entries, [a, b]);
    }

    #[test]
    fn names_of_compose_files_have_compose_in_them() {
        for name in ["compose.yaml", "docker-compose-dev.yml", "docker-compose.prod.yaml", "my-compose.yml"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["compose.json", "compose", "docker.yml", "yml"] {
            assert!(!is_name(name), "{name}");
        }
    }
}
