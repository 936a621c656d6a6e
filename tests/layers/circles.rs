//! Which file of a folder imports which, and that none imports itself by way of others.
//!
//! A file imports another one when its code names something that the other defines: by `super::other::x`, by `super::X`
//! where the folder's `mod.rs` has `X` from the other, or from the root of the crate. A folder inside of the folder counts
//! as one file here, and is looked at by itself besides. A `mod.rs` is no part of a circle: it is what the files
//! are together, so it names them, and they name the types that it defines.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use super::sources::{Source, sources};

/// Names of a module from the crate's root on: `["registry", "copy", "contents"]`. A folder's are those of its `mod.rs`.
type Module = Vec<String>;

/// What names stand for in the modules of the crate.
struct Names {
    modules: BTreeSet<Module>,
    /// By module and name: what an import there calls so, from the module on.
    imported: BTreeMap<(Module, String), Vec<String>>,
}

#[test]
fn no_file_of_a_folder_imports_itself_by_way_of_others() {
    let found = circles(&imports(&sources()));

    assert_eq!(found, BTreeMap::new(), "the files of each circle that there is, by folder");
}

#[test]
fn a_circle_is_found_through_groups_exports_and_folders() {
    let source = |file: &str, code: &str| Source {
        file: file.into(),
        module: file.split('/').next().unwrap().to_owned(),
        code: code.to_owned(),
    };
    let sources = [
        source("a/mod.rs", "pub use self::b::{self, B as Exported};\nuse c::C;\nstruct Own;"),
        source("a/b.rs", "use super::{Own, d::{self, inner::Deep}, C};"),
        source("a/c.rs", "fn f() { crate::a::Own; }"),
        source("a/d/mod.rs", "use super::c::C;\npub struct D;"),
        source("a/d/inner.rs", "use super::D; fn f(_: super::super::Exported) { super::other::g() }"),
        source("a/d/other.rs", "pub fn g() {} fn h() { self::g() }"),
        source("e.rs", "use crate::a::Exported;"),
    ];

    let imports = imports(&sources);

    let of = |folder: &str, from: &str, to: &str| (folder.to_owned(), from.to_owned(), to.to_owned());
    let expected = [
        of("a", "b", "c"),
        of("a", "b", "d"),
        of("a", "d", "b"),
        of("a", "d", "c"),
        of("a/d", "inner", "other"),
    ];
    assert_eq!(imports, BTreeSet::from(expected));
    let circle = ["b", "d"].map(str::to_owned);
    assert_eq!(circles(&imports), BTreeMap::from([("a".to_owned(), BTreeSet::from(circle))]));
}

/// Folder, importing file, imported file.
type Imports = BTreeSet<(String, String, String)>;

fn imports(sources: &[Source]) -> Imports {
    let names = Names::of(sources);
    let mut imports = BTreeSet::new();
    for source in sources {
        let from = module(source);
        for path in paths(&source.code, r"\b(?:crate|self|super)::") {
            let to = names.resolve(&from, &path.names);
            let shared = from.iter().zip(&to).take_while(|(one, other)| one == other).count();
            if shared > 0
                && let (Some(one), Some(other)) = (from.get(shared), to.get(shared))
            {
                imports.insert((from[..shared].join("/"), one.clone(), other.clone()));
            }
        }
    }
    imports
}

/// Of each folder with a circle, the files that are part of one.
fn circles(imports: &Imports) -> BTreeMap<String, BTreeSet<String>> {
    let mut reached = imports.clone();
    loop {
        let further = reached.iter().flat_map(|(folder, from, by)| {
            let next = imports.iter().filter(move |(other, of, _)| other == folder && of == by);
            next.map(move |(_, _, to)| (folder.clone(), from.clone(), to.clone()))
        });
        let before = reached.len();
        reached = further.collect::<Imports>().union(&reached).cloned().collect();
        if reached.len() == before {
            break;
        }
    }
    let mut circles: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (folder, from, _) in reached.into_iter().filter(|(_, from, to)| from == to) {
        circles.entry(folder).or_default().insert(from);
    }
    circles
}

impl Names {
    fn of(sources: &[Source]) -> Self {
        let modules: BTreeSet<Module> = sources.iter().map(module).collect();
        let mut imported = BTreeMap::new();
        for source in sources.iter().filter(|source| source.file.ends_with("mod.rs")) {
            for Path { names, called } in paths(&source.code, r"(?m)^\s*(?:pub(?:\([^)]*\))? )?use ") {
                imported.insert((module(source), called), names);
            }
        }
        Self { modules, imported }
    }

    /// The module that defines what a path of a module names.
    fn resolve(&self, from: &Module, path: &[String]) -> Module {
        let mut at = from.clone();
        for name in path {
            match name.as_str() {
                "crate" => at.clear(),
                "self" => {}
                "super" => {
                    at.pop();
                }
                _ => {
                    let below = [at.as_slice(), std::slice::from_ref(name)].concat();
                    if self.modules.contains(&below) {
                        at = below;
                    } else if let Some(import) = self.imported.get(&(at.clone(), name.clone()))
                        // An import of a library names nothing of the crate, and would be looked for again and again.
                        && import.first().is_some_and(|first| first != name)
                    {
                        at = self.resolve(&at, import);
                    } else {
                        break;
                    }
                }
            }
        }
        at
    }
}

fn module(source: &Source) -> Module {
    let file = source.file.with_extension("");
    let names = file.iter().map(|name| name.to_str().unwrap().to_owned());
    names.filter(|name| name != "mod").collect()
}

struct Path {
    names: Vec<String>,
    /// What it is called where it was imported.
    called: String,
}

/// The paths that begin where `start` matches, which is part of them unless it ends with a space.
fn paths(code: &str, start: &str) -> Vec<Path> {
    let start = Regex::new(start).unwrap();
    let mut paths = Vec::new();
    let mut at = 0;
    while let Some(found) = start.find_at(code, at) {
        let begin = if found.as_str().ends_with("::") { found.start() } else { found.end() };
        at = code.len() - read(&code[begin..], &[], &mut paths).len();
        at = at.max(found.end());
    }
    paths
}

/// Reads one path, or a group of paths in braces, that goes on from `before`; returns what follows.
fn read<'c>(code: &'c str, before: &[String], paths: &mut Vec<Path>) -> &'c str {
    let code = code.trim_start();
    if let Some(mut rest) = code.strip_prefix('{') {
        while !rest.trim_start().starts_with('}') {
            rest = read(rest, before, paths).trim_start();
            rest = rest.strip_prefix(',').unwrap_or(rest);
        }
        return &rest.trim_start()[1..];
    }
    let end = code
        .find(|letter: char| !letter.is_alphanumeric() && letter != '_' && letter != '*')
        .unwrap_or(code.len());
    let (name, rest) = code.split_at(end);
    assert!(!name.is_empty(), "a path breaks off before {code:.40}");
    assert!(name != "*", "a glob import hides what is imported: {before:?}");
    let mut names = before.to_vec();
    // `a::{self}` is `a`.
    if name != "self" || before.is_empty() {
        names.push(name.to_owned());
    }
    let goes_on = rest.strip_prefix("::").filter(|after| !after.starts_with('<'));
    if let Some(after) = goes_on {
        return read(after, &names, paths);
    }
    let called = rest.strip_prefix(" as ").map(|alias| alias.split([',', ';', '}']).next().unwrap().trim());
    let called = called.unwrap_or(names.last().unwrap()).to_owned();
    let rest = if rest.starts_with(" as ") { &rest[rest.find([',', ';', '}']).unwrap()..] } else { rest };
    paths.push(Path { names, called });
    rest
}
