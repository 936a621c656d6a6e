//! The input digest (`docs/input-digest.md`).

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::definition::{Field, fields};
use super::{InputContent, InputFile, InputFiles};
use crate::model::{InputDigest, ProjectName};
use crate::workspace::{ParentImage, Project, Workspace};

/// The format that the digest is of; another format gives other digests.
const FORMAT: &str = "chinampa-inputs/2";

/// The digest of each project whose files are given; what a project needs must be among them.
pub fn digests(workspace: &Workspace, files: &InputFiles) -> BTreeMap<ProjectName, InputDigest> {
    let mut digests: BTreeMap<ProjectName, InputDigest> = BTreeMap::new();
    for name in workspace.graph.order() {
        if let (Some(project), Some(files)) = (workspace.projects.get(name), files.get(name)) {
            let digest = digest(project, files, |need| {
                *digests
                    .get(need)
                    .expect("a dependency comes first in the graph's order, and its files were given")
            });
            digests.insert(name.clone(), digest);
        }
    }
    digests
}

fn digest(
    project: &Project,
    files: &[InputFile],
    digest_of: impl Fn(&ProjectName) -> InputDigest,
) -> InputDigest {
    let mut records = Records(Sha256::new());
    records.add([FORMAT]);
    for file in files {
        let mode = file.mode.as_octal().as_bytes();
        match file.content {
            InputContent::Committed(id) => {
                records.add_bytes([b"file", mode, file.path.as_bytes(), id.to_string().as_bytes()]);
            }
            InputContent::Lfs(id) => {
                records.add_bytes([b"lfs", mode, file.path.as_bytes(), id.to_string().as_bytes()]);
            }
            InputContent::Extra(sha256) => {
                let hash = InputDigest::from_bytes(sha256).to_string();
                records.add_bytes([b"extra", mode, file.path.as_bytes(), hash.as_bytes()]);
            }
            InputContent::EmptyFolder => records.add_bytes([b"folder", file.path.as_bytes()]),
        }
    }
    for field in fields(project) {
        match field {
            Field::Context(path) => records.add_bytes([b"context", path.as_bytes()]),
            Field::Hermetic(hermetic) => records.add(["hermetic", if hermetic { "true" } else { "false" }]),
            Field::Dockerfile(path) => records.add_bytes([b"dockerfile", path.as_bytes()]),
            Field::Target(target) => records.add(["target", target]),
            Field::Platform(platform) => records.add(["platform", &platform]),
            Field::BuildArg { name, value } => records.add(["build-arg", name, value]),
            Field::Secret { id, kind, from } => {
                records.add_bytes([b"secret", id.as_bytes(), kind.as_bytes(), from]);
            }
            Field::Ssh(id) => records.add(["ssh", id]),
            Field::Need(name) => records.add(["need", name.as_str(), &digest_of(name).to_string()]),
            Field::Parent { platform, reference, image: ParentImage::Project(name) } => {
                records.add(["own-parent", &platform, reference, name.as_str()]);
            }
            Field::Parent { platform, reference, image: ParentImage::Folder(folder) } => {
                let (platform, reference) = (platform.as_bytes(), reference.as_bytes());
                records.add_bytes([b"folder-parent", platform, reference, folder.as_bytes()]);
            }
            Field::Parent { platform, reference, image: ParentImage::External } => {
                records.add(["parent", &platform, reference]);
            }
            Field::Parent { platform, reference, image: ParentImage::Locked(manifests) } => {
                for manifest in manifests {
                    records.add(["locked-parent", &platform, reference, &manifest.to_string()]);
                }
            }
            Field::Frontend { reference, manifest } => {
                records.add(["locked-frontend", reference, &manifest.to_string()]);
            }
        }
    }
    InputDigest::from_bytes(records.0.finalize().into())
}

/// SHA-256 over records of fields, each field preceded by its length in bytes as eight bytes, most significant first.
struct Records(Sha256);

impl Records {
    fn add<const N: usize>(&mut self, fields: [&str; N]) {
        self.add_bytes(fields.map(str::as_bytes));
    }

    fn add_bytes<const N: usize>(&mut self, fields: [&[u8]; N]) {
        for field in fields {
            self.0.update((field.len() as u64).to_be_bytes());
            self.0.update(field);
        }
    }
}
