//! The documentation says what is there: tests, schemas, environment variables, modules, pages and their headings.
//!
//! A sentence of a page can name the tests that show it, in a comment behind it: `<!-- tests: program::name … -->`. So do the
//! laws of `ARCHITECTURE.md`, in a column of their table. The program is `lib`, a folder of
//! `tests/integration`, or one of `tests`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use regex::Regex;

use super::reference;
use super::sources::sources;
use super::world::World;

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The pages at the root and in `docs`.
pub(crate) fn pages() -> BTreeMap<PathBuf, String> {
    let at_root = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path());
    let at_root = at_root.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let all = at_root.chain(files(&root().join("docs"), "md"));
    all.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

pub(crate) fn page(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn each_test_that_a_sentence_names_is_there() {
    let comment = Regex::new(r"(?s)<!-- tests: (.*?) -->").unwrap();

    let mut named = 0;
    for (file, text) in pages() {
        for names in comment.captures_iter(&text) {
            for name in names[1].split_whitespace() {
                named += 1;
                assert!(is_there(name), "{}: there is no test `{name}`", file.display());
            }
        }
    }

    assert!(named > 0, "no sentence names a test");
}

#[test]
fn each_law_of_the_architecture_names_tests_that_are_there() {
    let text = page("ARCHITECTURE.md");
    let test = Regex::new(r"`(\w+::\w+)`").unwrap();
    let laws: Vec<&str> = rows(&text, "| law | tests |").collect();

    assert!(!laws.is_empty(), "there is no table of laws");
    for law in laws {
        let names: Vec<_> = test.captures_iter(law).map(|found| found[1].to_owned()).collect();
        assert!(!names.is_empty(), "no test is named: {law}");
        for name in names {
            assert!(is_there(&name), "there is no test `{name}`");
        }
    }
}

#[test]
fn the_architecture_names_every_module() {
    let text = page("ARCHITECTURE.md");
    let module = Regex::new(r"^\| `(\w+)` \|").unwrap();

    let named = rows(&text, "| module | purpose |").map(|row| module.captures(row).unwrap()[1].to_owned());

    let there: BTreeSet<String> = sources().into_iter().map(|source| source.module).collect();
    assert_eq!(named.collect::<BTreeSet<_>>(), there);
}

/// The rows below a header.
fn rows<'t>(text: &'t str, header: &'t str) -> impl Iterator<Item = &'t str> {
    text.lines().skip_while(move |line| *line != header).skip(2).take_while(|line| line.starts_with('|'))
}

#[test]
fn a_function_that_is_no_test_shows_nothing() {
    assert!(is_there("layers::a_function_that_is_no_test_shows_nothing"));
    assert!(!is_there("layers::is_there"));
    assert!(!is_there("lib::a_function_that_is_no_test_shows_nothing"));
    assert!(!is_there("nowhere::a_function_that_is_no_test_shows_nothing"));
}

fn is_there(name: &str) -> bool {
    let (program, name) = name.split_once("::").unwrap();
    let folders = match program {
        "lib" => vec![root().join("src")],
        _ => vec![root().join("tests/integration").join(program), root().join("tests").join(program)],
    };
    let test = format!(
        r"#\[(?:tokio::)?test(?:\([^)]*\))?\]\s+(?:async )?fn {name}\(|(?:on_each_engine|in_each_ci)!\([^)]*\b{name}\b"
    );
    let test = Regex::new(&test).unwrap();
    let sources = folders.iter().flat_map(|folder| files(folder, "rs"));
    sources.into_iter().any(|file| test.is_match(&fs::read_to_string(file).unwrap()))
}

#[test]
fn each_schema_in_the_code_is_documented_and_no_other_is() {
    let schema = Regex::new(r#""(chinampa\.\w+/\d+)""#).unwrap();
    let mut written = BTreeSet::new();
    for source in sources() {
        written.extend(schema.captures_iter(&source.code).map(|found| found[1].to_owned()));
    }
    // It is read, and never written.
    assert!(written.remove("chinampa.deployed/1"));

    let documented: BTreeSet<String> = reference::schemas(&page("docs/commands.md")).into_keys().collect();

    assert_eq!(documented, written);
}

/// The documents of all other commands are compared in `src/report/tests.rs`.
#[test]
fn init_prints_the_fields_that_are_documented() {
    let world = World::new();
    world.write("lib/Dockerfile", "FROM scratch\nARG A\nCOPY src/ /\n").write("lib/src/a", "a");
    world.write("api/Dockerfile", "FROM lib AS base\nFROM base\nCOPY run /\n").write("api/run", "a");
    world.write(
        "compose.yaml",
        "services:\n  api:\n    image: api:latest\n    build:\n      context: api\n      target: base\n      args: { A: b }\n  db: { image: postgres }\n",
    );
    world.write("tool/Dockerfile", "FROM scratch\nCOPY run /\n").write("tool/run", "a");
    world.write("web/Dockerfile", "ARG TAG\nFROM node:$TAG\nCOPY . /\n").write("web/a", "a");
    world.write("vendor/x/Dockerfile", "FROM scratch\n");
    world.write("nginx/Dockerfile", "FROM nginx:1\n");
    world.write(
        "proxy/Dockerfile",
        "FROM nginx AS proxy-amd64\nFROM lib:1\nFROM proxy-$TARGETARCH\nCOPY --from=1 / /\n",
    );
    world.write(
        "build_manifest.json",
        r#"{ "lib": { "buildDir": "lib" }, "tool": { "buildDir": "tool", "dependencies": ["lib"] } }"#,
    );
    world.write("lib/.rebuild_patterns", "./src/\n").write("broken.Dockerfile", "COPY nothing /\n");

    let answer = world.run(["init", "-q", "--json"]);

    assert_eq!(answer.exit, 0, "{answer}");
    let fields = &reference::schemas(&page("docs/commands.md"))["chinampa.init/1"];
    assert_eq!(reference::differences(fields, &[answer.json()]), [""; 0], "{answer}");
}

#[test]
fn doctor_prints_the_fields_that_are_documented() {
    let world = World::new();
    let manifest = "workspace.name = \"shop\"\n[cache]\nkind = \"ecr\"\nregion = \"us-east-2\"\n\
                    [deploy]\nkind = \"ecr\"\nregion = \"us-east-2\"\n\
                    role_arn = \"arn:aws:iam::210987654321:role/deploy\"\n\
                    [environments.dev]\nbranch = \"main\"\n[projects.api]\npath = \"api\"\n";
    world.write("projects.toml", manifest).write("api/Dockerfile", "FROM scratch\nCOPY run /\n");
    world.write("api/run", "a").commit();

    let principal = "arn:aws:iam::123456789012:role/ci";
    let answers = [
        world.run(["doctor", "--json", "--aws-policy", "build"]),
        world.run(["doctor", "--json", "--aws-policy", "deploy", "-e", "dev", "--principal", principal]),
    ];

    assert!(answers.iter().all(|answer| answer.exit == 0), "{answers:?}");
    let fields = &reference::schemas(&page("docs/commands.md"))["chinampa.aws_policy/1"];
    let documents: Vec<_> = answers.iter().map(super::world::Answer::json).collect();
    assert_eq!(reference::differences(fields, &documents), [""; 0], "{documents:?}");
}

#[test]
fn each_environment_variable_of_ours_is_documented() {
    let variable = Regex::new(r#""(CHINAMPA_[A-Z_]+)""#).unwrap();
    let text: String = pages()
        .into_iter()
        .filter(|(file, _)| file.ends_with("commands.md") || file.ends_with("deploying.md"))
        .map(|(_, text)| text)
        .collect();

    let mut found = 0;
    for source in sources() {
        for variable in variable.captures_iter(&source.code) {
            found += 1;
            assert!(text.contains(&format!("`{}`", &variable[1])), "{}", &variable[1]);
        }
    }

    assert!(found > 0);
}

#[test]
fn each_command_that_an_untrusted_run_may_not_use_is_listed() {
    let page = page("docs/how-it-works.md");
    let list = page.lines().find(|line| line.contains("are refused (exit code 4)")).unwrap();

    let mut found = 0;
    for source in sources().iter().filter(|source| source.code.contains(".check_trust(")) {
        let commands: &[&str] = match source.file.file_stem().unwrap().to_str().unwrap() {
            "lock" => &["`lock`", "`update`"],
            "prune" => &["`prune --delete`"],
            "registry_probe" => &["`doctor --registry`"],
            // It says why it shows less.
            "status" => &[],
            "taint" => &["`taint`", "`untaint`"],
            name => &[&format!("`{name}`")],
        };
        for command in commands {
            found += 1;
            assert!(list.contains(command), "{command}: {list}");
        }
    }

    assert!(found > 5, "{found}");
}

#[test]
fn each_finding_of_lint_is_documented() {
    let code = fs::read_to_string(root().join("src/lint/mod.rs")).unwrap();
    let name = Regex::new(r#"Self::\w+ => "([a-z-]+)""#).unwrap();
    let documented = Regex::new(r"^\| `([a-z-]+)` \|").unwrap();
    let text = page("docs/commands.md");

    let findings: BTreeSet<String> = name.captures_iter(&code).map(|found| found[1].to_owned()).collect();

    let rows = rows(&text, "| finding | meaning | `--fix` |")
        .map(|row| documented.captures(row).unwrap()[1].to_owned());
    assert_eq!(rows.collect::<BTreeSet<_>>(), findings);
    assert!(findings.len() > 5, "{findings:?}");
}

#[test]
fn each_link_leads_to_a_file_and_a_heading() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let pages = pages();
    let anchors: BTreeMap<&Path, BTreeSet<String>> =
        pages.iter().map(|(file, text)| (file.as_path(), anchors(text))).collect();

    let mut broken = Vec::new();
    for (file, text) in &pages {
        for found in link.captures_iter(&without_code(text)) {
            let target = found[1].to_owned();
            if target.starts_with("https://") {
                continue;
            }
            let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let path = if path.is_empty() { file.clone() } else { plain(&file.parent().unwrap().join(path)) };
            let is_known =
                anchor.is_empty() || anchors.get(path.as_path()).is_some_and(|it| it.contains(anchor));
            if !path.exists() || !is_known {
                broken.push(format!("{}: {target}", file.strip_prefix(root()).unwrap().display()));
            }
        }
    }

    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Those of the repository: folders and files that are made by running something are in `target`.
#[test]
fn each_file_that_a_page_names_is_there() {
    let name = Regex::new(r"`((?:src|tests|scripts|docs|\.cargo|\.ci)/[\w./-]+)`").unwrap();

    let mut missing = Vec::new();
    for (file, text) in pages() {
        for found in name.captures_iter(&text) {
            // What fuzzing leaves is no part of the repository.
            if !root().join(&found[1]).exists() && &found[1] != "tests/fuzz/artifacts" {
                missing.push(format!("{}: {}", file.strip_prefix(root()).unwrap().display(), &found[1]));
            }
        }
    }

    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn decisions_are_numbered_one_after_the_other_and_none_is_empty() {
    let decisions = page("docs/decisions.md");
    let sections: Vec<&str> = decisions.split("\n## ").skip(1).collect();

    let numbers: Vec<&str> = sections.iter().map(|section| section.split_once(". ").unwrap().0).collect();

    let expected: Vec<String> = (1..=sections.len()).map(|number| number.to_string()).collect();
    assert_eq!(numbers, expected);
    assert!(sections.iter().all(|section| section.trim_end().lines().count() > 1));
}

#[test]
fn headings_have_the_anchors_that_links_use() {
    let text = "# A\n## `chinampa.plan/2`\n## What is *not* done: a, b\n```\n# no heading\n```\n### `a`, `b`\n### `a`, `b`\n";

    let anchors = anchors(text);

    let expected = ["a", "chinampaplan2", "what-is-not-done-a-b", "a-b", "a-b-1"];
    assert_eq!(anchors, expected.map(str::to_owned).into());
}

/// Those of a page's headings, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for line in without_blocks(text).lines().filter(|line| line.starts_with('#')) {
        let heading = line.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter(|it| it.is_alphanumeric() || " -_".contains(*it));
        let anchor: String = kept.map(|it| if it == ' ' { '-' } else { it }).collect();
        let numbered = (1..).map(|number| format!("{anchor}-{number}"));
        let mut names = std::iter::once(anchor.clone()).chain(numbered);
        anchors.insert(names.find(|name| !anchors.contains(name)).unwrap());
    }
    anchors
}

/// The text without blocks of code.
pub(crate) fn without_blocks(text: &str) -> String {
    let mut is_code = false;
    let mut kept = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// The text without blocks of code and code within lines, other than in the text of links.
pub(crate) fn without_code(text: &str) -> String {
    let within_line = Regex::new(r"`[^`\n]*\]\([^`\n]*`").unwrap();
    within_line.replace_all(&without_blocks(text), "").into_owned()
}

/// The path without `..`.
pub(crate) fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

/// The files below a folder with this extension; none where it isn't there.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    let found = paths
        .flat_map(|path| if path.is_dir() { files(&path, extension) } else { Vec::from_iter(Some(path)) });
    found.filter(|path| path.extension().is_some_and(|own| own == extension)).collect()
}
