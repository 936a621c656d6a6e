//! Laws of what is inferred from Dockerfiles, on generated trees.

use std::collections::{BTreeMap, BTreeSet};

use chinampa::internals::dockerfile::Dockerfile;
use chinampa::internals::git::Repository;
use chinampa::internals::infer::{self, Source};
use chinampa::internals::inputs::{self, InputContent};
use chinampa::internals::lint::write::ManifestFile;
use chinampa::internals::lint::{self, Code, Edit, Finding};
use chinampa::internals::model::RepoPath;
use chinampa::internals::patterns::Patterns;
use chinampa::internals::workspace::{ManifestSource, Workspace};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::support::world::World;

const FILES: &[&str] = &[
    "a.c",
    "a.h",
    "b",
    "[x]",
    "{y}",
    "!z",
    "src/a.c",
    "src/b.rs",
    "src/a/c.h",
    "src/a/b/d",
    "src/.e",
    "srcs/f",
    "doc/a.md",
    "doc/b/a.md",
    "é/a",
];

/// Those whose names mean the same to `COPY` and to a pattern, whatever the wildcard.
const ASCII_FILES: &[&str] = FILES.split_last().unwrap().1;

const SOURCES: &[&str] = &[
    ".",
    "./",
    "src",
    "src/",
    "/src/a",
    "src/a.c",
    "../b",
    "*",
    "*.c",
    "a.?",
    "src/*",
    "src/*.c",
    "s*",
    "s*/a*",
    "src/a/../b.rs",
    "*/a",
    "*/*/*",
    "[a-b]*",
    "[^a]",
    r"src/\a*",
    "**/a*",
    "[[]x]",
    "{y}",
    "!z",
    "d?c",
    "é/*",
];

const LINES: &[&str] = &[
    "./",
    "./src/",
    "./src/a.c",
    "api/**/*.c",
    "./a.*",
    "!**/*.c",
    "!./src/a/",
    "./doc/*",
    "^api/src/",
    "gone/",
    "!gone",
    "!./doc/b/",
];

/// A project in `api`, of which these files are committed.
fn world(files: &[&str]) -> World {
    let world = World::new();
    for file in files {
        world.write(&format!("api/{file}"), "");
    }
    world.write("projects.toml", "workspace.name = 'w'\n[projects.api]\npath = 'api'\n");
    world.write("api/Dockerfile", "FROM scratch\n");
    world
}

fn dockerfile(sources: &[&str]) -> String {
    let copy = |source: &&str| format!("COPY [\"{}\", \"/x/\"]\n", source.replace('\\', "\\\\"));
    format!("FROM scratch\n{}", sources.iter().map(copy).collect::<String>())
}

fn inferred(world: &World, dockerfile: &str) -> Vec<Source> {
    let repository = Repository::open(world.path()).unwrap();
    let snapshot = repository.snapshot(repository.head().unwrap().commit).unwrap();
    let dockerfile = Dockerfile::parse(dockerfile.as_bytes(), &BTreeMap::new(), None).unwrap();
    infer::sources(&dockerfile, None, &RepoPath::new("api").unwrap(), &snapshot).unwrap()
}

fn lint(world: &World) -> Vec<Finding> {
    let repository = Repository::open(world.path()).unwrap();
    let snapshot = repository.snapshot(repository.head().unwrap().commit).unwrap();
    let workspace = Workspace::read(&snapshot, &ManifestSource::Tree).unwrap();
    let all: BTreeSet<_> = workspace.projects.keys().cloned().collect();
    lint::check(&workspace, &all, &snapshot).unwrap().findings
}

fn fix(world: &World) -> Vec<Edit> {
    let repository = Repository::open(world.path()).unwrap();
    let snapshot = repository.snapshot(repository.head().unwrap().commit).unwrap();
    let workspace = Workspace::read(&snapshot, &ManifestSource::Tree).unwrap();
    lint::write::fix(&workspace, &lint(world), &snapshot, world.path(), ManifestFile::OfTree).unwrap()
}

/// Without folders: which of them an engine keeps, an engine says (`engine::inferred`).
fn inputs_of(world: &World) -> BTreeSet<RepoPath> {
    let repository = Repository::open(world.path()).unwrap();
    let snapshot = repository.snapshot(repository.head().unwrap().commit).unwrap();
    let workspace = Workspace::read(&snapshot, &ManifestSource::Tree).unwrap();
    let all = workspace.projects.keys().cloned().collect();
    let files = inputs::files(&workspace, &all, &snapshot, None).unwrap();
    let files = files.into_values().flatten().filter(|file| file.content != InputContent::EmptyFolder);
    files.map(|file| file.path).collect()
}

fn is_fixable(finding: &Finding) -> bool {
    finding.suggestion.as_ref().is_some_and(|edit| edit.by_itself)
}

fn path(file: &str) -> RepoPath {
    RepoPath::new(format!("api/{file}")).unwrap()
}

/// Whether `COPY` takes a file: its path, or that of a folder it is in, is what the source says.
fn is_taken(source: &str, file: &str) -> bool {
    let mut parts: Vec<&str> = Vec::new();
    for part in source.split('/').filter(|part| !matches!(*part, "" | ".")) {
        match part {
            ".." => parts.truncate(parts.len().saturating_sub(1)),
            part => parts.push(part),
        }
    }
    let has_wildcards = parts.iter().any(|part| part.contains(['*', '?', '[']));
    let names: Vec<&str> = file.split('/').collect();
    names.len() >= parts.len()
        && parts.iter().zip(&names).all(
            |(part, name)| {
                if has_wildcards { go_match(part, name) } else { part == name }
            },
        )
}

/// Go's `filepath.Match` on one name, tried letter by letter.
fn go_match(pattern: &str, name: &str) -> bool {
    let mut letters = pattern.chars();
    let rest = || name.chars().next().map(|first| (first, &name[first.len_utf8()..]));
    match letters.next() {
        None => name.is_empty(),
        Some('*') => {
            go_match(letters.as_str(), name) || rest().is_some_and(|(_, rest)| go_match(pattern, rest))
        }
        Some('?') => rest().is_some_and(|(_, rest)| go_match(letters.as_str(), rest)),
        Some('[') => {
            let (class, after) = letters.as_str().split_once(']').unwrap();
            let (class, negated) = class.strip_prefix('^').map_or((class, false), |class| (class, true));
            let has = |letter: char| match class.split_once('-') {
                Some((low, high)) => (low.chars().next()..=high.chars().next()).contains(&Some(letter)),
                None => class.contains(letter),
            };
            rest().is_some_and(|(letter, rest)| has(letter) != negated && go_match(after, rest))
        }
        Some(letter) => {
            let letter = if letter == '\\' { letters.next().unwrap() } else { letter };
            rest().is_some_and(|(first, rest)| first == letter && go_match(letters.as_str(), rest))
        }
    }
}

proptest! {
    #![proptest_config(crate::laws::config(48))]

    #[test]
    fn what_is_inferred_of_a_source_is_what_copy_takes(files in subsequence(FILES, 1..FILES.len())) {
        let world = world(&files);
        world.commit();

        let sources = inferred(&world, &dockerfile(SOURCES));

        for (source, inferred) in SOURCES.iter().zip(sources) {
            for file in &files {
                // A character beyond ASCII is one to `COPY` and several bytes to a pattern.
                if !file.is_ascii() && (source.contains('?') || source.contains("[^")) {
                    continue;
                }
                let taken = inferred.patterns.decide(&path(file)).is_some();
                prop_assert_eq!(taken, is_taken(source, file), "COPY {} and {}: {:?}", source, file, inferred.takes);
            }
        }
    }

    /// What it takes, and nothing that it does not take.
    #[test]
    fn without_a_pattern_file_the_inputs_are_what_the_dockerfile_takes(
        files in subsequence(FILES, 1..FILES.len()),
        sources in subsequence(SOURCES, 1..4),
        ignored in select(&["", "doc\n", "src/a.c\nb\n"][..]),
    ) {
        let world = world(&files);
        world.write("api/Dockerfile", dockerfile(&sources)).write("api/.dockerignore", ignored).commit();

        let inputs = inputs_of(&world);

        let is_ignored = |file: &str| {
            let mut lines = ignored.lines();
            lines.any(|line| file.strip_prefix(line).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
        };
        let files = files.iter().copied().chain(["Dockerfile", ".dockerignore"]);
        let expected: BTreeSet<RepoPath> = files
            .filter(|file| {
                let is_copied = sources.iter().any(|source| is_taken(source, file)) && !is_ignored(file);
                is_copied || ["Dockerfile", ".dockerignore"].contains(file)
            })
            .map(path)
            .collect();
        prop_assert_eq!(inputs, expected);
    }

    /// Looked up in an index, and tried line by line and file by file.
    #[test]
    fn lint_finds_what_comparing_each_line_with_each_file_finds(
        files in subsequence(ASCII_FILES, 1..ASCII_FILES.len()),
        source in select(SOURCES),
        lines in subsequence(LINES, 1..LINES.len()).prop_shuffle(),
    ) {
        let world = world(&files);
        world.write("api/Dockerfile", dockerfile(&[source]));
        world.write("api/.rebuild_patterns", format!("b\n{}", lines.join("\n"))).commit();

        let found = lint(&world);

        // The Dockerfile is an input, and used, whatever lines say.
        let files = [&files[..], &["Dockerfile", ".rebuild_patterns"]].concat();
        let folder = RepoPath::new("api").unwrap();
        let patterns = Patterns::parse(format!("b\n{}", lines.join("\n")).as_bytes(), &folder).unwrap();
        let is_ours = |file: &&&str| **file != ".rebuild_patterns" && is_taken(source, file);
        let is_covered = |file: &&&str| patterns.decide(&path(file)).is_some();
        let is_named = |file: &&&str| {
            **file == "Dockerfile" || patterns.lines().iter().any(|line| line.matches(&path(file)))
        };
        let taken: Vec<&&str> = files.iter().filter(is_ours).collect();
        let none_is_said = !taken.is_empty() && !taken.iter().any(&is_named);
        let some_is_not_said = taken.iter().any(|file| !is_named(file)) && taken.iter().any(is_named);
        let has = |code: Code| found.iter().any(|finding| finding.code == code);
        prop_assert_eq!(has(Code::SourceNotCovered), none_is_said, "{:?}", found);
        prop_assert_eq!(has(Code::SourcePartlyCovered), some_is_not_said, "{:?}", found);
        for line in patterns.lines().iter().filter(|line| !line.is_negated()) {
            let number = line.line().unwrap();
            let is_used =
                taken.iter().chain(&[&"Dockerfile"]).any(|file| line.matches(&path(file)));
            let has = |code: Code| found.iter().any(|finding| finding.code == code && finding.line == number);
            let matches = files.iter().any(|file| line.matches(&path(file)));
            prop_assert_eq!(has(Code::PatternNotUsed), matches && !is_used, "{}: {:?}", line, found);
            let takes_a_file = files.iter().filter(is_covered).any(|file| line.matches(&path(file)));
            prop_assert!(!has(Code::PatternMatchesNothing) || !takes_a_file, "{line}: {found:?}");
        }
    }

    #[test]
    fn what_lint_fixes_it_does_not_find_again(
        files in subsequence(FILES, 1..FILES.len()),
        sources in subsequence(SOURCES, 1..4),
        lines in subsequence(LINES, 1..LINES.len()).prop_shuffle(),
    ) {
        let world = world(&files);
        world.write("api/Dockerfile", dockerfile(&sources));
        world.write("api/.rebuild_patterns", format!("b\n{}", lines.join("\n"))).commit();

        let fixed = fix(&world);
        world.commit();
        // A line that took something back has nothing to take it from when that line is gone.
        let mended_then = fix(&world);
        world.commit();

        let left: Vec<_> = lint(&world).into_iter().filter(is_fixable).collect();
        prop_assert!(left.is_empty(), "{fixed:?}\n{mended_then:?}\n{left:?}");
    }

    /// Nothing is missing in them, and nothing is too much.
    #[test]
    fn lint_has_nothing_to_say_of_inferred_lines(
        files in subsequence(FILES, 1..FILES.len()),
        sources in subsequence(SOURCES, 1..6),
        more in select(vec!["", "ARG A\nCOPY src/$A /\n", "RUN --mount=type=bind,source=src true\n"]),
    ) {
        let world = world(&files);
        let dockerfile = dockerfile(&sources) + more;
        world.write("api/Dockerfile", &dockerfile).commit();
        let lines = infer::lines(&inferred(&world, &dockerfile), &path(""));
        world.write("api/.rebuild_patterns", lines.join("\n")).commit();

        let found = lint(&world);

        let found: Vec<_> = found.iter().filter(|finding| finding.code != Code::SourceMissing).collect();
        prop_assert!(found.is_empty(), "{dockerfile}\n{lines:?}: {found:?}");
    }
}
