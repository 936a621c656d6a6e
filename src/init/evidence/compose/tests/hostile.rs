use std::rc::Rc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::convert::{Budget, Converter};
use super::interpolation::{Environment, interpolate};
use super::value::SourceFile;
use super::*;
use crate::init::evidence::yaml::Node;

#[test]
fn hostile_files_are_bounded() {
    let levels: String = (1..40).map(|n| format!("  a{n}: &a{n} {{x: *a{0}, y: *a{0}}}\n", n - 1)).collect();
    let bomb = format!("x-a:\n  a0: &a0 {{z: 1}}\n{levels}services: {{api: {{build: {{args: *a39}}}}}}\n");
    let wide: String = (0..200).map(|_| "  - ../two/compose.yaml\n").collect();
    let wider: String = (0..200).map(|_| "  - ../three/compose.yaml\n").collect();
    let big = format!("services:\n  s0: {{build: {{args: {{A: {}}}}}}}\n", "x".repeat(100_000));
    let extending: String = (1..2000).map(|n| format!("  s{n}: {{extends: s0}}\n")).collect();

    for files in [
        vec![("compose.yaml", bomb)],
        vec![
            ("one/compose.yaml", format!("include:\n{wide}")),
            ("two/compose.yaml", format!("include:\n{wider}")),
            ("three/compose.yaml", "services: {api: {image: x}}".to_owned()),
        ],
        vec![("compose.yaml", big + &extending)],
    ] {
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();

        let read = read(&files);

        let last = read.ignored.last().unwrap();
        assert!(read.ignored.iter().any(|note| note.contains("stand for more than is read")), "{last}");
    }
}

/// What Compose files are made of, and what they should not be.
const LINES: &[&str] = &[
    "services:",
    "services: &s {api: {build: {context: ., args: &a [A=$A, B]}}, web: {build: .}}",
    "  api: &api",
    "  web: {extends: api, build: {target: $T, args: {A: , B: 010}}}",
    "  api: {extends: web}",
    "  one: {<<: *api, extends: {file: sub/compose.yaml, service: api}}",
    "    build: &b",
    "    build: ${DIR:-${OTHER:-.}}",
    "    build: !reset null",
    "    extends: {service: one, file: ../compose.yaml}",
    "      context: ../..",
    "      args: !override [X=1, \"Y=${Y:?no}\", ${]",
    "      args: *a",
    "      <<: [*b, *api]",
    "      secrets: [s, {source: t, target: $A}]",
    "      additional_contexts: {a: service:web, b: ../../.., c: }",
    "      dockerfile_inline: |",
    "        FROM $$a ${A+b}",
    "include: [sub/compose.yaml, {path: [compose.yaml, sub/more.yaml], env_file: [.env, x]}]",
    "include: [../compose.yaml, more.yaml, $A]",
    "secrets: {s: {file: ./s}, t: {environment: $T}, u: 1}",
    "---",
    "...",
    "- [a, b: c]",
    "? [x]",
    "\t- x",
    "*s",
    "A=$B$B",
    "B=\"${A:-x}\\n",
    "export T='t' # t",
    "\u{feff}x: {",
    "]",
];

fn text() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        9 => prop::sample::select(LINES).prop_map(str::to_owned),
        1 => "[ -~]{0,12}",
    ];
    vec(line, 0..12).prop_map(|lines| lines.join("\n"))
}

/// What can be parsed, so that the rest is reached.
fn parsable() -> impl Strategy<Value = String> {
    text().prop_filter("it is no YAML", |text| Node::documents(text.as_bytes()).is_ok())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_files_say_is_read_or_noted_on_a_line_that_is_there(
        compose in vec(parsable(), 4),
        environment in vec(text(), 2),
    ) {
        let paths = ["compose.yaml", "compose.prod.yaml", "sub/compose.yaml", "sub/more.yaml", ".env", "sub/.env"];
        let texts = compose.iter().chain(&environment).map(String::as_str);
        let files: Vec<(&str, &str)> = paths.into_iter().zip(texts).collect();

        let read = read(&files);

        let found = read.builds.iter().map(|build| &build.found);
        for at in read.notes.iter().map(|note| &note.at).chain(found) {
            let (_, text) = files.iter().find(|(path, _)| *path == at.file.to_string()).unwrap();
            let lines = text.lines().count() + 1;
            prop_assert!(at.line.is_none_or(|line| (1..=lines).contains(&line)), "{}", at);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in vec(any::<u8>(), 0..200), text in text()) {
        let environment = Environment::default();
        for bytes in [&bytes[..], text.as_bytes()] {
            let file = Rc::new(SourceFile { path: path("compose.yaml"), folder: RepoPath::default() });
            let (mut budget, mut notes) = (Budget::new(), Vec::new());
            let mut converter =
                Converter { file, environment: &environment, budget: &mut budget, notes: &mut notes };
            for document in Node::documents(bytes).unwrap_or_default() {
                converter.layer(&document);
            }
            let _ = dotenv::parse(bytes, &environment);
            interpolate(&String::from_utf8_lossy(bytes), |_| None);
        }
    }
}
