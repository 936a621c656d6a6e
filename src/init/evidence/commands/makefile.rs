//! Makefiles: their recipes as the shell gets them.

use std::collections::HashMap;

use super::budget::Budget;
use super::shell::{CommandLine, command_lines};
use super::templates::{MAX_BYTES, template};
use super::value::{Folder, Value};
use super::{Variables, says_build};

/// Deeper than variables name each other.
const MAX_NESTED: usize = 12;

/// How many targets one recipe is read for.
const MAX_TARGETS: usize = 200;

/// The command lines of all recipes. Each logical line has a shell of its own.
pub(super) fn commands(text: &str, budget: &Budget) -> Vec<CommandLine> {
    let makefile = Makefile::parse(text, budget);
    let mut commands = Vec::new();
    for rule in makefile.rules.iter().filter(|rule| !rule.recipe.is_empty()) {
        for target in makefile.targets(rule) {
            for (line, text) in &rule.recipe {
                let text = makefile.expanded(text, &target, &mut Vec::new());
                if !says_build(&text) {
                    continue;
                }
                let start = Value::folder(Folder::Start);
                let found = command_lines(&text, start, &Variables::new(), budget);
                commands
                    .extend(found.into_iter().map(|found| CommandLine { line: found.line + line, ..found }));
            }
        }
    }
    commands
}

struct Makefile<'b> {
    /// `None` where it has several values.
    variables: HashMap<String, Option<String>>,
    /// By target and name.
    of_targets: HashMap<(String, String), String>,
    rules: Vec<Rule>,
    budget: &'b Budget,
}

struct Rule {
    targets: String,
    /// Of a static pattern rule.
    pattern: Option<String>,
    /// Lines from 0.
    recipe: Vec<(usize, String)>,
}

/// What automatic variables stand for; `None` is not known.
#[derive(Default)]
struct Target {
    name: Option<String>,
    stem: Option<String>,
}

impl<'b> Makefile<'b> {
    fn parse(text: &str, budget: &'b Budget) -> Self {
        let mut makefile =
            Self { variables: HashMap::new(), of_targets: HashMap::new(), rules: Vec::new(), budget };
        let mut lines = text.lines().enumerate().peekable();
        let mut is_definition = false;
        while let Some((number, line)) = lines.next() {
            let mut logical = line.trim_end_matches('\r').to_owned();
            let is_recipe = line.starts_with('\t') && !makefile.rules.is_empty() && !is_definition;
            while logical.ends_with('\\') {
                let Some((_, next)) = lines.next() else { break };
                let next = next.trim_end_matches('\r');
                if is_recipe {
                    logical.push('\n');
                    logical.push_str(next.strip_prefix('\t').unwrap_or(next));
                } else {
                    logical.pop();
                    logical.push(' ');
                    logical.push_str(next.trim_start());
                }
            }
            if is_recipe {
                let recipe = logical.trim_start_matches(['\t', ' ', '@', '-', '+']).to_owned();
                makefile.rules.last_mut().expect("there is a rule").recipe.push((number, recipe));
                continue;
            }
            match logical.split_whitespace().next() {
                Some("define") => is_definition = true,
                Some("endef") => is_definition = false,
                _ if is_definition => {}
                _ => makefile.read_line(number, &logical),
            }
        }
        makefile
    }

    fn read_line(&mut self, number: usize, line: &str) {
        let line = line.split(" #").next().unwrap_or_default().trim();
        if line.is_empty() || line.starts_with('#') {
            return;
        }
        if let Some((name, operator, value)) = assignment(line) {
            self.assign(name, operator, value);
            return;
        }
        let Some((targets, rest)) = outside_of_variables(line, ':') else { return };
        let rest = rest.trim_start_matches(':');
        if let Some((name, _, value)) = assignment(rest.trim()) {
            for target in targets.split_whitespace().take(MAX_TARGETS) {
                self.of_targets.insert((target.to_owned(), name.to_owned()), value.to_owned());
            }
            return;
        }
        let (rest, recipe) = rest.split_once(';').map_or((rest, None), |(rest, recipe)| (rest, Some(recipe)));
        let pattern = outside_of_variables(rest, ':').map(|(pattern, _)| pattern.trim().to_owned());
        let recipe =
            recipe.map(|recipe| (number, recipe.trim_start_matches([' ', '@', '-', '+']).to_owned()));
        self.rules.push(Rule { targets: targets.to_owned(), pattern, recipe: recipe.into_iter().collect() });
    }

    fn assign(&mut self, name: &str, operator: &str, value: &str) {
        let before = self.variables.get(name).cloned();
        let value = match (before, operator) {
            (None, "!=") => None,
            (None, _) => Some(value.to_owned()),
            (Some(Some(before)), "+=") => {
                Some(format!("{before} {value}")).filter(|text| text.len() < MAX_BYTES)
            }
            // The first one counts.
            (Some(before), "?=") => before.filter(|before| before == value),
            (Some(before), _) => before.filter(|before| before == value && operator != "!="),
        };
        self.variables.insert(name.to_owned(), value);
    }

    fn targets(&self, rule: &Rule) -> Vec<Target> {
        let names = self.expanded(&rule.targets, &Target::default(), &mut Vec::new());
        if names.contains(['$', '%']) {
            return vec![Target::default()];
        }
        let stem = |name: &str| {
            let (before, after) = rule.pattern.as_deref()?.split_once('%')?;
            Some(name.strip_prefix(before)?.strip_suffix(after)?.to_owned())
        };
        let names = names.split_whitespace().take(MAX_TARGETS);
        names.map(|name| Target { name: Some(name.to_owned()), stem: stem(name) }).collect()
    }

    /// The text as a shell gets it; it stands in the values of the references in `nested`.
    fn expanded(&self, text: &str, target: &Target, nested: &mut Vec<String>) -> String {
        if !self.budget.spend_on(text) {
            return template("…");
        }
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            expanded.push_str(before);
            let (filled, behind) = match after.chars().next() {
                Some('$') => ("$".to_owned(), &after[1..]),
                Some(open @ ('(' | '{')) => {
                    let close = if open == '(' { ')' } else { '}' };
                    let (inner, behind) = balanced(&after[1..], open, close);
                    (self.reference(inner, target, nested), behind)
                }
                Some(letter) => {
                    let (name, behind) = after.split_at(letter.len_utf8());
                    (self.reference(name, target, nested), behind)
                }
                None => (String::new(), ""),
            };
            expanded.push_str(&filled);
            rest = behind;
            if expanded.len() > MAX_BYTES {
                return template("…");
            }
        }
        expanded.push_str(rest);
        expanded
    }

    fn reference(&self, inner: &str, target: &Target, nested: &mut Vec<String>) -> String {
        // A variable that its own value names has the value of the environment there.
        if nested.len() >= MAX_NESTED || nested.iter().any(|reference| reference == inner) {
            return template(&format!("$({inner})"));
        }
        nested.push(inner.to_owned());
        let value = self.value(inner, target, nested);
        nested.pop();
        value
    }

    fn value(&self, inner: &str, target: &Target, nested: &mut Vec<String>) -> String {
        let unknown = || template(&format!("$({inner})"));
        let (function, arguments) = inner.split_once([' ', '\t']).unwrap_or((inner, ""));
        let mut argument = || self.expanded(arguments.trim(), target, nested);
        match function {
            "shell" => format!("$({})", argument()),
            "dir" => format!("$(dirname {})", argument()),
            "notdir" => format!("$(basename {})", argument()),
            "abspath" | "realpath" | "firstword" | "lastword" | "strip" => argument(),
            // A slash at the end means nothing in a path.
            "patsubst" => match arguments.trim().strip_prefix("%/,%,") {
                Some(path) => self.expanded(path, target, nested),
                None => unknown(),
            },
            "or" => {
                for argument in split_outside_of_variables(arguments, ',').into_iter().map(str::trim) {
                    if self.is_never_set(argument, nested) {
                        continue;
                    }
                    let value = self.expanded(argument, target, nested);
                    if !value.is_empty() {
                        return value;
                    }
                }
                unknown()
            }
            _ if !arguments.is_empty() => unknown(),
            "CURDIR" | "PWD" => template("CURDIR"),
            "MAKEFILE_LIST" => format!("{}/Makefile", template("MAKEFILE_DIR")),
            "@" => target.name.clone().unwrap_or_else(unknown),
            "*" => target.stem.clone().unwrap_or_else(unknown),
            name => {
                let key = target.name.as_ref().map(|target| (target.clone(), name.to_owned()));
                let own = key.and_then(|key| self.of_targets.get(&key));
                let value = own.or_else(|| self.variables.get(name)?.as_ref());
                value.map_or_else(unknown, |value| self.expanded(value, target, nested))
            }
        }
    }
}

impl Makefile<'_> {
    /// Whether a text is a variable that only the environment can set, such as one that its own value names.
    fn is_never_set(&self, text: &str, nested: &[String]) -> bool {
        let inside = |open: &str, close| text.strip_prefix(open)?.strip_suffix(close);
        let Some(name) = inside("$(", ')').or_else(|| inside("${", '}')) else { return false };
        let is_name =
            name.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.'));
        let is_set = self.variables.contains_key(name) || self.of_targets.keys().any(|(_, of)| of == name);
        is_name && (!is_set || nested.iter().any(|reference| reference == name))
    }
}

/// `NAME`, operator and value of an assignment.
fn assignment(line: &str) -> Option<(&str, &str, &str)> {
    let line = ["export ", "override ", "private "]
        .iter()
        .fold(line, |line, keyword| line.strip_prefix(keyword).unwrap_or(line).trim_start());
    let end =
        line.find(|letter: char| !letter.is_ascii_alphanumeric() && !matches!(letter, '_' | '-' | '.'))?;
    let (name, rest) = line.split_at(end);
    let rest = rest.trim_start();
    let operators = [":::=", "::=", ":=", "?=", "+=", "!=", "="];
    let operator = operators.iter().find(|operator| rest.starts_with(**operator))?;
    (!name.is_empty()).then(|| (name, *operator, rest[operator.len()..].trim()))
}

/// The text before and behind the first `separator` that is in no `$(…)`.
fn outside_of_variables(text: &str, separator: char) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    for (at, letter) in text.char_indices() {
        match letter {
            '(' | '{' => depth += 1,
            ')' | '}' => depth = depth.saturating_sub(1),
            letter if letter == separator && depth == 0 => return Some((&text[..at], &text[at + 1..])),
            _ => {}
        }
    }
    None
}

/// The texts between the `separator`s that are in no `$(…)`.
fn split_outside_of_variables(mut text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    while let Some((before, behind)) = outside_of_variables(text, separator) {
        parts.push(before);
        text = behind;
    }
    parts.push(text);
    parts
}

/// The inside of parentheses that are open, and what is behind them.
fn balanced(text: &str, open: char, close: char) -> (&str, &str) {
    let mut depth = 1_usize;
    for (at, letter) in text.char_indices() {
        if letter == open {
            depth += 1;
        } else if letter == close {
            depth -= 1;
        }
        if depth == 0 {
            return (&text[..at], &text[at + 1..]);
        }
    }
    (text, "")
}
