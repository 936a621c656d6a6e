//! What `init` takes of a workspace of packages: those that are needed, and no other package's files.

use std::collections::{BTreeMap, BTreeSet};

use chinampa::internals::git::Snapshot;
use chinampa::internals::init::{Existing, Proposal, Request, propose, workspace_name};
use chinampa::internals::lint::{self, Code};
use chinampa::internals::model::RepoPath;
use chinampa::internals::patterns::Pattern;
use chinampa::internals::workspace::{ManifestSource, Workspace};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use crate::laws::affected::repository::{Entry, Store};
use crate::laws::config;

/// Files that a tool reads of packages that are not needed.
const MANIFESTS: [&str; 6] = ["package.json", "Cargo.toml", "lib.rs", "go.mod", "build.gradle", ".csproj"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tool {
    Cargo,
    DotNet,
    Go,
    Gradle,
    Npm,
    Pnpm,
}

/// What the image has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Artifact,
    Workspace,
}

/// Where the Dockerfile is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Elsewhere,
    InPackage,
}

#[derive(Clone, Debug)]
struct Shape {
    tool: Tool,
    form: Form,
    place: Place,
    /// Each with its dependencies, which are packages before it, and whether it lies deeper than others.
    packages: Vec<(Vec<Index>, bool)>,
    built: Index,
    ignores_notes: bool,
}

fn shapes() -> impl Strategy<Value = Shape> {
    let tools = select(vec![Tool::Cargo, Tool::DotNet, Tool::Go, Tool::Gradle, Tool::Npm, Tool::Pnpm]);
    let forms = select(vec![Form::Artifact, Form::Artifact, Form::Workspace]);
    let places = select(vec![Place::Elsewhere, Place::InPackage]);
    let packages = vec((vec(any::<Index>(), 0..3), any::<bool>()), 2..8);
    (tools, forms, places, packages, any::<Index>(), any::<bool>()).prop_map(
        |(tool, form, place, packages, built, ignores_notes)| {
            // A Go package is its own folder alone, and an image may use any other.
            let form = if tool == Tool::Go { Form::Artifact } else { form };
            Shape { tool, form, place, packages, built, ignores_notes }
        },
    )
}

impl Shape {
    fn built(&self) -> usize {
        self.built.index(self.packages.len())
    }

    fn dependencies(&self, package: usize) -> BTreeSet<usize> {
        let (dependencies, _) = &self.packages[package];
        dependencies.iter().filter(|_| package > 0).map(|dependency| dependency.index(package)).collect()
    }

    fn needed(&self) -> BTreeSet<usize> {
        let (mut needed, mut open) = (BTreeSet::new(), vec![self.built()]);
        while let Some(package) = open.pop() {
            if needed.insert(package) {
                open.extend(self.dependencies(package));
            }
        }
        needed
    }

    fn folder(&self, package: usize) -> String {
        let folder = if self.packages[package].1 { "libs/group" } else { "packages" };
        format!("{folder}/p{package}")
    }

    /// The manifest of a package and a source of it.
    fn package(&self, package: usize) -> [(String, String); 2] {
        let name = |package: usize| format!("p{package}");
        let dependencies = self.dependencies(package);
        let each = |write: &dyn Fn(usize) -> String| -> String {
            dependencies.iter().map(|one| write(*one)).collect()
        };
        let up = "../".repeat(self.folder(package).split('/').count());
        let (manifest, text, source) = match self.tool {
            Tool::Cargo => {
                let list =
                    each(&|one| format!("{} = {{ path = \"{up}{}\" }}\n", name(one), self.folder(one)));
                let text = format!("[package]\nname = \"{}\"\n[dependencies]\n{list}", name(package));
                ("Cargo.toml".to_owned(), text, "src/lib.rs")
            }
            Tool::DotNet => {
                let list = each(&|one| {
                    let path = format!("{up}{}/{}.csproj", self.folder(one), name(one)).replace('/', "\\");
                    format!("<ProjectReference Include=\"{path}\" />")
                });
                (
                    format!("{}.csproj", name(package)),
                    format!("<Project><ItemGroup>{list}</ItemGroup></Project>"),
                    "a.cs",
                )
            }
            Tool::Go => {
                let list = each(&|one| format!("import _ \"example.com/shop/{}\"\n", self.folder(one)));
                ("a.go".to_owned(), format!("package a\n{list}"), "b.go")
            }
            Tool::Gradle => {
                let list = each(&|one| {
                    format!("  implementation project(':{}')\n", self.folder(one).replace('/', ":"))
                });
                ("build.gradle".to_owned(), format!("dependencies {{\n{list}}}\n"), "src/A.java")
            }
            Tool::Npm | Tool::Pnpm => {
                let version = if self.tool == Tool::Pnpm { "workspace:*" } else { "*" };
                let list: Vec<String> =
                    dependencies.iter().map(|one| format!("\"{}\": \"{version}\"", name(*one))).collect();
                let text =
                    format!("{{\"name\": \"{}\", \"dependencies\": {{{}}}}}", name(package), list.join(", "));
                ("package.json".to_owned(), text, "index.js")
            }
        };
        let folder = self.folder(package);
        let content = if self.tool == Tool::Go { "package a\n" } else { "" };
        [(format!("{folder}/{manifest}"), text), (format!("{folder}/{source}"), content.to_owned())]
    }

    fn root(&self) -> Vec<(String, String)> {
        let globs: BTreeSet<&str> = self
            .packages
            .iter()
            .map(|(_, is_deep)| if *is_deep { "libs/group/*" } else { "packages/*" })
            .collect();
        let globs: Vec<String> = globs.iter().map(|glob| format!("\"{glob}\"")).collect();
        let globs = globs.join(", ");
        let file = |path: &str, text: String| (path.to_owned(), text);
        match self.tool {
            Tool::Cargo => vec![file("Cargo.toml", format!("[workspace]\nmembers = [{globs}]\n"))],
            Tool::DotNet => vec![file("Shop.sln", String::new())],
            Tool::Go => vec![file("go.mod", "module example.com/shop\n".to_owned())],
            Tool::Gradle => {
                let all = (0..self.packages.len())
                    .map(|one| format!("include '{}'\n", self.folder(one).replace('/', ":")));
                vec![file("settings.gradle", all.collect())]
            }
            Tool::Npm => vec![file("package.json", format!("{{\"workspaces\": [{globs}]}}"))],
            Tool::Pnpm => {
                vec![
                    file("package.json", "{}".to_owned()),
                    file("pnpm-workspace.yaml", format!("packages: [{globs}]\n")),
                ]
            }
        }
    }

    fn step(&self) -> String {
        let (folder, name) = (self.folder(self.built()), format!("p{}", self.built()));
        match self.tool {
            Tool::Cargo => format!("cargo build -p {name}"),
            Tool::DotNet => format!("dotnet publish {folder}/{name}.csproj"),
            Tool::Go => format!("go build -o /out ./{folder}"),
            Tool::Gradle => format!("gradle :{}:build", folder.replace('/', ":")),
            Tool::Npm => format!("npm ci && npm run build -w {name}"),
            Tool::Pnpm => format!("pnpm --filter {name} build"),
        }
    }

    fn dockerfile(&self) -> String {
        match self.place {
            Place::Elsewhere => "docker/Dockerfile".to_owned(),
            Place::InPackage => format!("{}/Dockerfile", self.folder(self.built())),
        }
    }

    fn files(&self) -> BTreeMap<String, String> {
        let last = match self.form {
            Form::Artifact => "FROM scratch\nCOPY --from=build /out /out\n",
            Form::Workspace => "",
        };
        let dockerfile = format!("FROM base AS build\nWORKDIR /src\nCOPY . .\nRUN {}\n{last}", self.step());
        let compose =
            format!("services:\n  app:\n    build: {{context: ., dockerfile: {}}}\n", self.dockerfile());
        let mut files = BTreeMap::from([
            (self.dockerfile(), dockerfile),
            ("compose.yaml".to_owned(), compose),
            ("docs/a.txt".to_owned(), String::new()),
            ("packages/note.txt".to_owned(), String::new()),
            ("README.md".to_owned(), String::new()),
        ]);
        if self.ignores_notes {
            files.insert(".dockerignore".to_owned(), "**/*.md\n".to_owned());
        }
        files.extend(self.root());
        for package in 0..self.packages.len() {
            files.extend(self.package(package));
            files.insert(format!("{}/deep/er/x.txt", self.folder(package)), String::new());
            files.insert(format!("{}/note.md", self.folder(package)), String::new());
        }
        files
    }

    /// Whether a file has to be an input, or must not be one; `None` where either is right.
    fn expected(&self, path: &str, needed: &BTreeSet<usize>) -> Option<bool> {
        let is_ignored = self.ignores_notes && path.ends_with(".md");
        let owner = (0..self.packages.len())
            .find_map(|package| Some((package, path.strip_prefix(&format!("{}/", self.folder(package)))?)));
        match owner {
            _ if is_ignored => Some(false),
            Some((package, rest)) if needed.contains(&package) => {
                Some(self.tool != Tool::Go || !rest.contains('/'))
            }
            Some(_) if MANIFESTS.iter().any(|name| path.ends_with(name)) => None,
            Some(_) => Some(false),
            None if !path.contains('/') => Some(true),
            None => Some(self.form == Form::Workspace),
        }
    }
}

fn written(files: &BTreeMap<String, String>) -> BTreeMap<String, Entry> {
    let file = |content: &String| Entry::File { content: content.clone(), executable: false };
    files.iter().map(|(path, content)| (path.clone(), file(content))).collect()
}

fn proposal(snapshot: &Snapshot<'_>) -> Proposal {
    let request = Request {
        workspace: workspace_name("shop"),
        default_branch: None,
        existing: Existing::Keep,
        excluded: Default::default(),
        unusable: BTreeMap::new(),
        known: None,
    };
    propose(snapshot, request).unwrap()
}

/// The files with what is proposed for them.
fn adopted(snapshot: &Snapshot<'_>, mut files: BTreeMap<String, String>) -> BTreeMap<String, Entry> {
    for (path, content) in proposal(snapshot).contents_filled_in() {
        files.insert(path.to_string(), String::from_utf8(content).unwrap());
    }
    written(&files)
}

#[test]
fn a_narrowed_workspace_has_the_needed_packages_and_no_file_of_another() {
    let store = Store::new();

    TestRunner::new(config(100))
        .run(&shapes(), |shape| {
            let files = shape.files();
            let snapshot = store.repository().snapshot_of_tree(store.write(&written(&files)));
            let tree = store.write(&adopted(&snapshot, files.clone()));
            let snapshot = store.repository().snapshot_of_tree(tree);
            let workspace = Workspace::read(&snapshot, &ManifestSource::Tree).unwrap();
            let project = workspace.projects.values().next().unwrap();
            let takes_all = shape.form == Form::Workspace && shape.needed().len() == shape.packages.len();
            prop_assert_eq!(project.inputs.pattern_file().is_none(), takes_all, "{:#?}", files);
            if takes_all {
                return Ok(());
            }
            let patterns = project.inputs.patterns().unwrap();
            let needed = shape.needed();
            for path in files.keys() {
                let is_taken = patterns.decide(&RepoPath::new(path).unwrap()).is_some();
                let lines: Vec<&str> = patterns.lines().iter().map(Pattern::text).collect();
                if let Some(expected) = shape.expected(path, &needed) {
                    prop_assert_eq!(is_taken, expected, "{} {:#?} {:#?}", path, lines, files);
                }
            }
            let all = workspace.projects.keys().cloned().collect();
            let mut findings = lint::check(&workspace, &all, &snapshot).unwrap().findings;
            // True of these Dockerfiles.
            findings.retain(|finding| !matches!(finding.code, Code::ParentFloats | Code::ParentNotPinned));
            prop_assert!(findings.is_empty(), "{:#?} {:#?}", findings, files);
            Ok(())
        })
        .unwrap();
}

/// Always the same one.
fn any_index() -> Index {
    let mut runner = TestRunner::deterministic();
    any::<Index>().new_tree(&mut runner).unwrap().current()
}

#[test]
fn a_workspace_with_a_submodule_among_its_packages_stays_whole() {
    let store = Store::new();
    for tool in [Tool::Cargo, Tool::Npm] {
        let packages = vec![(Vec::new(), false), (Vec::new(), false)];
        let (form, place, built) = (Form::Artifact, Place::Elsewhere, any_index());
        let shape = Shape { tool, form, place, packages, built, ignores_notes: false };
        let mut files = written(&shape.files());
        files.insert("packages/other".to_owned(), Entry::Submodule(1));
        let snapshot = store.repository().snapshot_of_tree(store.write(&files));

        let proposal = proposal(&snapshot);

        let why = "takes the whole workspace: a submodule is one of its packages";
        assert!(proposal.guesses.iter().any(|guess| guess.says == why), "{:?}", proposal.guesses);
    }
}
