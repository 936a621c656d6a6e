//! Which module may know which, read from the sources, and what stays private to which.

#![expect(clippy::unwrap_used, reason = "a source that can't be read, fails the test")]

#[path = "../support/bed.rs"]
mod bed;
mod blocks;
mod book;
mod circles;
mod documented;
#[path = "../support/reference.rs"]
mod reference;
mod sources;
mod words;
#[path = "../support/world.rs"]
pub mod world;

use std::collections::BTreeSet;

use regex::Regex;

use sources::{Source, sources};

/// Each module and the modules that it imports, besides `model`, which all may.
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("exit", &[]),
    ("interruption", &[]),
    ("program", &["interruption"]),
    ("dns", &[]),
    ("tls", &["dns"]),
    ("watch", &[]),
    ("aws", &[]),
    ("config", &[]),
    ("continuation", &["tls"]),
    ("docker", &["tls"]),
    ("buildkit", &["docker", "tls"]),
    ("dockerfile", &[]),
    ("dockerignore", &[]),
    ("git", &[]),
    ("graph", &[]),
    ("patterns", &[]),
    ("pipeline", &["config", "graph"]),
    ("record", &["config"]),
    ("ci", &["git"]),
    ("registry", &["aws", "config", "docker", "tls"]),
    ("attest", &["program", "registry"]),
    ("prune", &["record", "registry"]),
    ("lease", &["registry"]),
    ("engine", &["buildkit", "docker", "git"]),
    ("infer", &["dockerfile", "dockerignore", "git", "patterns"]),
    ("workspace", &["config", "dockerfile", "dockerignore", "git", "graph", "infer", "patterns"]),
    ("pins", &["config", "registry", "workspace"]),
    ("init", &["config", "dockerfile", "dockerignore", "git", "infer", "patterns", "workspace"]),
    ("inputs", &["dockerfile", "git", "infer", "patterns", "workspace"]),
    (
        "deploy",
        &[
            "attest",
            "aws",
            "ci",
            "config",
            "engine",
            "git",
            "interruption",
            "lease",
            "program",
            "record",
            "registry",
            "tls",
            "workspace",
        ],
    ),
    ("permissions", &["config", "deploy", "git", "workspace"]),
    (
        "lint",
        &[
            "config",
            "deploy",
            "dockerfile",
            "dockerignore",
            "git",
            "infer",
            "init",
            "inputs",
            "patterns",
            "workspace",
        ],
    ),
    ("secrets", &["aws", "config", "git"]),
    ("simulate", &["dockerignore", "git", "infer", "inputs", "patterns", "workspace"]),
    ("observe", &["ci", "config", "git", "inputs", "patterns", "record", "registry", "workspace"]),
    ("plan", &["config", "graph", "observe"]),
    (
        "execute",
        &[
            "attest",
            "dockerfile",
            "dockerignore",
            "engine",
            "git",
            "graph",
            "inputs",
            "lease",
            "observe",
            "plan",
            "record",
            "registry",
            "workspace",
        ],
    ),
    ("once", &["docker", "engine", "execute", "git", "inputs", "interruption"]),
    ("runs", &["engine", "execute", "observe", "plan", "record"]),
    (
        "report",
        &[
            "config",
            "deploy",
            "dockerignore",
            "engine",
            "execute",
            "graph",
            "init",
            "inputs",
            "lease",
            "lint",
            "observe",
            "once",
            "patterns",
            "permissions",
            "pins",
            "plan",
            "prune",
            "record",
            "registry",
            "runs",
            "simulate",
            "workspace",
        ],
    ),
    (
        "error",
        &[
            "attest",
            "buildkit",
            "ci",
            "config",
            "continuation",
            "deploy",
            "docker",
            "engine",
            "execute",
            "git",
            "init",
            "inputs",
            "lint",
            "observe",
            "once",
            "permissions",
            "pins",
            "pipeline",
            "prune",
            "record",
            "registry",
            "runs",
            "secrets",
            "simulate",
            "watch",
            "workspace",
        ],
    ),
    (
        "cli",
        &[
            "attest",
            "aws",
            "buildkit",
            "ci",
            "config",
            "continuation",
            "deploy",
            "docker",
            "dockerignore",
            "engine",
            "error",
            "execute",
            "exit",
            "git",
            "init",
            "inputs",
            "interruption",
            "lease",
            "lint",
            "observe",
            "once",
            "patterns",
            "permissions",
            "pins",
            "pipeline",
            "plan",
            "prune",
            "record",
            "registry",
            "report",
            "runs",
            "secrets",
            "simulate",
            "watch",
            "workspace",
        ],
    ),
];

/// What a module other than the named ones must not have in its code, and why.
const PRIVATE: &[(&str, &[&str], &str)] = &[
    (r"\benv::(var|vars|args|current|home|temp)", &["cli"], "only `cli` reads the environment"),
    (r"\bio::(stdout|stderr|stdin)\b|\be?print(ln)?!", &["cli"], "only `cli` writes to the standard streams"),
    (r"\bsignal_hook::|\btokio::signal\b", &["cli"], "only `cli` handles signals"),
    (r"\bgit2::", &["git"], "`git` reads repositories"),
    (r"\bgix_\w+::", &["git"], "`git` reads objects"),
    (r"\bpetgraph::", &["graph"], "`graph` has the only graph"),
    (r"\baws_\w+::", &["aws", "deploy", "registry", "secrets"], "these talk to AWS"),
    (r"\brustls::", &["tls"], "`tls` chooses the cryptography of all clients"),
    (r"\bbollard\w*::", &["buildkit", "docker", "engine", "registry"], "these talk to the engine"),
    (
        r"\bCommand::new\b",
        &["attest", "deploy", "docker", "git", "once", "program", "watch"],
        "these run programs: Terraform, `ssh`, `git`, and what people name",
    ),
    (
        r"\bfs::(?:write|rename|remove_|create_dir|copy|hard_link|set_permissions)|\bFile::create|\bNamedTempFile\b|\bsymlink\(",
        &["attest", "cli", "deploy", "engine", "git", "init", "lint", "once", "program", "runs"],
        "these write files",
    ),
    (
        r"\.untag\(|\.delete_manifest\(",
        &["cli", "deploy", "execute", "lease", "once", "registry"],
        "these delete from a registry",
    ),
    (
        r"\basync\b|\.await\b",
        &[
            "attest",
            "aws",
            "buildkit",
            "cli",
            "continuation",
            "deploy",
            "dns",
            "docker",
            "engine",
            "execute",
            "interruption",
            "lease",
            "observe",
            "once",
            "pins",
            "program",
            "prune",
            "registry",
            "secrets",
            "watch",
        ],
        "the others compute, and wait for nothing",
    ),
];

/// Libraries whose types appear in no public signature.
const HIDDEN: &str = r"aws_\w+|bollard\w*|git2|gix_\w+|petgraph";

#[test]
fn modules_import_only_what_the_table_allows_and_the_table_allows_nothing_else() {
    let allowed: BTreeSet<(&str, &str)> =
        ARROWS.iter().flat_map(|(from, list)| list.iter().map(move |to| (*from, *to))).collect();
    let sources = sources();

    let seen = arrows(&sources);

    let seen: BTreeSet<(&str, &str)> =
        seen.iter().map(|(from, to)| (from.as_str(), to.as_str())).filter(|(_, to)| *to != "model").collect();
    let new: Vec<_> = seen.difference(&allowed).collect();
    let unused: Vec<_> = allowed.difference(&seen).collect();
    assert!(new.is_empty() && unused.is_empty(), "new arrows: {new:?}; arrows nobody uses: {unused:?}");
}

#[test]
fn the_table_names_every_module_after_what_it_imports() {
    let listed: Vec<&str> = ARROWS.iter().map(|(module, _)| *module).collect();
    let there: BTreeSet<String> = sources().into_iter().map(|source| source.module).collect();

    for (place, (module, imported)) in ARROWS.iter().enumerate() {
        let known = &listed[..place];
        let circle: Vec<_> = imported.iter().filter(|import| !known.contains(import)).collect();
        assert!(circle.is_empty(), "`{module}` stands before {circle:?}: an arrow back is a circle");
        assert!(imported.is_sorted(), "`{module}`: {imported:?}");
    }
    assert_eq!(listed.iter().map(ToString::to_string).collect::<BTreeSet<_>>(), there);
}

#[test]
fn what_belongs_to_some_modules_is_in_no_other() {
    for (pattern, owners, why) in PRIVATE {
        let pattern = Regex::new(pattern).unwrap();
        for source in sources().iter().filter(|source| !owners.contains(&source.module.as_str())) {
            let found = pattern.find(&source.code).map(|found| found.as_str());
            assert_eq!(found, None, "{}: {why}", source.file.display());
        }
    }
}

#[test]
fn public_signatures_are_free_of_library_types() {
    let imports = Regex::new(&format!(r"(?s)\buse (?:{HIDDEN})::([^;]*);")).unwrap();
    let name = Regex::new(r"\b[A-Z]\w*").unwrap();
    for source in sources() {
        let imported = imports.captures_iter(&source.code).map(|import| import.get(1).unwrap().as_str());
        let names = imported.flat_map(|list| name.find_iter(list).map(|name| name.as_str()));
        let names = names.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join("|");
        let names = if names.is_empty() { String::new() } else { format!(r"|\b(?:{names})\b") };
        let hidden = Regex::new(&format!(r"\b(?:{HIDDEN})::{names}")).unwrap();
        for signature in signatures(&source.code) {
            assert!(!hidden.is_match(&signature), "{}: {signature}", source.file.display());
        }
    }
}

#[test]
fn the_reader_of_signatures_sees_what_is_public_and_nothing_else() {
    let code = "
        pub struct A { inner: git2::Odb, pub seen: u8, }
        pub(crate) fn hidden(a: git2::Odb) {}
        pub enum E { One { source: git2::Error }, Two(u8) }
        pub fn f(
            a: u8,
        ) -> Result<u8, E> { git2::Odb::new() }
        pub struct B(git2::Odb, pub u8);
        pub trait T { fn g(&self) -> u8; }
        impl From<git2::Error> for E { }
        impl git2::Hidden for E { }
    ";

    let seen = signatures(code);

    assert_eq!(
        seen,
        [
            "pub seen: u8",
            "pub enum E { One { source: git2::Error }, Two(u8) }",
            "pub fn f( a: u8, ) -> Result<u8, E>",
            "pub u8",
            "pub trait T { fn g(&self) -> u8; }",
            "impl From<git2::Error> for E",
        ]
    );
}

/// Every `crate::<module>` of every source: who imports whom.
fn arrows(sources: &[Source]) -> BTreeSet<(String, String)> {
    let path = Regex::new(r"\bcrate::(\w+)").unwrap();
    let mut arrows = BTreeSet::new();
    for source in sources {
        // Such a list would hide arrows from this test.
        assert!(!source.code.contains("crate::{"), "{}: name one module a line", source.file.display());
        for found in path.captures_iter(&source.code) {
            if found[1] != source.module {
                arrows.insert((source.module.clone(), found[1].to_owned()));
            }
        }
    }
    arrows
}

/// What the code shows to other crates: functions without bodies, public fields, enums and traits whole,
/// aliases, constants, and what a public error is made from.
fn signatures(code: &str) -> Vec<String> {
    let item = Regex::new(r"\bpub (?:(?:async |const |unsafe )*fn|enum|trait|type|const|static|use)\b|\bimpl From<|\bpub (?:\w+: )?")
        .unwrap();
    let spaces = Regex::new(r"\s+").unwrap();
    let mut signatures = Vec::new();
    let mut at = 0;
    while let Some(found) = item.find_at(code, at) {
        at = found.end();
        let rest = &code[found.start()..];
        let length = match found.as_str().trim_end() {
            whole if whole.ends_with("enum") || whole.ends_with("trait") => to_closing(rest),
            "pub" if is_item(&code[found.end()..]) => continue,
            "impl From<" => rest.find(['{', ';', ')', ',']),
            // A field ends at a comma or bracket that isn't inside of its own.
            field if field == "pub" || field.ends_with(':') => to_end_of_field(rest),
            _ => rest.find(['{', ';']),
        };
        let length = length.unwrap_or(rest.len());
        at = at.max(found.start() + length);
        signatures.push(spaces.replace_all(rest[..length].trim(), " ").into_owned());
    }
    signatures
}

fn is_item(rest: &str) -> bool {
    ["struct", "mod", "extern"].iter().any(|word| rest.starts_with(word))
}

fn to_closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    text.find(|letter| {
        depth += i32::from(letter == '{') - i32::from(letter == '}');
        letter == '}' && depth == 0
    })
    .map(|end| end + 1)
}

fn to_end_of_field(text: &str) -> Option<usize> {
    let mut depth = 0;
    text.find(|letter| {
        let ends = depth == 0 && matches!(letter, ',' | ')' | '}' | ';');
        depth += i32::from(matches!(letter, '(' | '<' | '[')) - i32::from(matches!(letter, ')' | '>' | ']'));
        ends
    })
}
