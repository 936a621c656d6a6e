//! Repositories as people have them: folders of services, Dockerfiles in many places, and files that build them.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::draft::{self, Draft, Layout};
use super::evidence::{self, Images};
use super::image::{self, ASSETS, Image, Naming, SECRET};
use super::paths::relative;
use super::{dockerfiles, workspaces};
use crate::laws::affected::repository::Entry;

/// A repository, and the images that it builds.
#[derive(Debug)]
pub(crate) struct Repository {
    pub(crate) files: BTreeMap<String, Entry>,
    /// Each is behind those that it is built from.
    pub(crate) images: Vec<Image>,
}

/// What is built from a Dockerfile.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Truth {
    pub(super) context: String,
    pub(super) target: Option<String>,
    pub(super) build_args: BTreeMap<String, String>,
    pub(super) platforms: Vec<String>,
    /// What names of the Dockerfile stand for: a folder, or a project by [`key`].
    pub(super) contexts: BTreeMap<String, String>,
    /// The variables of secrets, by their ids.
    pub(super) secrets: BTreeMap<String, String>,
    /// The projects that it takes something from, by [`key`].
    pub(super) parents: BTreeSet<String>,
}

/// Tells projects apart: where several have one Dockerfile, they differ in their folder or in the argument for it.
pub(super) fn key(dockerfile: &str, context: &str, build_args: &BTreeMap<String, String>) -> String {
    let folder = build_args.get("PROJECT").map_or(context, String::as_str);
    match dockerfile.starts_with("docker/shared/") {
        true => format!("{dockerfile} for {folder}"),
        false => dockerfile.to_owned(),
    }
}

pub(super) fn repositories() -> impl Strategy<Value = Repository> {
    draft::drafts().prop_map(|draft| written(&draft, &naming()))
}

/// Names as people have them.
pub(super) fn naming() -> Naming {
    Naming { registry: "quay.io/acme".to_owned(), bases: String::new(), suffix: String::new() }
}

/// Files that build nothing of this repository, whatever they look like.
const DECOYS: [(&str, &str); 7] = [
    ("vendor/example.com/tool/Dockerfile", "FROM golang:1.22\nCOPY . .\n"),
    ("libs/testdata/Dockerfile", "FROM scratch\nCOPY missing /\n"),
    ("templates/Dockerfile.tmpl", "FROM {{ .Base }}\nCOPY . .\n"),
    ("docs/Dockerfile.md", "# How our Dockerfiles look\n"),
    ("docker-compose.services.yml", "services:\n  database:\n    image: postgres:17\n"),
    ("scripts/check.sh", "#!/bin/sh\ndocker build --help\ngo build ./...\n"),
    (".github/workflows/check.yml", "on: push\njobs:\n  check:\n    steps:\n      - run: make lint build\n"),
];

pub(super) fn written(draft: &Draft, naming: &Naming) -> Repository {
    let images = image::images(draft, naming);
    let file = |content: String, executable| Entry::File { content, executable };
    let mut files = BTreeMap::new();
    for image in &images {
        files.extend(dockerfiles::sources(image));
        if image.layout == Layout::Inline {
            continue;
        }
        files.insert(image.dockerfile.clone(), file(dockerfiles::text(image, &images, naming), false));
        if image.named != image.dockerfile {
            let link = relative(&image.folder, &image.dockerfile);
            files.insert(image.named.clone(), Entry::Link(link));
        }
    }
    files.extend(workspaces::files(&images));
    for (path, text) in evidence::files(Images { all: &images, naming }) {
        let executable = text.starts_with("#!");
        files.insert(path, file(text, executable));
    }
    for path in ["README.md", "shared/assets/logo.svg", "shared/assets/fonts/sans.ttf"] {
        files.insert(path.to_owned(), file(format!("{path}\n"), false));
    }
    if draft.has_decoys {
        files.extend(DECOYS.map(|(path, text)| (path.to_owned(), file(text.to_owned(), false))));
    }
    Repository { files, images }
}

impl Repository {
    /// What is true of each project, by [`key`].
    pub(super) fn truth(&self) -> BTreeMap<String, Truth> {
        let key = |image: &Image| key(&image.dockerfile, &image.context, &image.build_args);
        let truth = |image: &Image| Truth {
            context: image.context.clone(),
            target: image.target.clone(),
            build_args: image.build_args.clone(),
            platforms: image.platforms.clone(),
            contexts: { image.named_contexts() }
                .map(|(name, parent)| (name, key(&self.images[parent])))
                .chain(image.has_assets.then_some(ASSETS).map(|(name, folder)| (name.into(), folder.into())))
                .collect(),
            secrets: { image.has_secret.then_some(SECRET).into_iter() }
                .map(|(id, variable)| (id.to_owned(), variable.to_owned()))
                .collect(),
            parents: image.parents.iter().map(|parent| key(&self.images[parent.image])).collect(),
        };
        self.images.iter().map(|image| (key(image), truth(image))).collect()
    }

    /// The names of the Dockerfiles that say nothing of their contexts: they copy all of it, and name no file.
    pub(super) fn silent(&self) -> BTreeSet<&str> {
        self.images.iter().filter(|image| image.is_silent()).map(|image| image.named.as_str()).collect()
    }

    /// The names that people have for a Dockerfile, links included.
    pub(super) fn names_of(&self, dockerfile: &str) -> BTreeSet<&str> {
        let images = self.images.iter().filter(|image| image.dockerfile == dockerfile);
        images.flat_map(|image| [image.named.as_str(), image.dockerfile.as_str()]).collect()
    }
}
