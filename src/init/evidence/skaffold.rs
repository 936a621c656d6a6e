//! `skaffold.yaml`: the artifacts that are built from Dockerfiles.
//!
//! Skaffold gives an artifact the image of each one that it requires, as a build argument. That is a dependency, and the argument
//! has the name of that image.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::yaml::{Node, YamlError};
use super::{Build, Ignored, SecretFrom, SourceLocation, resolve};
use crate::model::RepoPath;

pub(in crate::init) const NAMES: &[&str] = &["skaffold.yaml", "skaffold.yml"];

/// Builders that read a Dockerfile.
const OF_DOCKERFILES: &[&str] = &["docker", "kaniko"];

/// Other builders.
const OTHERS: &[&str] = &["bazel", "buildpacks", "custom", "jib", "jibGradle", "jibMaven", "ko"];

/// Keys of a builder without which steps may fail, and that nothing here stands for.
const OF_STEPS: &[&str] = &["addHost", "cliFlags", "network"];

/// The images that the file `path` builds; what can't be used goes to `ignored`.
pub(in crate::init) fn builds(
    path: &RepoPath,
    text: &[u8],
    ignored: &mut Vec<Ignored>,
) -> Result<Vec<Build>, YamlError> {
    let mut builds = Vec::new();
    for document in Node::documents(text)? {
        let mut reader = Document { path, ignored, names: BTreeMap::new(), platforms: Vec::new() };
        builds.extend(reader.builds(&document));
    }
    Ok(builds)
}

struct Document<'r> {
    path: &'r RepoPath,
    ignored: &'r mut Vec<Ignored>,
    /// What the images are called here.
    names: BTreeMap<String, String>,
    platforms: Vec<String>,
}

impl Document<'_> {
    fn builds(&mut self, document: &Node) -> Vec<Build> {
        for profile in document.get("profiles").and_then(|profiles| profiles.list()).unwrap_or_default() {
            self.profile(profile);
        }
        let Some(build) = document.get("build") else { return Vec::new() };
        let artifacts = build.get("artifacts").and_then(|artifacts| artifacts.list()).unwrap_or_default();
        self.platforms = texts(build, "platforms");
        let images = artifacts.iter().filter_map(|artifact| artifact.get("image")?.text());
        self.names = names(images);
        artifacts.iter().filter_map(|artifact| self.artifact(artifact)).collect()
    }

    fn profile(&mut self, profile: &Node) {
        let name = profile.get("name").and_then(|name| name.text()).unwrap_or_default();
        let is_of_build = |patch: &Rc<Node>| {
            patch
                .get("path")
                .and_then(|path| path.text())
                .is_some_and(|path| path.starts_with("/build/artifacts"))
        };
        let patches = profile.get("patches").and_then(|patches| patches.list()).unwrap_or_default();
        let artifacts = profile.get("build").and_then(|build| build.get("artifacts"));
        if let Some(node) = artifacts.or_else(|| patches.iter().find(|patch| is_of_build(patch))) {
            self.note(node, format!("the profile `{name}` changes artifacts: it is not read"));
        }
    }

    fn artifact(&mut self, artifact: &Node) -> Option<Build> {
        let Some(image) = artifact.get("image").and_then(|image| image.text()) else {
            return self.ignore(artifact, "an artifact has no `image`".to_owned());
        };
        if let Some(builder) = OTHERS.iter().find(|builder| artifact.get(builder).is_some()) {
            return self.ignore(
                artifact,
                format!("the artifact `{image}` is not built from a Dockerfile but by `{builder}`"),
            );
        }
        if let Some(hooks) = artifact.get("hooks") {
            self.note(hooks, format!("the hooks of the artifact `{image}` are not run"));
        }
        let builder = OF_DOCKERFILES.iter().find_map(|builder| artifact.get(builder));
        let builder = builder.filter(|builder| builder.map().is_some());
        let text = |node: Option<&Rc<Node>>, key: &str| node?.get(key)?.text().map(str::to_owned);
        let folder = self.path.parent().unwrap_or_default();
        let context = text_of(artifact, "context").unwrap_or(".");
        let Some(context) = known(context).and_then(|context| resolve(&folder, context)) else {
            return self
                .ignore(artifact, format!("the context `{context}` of `{image}` is not a folder here"));
        };
        let dockerfile = text(builder, "dockerfile").unwrap_or_else(|| "Dockerfile".to_owned());
        let Some(dockerfile) = known(&dockerfile).and_then(|dockerfile| resolve(&context, dockerfile)) else {
            return self
                .ignore(artifact, format!("the Dockerfile `{dockerfile}` of `{image}` is not a file here"));
        };
        let target = text(builder, "target");
        if let Some(target) = target.as_deref().filter(|target| known(target).is_none()) {
            return self.ignore(artifact, format!("the target `{target}` of `{image}` is a template"));
        }
        let mut build = Build {
            says: format!("the artifact `{image}` is one of its images"),
            name: self.names.get(image).cloned(),
            context: Some(context),
            target,
            platforms: self.platforms_of(artifact),
            ..Build::of(dockerfile, SourceLocation::new(self.path, artifact.line))
        };
        if known(image).is_some() {
            build.images.push(image.to_owned());
        }
        if let Some(builder) = builder {
            self.builder(&mut build, image, builder);
        }
        self.required(&mut build, artifact);
        Some(build)
    }

    fn platforms_of(&self, artifact: &Node) -> Vec<String> {
        let own = texts(artifact, "platforms");
        if own.is_empty() { self.platforms.clone() } else { own }
    }

    /// What the builder says besides paths.
    fn builder(&mut self, build: &mut Build, image: &str, builder: &Node) {
        for (name, value) in builder.get("buildArgs").and_then(|args| args.map()).unwrap_or_default() {
            let value = value.text().and_then(known).map(str::to_owned);
            build.build_args.insert(name.to_owned(), value);
        }
        let ssh = text_of(builder, "ssh").map(|ssh| ssh.split('=').next().unwrap_or(ssh).to_owned());
        build.ssh.extend(ssh);
        let folder = self.path.parent().unwrap_or_default();
        for secret in builder.get("secrets").and_then(|secrets| secrets.list()).unwrap_or_default() {
            let Some(id) = text_of(secret, "id") else {
                self.note(secret, format!("a secret of `{image}` has no id"));
                continue;
            };
            let source = match (text_of(secret, "env"), text_of(secret, "src")) {
                (Some(variable), _) => Some(SecretFrom::Environment(variable.to_owned())),
                (None, Some(file)) => {
                    known(file).and_then(|file| resolve(&folder, file)).map(SecretFrom::File)
                }
                (None, None) => Some(SecretFrom::Environment(id.to_owned())),
            };
            match source {
                Some(source) => {
                    build.secrets.insert(id.to_owned(), source);
                }
                None => {
                    self.note(
                        secret,
                        format!("the secret `{id}` of `{image}` is not a file of the repository"),
                    );
                }
            }
        }
        for key in OF_STEPS {
            if let Some(node) = builder.get(key) {
                self.note(node, format!("`{key}` of `{image}` has no counterpart"));
            }
        }
    }

    /// The artifacts whose images it gets.
    fn required(&mut self, build: &mut Build, artifact: &Node) {
        for required in artifact.get("requires").and_then(|requires| requires.list()).unwrap_or_default() {
            let Some(image) = text_of(required, "image") else {
                self.note(required, "a required artifact has no `image`".to_owned());
                continue;
            };
            let Some(name) = self.names.get(image) else {
                self.note(required, format!("the required artifact `{image}` is not in this file"));
                continue;
            };
            build.needs.push(name.clone());
            let alias = text_of(required, "alias").unwrap_or(image);
            build.build_args.insert(alias.to_owned(), Some(image.to_owned()));
        }
    }

    fn note(&mut self, node: &Node, why: String) {
        self.ignored.push(Ignored { at: SourceLocation::new(self.path, node.line), why });
    }

    fn ignore<T>(&mut self, node: &Node, why: String) -> Option<T> {
        self.note(node, why);
        None
    }
}

fn text_of<'n>(node: &'n Node, key: &str) -> Option<&'n str> {
    node.get(key)?.text()
}

fn texts(node: &Node, key: &str) -> Vec<String> {
    let list = node.get(key).and_then(|node| node.list()).unwrap_or_default();
    list.iter().filter_map(|element| element.text().map(str::to_owned)).collect()
}

/// A text that is no template: those are filled in from the environment.
fn known(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.contains("{{"))
}

/// Images are called by the last part of their names, or by all of it where two end in the same way.
fn names<'i>(images: impl Iterator<Item = &'i str>) -> BTreeMap<String, String> {
    let images: BTreeSet<&str> = images.collect();
    let last = |image: &str| {
        let name = image.rsplit('/').next().unwrap_or(image);
        name.split([':', '@']).next().unwrap_or(name).to_owned()
    };
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for image in &images {
        *counts.entry(last(image)).or_default() += 1;
    }
    let name = |image: &str| if counts[&last(image)] == 1 { last(image) } else { image.to_owned() };
    images.iter().map(|image| ((*image).to_owned(), name(image))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<Build>, Vec<String>) {
        let path = RepoPath::new("deploy/skaffold.yaml").unwrap();
        let mut ignored = Vec::new();
        let builds = builds(&path, text.as_bytes(), &mut ignored).unwrap();
        (builds, ignored.iter().map(|ignored| format!("{}: {}", ignored.at, ignored.why)).collect())
    }

    fn path(text: &str) -> RepoPath {
        RepoPath::new(text).unwrap()
    }

    #[test]
    fn an_artifact_is_a_build_with_all_that_it_says() {
        let (builds, ignored) = read(
            "\
apiVersion: skaffold/v4beta6
kind: Config
build:
  platforms: [linux/amd64]
  artifacts:
    - image: registry.example/acme/base
      context: base
    - image: registry.example/acme/api
      context: ../services/api
      platforms: [linux/arm64]
      requires:
        - image: registry.example/acme/base
          alias: BASE
      docker:
        dockerfile: docker/Dockerfile
        target: runtime
        buildArgs: {A: 1, B: '{{.B}}', C: }
        ssh: default
        secrets: [{id: key, env: KEY}, {id: token}, {id: npmrc, src: .npmrc}]
        cacheFrom: [registry.example/acme/api]
",
        );

        assert_eq!(ignored, Vec::<String>::new());
        let [base, api] = builds.as_slice() else { panic!("{builds:?}") };
        assert_eq!((base.name.as_deref(), &base.dockerfile), (Some("base"), &path("deploy/base/Dockerfile")));
        assert_eq!(base.platforms, ["linux/amd64"]);
        assert_eq!(api.found.to_string(), "deploy/skaffold.yaml:8");
        assert_eq!(api.images, ["registry.example/acme/api"]);
        assert_eq!(api.context, Some(path("services/api")));
        assert_eq!(api.dockerfile, path("services/api/docker/Dockerfile"));
        assert_eq!(api.target.as_deref(), Some("runtime"));
        assert_eq!(api.needs, ["base"]);
        assert_eq!(api.build_args["BASE"].as_deref(), Some("registry.example/acme/base"));
        assert_eq!(api.build_args["A"].as_deref(), Some("1"));
        assert_eq!((&api.build_args["B"], &api.build_args["C"]), (&None, &None));
        assert_eq!(api.platforms, ["linux/arm64"]);
        assert_eq!(api.ssh, ["default"]);
        assert_eq!(api.secrets["key"], SecretFrom::Environment("KEY".to_owned()));
        assert_eq!(api.secrets["token"], SecretFrom::Environment("token".to_owned()));
        assert_eq!(api.secrets["npmrc"], SecretFrom::File(path("deploy/.npmrc")));
    }

    #[test]
    fn all_documents_of_a_file_are_read_and_old_versions_too() {
        let (builds, ignored) = read(
            "\
apiVersion: skaffold/v1
build:
  artifacts: [{image: one/app, kaniko: {dockerfile: Dockerfile.one}}]
---
apiVersion: skaffold/v2beta29
build:
  artifacts: [{image: two/app}, {image: three/app}]
",
        );

        let names: Vec<&str> = builds.iter().filter_map(|build| build.name.as_deref()).collect();
        assert_eq!(names, ["app", "two/app", "three/app"]);
        assert_eq!(builds[0].dockerfile, path("deploy/Dockerfile.one"));
        assert_eq!(ignored, Vec::<String>::new());
    }

    #[test]
    fn what_is_not_built_from_a_dockerfile_or_not_known_is_said_with_its_line() {
        let (builds, ignored) = read(
            "\
build:
  artifacts:
    - image: a
      ko: {}
    - image: b
      context: ../..
    - image: c
      docker: {dockerfile: '{{.FILE}}'}
    - image: d
      docker: {target: '{{.TARGET}}'}
    - context: e
    - image: f
      hooks: {before: [{command: [make]}]}
      requires: [{image: other}, {alias: X}]
      docker: {addHost: ['a:1'], secrets: [{src: x}, {id: y, src: /y}]}
profiles:
  - name: ci
    build: {artifacts: [{image: z}]}
  - name: debug
    patches: [{op: add, path: /build/artifacts/0/docker/target, value: debug}]
  - name: plain
    activation: [{env: CI=true}]
",
        );

        assert_eq!(builds.len(), 1);
        assert_eq!(
            ignored,
            [
                "deploy/skaffold.yaml:18: the profile `ci` changes artifacts: it is not read",
                "deploy/skaffold.yaml:20: the profile `debug` changes artifacts: it is not read",
                "deploy/skaffold.yaml:3: the artifact `a` is not built from a Dockerfile but by `ko`",
                "deploy/skaffold.yaml:5: the context `../..` of `b` is not a folder here",
                "deploy/skaffold.yaml:7: the Dockerfile `{{.FILE}}` of `c` is not a file here",
                "deploy/skaffold.yaml:9: the target `{{.TARGET}}` of `d` is a template",
                "deploy/skaffold.yaml:11: an artifact has no `image`",
                "deploy/skaffold.yaml:13: the hooks of the artifact `f` are not run",
                "deploy/skaffold.yaml:15: a secret of `f` has no id",
                "deploy/skaffold.yaml:15: the secret `y` of `f` is not a file of the repository",
                "deploy/skaffold.yaml:15: `addHost` of `f` has no counterpart",
                "deploy/skaffold.yaml:14: the required artifact `other` is not in this file",
                "deploy/skaffold.yaml:14: a required artifact has no `image`",
            ]
        );
    }
}
