//! Random repositories, and random edits of all that a digest can depend on.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::select;

use super::locks::{Lock, LockEdit, lock_edit};
use super::repository::Entry;

/// The names that projects have or get. Two differ in what a platform's name fills in.
const NAMES: [&str; 6] = ["p0", "p1", "p2", "lib-amd64", "lib-arm64", "new"];

/// Folders of projects, one within another.
const FOLDERS: [&str; 4] = ["p0", "p1", "p1/in", "lib"];

/// Where pattern files are; most projects have none.
const PATTERN_FILES: [&str; 3] = [".rebuild_patterns", "Dockerfile.rebuild_patterns", "named.patterns"];

/// What Dockerfiles take from their contexts: from links, wildcards, variables and folders that may be files.
const SOURCES: [&str; 16] = [
    "src",
    "src/*",
    "*.md",
    "*/*.rs",
    "src/a.*",
    "conf/link/a.rs",
    "conf/link",
    "link",
    "l*",
    "conf",
    "$X",
    "src/$BASE",
    "--parents **/*.rs",
    "--exclude=*.md .",
    "../src/a.rs",
    "lib/src/a.rs",
];

/// What Dockerfiles take images from.
const REFERENCES: [&str; 18] = [
    "scratch",
    "node:22",
    "p1",
    "p2",
    "reg.example:5000/t/p1",
    "reg.example:5000/t/p1:v2",
    "reg.example:5000/p2",
    "dep.example/r2",
    "dep.example/p1",
    "reg.example:5000/t/p1@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "lib-${TARGETARCH}",
    "$BASE",
    "${BASE}:v1",
    "t/p1",
    "quay.io/acme/p1",
    "quay.io/acme/p2:v1",
    "acme/base:1",
    "docker.io/acme/base",
];

/// A repository: its files, and its manifest key by key.
#[derive(Clone, Debug)]
pub(super) struct Model {
    files: BTreeMap<String, Entry>,
    workspace: BTreeMap<&'static str, String>,
    cache: Option<BTreeMap<&'static str, String>>,
    deploy: Option<BTreeMap<&'static str, String>>,
    projects: BTreeMap<&'static str, BTreeMap<&'static str, String>>,
    lock: Option<Lock>,
}

impl Model {
    /// Everything that is committed.
    pub(super) fn files(&self) -> BTreeMap<String, Entry> {
        let table = |name: String, keys: &BTreeMap<&str, String>| {
            let keys: String = keys.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
            format!("[{name}]\n{keys}")
        };
        let mut manifest = table("workspace".to_owned(), &self.workspace);
        for (name, keys) in [("cache", &self.cache), ("deploy", &self.deploy)] {
            manifest += &keys.as_ref().map(|keys| table(name.to_owned(), keys)).unwrap_or_default();
        }
        for (name, keys) in &self.projects {
            manifest += &table(format!("projects.{name}"), keys);
        }
        let mut files = self.files.clone();
        files.insert("projects.toml".to_owned(), Entry::File { content: manifest, executable: false });
        if let Some(lock) = &self.lock {
            let content = lock.text();
            files.insert("projects.lock".to_owned(), Entry::File { content, executable: false });
        }
        files
    }

    fn write(&mut self, path: String, content: String) {
        self.files.insert(path, Entry::File { content, executable: false });
    }
}

/// Something that is done to a repository.
#[derive(Clone, Debug)]
pub(super) enum Edit {
    File {
        path: String,
        entry: Option<Entry>,
    },
    Dockerfile {
        folder: &'static str,
        text: String,
    },
    /// `None` removes it.
    Beside {
        folder: &'static str,
        name: &'static str,
        text: Option<&'static str>,
    },
    Workspace {
        key: &'static str,
        value: Option<&'static str>,
    },
    Registry {
        is_deploy: bool,
        keys: Option<[(&'static str, &'static str); 3]>,
    },
    Key {
        project: &'static str,
        key: &'static str,
        value: Option<&'static str>,
    },
    Lock(LockEdit),
    Rename {
        from: &'static str,
        to: &'static str,
    },
    Remove {
        project: &'static str,
    },
    Add {
        project: &'static str,
        folder: &'static str,
    },
}

impl Edit {
    pub(super) fn apply(&self, model: &mut Model) {
        match self {
            Self::File { path, entry: Some(entry) } => drop(model.files.insert(path.clone(), entry.clone())),
            Self::File { path, entry: None } => drop(model.files.remove(path)),
            Self::Dockerfile { folder, text } => model.write(format!("{folder}/Dockerfile"), text.clone()),
            Self::Beside { folder, name, text: Some(text) } => {
                model.write(beside(folder, name), (*text).to_owned());
            }
            Self::Beside { folder, name, text: None } => drop(model.files.remove(&beside(folder, name))),
            Self::Workspace { key, value } => set(&mut model.workspace, key, *value),
            Self::Registry { is_deploy, keys } => {
                let table = if *is_deploy { &mut model.deploy } else { &mut model.cache };
                let keys = keys.map(|keys| keys.into_iter().filter(|(key, _)| !key.is_empty()));
                *table = keys.map(|keys| keys.map(|(key, value)| (key, value.to_owned())).collect());
            }
            Self::Key { project, key, value } => {
                if let Some(keys) = model.projects.get_mut(project) {
                    set(keys, key, *value);
                }
            }
            Self::Lock(edit) => edit.apply(&mut model.lock),
            Self::Rename { from, to } => {
                if !model.projects.contains_key(to)
                    && let Some(keys) = model.projects.remove(from)
                {
                    model.projects.insert(to, keys);
                }
            }
            Self::Remove { project } => drop(model.projects.remove(project)),
            Self::Add { project, folder } => {
                let keys = [("path", format!("'{folder}'"))].into();
                model.projects.entry(project).or_insert(keys);
            }
        }
    }
}

/// The path of a file in a folder, which may be the root.
fn beside(folder: &str, name: &str) -> String {
    if folder == "." { name.to_owned() } else { format!("{folder}/{name}") }
}

fn set(keys: &mut BTreeMap<&'static str, String>, key: &'static str, value: Option<&str>) {
    match value {
        Some(value) => drop(keys.insert(key, value.to_owned())),
        None => drop(keys.remove(key)),
    }
}

/// A repository of five projects that can be used.
pub(super) fn model() -> impl Strategy<Value = Model> {
    let edits = proptest::collection::vec(edit(), 0..12);
    edits.prop_map(|edits| {
        let projects =
            [("p0", "p0"), ("p1", "p1"), ("p2", "p1/in"), ("lib-amd64", "lib"), ("lib-arm64", "lib")];
        let mut model = Model {
            files: BTreeMap::new(),
            workspace: [("name", "'w'".to_owned())].into(),
            cache: Some(
                [
                    ("kind", "'oci'".to_owned()),
                    ("host", "'reg.example:5000'".to_owned()),
                    ("prefix", "'t/'".to_owned()),
                ]
                .into(),
            ),
            deploy: None,
            lock: None,
            projects: projects.map(|(name, folder)| (name, [("path", format!("'{folder}'"))].into())).into(),
        };
        for folder in FOLDERS {
            model.write(format!("{folder}/Dockerfile"), "FROM scratch\nCOPY . /\n".to_owned());
            model.write(format!("{folder}/src/a.rs"), "a".to_owned());
        }
        // What can't be used together is left out one by one, which is for the law to see.
        let may_end_all = |edit: &&Edit| match edit {
            Edit::Remove { .. } | Edit::Rename { .. } => true,
            Edit::Lock(edit) => edit.may_refuse(),
            _ => false,
        };
        for edit in edits.iter().filter(|edit| !may_end_all(edit)) {
            edit.apply(&mut model);
        }
        model
    })
}

pub(super) fn edit() -> impl Strategy<Value = Edit> {
    let folder = || select(&FOLDERS[..]);
    let project = || select(&NAMES[..]);
    prop_oneof![
        6 => (path(), proptest::option::weighted(0.8, entry())).prop_map(|(path, entry)| Edit::File { path, entry }),
        4 => (folder(), dockerfile()).prop_map(|(folder, text)| Edit::Dockerfile { folder, text }),
        2 => (folder(), ignore_file()).prop_map(|(folder, (name, text))| Edit::Beside { folder, name, text }),
        3 => (folder(), select(&PATTERN_FILES[..]), pattern_file())
            .prop_map(|(folder, name, text)| Edit::Beside { folder, name, text }),
        3 => (attributes_folder(), attributes())
            .prop_map(|(folder, text)| Edit::Beside { folder, name: ".gitattributes", text }),
        3 => workspace_key().prop_map(|(key, value)| Edit::Workspace { key, value }),
        3 => (any::<bool>(), registry()).prop_map(|(is_deploy, keys)| Edit::Registry { is_deploy, keys }),
        9 => (project(), key()).prop_map(|(project, (key, value))| Edit::Key { project, key, value }),
        6 => lock_edit().prop_map(Edit::Lock),
        1 => (project(), project()).prop_map(|(from, to)| Edit::Rename { from, to }),
        1 => project().prop_map(|project| Edit::Remove { project }),
        1 => (project(), folder()).prop_map(|(project, folder)| Edit::Add { project, folder }),
    ]
}

fn path() -> impl Strategy<Value = String> {
    const NAMES: [&str; 12] = [
        "src/a.rs",
        "src/b.rs",
        "src",
        "README.md",
        "x.rebuild_patterns",
        "conf/projects.toml",
        "conf/link",
        "conf/link/a.rs",
        "conf",
        "dist/app",
        "é",
        "link",
    ];
    const ROOTS: [&str; 4] = ["toolchain/version", "README.md", "lib.rebuild_patterns", "src/a.rs"];
    prop_oneof![
        (select(&FOLDERS[..]), select(&NAMES[..])).prop_map(|(folder, name)| format!("{folder}/{name}")),
        select(&ROOTS[..]).prop_map(str::to_owned),
    ]
}

fn entry() -> impl Strategy<Value = Entry> {
    prop_oneof![
        6 => ("[ab]", any::<bool>()).prop_map(|(content, executable)| Entry::File { content, executable }),
        3 => select(&["src/a.rs", "../lib", "src", "../src", "conf/link", "link", "gone"][..]).prop_map(|target| Entry::Link(target.to_owned())),
        1 => (1_u8..3).prop_map(Entry::Submodule),
    ]
}

fn dockerfile() -> impl Strategy<Value = String> {
    let reference = || select(&REFERENCES[..]);
    // Where images are copied from, variables are not filled in.
    let literal = || reference().prop_filter("has a variable", |reference| !reference.contains('$'));
    let more = prop_oneof![
        Just(String::new()),
        literal().prop_map(|from| format!("COPY --from={from} / /\n")),
        literal().prop_map(|from| format!("ONBUILD COPY --from={from} / /\n")),
        literal().prop_map(|from| format!("RUN --mount=from={from},target=/m true\n")),
        Just("COPY projects.toml /\n".to_owned()),
        Just("COPY projects.lock /\n".to_owned()),
        Just("COPY --from=node:22 / /\nONBUILD COPY --from=node:22 / /\n".to_owned()),
        Just(
            "FROM --platform=linux/arm64 node:22 AS arm\nFROM --platform=$BUILDPLATFORM acme/base:1\n"
                .to_owned()
        ),
        Just("COPY src .rebuild_patterns /\n".to_owned()),
        select(&SOURCES[..]).prop_map(|source| format!("COPY {source} /x/\n")),
        (select(&SOURCES[..]), select(&SOURCES[..])).prop_map(|(one, two)| format!("ADD {one} {two} /x/\n")),
        select(&SOURCES[..]).prop_map(|source| format!("ONBUILD COPY {source} /x/\n")),
        Just("ONBUILD COPY --from=one / /\n".to_owned()),
        Just("RUN --mount=source=conf/link,target=/m true\n".to_owned()),
    ];
    let syntax = proptest::option::weighted(0.1, select(&["docker/dockerfile:1", "example/other"][..]));
    let first_source = select(&["src", "conf/link", "*", "$X", "."][..]);
    let base = select(&["", "ARG BASE\n", "ARG BASE=p1\n", "ARG BASE=reg.example:5000/t/p2\n"][..]);
    (syntax, base, reference(), first_source, reference(), more).prop_map(
        |(syntax, base, first, source, last, more)| {
            let syntax = syntax.map(|syntax| format!("# syntax={syntax}\n")).unwrap_or_default();
            format!(
                "{syntax}{base}FROM {first} AS one\nARG X\nCOPY {source} /src/\nFROM {last} AS Two\n\
                 COPY --from=one / /\n{more}"
            )
        },
    )
}

fn ignore_file() -> impl Strategy<Value = (&'static str, Option<&'static str>)> {
    let name = select(&[".dockerignore", "Dockerfile.dockerignore"][..]);
    (
        name,
        proptest::option::of(select(
            &["*.md\n", "src\n", "# nothing\n", "*\n!src\n", "**/a.rs\n", "lib/link\n", "src/*\n", "**/*\n"]
                [..],
        )),
    )
}

fn pattern_file() -> impl Strategy<Value = Option<&'static str>> {
    const TEXTS: [&str; 9] = [
        "./\n",
        "./src/\n",
        "**/*.rs\n",
        "./\n!**/*.md\n",
        "^src/.*$\n./src/a.rs\n",
        "./\nlib/\n",
        "./\nprojects.toml\n",
        "*\n",
        "p1/.rebuild_patterns\n./\n",
    ];
    proptest::option::of(select(&TEXTS[..]))
}

/// A folder of a project, or one around all of them or within one.
fn attributes_folder() -> impl Strategy<Value = &'static str> {
    select(&[".", "p1", "p1/in", "lib", "lib/src", "p0/src"][..])
}

fn attributes() -> impl Strategy<Value = Option<&'static str>> {
    const TEXTS: [&str; 10] = [
        "*.rs filter=lfs\n",
        "a.rs filter=lfs diff=lfs merge=lfs -text\n",
        "*.rs filter=other\n",
        "*.rs -filter\n",
        "*.rs !filter\n",
        "[attr]big filter=lfs\n*.md big\n",
        "*.rs big\n",
        "/src/** filter=lfs\n/src/b.rs -filter\n",
        "* filter=lfs\n",
        "# nothing\n",
    ];
    proptest::option::of(select(&TEXTS[..]))
}

fn workspace_key() -> impl Strategy<Value = (&'static str, Option<&'static str>)> {
    select(vec![
        ("own_images", None),
        ("own_images", Some("['quay.io/acme/']")),
        ("own_images", Some("['quay.io/acme/', 'dep.example/']")),
        ("own_images", Some("['acme/', 'reg.example:5000/']")),
        ("rebuild_all", None),
        ("rebuild_all", Some("['toolchain/**']")),
        ("rebuild_all", Some("['**/*.md', '!lib/**']")),
        ("rebuild_all", Some("['projects.toml']")),
        ("strategy", Some("'diff'")),
        ("strategy", None),
        ("default_branch", Some("'trunk'")),
    ])
}

type RegistryKeys = Option<[(&'static str, &'static str); 3]>;

fn registry() -> impl Strategy<Value = RegistryKeys> {
    let oci = |host, prefix| Some([("kind", "'oci'"), ("host", host), ("prefix", prefix)]);
    select(vec![
        None,
        oci("'reg.example:5000'", "'t/'"),
        oci("'reg.example:5000'", "''"),
        oci("'dep.example'", "''"),
        oci("'other.example'", "'t/'"),
        Some([("kind", "'ecr'"), ("region", "'us-east-2'"), ("host", "'reg.example:5000'")]),
        Some([("kind", "'engine'"), ("prefix", "'t/'"), ("", "")]),
    ])
}

fn key() -> impl Strategy<Value = (&'static str, Option<&'static str>)> {
    let values: &[(&str, &[&str])] = &[
        ("path", &["'p0'", "'p1'", "'lib'"]),
        ("context", &["'.'", "'p1'", "'lib'"]),
        ("dockerfile", &["'other/Dockerfile'", "'in/Dockerfile'"]),
        ("target", &["'one'", "'TWO'"]),
        ("repository", &["'r1'", "'r2'", "'p1'"]),
        (
            "images",
            &["['acme/base:1']", "['acme/base', 'quay.io/acme/p1']", "['node', 'docker.io/acme/base:1']"],
        ),
        ("images", &["['acme/base']", "['quay.io/acme/p2']"]),
        (
            "external",
            &[
                "['reg.example:5000/t/p1', 'p1']",
                "['quay.io/acme/p1', 'dep.example/p1']",
                "['quay.io/acme/p2:v1']",
            ],
        ),
        (
            "external",
            &["['acme/base', 'p2', 't/p1']", "['node', 'quay.io/acme/p1', 'reg.example:5000/t/p1:v2']"],
        ),
        ("needs", &["['p1']", "['p2', 'p1']", "['lib-amd64']"]),
        ("platforms", &["['linux/amd64']", "['linux/arm64']", "['linux/amd64', 'linux/arm64']"]),
        (
            "build_args",
            &["{ BASE = 'p2' }", "{ BASE = 'p1', X = '' }", "{ BASE = 'dep.example/p1' }", "{ X = '1' }"],
        ),
        (
            "secrets",
            &[
                "{ s = { env = 'S' } }",
                "{ s = { env = 'T' } }",
                "{ s = { file = 'S' } }",
                "{ t = { env = 'S' } }",
                "{ s = { aws-ssm = 'S' } }",
                "{ s = { aws-secrets-manager = 'S' } }",
            ],
        ),
        ("ssh", &["['default']", "['github', 'default']"]),
        (
            "contexts",
            &[
                "{ p1 = 'p0' }",
                "{ p1 = 'lib', one = '.' }",
                "{ one = 'p1/in', node = 'project:p1' }",
                "{ one = 'project:p2', 'node:22' = 'lib' }",
                "{ 't/p1' = 'p1/src' }",
                "{ two = 'p1' }",
            ],
        ),
        ("extra_inputs", &["['p0/dist/**']", "['p1/src/a.rs', 'p0/dist/app']"]),
        ("hermetic", &["false"]),
        ("patterns", &["'named.patterns'", "'Dockerfile.rebuild_patterns'", "'src/a.rs'"]),
        ("tags", &["['latest']"]),
        ("deploy_after", &["['p1']"]),
        ("terraform", &["'tf'"]),
        ("service", &["{ kind = 'lambda', name = 'f' }"]),
    ];
    let all = values.iter().flat_map(|(key, values)| {
        let set = values.iter().map(|value| (*key, Some(*value)));
        set.chain([(*key, None)])
    });
    select(all.collect::<Vec<_>>())
}
