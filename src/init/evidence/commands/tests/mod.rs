//! Each form of a command, against a repository in which its files are or are not.

mod details;
mod files;
mod hostile;
mod lines;

use super::value::{Part, Value};
use super::*;
use crate::init::evidence::{NamedContext, SecretFrom, Strength};
use crate::init::tests::{World, path};

/// Files of the repository, beside the one that is read.
const FILES: &[&str] = &[
    "Dockerfile",
    "Dockerfile.debug",
    "docker/api.Dockerfile",
    "docker/web.Dockerfile",
    "docker/x/a",
    "ops/Dockerfile",
    "ops/ci/a",
    "podman/Containerfile",
    "services/api/Dockerfile",
    "services/api/main.go",
    "services/web/Dockerfile",
    "services/web/images/Dockerfile.nginx",
    "tools/lint/Containerfile",
];

/// A repository with [`FILES`].
struct Files {
    world: World,
    dockerfiles: Vec<RepoPath>,
}

fn world() -> Files {
    let files: Vec<(&str, &str)> = FILES.iter().map(|file| (*file, "FROM scratch\n")).collect();
    let dockerfiles =
        FILES.iter().filter(|file| file.contains("ockerfile") || file.contains("Containerfile"));
    Files { world: World::new(&files), dockerfiles: dockerfiles.map(|file| path(file)).collect() }
}

impl Files {
    fn read(&self, file: &str, text: &str) -> (Vec<Build>, Vec<String>) {
        let snapshot = self.world.snapshot();
        let tree = Tree { snapshot: &snapshot, dockerfiles: &self.dockerfiles };
        let kind =
            Kind::of(&path(file), crate::model::FileMode::Executable).unwrap_or_else(|| panic!("{file}"));
        let mut ignored = Vec::new();
        let builds = builds(&tree, &path(file), kind, text.as_bytes(), &mut ignored).unwrap();
        (builds, ignored.iter().map(|ignored| format!("{}: {}", ignored.at, ignored.why)).collect())
    }

    /// `Dockerfile < context` of each build, then what is ignored.
    fn shown(&self, file: &str, text: &str) -> String {
        let (builds, ignored) = self.read(file, text);
        let mut shown = Vec::new();
        for build in builds {
            let context = build.context.map_or("?".to_owned(), |context| context.to_string());
            shown.push(format!("{} < {context}", build.dockerfile));
        }
        shown.extend(ignored);
        shown.join("; ")
    }
}

#[track_caller]
fn assert_table(file: &str, table: &[(&str, &str)]) {
    let world = world();
    let mut failures = Vec::new();
    for (text, expected) in table {
        let shown = world.shown(file, text);
        if shown != *expected {
            failures.push(format!("{text}\n  is       {shown}\n  expected {expected}\n"));
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

pub(super) fn value(parts: &[Part]) -> Value {
    parts.iter().cloned().collect()
}

pub(super) fn text(text: &str) -> Part {
    Part::Text(text.to_owned())
}

pub(super) fn unknown(from: &str) -> Part {
    Part::Unknown(from.to_owned())
}
