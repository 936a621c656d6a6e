//! Words to values, with the variables that a shell knows at that point.

use super::lexer::quoted;
use super::shell::{MAX_VALUES, Shell};
use super::syntax::parse;
use super::token::{Piece, Word};
use super::value::{Folder, Part, Value};

/// What CIs call the root of the repository.
const ROOTS: &[&str] = &[
    "BITBUCKET_CLONE_DIR",
    "BUILDKITE_BUILD_CHECKOUT_PATH",
    "BUILD_SOURCESDIRECTORY",
    "Build.SourcesDirectory",
    "CI_PROJECT_DIR",
    "CI_WORKSPACE",
    "CODEBUILD_SRC_DIR",
    "DRONE_WORKSPACE",
    "GITHUB_WORKSPACE",
    "System.DefaultWorkingDirectory",
    "TRAVIS_BUILD_DIR",
    "WORKSPACE",
    "github.workspace",
];

/// What make, task and just call folders.
const FOLDERS: &[(&str, Folder)] = &[
    ("CURDIR", Folder::Start),
    ("MAKEFILE_DIR", Folder::Own),
    ("ROOT_DIR", Folder::Own),
    ("TASKFILE_DIR", Folder::Own),
    ("justfile_directory()", Folder::Own),
];

/// Variables of folders that are in no repository.
const ELSEWHERE: &[&str] = &["HOME", "RUNNER_TEMP", "TEMP", "TMP", "TMPDIR"];

impl Shell<'_> {
    /// The value of a word that the shell does not split.
    pub(super) fn whole(&mut self, word: &Word) -> Value {
        self.joined(&word.pieces)
    }

    fn joined(&mut self, pieces: &[Piece]) -> Value {
        let mut joined = Value::default();
        for piece in pieces {
            let values = self.piece(piece);
            for (number, value) in values.iter().enumerate() {
                if number > 0 {
                    joined.push(Part::Text(" ".to_owned()));
                }
                joined.extend(value);
            }
        }
        joined
    }

    pub(super) fn all_fields(&mut self, words: &[Word]) -> Vec<Value> {
        let mut fields = Vec::new();
        for word in words {
            if fields.len() < MAX_VALUES && self.budget.spend(1) {
                // As the shell does it for `export`; `NAME=` of other commands is no different.
                let more = if word.is_assignment() { vec![self.whole(word)] } else { self.fields(word) };
                fields.extend(more);
            }
        }
        fields.truncate(MAX_VALUES);
        fields
    }

    /// The words that the shell makes of a word.
    fn fields(&mut self, word: &Word) -> Vec<Value> {
        let mut fields: Vec<Value> = Vec::new();
        let mut is_open = false;
        for piece in &word.pieces {
            let is_split = matches!(
                piece,
                Piece::Variable { is_quoted: false, .. } | Piece::Command { is_quoted: false, .. }
            );
            let mut values = self.piece(piece);
            if is_split {
                values = values.iter().flat_map(Value::split_at_spaces).collect();
            }
            for (number, value) in values.iter().enumerate() {
                match fields.last_mut() {
                    Some(last) if is_open && number == 0 => last.extend(value),
                    _ => fields.push(value.clone()),
                }
                is_open = true;
            }
        }
        fields
    }

    /// Several values for a list.
    fn piece(&mut self, piece: &Piece) -> Vec<Value> {
        match piece {
            Piece::Text { text, .. } | Piece::Template(text) | Piece::Command { text, .. }
                if !self.budget.spend_on(text) =>
            {
                vec![Value::unknown("…")]
            }
            Piece::Text { text, .. } => vec![Value::text(text)],
            Piece::Glob => vec![Value::unknown("*")],
            Piece::Template(name) if ROOTS.contains(&bare(name)) => vec![Value::folder(Folder::Root)],
            Piece::Template(name) if FOLDERS.iter().any(|(folder, _)| folder == name) => {
                let folders = FOLDERS.iter().filter(|(folder, _)| folder == name);
                folders.map(|(_, folder)| Value::folder(*folder)).collect()
            }
            // A name of somebody's own making can stand in a template as well.
            Piece::Template(name) if name.starts_with('$') => vec![Value::unknown(name)],
            Piece::Template(name) => {
                let variable = name.strip_prefix("env.").and_then(|name| self.variables.get(name));
                variable.cloned().unwrap_or_else(|| vec![Value::unknown(format!("${{{{ {name} }}}}"))])
            }
            Piece::Variable { name, change, .. } => self.variable(name, change),
            Piece::Command { text, line, .. } => {
                let line = self.line.unwrap_or(*line);
                let outer = self.line.replace(line);
                let printed = self.in_subshell(|shell| shell.nested(|shell| shell.run(&parse(text))));
                self.line = outer;
                vec![printed.unwrap_or_else(|| Value::unknown(format!("$({text})")))]
            }
        }
    }

    fn variable(&mut self, name: &str, change: &str) -> Vec<Value> {
        let known = match name {
            "0" | "BASH_SOURCE" | "BASH_SOURCE[0]" | "BASH_SOURCE[@]" => {
                let mut script = Value::folder(Folder::Own);
                script.push(Part::Text("/script".to_owned()));
                Some(vec![script])
            }
            "@" | "*" => self.arguments.clone(),
            "PWD" => Some(vec![self.directory.clone()]),
            _ => match name.parse::<usize>() {
                Ok(number) => {
                    let argument = |arguments: &Vec<Value>| arguments.get(number.wrapping_sub(1)).cloned();
                    self.arguments.as_ref().and_then(argument).map(|value| vec![value])
                }
                Err(_) => self.variables.get(name).cloned(),
            },
        };
        let known = known.or_else(|| match name {
            name if ROOTS.contains(&name) => Some(vec![Value::folder(Folder::Root)]),
            name if ELSEWHERE.contains(&name) => Some(vec![Value::text(&format!("/{name}"))]),
            _ => None,
        });
        let one =
            |change: fn(&Value) -> Value| known.as_ref().map(|values| values.iter().map(change).collect());
        let fallback = change.strip_prefix(":-").or_else(|| change.strip_prefix('-'));
        let fallback = fallback.or_else(|| change.strip_prefix(":=")).or_else(|| change.strip_prefix('='));
        let value: Option<Vec<Value>> = match (change, fallback) {
            ("", _) => known,
            (_, Some(fallback)) => {
                let known = known.filter(|values| values.iter().any(|value| !value.is_empty()));
                known.or_else(|| {
                    let pieces = self.budget.spend_on(fallback).then(|| quoted(fallback))?;
                    self.nested(|shell| Some(vec![shell.joined(&pieces)]))
                })
            }
            ("%/*", _) => one(Value::parent),
            ("##*/", _) => one(Value::file_name),
            (change, _) if change.starts_with(":?") || change.starts_with('?') => known,
            _ => None,
        };
        let written = if change.is_empty() { format!("${name}") } else { format!("${{{name}{change}}}") };
        value.unwrap_or_else(|| vec![Value::unknown(written)])
    }
}

/// The name of a template that is written as `$(name)`.
fn bare(name: &str) -> &str {
    name.strip_prefix("$(").and_then(|name| name.strip_suffix(')')).unwrap_or(name)
}
