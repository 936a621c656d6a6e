//! Which files of its context a Dockerfile names, besides the sources of its copies: a hint of where the context is.

use std::collections::BTreeSet;

use crate::dockerfile::{Dockerfile, Instruction};
use crate::git::{GitError, Snapshot};
use crate::model::RepoPath;

/// More words of a Dockerfile than this are not looked for.
const MAX_WORDS: usize = 400;

/// The files without which a program does nothing, each with the words that run it.
const MANIFESTS: &[(&[&str], &[&str])] = &[
    (&["go build", "go install", "go mod", "go test", "go run", "go generate"], &["go.mod", "go.work"]),
    (&["cargo "], &["Cargo.toml", "Cargo.lock"]),
    (&["npm ci"], &["package-lock.json", "npm-shrinkwrap.json"]),
    (&["npm "], &["package.json"]),
    (&["yarn"], &["package.json", "yarn.lock"]),
    (&["pnpm"], &["package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml"]),
    (&["bun "], &["package.json", "bun.lock", "bun.lockb"]),
    (&["mvn", "mvnw"], &["pom.xml"]),
    (&["gradle", "gradlew"], &["settings.gradle", "settings.gradle.kts", "gradlew"]),
    (
        &["pip install .", "pip install -e", "pip3 install .", "uv sync", "poetry "],
        &["pyproject.toml", "setup.py"],
    ),
    (&["make ", "make\n"], &["Makefile"]),
    (&["bundle "], &["Gemfile"]),
    (&["composer "], &["composer.json"]),
    (&["mix "], &["mix.exs"]),
    (&["sbt "], &["build.sbt"]),
    (&["bazel ", "bazelisk "], &["MODULE.bazel", "WORKSPACE"]),
];

/// Paths relative to the context.
pub(super) struct NamedFiles {
    /// What the text names.
    paths: BTreeSet<String>,
    /// What the programs that it runs read.
    manifests: BTreeSet<&'static str>,
}

impl NamedFiles {
    pub(super) fn of(dockerfile: &Dockerfile) -> Self {
        let mut files = Self { paths: BTreeSet::new(), manifests: BTreeSet::new() };
        let mut image = ImageFolders { copied_to: Vec::new(), current: "/".to_owned() };
        for instruction in dockerfile.instructions() {
            let text = instruction.arguments.join(" ");
            match instruction.keyword.as_str() {
                "FROM" => "/".clone_into(&mut image.current),
                "WORKDIR" => {
                    image.current = joined(&image.current, &text);
                    files.paths.extend(image.in_context(&image.current));
                }
                "COPY" | "ADD" => image.copy(instruction),
                "RUN" | "CMD" | "ENTRYPOINT" | "HEALTHCHECK" => {
                    let run = MANIFESTS
                        .iter()
                        .filter(|(programs, _)| programs.iter().any(|program| text.contains(program)));
                    files.manifests.extend(run.flat_map(|(_, files)| files.iter().copied()));
                    let paths = words(&text).filter(|word| is_path(word));
                    files
                        .paths
                        .extend(paths.filter_map(|path| image.in_context(&joined(&image.current, path))));
                }
                _ => {}
            }
            if files.paths.len() > MAX_WORDS {
                break;
            }
        }
        files
    }

    /// How many of them a folder holds.
    ///
    /// # Errors
    /// [`GitError`] when the tree can't be read.
    pub(super) fn found_in(&self, folder: &RepoPath, snapshot: &Snapshot<'_>) -> Result<usize, GitError> {
        let mut found = 0;
        for name in self.paths.iter().map(String::as_str).chain(self.manifests.iter().copied()) {
            let Ok(path) = RepoPath::new(name) else { continue };
            found += usize::from(snapshot.entry(&folder.join(&path))?.is_some());
        }
        Ok(found)
    }
}

/// Folders of the image, as paths from its root.
struct ImageFolders {
    /// Where the whole context is.
    copied_to: Vec<String>,
    /// Where a step runs.
    current: String,
}

impl ImageFolders {
    fn copy(&mut self, instruction: &Instruction) {
        let Some((destination, sources)) = instruction.arguments.split_last() else { return };
        let is_all = |source: &String| matches!(source.trim_end_matches('/'), "" | ".");
        let is_from_context = !instruction.flags.iter().any(|flag| flag.starts_with("--from"));
        if is_from_context && sources.iter().any(is_all) {
            self.copied_to.push(joined(&self.current, destination));
        }
    }

    /// The path in the context of what has this path in the image; `None` where that is something else.
    fn in_context(&self, path: &str) -> Option<String> {
        self.copied_to.iter().find_map(|root| {
            let below = path.strip_prefix(root.trim_end_matches('/'))?;
            below.strip_prefix('/').filter(|below| !below.is_empty()).map(str::to_owned)
        })
    }
}

/// The path of the image that `path` is, seen from `folder`.
pub(super) fn joined(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = if path.starts_with('/') { Vec::new() } else { folder.split('/').collect() };
    for part in path.split('/') {
        match part {
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.retain(|part| !matches!(*part, "" | "."));
    format!("/{}", parts.join("/"))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| letter.is_whitespace() || ";&|()<>\"'`=,[]{}".contains(letter))
}

/// Whether a word is a path for certain, and not the name of something else.
fn is_path(word: &str) -> bool {
    let has_extension = || {
        let extension =
            word.rsplit_once('.').map(|(stem, extension)| !stem.is_empty() && !extension.is_empty());
        extension.unwrap_or(false)
    };
    !word.starts_with('-') && !word.contains(['$', '*', '?', ':']) && (word.contains('/') || has_extension())
}
