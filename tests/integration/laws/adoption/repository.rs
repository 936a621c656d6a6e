//! Repositories as people have them: folders of services, Dockerfiles in many places, and files that build them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Where the Dockerfile of a project is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// `services/x/Dockerfile`
    Folder,
    /// `services/x/docker/Dockerfile`
    Below,
    /// `docker/x.Dockerfile`
    Together,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Language {
    Go,
    Node,
    Python,
    /// Nothing but files that are copied.
    Static,
}

/// Who builds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Evidence {
    Nobody,
    Compose,
    Bake,
    Skaffold,
    Makefile,
    Script,
    Workflow,
}

/// How a Dockerfile names the image of another project.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// `x`
    Bare,
    /// `quay.io/acme/x:1`
    Registry,
    /// The same in a variable.
    Variable,
}

#[derive(Clone, Debug)]
struct Project {
    place: Place,
    language: Language,
    evidence: Evidence,
    is_of_root: bool,
    has_target: bool,
    has_argument: bool,
    has_platforms: bool,
    parents: Vec<(Index, Form)>,
}

/// What is built from a Dockerfile.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Truth {
    pub(super) context: String,
    pub(super) target: Option<String>,
    pub(super) build_args: BTreeMap<String, String>,
    pub(super) platforms: Vec<String>,
    /// The Dockerfiles of the projects that it takes something from.
    pub(super) parents: BTreeSet<String>,
}

/// A repository, and what is true of its Dockerfiles.
#[derive(Debug)]
pub(super) struct Repository {
    pub(super) files: BTreeMap<String, String>,
    pub(super) truth: BTreeMap<String, Truth>,
    /// The Dockerfiles that say nothing of their contexts: they copy all of it, and name no file.
    pub(super) silent: BTreeSet<String>,
}

pub(super) fn repositories() -> impl Strategy<Value = Repository> {
    vec(projects(), 1..10).prop_map(|projects| written(&projects))
}

fn projects() -> impl Strategy<Value = Project> {
    let places = select(vec![Place::Folder, Place::Folder, Place::Below, Place::Together]);
    let languages = prop_oneof![
        10 => select(vec![Language::Go, Language::Node, Language::Python]),
        1 => Just(Language::Static),
    ];
    let evidence = select(vec![
        Evidence::Nobody,
        Evidence::Nobody,
        Evidence::Compose,
        Evidence::Bake,
        Evidence::Skaffold,
        Evidence::Makefile,
        Evidence::Script,
        Evidence::Workflow,
    ]);
    let parents = vec((any::<Index>(), select(vec![Form::Bare, Form::Registry, Form::Variable])), 0..3);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (places, languages, evidence, flags, parents).prop_map(|(place, language, evidence, flags, parents)| {
        let (is_of_root, has_target, has_argument, has_platforms) = flags;
        Project { place, language, evidence, is_of_root, has_target, has_argument, has_platforms, parents }
    })
}

const NAMES: [&str; 9] =
    ["api", "billing", "catalog", "data", "edge", "frontend", "gateway", "history", "ingest"];

fn written(projects: &[Project]) -> Repository {
    let mut repository =
        Repository { files: BTreeMap::new(), truth: BTreeMap::new(), silent: BTreeSet::new() };
    let mut texts = Texts::default();
    let places: Vec<String> =
        { projects.iter().zip(NAMES) }.map(|(project, name)| dockerfile(project, name)).collect();
    for (at, (project, name)) in projects.iter().zip(NAMES).enumerate() {
        let folder = format!("services/{name}");
        let context = if project.is_of_root || project.place == Place::Together { "." } else { &folder };
        let target =
            (project.has_target && project.evidence != Evidence::Nobody).then(|| "runtime".to_owned());
        let mut arguments = BTreeMap::new();
        if project.has_argument && project.evidence != Evidence::Nobody {
            arguments.insert("MODE".to_owned(), "fast".to_owned());
        }
        let is_said = !matches!(project.evidence, Evidence::Nobody | Evidence::Skaffold);
        let platforms = if project.has_platforms && is_said {
            vec!["linux/amd64".to_owned(), "linux/arm64".to_owned()]
        } else {
            Vec::new()
        };
        let parents: Vec<(usize, Form)> = { project.parents.iter() }
            .filter(|_| at > 0)
            .map(|(parent, form)| (parent.index(at), *form))
            .collect();
        let truth = Truth {
            context: context.to_owned(),
            target,
            build_args: arguments,
            platforms,
            parents: parents.iter().map(|(parent, _)| places[*parent].clone()).collect(),
        };
        repository.sources(project.language, &folder, context);
        let text = dockerfile_text(project.language, &folder, context, &parents);
        repository.files.insert(places[at].clone(), text);
        if project.language == Language::Static {
            repository.silent.insert(places[at].clone());
        }
        texts.build(project.evidence, name, &places[at], &truth);
        repository.truth.insert(places[at].clone(), truth);
    }
    repository.files.extend(texts.files());
    repository.files.insert("README.md".to_owned(), "A shop.\n".to_owned());
    repository
}

fn dockerfile(project: &Project, name: &str) -> String {
    match project.place {
        Place::Folder => format!("services/{name}/Dockerfile"),
        Place::Below => format!("services/{name}/docker/Dockerfile"),
        Place::Together => format!("docker/{name}.Dockerfile"),
    }
}

impl Repository {
    /// What a project is made from, where its Dockerfile looks for it.
    fn sources(&mut self, language: Language, folder: &str, context: &str) {
        let manifests = if context == "." { String::new() } else { format!("{folder}/") };
        let mut write = |path: String| self.files.insert(path, "x\n".to_owned());
        match language {
            Language::Go => {
                write(format!("{manifests}go.mod"));
                write(format!("{manifests}go.sum"));
                write(format!("{folder}/main.go"));
            }
            Language::Node => {
                write(format!("{manifests}package.json"));
                write(format!("{manifests}package-lock.json"));
                write(format!("{folder}/server.js"));
            }
            Language::Python => {
                write(format!("{folder}/requirements.txt"));
                write(format!("{folder}/main.py"));
            }
            Language::Static => {
                write(format!("{folder}/index.html"));
            }
        }
    }
}

/// The text of a Dockerfile whose context is this one.
fn dockerfile_text(language: Language, folder: &str, context: &str, parents: &[(usize, Form)]) -> String {
    let is_root = context == ".";
    let mut text = String::new();
    let mut stages = String::new();
    for (number, (parent, form)) in parents.iter().enumerate() {
        let name = NAMES[*parent];
        let reference = match form {
            Form::Bare => name.to_owned(),
            Form::Registry => format!("quay.io/acme/{name}:1"),
            Form::Variable => {
                writeln!(text, "ARG PARENT{number}=quay.io/acme/{name}").unwrap();
                format!("${{PARENT{number}}}")
            }
        };
        writeln!(stages, "FROM {reference} AS parent{number}").unwrap();
    }
    text += &stages;
    let here = if is_root { format!("./{folder}") } else { ".".to_owned() };
    let steps = match language {
        Language::Go => format!(
            "FROM golang:1.22 AS build\nWORKDIR /src\nCOPY . .\nRUN go build -o /out/app {here}\n\
             FROM debian:12 AS runtime\nARG MODE\nCOPY --from=build /out/app /app\nENTRYPOINT [\"/app\"]\n"
        ),
        Language::Node if is_root => format!(
            "FROM node:22 AS runtime\nARG MODE\nWORKDIR /app\nCOPY package.json package-lock.json ./\nCOPY {folder} {folder}\n\
             RUN npm ci\nCMD [\"node\", \"{folder}/server.js\"]\n"
        ),
        Language::Node => "FROM node:22 AS runtime\nARG MODE\nWORKDIR /app\nCOPY package*.json ./\nRUN npm ci\nCOPY . .\nCMD [\"node\", \"server.js\"]\n".to_owned(),
        Language::Python if is_root => format!(
            "FROM python:3 AS runtime\nARG MODE\nCOPY {folder}/requirements.txt /tmp/\nRUN pip install -r /tmp/requirements.txt\nCOPY {folder} /app\n"
        ),
        Language::Python => "FROM python:3 AS runtime\nARG MODE\nCOPY requirements.txt ./\nRUN pip install -r requirements.txt\nCOPY . /app\nCMD [\"python\", \"/app/main.py\"]\n".to_owned(),
        Language::Static if is_root => format!("FROM nginx:1 AS runtime\nARG MODE\nCOPY {folder} /usr/share/nginx/html\n"),
        Language::Static => "FROM nginx:1 AS runtime\nARG MODE\nCOPY . /usr/share/nginx/html\n".to_owned(),
    };
    text += &steps;
    for number in 0..parents.len() {
        writeln!(text, "COPY --from=parent{number} /opt /opt").unwrap();
    }
    // The stage that is built where nobody names one; the target is an earlier one.
    text + "FROM runtime AS last\nLABEL last=1\n"
}

/// The files that build images, as far as they are written.
#[derive(Default)]
struct Texts {
    compose: String,
    bake: String,
    skaffold: String,
    makefile: String,
    script: String,
    workflow: String,
}

impl Texts {
    fn build(&mut self, evidence: Evidence, name: &str, dockerfile: &str, truth: &Truth) {
        let Truth { context, target, build_args, platforms, .. } = truth;
        let arguments: Vec<String> =
            build_args.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let below = if context == "." {
            dockerfile
        } else {
            dockerfile.strip_prefix(&format!("{context}/")).unwrap()
        };
        let image = format!("quay.io/acme/{name}");
        match evidence {
            Evidence::Nobody => {}
            Evidence::Compose => {
                let text = &mut self.compose;
                write!(text, "  {name}:\n    image: {image}:dev\n    build:\n      context: {context}\n      dockerfile: {below}\n").unwrap();
                target.iter().for_each(|target| writeln!(text, "      target: {target}").unwrap());
                arguments
                    .iter()
                    .for_each(|argument| write!(text, "      args:\n        - {argument}\n").unwrap());
                if !platforms.is_empty() {
                    writeln!(text, "      platforms: [{}]", platforms.join(", ")).unwrap();
                }
            }
            Evidence::Bake => {
                let text = &mut self.bake;
                write!(text, "target \"{name}\" {{\n  context = \"{context}\"\n  dockerfile = \"{below}\"\n  tags = [\"{image}:${{TAG}}\"]\n").unwrap();
                target.iter().for_each(|target| writeln!(text, "  target = \"{target}\"").unwrap());
                for (name, value) in build_args {
                    write!(text, "  args = {{\n    {name} = \"{value}\"\n  }}\n").unwrap();
                }
                if !platforms.is_empty() {
                    writeln!(text, "  platforms = [\"{}\"]", platforms.join("\", \"")).unwrap();
                }
                text.push_str("}\n");
            }
            Evidence::Skaffold => {
                let text = &mut self.skaffold;
                write!(text, "    - image: {image}\n      context: {context}\n      docker:\n        dockerfile: {below}\n").unwrap();
                target.iter().for_each(|target| writeln!(text, "        target: {target}").unwrap());
                for (name, value) in build_args {
                    write!(text, "        buildArgs:\n          {name}: {value}\n").unwrap();
                }
            }
            Evidence::Makefile => {
                writeln!(self.makefile, "{name}:\n\tdocker build {}", options(dockerfile, truth, &image))
                    .unwrap();
            }
            Evidence::Script => {
                writeln!(self.script, "docker buildx build {}", options(dockerfile, truth, &image)).unwrap();
            }
            Evidence::Workflow => {
                let text = &mut self.workflow;
                write!(text, "      - uses: docker/build-push-action@v6\n        with:\n          context: {context}\n          file: {dockerfile}\n          tags: {image}:latest\n").unwrap();
                target.iter().for_each(|target| writeln!(text, "          target: {target}").unwrap());
                arguments.iter().for_each(|argument| {
                    write!(text, "          build-args: |\n            {argument}\n").unwrap();
                });
                if !platforms.is_empty() {
                    writeln!(text, "          platforms: {}", platforms.join(",")).unwrap();
                }
            }
        }
    }

    fn files(self) -> impl Iterator<Item = (String, String)> {
        let of = |path: &str, head: &str, text: String| {
            (!text.is_empty()).then(|| (path.to_owned(), format!("{head}{text}")))
        };
        let workflow = "on: push\njobs:\n  images:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v4\n";
        let skaffold = "apiVersion: skaffold/v4beta6\nkind: Config\nbuild:\n  artifacts:\n";
        [
            of("compose.yaml", "services:\n", self.compose),
            of("docker-bake.hcl", "variable \"TAG\" {\n  default = \"dev\"\n}\n", self.bake),
            of("skaffold.yaml", skaffold, self.skaffold),
            of("Makefile", "", self.makefile),
            of("scripts/build.sh", "#!/bin/sh\nset -eu\ncd \"$(dirname \"$0\")/..\"\n", self.script),
            of(".github/workflows/images.yml", workflow, self.workflow),
        ]
        .into_iter()
        .flatten()
    }
}

/// The options of `docker build`, in the root.
fn options(dockerfile: &str, truth: &Truth, image: &str) -> String {
    let mut options = format!("-t {image}:latest -f {dockerfile}");
    truth.target.iter().for_each(|target| write!(options, " --target {target}").unwrap());
    for (name, value) in &truth.build_args {
        write!(options, " --build-arg {name}={value}").unwrap();
    }
    if !truth.platforms.is_empty() {
        write!(options, " --platform {}", truth.platforms.join(",")).unwrap();
    }
    format!("{options} {}", truth.context)
}
